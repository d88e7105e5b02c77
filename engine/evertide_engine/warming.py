"""Compile every kernel of the engine into the cache, with word of each that is compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event

from . import funding, funding_catch_up, impact, mark
from ._generated.constants import DEBT_INDEX_ONE
from ._generated.layouts import MARKET, MARKET_ROW
from .book import OPERATION, Book, Code
from .book_snapshot import restore, snapshot
from .layouts import RISK_CACHE, USER
from .liquidation import RiskColumns, liquidations
from .warm_up import warm_up


def warm_columns() -> int:
    """Liquidations from columns, of one account that owes an atom; the worst, and all."""
    users, cache = np.zeros(1, USER), np.zeros(1, RISK_CACHE)
    users["quote_atoms"] = -1
    users["debt_index_q48"] = cache["collaterals"]["debt_index_q48"][:, 0] = DEBT_INDEX_ONE
    columns = RiskColumns(users, cache[0])
    liquidations(users, cache[0], 1, columns, most=0)
    return len(liquidations(users, cache[0], 1, columns).rows)


def warm_markets() -> None:
    """Mark, TWAP, premium, impact price and funding of one market without a price."""
    price, rate, moved = np.zeros(1, np.uint64), np.zeros(1, np.int64), np.zeros(1, np.int64)
    mark.update_bases(rate, price, price, moved)
    mark.mark_prices(price, rate, price, price, price, moved)
    mark.update_twaps(price, price, moved, 1, moved)
    funding.premiums(price, price, price)
    funding.hourly_rates(rate, rate, rate)
    funding.average(np.int64(0), np.int64(1))
    funding.accumulate(np.int64(0), np.int64(0), np.int64(0), np.int64(1))
    sides = np.zeros((1, 2), np.uint64)
    funding.accrue(sides, np.zeros((1, 2), np.int64), sides.copy(), rate, price, moved, rate.copy())
    funding_catch_up.catch_up(np.zeros(1, MARKET), np.ones(1, np.int64))
    impact.impact_prices(price, price, np.array([0, 1]), np.zeros(1, np.uint8), price, price)


def warm_book() -> int:
    """Run every kind of operation through a book, and the book through a snapshot; the orders that live."""
    operations = np.zeros(len(Code), OPERATION)
    operations["code"] = [int(code) for code in Code]
    operations["order_id"], operations["lots"] = 1, 1
    book = Book(4, 1, 0)
    book.check_margin(np.zeros(1, MARKET_ROW)[0], 1)
    book.run(operations)
    copy = restore(snapshot(book))
    copy.best_ticks(0)
    copy.initial_margin(0, 0, 1, 1)
    return copy.order_count


STEPS: tuple[tuple[str, Callable[[], object]], ...] = (
    ("crossing, margin and liquidation scans", warm_up),
    ("liquidations from columns", warm_columns),
    ("mark, TWAP and funding", warm_markets),
    ("price-time book", warm_book),
)
"""What is compiled together, and a call that needs all of it."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """One step done: how many kernels it compiled, not counting those that the cache had."""

    name: str
    compiled: int


class _Compilations(event.Listener):
    """Hears of each kernel that numba compiles."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self.told, self.count = told, 0

    def on_start(self, event: Any) -> None:
        self.count += 1
        self.told(str(event.data["dispatcher"].__name__))

    def on_end(self, event: Any) -> None:
        """Nothing is done when one ends."""


def cache_folder() -> Path:
    """Where compiled kernels are kept between runs: a folder of these very sources."""
    return Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined]


def nothing(_word: object) -> None:
    """Listen to no progress."""


def warm_all(told: Callable[[str], None] = nothing, done: Callable[[Warmed], None] = nothing) -> int:
    """Compile all kernels, or load them from the cache; how many were compiled.

    `told` gets the name of each kernel when its compilation begins, `done` each step when it ends. Minutes on a machine
    that has compiled none of it yet, some tenths of a second later.
    """
    heard = _Compilations(told)
    with event.install_listener("numba:compile", heard):
        for name, step in STEPS:
            before = heard.count
            step()
            done(Warmed(name, heard.count - before))
    return heard.count
