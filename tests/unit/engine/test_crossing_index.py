"""The crossing index finds what a scan of every order finds, through any sequence of changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_builders import authority_of, empty_accounts, key_of, open_markets, put_order

from evertide_engine._generated.constants import MARKETS_MAX, ORDER_FLAG_ASK, OrderKind, TimeInForce
from evertide_engine.crossing import scan
from evertide_engine.crossing_index import CrossingIndex
from evertide_engine.decode import key_words
from evertide_engine.errors import CapacityError, ShapeError
from evertide_engine.markets import MarketColumns

INDEX_TICKS, NOW_MS, SLOT = 1_000, 1_000_000, 500
KINDS = [OrderKind.LIMIT] * 6 + [OrderKind.MARKET, OrderKind.PEGGED, OrderKind.ICEBERG, OrderKind.TWAP]
FORCES = [TimeInForce.GOOD_TILL_CANCELLED] * 4 + [
    TimeInForce.POST_ONLY,
    TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL,
]


def redraw(generator: np.random.Generator, orders: Any, users: Any, row: int, spread: int) -> None:
    """Give one account new orders in some of three markets; asks mostly `spread` above bids, a few deep across."""
    orders["orders"][row] = 0
    orders["order_count"][row] = 0
    users["orders_epoch"][row] = generator.choice([0, 0, 0, 3])
    users["liquidation_start_ms"][row] = generator.choice([0] * 19 + [1])
    orders["cancel_all_after_ms"][row] = generator.choice([0, 0, 0, NOW_MS, NOW_MS + 50])
    for slot in generator.choice(32, generator.integers(0, 4), replace=False):
        is_ask = bool(generator.integers(0, 2))
        kind = KINDS[generator.integers(0, len(KINDS))]
        away = int(generator.integers(1, 40)) + spread - (80 if generator.random() < 0.01 else 0)
        plain = kind in (OrderKind.LIMIT, OrderKind.MARKET)
        starting = plain and generator.random() < 0.2
        put_order(
            orders,
            row,
            int(slot),
            order_id=int(generator.integers(1, 9)),
            market_index=int(generator.choice([0, 1, MARKETS_MAX - 1])),
            flags=int(is_ask) * ORDER_FLAG_ASK,
            kind=kind,
            time_in_force=TimeInForce.POST_ONLY if kind == OrderKind.PEGGED else FORCES[generator.integers(0, 7)],
            price_ticks=INDEX_TICKS + (away if is_ask else -away),
            size_lots=int(generator.integers(1, 30)),
            placed_slot=SLOT - int(generator.integers(0, 40)),
            placed_ms=NOW_MS - int(generator.integers(0, 30_000)),
            expiry_ms=int(generator.choice([0, 0, 0, NOW_MS, NOW_MS + 60])),
            taker_phase_s=int(generator.choice([0, 0, 12, 60])),
            first_term=int(generator.integers(980, 1020)) if starting else 0,
        )


def opened(generator: np.random.Generator) -> MarketColumns:
    """Three open markets at prices near the orders'."""
    markets = open_markets(INDEX_TICKS)
    for at in (1, MARKETS_MAX - 1):
        for column in markets:
            column[at] = column[0]
    markets.index_price_q32[:] = np.where(
        markets.index_price_q32 != 0, np.uint64((INDEX_TICKS + int(generator.integers(-9, 10))) * 10 << 32), 0
    )
    return markets


@pytest.mark.parametrize("seed", range(6))
def test_the_index_finds_what_a_scan_of_everything_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count, spread = 700, [0, 20, 30, 35, 40, 60][seed]
    orders, users = empty_accounts(count)
    keys = key_words([key_of(row) for row in range(count)])
    users["authority"] = np.array([authority_of(row // 2) for row in range(count)])
    for row in range(count):
        redraw(generator, orders, users, row, spread)
    index, matched, least = CrossingIndex(orders[:600], capacity=count), 0, count
    held = 600
    for step in range(24):
        changed = generator.choice(held, 12, replace=False)
        for row in changed:
            redraw(generator, orders, users, int(row), spread)
        held = min(held + (7 if step % 3 == 0 else 0), count)
        index.update(orders[:held], changed)
        markets, now_ms = opened(generator), NOW_MS + int(generator.integers(-20, 100))
        blocked = generator.random((held, 32)) < 0.1 if step % 2 else None
        given = (keys[:held], users[:held], markets, now_ms, SLOT, blocked)
        expected = scan(orders[:held], *given)
        assert index.scan(orders[:held], *given) == expected
        matched, least = matched + len(expected), min(least, len(index.meeting()))
    assert matched > 0
    assert least < 300 or spread < 40


def test_while_nothing_meets_no_account_is_named() -> None:
    orders, _ = empty_accounts(300)
    for row in range(300):
        put_order(
            orders,
            row,
            0,
            order_id=1,
            flags=row % 2 * ORDER_FLAG_ASK,
            price_ticks=1_010 if row % 2 else 990,
            size_lots=5,
        )
    index = CrossingIndex(orders)
    assert index.meeting().tolist() == []
    put_order(orders, 7, 1, order_id=2, flags=ORDER_FLAG_ASK, price_ticks=990, size_lots=5)
    index.update(orders, np.array([7]))
    assert set(index.meeting().tolist()) == {7, *range(0, 300, 2)}
    orders["orders"][7, 1], orders["order_count"][7] = 0, 1
    index.update(orders, np.array([7]))
    assert index.meeting().tolist() == []


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    orders, users = empty_accounts(10)
    with pytest.raises(CapacityError, match="order accounts of the crossing index are full: 10 of 9 used"):
        CrossingIndex(orders, capacity=9)
    index = CrossingIndex(orders[:5], capacity=8)
    with pytest.raises(CapacityError):
        index.update(orders, np.empty(0, np.int64))
    for rows, length in (([5], 5), ([-1], 5), ([0], 4)):
        with pytest.raises(ShapeError):
            index.update(orders[:length], np.array(rows))
    with pytest.raises(ShapeError, match="as the index was updated to: found 10 entries, needed 5"):
        index.scan(orders, np.zeros((10, 4), np.uint64), users, MarketColumns.empty(), NOW_MS, SLOT)
    assert index.count == 5 and index.meeting().tolist() == []
