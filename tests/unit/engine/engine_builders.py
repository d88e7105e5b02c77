"""Records for the engine's tests, built field by field from the generated layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from evertide_engine._generated.constants import INDEX_ONE, MARKETS_MAX
from evertide_engine._generated.layouts import ORDERS, USER
from evertide_engine.markets import MarketColumns


def key_of(row: int) -> bytes:
    """A distinct 32-byte address for a row."""
    return (row + 1).to_bytes(8, "little") + bytes([7]) * 24


def authority_of(number: int) -> np.ndarray:
    """A distinct authority."""
    return np.frombuffer((number + 1).to_bytes(8, "little") + bytes([9]) * 24, np.uint8)


def empty_accounts(count: int) -> tuple[Any, Any]:
    """`count` Orders and User records, all slots free, every account with an authority of its own."""
    orders, users = np.zeros(count, ORDERS), np.zeros(count, USER)
    for row in range(count):
        users["authority"][row] = authority_of(row)
    return orders, users


def put_order(orders: Any, row: int, slot: int, **fields: Any) -> None:
    """Write one order; `auction_start_ticks` or `first_term`, `second_term`, `max_slippage_bps` go into its terms."""
    order = orders["orders"][row, slot]
    terms = order["terms"]
    terms[0] = (fields.pop("auction_start_ticks", 0) + fields.pop("first_term", 0)) % 2**64
    terms[1] = fields.pop("second_term", 0)
    terms[2] = fields.pop("max_slippage_bps", 0)
    for name, value in fields.items():
        order[name] = value
    orders["order_count"][row] += 1


def put_position(users: Any, row: int, slot: int, market: int, lots: int, a: int = INDEX_ONE, epoch: int = 0) -> None:
    """Write one position of `lots` at size factor `a`."""
    position = users["positions"][row, slot]
    position["market_plus_one"] = market + 1
    position["basis_lots"] = lots
    position["a_snapshot"] = a if lots else 0
    position["epoch"] = epoch
    users["position_count"][row] += 1


def open_markets(index_ticks: int, tick_value: int = 10, band: tuple[int, int] = (1, 1 << 39)) -> MarketColumns:
    """All markets priced at `index_ticks`, whole A, wide band."""
    columns = MarketColumns.empty()
    columns.index_price_q32[:] = (index_ticks * tick_value) << 32
    columns.tick_value[:] = tick_value
    columns.band_low_ticks[:], columns.band_high_ticks[:] = band
    columns.a[:] = INDEX_ONE
    assert columns.a.shape == (MARKETS_MAX, 2)
    return columns
