"""Kernels of the book's storage: level bitmap, lists of rows, table of order ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from .book_layout import LEVELS
from .wide import Int

ONE = np.uint64(1)
NO_BITS = np.uint64(0)
ID_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
ID_SHIFT = np.uint64(32)


def _lowest_bit(typing_context: Any, word: Any) -> Any:
    """Code for `lowest_bit`: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = type(arguments[0].type)(1)
        return builder.cttz(arguments[0], flag(1))

    return types.int64(types.uint64), generate


lowest_bit: Any = intrinsic(_lowest_bit)
"""Index of the lowest set bit of a `uint64` that is not 0."""


def _leading_zeros(typing_context: Any, word: Any) -> Any:
    """Code for `leading_zeros`: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = type(arguments[0].type)(1)
        return builder.ctlz(arguments[0], flag(1))

    return types.int64(types.uint64), generate


leading_zeros: Any = intrinsic(_leading_zeros)
"""Number of zeros above the highest set bit of a `uint64` that is not 0."""


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
def worse_level(book: Int, side: Int, level: Int) -> Int:
    """The next occupied level after `level`, away from the best; -1 when there is none."""
    step = -1 if side == 0 else 1
    at = level + step
    while 0 <= at < LEVELS:
        word = at >> 6
        below = np.uint64(at & 63)
        if side == 0:
            bits = book.low_bits[side, word] & (~NO_BITS >> np.uint64(63 - (at & 63)))
            if bits != NO_BITS:
                return word * 64 + 63 - leading_zeros(bits)
            at = word * 64 - 1
        else:
            bits = book.low_bits[side, word] & (~NO_BITS << below)
            if bits != NO_BITS:
                return word * 64 + lowest_bit(bits)
            at = word * 64 + 64
    return np.int64(-1)


@njit(cache=True)
def level_of(book: Int, price_ticks: Int) -> Int:
    """Level of a price; -1 outside the window."""
    level = price_ticks - book.base_ticks
    return level if 0 <= level < LEVELS else np.int64(-1)


@njit(cache=True)
def table_slot(book: Int, rows: Int, table: Int, order_id: Int) -> Int:
    """Slot of an id in the table, or the empty slot where it would go."""
    mask = np.int64(table.shape[0] - 1)
    slot = np.int64((order_id * ID_MULTIPLIER) >> ID_SHIFT) & mask
    while table[slot] >= 0 and rows[table[slot]].order_id != order_id:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True)
def table_remove(book: Int, rows: Int, table: Int, slot: Int) -> None:
    """Empty a slot and move later entries of its run up, so that no tombstones remain."""
    mask = np.int64(table.shape[0] - 1)
    hole, at = slot, slot
    while True:
        at = (at + 1) & mask
        row = table[at]
        if row < 0:
            break
        home = np.int64((rows[row].order_id * ID_MULTIPLIER) >> ID_SHIFT) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            table[hole] = row
            rows[row].slot = hole
            hole = at
    table[hole] = -1


@njit(cache=True)
def append_row(book: Int, rows: Int, row: Int, level: Int) -> None:
    """Put a row at the end of its level's list."""
    side = np.int64(rows[row].side)
    last = book.tail[side, level]
    rows[row].previous = last
    rows[row].next = -1
    if last < 0:
        book.head[side, level] = row
        set_level(book, side, level)
    else:
        rows[last].next = row
    book.tail[side, level] = row
    book.level_lots[side, level] += rows[row].lots


@njit(cache=True)
def unlink_row(book: Int, rows: Int, row: Int) -> None:
    """Take a row out of its level's list."""
    side = np.int64(rows[row].side)
    level = rows[row].price_ticks - book.base_ticks
    before, after = rows[row].previous, rows[row].next
    if before < 0:
        book.head[side, level] = after
    else:
        rows[before].next = after
    if after < 0:
        book.tail[side, level] = before
    else:
        rows[after].previous = before
    book.level_lots[side, level] -= rows[row].lots
    if book.head[side, level] < 0:
        clear_level(book, side, level)


@njit(cache=True)
def remove_row(book: Int, rows: Int, table: Int, row: Int) -> None:
    """Take a row out of the book altogether."""
    unlink_row(book, rows, row)
    table_remove(book, rows, table, rows[row].slot)
    rows[row].order_id = np.uint64(0)
    rows[row].next = book.free_row
    book.free_row = row
    book.row_count -= 1


@njit(cache=True)
def insert_row(book: Int, rows: Int, table: Int, operation: Int, price_ticks: Int, lots: Int, filled_lots: Int) -> Int:
    """Rest an order at the end of its level; the row, or -1 when all rows are in use. The price is in the window."""
    row = book.free_row
    if row < 0:
        return np.int64(-1)
    book.free_row = rows[row].next
    book.row_count += 1
    slot = table_slot(book, rows, table, operation.order_id)
    table[slot] = row
    rows[row].slot = slot
    rows[row].order_id = operation.order_id
    rows[row].price_ticks = price_ticks
    rows[row].lots = lots
    rows[row].filled_lots = filled_lots
    rows[row].expiry_ms = operation.expiry_ms
    rows[row].owner = operation.owner
    rows[row].side = operation.side
    rows[row].reduce_only = operation.reduce_only
    append_row(book, rows, row, price_ticks - book.base_ticks)
    return row
