"""The events of the insurance fund's stakes, of the withdrawal queue, of transfers and of a market's end, replayed: see
`replay`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .books import Books
from .flows import QUEUES, TOTALS, move_balance


def _funded(books: Books, event: Any) -> None:
    books.insurance_funded_atoms += event.amount_atoms
    books.tranche_atoms = event.tranche_atoms
    books.note_totals(event, {"insurance balance": event.balance_atoms, "insurance tranche": event.tranche_atoms})


def _staked(books: Books, event: Any) -> None:
    books.staked_atoms += event.amount_atoms
    books.note_totals(event, {"insurance balance": event.balance_atoms})


def _unstaked(books: Books, event: Any) -> None:
    books.unstaked_atoms += event.paid_atoms
    books.note_totals(event, {"insurance balance": event.balance_atoms})


def _transferred(books: Books, event: Any) -> None:
    """Between two sub-accounts of one owner; in quote it may repay a debt of the other."""
    move_balance(books, event, str(event.user), -event.amount_atoms, event.balance_atoms)
    move_balance(books, event, str(event.to), event.amount_atoms, event.to_balance_atoms)
    books.note_totals(event, {TOTALS[event.collateral_index]: event.total_atoms})
    if event.collateral_index == 0:
        books.note_totals(event, {"sum of debts": event.debt_atoms})


def _requested(books: Books, event: Any) -> None:
    """Out of the balance into the queue, where it stays among the deposits."""
    user = str(event.user)
    move_balance(books, event, user, -event.amount_atoms, event.balance_atoms)
    books.compare(event, "an earlier request", 0, books.assets[event.collateral_index].queue.get(user, 0))
    books.assets[event.collateral_index].queue[user] = event.amount_atoms
    _note_queue(books, event)


def _claimed(books: Books, event: Any) -> None:
    """Out of the queue and of the vault; a part of a request stays where it was."""
    asset, user = books.assets[event.collateral_index], str(event.user)
    asset.withdrawn_atoms += event.amount_atoms
    asset.queue[user] = asset.queue.get(user, 0) - event.amount_atoms
    books.compare(event, "left of the request", event.left_atoms, asset.queue[user])
    if asset.queue[user] == 0:
        del asset.queue[user]
    _note_queue(books, event)


def _note_queue(books: Books, event: Any) -> None:
    at = event.collateral_index
    books.note_totals(event, {TOTALS[at]: event.total_atoms, QUEUES[at]: event.queued_atoms})


def _ended(books: Books, event: Any) -> None:
    """First every position is closed at one price; once all have taken their part of it, the market is."""
    from evertide import MarketStatus

    book = books.markets[event.market_index]
    if event.status != MarketStatus.CLOSED:
        book.index.close_all(event.price_q32)
    book.index.reset()
    book.count_dust()
    for number, side in enumerate(book.index.sides):
        books.compare(event, "A", event.a[number], side.a)
        books.compare(event, "epoch", event.epoch[number], side.epoch)
    books.compare_interest(event, event.open_interest_lots)
    if book.index.is_empty:
        books.compare(event, "dust", event.dust_atoms, book.dust_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "recorded deficit", event.deficit_atoms, book.deficit_atoms)


def _broken(books: Books, event: Any) -> None:
    """Who showed it is paid out of the market's fees, into its position there."""
    book = books.markets[event.market_index]
    book.rewards_atoms += event.bounty_atoms
    if event.bounty_atoms:
        book.cash[str(event.keeper)] += event.bounty_atoms
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)


def _user_closed(books: Books, event: Any) -> None:
    """Nothing may be left of an account that is gone."""
    user = str(event.user)
    left = [held.get(user, 0) for asset in books.assets.values() for held in (asset.by_user, asset.queue)]
    left += [held.get(user, 0) for book in books.markets.values() for held in (book.cash, book.lots)]
    books.compare(event, "left in a closed account", 0, sum(abs(atoms) for atoms in left))


HANDLERS: dict[str, Callable[[Books, Any], None]] = {
    "InsuranceFunded": _funded,
    "InsuranceStaked": _staked,
    "UnstakeClaimed": _unstaked,
    "Transferred": _transferred,
    "WithdrawRequested": _requested,
    "WithdrawClaimed": _claimed,
    "MarketSettled": _ended,
    "InvariantBroken": _broken,
    "UserClosed": _user_closed,
}
