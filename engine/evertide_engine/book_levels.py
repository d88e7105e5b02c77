"""Kernels of the book's prices: which levels are occupied, and the list of rows of each.

A level's number counts ticks from the book's base; `level_at(book.levels, side * LEVELS + level)` is its record.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .book_layout import LEVELS
from .book_memory import leading_zeros, level_at, lowest_bit, row_at
from .wide import Int

ONE = np.uint64(1)
NO_BITS = np.uint64(0)
ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@njit(cache=True)
def set_level(book: Int, side: Int, level: Int) -> None:
    """Mark a level as occupied."""
    word, group = level >> 6, level >> 12
    book.low_bits[side, word] |= ONE << np.uint64(level & 63)
    book.middle_bits[side, group] |= ONE << np.uint64(word & 63)
    book.top_bits[side] |= ONE << np.uint64(group)


@njit(cache=True)
def clear_level(book: Int, side: Int, level: Int) -> None:
    """Mark a level as empty."""
    word, group = level >> 6, level >> 12
    book.low_bits[side, word] &= ~(ONE << np.uint64(level & 63))
    if book.low_bits[side, word] == NO_BITS:
        book.middle_bits[side, group] &= ~(ONE << np.uint64(word & 63))
        if book.middle_bits[side, group] == NO_BITS:
            book.top_bits[side] &= ~(ONE << np.uint64(group))


@njit(cache=True)
def best_level(book: Int, side: Int) -> Int:
    """Highest occupied bid level or lowest occupied ask level; -1 when the side is empty."""
    top = book.top_bits[side]
    if top == NO_BITS:
        return np.int64(-1)
    if side == 0:
        group = 63 - leading_zeros(top)
        word = group * 64 + 63 - leading_zeros(book.middle_bits[side, group])
        return word * 64 + 63 - leading_zeros(book.low_bits[side, word])
    group = lowest_bit(top)
    word = group * 64 + lowest_bit(book.middle_bits[side, group])
    return word * 64 + lowest_bit(book.low_bits[side, word])


@njit(cache=True)
def bits_beyond(word: Int, side: Int, at: Int) -> Int:
    """The bits of a word that lie on the worse side of bit `at`: below it for bids, above it for asks."""
    own = ONE << np.uint64(at)
    return word & (own - ONE) if side == 0 else word & ~(own | (own - ONE))


@njit(cache=True)
def nearest_bit(word: Int, side: Int) -> Int:
    """The best bit of a word that is not 0: the highest for bids, the lowest for asks."""
    return 63 - leading_zeros(word) if side == 0 else lowest_bit(word)


@njit(cache=True)
def worse_level(book: Int, side: Int, level: Int) -> Int:
    """The next occupied level after `level`, away from the best; -1 when there is none."""
    word, group = level >> 6, level >> 12
    bits = bits_beyond(book.low_bits[side, word], side, level & 63)
    if bits != NO_BITS:
        return word * 64 + nearest_bit(bits, side)
    bits = bits_beyond(book.middle_bits[side, group], side, word & 63)
    if bits == NO_BITS:
        bits = bits_beyond(book.top_bits[side], side, group)
        if bits == NO_BITS:
            return np.int64(-1)
        group = nearest_bit(bits, side)
        bits = book.middle_bits[side, group]
    word = group * 64 + nearest_bit(bits, side)
    return word * 64 + nearest_bit(book.low_bits[side, word], side)


@njit(cache=True)
def level_of(book: Int, price_ticks: Int) -> Int:
    """Level of a price; -1 outside the window."""
    level = price_ticks - book.base_ticks
    return level if 0 <= level < LEVELS else np.int64(-1)


@njit(cache=True)
def reaches(side: Int, limit_level: Int, level: Int) -> bool:
    """Whether an order of `side` with this limit meets a resting level of the other side."""
    return bool(level <= limit_level if side == 0 else level >= limit_level)


@njit(cache=True)
def append_row(book: Int, row: Int, level: Int) -> None:
    """Put a row, whose side and lots are set, at the end of a level's list."""
    order = row_at(book.rows, row)
    side = np.int64(order.side)
    queue = level_at(book.levels, side * LEVELS + level)
    order.level = level
    order.next = -1
    if queue.lots == 0:
        order.previous = -1
        queue.head = row
        set_level(book, side, level)
    else:
        order.previous = queue.tail
        row_at(book.rows, np.int64(queue.tail)).next = row
    queue.tail = row
    queue.lots += order.lots


@njit(cache=True)
def insert_by_turn(book: Int, row: Int, level: Int) -> None:
    """Put a row into a level's list before all rows of a later turn."""
    order = row_at(book.rows, row)
    queue = level_at(book.levels, np.int64(order.side) * LEVELS + level)
    before, after = np.int64(queue.tail), np.int64(-1)
    if queue.lots == 0:
        before = np.int64(-1)
    while before >= 0 and row_at(book.rows, before).turn > order.turn:
        after = before
        before = np.int64(row_at(book.rows, before).previous)
    if after < 0:
        append_row(book, row, level)
        return
    order.level = level
    order.previous = before
    order.next = after
    row_at(book.rows, after).previous = row
    if before < 0:
        queue.head = row
    else:
        row_at(book.rows, before).next = row
    queue.lots += order.lots


@njit(cache=True)
def unlink_row(book: Int, row: Int) -> None:
    """Take a row out of its level's list; nothing when it is in none."""
    order = row_at(book.rows, row)
    side, level = np.int64(order.side), np.int64(order.level)
    if level < 0:
        return
    queue = level_at(book.levels, side * LEVELS + level)
    before, after = np.int64(order.previous), np.int64(order.next)
    if before < 0:
        queue.head = after
    else:
        row_at(book.rows, before).next = after
    if after < 0:
        queue.tail = before
    else:
        row_at(book.rows, after).previous = before
    queue.lots -= order.lots
    if before < 0 and after < 0:
        clear_level(book, side, level)
