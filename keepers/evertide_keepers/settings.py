"""What each keeper can be told. Every time is of the chain's clock, unless its name says wall."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleSettings:
    """Prices of local feeds from a tape or from Hermes; feed accounts of Pyth and Switchboard as they change."""

    interval_ms: int = 1_000
    """Least time between two prices of one target."""
    confidence_bps: int = 2
    """Confidence of a tape's price."""
    tape: str | None = None
    """CSV of bars: `timestamp` (unix seconds) and one column of prices in USD for each symbol."""
    tape_shift_ms: int = 0
    """Chain time minus tape time."""
    hermes_url: str | None = None
    hermes_feeds: dict[str, str] = field(default_factory=dict)
    """Symbol, or `collateral:INDEX`, to Pyth feed id in hex."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Target without a price of its own to the target whose price it takes, e.g. `collateral:1` to `SOL-PERP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSettings:
    """Evidence of best bid and ask."""

    refresh_ms: int = 10_000
    """Evidence that stands is shown again after this long."""
    users_max: int = 8
    """Most distinct users in one transaction: each takes 64 bytes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Rows of the risk cache, with the marks and averages in them."""

    interval_ms: int = 5_000
    """Rows and averages older than this are brought up to date; readers of new risk want rows under 10 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSettings:
    """Funding of positions and interest on debt."""

    market_interval_ms: int = 60_000
    """Least time between two accruals of a market; the first after a whole hour is due at once."""
    debt_interval_ms: int = 60_000
    """Least time between two accruals of debt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherSettings:
    """Fills."""

    matches_max: int = 64
    """Most matches of one step."""
    batch_max: int = 8
    """Most matches of one transaction."""
    row_age_ms: int = 5_000
    """Rows older than this are renewed before a match."""
    keeper_user: str | None = None
    """The `User` that earns the keeper's share: of the keypair, or of an owner that made it a delegate for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlerSettings:
    """Settlement of profit and loss."""

    minimum_atoms: int = 1_000_000
    """Least amount worth a transaction."""
    interval_ms: int = 60_000
    """Least time between two settlements of one position."""
    settlements_max: int = 32
    """Most settlements of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidatorSettings:
    """Liquidations: against resting orders without capital, with an account of one's own, to the backstop."""

    liquidator_user: str | None = None
    """The `User` that takes positions over; the keeper's key must be its owner or delegate. It is the keeper's alone:
    its positions are sold again. None: no own capital."""
    keeper_user: str | None = None
    """The `User` that earns the keeper's share of a closing against orders: as for the matcher."""
    minimum_profit_atoms: int = 500_000
    """Least profit of a takeover: the fee less what selling again costs."""
    market_notional_max_atoms: int = 50_000_000_000
    """Most notional held in one market."""
    total_notional_max_atoms: int = 150_000_000_000
    """Most notional held in all markets together."""
    inventory_target_atoms: int = 0
    """Notional in one market above which what is held is sold again."""
    exit_slippage_bps: int = 50
    """Worst price of such a sale, from the index."""
    exit_cost_bps: int = 0
    """What selling again is expected to cost beside the taker's fee where too little rests within the slippage, of the
    notional of those lots: it lowers the profit."""
    exit_interval_ms: int = 10_000
    """Least time between two such sales in one market."""
    minimum_close_atoms: int = 100_000_000
    """Least notional that is closed against orders while more of a position opens to liquidation."""
    backstop_wait_ms: int = 0
    """Time from a liquidation's beginning in which the backstop is left out."""
    row_age_ms: int = 5_000
    """Rows older than this are renewed before own capital is used."""
    accounts_max: int = 256
    """Most accounts looked at in one step, the largest shortfalls first."""
    actions_max: int = 32
    """Most liquidations of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralSettings:
    """Purchases of collateral from accounts in liquidation and from debts that outlived their grace."""

    liquidator_user: str | None = None
    """The `User` that pays quote and receives collateral; the keeper's key must be its owner or delegate."""
    minimum_discount_bps: int = 50
    """Least discount to the oracle's price."""
    minimum_profit_atoms: int = 100_000
    """Least discount in atoms of a whole purchase."""
    quote_budget_atoms: int = 50_000_000_000
    """Most quote spent in one step."""
    accounts_max: int = 256
    """Most accounts looked at in one step, the largest shortfalls first."""
    purchases_max: int = 16
    """Most purchases of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankruptcySettings:
    """Bankruptcies, and the folding of positions that keep a side from starting anew."""

    liquidator_user: str | None = None
    """The `User` that buys a bankrupt account's collateral in the same transaction. None: others sell it first."""
    quote_budget_atoms: int = 50_000_000_000
    """Most quote spent on collateral in one step."""
    accounts_max: int = 64
    """Most accounts resolved in one step."""
    touches_max: int = 32
    """Most positions folded in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSettings:
    """Conditional and scheduled orders, trailing stops, slices of TWAPs."""

    trailing_step_bps: int = 5
    """Least step of a trailing stop's trigger worth a transaction, of the trigger."""
    row_age_ms: int = 5_000
    """Rows older than this are renewed before an order takes on risk."""
    actions_max: int = 64
    """Most actions of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JanitorSettings:
    """Dead orders, fees and rewards, the queue of withdrawals, what a timelock has released, pauses that are over."""

    accounts_max: int = 16
    """Most accounts whose dead orders are removed in one step."""
    minimum_fees_atoms: int = 1_000_000
    """Least fees, interest or backstop profit worth a collection; what repays a deficit always is."""
    minimum_reward_atoms: int = 1_000_000
    """Least payment to a builder or a referrer worth a transaction."""
    collect_interval_ms: int = 3_600_000
    """Least time between two collections of a market's fees, and two payments of one claim."""
    ramp_interval_ms: int = 300_000
    """Least time between two steps of a parameter along its ramp."""
    token_accounts_day_max: int = 8
    """Most token accounts made in a day, at the keeper's cost, for owners in the queue that have none."""
    actions_max: int = 32
    """Most actions of one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerSettings:
    """Quotes on both sides of the index, and answers to auctions, within limits on what is held and lost."""

    maker_user: str | None = None
    """The `User` that quotes; the keeper's key must be its owner or delegate. It is the keeper's alone: whatever order
    it has in a quoted market is taken for a quote. None: quotes nothing."""
    markets: tuple[str, ...] = ()
    """Symbols of the markets to quote; none: all."""
    levels: int = 2
    """Quotes of each side, at most 4."""
    spread_bps: int = 10
    """Distance of the first quote from the centre."""
    level_step_bps: int = 10
    """Distance of each further quote from the one before it."""
    quote_notional_atoms: int = 1_000_000_000
    """Notional of one quote."""
    skew_bps: int = 20
    """How far the centre moves against a position as large as the limit; from the index, in proportion."""
    requote_bps: int = 3
    """A quote this much off where it is wanted is replaced."""
    position_notional_max_atoms: int = 10_000_000_000
    """Most notional held in one market."""
    total_notional_max_atoms: int = 30_000_000_000
    """Most notional held in all markets together."""
    loss_max_atoms: int = 1_000_000_000
    """Most equity lost since the keeper first saw the account; beyond it positions are only reduced."""
    index_age_max_ms: int = 3_000
    """An index older than this is not quoted: what is open is cancelled."""
    quote_life_ms: int = 30_000
    """Every quote expires after this; at half of it, it is replaced."""
    dead_man_ms: int = 60_000
    """All orders die this long after the keeper was last heard of; put off at half of it."""
    auction_edge_bps: int = 5
    """Least distance of an auction's price from the centre, in the maker's favour."""
    auction_notional_max_atoms: int = 2_000_000_000
    """Most notional of one answer; 0: none is answered."""
    row_age_ms: int = 5_000
    """Rows older than this are renewed before a quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianSettings:
    """A watch over keys, changes and totals. It alarms; it acts only where it holds the guardian's key."""

    invariants_interval_ms: int = 3_600_000
    """Least time between two `check_invariants` of a market that are sent though nothing looks wrong; 0: none."""
    withdrawable_bps: int = 100
    """Part of all deposits that a change must make withdrawable to be more than a notice."""
    keeper_user: str | None = None
    """The `User` that earns the bounty of a broken invariant; of the keypair."""
    guardian: str | None = None
    """The guardian's address, whose key is the keypair or among the signers. None: alarms alone."""
    pauses: bool = False
    """Pause when totals do not agree or the program was replaced."""
    vetoes: bool = False
    """Cancel waiting changes that make more withdrawable than `withdrawable_bps`, unless expected."""
    expected_changes: tuple[str, ...] = ()
    """Numbers of the changes that are known and not to be cancelled."""
