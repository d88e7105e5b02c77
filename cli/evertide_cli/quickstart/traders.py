"""Forty-one traders of thirteen kinds. What one does in a bar follows from seed, bar and what it sees: `plan` is pure.

maker       6  two a market: the Avellaneda-Stoikov maker, three post-only levels a side, changed in every bar
momentum    2  the momentum taker: immediate orders after the crossover of two averages
arbitrageur 1  the funding-and-basis arbitrageur between ETH-PERP and SOL-PERP
taker       3  market orders with the hour's pressure
ioc         2  immediate-or-cancel limits through the spread
fok         2  fill-or-kill, sometimes larger than the book
gtt         3  limits off the market that expire two bars later, with the full taker phase
trend       3  market orders with the trend, SOL as the only collateral at first
post-only   1  sliding post-only orders inside the spread
reducer     1  builds by market orders and takes back by reduce-only orders
modifier    1  rests one order and modifies it, larger and smaller
levered    14  longs of 9 to 25 times their equity, taken in calm hours: see `levered`
saver       2  deposits and never trades

The first three run strategies of `evertide.strategies`, which remember what they saw: `strategists` plans for them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import levered
from .views import Action, CancelIds, CancelMarket, MarketSight, Modify, OwnSight, Place, Wish

# Kinds whose post-only quotes may outlive a bar.
QUOTING = ("post-only", "modifier")
USDC = 1_000_000
SOL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Trader:
    """One trader: `home` are its symbols; deposits in token atoms; `chance` of acting in a bar, percent."""

    name: str
    kind: str
    home: tuple[str, ...]
    usdc_atoms: int
    sol_atoms: int
    chance: int
    size_atoms: int
    position_max_atoms: int
    leverage_percent: int = 0


def roster() -> tuple[Trader, ...]:
    """All traders, in the order in which they act within a bar: makers first."""
    symbols = ("BTC-PERP", "ETH-PERP", "SOL-PERP")
    scale = {"BTC-PERP": 4, "ETH-PERP": 3, "SOL-PERP": 2}
    traders: list[Trader] = []

    def add(kind: str, home: tuple[str, ...], usdc: int, chance: int, size: int, *, sol: int = 0) -> None:
        number = sum(trader.kind == kind for trader in traders) + 1
        funds = usdc * USDC + sol * 100 * USDC
        traders.append(
            Trader(f"{kind}-{number}", kind, home, usdc * USDC, sol * SOL, chance, size * USDC, funds * 3 // 2)
        )

    for symbol in symbols:
        add("maker", (symbol,), 120_000 * scale[symbol], 100, 4_000 * scale[symbol])
        add("maker", (symbol,), 100_000 * scale[symbol], 100, 3_000 * scale[symbol])
    for symbol in symbols:
        add("taker", (symbol,), 60_000, 60, 1_500 * scale[symbol])
        add("gtt", (symbol,), 30_000, 30, 800 * scale[symbol])
        add("trend", (symbol,), 0, 35, 500 * scale[symbol], sol=400)
    for home in (symbols[:2], symbols[1:]):
        add("ioc", home, 40_000, 35, 2_500)
        add("fok", home, 40_000, 35, 2_000)
        add("momentum", home, 50_000, 40, 3_000)
    add("arbitrageur", symbols[1:], 50_000, 100, 4_000)
    add("post-only", ("ETH-PERP",), 40_000, 40, 2_000)
    add("reducer", ("BTC-PERP",), 40_000, 50, 3_000)
    add("modifier", ("SOL-PERP",), 40_000, 50, 2_000)
    traders += [_levered(number, *terms) for number, terms in enumerate(levered.CROWD, 1)]
    add("saver", (), 20_000, 0, 0)
    add("saver", (), 5_000, 0, 0, sol=50)
    return tuple(traders)


def _levered(number: int, symbol: str, usdc: int, sol_milli: int, leverage_percent: int) -> Trader:
    funds = usdc * USDC
    return Trader(
        name=f"levered-{number}",
        kind="levered",
        home=(symbol,),
        usdc_atoms=funds,
        sol_atoms=sol_milli * SOL // 1000,
        chance=100,
        size_atoms=0,
        # Its wallet can pay what its account owes at the end, collateral sold or not.
        position_max_atoms=max(funds, sol_milli * USDC // 5),
        leverage_percent=leverage_percent,
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """The bar in which a trader acts. `pressure` is +1, 0 or -1: the side that this hour's takers prefer."""

    bar: int
    now_ms: int
    interval_ms: int
    pressure: int


def plan(
    trader: Trader, seed: int, moment: Moment, sights: Mapping[str, MarketSight], own: OwnSight
) -> tuple[Action, ...]:
    """What the trader sends in this bar, in order; empty when it stays out."""
    dice = random.Random(f"{seed}/{trader.name}/{moment.bar}")
    expired = tuple(order.order_id for order in own.orders if 0 < order.expiry_ms <= moment.now_ms)
    cleaning: tuple[Action, ...] = (CancelIds(expired),) if expired else ()
    stays_out = dice.randrange(100) >= trader.chance
    left_behind = _left_behind(sights, own) if trader.kind in QUOTING else ()
    if left_behind and (stays_out or trader.kind == "modifier"):
        return (CancelIds(left_behind),)
    if stays_out:
        return cleaning
    sight = sights[trader.home[dice.randrange(len(trader.home))]]
    return cleaning + KINDS[trader.kind](trader, dice, moment, sight, own)


def _left_behind(sights: Mapping[str, MarketSight], own: OwnSight) -> tuple[int, ...]:
    """Quotes that the market has moved through. Two post-only orders never trade with each other: as long as such a
    quote rests against newer ones, the book stands crossed and nobody can show it."""
    fair = {sight.market_index: sight.fair_micro // sight.tick_size_atoms for sight in sights.values()}
    return tuple(
        order.order_id
        for order in own.orders
        if (
            order.price_ticks <= fair[order.market_index]
            if order.ask
            else order.price_ticks >= fair[order.market_index]
        )
    )


def _side(dice: random.Random, lean: int, sight: MarketSight, own: OwnSight, trader: Trader) -> bool:
    """True to sell. 80 % with the lean, an even coin without one; back toward flat beyond the position limit."""
    held = sight.notional_of(own.positions_lots.get(sight.market_index, 0))
    if abs(held) > trader.position_max_atoms:
        return held > 0
    roll = dice.randrange(100)
    if lean == 0:
        return roll < 50
    return (roll < 20) if lean > 0 else (roll < 80)


def _size(dice: random.Random, sight: MarketSight, trader: Trader) -> int:
    """Half to one and a half of the trader's usual size, in lots."""
    return sight.lots_for(trader.size_atoms * dice.randrange(50, 151) // 100)


def _taker(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    ask = _side(dice, moment.pressure, sight, own, trader)
    return (Place((Wish(sight.market_index, ask, _size(dice, sight, trader), market=True),)),)


def _trend(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    lean = moment.pressure or (1 if sight.trend_bps > 0 else -1)
    ask = _side(dice, lean, sight, own, trader)
    wish = Wish(sight.market_index, ask, _size(dice, sight, trader), market=True, max_slippage_bps=100, taker_phase_s=1)
    return (Place((wish,)),)


def _ioc(trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight) -> tuple[Action, ...]:
    ask = _side(dice, moment.pressure, sight, own, trader)
    price = sight.ticks_at(-120 if ask else 120, up=not ask)
    wish = Wish(sight.market_index, ask, _size(dice, sight, trader), price, time_in_force="IMMEDIATE_OR_CANCEL")
    return (Place((wish,)),)


def _fok(trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight) -> tuple[Action, ...]:
    ask = _side(dice, moment.pressure, sight, own, trader)
    too_large = dice.randrange(100) < 15
    size = _size(dice, sight, trader) * (100 if too_large else 1)
    if too_large:
        size = min(size, sight.lots_for(trader.usdc_atoms * 5))
    price = sight.ticks_at(-120 if ask else 120, up=not ask)
    return (Place((Wish(sight.market_index, ask, size, price, time_in_force="FILL_OR_KILL"),)),)


def _gtt(trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight) -> tuple[Action, ...]:
    if len(own.orders_in(sight.market_index)) >= 6:
        return ()
    ask = _side(dice, 0, sight, own, trader)
    offset = dice.randrange(100, 200)
    price = sight.ticks_at(offset if ask else -offset, up=ask)
    expiry_ms = moment.now_ms + 2 * moment.interval_ms
    wish = Wish(
        sight.market_index,
        ask,
        _size(dice, sight, trader),
        price,
        taker_phase_s=12,
        expiry_ms=expiry_ms,
        self_trade="DECREMENT",
    )
    return (Place((wish,)),)


def _post_only(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    wishes = tuple(
        Wish(
            sight.market_index,
            ask,
            _size(dice, sight, trader),
            sight.ticks_at(15 if ask else -15, up=ask),
            time_in_force="POST_ONLY_SLIDE",
        )
        for ask in (False, True)
    )
    cancel: tuple[Action, ...] = (CancelMarket(sight.market_index),) if own.orders_in(sight.market_index) else ()
    return (*cancel, Place(wishes))


def _reducer(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    held = own.positions_lots.get(sight.market_index, 0)
    if abs(sight.notional_of(held)) < trader.size_atoms or dice.randrange(100) < 40:
        ask = _side(dice, moment.pressure, sight, own, trader)
        return (Place((Wish(sight.market_index, ask, _size(dice, sight, trader), market=True),)),)
    ask = held > 0
    price = sight.ticks_at(-120 if ask else 120, up=not ask)
    wish = Wish(
        sight.market_index,
        ask,
        max(abs(held) // 2, 1),
        price,
        time_in_force="IMMEDIATE_OR_CANCEL",
        reduce_only=True,
    )
    return (Place((wish,)),)


def _modifier(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    resting = own.orders_in(sight.market_index)
    ask = _side(dice, moment.pressure, sight, own, trader)
    if resting:
        order = resting[0]
        ask = order.ask
    price = sight.ticks_at(30 if ask else -30, up=ask)
    wish = Wish(sight.market_index, ask, _size(dice, sight, trader), price, time_in_force="POST_ONLY")
    if not resting:
        return (Place((wish,)),)
    if dice.randrange(2) and order.size_lots > 1:
        smaller = Wish(sight.market_index, ask, order.size_lots - 1, order.price_ticks, time_in_force="POST_ONLY")
        return (Modify(order.order_id, smaller),)
    return (Modify(order.order_id, wish),)


def _saver(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    return ()


def _leverage(
    trader: Trader, dice: random.Random, moment: Moment, sight: MarketSight, own: OwnSight
) -> tuple[Action, ...]:
    return levered.actions(trader.leverage_percent, moment.pressure, sight, own)


Behaviour = Callable[[Trader, random.Random, Moment, MarketSight, OwnSight], tuple[Action, ...]]
KINDS: dict[str, Behaviour] = {
    "taker": _taker,
    "trend": _trend,
    "ioc": _ioc,
    "fok": _fok,
    "gtt": _gtt,
    "post-only": _post_only,
    "reducer": _reducer,
    "modifier": _modifier,
    "levered": _leverage,
    "saver": _saver,
    "player": _saver,
}
