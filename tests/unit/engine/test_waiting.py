"""Orders that wait and those that have come due, against plain integers read field by field."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_builders import empty_accounts

from evertide_engine._generated.constants import (
    BPS_ONE,
    MARKETS_MAX,
    MATCH_DEADLINE_SLOTS,
    ORDER_FLAG_ASK,
    ORDER_FLAG_DORMANT,
    ORDER_FLAG_REDUCE_ONLY,
    ORDER_FLAG_SLICE,
    OrderKind,
    TimeInForce,
    TriggerSource,
)
from evertide_engine.errors import ShapeError
from evertide_engine.layouts import CONDITIONAL_TERMS, TWAP_TERMS
from evertide_engine.waiting import NO_USER_EPOCH, due_orders, waiting_orders

COUNT, NOW_MS, SLOT = 300, 1_700_000_000_000, 5_000
SOURCES = len(TriggerSource)


def terms_of(generator: np.random.Generator, kind: OrderKind) -> Any:
    """Terms of an order as its kind has them, in one of few groups or none."""
    group = int(generator.choice([0, 0, 1, 2]))
    if kind == OrderKind.TWAP:
        terms = np.zeros(1, TWAP_TERMS)
        terms["slice_count"], terms["slice_interval_s"] = generator.integers(2, 6), generator.integers(1, 9)
    else:
        terms = np.zeros(1, CONDITIONAL_TERMS)
        terms["trigger_ticks"] = generator.integers(950, 1_050)
        terms["trail_bps"], terms["source"] = generator.integers(1, 300), generator.integers(0, SOURCES)
    terms["group"] = group
    return terms.view("<u8")


def draw(generator: np.random.Generator) -> tuple[Any, Any]:
    """Accounts full of orders of every kind, some of them in groups, expired, void, overdue or orphaned."""
    orders, users = empty_accounts(COUNT)
    for row in range(COUNT):
        users["orders_epoch"][row] = generator.choice(np.array([0, 5, NO_USER_EPOCH], np.uint64), p=[0.8, 0.15, 0.05])
        users["liquidation_start_ms"][row] = generator.choice([0] * 9 + [1])
        orders["cancel_all_after_ms"][row] = generator.choice([0, 0, 0, 0, NOW_MS, NOW_MS + 1])
        slots = generator.choice(32, generator.integers(0, 7), replace=False)
        orders["order_count"][row] = len(slots)
        for slot in slots:
            order, kind = orders["orders"][row, slot], OrderKind(int(generator.integers(0, len(OrderKind))))
            flags = sum(
                int(flag) * int(generator.random() < chance)
                for flag, chance in (
                    (ORDER_FLAG_ASK, 0.5),
                    (ORDER_FLAG_DORMANT, 0.6),
                    (ORDER_FLAG_REDUCE_ONLY, 0.4),
                    (ORDER_FLAG_SLICE, 0.2),
                )
            )
            order["order_id"], order["kind"], order["flags"] = generator.integers(1, 10), kind, flags
            order["size_lots"], order["market_index"] = generator.choice([0, 3, 9]), generator.integers(0, 3)
            order["time_in_force"] = generator.choice([int(force) for force in TimeInForce])
            order["placed_slot"] = SLOT - MATCH_DEADLINE_SLOTS + generator.integers(-2, 3)
            order["placed_ms"] = NOW_MS - generator.integers(-3, 4) * 5_000
            order["expiry_ms"] = generator.choice([0, 0, 0, NOW_MS, NOW_MS + 1])
            order["terms"] = terms_of(generator, kind)
    return orders, users


def field(order: Any, dtype: np.dtype[Any], name: str) -> int:
    return int(np.ascontiguousarray(order["terms"]).view(dtype)[0][name])


def has(order: Any, flag: int) -> bool:
    return int(order["flags"]) & flag != 0


def reference(account: Any, user: Any) -> dict[int, str]:
    """What each occupied slot of one account waits for."""
    if user["orders_epoch"] == NO_USER_EPOCH:
        return {}
    deadline = int(account["cancel_all_after_ms"])
    occupied = {slot: order for slot, order in enumerate(account["orders"]) if int(order["order_id"])}
    alive = {}
    for slot, order in occupied.items():
        immediate = order["kind"] == OrderKind.MARKET or order["time_in_force"] in (
            TimeInForce.IMMEDIATE_OR_CANCEL,
            TimeInForce.FILL_OR_KILL,
        )
        overdue = int(order["placed_slot"]) + MATCH_DEADLINE_SLOTS < SLOT and not has(order, ORDER_FLAG_DORMANT)
        expired = 0 < int(order["expiry_ms"]) <= NOW_MS
        void = int(order["order_id"]) < int(user["orders_epoch"])
        if not (void or expired or 0 < deadline <= NOW_MS or (immediate and overdue)):
            alive[slot] = order
    found = {}
    for slot, order in occupied.items():
        if slot not in alive or purposeless(slot, alive):
            found[slot] = "dead"
        elif has(order, ORDER_FLAG_DORMANT) and int(order["size_lots"]) and not int(user["liquidation_start_ms"]):
            found[slot] = "parent" if order["kind"] == OrderKind.TWAP else "dormant"
    return found


def purposeless(slot: int, alive: dict[int, Any]) -> bool:
    """A slice without a parent, a finished parent without a slice, an exit of nothing whose entry is gone."""
    order, group = alive[slot], field(alive[slot], TWAP_TERMS, "group")
    others = [one for at, one in alive.items() if at != slot and group and field(one, TWAP_TERMS, "group") == group]
    if not group:
        return False
    if has(order, ORDER_FLAG_SLICE):
        return not any(one["kind"] == OrderKind.TWAP for one in others)
    if order["kind"] == OrderKind.TWAP:
        length_ms = 1_000 * field(order, TWAP_TERMS, "slice_interval_s") * field(order, TWAP_TERMS, "slice_count")
        over = int(order["placed_ms"]) + length_ms <= NOW_MS
        return over and not any(has(one, ORDER_FLAG_SLICE) for one in others)
    if has(order, ORDER_FLAG_REDUCE_ONLY) and not int(order["size_lots"]):
        return all(has(one, ORDER_FLAG_REDUCE_ONLY) for one in others)
    return False


@pytest.mark.parametrize("seed", range(4))
def test_what_waits_is_what_each_orders_fields_say(seed: int) -> None:
    orders, users = draw(np.random.default_rng(seed))
    expected: dict[str, list[int]] = {"dormant": [], "parent": [], "dead": []}
    for row in range(COUNT):
        for slot, what in sorted(reference(orders[row], users[row]).items()):
            expected[what].append(32 * row + slot)
    found = waiting_orders(orders, users, NOW_MS, SLOT)
    assert [part.tolist() for part in found] == list(expected.values())
    assert min(len(part) for part in found) >= 10
    some = np.arange(3, COUNT, 7)
    part = waiting_orders(orders, users, NOW_MS, SLOT, some)
    for whole, chosen in zip(found, part, strict=True):
        assert chosen.tolist() == [ref for ref in whole.tolist() if ref // 32 in some]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_due_is_what_prices_and_triggers_say(seed: int) -> None:
    generator = np.random.default_rng(seed)
    orders, users = draw(generator)
    prices = np.zeros((MARKETS_MAX, SOURCES, 2), np.int64)
    prices[:2, :, 0] = generator.integers(940, 1_060, (2, SOURCES))
    prices[:2, :, 1] = prices[:2, :, 0] + generator.integers(0, 2, (2, SOURCES))
    fires, trails = [], []
    dormant = waiting_orders(orders, users, NOW_MS, SLOT).dormant
    for ref in dormant.tolist():
        order = orders["orders"][ref // 32, ref % 32]
        kind, ask = OrderKind(int(order["kind"])), has(order, ORDER_FLAG_ASK)
        if int(order["placed_ms"]) > NOW_MS:
            continue
        if not OrderKind.STOP_MARKET <= kind <= OrderKind.TRAILING_STOP:
            fires.append(ref)
            continue
        source, trigger, trail = (
            field(order, CONDITIONAL_TERMS, name) for name in ("source", "trigger_ticks", "trail_bps")
        )
        below, above = (int(price) for price in prices[order["market_index"], source])
        if not above:
            continue
        profit = kind in (OrderKind.TAKE_PROFIT_MARKET, OrderKind.TAKE_PROFIT_LIMIT)
        if below >= trigger if ask == profit else above <= trigger:
            fires.append(ref)
        elif kind == OrderKind.TRAILING_STOP:
            wanted = below * (BPS_ONE - trail) // BPS_ONE if ask else -(-above * (BPS_ONE + trail) // BPS_ONE)
            gained = wanted - trigger if ask else trigger - wanted
            if gained > 0 and gained * BPS_ONE >= trigger * 50:
                trails.append(ref)
    found = due_orders(orders, dormant, prices, NOW_MS, 50)
    assert [part.tolist() for part in found] == [fires, trails]
    assert len(fires) > 20 and trails


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    orders, users = empty_accounts(3)
    with pytest.raises(ShapeError):
        waiting_orders(orders, users[:2], NOW_MS, SLOT)
    with pytest.raises(ShapeError):
        due_orders(orders, np.zeros(1, np.int64), np.zeros((MARKETS_MAX, SOURCES), np.int64), NOW_MS, 0)
    assert [len(part) for part in waiting_orders(orders[:0], users[:0], NOW_MS, SLOT)] == [0, 0, 0]
