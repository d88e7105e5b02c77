"""Which orders of an account may still trade, and which of them are in the book."""

from __future__ import annotations

from typing import Any

import pytest

import evertide
from evertide import Order, OrderKind, TimeInForce, constants


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
    assert evertide.is_live(order, orders_epoch=epoch, now_ms=now_ms, slot=slot) is live
    assert evertide.rests(order, now_ms=now_ms) is rests
