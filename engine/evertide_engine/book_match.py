"""Kernels of the book's operations: place, take, cancel, modify, and the batch that runs them."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import SelfTradeRule, TimeInForce
from .book_layout import Code, Outcome
from .book_levels import (
    append_row,
    best_level,
    insert_row,
    level_of,
    remove_row,
    table_slot,
    unlink_row,
    worse_level,
)
from .wide import Int

IMMEDIATE, FILL_OR_KILL = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
POST_ONLY, POST_ONLY_SLIDE = int(TimeInForce.POST_ONLY), int(TimeInForce.POST_ONLY_SLIDE)
CANCEL_NEWEST, CANCEL_OLDEST = int(SelfTradeRule.CANCEL_NEWEST), int(SelfTradeRule.CANCEL_OLDEST)
LIMIT, MARKET, CANCEL, MODIFY, REST, AMEND = (int(code) for code in Code)
RESTED, FILLED, CANCELLED = int(Outcome.RESTED), int(Outcome.FILLED), int(Outcome.CANCELLED)
DUPLICATE_ID, UNKNOWN_ID = int(Outcome.DUPLICATE_ID), int(Outcome.UNKNOWN_ID)
WOULD_TAKE, NOT_FILLABLE, EXPIRED = int(Outcome.WOULD_TAKE), int(Outcome.NOT_FILLABLE), int(Outcome.EXPIRED)
PRICE_OUTSIDE, BAD_SIZE = int(Outcome.PRICE_OUTSIDE), int(Outcome.BAD_SIZE)
NOTHING_TO_REDUCE, BOOK_FULL, BAD_CODE = (
    int(Outcome.NOTHING_TO_REDUCE),
    int(Outcome.BOOK_FULL),
    int(Outcome.BAD_CODE),
)
LOTS_LIMIT = 1 << 62


@njit(cache=True)
def reducing(book: Int, positions: Int, owner: Int, side: Int, lots: Int) -> Int:
    """The part of `lots` that only reduces the owner's position."""
    held = positions[owner]
    return min(lots, max(held if side == 1 else -held, 0))


@njit(cache=True)
def crosses(side: Int, limit_ticks: Int, price_ticks: Int) -> bool:
    """Whether an order of `side` with this limit meets a resting price."""
    return bool(price_ticks <= limit_ticks if side == 0 else price_ticks >= limit_ticks)


@njit(cache=True)
def maker_lots(book: Int, rows: Int, positions: Int, row: Int, now_ms: Int) -> Int:
    """Lots that a resting order can trade now: 0 when it is expired or has nothing left to reduce."""
    if rows[row].expiry_ms != 0 and now_ms > rows[row].expiry_ms:
        return np.int64(0)
    if rows[row].reduce_only:
        return reducing(book, positions, rows[row].owner, np.int64(rows[row].side), rows[row].lots)
    return rows[row].lots


@njit(cache=True)
def fillable(book: Int, rows: Int, positions: Int, operation: Int, lots: Int) -> bool:
    """Whether `lots` can be filled at once, for certain.

    An own order met on the way ends what can be; a reduce-only order counts for nothing, because what it can trade
    depends on the fills before it.
    """
    side = np.int64(operation.side)
    level = best_level(book, 1 - side)
    while level >= 0 and crosses(side, operation.price_ticks, level + book.base_ticks):
        row = book.head[1 - side, level]
        while row >= 0:
            if rows[row].owner == operation.owner:
                return False
            if not rows[row].reduce_only:
                lots -= maker_lots(book, rows, positions, row, operation.now_ms)
            if lots <= 0:
                return True
            row = rows[row].next
        level = worse_level(book, 1 - side, level)
    return False


@njit(cache=True)
def write_fill(book: Int, rows: Int, positions: Int, fills: Int, operation: Int, row: Int, lots: Int, at: Int) -> None:
    """Record a fill and move both positions; the caller has made room."""
    count = book.fill_count
    fills[count].taker_id = operation.order_id
    fills[count].maker_id = rows[row].order_id
    fills[count].price_ticks = rows[row].price_ticks
    fills[count].lots = lots
    fills[count].operation = at
    book.fill_count = count + 1
    change = lots if operation.side == 0 else -lots
    positions[operation.owner] += change
    positions[rows[row].owner] -= change


@njit(cache=True)
def shrink_row(book: Int, rows: Int, table: Int, row: Int, level: Int, lots: Int) -> None:
    """Take lots off a resting order; it leaves the book when none remain."""
    if lots == rows[row].lots:
        remove_row(book, rows, table, row)
        return
    rows[row].lots -= lots
    book.level_lots[1 if rows[row].side else 0, level] -= lots


@njit(cache=True)
def take(book: Int, rows: Int, table: Int, positions: Int, operation: Int, lots: Int, fills: Int, at: Int) -> Int:
    """`(lots left, stopped)`: match an incoming order against the other side while its limit is met.

    `stopped` is True when a self-trade rule or its own position ended the order. Every fill but the last empties a
    maker, so that the number of resting orders bounds the fills that the caller must have room for.
    """
    side = np.int64(operation.side)
    while lots > 0:
        level = best_level(book, 1 - side)
        if level < 0 or not crosses(side, operation.price_ticks, level + book.base_ticks):
            break
        row = np.int64(book.head[1 - side, level])
        available = maker_lots(book, rows, positions, row, operation.now_ms)
        if available == 0:
            remove_row(book, rows, table, row)
            continue
        if rows[row].owner == operation.owner:
            if operation.self_trade == CANCEL_NEWEST:
                return lots, True
            if operation.self_trade == CANCEL_OLDEST:
                remove_row(book, rows, table, row)
            else:
                size = min(lots, rows[row].lots)
                lots -= size
                shrink_row(book, rows, table, row, level, size)
            continue
        size = min(lots, available)
        if operation.reduce_only:
            size = reducing(book, positions, operation.owner, side, size)
            if size == 0:
                return lots, True
        write_fill(book, rows, positions, fills, operation, row, size, at)
        rows[row].filled_lots += size
        lots -= size
        shrink_row(book, rows, table, row, level, size)
    return lots, False


@njit(cache=True)
def refusal(book: Int, rows: Int, positions: Int, operation: Int) -> Int:
    """Why an order cannot be placed, its id apart; `RESTED` when it can."""
    side, lots = np.int64(operation.side), operation.lots
    if not 0 < lots < LOTS_LIMIT:
        return BAD_SIZE
    if operation.expiry_ms != 0 and operation.now_ms > operation.expiry_ms:
        return EXPIRED
    if level_of(book, operation.price_ticks) < 0:
        return PRICE_OUTSIDE
    wanted = reducing(book, positions, operation.owner, side, lots) if operation.reduce_only else lots
    if wanted == 0:
        return NOTHING_TO_REDUCE
    if operation.time_in_force in (POST_ONLY, POST_ONLY_SLIDE):
        price = slid_price(book, side, operation.price_ticks)
        if price != operation.price_ticks and operation.time_in_force == POST_ONLY:
            return WOULD_TAKE
        return RESTED if level_of(book, price) >= 0 else PRICE_OUTSIDE
    if operation.time_in_force == FILL_OR_KILL and (
        wanted < lots or not fillable(book, rows, positions, operation, lots)
    ):
        return NOT_FILLABLE
    return RESTED


@njit(cache=True)
def execute(book: Int, rows: Int, table: Int, positions: Int, operation: Int, fills: Int, at: Int) -> Int:
    """Match and rest an order that `refusal` has let pass; its outcome."""
    price, left = operation.price_ticks, operation.lots
    if operation.time_in_force in (POST_ONLY, POST_ONLY_SLIDE):
        price = slid_price(book, np.int64(operation.side), price)
    else:
        left, stopped = take(book, rows, table, positions, operation, left, fills, at)
        if left == 0:
            return FILLED
        if stopped or operation.code == MARKET or operation.time_in_force in (IMMEDIATE, FILL_OR_KILL):
            return CANCELLED
    return RESTED if insert_row(book, rows, table, operation, price, left, operation.lots - left) >= 0 else BOOK_FULL


@njit(cache=True)
def place(book: Int, rows: Int, table: Int, positions: Int, operation: Int, fills: Int, at: Int) -> Int:
    """Place a limit or market order; its outcome."""
    if operation.order_id == np.uint64(0) or table[table_slot(book, rows, table, operation.order_id)] >= 0:
        return DUPLICATE_ID
    refused = refusal(book, rows, positions, operation)
    return execute(book, rows, table, positions, operation, fills, at) if refused == RESTED else refused


@njit(cache=True)
def slid_price(book: Int, side: Int, price_ticks: Int) -> Int:
    """The best price not beyond `price_ticks` at which an order of `side` does not cross."""
    level = best_level(book, 1 - side)
    if level < 0:
        return price_ticks
    other = level + book.base_ticks
    return min(price_ticks, other - 1) if side == 0 else max(price_ticks, other + 1)


@njit(cache=True)
def modify(
    book: Int, rows: Int, table: Int, positions: Int, operation: Int, fills: Int, at: Int, recorded: bool
) -> Int:
    """Change a resting order: a mere reduction keeps its place, anything else is cancelled and placed anew.

    A change that could not be placed is refused and leaves the order as it was.
    """
    row = np.int64(table[table_slot(book, rows, table, operation.order_id)])
    if row < 0:
        return UNKNOWN_ID
    if operation.side != rows[row].side or operation.owner != rows[row].owner:
        return UNKNOWN_ID
    if not 0 < operation.lots < LOTS_LIMIT:
        return BAD_SIZE
    level = rows[row].price_ticks - book.base_ticks
    if operation.price_ticks == rows[row].price_ticks and operation.lots <= rows[row].lots:
        book.level_lots[np.int64(operation.side), level] -= rows[row].lots - operation.lots
        rows[row].lots = operation.lots
        return RESTED
    if recorded:
        if level_of(book, operation.price_ticks) < 0:
            return PRICE_OUTSIDE
        unlink_row(book, rows, row)
        rows[row].price_ticks = operation.price_ticks
        rows[row].lots = operation.lots
        append_row(book, rows, row, level_of(book, operation.price_ticks))
        return RESTED
    refused = refusal(book, rows, positions, operation)
    if refused != RESTED:
        return refused
    remove_row(book, rows, table, row)
    return execute(book, rows, table, positions, operation, fills, at)


@njit(cache=True)
def run(
    book: Int, rows: Int, table: Int, positions: Int, operations: Int, fills: Int, outcomes: Int, first: Int
) -> Int:
    """Run a batch from index `first`; the index reached, short of the end only when `fills` is full.

    An operation is run whole or not at all: it starts only where the room left for fills covers every resting order.
    """
    for at in range(first, operations.shape[0]):
        code = operations[at].code
        if code == CANCEL:
            row = np.int64(table[table_slot(book, rows, table, operations[at].order_id)])
            if row >= 0:
                remove_row(book, rows, table, row)
            outcomes[at] = CANCELLED if row >= 0 else UNKNOWN_ID
        elif code in (MODIFY, AMEND):
            if book.fill_count + rows.shape[0] > fills.shape[0]:
                return at
            outcomes[at] = modify(book, rows, table, positions, operations[at], fills, at, code == AMEND)
        elif code == REST:
            outcomes[at] = rest(book, rows, table, operations[at])
        elif code in (LIMIT, MARKET):
            if book.fill_count + rows.shape[0] > fills.shape[0]:
                return at
            outcomes[at] = place(book, rows, table, positions, operations[at], fills, at)
        else:
            outcomes[at] = BAD_CODE
    return operations.shape[0]


@njit(cache=True)
def rest(book: Int, rows: Int, table: Int, operation: Int) -> Int:
    """Rest a recorded order without matching."""
    if not 0 < operation.lots < LOTS_LIMIT:
        return BAD_SIZE
    if level_of(book, operation.price_ticks) < 0:
        return PRICE_OUTSIDE
    if table[table_slot(book, rows, table, operation.order_id)] >= 0 or operation.order_id == np.uint64(0):
        return DUPLICATE_ID
    row = insert_row(book, rows, table, operation, operation.price_ticks, operation.lots, np.int64(0))
    return RESTED if row >= 0 else BOOK_FULL
