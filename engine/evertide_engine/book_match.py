"""Kernels of matching: one order, incoming or resting, against the other side of the book."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import SelfTradeRule, TimeInForce
from .book_layout import LEVELS
from .book_levels import best_level, reaches, worse_level
from .book_margin import HOLDS, MAKER_FAILS, TAKER_FAILS, remember, roll_back, try_fill, uncount
from .book_memory import account_at, fill_at, level_at, row_at
from .book_rows import (
    EXPIRED_LOTS,
    ICEBERG,
    NOTHING_TO_REDUCE_LOTS,
    PEGGED,
    SELF_TRADE,
    cancel_row,
    drop_row,
    hidden_lots,
    note_cancelled,
    reducing,
    refill,
    remove_row,
)
from .wide import Int

GOOD_TILL_CANCELLED = int(TimeInForce.GOOD_TILL_CANCELLED)
IMMEDIATE, FILL_OR_KILL = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
POST_ONLY, POST_ONLY_SLIDE = int(TimeInForce.POST_ONLY), int(TimeInForce.POST_ONLY_SLIDE)
CANCEL_NEWEST, CANCEL_OLDEST = int(SelfTradeRule.CANCEL_NEWEST), int(SelfTradeRule.CANCEL_OLDEST)
LAST_TURN = (1 << 63) - 1
"""Turn of an incoming order: behind every resting one."""


@njit(cache=True)
def is_dead(order: Int, now_ms: Int) -> bool:
    """Whether an order is past its expiry."""
    return bool(order.expiry_ms != 0 and now_ms >= order.expiry_ms)


@njit(cache=True)
def may_make(book: Int, maker: Int, placed_ms: Int, turn: Int) -> bool:
    """Whether a resting order is older than its taker, and its index, when it is pegged, younger."""
    return bool(maker.turn < turn and (maker.kind != PEGGED or book.index_publish_ms > placed_ms))


@njit(cache=True)
def fillable(book: Int, operation: Int, limit_level: Int) -> bool:
    """Whether all of an incoming order can be filled at once, for certain.

    An own order met on the way ends what can be, unless the rule takes it out; a reduce-only order counts for nothing,
    because what it can trade depends on the fills before it.
    """
    side, lots = np.int64(operation.side), operation.lots
    placed_ms = operation.now_ms - np.int64(operation.age_ms)
    level = best_level(book, 1 - side)
    while level >= 0 and reaches(side, limit_level, level):
        row = np.int64(level_at(book.levels, (1 - side) * LEVELS + level).head)
        while row >= 0:
            maker = row_at(book.rows, row)
            if not is_dead(maker, operation.now_ms) and may_make(book, maker, placed_ms, LAST_TURN):
                if maker.owner == operation.owner:
                    if operation.self_trade != CANCEL_OLDEST:
                        return False
                elif not maker.reduce_only:
                    lots -= maker.lots + hidden_lots(book, row)
                    if lots <= 0:
                        return True
            row = np.int64(maker.next)
        level = worse_level(book, 1 - side, level)
    return False


@njit(cache=True)
def forget(book: Int, row: Int) -> None:
    """Uncount an order that would leave the book, noted for `roll_back`."""
    order = row_at(book.rows, row)
    if not order.reduce_only:
        remember(book, np.int64(order.owner))
        uncount(book, np.int64(order.owner), np.int64(order.side), order.lots + hidden_lots(book, row))


@njit(cache=True)
def rehearse_level(book: Int, operation: Int, level: Int, lots: Int) -> Int:
    """Lots left of an all-or-nothing order after one level, on the accounts alone; -1 when it is certain to fail.

    The hidden part of an iceberg ends what is certain: it comes after others of its level.
    """
    side, owner = np.int64(operation.side), np.int64(operation.owner)
    placed_ms = operation.now_ms - np.int64(operation.age_ms)
    row = np.int64(level_at(book.levels, (1 - side) * LEVELS + level).head)
    while row >= 0 and lots > 0:
        maker = row_at(book.rows, row)
        if is_dead(maker, operation.now_ms):
            forget(book, row)
        elif may_make(book, maker, placed_ms, LAST_TURN):
            size = min(lots, maker.lots)
            if maker.owner == operation.owner:
                if operation.self_trade != CANCEL_OLDEST:
                    return np.int64(-1)
                forget(book, row)
                size = np.int64(0)
            elif maker.reduce_only:
                size = reducing(book, np.int64(maker.owner), 1 - side, size)
            if size != 0:
                verdict = try_fill(book, row, owner, side, size, operation.reduce_only != 0)
                if verdict == TAKER_FAILS:
                    return np.int64(-1)
                if verdict != MAKER_FAILS:
                    lots -= size
                    if lots > 0 and hidden_lots(book, row) != 0:
                        return np.int64(-1)
        row = np.int64(maker.next)
    return lots


@njit(cache=True)
def rehearse(book: Int, operation: Int, limit_level: Int) -> bool:
    """Whether all of an incoming order can be filled at once with margin; the accounts are as before afterwards."""
    side, lots, mark = np.int64(operation.side), operation.lots, book.undo_count
    level = best_level(book, 1 - side)
    while level >= 0 and lots > 0 and reaches(side, limit_level, level):
        lots = rehearse_level(book, operation, level, lots)
        level = worse_level(book, 1 - side, level)
    roll_back(book, mark)
    return bool(lots == 0)


@njit(cache=True)
def write_fill(book: Int, taker_id: Int, owner: Int, side: Int, row: Int, lots: Int, at: Int) -> None:
    """Record a fill, move both positions and take the lots off the maker; the caller has made room."""
    maker = row_at(book.rows, row)
    fill = fill_at(book.fills, book.fill_count)
    fill.taker_id = taker_id
    fill.maker_id = maker.order_id
    fill.price_ticks = book.base_ticks + np.int64(maker.level)
    fill.lots = lots
    fill.operation = at
    book.fill_count += 1
    book.executed_lots += 2 * lots
    if book.margin == 0:
        change = lots if side == 0 else -lots
        account_at(book.accounts, owner).basis_lots += change
        account_at(book.accounts, np.int64(maker.owner)).basis_lots -= change
    maker.lots -= lots
    level_at(book.levels, (1 - side) * LEVELS + np.int64(maker.level)).lots -= lots


@njit(cache=True)
def settle_row(book: Int, row: Int, at: Int) -> bool:
    """Whether a resting order still stands where it stood, after lots of it were filled.

    One without lots leaves the book or, an iceberg, goes behind all others with its next part; a reduce-only order
    whose position is closed leaves with all it has.
    """
    order = row_at(book.rows, row)
    if order.reduce_only and account_at(book.accounts, np.int64(order.owner)).basis_lots == 0:
        drop_row(book, row, at, NOTHING_TO_REDUCE_LOTS)
        return False
    if order.lots != 0:
        return True
    if order.kind == ICEBERG and hidden_lots(book, row) != 0:
        refill(book, row)
    else:
        remove_row(book, row)
    return False


@njit(cache=True)
def meet_own(book: Int, rule: Int, reduce_only: bool, taker_id: Int, row: Int, lots: Int, at: Int) -> Int:
    """Lots that the taker loses by its self-trade rule with an own order, which shrinks or leaves as the rule says."""
    maker = row_at(book.rows, row)
    owner, side = np.int64(maker.owner), 1 - np.int64(maker.side)
    if rule == CANCEL_NEWEST:
        lost = lots
    elif rule == CANCEL_OLDEST:
        cancel_row(book, row, at, SELF_TRADE)
        return np.int64(0)
    else:
        lost = min(lots, maker.lots)
        if lost == maker.lots:
            cancel_row(book, row, at, SELF_TRADE)
        else:
            note_cancelled(book, maker.order_id, lost, at, SELF_TRADE)
            if book.margin != 0 and not maker.reduce_only:
                uncount(book, np.int64(maker.owner), np.int64(maker.side), lost)
            maker.lots -= lost
            level_at(book.levels, np.int64(maker.side) * LEVELS + np.int64(maker.level)).lots -= lost
    if book.margin != 0 and not reduce_only:
        uncount(book, owner, side, lost)
    note_cancelled(book, taker_id, lost, at, SELF_TRADE)
    return lost


@njit(cache=True)
def take_level(
    book: Int, at: Int, now_ms: Int, placed_ms: Int, turn: Int, taker_id: Int, owner: Int, side: Int, self_trade: Int,
    reduce_only: bool, level: Int, lots: Int,
) -> Int:  # fmt: skip
    """`(lots left, lots lost, stopped)`: match an order with the rows of one level, first in first out."""
    lost = np.int64(0)
    row = np.int64(level_at(book.levels, (1 - side) * LEVELS + level).head)
    while row >= 0 and lots > 0:
        maker = row_at(book.rows, row)
        after = np.int64(maker.next)
        if is_dead(maker, now_ms):
            cancel_row(book, row, at, EXPIRED_LOTS)
        elif not may_make(book, maker, placed_ms, turn):
            pass
        elif maker.owner == owner:
            part = meet_own(book, self_trade, reduce_only, taker_id, row, lots, at)
            lots -= part
            lost += part
        else:
            size = min(lots, maker.lots)
            if maker.reduce_only:
                size = reducing(book, np.int64(maker.owner), 1 - side, size)
            verdict = np.int64(HOLDS)
            if size != 0 and book.margin != 0:
                verdict = np.int64(try_fill(book, row, owner, side, size, reduce_only))
                book.undo_count = 0
            if verdict == TAKER_FAILS:
                return lots, lost, True
            if size == 0:
                cancel_row(book, row, at, NOTHING_TO_REDUCE_LOTS)
            elif verdict == HOLDS:
                write_fill(book, taker_id, owner, side, row, size, at)
                lots -= size
                is_last = after < 0
                stands = settle_row(book, row, at)
                # An iceberg's next part is met again, after all others of its level.
                if is_last and not stands and maker.order_id != np.uint64(0):
                    after = row
        row = after
    return lots, lost, False


@njit(cache=True)
def take(
    book: Int, at: Int, now_ms: Int, placed_ms: Int, turn: Int, taker_id: Int, owner: Int, side: Int, self_trade: Int,
    reduce_only: bool, limit_level: Int, lots: Int,
) -> Int:  # fmt: skip
    """`(lots left, lots lost, stopped)`: match an order against the other side while its limit is met.

    `stopped` is True when a fill would have left its owner below the margin that it needs.
    What it lost by its self-trade rule is noted as cancelled. Every fill but the last empties a part of a resting
    order, so that the number of parts bounds the room that the caller must have for fills.
    """
    lost = np.int64(0)
    level = best_level(book, 1 - side)
    while level >= 0 and lots > 0 and reaches(side, limit_level, level):
        lots, part, stopped = take_level(
            book, at, now_ms, placed_ms, turn, taker_id, owner, side, self_trade, reduce_only, level, lots
        )
        lost += part
        if stopped:
            return lots, lost, True
        level = worse_level(book, 1 - side, level)
    return lots, lost, False
