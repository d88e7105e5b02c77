"""Streams of messages for the books: drawn mixes, and a recorded day. Every book plays the same file.

A stream follows a real book while it is made: cancels and moves name orders that rest, and an order that crosses is as
large as what it meets within its limit, so that it is filled whole. One of the peers, matchcore 0.4.0, goes on beyond
the limit of an order that has begun to trade; where all are filled whole, the books' fills must be equal to the lot.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from evertide_engine._generated.constants import TimeInForce
from evertide_engine.book import OPERATION, Code

from .plain_book import SIDE, PlainBook

MESSAGE = np.dtype(
    [
        ("order_id", "<u8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("owner", "<i4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("reserved", "<u2"),
    ]
)
"""One message, 32 bytes, as the peers read it from the stream's file."""

CODES = np.array([Code.LIMIT, Code.LIMIT, Code.LIMIT, Code.CANCEL, Code.MODIFY], np.uint8)
FORCES = np.array(
    [
        TimeInForce.GOOD_TILL_CANCELLED,
        TimeInForce.IMMEDIATE_OR_CANCEL,
        TimeInForce.POST_ONLY,
        TimeInForce.GOOD_TILL_CANCELLED,
        TimeInForce.GOOD_TILL_CANCELLED,
    ],
    np.uint8,
)
"""Code and time in force of each `Kind` in our book."""

OWNERS = 1_000
MID_TICKS = 100_000
REACH_TICKS = 800
"""Orders rest 1 to so many ticks from the middle: 1,000 of them stand at about 750 prices, as exchange-core's do."""
MAKER_LOTS, CROSS_TICKS = 100, 40


class Kind(IntEnum):
    """What a message does."""

    GTC = 0
    IOC = 1
    POST_ONLY = 2
    CANCEL = 3
    MOVE = 4


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages with the figures of their making."""

    name: str
    messages: NDArray[np.void]
    prefill: int
    """Leading messages that fill the book and are not timed."""
    base_ticks: int
    """Lowest price of the window that our book needs."""
    book: PlainBook
    """The book after the last message, and every fill on the way."""
    facts: dict[str, int | str] = field(default_factory=dict)
    """Of its making."""

    @property
    def timed(self) -> int:
        """Number of timed messages."""
        return len(self.messages) - self.prefill

    def shares(self) -> dict[str, float]:
        """Share of each kind among the timed messages."""
        kinds = self.messages["kind"][self.prefill :]
        return {kind.name: float((kinds == kind).mean()) for kind in Kind}


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the kinds in percent, and how many orders are live."""

    name: str
    gtc: int
    ioc: int
    post_only: int
    cancel: int
    live: int
    taker_lots: int
    """Most lots that an order takes: small ones seldom empty a maker."""


EXCHANGE_CORE = Mix("exchange-core's mix", gtc=9, ioc=3, post_only=0, cancel=6, live=1_000, taker_lots=8)
"""9 % GTC, 3 % IOC, 6 % cancel, 82 % move; a thousand accounts; about six messages in a hundred trade."""
MAKER_HEAVY = Mix("maker-heavy mix", gtc=0, ioc=2, post_only=47, cancel=46, live=10_000, taker_lots=100)
"""Quotes placed post-only and cancelled, 5 % moved, 2 % taken from."""


class Drawn:
    """Draws messages of a mix and plays them on a book."""

    def __init__(self, mix: Mix, seed: int) -> None:
        self.mix = mix
        self.random = random.Random(seed)
        self.book = PlainBook()
        self.live: list[int] = []
        """Ids that rested when last looked at; some have been filled since."""
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.next_id = 1

    def price(self, side: int) -> int:
        """Where an order rests."""
        away = self.random.randint(1, REACH_TICKS)
        return MID_TICKS + away if side else MID_TICKS - away

    def owner(self, side: int) -> int:
        """Even accounts buy and odd ones sell, so that nobody meets himself: the peers have other rules for that."""
        return self.random.randrange(OWNERS // 2) * 2 + side

    def write(self, order_id: int, price: int, lots: int, owner: int, kind: Kind, side: int) -> None:
        self.rows.append((order_id, price, lots, owner, kind, side, 0))

    def rest(self) -> None:
        """A new order that does not cross."""
        side = self.random.getrandbits(1)
        order_id, price, lots = self.next_id, self.price(side), self.random.randint(1, MAKER_LOTS)
        self.next_id += 1
        kind = Kind.POST_ONLY if self.mix.post_only else Kind.GTC
        self.write(order_id, price, lots, self.owner(side), kind, side)
        self.book.rest(order_id, side, price, lots)
        self.live.append(order_id)

    def take(self, kind: Kind) -> None:
        """A new order that crosses and is filled whole."""
        side = self.random.getrandbits(1)
        order_id = self.next_id
        self.next_id += 1
        price, lots = self.cross(order_id, side, self.random.randint(1, self.mix.taker_lots))
        self.write(order_id, price, lots, self.owner(side), kind, side)

    def cross(self, order_id: int, side: int, lots: int) -> tuple[int, int]:
        """Fill up to so many lots; the limit, and what was filled."""
        best, before = self.book.best(1 - side), len(self.book.fills)
        assert best is not None, "the book is kept near its size"
        limit = best - self.random.randrange(CROSS_TICKS) if side else best + self.random.randrange(CROSS_TICKS)
        self.book.place(order_id, side, limit, lots, rests=False)
        return limit, sum(fill[3] for fill in self.book.fills[before:])

    def pick(self) -> int:
        """A random order that rests."""
        while True:
            at = self.random.randrange(len(self.live))
            order_id = self.live[at]
            if order_id in self.book.orders:
                return order_id
            self.live[at] = self.live[-1]
            self.live.pop()

    def cancel(self) -> None:
        order_id = self.pick()
        side = self.book.orders[order_id][SIDE]
        self.write(order_id, 0, 0, 0, Kind.CANCEL, side)
        self.book.cancel(order_id)

    def move(self, crosses: bool) -> None:
        """Another price for what is open of an order; seldom one at which it is filled."""
        order_id = self.pick()
        side, old, lots = self.book.orders[order_id]
        owner = -1
        if crosses:
            self.book.cancel(order_id)
            price, lots = self.cross(order_id, side, lots)
        else:
            price = old
            while price == old:
                price = self.price(side)
            self.book.move(order_id, side, price, lots)
        self.write(order_id, price, lots, owner, Kind.MOVE, side)

    def step(self) -> None:
        """One message of the mix. What takes beside the IOC orders depends on whether the book is above its size."""
        mix, drawn = self.mix, self.random.randrange(100)
        spare = len(self.book.orders) > mix.live
        if drawn < mix.gtc:
            self.take(Kind.GTC) if spare and drawn < mix.gtc * 2 // 3 else self.rest()
        elif drawn < mix.gtc + mix.ioc:
            self.take(Kind.IOC)
        elif drawn < mix.gtc + mix.ioc + mix.post_only:
            self.rest()
        elif drawn < mix.gtc + mix.ioc + mix.post_only + mix.cancel:
            self.cancel() if len(self.book.orders) > mix.live * 9 // 10 else self.rest()
        else:
            # A post-only order that moved across would be refused.
            self.move(spare and not mix.post_only and self.random.randrange(100) < 1)


def drawn(mix: Mix, count: int, seed: int = 4) -> Stream:
    """`count` messages of a mix after those that fill the book."""
    maker = Drawn(mix, seed)
    for _ in range(mix.live):
        maker.rest()
    prefill = len(maker.rows)
    for _ in range(count):
        maker.step()
    messages = np.array(maker.rows, MESSAGE)
    messages["owner"] = owners_of(messages)
    return Stream(mix.name, messages, prefill, MID_TICKS - (1 << 16), maker.book)


def owners_of(messages: NDArray[np.void]) -> NDArray[np.int32]:
    """The owner of every message: moves and cancels have that of their order."""
    owners = np.zeros(int(messages["order_id"].max()) + 1, np.int32)
    places = messages["kind"] <= Kind.POST_ONLY
    owners[messages["order_id"][places]] = messages["owner"][places]
    found: NDArray[np.int32] = owners[messages["order_id"]]
    return found


def operations(messages: NDArray[np.void]) -> NDArray[np.void]:
    """The messages as operations of our book."""
    array = np.zeros(len(messages), OPERATION)
    for name in ("order_id", "price_ticks", "lots", "owner", "side"):
        array[name] = messages[name]
    array["code"] = CODES[messages["kind"]]
    array["time_in_force"] = FORCES[messages["kind"]]
    return array
