"""Kernels of a new index: pegged orders move to their new prices, and resting orders that now cross one trade.

A pegged order keeps its time priority wherever it stands. It never takes: where it comes to cross a younger order that
was placed before the index was published, that one takes from it, at the pegged order's price. Two orders that may not
meet (both can only make, or the pegged one is the younger) stay crossed, as they do on chain.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .book_layout import LEVELS
from .book_levels import best_level, insert_by_turn, reaches, unlink_row, worse_level
from .book_match import CANCEL_NEWEST, POST_ONLY, POST_ONLY_SLIDE, is_dead, settle_row, take
from .book_memory import level_at, peg_at, row_at, terms_at
from .book_operations import APPLIED, BAD_TERMS, TICKS_MOST, pegged_level
from .book_rows import (
    EXPIRED_LOTS,
    NO_ID,
    NOTHING_TO_REDUCE_LOTS,
    PEGGED,
    SELF_TRADE,
    cancel_row,
    drop_row,
    reducing,
)
from .wide import Int


@njit(cache=True)
def move_pegged(book: Int) -> None:
    """Put every pegged order where the index of now puts it; outside the window it waits without a level."""
    for number in range(book.peg_count):
        row = np.int64(peg_at(book.pegs, number).row)
        order, terms = row_at(book.rows, row), terms_at(book.terms, row)
        level = pegged_level(book, np.int64(order.side), terms.limit_ticks, terms.terms)
        if level == order.level:
            continue
        unlink_row(book, row)
        order.level = -1
        if level >= 0:
            insert_by_turn(book, row, level)


@njit(cache=True)
def take_resting(book: Int, at: Int, now_ms: Int, row: Int) -> None:
    """Let a resting order that is no maker alone take what it crosses of older orders."""
    order = row_at(book.rows, row)
    side, level, lots = np.int64(order.side), np.int64(order.level), order.lots
    owner = np.int64(order.owner)
    if order.reduce_only:
        lots = reducing(book, owner, side, lots)
        if lots == 0:
            cancel_row(book, row, at, NOTHING_TO_REDUCE_LOTS)
            return
    rule = np.int64(order.self_trade)
    left, lost, _ = take(
        book, at, now_ms, order.placed_ms, order.turn, order.order_id, owner, side, rule, order.reduce_only != 0, level,
        lots,
    )  # fmt: skip
    order.lots -= lots - left
    level_at(book.levels, side * LEVELS + level).lots -= lots - left
    if lost != 0 and (rule == CANCEL_NEWEST or order.lots == 0):
        drop_row(book, row, at, SELF_TRADE)
    elif left != lots:
        settle_row(book, row, at)


@njit(cache=True)
def uncross_level(book: Int, at: Int, now_ms: Int, side: Int, level: Int) -> None:
    """Let the orders of one level take what they cross, first in first out."""
    row = np.int64(level_at(book.levels, side * LEVELS + level).head)
    while row >= 0:
        other = best_level(book, 1 - side)
        if other < 0 or not reaches(side, level, other):
            break
        order = row_at(book.rows, row)
        after, turn = np.int64(order.next), order.turn
        if is_dead(order, now_ms):
            cancel_row(book, row, at, EXPIRED_LOTS)
        elif order.kind != PEGGED and order.time_in_force != POST_ONLY and order.time_in_force != POST_ONLY_SLIDE:
            take_resting(book, at, now_ms, row)
            # An iceberg's next part is met again, after all others of its level.
            if after < 0 and order.order_id != NO_ID and order.turn != turn:
                after = row
        row = after


@njit(cache=True)
def uncross(book: Int, at: Int, now_ms: Int) -> None:
    """Trade what crosses, bids first, best price first."""
    for side in range(2):
        level = best_level(book, side)
        while level >= 0:
            other = best_level(book, 1 - side)
            if other < 0 or not reaches(side, level, other):
                break
            uncross_level(book, at, now_ms, side, level)
            level = worse_level(book, side, level)


@njit(cache=True)
def take_index(book: Int, operation: Int, at: Int) -> Int:
    """Take in a new index; its publish time never moves back."""
    low, high = operation.price_ticks, operation.lots
    if not (0 < low <= high <= low + 1 and high < TICKS_MOST and operation.terms >= book.index_publish_ms):
        return BAD_TERMS
    moved = low != book.index_low_ticks or high != book.index_high_ticks
    book.index_low_ticks = low
    book.index_high_ticks = high
    book.index_publish_ms = operation.terms
    if moved:
        move_pegged(book)
    if book.peg_count != 0:
        uncross(book, at, operation.now_ms)
    return APPLIED
