"""A book's commands on disk, and the book that they give again after a crash.

Each batch is written before it is run, so that what ran was written. Replaying a snapshot and the journal's tail gives
a book with the same state hash, and the same fills and outcomes.

    file:   magic 8 | version u32 | bytes of an operation u32 | number of the first operation u64 | CRC-32 u32 | 0 u32
    record: number of its first operation u64 | operations u32 | CRC-32 of that and the operations u32 | operations

A record that a crash cut short ends the journal: what is before it counts, and `Replay.cut_bytes` says how much does
not. A record that is whole and wrong, with others behind it, is no crash and an error.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .book import Book
from .book_layout import OPERATION
from .book_snapshot import restore, snapshot
from .errors import StorageError

MAGIC = b"EVTBOOKJ"
VERSION = 1
HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("operation_bytes", "<u4"),
        ("first", "<u8"),
        ("checksum", "<u4"),
        ("zero", "<u4"),
    ]
)
RECORD = np.dtype([("first", "<u8"), ("count", "<u4"), ("checksum", "<u4")])
CHECKED_HEADER = 24
CHECKED_RECORD = 12


def _os_error(path: Path, doing: str, error: OSError) -> StorageError:
    return StorageError(path, doing, error.strerror or str(error), "a disk that takes it")


def write_snapshot(book: Book, path: Path) -> None:
    """Write a book to a file, whole or not at all: an older file of this name stays until the new one is on disk.

    Raises `StorageError`, and leaves nothing behind, when it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(snapshot(book))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise _os_error(path, "write of a snapshot", error) from error


def read_snapshot(path: Path) -> Book:
    """The book of a snapshot file; `StorageError` when it is none, or another version, or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _os_error(path, "read of a snapshot", error) from error
    return restore(data, path)


class RecordedBook:
    """A book whose batches are in a journal before they run.

    When a batch cannot be written, `StorageError` says why, the journal ends with the batch before it, and the batch
    has not run: nothing is lost and nothing is done that the journal does not know.
    """

    def __init__(self, book: Book, path: Path, *, sync: bool = True) -> None:
        """Begin a journal at the book's state of now, in a new file. `sync`: each batch is on disk before it runs."""
        self.book, self.path, self._sync = book, path, sync
        header = np.zeros(1, HEADER)
        header["magic"], header["version"], header["operation_bytes"] = MAGIC, VERSION, OPERATION.itemsize
        header["first"] = book.operation_count
        header["checksum"] = zlib.crc32(header.tobytes()[:CHECKED_HEADER])
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            raise _os_error(path, "begin of a journal", error) from error
        self._end, self._next = 0, book.operation_count
        self._write(header.tobytes())

    def run(self, operations: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """As `Book.run`, after the operations are in the journal."""
        operations = self.book.checked(operations)
        if self.book.operation_count != self._next:
            raise StorageError(self.path, "operations that the book has run", self.book.operation_count, self._next)
        record = np.zeros(1, RECORD)
        record["first"], record["count"] = self.book.operation_count, len(operations)
        data = operations.tobytes()
        record["checksum"] = zlib.crc32(data, zlib.crc32(record.tobytes()[:CHECKED_RECORD]))
        self._write(record.tobytes() + data)
        self._next += len(operations)
        return self.book.run(operations)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        """Append all of it, or leave the file as it was."""
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            if self._sync:
                os.fdatasync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
                os.lseek(self._file, self._end, os.SEEK_SET)
            raise _os_error(self.path, "write of a journal", error) from error
        self._end += len(data)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a journal gave: operations that were run, and the bytes at its end that a crash had cut short."""

    operations: int
    cut_bytes: int


def recover(snapshot_path: Path, journal_path: Path) -> tuple[Book, Replay]:
    """The book of a snapshot after the part of a journal that came later; `StorageError` where they do not meet."""
    book = read_snapshot(snapshot_path)
    return book, replay(book, journal_path)


def replay(book: Book, path: Path) -> Replay:
    """Run what a journal holds beyond the operations that the book has run.

    Raises `StorageError` for a file that is no journal, is of another version, is damaged before its end, or begins
    after what the book has run; the book then holds whole batches only.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _os_error(path, "read of a journal", error) from error
    first, ran, end = _checked_header(data, path), 0, HEADER.itemsize
    if first > book.operation_count:
        raise StorageError(path, "first operation", first, f"at most {book.operation_count}")
    for number, operations in _records(data, path, first):
        end += RECORD.itemsize + operations.nbytes
        known = min(max(book.operation_count - number, 0), len(operations))
        book.run(operations[known:])
        ran += len(operations) - known
    return Replay(ran, len(data) - end)


def _checked_header(data: bytes, path: Path) -> int:
    """Number of the first operation of a journal whose header holds."""
    if len(data) < HEADER.itemsize:
        raise StorageError(path, "bytes of a journal", len(data), f"at least {HEADER.itemsize}")
    header = np.frombuffer(data, HEADER, 1)[0]
    for rule, found, needed in (
        ("magic", data[:8], MAGIC),
        ("version", int(header["version"]), VERSION),
        ("bytes of an operation", int(header["operation_bytes"]), OPERATION.itemsize),
        ("checksum of the header", int(header["checksum"]), zlib.crc32(data[:CHECKED_HEADER])),
    ):
        if found != needed:
            raise StorageError(path, rule, found, needed)
    return int(header["first"])


def _records(data: bytes, path: Path, number: int) -> Iterator[tuple[int, NDArray[np.void]]]:
    """`(number of the first operation, operations)` of each whole record; ends before one that was cut short."""
    at = HEADER.itemsize
    while len(data) - at >= RECORD.itemsize:
        record = np.frombuffer(data, RECORD, 1, at)[0]
        end = at + RECORD.itemsize + int(record["count"]) * OPERATION.itemsize
        body = data[at + RECORD.itemsize : end]
        checksum = zlib.crc32(body, zlib.crc32(data[at : at + CHECKED_RECORD]))
        if end > len(data) or (end == len(data) and checksum != record["checksum"]):
            # The last write did not reach the disk whole.
            return
        where = f"record at byte {at}"
        if checksum != record["checksum"]:
            raise StorageError(path, f"checksum of the {where}", int(record["checksum"]), checksum)
        if record["first"] != number:
            raise StorageError(path, f"first operation of the {where}", int(record["first"]), number)
        yield number, np.frombuffer(body, OPERATION)
        number += int(record["count"])
        at = end
