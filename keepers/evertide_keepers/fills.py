"""What matches will fill, before they are sent: lots and prices by the crossing scan, fees by the exchange's own terms.

The program decides on its own; a test lets it, and compares to the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from evertide import BPS_ONE, BUILDERS_MAX, HOUR_MS
from evertide.math import FeeClaims, KeeperBounds, fee, keeper_share, split_fee
from evertide_engine.crossing import Match

from .state import State

PPM_PER_TENTH_BPS = 10
VOLUME_WINDOW_HOURS = 720


@dataclass(frozen=True, slots=True)
class ExpectedFill:
    """One fill as the event will tell it. Fees in atoms: the taker's with the builder's in it, the maker's negative as
    a rebate.
    """

    maker: str
    order_id: int
    price_ticks: int
    size_lots: int
    taker_fee_atoms: int
    maker_fee_atoms: int


@dataclass(frozen=True, slots=True)
class Expected:
    """One match as it will fill, with what it brings the exchange and whoever it shares with, atoms."""

    market_index: int
    taker: str
    taker_order_id: int
    fills: tuple[ExpectedFill, ...]
    charged_atoms: int
    """Fees of takers and makers, rebates taken off."""
    shares: Shares
    """Who gets what of it, were it filled now: the keeper's share grows with the order's age."""


class Shares(NamedTuple):
    """What a match pays others than the exchange, atoms."""

    keeper_atoms: int = 0
    referrer_atoms: int = 0
    builder_atoms: int = 0
    builder_fee_atoms: int = 0
    """What the taker is charged for the builder."""

    def plus(self, other: Shares) -> Shares:
        """Both together."""
        return Shares(*(mine + more for mine, more in zip(self, other, strict=True)))


class Tier(NamedTuple):
    """One row of the fees by 30-day volume, rates in tenths of a basis point; the maker's below zero is a rebate."""

    volume_atoms: int
    taker_tenth_bps: int
    maker_tenth_bps: int


class Rates(NamedTuple):
    """What one match charges its taker, and who else has a claim on that."""

    taker_tenth_bps: int
    builder_tenth_bps: int
    referrer_bps: int
    """Of the taker's fee."""
    age_ms: int | None
    """Age of the taker's order, which the keeper's share grows with; None: no keeper is credited."""


class FillSimulator:
    """Matches one after the other: volumes, and with them the fee tiers, move on with each fill."""

    def __init__(self, state: State, keeper_user: str | None = None) -> None:
        """`keeper_user`: the account that is credited with the keeper's share; None: there is none."""
        terms: Any = state.exchange["terms"]
        self._state = state
        self._tiers = [
            Tier(int(tier["volume_atoms"]), int(tier["taker_fee_tenth_bps"]), int(tier["maker_fee_tenth_bps"]))
            for tier in terms["fee_tiers"][: max(int(terms["fee_tier_count"]), 1)]
        ]
        self._bounds = KeeperBounds(int(terms["keeper_reward_min_atoms"]), int(terms["keeper_reward_max_atoms"]))
        self._share_bps, self._referrer_bps = int(terms["keeper_share_bps"]), int(terms["referrer_share_bps"])
        self._keeper_user = keeper_user
        self._ticks_atoms: list[int] = state.markets["atoms_per_lot_tick"].tolist()
        self._volumes: dict[int, int] = {}
        self._addresses: dict[int, str] = {}

    def taker_fee_tenth_bps(self, row: int) -> int:
        """Rate of the fee that an account would pay now as a taker, in tenths of a basis point."""
        return self._tier(row).taker_tenth_bps

    def run(self, match: Match) -> Expected:
        """What a match of the crossing scan will fill, and count on it."""
        order = self._state.orders["orders"][match.taker_row, match.taker_slot]
        tick, taker_tier = self._ticks_atoms[match.market_index], self._tier(match.taker_row)
        builder_tenth_bps = self._builder_tenth_bps(order)
        age_ms = max(self._state.time.unix_ms - int(order["placed_ms"]), 0)
        referrer_bps = self._referrer_bps if self._state.users["referrer"][match.taker_row].any() else 0
        parties = {self._address(row) for row in (match.taker_row, *(fill.maker_row for fill in match.fills))}
        credited = self._keeper_user is not None and self._keeper_user not in parties
        rates = Rates(taker_tier.taker_tenth_bps, builder_tenth_bps, referrer_bps, age_ms if credited else None)
        fills, charged, whole, shares = [], 0, 0, Shares()
        for fill in match.fills:
            notional = fill.price_ticks * tick * fill.size_lots
            whole += notional
            found = self._charge(rates, self._tier(fill.maker_row), notional)
            self._add_volume(fill.maker_row, notional)
            taker_atoms, maker_atoms, parts = found
            maker = self._address(fill.maker_row)
            fills.append(
                ExpectedFill(maker, fill.maker_order_id, fill.price_ticks, fill.size_lots, taker_atoms, maker_atoms)
            )
            charged, shares = charged + taker_atoms + maker_atoms, shares.plus(parts)
        self._add_volume(match.taker_row, whole)
        taker = self._address(match.taker_row)
        return Expected(match.market_index, taker, match.taker_order_id, tuple(fills), charged, shares)

    def _charge(self, rates: Rates, maker_tier: Tier, notional: int) -> tuple[int, int, Shares]:
        """What taker and maker of one fill are charged, atoms, and who gets what of it."""
        taker_fee = fee(notional, rates.taker_tenth_bps * PPM_PER_TENTH_BPS)
        maker_fee = fee(notional, maker_tier.maker_tenth_bps * PPM_PER_TENTH_BPS)
        builder_fee = fee(notional, rates.builder_tenth_bps * PPM_PER_TENTH_BPS)
        keeper = 0 if rates.age_ms is None else keeper_share(taker_fee, self._bounds, rates.age_ms, self._share_bps)
        claims = FeeClaims(
            taker_fee_atoms=taker_fee,
            maker_fee_atoms=max(maker_fee, 0),
            builder_fee_atoms=builder_fee,
            rebate_atoms=max(-maker_fee, 0),
            keeper_atoms=keeper,
            referrer_atoms=taker_fee * rates.referrer_bps // BPS_ONE,
        )
        split = split_fee(claims)
        maker_atoms = -split.rebate_atoms if maker_fee < 0 else maker_fee
        shares = Shares(split.keeper_atoms, split.referrer_atoms, split.builder_atoms, builder_fee)
        return taker_fee + builder_fee, maker_atoms, shares

    def _address(self, row: int) -> str:
        if row not in self._addresses:
            self._addresses[row] = str(Pubkey.from_bytes(self._state.user_keys[row]))
        return self._addresses[row]

    def _builder_tenth_bps(self, order: Any) -> int:
        """The builder's fee that an order agrees to; 0 without a registered builder of its code."""
        code = int(order["builder_plus_one"])
        if not code:
            return 0
        entry = self._state.exchange["builders"][(code - 1) % BUILDERS_MAX]
        registered = int(entry["code"]) == code and not int(entry["unpaid_markets"]) and entry["user"].any()
        # The second half-word of the last term, whatever the kind.
        return int(order["terms"][2]) >> 16 & 0xFFFF if registered else 0

    def _volume(self, row: int) -> int:
        """Volume of the last 30 days now, atoms: it decays by whole hours, rounded down."""
        if row not in self._volumes:
            user = self._state.users[row]
            hours = max(self._state.time.unix_ms - int(user["volume_updated_ms"]), 0) // HOUR_MS
            left = max(VOLUME_WINDOW_HOURS - hours, 0)
            self._volumes[row] = int(user["volume_30d_atoms"]) * left // VOLUME_WINDOW_HOURS
        return self._volumes[row]

    def _add_volume(self, row: int, notional: int) -> None:
        self._volumes[row] = self._volume(row) + notional

    def _tier(self, row: int) -> Tier:
        """The last fee tier whose volume an account has reached; the first always is."""
        volume, chosen = self._volume(row), self._tiers[0]
        for tier in self._tiers[1:]:
            if volume < tier.volume_atoms:
                break
            chosen = tier
        return chosen
