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
class AccrualSettings:
    """Funding, averages, cache rows, interest on debt."""

    market_interval_ms: int = 5_000
    debt_interval_ms: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherSettings:
    """Fills."""

    matches_max: int = 64
    """Most matches of one step."""
    row_age_ms: int = 5_000
    """Rows older than this are renewed before a match."""
    keeper_user: str | None = None
    """The `User` that earns the keeper's share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlerSettings:
    """Settlement of profit and loss."""

    minimum_atoms: int = 1_000_000
    """Least amount worth a transaction."""
    interval_ms: int = 60_000
    """Least time between two settlements of one position."""
    settlements_max: int = 32
    """Most settlements of one step."""
