"""What a sub-account is worth, computed here as the program computes it: from its cached rows through `evertide.math`.

`view_health` asks the program itself; a test holds both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ._errors import AccountMismatch
from ._generated import constants
from ._generated.accounts import RiskCache, User
from ._generated.types import CollateralRow, MarketRow, Position
from ._units import lots_to_size, unscale
from .math import (
    MarginKind,
    MarginTerms,
    MarginTiers,
    OpenOrders,
    PositionInput,
    SideIndex,
    Snapshot,
    balance_with_interest,
    collateral_value,
    dropped_value,
    fold_cached,
    liquidation_price,
    notional_ceil,
    position_margin,
    price_less_confidence,
    remaining_entry,
    scaled_weight,
    signed_value_floor,
    stale_price,
    unrealised,
    weighted_collateral,
    weighted_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """One position now, folded to the cached row. Integers in lots, quote atoms and Q32 atoms for each lot."""

    market_index: int
    #: Live size, signed.
    size_lots: int
    #: Unsettled cash, signed, funding up to the row included.
    cash_atoms: int
    #: Signed cost of the open size.
    entry_atoms: int
    mark_price_q32: int
    #: Size at mark, signed, rounded down.
    value_atoms: int
    unrealised_atoms: int
    #: Mark at which the whole account would meet maintenance exactly, all else equal; None when there is none.
    liquidation_price_q32: int | None

    @property
    def liquidation_distance_bps(self) -> int | None:
        """How far the mark is from the liquidation price, in bps of the mark, rounded down; 0 below maintenance."""
        if self.liquidation_price_q32 is None:
            return None
        return abs(self.liquidation_price_q32 - self.mark_price_q32) * 10_000 // self.mark_price_q32

    def size(self, *, lot_size_e9: int) -> Decimal:
        """Live size in whole base units."""
        return lots_to_size(self.size_lots, lot_size_e9=lot_size_e9)

    def entry_price(self, *, lot_size_e9: int) -> Decimal | None:
        """Average entry in USDC for each base unit, for showing (12 decimals); None without a size."""
        if self.size_lots == 0:
            return None
        base = unscale(self.size_lots * lot_size_e9, 9)
        return (unscale(self.entry_atoms, 6) / base).quantize(Decimal("1e-12")).normalize() + 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """Equity and requirement of one kind of test, quote atoms. Healthy while `excess_atoms` is not negative."""

    kind: MarginKind
    equity_atoms: int
    requirement_atoms: int
    quote_atoms: int
    collateral_atoms: int
    losses_atoms: int

    @property
    def excess_atoms(self) -> int:
        """Equity beyond the requirement."""
        return self.equity_atoms - self.requirement_atoms


def _row(cache: RiskCache, position: Position) -> MarketRow:
    index = position.market_plus_one - 1
    row = cache.markets[index]
    if row.market_plus_one != index + 1:
        raise AccountMismatch("RiskCache", f"row {index}", "not in use", f"market {index}")
    return row


def _folded(position: Position, row: MarketRow) -> tuple[int, int]:
    """Live size in lots and cash in atoms."""
    if position.basis_lots == 0:
        return 0, position.cash_atoms
    side = int(position.basis_lots < 0)
    index = SideIndex(row.a[side], row.j[side], row.j_previous[side], row.epoch[side])
    snapshot = Snapshot(position.basis_lots, position.a_snapshot, position.j_snapshot, position.epoch)
    folded = fold_cached(snapshot, index)
    cash_atoms = position.cash_atoms + folded.cash_delta_atoms
    if folded.dropped_q16:
        cash_atoms += dropped_value(position.basis_lots, folded.dropped_q16, row.mark_price_q32)
    return folded.size_lots, cash_atoms


def _sober_mark(row: MarketRow) -> int:
    """The price of the way down: the mark, or its TWAP while the market's print is a wild one."""
    wild = row.validity & constants.WILD_PRINT and row.twap_price_q32
    return row.twap_price_q32 if wild else row.mark_price_q32


def _terms(row: MarketRow, user_ratio_bps: int) -> MarginTerms:
    bounds, ratios = row.tier_bound_usd, row.tier_ratio_bps
    tiers = MarginTiers((bounds[0], bounds[1], bounds[2], bounds[3]), (ratios[0], ratios[1], ratios[2], ratios[3]))
    return MarginTerms(tiers, row.open_interest_ratio_bps, user_ratio_bps, row.profit_weight_bps)


def _position_part(position: Position, row: MarketRow, kind: MarginKind, user_ratio_bps: int) -> tuple[int, int, int]:
    """Weighted equity, requirement, and worth at the kind's price below zero."""
    size_lots, cash_atoms = _folded(position, row)
    weight_bps = kind.profit_weight_bps(row.profit_weight_bps)
    orders = OpenOrders(position.open_bid_lots, position.open_ask_lots, position.max_bid_ticks, position.min_ask_ticks)
    has_orders = kind.counts_orders and bool(orders.bid_lots or orders.ask_lots)
    if position.basis_lots == 0 and not has_orders:
        return weighted_value(cash_atoms, weight_bps), 0, min(cash_atoms, 0)
    ratio = max(user_ratio_bps, position.user_ratio_bps)
    mark = row.mark_price_q32 if kind.is_strict else _sober_mark(row)
    given = PositionInput(
        size_lots,
        cash_atoms,
        orders,
        mark,
        row.twap_price_q32 or mark,
        position.atoms_per_lot_tick,
        _terms(row, ratio),
    )
    part = position_margin(kind, given)
    return part.equity_atoms, part.requirement_atoms, min(part.equity_atoms, 0)


def _collateral_part(row: CollateralRow, amount_atoms: int, kind: MarginKind, now_ms: int) -> int:
    wild = not kind.is_strict and row.validity & constants.WILD_PRINT and row.twap_q48
    price = row.twap_q48 if wild else row.price_q48
    if kind.is_strict:
        price = price_less_confidence(price, row.confidence_q48)
    elif now_ms - row.publish_time_ms >= constants.COLLATERAL_STALE_MS:
        price = min(price, stale_price(row.twap_q48))
    worth_atoms = collateral_value(amount_atoms, price)
    weight_bps = row.weight_initial_bps if kind.is_strict else row.weight_maintenance_bps
    if row.scale_thousand_usd:
        scale_atoms = row.scale_thousand_usd * constants.ATOMS_PER_THOUSAND_USD
        weight_bps = scaled_weight(weight_bps, weight_bps >> 1, worth_atoms, scale_atoms)
    return weighted_collateral(worth_atoms, weight_bps)


def _with_interest(user: User, cache: RiskCache) -> int:
    """Quote balance with the interest owed on it."""
    debt_index = max(cache.collaterals[0].debt_index_q48, user.debt_index_q48)
    return balance_with_interest(user.quote_atoms, user.debt_index_q48, debt_index)


def valuation(user: User, cache: RiskCache, kind: MarginKind, *, now_ms: int) -> Valuation:
    """Value a sub-account for one kind of test, as the program does. Raises `evertide.math.MathError` out of guard."""
    quote_atoms = _with_interest(user, cache)
    collateral_atoms = sum(
        _collateral_part(cache.collaterals[slot.collateral_index], slot.amount_atoms, kind, now_ms)
        for slot in user.collaterals
        if slot.collateral_index
    )
    parts = [
        _position_part(position, _row(cache, position), kind, user.user_ratio_bps)
        for position in user.positions
        if position.market_plus_one
    ]
    return Valuation(
        kind=kind,
        equity_atoms=quote_atoms + collateral_atoms + sum(part[0] for part in parts),
        requirement_atoms=sum(part[1] for part in parts),
        quote_atoms=quote_atoms,
        collateral_atoms=collateral_atoms,
        losses_atoms=sum(part[2] for part in parts),
    )


def _liquidation_price(size_lots: int, row: MarketRow, excess_atoms: int) -> int | None:
    """The mark itself for an account below maintenance already."""
    mark = _sober_mark(row)
    if excess_atoms < 0:
        return mark
    notional_atoms = notional_ceil(size_lots, mark)
    ratio_bps = _terms(row, 0).ratio_bps(MarginKind.MAINTENANCE, notional_atoms)
    return liquidation_price(size_lots, mark, excess_atoms, ratio_bps)


def position_view(user: User, cache: RiskCache, market_index: int, *, now_ms: int) -> PositionView | None:
    """One position of a sub-account; None when it holds none in that market."""
    for found in position_views(user, cache, now_ms=now_ms):
        if found.market_index == market_index:
            return found
    return None


def position_views(user: User, cache: RiskCache, *, now_ms: int) -> tuple[PositionView, ...]:
    """Every position of a sub-account, folded and valued at the cached mark, with liquidation prices."""
    excess_atoms = valuation(user, cache, MarginKind.MAINTENANCE, now_ms=now_ms).excess_atoms
    found = []
    for position in user.positions:
        if position.market_plus_one == 0:
            continue
        row = _row(cache, position)
        size_lots, cash_atoms = _folded(position, row)
        entry_atoms = remaining_entry(position.entry_atoms, size_lots, position.basis_lots)
        mark = row.mark_price_q32
        value_atoms = signed_value_floor(size_lots, mark) if size_lots else 0
        edge = _liquidation_price(size_lots, row, excess_atoms) if size_lots else None
        found.append(
            PositionView(
                market_index=position.market_plus_one - 1,
                size_lots=size_lots,
                cash_atoms=cash_atoms,
                entry_atoms=entry_atoms,
                mark_price_q32=mark,
                value_atoms=value_atoms,
                unrealised_atoms=unrealised(size_lots, entry_atoms, mark) if size_lots else 0,
                liquidation_price_q32=edge,
            )
        )
    return tuple(found)
