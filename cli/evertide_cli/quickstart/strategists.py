"""Traders that run a strategy of `evertide.strategies`: makers, momentum takers and the arbitrageur.

Each has a session of its own that lives through the run. In a bar it takes one step: it sees index, mark and funding as
they were last read, the account, and the book; makers see none, because they quote first in a bar, and all that rests
then is from the price before. What it answers becomes the trader's actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .views import NEVER_MS, Action, CancelIds, MarketSight, Modify, OwnSight, Place, Wish

if TYPE_CHECKING:
    from evertide.strategies import Batch, MarketView, OwnOrder, PriceLevel, Session, Strategy, View

    from .sights import Actor
    from .traders import Moment, Trader

STRATEGY_KINDS = ("maker", "momentum", "arbitrageur")
E9 = 1_000_000_000
#: Of a fresh account: taker and maker fees in parts per million.
FEES_PPM = (400, 50)
#: The arbitrageur counts on a difference of rates for a month.
HOLDING_H = 720
CHANGES_ONE_BY_ONE = 2


@dataclass(frozen=True, slots=True)
class MarketNews:
    """What was last read of a market: mark (Q32 atoms a lot; 0 not yet) and hourly rate."""

    mark_price_q32: int = 0
    funding_rate_e9: int = 0


def size_of(sight: MarketSight, notional_atoms: int) -> Decimal:
    """Whole base units, a whole number of lots, worth about so much now."""
    from evertide import lots_to_size

    return lots_to_size(sight.lots_for(notional_atoms), lot_size_e9=sight.lot_size_e9)


def change_bps(sight: MarketSight) -> Decimal:
    """Where its traders see a market, in bps from the index; rounded down to a tenth."""
    return Decimal((sight.fair_micro - sight.index_micro) * 100_000 // sight.index_micro) / 10


def strategy_of(trader: Trader, sights: Mapping[str, MarketSight], interval_ms: int) -> Strategy:
    """The strategy of a trader, its sizes from the first prices that it sees."""
    from evertide.strategies import (
        ArbitrageSettings,
        FundingArbitrageur,
        MakerSettings,
        MomentumSettings,
        MomentumTaker,
    )

    home = sights[trader.home[0]]
    second = trader.name.endswith("2")
    if trader.kind == "maker":
        wide = Decimal("2.5") if second else Decimal(2)
        return maker_class()(
            MakerSettings(
                market=home.symbol,
                order_size=size_of(home, trader.size_atoms),
                position_max=size_of(home, trader.position_max_atoms),
                risk_aversion=Decimal("0.0133"),
                fill_decay=Decimal("0.45"),
                volatility_bps=Decimal("0.4"),
                volatility_half_life_s=3_600,
                half_spread_min_bps=wide,
                half_spread_max_bps=Decimal(6),
                levels=3,
                level_step_bps=Decimal("2.5"),
                level_growth=1,
                anchor="index",
            )
        )
    if trader.kind == "momentum":
        return MomentumTaker(
            MomentumSettings(
                market=home.symbol,
                position=size_of(home, 5 * trader.size_atoms),
                order_size=size_of(home, trader.size_atoms),
                fast_half_life_s=max(interval_ms // 1_000, 1),
                slow_half_life_s=3 * max(interval_ms // 1_000, 1),
                entry_bps=Decimal(6 if second else 3),
                order_interval_s=0,
            )
        )
    atoms = Decimal(trader.size_atoms).scaleb(-6)
    timeout_s = interval_ms * 5 // 2_000
    return FundingArbitrageur(
        ArbitrageSettings(
            market_a=home.symbol,
            market_b=trader.home[1],
            leg_notional_usd=2 * atoms,
            clip_usd=atoms,
            entry_bps=Decimal(2),
            holding_h=HOLDING_H,
            leg_timeout_s=timeout_s,
        )
    )


def maker_class() -> Any:
    """The maker with the hour's pressure as its forecast."""
    from evertide.strategies import AvellanedaStoikovMaker

    class PressedMaker(AvellanedaStoikovMaker):
        """Sees its market where this hour's takers push it."""

        pressure_bps = Decimal(0)

        def signal_bps(self, view: View, market: MarketView) -> Decimal:
            """The hour's pressure."""
            return self.pressure_bps

    return PressedMaker


@dataclass(slots=True)
class Strategists:
    """Sessions by trader, and what was last read of the markets by index."""

    news: dict[int, MarketNews] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def plan(
        self,
        trader: Trader,
        moment: Moment,
        sights: Mapping[str, MarketSight],
        own: OwnSight,
        everybody: Sequence[OwnSight],
    ) -> tuple[Action, ...]:
        """What the trader sends in this bar. `everybody`: all accounts, whose resting orders are the book."""
        from evertide.strategies import RunLimits, Session

        if own.in_liquidation:
            return ()
        session = self.sessions.get(trader.name)
        view = self._view(trader, moment, sights, own, () if trader.kind == "maker" else everybody)
        if session is None:
            strategy = strategy_of(trader, sights, moment.interval_ms)
            session = Session(strategy, start_ms=moment.now_ms, limits=RunLimits(orders_max=16))
            self.sessions[trader.name] = session
            session.start(view)
        if trader.kind == "maker":
            home = sights[trader.home[0]]
            session.strategy.pressure_bps = change_bps(home)  # type: ignore[attr-defined]
        return to_actions(session.step(view), view)

    def _view(
        self,
        trader: Trader,
        moment: Moment,
        sights: Mapping[str, MarketSight],
        own: OwnSight,
        everybody: Sequence[OwnSight],
    ) -> View:
        from evertide.strategies import View

        markets = {symbol: self._market(sights[symbol], own, everybody, moment.now_ms) for symbol in trader.home}
        return View(
            now_ms=moment.now_ms,
            equity_atoms=own.equity_atoms,
            margin_excess_atoms=own.equity_atoms,
            markets=markets,
        )

    def _market(self, sight: MarketSight, own: OwnSight, everybody: Sequence[OwnSight], now_ms: int) -> MarketView:
        from evertide.strategies import MarketView

        index = sight.market_index
        index_q32 = (sight.index_micro * sight.lot_size_e9 << 32) // E9
        news = self.news.get(index, MarketNews())
        return MarketView(
            symbol=sight.symbol,
            market_index=index,
            tick_size_atoms=sight.tick_size_atoms,
            lot_size_e9=sight.lot_size_e9,
            atoms_per_lot_tick=sight.tick_size_atoms * sight.lot_size_e9 // E9,
            order_size_min_lots=1,
            taker_fee_ppm=FEES_PPM[0],
            maker_fee_ppm=FEES_PPM[1],
            bids=levels(everybody, index, now_ms, ask=False),
            asks=levels(everybody, index, now_ms, ask=True),
            index_price_q32=index_q32,
            mark_price_q32=news.mark_price_q32 or index_q32,
            funding_rate_e9=news.funding_rate_e9,
            position_lots=own.positions_lots.get(index, 0),
            orders=own_orders(own, index),
        )


def levels(everybody: Sequence[OwnSight], index: int, now_ms: int, *, ask: bool) -> tuple[PriceLevel, ...]:
    """One side of the book: all that rests in a market, best first."""
    from evertide.strategies import PriceLevel

    found: dict[int, int] = {}
    for account in everybody:
        for order in account.orders_in(index):
            dead = order.reduce_only or 0 < order.expiry_ms <= now_ms
            if order.ask == ask and order.rests_from_ms <= now_ms and not dead:
                found[order.price_ticks] = found.get(order.price_ticks, 0) + order.size_lots
    return tuple(PriceLevel(ticks, found[ticks]) for ticks in sorted(found, reverse=not ask))


def own_orders(own: OwnSight, index: int) -> tuple[OwnOrder, ...]:
    """A trader's open orders of a market as strategies see them: what was to be filled at once in a bar before is dead
    by now, though it may still have its slot.
    """
    from evertide import TimeInForce
    from evertide.strategies import OwnOrder

    return tuple(
        OwnOrder(
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            side="ask" if order.ask else "bid",
            price_ticks=order.price_ticks,
            size_lots=order.size_lots,
            time_in_force=TimeInForce(order.time_in_force),
            reduce_only=order.reduce_only,
            expiry_ms=order.expiry_ms,
        )
        for order in own.orders_in(index)
        if order.rests_from_ms != NEVER_MS
    )


def to_actions(batch: Batch, view: View) -> tuple[Action, ...]:
    """A step's batch as actions of one transaction, all of it or nothing.

    Several changes become one cancel and one placement under the same client order ids: two instructions, where six
    would take the local validator three times as long.
    """
    replaced = len(batch.modifies) > CHANGES_ONE_BY_ONE
    gone = [cancel.order_id for cancel in batch.cancels]
    gone += [change.order_id for change in batch.modifies] if replaced else []
    changes = _replacements(batch, view)
    wishes = [
        Wish(
            view.market(numbered.order.symbol).market_index,
            numbered.order.side == "ask",
            numbered.order.size_lots,
            numbered.order.price_ticks or 0,
            market=numbered.order.is_market,
            time_in_force=numbered.order.time_in_force.name,
            reduce_only=numbered.order.reduce_only,
            taker_phase_s=numbered.order.taker_phase_s,
            client_order_id=numbered.client_order_id,
        )
        for numbered in batch.places
    ]
    found: list[Action] = [CancelIds(tuple(gone))] if gone else []
    if replaced:
        wishes = [change.wish for change in changes] + wishes
    else:
        found += changes
    if wishes:
        found.append(Place(tuple(wishes)))
    return tuple(found)


def _replacements(batch: Batch, view: View) -> list[Modify]:
    """The batch's changes, each with everything else of its order."""
    open_orders = {order.order_id: (market, order) for market in view.markets.values() for order in market.orders}
    found = []
    for change in batch.modifies:
        market, order = open_orders[change.order_id]
        wish = Wish(
            market.market_index,
            order.side == "ask",
            change.size_lots,
            change.price_ticks,
            time_in_force=order.time_in_force.name,
            client_order_id=order.client_order_id,
        )
        found.append(Modify(change.order_id, wish))
    return found


def strategy_rows(strategists: Strategists, cast: Sequence[Actor], landed: Iterable[Any]) -> list[dict[str, Any]]:
    """What each trader with a strategy did: orders asked for, and fills as the chain's events tell them."""
    fills: Counter[str] = Counter()
    for group in landed:
        for event in group.events:
            if type(event).__name__ in ("OrdersMatched", "LiquidationMatched"):
                taker = event.taker if hasattr(event, "taker") else event.user
                fills[str(taker)] += len(event.fills)
                fills.update(str(fill.maker) for fill in event.fills)
    rows = []
    for actor in cast:
        session = strategists.sessions.get(actor.trader.name)
        if session is not None:
            counters = session.counters
            rows.append(
                {
                    "trader": actor.trader.name,
                    "strategy": session.strategy.name,
                    "markets": " ".join(session.strategy.symbols),
                    "placed": counters.placed,
                    "changed": counters.modified,
                    "cancelled": counters.cancelled,
                    "limited": counters.dropped,
                    "fills": fills[str(actor.user)],
                }
            )
    return rows
