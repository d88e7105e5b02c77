"""The kernel that runs a batch of operations."""

from __future__ import annotations

import numpy as np
from numba import njit

from .book_index import take_index
from .book_layout import Code, Outcome
from .book_levels import best_level
from .book_margin import take_funds, take_mark
from .book_memory import book_at, operation_at, outcome_at
from .book_operations import (
    AMEND,
    APPLIED,
    BAD_CODE,
    BAD_TERMS,
    CANCEL,
    INDEX,
    MARKET,
    MODIFY,
    NEW_ICEBERG,
    NEW_PEGGED,
    REST,
    amend,
    cancel,
    modify,
    place,
    rest,
)
from .book_rows import ICEBERG, PEGGED, PLAIN
from .wide import Int

BAD_OWNER = int(Outcome.BAD_OWNER)
MARK, FUNDS = int(Code.MARK), int(Code.FUNDS)


@njit(cache=True)
def apply(book: Int, operation: Int, at: Int) -> Int:
    """Run one operation of a known owner; its outcome."""
    code = operation.code
    if code == MODIFY:
        return modify(book, operation, at)
    if code <= MARKET:
        return place(book, operation, np.int64(PLAIN), at)
    if code == CANCEL:
        return cancel(book, operation, at)
    if code == REST:
        return rest(book, operation)
    if code == AMEND:
        return amend(book, operation)
    if code == NEW_ICEBERG:
        return place(book, operation, np.int64(ICEBERG), at)
    if code == NEW_PEGGED:
        return place(book, operation, np.int64(PEGGED), at)
    if code == INDEX:
        return take_index(book, operation, at)
    if code == MARK:
        return APPLIED if take_mark(book, operation) else BAD_TERMS
    if code == FUNDS:
        return APPLIED if take_funds(book, operation) else BAD_TERMS
    return BAD_CODE


@njit(cache=True)
def best(state: Int, side: Int) -> Int:
    """Best level of a side of the book at an address; -1 when it is empty."""
    return best_level(book_at(state, np.int64(0)), side)


@njit(cache=True)
def run(state: Int, operations: Int, outcomes: Int, first: Int, count: Int) -> Int:
    """Run operations from number `first`; the number reached, short of `count` only when the room for fills is used up.

    All but the numbers are addresses. An operation is run whole or not at all: it starts only where the room left for
    fills covers every part of every resting order, and its own last fill. It cancels at most as many and, with a
    self-trade rule, its own lots as often again.
    """
    book = book_at(state, np.int64(0))
    for at in range(first, count):
        left = book.fill_room - book.part_count - 2
        if book.fill_count > left or book.cancellation_count > 2 * left:
            return at
        operation = operation_at(operations, at)
        known = 0 <= operation.owner < book.owner_count
        outcome_at(outcomes, at).code = apply(book, operation, at) if known else BAD_OWNER
    return count
