"""The strategy's account in a backtest: cash, positions, fees, funding, margin, by the exchange's own formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evertide.math import (
    Holding,
    MarginKind,
    OpenOrders,
    PositionInput,
    Snapshot,
    apply_fill,
    fee,
    fold,
    position_margin,
    position_value,
)
from evertide.strategies import OwnOrder

from .market import OwnFill, SimulatedMarket


@dataclass(slots=True)
class Position:
    """What the account holds in one market, and what moved its cash so far; atoms."""

    holding: Holding = field(default_factory=lambda: Holding(0, 0, 0))
    snapshot: Snapshot | None = None
    fills: int = 0
    maker_fills: int = 0
    volume_atoms: int = 0
    fees_atoms: int = 0
    #: Received less paid, as of the last fold.
    funding_atoms: int = 0


class Account:
    """Quote balance and positions. Profit and loss stay in the positions, as on chain."""

    def __init__(self, quote_atoms: int, markets: Mapping[str, SimulatedMarket]) -> None:
        self.quote_atoms = quote_atoms
        self.markets = markets
        self.positions = {symbol: Position() for symbol in markets}

    def now(self, symbol: str) -> tuple[Holding, int]:
        """The position folded to now, and the funding received since its last fold; nothing is stored."""
        position, market = self.positions[symbol], self.markets[symbol]
        if position.snapshot is None:
            return position.holding, 0
        side = market.sides[int(position.holding.size_lots < 0)]
        received = fold(position.snapshot, side).cash_delta_atoms
        return replace(position.holding, cash_atoms=position.holding.cash_atoms + received), received

    def funding_atoms(self, symbol: str) -> int:
        """Funding received so far, what is not folded yet included; a payment rounded up, a receipt down."""
        return self.positions[symbol].funding_atoms + self.now(symbol)[1]

    def take_fill(self, symbol: str, fill: OwnFill) -> int:
        """Book a fill; the fee charged, atoms (negative: a rebate)."""
        position, market = self.positions[symbol], self.markets[symbol]
        # Funding is folded into the cash where a fill touches the position, as on chain.
        holding, received = self.now(symbol)
        position.funding_atoms += received
        terms = market.terms
        done = apply_fill(holding, fill.side, fill.size_lots, fill.price_ticks, terms.atoms_per_lot_tick)
        charged = fee(done.notional_atoms, terms.maker_fee_ppm if fill.maker else terms.taker_fee_ppm)
        position.holding = replace(done.holding, cash_atoms=done.holding.cash_atoms - charged)
        lots = position.holding.size_lots
        position.snapshot = market.sides[int(lots < 0)].snapshot(lots) if lots else None
        position.fills += 1
        position.maker_fills += fill.maker
        position.volume_atoms += done.notional_atoms
        position.fees_atoms += charged
        return charged

    def value_atoms(self, symbol: str) -> int:
        """A position's cash and size at mark: its whole profit so far."""
        held = self.now(symbol)[0]
        return position_value(held.size_lots, held.cash_atoms, self.markets[symbol].mark_q32)

    def equity_atoms(self) -> int:
        """Quote and positions at mark."""
        return self.quote_atoms + sum(self.value_atoms(symbol) for symbol in self.positions)

    def excess_atoms(self, kind: MarginKind, orders: Mapping[str, Sequence[OwnOrder]]) -> int:
        """Equity beyond the requirement of a kind of test, with these open orders."""
        excess = self.quote_atoms
        for symbol, market in self.markets.items():
            if not market.index_q32:
                continue
            held = self.now(symbol)[0]
            part = position_margin(
                kind,
                PositionInput(
                    held.size_lots,
                    held.cash_atoms,
                    open_orders(orders.get(symbol, ())),
                    market.mark_q32,
                    market.twap_q32,
                    market.terms.atoms_per_lot_tick,
                    market.terms.margin,
                ),
            )
            excess += part.equity_atoms - part.requirement_atoms
        return excess


def open_orders(orders: Iterable[OwnOrder]) -> OpenOrders:
    """Aggregates of the orders that may add risk, as a `User` account keeps them."""
    counted = [order for order in orders if not order.reduce_only]
    bids = [order for order in counted if order.side == "bid"]
    asks = [order for order in counted if order.side == "ask"]
    return OpenOrders(
        sum(order.size_lots for order in bids),
        sum(order.size_lots for order in asks),
        max((order.price_ticks for order in bids), default=0),
        min((order.price_ticks for order in asks), default=0),
    )
