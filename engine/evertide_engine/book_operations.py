"""Kernels of the book's operations: place, modify, cancel, recorded orders, a new index, and the batch of them."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import TICKS_LIMIT
from .book_layout import LEVELS, Code, Outcome
from .book_levels import append_row, best_level, level_of, reaches, unlink_row
from .book_margin import count, remember, roll_back, stands, uncount
from .book_match import (
    CANCEL_NEWEST,
    FILL_OR_KILL,
    GOOD_TILL_CANCELLED,
    IMMEDIATE,
    LAST_TURN,
    POST_ONLY,
    POST_ONLY_SLIDE,
    fillable,
    is_dead,
    rehearse,
    take,
)
from .book_memory import account_at, level_at, row_at, terms_at
from .book_rows import (
    ICEBERG,
    IMMEDIATE_REST,
    MARGIN,
    NO_ID,
    NO_ROOM,
    NOTHING_TO_REDUCE_LOTS,
    OWNER,
    PEGGED,
    PLAIN,
    SELF_TRADE,
    cancel_row,
    find_row,
    hidden_lots,
    insert_row,
    note_cancelled,
    part_count,
    reducing,
    release_terms,
    remove_row,
    write_order,
)
from .margin_kernels import INITIAL
from .wide import Int

LIMIT, MARKET, CANCEL, MODIFY, REST, AMEND = (int(code) for code in list(Code)[:6])
NEW_ICEBERG, NEW_PEGGED, INDEX = int(Code.ICEBERG), int(Code.PEGGED), int(Code.INDEX)
RESTED, FILLED, CANCELLED = int(Outcome.RESTED), int(Outcome.FILLED), int(Outcome.CANCELLED)
DUPLICATE_ID, UNKNOWN_ID = int(Outcome.DUPLICATE_ID), int(Outcome.UNKNOWN_ID)
WOULD_TAKE, NOT_FILLABLE, EXPIRED = int(Outcome.WOULD_TAKE), int(Outcome.NOT_FILLABLE), int(Outcome.EXPIRED)
PRICE_OUTSIDE, BAD_SIZE, BAD_CODE = int(Outcome.PRICE_OUTSIDE), int(Outcome.BAD_SIZE), int(Outcome.BAD_CODE)
NOTHING_TO_REDUCE, BOOK_FULL = int(Outcome.NOTHING_TO_REDUCE), int(Outcome.BOOK_FULL)
MARGIN_TOO_LOW = int(Outcome.MARGIN_TOO_LOW)
BAD_TERMS, NO_INDEX, APPLIED = int(Outcome.BAD_TERMS), int(Outcome.NO_INDEX), int(Outcome.APPLIED)
TICKS_MOST = int(TICKS_LIMIT)


@njit(cache=True)
def slid_level(book: Int, side: Int, level: Int) -> Int:
    """The best level not beyond `level` at which an order of `side` does not cross; it may lie outside the window."""
    other = best_level(book, 1 - side)
    if other < 0:
        return level
    return min(level, other - 1) if side == 0 else max(level, other + 1)


@njit(cache=True)
def pegged_level(book: Int, side: Int, limit_ticks: Int, offset_ticks: Int) -> Int:
    """Level of a pegged order at the index of now: index plus offset, never beyond its limit; -1 outside the window."""
    base = book.index_low_ticks if side == 0 else book.index_high_ticks
    price = base + offset_ticks
    if not 0 < price < TICKS_MOST:
        return np.int64(-1)
    return level_of(book, min(price, limit_ticks) if side == 0 else max(price, limit_ticks))


@njit(cache=True)
def terms_refusal(book: Int, operation: Int, kind: Int) -> Int:
    """Why an order's own terms are refused, whatever the book holds; `RESTED` when they are not."""
    if not book.lots_min <= operation.lots <= book.lots_max:
        return BAD_SIZE
    force = operation.time_in_force
    if operation.side > 1 or force > POST_ONLY_SLIDE or operation.self_trade > 2:
        return BAD_TERMS
    if operation.code == MARKET and force not in (IMMEDIATE, FILL_OR_KILL):
        return BAD_TERMS
    if kind == ICEBERG:
        shown = book.lots_min <= operation.terms < operation.lots
        if not shown or force in (IMMEDIATE, FILL_OR_KILL):
            return BAD_TERMS
    if kind == PEGGED:
        fits = -TICKS_MOST < operation.terms < TICKS_MOST and 0 < operation.price_ticks < TICKS_MOST
        if not fits or force != POST_ONLY:
            return BAD_TERMS
    if operation.expiry_ms != 0 and operation.now_ms >= operation.expiry_ms:
        return EXPIRED
    return RESTED


@njit(cache=True)
def pegged_refusal(book: Int, operation: Int) -> Int:
    """Why a pegged order cannot rest where the index puts it now; `RESTED` when it can."""
    if book.index_low_ticks == 0:
        return NO_INDEX
    side = np.int64(operation.side)
    level = pegged_level(book, side, operation.price_ticks, operation.terms)
    if level < 0:
        return PRICE_OUTSIDE
    return RESTED if slid_level(book, side, level) == level else WOULD_TAKE


@njit(cache=True)
def refusal(book: Int, operation: Int, kind: Int, parts: Int) -> Int:
    """Why an order cannot be placed, its id apart; `RESTED` when it can. `parts`: of the order that it replaces."""
    refused = terms_refusal(book, operation, kind)
    if refused != RESTED:
        return refused
    side, lots, force = np.int64(operation.side), operation.lots, operation.time_in_force
    if kind == PEGGED:
        refused = pegged_refusal(book, operation)
        if refused != RESTED:
            return refused
    level = level_of(book, operation.price_ticks)
    if level < 0 and kind != PEGGED:
        return PRICE_OUTSIDE
    wanted = lots
    if operation.reduce_only:
        wanted = reducing(book, np.int64(operation.owner), side, lots)
        if wanted == 0:
            return NOTHING_TO_REDUCE
    if kind == ICEBERG and book.part_count - parts + part_count(lots, operation.terms) > book.part_room:
        return BOOK_FULL
    if force in (POST_ONLY, POST_ONLY_SLIDE):
        slid = slid_level(book, side, level)
        if kind != PEGGED and slid != level and force == POST_ONLY:
            return WOULD_TAKE
        return RESTED if 0 <= slid < LEVELS or kind == PEGGED else PRICE_OUTSIDE
    if force == FILL_OR_KILL and (wanted < lots or not fillable(book, operation, level)):
        return NOT_FILLABLE
    return RESTED


@njit(cache=True)
def resting_level(book: Int, operation: Int, kind: Int) -> Int:
    """Level at which an order that `refusal` has let pass comes to rest."""
    side = np.int64(operation.side)
    if kind == PEGGED:
        return pegged_level(book, side, operation.price_ticks, operation.terms)
    level = operation.price_ticks - book.base_ticks
    return slid_level(book, side, level) if operation.time_in_force == POST_ONLY_SLIDE else level


@njit(cache=True)
def end_open(book: Int, operation: Int, lots: Int, at: Int, reason: Int) -> None:
    """End lots of an incoming order without a fill."""
    if book.margin != 0 and not operation.reduce_only:
        uncount(book, np.int64(operation.owner), np.int64(operation.side), lots)
    note_cancelled(book, operation.order_id, lots, at, reason)


@njit(cache=True)
def margin_refusal(book: Int, operation: Int, kind: Int) -> Int:
    """Count an order that `refusal` has let pass among its owner's open ones; why it cannot be, or `RESTED`."""
    owner, mark = np.int64(operation.owner), book.undo_count
    refused = RESTED
    remember(book, owner)
    if not operation.reduce_only:
        price = operation.price_ticks
        if kind != PEGGED:
            price = book.base_ticks + resting_level(book, operation, kind)
        count(book, owner, np.int64(operation.side), price, operation.lots)
        if not stands(book, owner, np.int64(INITIAL)):
            refused = MARGIN_TOO_LOW
    if refused == RESTED and operation.time_in_force == FILL_OR_KILL:
        level = level_of(book, operation.price_ticks)
        refused = RESTED if rehearse(book, operation, level) else NOT_FILLABLE
    if refused != RESTED:
        roll_back(book, mark)
    return refused


@njit(cache=True)
def match(book: Int, operation: Int, at: Int) -> Int:
    """`(lots left to rest, outcome)` of an incoming order after it took what it can; `outcome` is for none left."""
    side, owner, lots = np.int64(operation.side), np.int64(operation.owner), operation.lots
    level = operation.price_ticks - book.base_ticks
    other = best_level(book, 1 - side)
    if (other < 0 or not reaches(side, level, other)) and operation.time_in_force == GOOD_TILL_CANCELLED:
        return lots, RESTED
    placed_ms = operation.now_ms - np.int64(operation.age_ms)
    wanted = reducing(book, owner, side, lots) if operation.reduce_only else lots
    left, lost, stopped = take(
        book, at, operation.now_ms, placed_ms, np.int64(LAST_TURN), operation.order_id, owner, side,
        np.int64(operation.self_trade), operation.reduce_only != 0, level, wanted,
    )  # fmt: skip
    left += lots - wanted
    if left == 0:
        return left, FILLED if lost == 0 else CANCELLED
    reason = np.int64(0)
    if lost != 0 and operation.self_trade == CANCEL_NEWEST:
        reason = np.int64(SELF_TRADE)
    elif stopped:
        reason = np.int64(MARGIN)
    elif operation.reduce_only and account_at(book.accounts, owner).basis_lots == 0:
        reason = np.int64(NOTHING_TO_REDUCE_LOTS)
    elif operation.time_in_force == IMMEDIATE or operation.time_in_force == FILL_OR_KILL:
        reason = np.int64(IMMEDIATE_REST)
    if reason == 0:
        return left, RESTED
    end_open(book, operation, left, at, reason)
    return np.int64(0), CANCELLED


@njit(cache=True)
def fill(book: Int, operation: Int, at: Int) -> Int:
    """`(lots left to rest, outcome)` of an order that `refusal` has let pass; `outcome` is for none left."""
    force = operation.time_in_force
    if force in (POST_ONLY, POST_ONLY_SLIDE):
        return operation.lots, RESTED
    return match(book, operation, at)


@njit(cache=True)
def place(book: Int, operation: Int, kind: Int, at: Int) -> Int:
    """Place an order of any kind; its outcome."""
    if operation.order_id == NO_ID or find_row(book, operation.order_id) >= 0:
        return DUPLICATE_ID
    refused = refusal(book, operation, kind, np.int64(0))
    if refused == RESTED and book.margin != 0:
        refused = margin_refusal(book, operation, kind)
        book.undo_count = 0
    if refused != RESTED:
        return refused
    book.submitted_lots += operation.lots
    lots, outcome = fill(book, operation, at)
    if lots == 0:
        return outcome
    if insert_row(book, operation, kind, resting_level(book, operation, kind), lots):
        return RESTED
    end_open(book, operation, lots, at, np.int64(NO_ROOM))
    return BOOK_FULL


@njit(cache=True)
def only_shrinks(book: Int, operation: Int, row: Int) -> bool:
    """Whether a modification is nothing but fewer lots, so that the order keeps its priority. An iceberg has none."""
    order = row_at(book.rows, row)
    if order.kind == ICEBERG or operation.lots >= order.lots or operation.lots < book.lots_min:
        return False
    if order.kind == PEGGED:
        terms = terms_at(book.terms, row)
        same = terms.limit_ticks == operation.price_ticks and terms.terms == operation.terms
    else:
        same = operation.price_ticks - book.base_ticks == order.level
    return bool(
        same
        and order.expiry_ms == operation.expiry_ms
        and order.time_in_force == operation.time_in_force
        and order.self_trade == operation.self_trade
        and order.reduce_only == operation.reduce_only
    )


@njit(cache=True)
def set_lots(book: Int, row: Int, lots: Int) -> None:
    """Change the displayed lots of an order in its place; new ones count as submitted, gone ones as cancelled."""
    order = row_at(book.rows, row)
    change = lots - order.lots
    counted = book.margin != 0 and not order.reduce_only
    owner, side = np.int64(order.owner), np.int64(order.side)
    if change < 0:
        book.cancelled_lots -= change
        if counted:
            uncount(book, owner, side, -change)
    else:
        book.submitted_lots += change
        if counted:
            count(book, owner, side, book.base_ticks + np.int64(order.level), change)
    if order.level >= 0:
        level_at(book.levels, np.int64(order.side) * LEVELS + np.int64(order.level)).lots += change
    order.lots = lots


@njit(cache=True)
def modify(book: Int, operation: Int, at: Int) -> Int:
    """Change a live order: a mere reduction keeps its place, anything else is cancelled and placed anew.

    A change that could not be placed is refused and leaves the order as it was.
    """
    row = find_row(book, operation.order_id)
    if row < 0:
        return UNKNOWN_ID
    order = row_at(book.rows, row)
    if operation.side != order.side or operation.owner != order.owner or is_dead(order, operation.now_ms):
        return UNKNOWN_ID
    if only_shrinks(book, operation, row):
        set_lots(book, row, operation.lots)
        return RESTED
    kind, hidden = np.int64(order.kind), hidden_lots(book, row)
    parts = part_count(hidden, terms_at(book.terms, row).terms) + 1 if kind == ICEBERG else np.int64(0)
    refused = refusal(book, operation, kind, parts)
    if refused == RESTED and book.margin != 0:
        remember(book, np.int64(order.owner))
        if not order.reduce_only:
            uncount(book, np.int64(order.owner), np.int64(order.side), order.lots + hidden)
        refused = margin_refusal(book, operation, kind)
        if refused != RESTED:
            roll_back(book, np.int64(0))
        book.undo_count = 0
    if refused != RESTED:
        return refused
    book.cancelled_lots += order.lots + hidden
    book.submitted_lots += operation.lots
    unlink_row(book, row)
    if kind != PLAIN:
        release_terms(book, row)
    # The row is in no list and of no kind until it is known whether the order rests again.
    order.level = -1
    order.kind = PLAIN
    order.lots = 0
    lots, outcome = fill(book, operation, at)
    if lots == 0:
        remove_row(book, row)
        return outcome
    write_order(book, row, operation, kind, lots)
    append_row(book, row, resting_level(book, operation, kind))
    return RESTED


@njit(cache=True)
def recorded_refusal(book: Int, operation: Int) -> Int:
    """Why a recorded order cannot be taken in; `RESTED` when it can."""
    if operation.side > 1:
        return BAD_TERMS
    if not 0 < operation.lots <= book.lots_max:
        return BAD_SIZE
    return RESTED if level_of(book, operation.price_ticks) >= 0 else PRICE_OUTSIDE


@njit(cache=True)
def rest(book: Int, operation: Int) -> Int:
    """Rest a recorded order without matching."""
    refused = recorded_refusal(book, operation)
    if refused != RESTED:
        return refused
    if operation.order_id == NO_ID or find_row(book, operation.order_id) >= 0:
        return DUPLICATE_ID
    level = level_of(book, operation.price_ticks)
    if not insert_row(book, operation, np.int64(PLAIN), level, operation.lots):
        return BOOK_FULL
    book.submitted_lots += operation.lots
    if book.margin != 0 and not operation.reduce_only:
        count(book, np.int64(operation.owner), np.int64(operation.side), operation.price_ticks, operation.lots)
    return RESTED


@njit(cache=True)
def amend(book: Int, operation: Int) -> Int:
    """Change a recorded order without matching."""
    row = find_row(book, operation.order_id)
    if row < 0:
        return UNKNOWN_ID
    order = row_at(book.rows, row)
    if operation.side != order.side or operation.owner != order.owner:
        return UNKNOWN_ID
    refused = recorded_refusal(book, operation)
    if refused != RESTED:
        return refused
    if order.kind != PLAIN:
        return BAD_TERMS
    level, kept = level_of(book, operation.price_ticks), operation.lots <= order.lots
    set_lots(book, row, operation.lots)
    if level != order.level or not kept:
        unlink_row(book, row)
        book.turn += 1
        order.turn = book.turn
        append_row(book, row, level)
        if book.margin != 0 and not order.reduce_only:
            count(book, np.int64(order.owner), np.int64(order.side), operation.price_ticks, np.int64(0))
    return RESTED


@njit(cache=True)
def cancel(book: Int, operation: Int, at: Int) -> Int:
    """Take an order out."""
    row = find_row(book, operation.order_id)
    if row < 0:
        return UNKNOWN_ID
    cancel_row(book, row, at, OWNER)
    return CANCELLED
