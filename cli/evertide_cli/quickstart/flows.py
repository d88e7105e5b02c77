"""Flows that several events share: fills, a keeper's share, a settlement, a change of a balance."""

from __future__ import annotations

from typing import Any

from .books import Books, MarketBook

# Reasons of `SkipReason` that are found after the maker's position was folded.
FOLDED_SKIPS = frozenset((10, 11, 12, 13, 14))
TOTALS, QUEUES = ("sum of balances", "sum of SOL balances"), ("queue", "SOL queue")


def take_fills(books: Books, event: Any, taker: str, ask: bool) -> None:
    """Fills between a taker and makers, and the foldings of makers that were passed over."""
    book = books.markets[event.market_index]
    sign = -1 if ask else 1
    # A maker is folded where it is first met: at an order that is passed over, maybe, before another one fills.
    for skip in event.skips:
        books.skips[skip.reason] += 1
        if skip.reason in FOLDED_SKIPS:
            book.fund(str(skip.maker), skip.funding_atoms)
    for fill in event.fills:
        maker = str(fill.maker)
        value = fill.size_lots * fill.price_ticks * book.atoms_per_lot_tick
        book.fund(maker, fill.maker_funding_atoms)
        book.index.change(taker, sign * fill.size_lots)
        book.index.change(maker, -sign * fill.size_lots)
        book.cash[taker] -= sign * value + fill.taker_fee_atoms
        book.cash[maker] += sign * value - fill.maker_fee_atoms
        book.taker_fees_atoms += fill.taker_fee_atoms
        book.maker_fees_atoms += fill.maker_fee_atoms
        book.fills += 1
        book.volume_atoms += value
        books.compare(event, "maker lots", fill.maker_position_lots_after, book.lots[maker])
        books.compare(event, "maker cash", fill.maker_cash_atoms_after, book.cash[maker])


def pay_keeper(book: MarketBook, event: Any, rewards_atoms: int) -> None:
    """Shares of a taker's fees; the keeper's goes into its cash of this market."""
    book.rewards_atoms += rewards_atoms
    if event.keeper_reward_atoms:
        book.cash[str(event.keeper)] += event.keeper_reward_atoms


def settle(book: MarketBook, user: str, atoms: int) -> None:
    """Cash of a position meets the pool: paid to its user, or by it."""
    book.cash[user] -= atoms
    if atoms > 0:
        book.settled_to_users_atoms += atoms
    else:
        book.settled_from_users_atoms -= atoms


def change_balance(books: Books, event: Any, change_atoms: int) -> None:
    """A transfer's effect on its user and its asset, compared with what the event carries."""
    move_balance(books, event, str(event.user), change_atoms, event.balance_atoms)
    books.note_totals(event, {TOTALS[event.collateral_index]: event.total_atoms})


def move_balance(books: Books, event: Any, user: str, change_atoms: int, carried_atoms: int) -> None:
    """A change of one user's balance of the event's asset."""
    if event.collateral_index == 0:
        books.change_quote(event, user, change_atoms, carried_atoms)
        return
    asset = books.assets[event.collateral_index]
    asset.by_user[user] += change_atoms
    books.compare(event, "balance", carried_atoms, asset.by_user[user])
