"""Views for tests of strategies, built from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evertide.strategies import Batch, MarketView, OwnOrder, PriceLevel, Session, View

TICK_VALUE = 100
#: Lots of a unit: 0.1 base units a lot.
LOT_E9 = 100_000_000
START_MS = 1_700_000_000_000


def q32(ticks: int) -> int:
    """A price in ticks as atoms for each lot, Q32."""
    return ticks * TICK_VALUE << 32


def market(symbol: str = "BTC-PERP", mid: int = 10_000, half: int = 5, **more: Any) -> MarketView:
    """A market with 1,000 lots on either side, `half` ticks from `mid`, index and mark at mid."""
    index = int(symbol.startswith("ETH"))
    given: dict[str, Any] = {
        "bids": (PriceLevel(mid - half, 1_000),),
        "asks": (PriceLevel(mid + half, 1_000),),
        "index_price_q32": q32(mid),
        "mark_price_q32": q32(mid),
        "funding_rate_e9": 0,
    } | more
    return MarketView(
        symbol=symbol,
        market_index=index,
        tick_size_atoms=1_000,
        lot_size_e9=LOT_E9,
        atoms_per_lot_tick=TICK_VALUE,
        order_size_min_lots=1,
        taker_fee_ppm=400,
        maker_fee_ppm=50,
        **given,
    )


def view(*markets: MarketView, now_ms: int = START_MS, equity_atoms: int = 10**12) -> View:
    """A view of these markets."""
    named = {item.symbol: item for item in markets}
    return View(now_ms=now_ms, equity_atoms=equity_atoms, margin_excess_atoms=equity_atoms, markets=named)


def order(order_id: int, side: str, ticks: int, lots: int, **more: Any) -> OwnOrder:
    """A resting order."""
    given: dict[str, Any] = {"client_order_id": order_id + 1_000_000} | more
    return OwnOrder(order_id=order_id, side=side, price_ticks=ticks, size_lots=lots, **given)  # type: ignore[arg-type]


class Ledger:
    """An in-memory venue that does exactly what a batch says: immediate orders fill as told, quotes rest."""

    def __init__(self, *markets: MarketView, fill_percent: int = 100) -> None:
        self.markets = {item.symbol: item for item in markets}
        self.now_ms = START_MS
        self.fill_percent = fill_percent
        self.next_id = 1
        self.client_ids: list[int] = []
        self.batches: list[Batch] = []

    def view(self) -> View:
        """What the strategy sees now."""
        return view(*self.markets.values(), now_ms=self.now_ms)

    def put(self, symbol: str, **changes: Any) -> None:
        """Change a market."""
        self.markets[symbol] = replace(self.markets[symbol], **changes)

    def run(self, session: Session, elapsed_ms: int = 1_000) -> Batch:
        """A step of the session, and its effect."""
        self.now_ms += elapsed_ms
        batch = session.step(self.view())
        self.apply(batch)
        return batch

    def apply(self, batch: Batch) -> None:
        """What a batch does."""
        self.batches.append(batch)
        gone = {item.order_id for item in batch.cancels}
        changed = {item.order_id: item for item in batch.modifies}
        for symbol, item in self.markets.items():
            kept = []
            for resting in item.orders:
                change = changed.get(resting.order_id)
                if change is not None:
                    resting = replace(resting, price_ticks=change.price_ticks, size_lots=change.size_lots)
                if resting.order_id not in gone:
                    kept.append(resting)
            self.put(symbol, orders=tuple(kept))
        for numbered in batch.places:
            self._place(numbered.order, numbered.client_order_id)

    def _place(self, placed: Any, client_order_id: int) -> None:
        self.client_ids.append(client_order_id)
        item, self.next_id = self.markets[placed.symbol], self.next_id + 1
        if placed.rests:
            made = order(
                self.next_id, placed.side, placed.price_ticks, placed.size_lots, client_order_id=client_order_id
            )
            self.put(placed.symbol, orders=(*item.orders, made))
            return
        lots = placed.size_lots * self.fill_percent // 100
        if placed.reduce_only:
            lots = min(lots, max(-item.position_lots if placed.side == "bid" else item.position_lots, 0))
        self.put(placed.symbol, position_lots=item.position_lots + (lots if placed.side == "bid" else -lots))

    def fill(self, symbol: str, order_id: int, lots: int) -> None:
        """Fill a resting order."""
        item = self.markets[symbol]
        found = next(resting for resting in item.orders if resting.order_id == order_id)
        left = replace(found, size_lots=found.size_lots - lots)
        kept = tuple(left if resting is found else resting for resting in item.orders)
        sign = 1 if found.side == "bid" else -1
        self.put(
            symbol,
            orders=tuple(resting for resting in kept if resting.size_lots),
            position_lots=item.position_lots + sign * lots,
        )

    def positions(self, symbols: Sequence[str]) -> list[int]:
        """Positions in lots."""
        return [self.markets[symbol].position_lots for symbol in symbols]
