"""The journal: what it keeps, what ends it, and that every keeper's decisions come out of it again bit for bit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keeper_world as kw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_spine import Client, ended_by, matching_world

from evertide.errors import NothingFilled, RpcUnreachable
from evertide_keepers import JournalError, Spine, build_keepers, replay
from evertide_keepers import journal as journals
from evertide_keepers.clock import ChainTime
from evertide_keepers.journal import Journal, _line, _parsed
from evertide_keepers.keeper import KINDS
from evertide_keepers.memory import Memory
from evertide_keepers.state import State
from evertide_keepers.writer import Writer


async def written(path: Path, steps: int = 4, **more: Any) -> tuple[Client, Spine]:
    """A journal of a short run in which the first action fails."""
    world = matching_world()
    client = Client(world)
    client.ends = [ended_by(NothingFilled)]
    spine = Spine(client, journal=Journal(path, {}, **more))  # type: ignore[arg-type]
    keepers = build_keepers(spine)
    for step in range(steps):
        world.time = ChainTime(kw.SLOT + step, kw.NOW_MS + step * 2_500)
        world.put(kw.address(1), kw.user(quote_atoms=10**10 + step, number=1))
        for keeper in keepers.values():
            await keeper.step()
    await spine.close()
    return client, spine


async def test_a_journal_replays_to_the_same_decisions_and_tells_a_changed_one(tmp_path: Path) -> None:
    """F-20: the journal of a crash, its last line torn, gives the same decisions, and says that it was torn."""
    path = tmp_path / "journal.jsonl"
    client, _ = await written(path)
    text = path.read_text()
    assert bytes(client.key).hex() not in text and str(client.key) not in text
    report = replay(path)
    assert report.decisions >= 4 and report.differences == () and report.torn_line is None
    assert report.lines == len(text.splitlines()) and sum(report.decisions_of.values()) == report.decisions

    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if '"taker_order_id":1' in line)
    found = _parsed(at + 1, lines[at].encode())
    del found["crc"]
    found["actions"][0]["arguments"]["taker_order_id"] = 9
    path.write_text("".join([*lines[:at], _line(found).decode(), *lines[at + 1 :]]))
    (difference,) = replay(path).differences
    assert difference.keeper == "matcher" and difference.found[0]["arguments"]["taker_order_id"] == 1
    assert difference.line == at + 1


async def test_a_journal_cut_anywhere_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    """F-21: cut in half, or at any other place."""
    path = tmp_path / "journal.jsonl"
    await written(path)
    data = path.read_bytes()
    for cut in [*range(len(data) - 1, 0, -max(len(data) // 12, 1)), data.index(b"\n") + 1]:
        path.write_bytes(data[:cut])
        whole = data[:cut].count(b"\n")
        if not whole:
            with pytest.raises(JournalError, match="no whole line"):
                replay(path)
            continue
        report = replay(path)
        assert (report.lines, report.differences) == (whole, ())
        assert report.torn_line == (None if data[:cut].endswith(b"\n") else whole + 1)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_line_is_named(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """F-21: one byte of the middle changed, whatever it means."""
    path = tmp_path_factory.mktemp("damaged") / "journal.jsonl"
    asyncio.run(written(path, steps=1))
    before = path.read_bytes()
    at = data.draw(st.integers(0, len(before) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value not in (before[at], 10)))
    if before[at] == 10:
        return
    path.write_bytes(before[:at] + bytes([byte]) + before[at + 1 :])
    number = before[:at].count(b"\n") + 1
    with pytest.raises(JournalError, match=f"line {number}\\b|first line"):
        replay(path)


async def test_a_full_file_gives_way_to_one_that_begins_with_everything_known(tmp_path: Path) -> None:
    """F-22: months of journals are bounded, and each of them replays by itself."""
    path = tmp_path / "journal.jsonl"
    await written(path, steps=30, bytes_max=20_000, files_max=3)
    files = sorted(tmp_path.iterdir())  # noqa: ASYNC240 - nothing else runs
    assert [file.name for file in files] == ["journal.jsonl", "journal.jsonl.1", "journal.jsonl.2"]
    reports = [replay(file) for file in files]
    assert all(report.differences == () and report.torn_line is None for report in reports)
    assert sum(report.decisions for report in reports) > 0
    assert '"kind":"held"' in path.read_text()


async def test_a_new_run_leaves_the_journal_of_the_last_one_standing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    await written(path, steps=1)
    before = path.read_bytes()
    await written(path, steps=1)
    assert (tmp_path / "journal.jsonl.1").read_bytes() == before


def test_files_that_are_no_journals_are_refused(tmp_path: Path) -> None:
    """F-21: a journal that is damaged, absent or cannot be written."""
    path = tmp_path / "journal.jsonl"
    for text, message in (
        ("hello\n", "journal line 1: found hello"),
        ('{"kind":"plan"}\n', "first line of a journal"),
        ('{"kind":"open","version":1}\n', "first line of a journal"),
        ('{"kind":"open","version":2,"settings":{}}\n', "checksum of journal line 1: found None"),
        ("", "no whole line"),
        ("\x00" * 40 + "\n", "journal line 1"),
    ):
        path.write_text(text)
        with pytest.raises(JournalError, match=message):
            replay(path)
    with pytest.raises(JournalError, match="a readable file"):
        replay(tmp_path / "absent")
    with pytest.raises(JournalError, match="a file that can be written"):
        Journal(tmp_path / "no" / "such" / "folder", {})
    with pytest.raises(JournalError, match="No space left on device"):
        Journal(path, {}, open_sink=lambda _: Path("/dev/full").open("wb"))  # noqa: SIM115 - it fails


@pytest.mark.parametrize(
    "line", [{"kind": "dance"}, {"kind": "plan", "keeper": "butler", "actions": []}, {"kind": "inputs", "slot": 1}]
)
def test_a_line_that_no_replay_can_take_is_named(tmp_path: Path, line: dict[str, Any]) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(_line({"kind": "open", "version": journals.VERSION, "settings": {}}) + _line(line))
    with pytest.raises(JournalError, match="journal line 2"):
        replay(path)


class Disk:
    """Files in memory, on a disk that can fill or hang."""

    def __init__(self) -> None:
        self.files: list[bytearray] = []
        self.full = False
        self.free = threading.Event()
        self.free.set()

    def open(self, path: Path) -> Disk:
        self.files.append(bytearray())
        return self

    def write(self, data: bytes) -> None:
        assert self.free.wait(10)
        if self.full:
            self.files[-1] += data[: len(data) // 2]
            raise OSError(28, "No space left on device")
        self.files[-1] += data

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.free.set()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a thread has no event of this loop
            await asyncio.sleep(0.005)


async def test_a_disk_that_fills_ends_the_journal_and_not_the_keepers_and_is_tried_again(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-21, F-35: what was written replays, nothing is raised, and a new file goes on when there is room again."""
    path, state = tmp_path / "journal.jsonl", State()
    journal = Journal(path, {}, open_sink=disk.open)
    journal.plan("matcher", [])
    await until(lambda: disk.files[0].count(b"\n") == 2)
    disk.full = True
    journal.plan("matcher", [])
    await until(lambda: journal._writer.error is not None)
    journal.plan("matcher", [])
    assert journal.error == "No space left on device" and journal.failures == 1
    path.write_bytes(disk.files[0])
    report = replay(path)
    assert report.decisions == 1 and report.torn_line == 3
    assert not journal.wants_file, "not at once"
    monkeypatch.setattr(journal, "_retry_s", 0.0)
    await until(lambda: journal.wants_file)
    journal.begin(state, {"matcher": Memory()})
    await until(lambda: journal._writer.error is not None)
    assert not journal.wants_file and journal.failures == 2
    disk.full = False
    monkeypatch.setattr(journal, "_retry_s", 0.0)
    await until(lambda: journal.wants_file)
    journal.begin(state, {"matcher": Memory()})
    journal.plan("matcher", [])
    journal.close()
    assert journal.error is None
    path.write_bytes(disk.files[-1])
    assert replay(path).decisions == 1


async def test_a_sink_that_blocks_holds_nobody_up(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-35: the queue is bounded, then the journal fails; the thread that hangs is left alone, not doubled."""
    journal = Journal(tmp_path / "journal.jsonl", {}, open_sink=disk.open, queue_bytes_max=2_000)
    disk.free.clear()
    for _ in range(100):
        journal.plan("matcher", [])
    assert "does not keep up" in (journal.error or "")
    monkeypatch.setattr(journal, "_retry_s", 0.0)
    assert not journal.wants_file
    disk.free.set()
    await until(lambda: journal.wants_file)


def test_a_sink_that_never_ends_does_not_hold_up_the_end(disk: Disk) -> None:
    writer = Writer(lambda: disk.open(Path("x")))
    disk.free.clear()
    assert writer.put(b"data")
    writer.close(wait_s=0.05)
    assert writer.is_running and "within 0.05 s" in (writer.error or "")
    assert not writer.put(b"more")


async def test_a_rollback_is_part_of_the_journal(tmp_path: Path) -> None:
    """F-11: what is planned after it is planned again in the replay."""
    world, path = matching_world(), tmp_path / "journal.jsonl"
    client = Client(world)
    spine = Spine(client, journal=Journal(path, {}))  # type: ignore[arg-type]
    keepers = build_keepers(spine)
    for keeper in keepers.values():
        await keeper.step()
    planned = len(client.sent)
    assert planned
    world.time = ChainTime(kw.SLOT - 400, kw.NOW_MS - 160_000)
    world.put(kw.address(2), kw.user(number=2, quote_atoms=10**10 - 1))
    spine.feed.rewind(0, "rolled back")
    for keeper in keepers.values():
        await keeper.step()
    assert spine.state.time == world.time and len(client.sent) > planned, "what was done may be undone"
    await spine.close()
    report = replay(path)
    assert report.differences == () and '"kind":"rewind"' in path.read_text()


async def test_every_keeper_has_its_settings_and_memory_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _, spine = await written(path, steps=2, bytes_max=1)
    assert set(spine.memories) == set(KINDS)
    held = next(line for _, line in journals.read_lines(path) if line["kind"] == "held")
    assert set(held["memories"]) == set(KINDS)
    copies = {name: Memory(**values) for name, values in held["memories"].items()}
    assert any(memory.done_ms or memory.failures for memory in copies.values())


async def test_what_a_sync_read_before_it_failed_is_in_the_journal_all_the_same(tmp_path: Path) -> None:
    """F-01: the accounts were read, the clock was not; the next decision rests on both."""
    world, path = matching_world(), tmp_path / "journal.jsonl"
    client = Client(world)
    spine = Spine(client, journal=Journal(path, {}))  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    read_clock, failure = client.rpc.get_account, RpcUnreachable("http://x", "down")

    async def failing(*_: Any, **__: Any) -> Any:
        raise failure

    client.rpc.get_account = failing  # type: ignore[method-assign]
    with pytest.raises(RpcUnreachable):
        await matcher.step()
    assert spine.state.exchange is not None
    client.rpc.get_account = read_clock  # type: ignore[method-assign]
    assert (await matcher.step()).planned == 1
    await spine.close()
    report = replay(path)
    assert (report.decisions, report.differences) == (1, ())
