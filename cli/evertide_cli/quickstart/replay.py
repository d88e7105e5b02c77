"""Recompute the exchange's books from its events alone, from the first to the last.

Nothing here trusts a resulting value that an event carries: balances are rebuilt from flows (fills, fees, funding,
transfers, settlements), and every resulting value is then compared with the rebuilt one. A difference is a `Mismatch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evertide_cli.errors import CliError

from .books import Books
from .flows import change_balance, pay_keeper, settle, take_fills
from .replay_funds import HANDLERS as FUNDS
from .replay_way_down import HANDLERS as WAY_DOWN
from .tape import HOUR_MS


def replay(slots: Iterable[Sequence[Any]]) -> Books:
    """The books after the events of these slots, in the order of the chain."""
    books = Books()
    for events in slots:
        for event in events:
            feed(books, event)
        books.end_slot()
    return books


def feed(books: Books, event: Any) -> None:
    """Take one event. Raises CliError for one that nobody has said what it does to the books."""
    name = type(event).__name__
    books.counts[name] += 1
    if (handler := HANDLERS.get(name)) is not None:
        handler(books, event)
    elif name not in WITHOUT_EFFECT:
        raise CliError(f"the books do not know the event {name}", event=name)


def _listed(books: Books, event: Any) -> None:
    books.markets[event.market_index].atoms_per_lot_tick = event.atoms_per_lot_tick
    # A market's own address is the authority of its backstop, created just before.
    owned = (user for user, owner in books.owners.items() if owner == str(event.market))
    books.backstops[event.market_index] = next(owned, "")


def _created(books: Books, event: Any) -> None:
    books.users_created += 1
    books.owners[str(event.user)] = str(event.authority)


def _deposited(books: Books, event: Any) -> None:
    books.assets[event.collateral_index].deposited_atoms += event.amount_atoms
    change_balance(books, event, event.amount_atoms)


def _withdrawn(books: Books, event: Any) -> None:
    books.assets[event.collateral_index].withdrawn_atoms += event.amount_atoms
    change_balance(books, event, -event.amount_atoms)


def _collected(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    book.treasury_atoms += event.treasury_atoms
    book.insurance_atoms += event.insurance_atoms
    book.repaid_atoms += event.repaid_atoms
    quote = books.assets[0]
    quote.interest_collected_atoms += event.interest_atoms
    if event.backstop_atoms:
        books.backstop_profit_atoms += event.backstop_atoms
        quote.by_user[books.backstops[event.market_index]] -= event.backstop_atoms
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "recorded deficit", event.deficit_atoms, book.deficit_atoms)
    books.note_totals(event, {"interest": 0, "insurance balance": event.insurance_balance_atoms})
    books.note_totals(event, {"sum of balances": event.total_atoms})


def _rewarded(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    book.owed_atoms -= event.paid_atoms + event.given_up_atoms + event.kept_atoms
    book.rewards_atoms -= event.kept_atoms
    book.paid_rewards_atoms += event.paid_atoms
    book.given_up_atoms += event.given_up_atoms
    if event.recipient_sequence:
        books.change_quote(event, str(event.recipient), event.paid_atoms, event.quote_atoms)
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "recorded deficit", event.deficit_atoms, book.deficit_atoms)
    books.note_totals(event, {"sum of balances": event.total_atoms, "sum of debts": event.debt_atoms})


def _placed(books: Books, event: Any) -> None:
    books.orders_placed += len(event.orders)


def _cancelled(books: Books, event: Any) -> None:
    books.orders_cancelled += len(event.orders)


def _placed_signed(books: Books, event: Any) -> None:
    books.orders_placed += len(event.placements)


def _revealed(books: Books, event: Any) -> None:
    books.orders_placed += 1


def _modified(books: Books, event: Any) -> None:
    books.orders_cancelled += len(event.removed)


def _sliced(books: Books, event: Any) -> None:
    books.orders_placed += 1
    books.orders_cancelled += len(event.removed)


def _matched(books: Books, event: Any) -> None:
    taker = str(event.taker)
    book = books.markets[event.market_index]
    book.fund(taker, event.taker_funding_atoms)
    take_fills(books, event, taker, event.taker_ask)
    rewards = event.keeper_reward_atoms + event.referrer_reward_atoms + event.builder_reward_atoms
    pay_keeper(book, event, rewards)
    book.owed_atoms += event.referrer_reward_atoms + event.builder_reward_atoms
    books.compare(event, "taker lots", event.taker_position_lots_after, book.lots[taker])
    books.compare(event, "taker cash", event.taker_cash_atoms_after, book.cash[taker])
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare_interest(event, event.open_interest_lots)


def _accrued(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    # A rate holds until the turn of its hour; the one in force since the last turn is this event's. Whole hours between
    # two events tell no rate and count for nobody.
    if book.accrued_ms:
        turn_ms = (book.accrued_ms // HOUR_MS + 1) * HOUR_MS
        last_turn_ms = event.time_ms // HOUR_MS * HOUR_MS
        book.note_rate(book.rate_e9, min(event.time_ms, turn_ms) - book.accrued_ms)
        if last_turn_ms >= turn_ms:
            book.note_rate(event.funding_rate_e9, event.time_ms - last_turn_ms)
    book.accrued_ms = event.time_ms
    book.rate_e9 = event.funding_rate_e9
    book.rate_most_e9 = max(book.rate_most_e9, event.funding_rate_e9)
    book.rate_least_e9 = min(book.rate_least_e9, event.funding_rate_e9)
    book.note_mark(event.mark_price_q32)
    book.index.close_dropped(event.mark_price_q32)
    book.index.reset()
    for number, side in enumerate(book.index.sides):
        books.compare(event, "epoch", event.epoch[number], side.epoch)
    books.compare_interest(event, event.open_interest_lots)
    book.count_dust()
    if book.index.is_empty:
        books.compare(event, "dust", event.dust_atoms, book.dust_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "recorded deficit", event.deficit_atoms, book.deficit_atoms)


def _marked(books: Books, event: Any) -> None:
    books.markets[event.market_index].note_mark(event.mark_price_q32)


def _debt(books: Books, event: Any) -> None:
    books.note_totals(event, {"interest": event.interest_atoms, "sum of debts": event.debt_atoms})


def _settled(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    user = str(event.user)
    book.fund(user, event.funding_atoms)
    settle(book, user, event.amount_atoms)
    book.cash[user] -= event.given_up_atoms
    book.given_up_atoms += event.given_up_atoms
    book.index.close_dropped(book.mark_q32)
    books.compare_interest(event, event.open_interest_lots)
    books.change_quote(event, user, event.amount_atoms, event.quote_atoms)
    books.compare(event, "cash", event.cash_atoms, book.cash[user])
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)
    books.compare(event, "recorded deficit", event.deficit_atoms, book.deficit_atoms)
    books.note_totals(event, {"sum of balances": event.total_atoms, "sum of debts": event.debt_atoms})


def _touched(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    user = str(event.user)
    book.fund(user, event.funding_atoms)
    if event.closed_lots:
        # The price is the market's mark at the time, which the event does not tell: what it paid follows from the
        # cash, and is held between the bounds of the dust.
        sign = 1 if book.lots[user] > 0 else -1
        book.index.close_against(user, event.closed_lots, 0)
        paid = event.cash_atoms - book.cash[user]
        books.compare(event, "closed for less than nothing", 0, min(sign * paid, 0))
        book.close(user, paid)
    book.index.close_dropped(book.mark_q32)
    books.compare(event, "cash", event.cash_atoms, book.cash[user])
    books.compare(event, "lots", event.size_lots, book.lots[user])
    books.compare_interest(event, event.open_interest_lots)


HANDLERS: dict[str, Callable[[Books, Any], None]] = {
    "MarketListed": _listed,
    "UserCreated": _created,
    "Deposited": _deposited,
    "Withdrawn": _withdrawn,
    "FeesCollected": _collected,
    "RewardPaid": _rewarded,
    "OrdersPlaced": _placed,
    "SignedOrdersPlaced": _placed_signed,
    "SliceExecuted": _sliced,
    "OrdersExpired": _cancelled,
    "OrdersCancelled": _cancelled,
    "CancelAllAfterSet": _cancelled,
    "OrderModified": _modified,
    "OrderRevealed": _revealed,
    "OrdersMatched": _matched,
    "MarketAccrued": _accrued,
    "DebtAccrued": _debt,
    "PnlSettled": _settled,
    "PositionTouched": _touched,
    "MarkUpdated": _marked,
    **FUNDS,
    **WAY_DOWN,
}

# Events that move no money, no lots and no order: every kind is here or among the handlers.
WITHOUT_EFFECT = frozenset(
    (
        "AccountExtended",
        "ChangeCancelled",
        "ChangeExecuted",
        "ChangeProposed",
        "CollateralListed",
        "DelegateSet",
        "ExchangeInitialized",
        "ExchangeOpened",
        "ExchangePaused",
        "GateDisabled",
        "GateEnabled",
        "LimitsSet",
        "MarketStatusSet",
        "NonceCancelled",
        "OracleUpdated",
        "OrderCommitted",
        "OrderTriggered",
        "PauseLifted",
        "RampApplied",
        "RoleClaimed",
        "SeasonAdvanced",
        "SuccessorNamed",
        "TrailingUpdated",
        # Shares are asked back; what they are worth leaves with the claim.
        "UnstakeRequested",
    )
)
