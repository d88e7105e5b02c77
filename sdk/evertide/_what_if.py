"""What an account would be worth if: prices moved, orders were placed or filled, money came or went.

A `WhatIf` is a copy of one sub-account with everything that values it, at one moment of chain time. Each step returns
a new one; `health` values it in the program's integers. Nothing is sent, and limits that are not margin (order sizes,
open interest, price bands) are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ._errors import UnitOutOfRange, UnknownCollateral, UnknownMarket, UsageError
from ._generated.accounts import Collateral, Exchange, Market, RiskCache, User
from ._generated.constants import PPM_PER_TENTH_BPS, VOLUME_WINDOW_HOURS, VOLUME_WINDOW_MS
from ._generated.math_constants import COLLATERAL_PRICE_BITS, PRICE_BITS
from ._generated.types import FeeTier, MarketRow, Position
from ._ladder import Ladder, LiquidationView, ladder
from ._orders import NewOrder
from ._units import LOT_DIGITS, QUOTE_DECIMALS, Exact, to_decimal, token_to_atoms, usdc_to_atoms
from ._views import PositionView, Valuation, _folded, _with_interest, position_views, valuation
from .math import (
    Holding,
    MarginKind,
    apply_fill,
    apply_transfer,
    fee,
    notional_ceil,
    notional_floor,
    remaining_entry,
)

_NO_POSITION = {name: 0 for name, _ in Position.WIRE}


def reached_tier(user: User, exchange: Exchange, *, now_ms: int) -> FeeTier:
    """The last fee tier whose 30-day volume the user has reached; volume decays by whole hours, rounded down."""
    hours = max(0, now_ms - user.volume_updated_ms) // (VOLUME_WINDOW_MS // VOLUME_WINDOW_HOURS)
    volume = user.volume_30d_atoms * max(0, VOLUME_WINDOW_HOURS - hours) // VOLUME_WINDOW_HOURS
    tiers = exchange.terms.fee_tiers[: exchange.terms.fee_tier_count]
    reached = [tier for tier in tiers[1:] if volume >= tier.volume_atoms]
    return reached[-1] if reached else tiers[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One valuation of an account by every test that matters to its owner; quote atoms."""

    #: For new risk: strict prices, profits by weight, open orders counted.
    initial: Valuation
    #: For staying: the margins of the way down.
    ladder: Ladder
    positions: tuple[PositionView, ...]

    @property
    def free_collateral_atoms(self) -> int:
        """What new positions may use: equity beyond the initial requirement, not below zero."""
        return max(0, self.initial.excess_atoms)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A sub-account and what values it. Make one with `EvertideClient.what_if`, or from accounts read before."""

    user: User
    cache: RiskCache
    exchange: Exchange
    markets: Mapping[int, Market]
    collaterals: Sequence[Collateral]
    now_ms: int

    def health(self) -> Health:
        """Value it. Raises `evertide.math.MathError` where a number leaves its guard."""
        return Health(
            initial=valuation(self.user, self.cache, MarginKind.INITIAL, now_ms=self.now_ms),
            ladder=ladder(self.user, self.cache, now_ms=self.now_ms),
            positions=position_views(self.user, self.cache, now_ms=self.now_ms),
        )

    def price(self, market: int | str, *, percent: Exact | None = None, price: Exact | None = None) -> WhatIf:
        """Index and mark of a market move by `percent` of themselves, or to `price` USDC for each base unit.

        At once: averages stay, so that new risk is still judged at the worse of the mark and its 5-minute average.
        Prices are rounded down to 2^-32 atoms for each lot. Raises `UnitOutOfRange` for a price that is not positive.
        """
        listed = self._market(market)
        row = self.cache.markets[listed.index]
        if price is not None:
            lot_atoms = Decimal(listed.terms.lot_size_e9).scaleb(QUOTE_DECIMALS - LOT_DIGITS)
            mark = index = _binary(_positive(price, "price") * lot_atoms, PRICE_BITS)
        else:
            mark, index = (_moved(old, percent) for old in (row.mark_price_q32, row.index_price_q32))
        return self._with_row(listed.index, replace(row, mark_price_q32=mark, index_price_q32=index))

    def collateral_price(self, collateral: int, *, percent: Exact | None = None, price: Exact | None = None) -> WhatIf:
        """The price of a deposit asset moves by `percent`, or to `price` USDC for each token; as `price`.

        The confidence of the price stays. An asset whose feed is dead counts at its last average less 10 % at most.
        """
        asset = self._asset(collateral)
        row = self.cache.collaterals[asset.index]
        if price is not None:
            atom_price = _positive(price, "price").scaleb(QUOTE_DECIMALS - asset.decimals)
            moved = _binary(atom_price, COLLATERAL_PRICE_BITS)
        else:
            moved = _moved(row.price_q48, percent)
        rows = list(self.cache.collaterals)
        rows[asset.index] = replace(row, price_q48=moved)
        return replace(self, cache=replace(self.cache, collaterals=tuple(rows)))

    def deposit(self, amount: Exact, collateral: int = 0) -> WhatIf:
        """So many whole tokens come in."""
        return self._pay(self._asset(collateral), amount, sign=1)

    def withdraw(self, amount: Exact, collateral: int = 0) -> WhatIf:
        """So many whole tokens go out. Raises `UnitOutOfRange` beyond the balance."""
        return self._pay(self._asset(collateral), amount, sign=-1)

    def order(self, order: NewOrder) -> WhatIf:
        """An order rests in the book: it counts for new risk, not for the way down. Needs a price."""
        args = order.to_args(self._market(order.market))
        if args.price_ticks == 0:
            raise UsageError("an order that rests needs a price")
        held = self._position(args.market_index)
        changed = replace(held, open_order_count=held.open_order_count + 1)
        if args.reduce_only:
            changed = replace(changed, reduce_only_count=held.reduce_only_count + 1)
        elif args.ask:
            lowest = min(args.price_ticks, held.min_ask_ticks or args.price_ticks)
            changed = replace(changed, open_ask_lots=held.open_ask_lots + args.size_lots, min_ask_ticks=lowest)
        else:
            highest = max(args.price_ticks, held.max_bid_ticks)
            changed = replace(changed, open_bid_lots=held.open_bid_lots + args.size_lots, max_bid_ticks=highest)
        return self._with_position(changed)

    def fill(self, order: NewOrder, *, maker: bool = False) -> WhatIf:
        """An order fills whole at its price, with the fee of the user's tier (taker, or maker: a rebate in full).

        Open orders stay as they are.
        """
        args = order.to_args(self._market(order.market))
        if args.price_ticks == 0:
            raise UsageError("a fill needs a price")
        held = self._fold(self._position(args.market_index))
        before = Holding(held.basis_lots, held.cash_atoms, held.entry_atoms)
        done = apply_fill(before, int(args.ask), args.size_lots, args.price_ticks, held.atoms_per_lot_tick)
        tier = reached_tier(self.user, self.exchange, now_ms=self.now_ms)
        tenth_bps = tier.maker_fee_tenth_bps if maker else tier.taker_fee_tenth_bps
        charged = fee(done.notional_atoms, tenth_bps * PPM_PER_TENTH_BPS)
        changed = self._sized(held, done.holding.size_lots)
        cash_atoms = done.holding.cash_atoms - charged
        return self._with_position(replace(changed, cash_atoms=cash_atoms, entry_atoms=done.holding.entry_atoms))

    def take_over(self, market: int | str, lots: int, price_q32: int, fee_atoms: int = 0) -> WhatIf:
        """What `liquidate_position` does to its liquidator: signed lots of somebody's position come over, at a price in
        Q32 atoms for each lot and with a fee for taking them.
        """
        held = self._fold(self._position(self._market(market).index))
        paid = notional_floor(lots, price_q32) if lots > 0 else -notional_ceil(lots, price_q32)
        done = apply_transfer(Holding(held.basis_lots, held.cash_atoms, held.entry_atoms), lots, paid).holding
        changed = self._sized(held, done.size_lots)
        return self._with_position(
            replace(changed, cash_atoms=done.cash_atoms + fee_atoms, entry_atoms=done.entry_atoms)
        )

    def _market(self, market: int | str) -> Market:
        for listed in self.markets.values():
            name = listed.terms.symbol.rstrip(b"\0").decode("ascii", "replace").upper()
            wanted = market.upper() if isinstance(market, str) else None
            if market == listed.index or wanted in (name, name.removesuffix("-PERP")):
                return listed
        raise UnknownMarket(market)

    def _asset(self, collateral: int) -> Collateral:
        if not 0 <= collateral < len(self.collaterals):
            raise UnknownCollateral(collateral, len(self.collaterals))
        return self.collaterals[collateral]

    def _with_row(self, index: int, row: MarketRow) -> WhatIf:
        rows = list(self.cache.markets)
        rows[index] = row
        return replace(self, cache=replace(self.cache, markets=tuple(rows)))

    def _pay(self, asset: Collateral, amount: Exact, *, sign: int) -> WhatIf:
        if asset.index == 0:
            return self._pay_quote(sign * usdc_to_atoms(amount), amount)
        change = sign * token_to_atoms(amount, asset.decimals)
        slots = list(self.user.collaterals)
        at = next((n for n, slot in enumerate(slots) if slot.collateral_index == asset.index), None)
        if at is None:
            at = next((n for n, slot in enumerate(slots) if slot.collateral_index == 0), None)
        if at is None:
            raise UsageError(f"every one of the {len(slots)} collateral slots is in use")
        before = slots[at].amount_atoms
        if before + change < 0:
            held = Decimal(before).scaleb(-asset.decimals)
            raise UnitOutOfRange("withdrawn amount", amount, held, above=True)
        index = asset.index if before + change else 0
        slots[at] = replace(slots[at], collateral_index=index, amount_atoms=before + change)
        count = sum(1 for slot in slots if slot.collateral_index)
        return replace(self, user=replace(self.user, collaterals=tuple(slots), collateral_count=count))

    def _pay_quote(self, change_atoms: int, amount: Exact) -> WhatIf:
        """Interest first, as the program does: the amount meets the whole debt."""
        before = _with_interest(self.user, self.cache)
        if change_atoms < 0 and before + change_atoms < 0:
            held = Decimal(max(before, 0)).scaleb(-QUOTE_DECIMALS)
            raise UnitOutOfRange("withdrawn amount", amount, held, above=True)
        index = max(self.user.debt_index_q48, self.cache.collaterals[0].debt_index_q48)
        return replace(self, user=replace(self.user, quote_atoms=before + change_atoms, debt_index_q48=index))

    def _position(self, market_index: int) -> Position:
        for held in self.user.positions:
            if held.market_plus_one == market_index + 1:
                return replace(held, atoms_per_lot_tick=self.markets[market_index].atoms_per_lot_tick)
        if all(held.market_plus_one for held in self.user.positions):
            raise UsageError(f"every one of the {len(self.user.positions)} position slots is in use")
        tick_value = self.markets[market_index].atoms_per_lot_tick
        return Position(**{**_NO_POSITION, "market_plus_one": market_index + 1, "atoms_per_lot_tick": tick_value})

    def _fold(self, held: Position) -> Position:
        """The position at the present index of its side."""
        size_lots, cash_atoms = _folded(held, self.cache.markets[held.market_plus_one - 1])
        entry_atoms = remaining_entry(held.entry_atoms, size_lots, held.basis_lots)
        return replace(self._sized(held, size_lots), cash_atoms=cash_atoms, entry_atoms=entry_atoms)

    def _sized(self, held: Position, size_lots: int) -> Position:
        if size_lots == 0:
            return replace(held, basis_lots=0, a_snapshot=0, j_snapshot=0, epoch=0)
        row, side = self.cache.markets[held.market_plus_one - 1], int(size_lots < 0)
        return replace(
            held, basis_lots=size_lots, a_snapshot=row.a[side], j_snapshot=row.j[side], epoch=row.epoch[side]
        )

    def _with_position(self, changed: Position) -> WhatIf:
        positions = list(self.user.positions)
        keys = [held.market_plus_one for held in positions]
        positions[keys.index(changed.market_plus_one if changed.market_plus_one in keys else 0)] = changed
        count = sum(1 for held in positions if held.market_plus_one)
        return replace(self, user=replace(self.user, positions=tuple(positions), position_count=count))


def max_liquidatable(view: LiquidationView, liquidator: WhatIf) -> int:
    """Most lots of a position that a liquidator can take over now: open to liquidation, within the market's limit for
    one position, and leaving the liquidator at initial margin.

    Where taking only a part would break its margin although taking all of it repairs it (it holds the other side),
    all of it is found; of other gaps the one next to zero ends the search.
    """
    sign = 1 if view.size_lots > 0 else -1
    most = liquidator.markets[view.market_index].terms.position_max_lots

    def fits(lots: int) -> bool:
        fee_atoms = view.fees(lots).liquidator_atoms
        after = liquidator.take_over(view.market_index, sign * lots, view.price_q32, fee_atoms).health()
        held = next(item.size_lots for item in after.positions if item.market_index == view.market_index)
        return after.initial.excess_atoms >= 0 and (abs(held) <= most or held * sign <= 0)

    if view.open_lots == 0 or fits(view.open_lots):
        return view.open_lots
    low, high = 0, view.open_lots
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _positive(value: Exact, name: str) -> Decimal:
    number = to_decimal(value, name)
    if number <= 0:
        raise UnitOutOfRange(name, number, 0, above=False)
    return number


def _binary(value: Decimal, bits: int) -> int:
    """`floor(value * 2^bits)`, exact whatever the number of digits."""
    numerator, denominator = value.as_integer_ratio()
    return (numerator << bits) // denominator


def _moved(price: int, percent: Exact | None) -> int:
    """A price after a move of so many percent, rounded down."""
    if percent is None:
        raise UsageError("a move needs either percent or price")
    change = to_decimal(percent, "percent")
    if change <= -100:
        raise UnitOutOfRange("percent", change, -100, above=False)
    numerator, denominator = change.as_integer_ratio()
    return price * (100 * denominator + numerator) // (100 * denominator)
