"""Snapshots and journals of a book: equal after any crash, and a clear error for what is no snapshot and no journal."""

from __future__ import annotations

import hashlib
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from book_streams import BASE, OWNERS, check_storage, records, seeded

from evertide_engine.book import OPERATION, Book
from evertide_engine.book_journal import HEADER, RECORD, RecordedBook, read_snapshot, recover, replay, write_snapshot
from evertide_engine.book_snapshot import body_of, restore, snapshot, state_hash
from evertide_engine.errors import EngineError, StorageError

BATCHES, BATCH = 12, 25


def batches(seed: int) -> list[np.ndarray]:
    """A seeded stream in batches of different lengths."""
    array = records(seeded(seed, BATCHES * BATCH))
    return [array[at * BATCH : (at + 1) * BATCH - at % 3] for at in range(BATCHES)]


def answers(book: Book | RecordedBook, batch: np.ndarray) -> tuple[bytes, bytes]:
    """Everything that a batch gives, byte by byte."""
    fills, outcomes = book.run(batch)
    return fills.tobytes(), outcomes.tobytes()


@contextmanager
def disk_of(most_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: what a full disk does to a write, the part that still fits is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("seed", range(40))
def test_snapshot_and_journal_give_the_same_book_and_the_same_answers(tmp_path: Path, seed: int) -> None:
    parts = batches(seed)
    middle = seed % BATCHES
    recorded = RecordedBook(Book(32, OWNERS, BASE), tmp_path / "journal", sync=False)
    for at, part in enumerate(parts):
        if at == middle:
            write_snapshot(recorded.book, tmp_path / "snapshot")
        answers(recorded, part)
    recorded.close()
    book, found = recover(tmp_path / "snapshot", tmp_path / "journal")
    assert found.operations == sum(len(part) for part in parts[middle:]) and found.cut_bytes == 0
    assert body_of(book) == body_of(recorded.book) and state_hash(book) == state_hash(recorded.book)
    check_storage(book)
    # What neither has seen is answered alike, byte by byte, by the book, its copy and one replayed from the beginning.
    fresh = Book(32, OWNERS, BASE)
    assert replay(fresh, tmp_path / "journal").operations == book.operation_count
    for part in batches(seed + 1_000):
        expected = answers(recorded.book, part)
        assert answers(book, part) == answers(fresh, part) == expected
    assert state_hash(book) == state_hash(fresh) == state_hash(recorded.book)
    check_storage(book)


def test_the_hash_is_that_of_the_state_and_of_all_of_it() -> None:
    book = Book(32, OWNERS, BASE)
    seen = {state_hash(book)}
    for part in batches(3):
        book.run(part)
        seen.add(state_hash(book))
    assert len(seen) == BATCHES + 1
    again = restore(snapshot(book))
    assert state_hash(again) == state_hash(book) and snapshot(again) == snapshot(book)
    again.positions[0] += 1
    assert state_hash(again) != state_hash(book)


def test_a_journal_cut_anywhere_gives_every_whole_batch_and_says_what_is_cut(tmp_path: Path) -> None:
    path, parts = tmp_path / "journal", batches(5)[:3]
    recorded = RecordedBook(Book(32, OWNERS, BASE), path, sync=False)
    ends, hashes = [HEADER.itemsize], [state_hash(recorded.book)]
    for part in parts:
        recorded.run(part)
        ends.append(path.stat().st_size)
        hashes.append(state_hash(recorded.book))
    data = path.read_bytes()
    for length in range(HEADER.itemsize, len(data) + 1, 7):
        path.write_bytes(data[:length])
        book = Book(32, OWNERS, BASE)
        found = replay(book, path)
        whole = sum(end <= length for end in ends) - 1
        assert found.cut_bytes == length - ends[whole] and state_hash(book) == hashes[whole]
        assert found.operations == sum(len(part) for part in parts[:whole])
    # The last record whole in length, but not in what reached the disk.
    path.write_bytes(data[:-20] + bytes(20))
    assert replay(Book(32, OWNERS, BASE), path).cut_bytes == len(data) - ends[2]


def test_a_full_disk_is_an_error_and_nothing_is_lost(tmp_path: Path) -> None:
    parts = batches(6)
    recorded = RecordedBook(Book(32, OWNERS, BASE), tmp_path / "journal", sync=False)
    recorded.run(parts[0])
    write_snapshot(recorded.book, tmp_path / "snapshot")
    kept, before, size = state_hash(recorded.book), snapshot(recorded.book), (tmp_path / "journal").stat().st_size
    with disk_of(size + RECORD.itemsize + 100):
        with pytest.raises(StorageError, match=r"journal: write of a journal: found File too large, needed a disk"):
            recorded.run(parts[1])
        with pytest.raises(StorageError, match="write of a journal"):
            recorded.run(parts[1])
    assert state_hash(recorded.book) == kept and (tmp_path / "journal").stat().st_size == size
    expected = answers(recorded, parts[1])
    with disk_of(200), pytest.raises(StorageError, match=r"snapshot: write of a snapshot: found File too large"):
        write_snapshot(recorded.book, tmp_path / "snapshot")
    assert (tmp_path / "snapshot").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "snapshot"]
    book, found = recover(tmp_path / "snapshot", tmp_path / "journal")
    assert found.operations == len(parts[1]) and state_hash(book) == state_hash(recorded.book)
    assert answers(read_snapshot(tmp_path / "snapshot"), parts[1]) == expected


def test_what_is_no_journal_or_does_not_fit_is_refused(tmp_path: Path) -> None:
    path, parts = tmp_path / "journal", batches(7)
    recorded = RecordedBook(Book(32, OWNERS, BASE), path, sync=False)
    for part in parts[:2]:
        recorded.run(part)
    data = bytearray(path.read_bytes())
    first = HEADER.itemsize

    def refused(changed: bytes, rule: str, book: Book | None = None) -> None:
        path.write_bytes(changed)
        with pytest.raises(StorageError, match=rule):
            replay(book or Book(32, OWNERS, BASE), path)

    def flipped(at: int) -> bytes:
        return bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1 :])

    refused(b"", "bytes of a journal: found 0, needed at least 32")
    refused(flipped(0), "magic")
    refused(flipped(8), "version: found 0, needed 1")
    refused(flipped(12), "bytes of an operation: found 65, needed 64")
    refused(flipped(16), "checksum of the header")
    refused(flipped(first), "checksum of the record at byte 32")
    refused(flipped(first + RECORD.itemsize + 5), "checksum of the record at byte 32")
    late = RecordedBook(recorded.book, tmp_path / "late", sync=False)
    late.run(parts[2])
    refused(
        (tmp_path / "late").read_bytes(), f"first operation: found {len(parts[0]) + len(parts[1])}, needed at most 0"
    )
    middle = first + RECORD.itemsize + parts[0].nbytes
    refused(bytes(data[:first]) + bytes(data[middle:]), "first operation of the record at byte 32")
    with pytest.raises(StorageError, match="begin of a journal: found File exists"):
        RecordedBook(Book(32, OWNERS, BASE), path)
    recorded.book.run(parts[3])
    with pytest.raises(StorageError, match="operations that the book has run"):
        recorded.run(parts[4])
    with pytest.raises(StorageError, match="read of a journal: found No such file"):
        replay(Book(32, OWNERS, BASE), tmp_path / "none")


def test_a_damaged_or_hostile_snapshot_is_refused_and_never_crashes(tmp_path: Path) -> None:
    book = Book(32, OWNERS, BASE)
    for part in batches(8):
        book.run(part)
    data = snapshot(book)
    for at in range(0, len(data), 5):
        with pytest.raises(StorageError):
            restore(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with pytest.raises(StorageError):
            restore(data[:at])
    # Whoever can compute a hash still cannot make a kernel read outside its arrays.
    generator = np.random.default_rng(9)
    body = body_of(book)
    refused = 0
    for _ in range(2_000):
        changed = bytearray(body)
        for _ in range(1 + generator.integers(3)):
            # All but the capacity: a book of 16 million rows is no error, only slow.
            changed[generator.integers(8, len(changed))] = generator.integers(256)
        try:
            copy = restore(signed(bytes(changed), data))
        except EngineError:
            refused += 1
            continue
        copy.run(batches(8)[0])
        copy.run(np.zeros(0, OPERATION))
    assert refused > 100
    (tmp_path / "snapshot").write_bytes(data)
    assert state_hash(read_snapshot(tmp_path / "snapshot")) == state_hash(book)


def signed(body: bytes, like: bytes) -> bytes:
    """A snapshot of this body with the hash that it needs."""
    return like[:24] + hashlib.sha256(body).digest() + body
