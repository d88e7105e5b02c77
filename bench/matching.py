"""Order books on one stream of messages: ours, called from Python in batches, two crates, and plain Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evertide_engine.book import OPERATION, Book

from . import native
from .accounts import MARK_BITS, risk_cache
from .measure import NS, OURS, Measure, Target, WorkDiffers, processor_ns, timing_of
from .plain_book import PlainBook
from .recorded import FILE, recorded
from .run import Run
from .streams import EXCHANGE_CORE, MAKER_HEAVY, Kind, Stream, drawn, operations

TABLE = "matching"
PLAIN, MARGINED = "plain Python", f"{OURS}, exact margin"
ENOUGH_ATOMS = 1 << 52
CACHE_LINE_BYTES, FILL_BYTES = 64, 40
CAPACITY = 1 << 14
ROUNDS, SHORT_STREAM_PART = 3, 5
"""Times that all books take turns, since the machine's own speed changes within seconds; and a short stream is repeated
until its messages of one round are a fifth of a long one's."""
TARGET, MARGIN_TARGET = Target(least_per_second=10e6), Target(least_per_second=5e6)


def digest(words: NDArray[np.unsignedinteger]) -> str:
    """sha256 over little-endian 64-bit words."""
    return hashlib.sha256(np.ascontiguousarray(words, "<u8").tobytes()).hexdigest()


def fill_words(fills: NDArray[np.void]) -> NDArray[np.uint64]:
    """Taker, maker, price in ticks and lots of our book's fills."""
    names = ("taker_id", "maker_id", "price_ticks", "lots")
    return np.stack([fills[name].astype(np.uint64) for name in names], axis=1)


def played(
    book: str, fills: NDArray[np.uint64], levels: NDArray[np.uint64], batches_ns: list[list[int]]
) -> native.Played:
    """What a book in this process made of a stream."""
    return native.Played(
        book=book,
        fills=len(fills),
        lots=int(fills[:, 3].sum()),
        fills_sha256=digest(fills),
        levels=len(levels),
        levels_sha256=digest(levels),
        batches_ns=batches_ns,
    )


def new_book(stream: Stream, owners: int, margin: bool) -> Book:
    """Our book for a stream; with `margin` every order and every fill is tested, by owners who have enough."""
    book = Book(CAPACITY, owners, stream.base_ticks)
    if margin:
        prices = stream.messages["price_ticks"][: stream.prefill]
        row = risk_cache()["markets"][0, 0]
        for name in ("index_price_q32", "mark_price_q32", "twap_price_q32"):
            row[name] = int(np.median(prices)) << MARK_BITS
        book.check_margin(row, 1)
        for name in ("rest_initial_atoms", "rest_fill_atoms", "rest_equity_atoms"):
            book.accounts[name] = ENOUGH_ATOMS
    return book


def ours(stream: Stream, batch: int, repeats: int, margin: bool = False) -> native.Played:
    """Our book: one call from Python for each batch, fills and outcomes included."""
    array = operations(stream.messages)
    timed, owners = array[stream.prefill :], int(array["owner"].max()) + 1
    parts: list[NDArray[np.void]] = []
    batches: list[list[int]] = []
    book = new_book(stream, owners, margin)
    book.run(np.zeros(0, OPERATION))
    for _ in range(repeats):
        book = new_book(stream, owners, margin)
        parts, elapsed = [book.run(array[: stream.prefill])[0]], []
        for first in range(0, len(timed), batch):
            part = timed[first : first + batch]
            start = processor_ns()
            fills, _ = book.run(part)
            elapsed.append(processor_ns() - start)
            parts.append(fills)
        batches.append(elapsed)
    levels = [(side, price, lots) for side in (0, 1) for price, lots in sorted(book.depth(side))]
    return played(
        MARGINED if margin else OURS,
        fill_words(np.concatenate(parts)),
        np.array(levels, np.uint64).reshape(-1, 3),
        batches,
    )


def plain(stream: Stream, batch: int) -> native.Played:
    """The plain Python book on messages that are Python integers already."""
    book, rows = PlainBook(), stream.messages.tolist()
    for row in rows[: stream.prefill]:
        step(book, row)
    elapsed = []
    for first in range(stream.prefill, len(rows), batch):
        part = rows[first : first + batch]
        start = processor_ns()
        for row in part:
            step(book, row)
        elapsed.append(processor_ns() - start)
    fills = np.array(book.fills, np.uint64).reshape(-1, 4)
    return played(PLAIN, fills, np.array(book.depth(), np.uint64).reshape(-1, 3), [elapsed])


def step(book: PlainBook, row: tuple[int, ...]) -> None:
    """One message."""
    order_id, price, lots, _, kind, side, _ = row
    if kind == Kind.MOVE:
        book.move(order_id, side, price, lots)
    elif kind == Kind.CANCEL:
        book.cancel(order_id)
    elif kind == Kind.POST_ONLY:
        book.post(order_id, side, price, lots)
    else:
        book.place(order_id, side, price, lots, kind == Kind.GTC)


def require_equal(stream: Stream, all_played: list[native.Played]) -> None:
    """Every book made what the stream's maker made of it. Raises `WorkDiffers`."""
    fills = np.array(stream.book.fills, np.uint64).reshape(-1, 4)
    wanted = played("the stream's maker", fills, np.array(stream.book.depth(), np.uint64).reshape(-1, 3), [])
    for found in all_played:
        for name in ("fills", "lots", "fills_sha256", "levels", "levels_sha256"):
            value, needed = getattr(found, name), getattr(wanted, name)
            if value != needed:
                raise WorkDiffers(f"{stream.name}: {name} of {found.book} is {value}, of {wanted.book} {needed}")


def together(rounds: Sequence[native.Played]) -> native.Played:
    """All rounds of one book as one. Raises `WorkDiffers` when they came to different ends."""
    first = rounds[0]
    for other in rounds[1:]:
        if replace(other, batches_ns=first.batches_ns) != first:
            raise WorkDiffers(f"{first.book}: two rounds of one stream differ")
    return replace(first, batches_ns=[elapsed for one in rounds for elapsed in one.batches_ns])


def measure(run: Run, stream: Stream, found: native.Played, by: str, target: Target | None) -> Measure:
    """The line of one book."""
    # Every repeat does the same, batch by batch: the best of each is what it takes where nobody interrupts.
    best = sum(min(elapsed) for elapsed in zip(*found.batches_ns, strict=True))
    facts = {"fills": found.fills, "lots": found.lots, "fills_sha256": found.fills_sha256[:16], **stream.facts}
    moved = stream.timed * (OPERATION.itemsize + CACHE_LINE_BYTES) + found.fills * FILL_BYTES
    return Measure(
        table=TABLE,
        name=stream.name,
        by=by,
        count=stream.timed,
        unit="messages",
        seconds=best / NS,
        timing=timing_of(elapsed for one in found.batches_ns for elapsed in one),
        floor_s=moved / run.bandwidth,
        target=target,
        facts=facts,
    )


def compare(run: Run, make: Callable[[int], Stream], targets: dict[str, Target]) -> list[Measure]:
    """All books on one stream; plain Python on a shorter one of the same kind, whose fills are compared likewise."""
    sizes, stream = run.sizes, make(run.sizes.messages)
    file, program = run.work / "stream.bin", native.build()
    stream.messages.tofile(file)
    repeats = max(sizes.repeats, sizes.repeats * sizes.messages // max(stream.timed, 1) // SHORT_STREAM_PART)
    rounds = []
    for _ in range(ROUNDS):
        one = [ours(stream, sizes.batch, repeats, margin) for margin in (False, True)]
        one += [native.play(program, book, file, stream.prefill, sizes.batch, repeats) for book in native.BOOKS]
        rounds.append(one)
    file.unlink()
    found = [together(of_one) for of_one in zip(*rounds, strict=True)]
    require_equal(stream, found)
    names = [OURS, MARGINED, *(f"{book} {native.version_of(book)}" for book in native.BOOKS)]
    lines = [measure(run, stream, each, name, targets.get(name)) for each, name in zip(found, names, strict=True)]
    short = make(sizes.plain_messages)
    slow = plain(short, sizes.batch)
    require_equal(short, [slow])
    return [*lines, measure(run, short, slow, PLAIN, None)]


def measures(run: Run) -> list[Measure]:
    """The drawn mixes, and the recorded day where its file was given."""
    lines = compare(run, lambda count: drawn(EXCHANGE_CORE, count), {OURS: TARGET, MARGINED: MARGIN_TARGET})
    lines += compare(run, lambda count: drawn(MAKER_HEAVY, count), {})
    file = feed(run)
    if file is not None:
        day = recorded(file)
        lines += compare(run, lambda _: day, {})
    return lines


def feed(run: Run) -> Path | None:
    """The recorded day's file; None when no data was given. Raises `FileNotFoundError` when it is not there."""
    if run.data is None:
        return None
    file = run.data / FILE
    if not file.is_file():
        raise FileNotFoundError(f"--data {run.data}: no {FILE} there")
    return file


def left_out(run: Run) -> list[str]:
    """Rows that were not measured, and why."""
    return [] if run.data is not None else [f"{TABLE}: the recorded day was left out: give its folder with --data"]
