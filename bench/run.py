"""What one run of the benchmark is told: sizes, the recorded data, the bandwidth it measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    messages: int
    """Timed messages of each drawn stream."""
    batch: int
    """Messages of one call of the book."""
    repeats: int
    """Fresh books that each stream is played on in a round, at least."""
    plain_messages: int
    """Timed messages that the plain Python book is given: a leading part of the same stream."""
    users: tuple[int, ...]
    """Users of the margin scans."""
    peer_users: int
    """Most users that the polars version is given, which needs much memory."""
    decoded: int
    order_accounts: int
    changes: int
    """Single accounts that change, one after the other."""
    scenario_users: int
    shocks: int
    exchange_users: int
    exchange_orders: int
    plans: int
    """Plans of each keeper."""
    orders_per_s: int
    sustained_s: int
    calls: int
    """Timed calls of each scan, at most."""
    budget_s: float
    """Time for the calls of one scan."""


FULL = Sizes(
    messages=1_000_000,
    batch=1_000,
    repeats=2,
    plain_messages=200_000,
    users=(10_000, 100_000, 1_000_000),
    peer_users=1_000_000,
    decoded=100_000,
    order_accounts=20_000,
    changes=2_000,
    scenario_users=100_000,
    shocks=256,
    exchange_users=10_000,
    exchange_orders=100_000,
    plans=1_000,
    orders_per_s=1_010,
    sustained_s=60,
    calls=400,
    budget_s=4.0,
)
TINY = Sizes(
    messages=2_000,
    batch=100,
    repeats=1,
    plain_messages=2_000,
    users=(200, 300),
    peer_users=300,
    decoded=100,
    order_accounts=200,
    changes=5,
    scenario_users=200,
    shocks=8,
    exchange_users=100,
    exchange_orders=200,
    plans=2,
    orders_per_s=700,
    sustained_s=1,
    calls=3,
    budget_s=0.1,
)
"""For the tests, which see that every case works and that all books agree; never for figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run."""

    sizes: Sizes
    data: Path | None
    """Folder with the recorded market data; None: the rows that need it say so."""
    work: Path
    """Folder for the files of streams."""
    bandwidth: float
    """Bytes read and written each second by a large copy, measured in this run."""
