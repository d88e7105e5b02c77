"""What the books hold: flows and balances of every market, asset and fund, rebuilt from events by `replay`.

All amounts in quote atoms (or token atoms of an asset), sizes in lots, signed as seen by the user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .index import SidesBook

# Interest of 0.01 % in 8 hours: a rate above it has a premium beyond interest.
INTEREST_PER_HOUR_E9 = 12_500


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A resulting value that does not follow from the flows before it."""

    event: str
    what: str
    carried: int
    rebuilt: int


@dataclass(frozen=True, slots=True)
class Liquidation:
    """Lots that left an account in liquidation: `way` is `orders`, `transfer`, `backstop` or `deleveraged`."""

    way: str
    market_index: int
    user: str
    lots: int
    notional_atoms: int
    liquidator_fee_atoms: int
    insurance_fee_atoms: int
    whole: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Bankruptcy:
    """A market's share of an account's deficit and who bore it. `losers`: user -> atoms, by deleveraging."""

    market_index: int
    user: str
    deficit_atoms: int
    share_atoms: int
    fees_atoms: int
    insurance_atoms: int
    deleveraged_atoms: int
    tranche_atoms: int
    recorded_atoms: int
    closed_lots: int
    losers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CollateralSale:
    """Collateral that an account in liquidation, or one in debt, sold to a liquidator."""

    user: str
    liquidator: str
    collateral_index: int
    amount_atoms: int
    paid_atoms: int
    discount_bps: int


@dataclass(slots=True)
class MarketBook:
    """Flows of one market. `cash` and `lots` are rebuilt per user."""

    atoms_per_lot_tick: int = 0
    fills: int = 0
    volume_atoms: int = 0
    taker_fees_atoms: int = 0
    maker_fees_atoms: int = 0
    rewards_atoms: int = 0
    owed_atoms: int = 0
    """Of these, owed to builders and referrers: a claim on the pool."""
    paid_rewards_atoms: int = 0
    insurance_fees_atoms: int = 0
    funding_paid_atoms: int = 0
    funding_received_atoms: int = 0
    foldings: int = 0
    folded_atoms: int = 0
    """All that folding ever put into cash: funding, and what deleveraging paid."""
    closed_atoms: int = 0
    """All that positions got which closed against the other side without a fill."""
    settled_to_users_atoms: int = 0
    settled_from_users_atoms: int = 0
    treasury_atoms: int = 0
    insurance_atoms: int = 0
    insurance_paid_atoms: int = 0
    tranche_paid_atoms: int = 0
    fees_borne_atoms: int = 0
    recorded_atoms: int = 0
    repaid_atoms: int = 0
    given_up_atoms: int = 0
    waived_atoms: int = 0
    """Fees that bear what the price took of fractions of lots that the market held."""
    unbacked_atoms: int = 0
    """The same beyond the fees: on record."""
    open_bankruptcies: set[str] = field(default_factory=set)
    """Accounts whose bankruptcy keeps the market reduce-only."""
    mark_q32: int = 0
    mark_most_q32: int = 0
    rate_e9: int = 0
    accrued_ms: int = 0
    paid_up_ms: int = 0
    paid_down_ms: int = 0
    rate_most_e9: int = 0
    rate_least_e9: int = 0
    cash: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    index: SidesBook = field(default_factory=SidesBook)

    @property
    def lots(self) -> dict[str, int]:
        """Signed size of every user as of its last fold."""
        return self.index.lots

    @property
    def pool_atoms(self) -> int:
        """What losers and the insurance fund paid in, minus what winners took, collected fees and rewards paid."""
        settled = self.settled_from_users_atoms - self.settled_to_users_atoms
        paid_in = self.insurance_paid_atoms + self.tranche_paid_atoms
        return settled + paid_in - self.treasury_atoms - self.insurance_atoms - self.paid_rewards_atoms

    @property
    def pending_fees_atoms(self) -> int:
        """Fees charged, minus rebates and shares given, minus what was collected, bore a deficit or repaid one."""
        charged = self.taker_fees_atoms + self.maker_fees_atoms + self.insurance_fees_atoms - self.rewards_atoms
        spent = self.fees_borne_atoms + self.repaid_atoms + self.waived_atoms
        return charged - self.treasury_atoms - self.insurance_atoms - spent

    @property
    def deficit_atoms(self) -> int:
        """Recorded, and neither repaid by fees nor given up by winners who took the backed part of their profit."""
        return self.recorded_atoms + self.unbacked_atoms - self.repaid_atoms - self.given_up_atoms

    @property
    def claims_atoms(self) -> int:
        """Unsettled cash of all positions."""
        return sum(self.cash.values())

    @property
    def dust_atoms(self) -> int:
        """What of the pool belongs to nobody: funding and deleveraging, paid less received, and never below zero once
        nothing is open: fees make up for it, and the record.
        """
        return self.waived_atoms + self.unbacked_atoms - self.folded_atoms - self.closed_atoms

    def count_dust(self) -> None:
        """With nothing open, make up for dust below zero."""
        missing = max(-self.dust_atoms, 0) if self.index.is_empty else 0
        waived = min(missing, self.pending_fees_atoms)
        self.waived_atoms += waived
        self.unbacked_atoms += missing - waived

    def fund(self, user: str, atoms: int) -> None:
        """Fold a user's position: `atoms` of funding, and of deleveraging since, went into its cash.

        Funding is rounded against the user, by less than an atom each time. What deleveraging paid is taken apart for
        the tables: exactly for whole lots, at the last mark told for the fraction of a lot that folding drops.
        """
        fold = self.index.fold(user)
        self.cash[user] += atoms
        self.folded_atoms += atoms
        self.foldings += 1
        funding = atoms - fold.closing_atoms - (fold.dropped_q16 * self.mark_q32 >> 48)
        if funding < 0:
            self.funding_paid_atoms -= funding
        else:
            self.funding_received_atoms += funding

    def close(self, user: str, atoms: int) -> None:
        """Cash that a position got for lots closed against the other side without a fill."""
        self.cash[user] += atoms
        self.closed_atoms += atoms

    def note_mark(self, mark_q32: int) -> None:
        """The mark as last told."""
        self.mark_q32 = mark_q32
        self.mark_most_q32 = max(self.mark_most_q32, mark_q32)

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
    interest_collected_atoms: int = 0
    by_user: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    queue: dict[str, int] = field(default_factory=dict)
    """What users asked for and wait for: out of their balances, and among the deposits until it is paid."""

    @property
    def credits_atoms(self) -> int:
        """Positive balances."""
        return sum(atoms for atoms in self.by_user.values() if atoms > 0)

    @property
    def queued_atoms(self) -> int:
        """What waits to be paid."""
        return sum(self.queue.values())

    @property
    def total_atoms(self) -> int:
        """The asset's deposits: positive balances and what waits."""
        return self.credits_atoms + self.queued_atoms

    @property
    def debts_atoms(self) -> int:
        """Debts, with their interest as of each one's last change."""
        return -sum(atoms for atoms in self.by_user.values() if atoms < 0)


@dataclass(slots=True)
class Books:
    """Everything that the events say, rebuilt."""

    markets: dict[int, MarketBook] = field(default_factory=lambda: defaultdict(MarketBook))
    assets: dict[int, AssetBook] = field(default_factory=lambda: defaultdict(AssetBook))
    insurance_funded_atoms: int = 0
    staked_atoms: int = 0
    """What stakers brought into the insurance fund."""
    unstaked_atoms: int = 0
    """What was paid out to them."""
    insurance_before_atoms: int = 0
    """The fund before the first liquidation."""
    backstop_profit_atoms: int = 0
    tranche_atoms: int = 0
    users_created: int = 0
    owners: dict[str, str] = field(default_factory=dict)
    """Authority of every user."""
    backstops: dict[int, str] = field(default_factory=dict)
    """Each market's own account."""
    orders_placed: int = 0
    orders_cancelled: int = 0
    orders_cancelled_in_danger: int = 0
    liquidations_begun: int = 0
    liquidations_ended: int = 0
    liquidations: list[Liquidation] = field(default_factory=list)
    sales: list[CollateralSale] = field(default_factory=list)
    bankruptcies: list[Bankruptcy] = field(default_factory=list)
    skips: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mismatches: list[Mismatch] = field(default_factory=list)
    totals: dict[str, list[tuple[Any, int]]] = field(default_factory=dict)

    @property
    def insurance_paid_atoms(self) -> int:
        """What the fund paid for bankruptcies, out of the markets' limits and out of its tranche."""
        return sum(book.insurance_paid_atoms + book.tranche_paid_atoms for book in self.markets.values())

    @property
    def insurance_atoms(self) -> int:
        """The fund's balance: funded, staked, collected from fees, interest and backstops, minus paid."""
        fees = sum(book.insurance_atoms for book in self.markets.values())
        collected = fees + self.assets[0].interest_collected_atoms + self.backstop_profit_atoms
        return self.insurance_brought_atoms + collected - self.insurance_paid_atoms

    @property
    def insurance_brought_atoms(self) -> int:
        """What came into the fund from outside and has not left it again."""
        return self.insurance_funded_atoms + self.staked_atoms - self.unstaked_atoms

    @property
    def treasury_atoms(self) -> int:
        """Fees paid out to the treasury."""
        return sum(book.treasury_atoms for book in self.markets.values())

    def vault_atoms(self, asset: int) -> int:
        """What the asset's vault must hold: transfers in minus transfers out."""
        book = self.assets[asset]
        moved = book.deposited_atoms - book.withdrawn_atoms
        return moved + (self.insurance_brought_atoms - self.treasury_atoms if asset == 0 else 0)

    def compare(self, event: Any, what: str, carried: int, rebuilt: int) -> None:
        """Note a resulting value that does not follow."""
        if carried != rebuilt:
            self.mismatches.append(Mismatch(type(event).__name__, what, carried, rebuilt))

    def compare_interest(self, event: Any, carried: tuple[int, int]) -> None:
        """Open interest of both sides."""
        sides = self.markets[event.market_index].index.sides
        self.compare(event, "long open interest", carried[0], sides[0].interest_lots)
        self.compare(event, "short open interest", carried[1], sides[1].interest_lots)

    def note_totals(self, event: Any, carried: Mapping[str, int]) -> None:
        """Totals that an event carries of what no stream numbers: see `end_slot`."""
        for what, atoms in carried.items():
            self.totals.setdefault(what, []).append((event, atoms))

    def end_slot(self) -> None:
        """Compare totals. A node tells no order of one slot's transactions of different streams: what is rebuilt at the
        slot's end must be what one of them carried."""
        rebuilt = {
            "sum of balances": self.assets[0].total_atoms,
            "sum of debts": self.assets[0].debts_atoms,
            "interest": self.assets[0].interest_atoms - self.assets[0].interest_collected_atoms,
            "sum of SOL balances": self.assets[1].total_atoms,
            "queue": self.assets[0].queued_atoms,
            "SOL queue": self.assets[1].queued_atoms,
            "insurance balance": self.insurance_atoms,
            "insurance tranche": self.tranche_atoms,
        }
        for what, found in self.totals.items():
            if rebuilt[what] not in [atoms for _, atoms in found]:
                self.compare(found[-1][0], what, found[-1][1], rebuilt[what])
        self.totals.clear()

    def change_quote(self, event: Any, user: str, change_atoms: int, carried_atoms: int) -> None:
        """A change of a user's quote balance. Only a debt may lose more than that: its interest."""
        asset = self.assets[0]
        before = asset.by_user[user]
        rebuilt = before + change_atoms
        if before < 0 and carried_atoms < rebuilt:
            asset.interest_atoms += rebuilt - carried_atoms
            rebuilt = carried_atoms
        self.compare(event, "quote balance", carried_atoms, rebuilt)
        asset.by_user[user] = rebuilt
