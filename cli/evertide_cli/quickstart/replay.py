"""Recompute the exchange's books from its events alone, from the first to the last.

Nothing here trusts a resulting value that an event carries: balances are rebuilt from flows (fills, fees, funding,
transfers, settlements), and every resulting value is then compared with the rebuilt one. A difference is a `Mismatch`.
All amounts in quote atoms (or token atoms of an asset), sizes in lots, signed as seen by the user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .tape import HOUR_MS

# Interest of 0.01 % in 8 hours: a rate above it has a premium beyond interest.
INTEREST_PER_HOUR_E9 = 12_500


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A resulting value that does not follow from the flows before it."""

    event: str
    what: str
    carried: int
    rebuilt: int


@dataclass(slots=True)
class MarketBook:
    """Flows of one market. `cash` and `lots` are rebuilt per user."""

    atoms_per_lot_tick: int = 0
    fills: int = 0
    volume_atoms: int = 0
    taker_fees_atoms: int = 0
    maker_fees_atoms: int = 0
    rewards_atoms: int = 0
    funding_paid_atoms: int = 0
    funding_received_atoms: int = 0
    foldings: int = 0
    settled_to_users_atoms: int = 0
    settled_from_users_atoms: int = 0
    treasury_atoms: int = 0
    insurance_atoms: int = 0
    rate_e9: int = 0
    accrued_ms: int = 0
    paid_up_ms: int = 0
    paid_down_ms: int = 0
    rate_most_e9: int = 0
    rate_least_e9: int = 0
    cash: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def pool_atoms(self) -> int:
        """What losers paid in, minus what winners took, minus collected fees."""
        settled = self.settled_from_users_atoms - self.settled_to_users_atoms
        return settled - self.treasury_atoms - self.insurance_atoms

    @property
    def pending_fees_atoms(self) -> int:
        """Fees charged, minus rebates and shares given, minus collected."""
        charged = self.taker_fees_atoms + self.maker_fees_atoms - self.rewards_atoms
        return charged - self.treasury_atoms - self.insurance_atoms

    @property
    def funding_dust_atoms(self) -> int:
        """Funding paid and received by nobody: the rounding against payers and receivers."""
        return self.funding_paid_atoms - self.funding_received_atoms

    def fund(self, user: str, atoms: int) -> None:
        """Funding folded into a user's cash: rounded against the user, by less than an atom each time."""
        self.cash[user] += atoms
        self.foldings += 1
        if atoms < 0:
            self.funding_paid_atoms -= atoms
        else:
            self.funding_received_atoms += atoms

    def note_rate(self, rate_e9: int, elapsed_ms: int) -> None:
        """Time at a rate beyond interest, by who paid."""
        if rate_e9 > INTEREST_PER_HOUR_E9:
            self.paid_up_ms += elapsed_ms
        elif rate_e9 < 0:
            self.paid_down_ms += elapsed_ms


@dataclass(slots=True)
class AssetBook:
    """Flows of one collateral asset's vault, token atoms."""

    deposited_atoms: int = 0
    withdrawn_atoms: int = 0
    interest_atoms: int = 0
    by_user: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class Books:
    """Everything that the events say, rebuilt."""

    markets: dict[int, MarketBook] = field(default_factory=lambda: defaultdict(MarketBook))
    assets: dict[int, AssetBook] = field(default_factory=lambda: defaultdict(AssetBook))
    insurance_funded_atoms: int = 0
    users_created: int = 0
    orders_placed: int = 0
    orders_cancelled: int = 0
    skips: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def insurance_atoms(self) -> int:
        """The fund's balance."""
        return self.insurance_funded_atoms + sum(book.insurance_atoms for book in self.markets.values())

    @property
    def treasury_atoms(self) -> int:
        """Fees paid out to the treasury."""
        return sum(book.treasury_atoms for book in self.markets.values())

    def vault_atoms(self, asset: int) -> int:
        """What the asset's vault must hold: transfers in minus transfers out."""
        book = self.assets[asset]
        moved = book.deposited_atoms - book.withdrawn_atoms
        return moved + (self.insurance_funded_atoms - self.treasury_atoms if asset == 0 else 0)

    def feed(self, event: Any) -> None:
        """Take one event, in the order of the chain."""
        name = type(event).__name__
        self.counts[name] += 1
        if (handler := HANDLERS.get(name)) is not None:
            handler(self, event)

    def compare(self, event: Any, what: str, carried: int, rebuilt: int) -> None:
        """Note a resulting value that does not follow."""
        if carried != rebuilt:
            self.mismatches.append(Mismatch(type(event).__name__, what, carried, rebuilt))


def _listed(books: Books, event: Any) -> None:
    books.markets[event.market_index].atoms_per_lot_tick = event.atoms_per_lot_tick


def _created(books: Books, event: Any) -> None:
    books.users_created += 1


def _deposited(books: Books, event: Any) -> None:
    books.assets[event.collateral_index].deposited_atoms += event.amount_atoms
    _balance(books, event, event.amount_atoms)


def _withdrawn(books: Books, event: Any) -> None:
    books.assets[event.collateral_index].withdrawn_atoms += event.amount_atoms
    _balance(books, event, -event.amount_atoms)


def _balance(books: Books, event: Any, change_atoms: int) -> None:
    """A transfer's effect on its user and its asset, compared with what the event carries."""
    asset = books.assets[event.collateral_index]
    if event.collateral_index == 0:
        _quote(books, event, change_atoms, event.balance_atoms)
        return
    user = str(event.user)
    asset.by_user[user] += change_atoms
    books.compare(event, "balance", event.balance_atoms, asset.by_user[user])


def _quote(books: Books, event: Any, change_atoms: int, carried_atoms: int) -> None:
    """A change of a user's quote balance. Only a debt may lose more than that: its interest."""
    asset = books.assets[0]
    user = str(event.user)
    before = asset.by_user[user]
    rebuilt = before + change_atoms
    if before < 0 and carried_atoms < rebuilt:
        asset.interest_atoms += rebuilt - carried_atoms
        rebuilt = carried_atoms
    books.compare(event, "quote balance", carried_atoms, rebuilt)
    asset.by_user[user] = rebuilt


def _insurance_funded(books: Books, event: Any) -> None:
    books.insurance_funded_atoms += event.amount_atoms
    books.compare(event, "insurance balance", event.balance_atoms, books.insurance_atoms)


def _collected(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    book.treasury_atoms += event.treasury_atoms
    book.insurance_atoms += event.insurance_atoms
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    books.compare(event, "insurance balance", event.insurance_balance_atoms, books.insurance_atoms)


def _placed(books: Books, event: Any) -> None:
    books.orders_placed += len(event.orders)


def _cancelled(books: Books, event: Any) -> None:
    books.orders_cancelled += len(event.orders)


def _matched(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    taker = str(event.taker)
    sign = -1 if event.taker_ask else 1
    book.fund(taker, event.taker_funding_atoms)
    for fill in event.fills:
        maker = str(fill.maker)
        value = fill.size_lots * fill.price_ticks * book.atoms_per_lot_tick
        book.fund(maker, fill.maker_funding_atoms)
        book.lots[taker] += sign * fill.size_lots
        book.lots[maker] -= sign * fill.size_lots
        book.cash[taker] -= sign * value + fill.taker_fee_atoms
        book.cash[maker] += sign * value - fill.maker_fee_atoms
        book.taker_fees_atoms += fill.taker_fee_atoms
        book.maker_fees_atoms += fill.maker_fee_atoms
        book.fills += 1
        book.volume_atoms += value
        books.compare(event, "maker lots", fill.maker_position_lots_after, book.lots[maker])
        books.compare(event, "maker cash", fill.maker_cash_atoms_after, book.cash[maker])
    rewards = event.keeper_reward_atoms + event.referrer_reward_atoms + event.builder_reward_atoms
    book.rewards_atoms += rewards
    if event.keeper_reward_atoms:
        book.cash[str(event.keeper)] += event.keeper_reward_atoms
    books.compare(event, "taker lots", event.taker_position_lots_after, book.lots[taker])
    books.compare(event, "taker cash", event.taker_cash_atoms_after, book.cash[taker])
    books.compare(event, "pending fees", event.pending_fees_atoms, book.pending_fees_atoms)
    longs = sum(lots for lots in book.lots.values() if lots > 0)
    shorts = -sum(lots for lots in book.lots.values() if lots < 0)
    books.compare(event, "long open interest", event.open_interest_lots[0], longs)
    books.compare(event, "short open interest", event.open_interest_lots[1], shorts)
    for skip in event.skips:
        books.skips[skip.reason] += 1


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


def _debt(books: Books, event: Any) -> None:
    books.compare(event, "interest", event.interest_atoms, books.assets[0].interest_atoms)


def _settled(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    user = str(event.user)
    book.fund(user, event.funding_atoms)
    book.cash[user] -= event.amount_atoms
    if event.amount_atoms > 0:
        book.settled_to_users_atoms += event.amount_atoms
    else:
        book.settled_from_users_atoms -= event.amount_atoms
    _quote(books, event, event.amount_atoms, event.quote_atoms)
    books.compare(event, "cash", event.cash_atoms, book.cash[user])
    books.compare(event, "pool", event.pool_atoms, book.pool_atoms)


def _touched(books: Books, event: Any) -> None:
    book = books.markets[event.market_index]
    user = str(event.user)
    book.fund(user, event.funding_atoms)
    books.compare(event, "cash", event.cash_atoms, book.cash[user])
    books.compare(event, "lots", event.size_lots, book.lots[user])


HANDLERS: dict[str, Callable[[Books, Any], None]] = {
    "MarketListed": _listed,
    "UserCreated": _created,
    "Deposited": _deposited,
    "Withdrawn": _withdrawn,
    "InsuranceFunded": _insurance_funded,
    "FeesCollected": _collected,
    "OrdersPlaced": _placed,
    "OrdersCancelled": _cancelled,
    "OrdersMatched": _matched,
    "MarketAccrued": _accrued,
    "DebtAccrued": _debt,
    "PnlSettled": _settled,
    "PositionTouched": _touched,
}
