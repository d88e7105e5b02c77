"""Kernels of the crossing index: how far each account's orders of each market could ever reach, and who could meet.

A reach is the price in ticks that no order of an account's side passes at any time: the best of its own limits and of
where its taker phases begin. It follows from the account alone, not from the clock or the index price, so that it
stays true until the account changes.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import MARKETS_MAX, ORDER_FLAG_ASK, ORDER_FLAG_DORMANT, ORDERS_MAX, OrderKind
from .wide import ONE, ZERO, Int

BLOCK = 128
"""Accounts whose best reach is kept together."""
LOWEST, HIGHEST = -1, (1 << 63) - 1
"""Reach of a side without orders: a bid below every price, an ask above."""
FLAG_ASK, FLAG_DORMANT = int(ORDER_FLAG_ASK), int(ORDER_FLAG_DORMANT)
KIND_MARKET, KIND_PEGGED, KIND_ICEBERG = int(OrderKind.MARKET), int(OrderKind.PEGGED), int(OrderKind.ICEBERG)
MARKETS, SLOTS = int(MARKETS_MAX), int(ORDERS_MAX)
TICKS_MOST = (1 << 63) - 1


@njit(cache=True)
def in_ticks(value: Int) -> Int:
    """A `uint64` that should be ticks; beyond every price where it is not."""
    return np.int64(value) if value < np.uint64(TICKS_MOST) else np.int64(TICKS_MOST)


@njit(cache=True)
def read_account(account: Int, row: Int, bid, ask, touched) -> Int:
    """Write the reaches of one account of `ORDERS`; the bits of the markets that it touched before or touches now."""
    before, now, left = touched[row], ZERO, np.int64(account.order_count)
    for market in range(MARKETS):
        if before >> np.uint64(market) & ONE:
            bid[market, row], ask[market, row] = LOWEST, HIGHEST
    for at in range(SLOTS):
        order = account.orders[at]
        if left == 0:
            break
        if order.order_id == ZERO:
            continue
        left -= 1
        where, what = np.int64(order.market_index), np.int64(order.kind)
        tradable = what <= KIND_MARKET or what in (KIND_PEGGED, KIND_ICEBERG)
        if not tradable or where >= MARKETS or np.int64(order.flags) & FLAG_DORMANT != 0:
            continue
        now = now | (ONE << np.uint64(where))
        own = in_ticks(order.price_ticks)
        start = in_ticks(order.terms[0]) if what <= KIND_MARKET and order.terms[0] != ZERO else own
        if np.int64(order.flags) & FLAG_ASK != 0:
            ask[where, row] = min(ask[where, row], min(own, start))
        else:
            bid[where, row] = max(bid[where, row], max(own, start))
    touched[row] = now
    return before | now


@njit(cache=True)
def renew_block(market: Int, block: Int, bid, ask, block_bid, block_ask) -> None:
    """Take the best reaches of a block's accounts into those of the block."""
    high, low = np.int64(LOWEST), np.int64(HIGHEST)
    for row in range(block * BLOCK, (block + 1) * BLOCK):
        high, low = max(high, bid[market, row]), min(low, ask[market, row])
    block_bid[market, block], block_ask[market, block] = high, low


@njit(cache=True)
def renew_market(market: Int, blocks: Int, block_bid, block_ask, best) -> None:
    """Take the best reaches of the blocks into those of the market."""
    high, low = np.int64(LOWEST), np.int64(HIGHEST)
    for block in range(blocks):
        high, low = max(high, block_bid[market, block]), min(low, block_ask[market, block])
    best[market, 0], best[market, 1] = high, low


@njit(cache=True)
def read_rows(orders, rows, blocks: Int, bid, ask, touched, block_bid, block_ask, best) -> None:
    """Take changed accounts in: their reaches, and the best of the blocks and markets that they touch."""
    stale = ZERO
    for at in range(rows.shape[0]):
        row = rows[at]
        marked = read_account(orders[row], row, bid, ask, touched)
        stale = stale | marked
        for market in range(MARKETS):
            if marked >> np.uint64(market) & ONE:
                renew_block(market, row // BLOCK, bid, ask, block_bid, block_ask)
    for market in range(MARKETS):
        if stale >> np.uint64(market) & ONE:
            renew_market(market, blocks, block_bid, block_ask, best)


@njit(cache=True)
def read_all(orders, count: Int, blocks: Int, bid, ask, touched, block_bid, block_ask, best) -> None:
    """Take every account in, each block once."""
    for row in range(count):
        read_account(orders[row], row, bid, ask, touched)
    for market in range(MARKETS):
        for block in range(blocks):
            renew_block(market, block, bid, ask, block_bid, block_ask)
        renew_market(market, blocks, block_bid, block_ask, best)


@njit(cache=True)
def meeting_rows(count: Int, blocks: Int, bid, ask, block_bid, block_ask, best, marks, out) -> Int:
    """Write, rising, the rows with an order that could meet one of the other side; their number. `marks`: all False."""
    found = 0
    for market in range(MARKETS):
        high, low = best[market, 0], best[market, 1]
        if high < low:
            continue
        for block in range(blocks):
            if block_bid[market, block] < low and block_ask[market, block] > high:
                continue
            for row in range(block * BLOCK, min((block + 1) * BLOCK, count)):
                if (bid[market, row] >= low or ask[market, row] <= high) and not marks[row]:
                    marks[row] = True
                    out[found] = row
                    found += 1
    out[:found].sort()
    for at in range(found):
        marks[out[at]] = False
    return found
