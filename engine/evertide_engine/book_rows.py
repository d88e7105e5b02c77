"""Kernels of the book's rows: finding one by its id, putting one in, taking one out, and what ended without a fill."""

from __future__ import annotations

import numpy as np
from numba import njit

from .book_layout import Kind, Reason
from .book_levels import append_row, unlink_row
from .book_margin import uncount
from .book_memory import account_at, cancellation_at, entry_at, peg_at, row_at, terms_at
from .wide import Int

ID_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
ID_SHIFT = np.uint64(32)
NO_ID = np.uint64(0)
PLAIN, ICEBERG, PEGGED = (int(kind) for kind in Kind)
OWNER, IMMEDIATE_REST, SELF_TRADE, EXPIRED_LOTS, NOTHING_TO_REDUCE_LOTS, NO_ROOM, MARGIN = (int(it) for it in Reason)


@njit(cache=True)
def tag_of(order_id: Int) -> Int:
    """Upper half of the hash of an id."""
    return np.int64((order_id * ID_MULTIPLIER) >> ID_SHIFT)


@njit(cache=True)
def find_row(book: Int, order_id: Int) -> Int:
    """Row of a live order; -1 when there is none."""
    mask = book.table_mask
    tag = tag_of(order_id)
    at = tag & mask
    while True:
        entry = entry_at(book.table, at)
        row = np.int64(entry.row)
        if row < 0 or (np.int64(entry.tag) == tag and row_at(book.rows, row).order_id == order_id):
            return row
        at = (at + 1) & mask


@njit(cache=True)
def table_insert(book: Int, order_id: Int, row: Int) -> None:
    """Enter an id that is not in the table."""
    mask = book.table_mask
    tag = tag_of(order_id)
    at = tag & mask
    while entry_at(book.table, at).row >= 0:
        at = (at + 1) & mask
    entry = entry_at(book.table, at)
    entry.tag = tag
    entry.row = row


@njit(cache=True)
def table_remove(book: Int, order_id: Int, row: Int) -> None:
    """Take an id out and move later entries of its run up, so that no tombstones remain."""
    mask = book.table_mask
    hole = tag_of(order_id) & mask
    while entry_at(book.table, hole).row != row:
        hole = (hole + 1) & mask
    at = hole
    while True:
        at = (at + 1) & mask
        entry = entry_at(book.table, at)
        if entry.row < 0:
            break
        home = np.int64(entry.tag) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            free = entry_at(book.table, hole)
            free.tag = entry.tag
            free.row = entry.row
            hole = at
    entry_at(book.table, hole).row = -1


@njit(cache=True)
def reducing(book: Int, owner: Int, side: Int, lots: Int) -> Int:
    """The part of `lots` that only reduces the owner's position."""
    held = account_at(book.accounts, owner).basis_lots
    return min(lots, max(held if side == 1 else -held, 0))


@njit(cache=True)
def part_count(lots: Int, display: Int) -> Int:
    """Parts in which an iceberg of `lots` is displayed."""
    return (lots + display - 1) // display


@njit(cache=True)
def hidden_lots(book: Int, row: Int) -> Int:
    """Lots of an order that are not displayed."""
    return terms_at(book.terms, row).hidden_lots if row_at(book.rows, row).kind == ICEBERG else np.int64(0)


@njit(cache=True)
def note_cancelled(book: Int, order_id: Int, lots: Int, operation: Int, reason: Int) -> None:
    """Record lots that end without a fill; the caller has made room."""
    note = cancellation_at(book.cancellations, book.cancellation_count)
    note.order_id = order_id
    note.lots = lots
    note.operation = operation
    note.reason = reason
    book.cancellation_count += 1
    book.cancelled_lots += lots


@njit(cache=True)
def peg_row(book: Int, row: Int) -> None:
    """Enter a row in the list of pegged orders."""
    terms_at(book.terms, row).peg = book.peg_count
    peg_at(book.pegs, book.peg_count).row = row
    book.peg_count += 1


@njit(cache=True)
def unpeg_row(book: Int, row: Int) -> None:
    """Take a row out of the list of pegged orders: the last one takes its place."""
    at = np.int64(terms_at(book.terms, row).peg)
    book.peg_count -= 1
    last = np.int64(peg_at(book.pegs, book.peg_count).row)
    peg_at(book.pegs, at).row = last
    terms_at(book.terms, last).peg = at


@njit(cache=True)
def release_terms(book: Int, row: Int) -> None:
    """Undo what an iceberg or a pegged order has beside its row, the count of its parts among it."""
    if row_at(book.rows, row).kind == PEGGED:
        unpeg_row(book, row)
        return
    terms = terms_at(book.terms, row)
    book.part_count -= part_count(terms.hidden_lots, terms.terms)


@njit(cache=True)
def remove_row(book: Int, row: Int) -> None:
    """Take a row out of the book altogether."""
    order = row_at(book.rows, row)
    if book.margin != 0 and not order.reduce_only:
        uncount(book, np.int64(order.owner), np.int64(order.side), order.lots + hidden_lots(book, row))
    unlink_row(book, row)
    table_remove(book, order.order_id, row)
    if order.kind != PLAIN:
        release_terms(book, row)
    order.order_id = NO_ID
    order.next = book.free_row
    book.free_row = row
    book.row_count -= 1
    book.part_count -= 1


@njit(cache=True)
def cancel_row(book: Int, row: Int, operation: Int, reason: Int) -> None:
    """Take an order out of the book and record what of it was open."""
    order = row_at(book.rows, row)
    note_cancelled(book, order.order_id, order.lots + hidden_lots(book, row), operation, reason)
    remove_row(book, row)


@njit(cache=True)
def drop_row(book: Int, row: Int, operation: Int, reason: Int) -> None:
    """Take an order out of the book, and record what of it is open when anything is."""
    if row_at(book.rows, row).lots + hidden_lots(book, row) != 0:
        cancel_row(book, row, operation, reason)
    else:
        remove_row(book, row)


@njit(cache=True)
def write_order(book: Int, row: Int, operation: Int, kind: Int, lots: Int) -> None:
    """Write what an operation says of an order, with the next turn and without its level, into a row."""
    order = row_at(book.rows, row)
    book.turn += 1
    order.turn = book.turn
    order.lots = lots
    order.expiry_ms = operation.expiry_ms
    order.placed_ms = operation.now_ms - np.int64(operation.age_ms)
    order.owner = operation.owner
    order.side = operation.side
    order.kind = kind
    order.time_in_force = operation.time_in_force
    order.self_trade = operation.self_trade
    order.reduce_only = operation.reduce_only
    if kind == PLAIN:
        return
    terms = terms_at(book.terms, row)
    terms.limit_ticks = operation.price_ticks
    terms.terms = operation.terms
    terms.hidden_lots = 0
    if kind == PEGGED:
        peg_row(book, row)
        return
    order.lots = min(lots, operation.terms)
    terms.hidden_lots = lots - order.lots
    book.part_count += part_count(terms.hidden_lots, terms.terms)


@njit(cache=True)
def insert_row(book: Int, operation: Int, kind: Int, level: Int, lots: Int) -> bool:
    """Rest an order at the end of a level; False when all rows are in use."""
    row = book.free_row
    if row < 0:
        return False
    order = row_at(book.rows, row)
    book.free_row = np.int64(order.next)
    book.row_count += 1
    book.part_count += 1
    order.order_id = operation.order_id
    table_insert(book, operation.order_id, row)
    write_order(book, row, operation, kind, lots)
    append_row(book, row, level)
    return True


@njit(cache=True)
def refill(book: Int, row: Int) -> None:
    """Display the next part of an iceberg whose displayed lots are gone, behind all others at its price."""
    order, terms = row_at(book.rows, row), terms_at(book.terms, row)
    level = np.int64(order.level)
    unlink_row(book, row)
    order.lots = min(terms.terms, terms.hidden_lots)
    terms.hidden_lots -= order.lots
    book.part_count -= 1
    book.turn += 1
    order.turn = book.turn
    append_row(book, row, level)
