"""The recorded day of a futures market as a stream: its own adds, cancels and modifications, its trades as orders.

A trade of the feed becomes an immediate-or-cancel order at the trade's price, of the size that its makers showed. The
cancels and modifications by which the feed tells what those fills left are dropped where the book has come to the same
by itself, and played where it has not: after every message the book holds what the feed says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet

from .plain_book import LOTS, PRICE, PlainBook
from .streams import MESSAGE, Kind, Stream

FILE = "es_futures_l3_2023-12-25.parquet"
OPENING_NS = 1_703_545_200_000_000_000
"""23:00:00 UTC; the book may be crossed before."""
TAKER_BIT = 1 << 62
"""Added to an id for the order that takes: the rest of a taker rests under the id itself."""

Row = tuple[int, str, str, int, int, int]
"""Event's time in ns, action, side, price in ticks, size, order's id."""


@dataclass(slots=True)
class Replay:
    """Turns rows of the feed into messages, on a book that it keeps."""

    book: PlainBook = field(default_factory=PlainBook)
    rows: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    trades: int = 0
    as_recorded: int = 0
    """Trades whose fills in the book are those of the feed: the same makers, the same lots, the same order."""

    def write(self, order_id: int, price: int, lots: int, kind: Kind, side: int) -> None:
        # One buyer and one seller: nobody meets himself.
        self.rows.append((order_id, price, lots, side, kind, side, 0))

    def add(self, order_id: int, side: int, price: int, lots: int) -> None:
        # A few times the feed tells a taker's rest before it takes the last makers away.
        while (best := self.book.best(1 - side)) is not None and (best >= price if side else best <= price):
            self.cancel(self.book.levels[1 - side][best][0])
        self.write(order_id, price, lots, Kind.GTC, side)
        self.book.place(order_id, side, price, lots)

    def cancel(self, order_id: int) -> None:
        if order_id in self.book.orders:
            self.write(order_id, 0, 0, Kind.CANCEL, 0)
            self.book.cancel(order_id)

    def modify(self, order_id: int, side: int, price: int, lots: int) -> None:
        found = self.book.orders.get(order_id)
        if found is None:
            self.add(order_id, side, price, lots)
        elif found[PRICE] != price or found[LOTS] != lots:
            self.write(order_id, price, lots, Kind.MOVE, side)
            self.book.move(order_id, side, price, lots)

    def trade(self, taker_id: int, side: int, price: int, makers: list[tuple[int, int]]) -> None:
        """One trade with the fills that follow it in the feed."""
        orders = self.book.orders
        shown = [(maker, min(lots, orders[maker][LOTS])) for maker, lots in makers if maker in orders]
        if not shown:
            return
        before = len(self.book.fills)
        order_id = taker_id | TAKER_BIT
        lots = sum(size for _, size in shown)
        self.write(order_id, price, lots, Kind.IOC, side)
        self.book.place(order_id, side, price, lots, rests=False)
        self.trades += 1
        self.as_recorded += [(maker, size) for _, maker, _, size in self.book.fills[before:]] == makers

    def play(self, rows: list[Row]) -> None:
        """All rows after the opening."""
        at = 0
        while at < len(rows):
            _, action, side_name, price, size, order_id = rows[at]
            side = int(side_name == "A")
            at += 1
            if action == "T":
                makers = []
                while at < len(rows) and rows[at][1] == "F":
                    # A resting order that was moved across is told as a fill of the taker's own side.
                    if rows[at][2] != side_name:
                        makers.append((rows[at][5], rows[at][4]))
                    at += 1
                self.trade(order_id, side, price, makers)
            elif action == "A":
                self.add(order_id, side, price, size)
            elif action == "C":
                self.cancel(order_id)
            elif action == "M":
                self.modify(order_id, side, price, size)


def read(path: Path) -> list[Row]:
    """Rows of the feed."""
    names = ["ts_event_ns", "action", "side", "price_ticks", "size", "order_id"]
    columns = pyarrow.parquet.read_table(path, columns=names)
    return list(zip(*(columns[name].to_pylist() for name in names), strict=True))


def resting_at(rows: list[Row]) -> dict[int, tuple[int, int, int]]:
    """Side, price and lots of what rests after these rows, in priority."""
    live: dict[int, tuple[int, int, int]] = {}
    for _, action, side, price, size, order_id in rows:
        if action == "C":
            del live[order_id]
        elif action in "AM":
            before = live.get(order_id)
            if before is not None and (before[1] != price or size > before[2]):
                del live[order_id]
            live[order_id] = (int(side == "A"), price, size)
    return live


def first_uncrossed(rows: list[Row]) -> int:
    """Index of the first row after the opening before which an event ended and the book was not crossed."""
    start = next(at for at, row in enumerate(rows) if row[0] >= OPENING_NS)
    for at in range(start, len(rows)):
        if rows[at][0] == rows[at - 1][0]:
            continue
        live = resting_at(rows[:at]).values()
        bid = max(price for side, price, _ in live if side == 0)
        ask = min(price for side, price, _ in live if side == 1)
        if bid < ask:
            return at
    raise ValueError("the recorded book stays crossed")


def recorded(path: Path) -> Stream:
    """The stream of the recorded day, from its opening on; what rested then is the prefill."""
    rows = read(path)
    start = first_uncrossed(rows)
    replay = Replay()
    for order_id, (side, price, lots) in resting_at(rows[:start]).items():
        replay.add(order_id, side, price, lots)
    prefill = len(replay.rows)
    replay.play(rows[start:])
    messages = np.array(replay.rows, MESSAGE)
    prices = messages["price_ticks"][messages["kind"] != Kind.CANCEL]
    facts: dict[str, int | str] = {"trades": replay.trades, "trades as recorded": replay.as_recorded}
    return Stream("recorded day", messages, prefill, int(prices.min()), replay.book, facts)
