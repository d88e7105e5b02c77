"""Traders with more position than is good for them: long at many times their equity, and bids below to buy the dip.

They enter in calm hours by market orders, add there to what they hold once it is 2 % below their leverage, and never
sell. The crowd below is chosen by what a fall of 6 % (BTC), 6.9 % (ETH) and 8.7 % (SOL) leaves: after a fall of m a
long of leverage L has (1/L - m)/(1 - m) of its notional as equity. Initial margin is 2.5 % (BTC, ETH) and 4 % (SOL) of
the notional; orders are cancelled below 75 %, positions liquidated below 50 %, all at once below 25 % of that, and
nothing is left below zero.
"""

from __future__ import annotations

from .views import Action, CancelMarket, MarketSight, OwnSight, Place, Wish

# (market, USDC, SOL in thousandths, leverage in percent of one)
CROWD = (
    ("BTC-PERP", 3_000, 0, 1_335),  # between cancel and maintenance margin after the crash
    ("BTC-PERP", 3_000, 0, 1_450),  # a part of it is liquidated
    ("BTC-PERP", 2_500, 0, 1_615),  # all of it
    ("BTC-PERP", 2_000, 0, 2_500),  # bankrupt; the insurance fund pays
    ("BTC-PERP", 0, 20_000, 1_330),  # SOL as collateral: sold while it is liquidated
    ("ETH-PERP", 3_000, 0, 1_285),  # a part of it
    ("ETH-PERP", 2_500, 0, 1_410),  # all of it
    ("ETH-PERP", 2_500, 0, 1_415),  # all of it, when the liquidator is full: to the backstop
    ("ETH-PERP", 0, 15_000, 1_700),  # bankrupt with collateral to be sold first
    ("SOL-PERP", 2_500, 0, 990),  # a part of it
    ("SOL-PERP", 2_000, 0, 1_065),  # all of it
    ("SOL-PERP", 5_000, 0, 1_315),  # the whale of a market with little insurance: others are deleveraged
    ("BTC-PERP", 2_000, 0, 1_560),
    ("BTC-PERP", 2_000, 0, 1_305),  # between cancel and maintenance margin, too
)
TOLERANCE_PERCENT = 2
DIP_TENTH_BPS = -1_000
DIP_PART = 20
LEAST_EQUITY_ATOMS = 100_000_000


def actions(leverage_percent: int, pressure: int, sight: MarketSight, own: OwnSight) -> tuple[Action, ...]:
    """What a levered trader sends: nothing outside calm hours, or once it has next to nothing left."""
    if pressure or own.in_liquidation or own.equity_atoms < LEAST_EQUITY_ATOMS:
        return ()
    held = own.positions_lots.get(sight.market_index, 0)
    wanted = sight.lots_for(own.equity_atoms * leverage_percent // 100)
    change = wanted - held
    made: list[Action] = []
    if own.orders_in(sight.market_index):
        made.append(CancelMarket(sight.market_index))
    wishes = []
    if change * 100 > wanted * TOLERANCE_PERCENT:
        wishes.append(Wish(sight.market_index, False, change, market=True, max_slippage_bps=100, taker_phase_s=1))
    if -change * 100 <= wanted * TOLERANCE_PERCENT:
        price = sight.ticks_at(DIP_TENTH_BPS, up=False)
        wishes.append(Wish(sight.market_index, False, max(wanted // DIP_PART, 1), price, time_in_force="POST_ONLY"))
    if wishes:
        made.append(Place(tuple(wishes)))
    return tuple(made)
