"""Compile every kernel of the scans, or load it from the cache, before the first one is needed."""

from __future__ import annotations

import numpy as np

from ._generated.constants import MARKETS_MAX, ORDER_FLAG_ASK, TriggerSource
from .candles import Candles
from .crossing import resting, scan
from .crossing_index import CrossingIndex
from .layouts import ORDERS, RISK_CACHE, USER
from .liquidation import RiskColumns, liquidations, margins
from .margin import MarginKind, value
from .markets import MarketColumns
from .scenarios import stress
from .waiting import due_orders, waiting_orders

NOW_MS, SLOT = 1, 1 << 20
ONE_LOT_ATOM_Q32 = 1 << 32


def warm_up() -> int:
    """Scan a bid and an ask that cross, and value their owners; returns the number of matches found, which is 1.

    Some seconds on a machine that has compiled none of it yet, some hundredths later. Call it where a first step must
    not be slow; it touches no state.
    """
    orders, users, cache = np.zeros(2, ORDERS), np.zeros(2, USER), np.zeros(1, RISK_CACHE)
    users["authority"][1, 0] = 1
    keys = np.zeros((2, 4), np.uint64)
    keys[1, 0] = 1
    orders["order_count"] = 1
    rows = orders["orders"][:, 0]
    rows["order_id"], rows["price_ticks"], rows["size_lots"] = 1, 1_000, 1
    rows["flags"][1] = ORDER_FLAG_ASK
    markets = MarketColumns.empty()
    markets.index_price_q32[0], markets.tick_value[0] = 1_000 * ONE_LOT_ATOM_Q32, 1
    markets.band_low_ticks[0], markets.band_high_ticks[0] = 1, 1 << 20
    value(users, cache[0], MarginKind.FILL, NOW_MS)
    columns = RiskColumns(users, cache[0])
    liquidations(users, cache[0], NOW_MS, columns)
    margins(users, cache[0], NOW_MS, columns)
    stress(users, cache[0], NOW_MS, columns, np.zeros((1, MARKETS_MAX), np.int64))
    candles, one = Candles(1, 1, trades_capacity=1), np.ones(1, np.int64)
    candles.add(one, one, one, one)
    candles.drop_before(0)
    candles.rows(0, 2)
    resting(orders, keys, users, markets, NOW_MS, SLOT)
    waits = waiting_orders(orders, users, NOW_MS, SLOT)
    due_orders(orders, waits.dormant, np.zeros((MARKETS_MAX, len(TriggerSource), 2), np.int64), NOW_MS, 0)
    index = CrossingIndex(orders[:1], capacity=2)
    index.update(orders, np.zeros(1, np.int64))
    index.scan(orders, keys, users, markets, NOW_MS, SLOT)
    return len(scan(orders, keys, users, markets, NOW_MS, SLOT))
