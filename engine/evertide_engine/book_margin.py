"""Kernels of the book's margin check: the program's own valuation of one position, before an order and at each fill.

An order that can increase must leave its owner at initial margin with all its open orders counted by their worse side;
so must a fill its taker, and its maker half way to maintenance. A fill that only reduces leaves maintenance margin, or
has a price no worse than the index less the liquidation fee and leaves equity. What an owner has outside this market
comes as sums in its account. An iceberg counts in whole from the beginning; fees are not charged.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .book_memory import account_at, book_at, market_at, row_at, undo_at
from .margin_kernels import FILL, INITIAL, MAINTENANCE, PRICE_LIMIT, VALUED, in_atoms, notional_ceil, position_part
from .prices import exceeds_slippage, price_of_ticks
from .wide import ZERO, Int

HOLDS, MAKER_FAILS, TAKER_FAILS = 0, 1, 2


@njit(cache=True)
def remember(book: Int, owner: Int) -> None:
    """Note an owner's position, so that `roll_back` restores it."""
    account, note = account_at(book.accounts, owner), undo_at(book.undo, book.undo_count)
    note.owner = owner
    note.basis_lots, note.cash_atoms = account.basis_lots, account.cash_atoms
    note.open_bid_lots, note.open_ask_lots = account.open_bid_lots, account.open_ask_lots
    note.max_bid_ticks, note.min_ask_ticks = account.max_bid_ticks, account.min_ask_ticks
    book.undo_count += 1


@njit(cache=True)
def roll_back(book: Int, mark: Int) -> None:
    """Restore what was noted since `mark`, the last first."""
    while book.undo_count > mark:
        book.undo_count -= 1
        note = undo_at(book.undo, book.undo_count)
        account = account_at(book.accounts, np.int64(note.owner))
        account.basis_lots, account.cash_atoms = note.basis_lots, note.cash_atoms
        account.open_bid_lots, account.open_ask_lots = note.open_bid_lots, note.open_ask_lots
        account.max_bid_ticks, account.min_ask_ticks = note.max_bid_ticks, note.min_ask_ticks


@njit(cache=True)
def count(book: Int, owner: Int, side: Int, price_ticks: Int, lots: Int) -> None:
    """Count an open order of an owner; the worst price of a side stays until the side is empty."""
    account = account_at(book.accounts, owner)
    price = np.uint64(price_ticks)
    if side == 1:
        account.open_ask_lots += np.uint64(lots)
        if account.min_ask_ticks == ZERO or price < account.min_ask_ticks:
            account.min_ask_ticks = price
    else:
        account.open_bid_lots += np.uint64(lots)
        account.max_bid_ticks = max(account.max_bid_ticks, price)


@njit(cache=True)
def uncount(book: Int, owner: Int, side: Int, lots: Int) -> None:
    """Take lots of an open order out of its owner's sums."""
    account = account_at(book.accounts, owner)
    if side == 1:
        account.open_ask_lots -= np.uint64(lots)
        if account.open_ask_lots == ZERO:
            account.min_ask_ticks = ZERO
    else:
        account.open_bid_lots -= np.uint64(lots)
        if account.open_bid_lots == ZERO:
            account.max_bid_ticks = ZERO


@njit(cache=True)
def stands(book: Int, owner: Int, kind: Int) -> bool:
    """Whether an owner meets one kind of margin test."""
    account = account_at(book.accounts, owner)
    row = market_at(book.market, np.int64(0))
    status, _, part, _, demanded = position_part(kind, account, account.own_ratio_bps, row)
    if status != VALUED:
        return False
    if kind == INITIAL:
        return bool(account.rest_initial_atoms + part >= demanded)
    if kind == FILL:
        return bool(account.rest_fill_atoms + part >= demanded)
    return bool(account.rest_equity_atoms + part >= account.rest_maintenance_atoms + demanded)


@njit(cache=True)
def move(book: Int, owner: Int, side: Int, lots: Int, notional: Int, reduce_only: bool) -> bool:
    """Apply one side of a fill to its owner; whether some of it opened."""
    account = account_at(book.accounts, owner)
    before = account.basis_lots
    after = before - lots if side == 1 else before + lots
    account.basis_lots = after
    account.cash_atoms += notional if side == 1 else -notional
    if not reduce_only:
        uncount(book, owner, side, lots)
    return bool(abs(after) > abs(before) or (before < 0 < after) or (after < 0 < before))


@njit(cache=True)
def may_stand(book: Int, owner: Int, side: Int, price: Int, opened: bool, kind: Int) -> bool:
    """Whether a fill at a price, applied already, may leave its owner where it is now."""
    if opened:
        return stands(book, owner, kind)
    if stands(book, owner, MAINTENANCE):
        return True
    account, row = account_at(book.accounts, owner), market_at(book.market, np.int64(0))
    status, _, part, _, _ = position_part(MAINTENANCE, account, account.own_ratio_bps, row)
    if status != VALUED or account.rest_equity_atoms + part < 0 or row.index_price_q32 == ZERO:
        return False
    return not exceeds_slippage(side == 1, price, row.index_price_q32, np.int64(row.liquidation_fee_bps))


@njit(cache=True)
def try_fill(book: Int, row: Int, owner: Int, side: Int, lots: Int, reduce_only: bool) -> Int:
    """Move lots between a maker and a taker of `side`, noted for `roll_back`; or say who cannot carry it."""
    maker = row_at(book.rows, row)
    maker_owner = np.int64(maker.owner)
    mark = book.undo_count
    tick_value = np.uint64(account_at(book.accounts, owner).atoms_per_lot_tick)
    price = price_of_ticks(book.base_ticks + np.int64(maker.level), tick_value)
    notional, fits = notional_ceil(np.uint64(lots), price)
    if not fits or price == ZERO:
        return MAKER_FAILS
    remember(book, maker_owner)
    remember(book, owner)
    opened = move(book, maker_owner, 1 - side, lots, notional, maker.reduce_only != 0)
    if not may_stand(book, maker_owner, 1 - side, price, opened, FILL):
        roll_back(book, mark)
        return MAKER_FAILS
    opened = move(book, owner, side, lots, notional, reduce_only)
    if not may_stand(book, owner, side, price, opened, INITIAL):
        roll_back(book, mark)
        return TAKER_FAILS
    return HOLDS


@njit(cache=True)
def take_mark(book: Int, operation: Int) -> bool:
    """Take in new prices of margin; False, and none, when one of them is none or the book checks no margin."""
    mark, twap, index = operation.price_ticks, operation.lots, operation.terms
    if book.margin == 0 or min(mark, twap, index) <= 0 or np.uint64(max(mark, twap, index)) >= PRICE_LIMIT:
        return False
    row = market_at(book.market, np.int64(0))
    row.mark_price_q32, row.twap_price_q32, row.index_price_q32 = np.uint64(mark), np.uint64(twap), np.uint64(index)
    return True


@njit(cache=True)
def take_funds(book: Int, operation: Int) -> bool:
    """Take in what an owner has outside the book; False, and nothing, beyond the guard of atoms."""
    initial, fill, equity, demanded = operation.price_ticks, operation.lots, operation.terms, operation.expiry_ms
    if not (in_atoms(initial) and in_atoms(fill) and in_atoms(equity) and demanded >= 0 and in_atoms(demanded)):
        return False
    account = account_at(book.accounts, np.int64(operation.owner))
    account.rest_initial_atoms, account.rest_fill_atoms = initial, fill
    account.rest_equity_atoms, account.rest_maintenance_atoms = equity, demanded
    return True


@njit(cache=True)
def initial_with(state: Int, owner: Int, side: Int, price_ticks: Int, lots: Int) -> Int:
    """`(excess of all else, part of this market, demand)` for initial margin of an owner with one more order, atoms."""
    book = book_at(state, np.int64(0))
    mark = book.undo_count
    remember(book, owner)
    count(book, owner, side, price_ticks, lots)
    account = account_at(book.accounts, owner)
    row = market_at(book.market, np.int64(0))
    _, _, part, _, demanded = position_part(INITIAL, account, account.own_ratio_bps, row)
    roll_back(book, mark)
    return account.rest_initial_atoms, part, demanded
