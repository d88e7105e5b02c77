"""Which orders of an account may still trade, and which of them are in the book."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import evertide
from evertide import Order, OrderKind, TimeInForce, constants
from evertide.math import OracleAction


def resting(**change: Any) -> Order:
    values = {name: 0 for name, _ in Order.WIRE} | {"terms": (0, 0, 0), "order_id": 5, "size_lots": 1}
    return Order(**(values | {"placed_slot": 100, "placed_ms": 10_000, "taker_phase_s": 12} | change))


@pytest.mark.parametrize(
    ("change", "epoch", "now_ms", "slot", "live", "rests"),
    [
        ({}, 0, 21_999, 500, True, False),
        ({}, 0, 22_000, 500, True, True),
        ({"order_id": 0}, 0, 30_000, 500, False, True),
        ({}, 5, 30_000, 500, True, True),
        ({}, 6, 30_000, 500, False, True),
        ({"expiry_ms": 30_001}, 0, 30_000, 500, True, True),
        ({"expiry_ms": 30_000}, 0, 30_000, 500, False, True),
        ({"time_in_force": TimeInForce.POST_ONLY, "taker_phase_s": 0}, 0, 10_000, 100, True, True),
        ({"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL}, 0, 10_000, 130, True, False),
        ({"time_in_force": TimeInForce.FILL_OR_KILL}, 0, 90_000, 131, False, False),
        ({"kind": OrderKind.MARKET}, 0, 10_000, 131, False, False),
        ({"kind": OrderKind.STOP_LIMIT, "flags": constants.ORDER_FLAG_DORMANT}, 0, 30_000, 500, True, False),
        ({"kind": OrderKind.MARKET, "flags": constants.ORDER_FLAG_DORMANT}, 0, 30_000, 500, True, False),
        ({"kind": OrderKind.TWAP}, 0, 30_000, 500, True, False),
        ({"size_lots": 0}, 0, 30_000, 500, True, False),
    ],
)
def test_which_orders_live_and_which_rest(
    change: dict[str, int], epoch: int, now_ms: int, slot: int, live: bool, rests: bool
) -> None:
    order = resting(**change)
    known = {"orders_epoch": epoch, "now_ms": now_ms, "slot": slot}
    assert evertide.is_live(order, cancel_all_after_ms=0, **known) is live
    assert evertide.is_live(order, cancel_all_after_ms=now_ms + 1, **known) is live
    assert not evertide.is_live(order, cancel_all_after_ms=now_ms, **known)
    assert not evertide.is_live(order, cancel_all_after_ms=1, **known)
    assert evertide.rests(order, now_ms=now_ms) is rests


@pytest.mark.parametrize(
    ("epoch", "deadline_ms", "void"),
    [(0, 0, False), (5, 0, False), (6, 0, True), (0, 29_999, True), (0, 30_000, True), (0, 30_001, False)],
)
def test_a_liquidation_and_the_dead_mans_deadline_void_all_orders(epoch: int, deadline_ms: int, void: bool) -> None:
    found = evertide.is_void(resting(), orders_epoch=epoch, cancel_all_after_ms=deadline_ms, now_ms=30_000)
    assert found is void


ASK = constants.ORDER_FLAG_ASK
HALF_TICK_Q32 = (1_000 * 10 + 5) << 32


@pytest.mark.parametrize(
    ("change", "price"),
    [
        ({"kind": OrderKind.PEGGED, "price_ticks": 1_100, "terms": (3, 0, 0)}, 1_003),
        ({"kind": OrderKind.PEGGED, "price_ticks": 1_100, "terms": ((1 << 64) - 3, 0, 0)}, 997),
        ({"kind": OrderKind.PEGGED, "price_ticks": 1_001, "terms": (3, 0, 0)}, 1_001),
        ({"kind": OrderKind.PEGGED, "price_ticks": 900, "terms": (3, 0, 0), "flags": ASK}, 1_004),
        ({"kind": OrderKind.PEGGED, "price_ticks": 1_010, "terms": (3, 0, 0), "flags": ASK}, 1_010),
        ({"kind": OrderKind.PEGGED, "price_ticks": 900, "terms": ((1 << 64) - 1_001, 0, 0), "flags": ASK}, None),
        ({"kind": OrderKind.PEGGED, "price_ticks": 900, "terms": (1 << 62, 0, 0), "flags": ASK}, None),
        ({"kind": OrderKind.ICEBERG, "price_ticks": 990, "terms": (3, 9, 0)}, 990),
        ({"price_ticks": 990}, 990),
    ],
)
def test_the_price_at_which_an_order_rests(change: dict[str, Any], price: int | None) -> None:
    found = evertide.effective_ticks(resting(**change), index_q32=HALF_TICK_Q32, atoms_per_lot_tick=10)
    assert found == price


def oracle_market(**change: Any) -> Any:
    """What `pegs_ready` reads of a market: its oracle's ages and matrix, the validity and time of its price."""
    refused = [0] * 8
    refused[OracleAction.PEGGED_ORDER] = constants.STALE_FOR_FILLS | constants.TOO_VOLATILE
    rules = SimpleNamespace(stale_margin_ms=2_000, stale_fill_ms=1_000, refused=refused)
    return SimpleNamespace(terms=SimpleNamespace(oracle=rules), **({"validity": 0, "publish_time_ms": 10_000} | change))


@pytest.mark.parametrize(
    ("change", "placed_ms", "now_ms", "ready"),
    [
        ({}, 9_999, 11_000, True),
        ({}, 10_000, 11_000, False),
        ({}, 9_999, 11_001, False),
        ({"validity": constants.TOO_VOLATILE}, 9_999, 11_000, False),
        # The stored bit is of when the price came; what counts is its age now.
        ({"validity": constants.STALE_FOR_FILLS}, 9_999, 11_000, True),
        ({"validity": constants.FEW_SAMPLES}, 9_999, 11_000, True),
    ],
)
def test_when_pegged_orders_are_ready(change: dict[str, int], placed_ms: int, now_ms: int, ready: bool) -> None:
    assert evertide.pegs_ready(oracle_market(**change), taker_placed_ms=placed_ms, now_ms=now_ms) is ready
