"""The book on recorded order flow, after every message, against reconstructions in plain Python that share no code."""

from __future__ import annotations

import bisect
import json
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evertide_engine.book import OPERATION, Book, Code, Outcome

OPENED_NS = 1_703_545_200_000_000_000
"""2023-12-25 23:00:00 UTC: before it the book is in its pre-open and may be crossed."""
CODES = {"A": Code.REST, "C": Code.CANCEL, "M": Code.AMEND}
SUMS_EACH, EVERYTHING_EACH = 16, 4_000
"""Every message is checked where it touched; what it must not have touched, every so many messages."""


@dataclass
class PlainQueues:
    """Orders of each price in lists, best prices in sorted lists: nothing but dicts, lists and bisect."""

    live: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    queues: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    prices: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    def add(self, order_id: int, side: int, price: int, lots: int) -> None:
        assert order_id not in self.live, f"order {order_id} is added twice"
        self.live[order_id] = (side, price, lots)
        queue = self.queues.setdefault((side, price), [])
        if not queue:
            bisect.insort(self.prices[side], price)
        queue.append(order_id)

    def remove(self, order_id: int) -> None:
        side, price, _ = self.live.pop(order_id)
        queue = self.queues[side, price]
        queue.remove(order_id)
        if not queue:
            del self.queues[side, price]
            self.prices[side].remove(price)

    def change(self, order_id: int, price: int, lots: int) -> None:
        side, old_price, old_lots = self.live[order_id]
        if price == old_price and lots <= old_lots:
            self.live[order_id] = (side, price, lots)
            return
        self.remove(order_id)
        self.add(order_id, side, price, lots)

    def best(self, side: int) -> int | None:
        prices = self.prices[side]
        return None if not prices else prices[-1 if side == 0 else 0]

    def queue(self, side: int, price: int) -> list[tuple[int, int]]:
        return [(order_id, self.live[order_id][2]) for order_id in self.queues.get((side, price), [])]


def messages(path: Path) -> list[tuple[int, str, str, int, int, int]]:
    """`(event ns, action, side, price ticks, size, order id)` of every row."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="--data was given, so pyarrow must be there")
    names = ["ts_event_ns", "action", "side", "price_ticks", "size", "order_id"]
    columns = parquet.read_table(path, columns=names).to_pydict()
    return list(zip(*(columns[name] for name in names), strict=True))


def operation(action: str, side: int, price: int, size: int, order_id: int) -> np.ndarray:
    """One message as a batch of one."""
    array = np.zeros(1, OPERATION)
    array["code"], array["side"], array["price_ticks"] = CODES[action], side, price
    array["lots"], array["order_id"] = size, order_id
    return array


def apply(plain: PlainQueues, action: str, side: int, price: int, size: int, order_id: int) -> list[tuple[int, int]]:
    """Take a message into the plain book; the `(side, price)` that it touched."""
    touched = [(side, price)]
    if action == "A":
        plain.add(order_id, side, price, size)
        return touched
    assert order_id in plain.live, f"{action} names order {order_id}, which is not live"
    touched.append(plain.live[order_id][:2])
    if action == "C":
        plain.remove(order_id)
    else:
        plain.change(order_id, price, size)
    return touched


def check_everything(book: Book, plain: PlainQueues) -> None:
    """All queues of both books, level by level."""
    for side in (0, 1):
        prices = plain.prices[side] if side else plain.prices[side][::-1]
        wanted = [(key, price, lots) for price in prices for key, lots in plain.queue(side, price)]
        assert book.orders(side) == wanted
    assert book.open_lots() == {order_id: order[2] for order_id, order in plain.live.items()}


@pytest.mark.data
def test_the_recorded_day_equals_an_independent_book_after_every_message(data_directory: Path) -> None:
    rows = messages(data_directory / "es_futures_l3_2023-12-25.parquet")
    book, plain = Book(1 << 15, 1, 0), PlainQueues()
    highest = max(row[3] for row in rows) + 1
    sums = [np.zeros(highest, np.int64), np.zeros(highest, np.int64)]
    filled: dict[int, int] = {}
    counts = dict.fromkeys("ACMFT", 0)
    crossed_open, followed = 0, {True: 0, False: 0}
    for number, (event_ns, action, side_name, price, size, order_id) in enumerate(rows):
        counts[action] += 1
        if action in "FT":
            # A fill leaves the book as it is; the C or M of its order that follows takes its lots out.
            if action == "F":
                # The opening auction alone (side N) fills a few orders that never were in the book.
                assert order_id in plain.live or side_name == "N", f"row {number}: a fill of an order that is not live"
                filled[order_id] = filled.get(order_id, 0) + size
            continue
        side = int(side_name == "A")
        was = plain.live.get(order_id)
        if was is not None and order_id in filled:
            # All but the venue's own icebergs, which show their next part in the same message.
            left = was[2] - filled.pop(order_id)
            followed[left == (0 if action == "C" else size)] += 1
        touched = apply(plain, action, side, price, size, order_id)
        _, outcomes = book.run(operation(action, side, price, size, order_id))
        assert outcomes[0] == (Outcome.CANCELLED if action == "C" else Outcome.RESTED), f"row {number}"
        for at_side, at_price in touched:
            queue = plain.queue(at_side, at_price)
            sums[at_side][at_price] = sum(lots for _, lots in queue)
            assert book.queue(at_side, at_price) == queue, f"row {number}"
        for at_side in (0, 1):
            if number % SUMS_EACH == 0:
                assert np.array_equal(book.level_lots(at_side)[:highest], sums[at_side]), f"row {number}"
            assert book.best_ticks(at_side) == plain.best(at_side), f"row {number}"
        assert book.order_count == len(plain.live)
        bid, ask = plain.best(0), plain.best(1)
        last_of_event = number + 1 == len(rows) or rows[number + 1][0] != event_ns
        if event_ns >= OPENED_NS and last_of_event and bid is not None and ask is not None:
            crossed_open += bid >= ask
        if number % EVERYTHING_EACH == 0:
            check_everything(book, plain)
    check_everything(book, plain)
    submitted, executed, cancelled = book.totals
    assert submitted == cancelled + sum(book.open_lots().values()) and executed == 0
    assert crossed_open == 0, "never crossed once trading has begun"
    assert min(counts.values()) > 2_000 and len(rows) == 68_792
    assert followed[True] > 6_000 and followed[False] < 100


@pytest.mark.data
def test_the_recorded_depth_equals_an_independent_book_after_every_delta(data_directory: Path) -> None:
    with zipfile.ZipFile(data_directory / "bybit_xrpusdt_ob500.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    book = Book(1 << 12, 1, 0)
    plain: tuple[dict[str, str], dict[str, str]] = ({}, {})
    last, compared = 0, 0
    for line in lines:
        update: dict[str, Any] = json.loads(line)["data"]
        assert last in (0, update["u"] - 1), "no update is missing"
        last = update["u"]
        batch: list[np.ndarray] = []
        for side, name in enumerate("ba"):
            for price, size in update[name]:
                ticks, lots = int(Decimal(price) * 10_000), int(Decimal(size))
                assert Decimal(price) * 10_000 == ticks and Decimal(size) == lots
                known = price in plain[side]
                action = ("M" if known else "A") if lots else "C"
                assert lots or known, "a level that is taken out was there"
                batch.append(operation(action, side, ticks, lots, 2 * ticks + side))
                if lots:
                    plain[side][price] = size
                else:
                    del plain[side][price]
        _, outcomes = book.run(np.concatenate(batch))
        assert not (set(outcomes.tolist()) - {Outcome.RESTED, Outcome.CANCELLED})
        for side in (0, 1):
            wanted = sorted(plain[side].items(), key=lambda level: Decimal(level[0]), reverse=side == 0)
            assert [(f"{Decimal(ticks) / 10_000:.4f}", str(lots)) for ticks, lots in book.depth(side)] == wanted
            assert len(wanted) == 500
            compared += len(wanted)
        bid, ask = book.best_ticks(0), book.best_ticks(1)
        assert bid is not None and ask is not None and bid < ask
    assert compared == 50 * 2 * 500
