"""A `Venue` that is a chain: views from one reading of the accounts, news from the account's own transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from evertide._client import EvertideClient
from evertide._errors import AccountNotFound, ProgramError
from evertide._events import LandedEvent
from evertide._feed import events_of, new_signatures
from evertide._generated.accounts import Exchange, Market, Orders, RiskCache, User
from evertide._generated.constants import ORDER_FLAG_REDUCE_ONLY, TimeInForce
from evertide._generated.events import LiquidationMatched, OrdersMatched
from evertide._generated.types import Order, OrderArgs
from evertide._ladder import ladder
from evertide._orders import by_order_ids, is_ask, is_live
from evertide._pda import exchange_address, market_address, orders_address, risk_cache_address, user_address
from evertide._reading import Book, symbol
from evertide._rpc import AccountInfo
from evertide._rpc_call import commitment_rank
from evertide._views import position_views, valuation
from evertide._what_if import reached_tier
from evertide.math import MarginKind

from ._intents import CancelOrder, ModifyOrder
from ._session import News, NumberedOrder
from ._view import FundingNews, MarketView, OwnOrder, PriceLevel, StrategyFill, View

PPM_PER_TENTH_BPS = 10
#: A blockhash is valid for so many blocks; what was signed before a moment cannot land so many blocks later.
BLOCKHASH_BLOCKS = 150


class ChainVenue:
    """One sub-account of the client's payer, and the markets that a strategy trades.

    The sub-account is the strategy's alone: the dead man's switch ends every order of it.
    """

    def __init__(self, client: EvertideClient, symbols: Sequence[str], *, sub_id: int = 0) -> None:
        self.client = client
        self.symbols = tuple(symbols)
        self.user = user_address(client.address(), sub_id, client.program_id)
        self._markets: list[Market] = []
        self._orders: dict[int, Order] = {}
        self._read_until: str | None = None
        self._folded_atoms: dict[int, int] = {}
        self._told: dict[int, tuple[int, int]] = {}
        self._last_block: dict[str, int] = {}
        self._news: list[News] = []

    async def look(self) -> tuple[View, list[News]]:
        """The accounts of one slot, the books read right after it, and the account's transactions since the last look.

        Raises a `TransportError`, `UnknownMarket` or `AccountNotFound`.
        """
        if not self._markets:
            self._markets = [await self.client.market(name) for name in self.symbols]
            rows = await self.client.rpc.get_signatures_for_address(self.user, limit=1)
            self._read_until = str(rows[0]["signature"]) if rows else None
        # What was read stays until a whole look succeeds: a node that fails in between costs no fill.
        await self._read_news()
        accounts = await self._accounts()
        books = await self.client.books(self._markets)
        view, cash = self._view(accounts, books)
        news, self._news = [*self._news, *self._funding(view, cash)], []
        return view, news

    async def _accounts(self) -> tuple[User, Orders, RiskCache, Exchange, int, int]:
        """User, orders, cache, exchange, slot and unix ms; the markets are kept."""
        program = self.client.program_id
        addresses = [self.user, orders_address(self.user, program), risk_cache_address(program)]
        addresses += [exchange_address(program), *(market_address(held.index, program) for held in self._markets)]
        slot_and_time, found = await asyncio.gather(self.client.chain_clock(), self.client.rpc.get_accounts(addresses))
        held: list[AccountInfo] = []
        names = ("User", "Orders", "RiskCache", "Exchange", *("Market" for _ in self._markets))
        for name, address, info in zip(names, addresses, found, strict=True):
            if info is None:
                raise AccountNotFound(name, address)
            held.append(info)
        self._markets = [Market.decode(info.data) for info in held[4:]]
        user, orders, cache, exchange = held[:4]
        return (
            User.decode(user.data),
            Orders.decode(orders.data),
            RiskCache.decode(cache.data),
            Exchange.decode(exchange.data),
            *slot_and_time,
        )

    def _view(
        self, accounts: tuple[User, Orders, RiskCache, Exchange, int, int], books: Sequence[Book]
    ) -> tuple[View, dict[int, int]]:
        """The view, and by market the cash that folding would still add."""
        user, orders, cache, exchange, slot, now_ms = accounts
        tier = reached_tier(user, exchange, now_ms=now_ms)
        positions = {item.market_index: item for item in position_views(user, cache, now_ms=now_ms)}
        raw = {held.market_plus_one - 1: held.cash_atoms for held in user.positions if held.market_plus_one}
        live = [
            order
            for order in orders.orders
            if is_live(
                order,
                orders_epoch=user.orders_epoch,
                cancel_all_after_ms=orders.cancel_all_after_ms,
                now_ms=now_ms,
                slot=slot,
            )
        ]
        self._orders = {order.order_id: order for order in live}
        views = {}
        for market, book in zip(self._markets, books, strict=True):
            held = positions.get(market.index)
            views[symbol(market)] = MarketView(
                symbol=symbol(market),
                market_index=market.index,
                tick_size_atoms=market.terms.tick_size_atoms,
                lot_size_e9=market.terms.lot_size_e9,
                atoms_per_lot_tick=market.atoms_per_lot_tick,
                order_size_min_lots=market.terms.order_size_min_lots,
                taker_fee_ppm=tier.taker_fee_tenth_bps * PPM_PER_TENTH_BPS,
                maker_fee_ppm=tier.maker_fee_tenth_bps * PPM_PER_TENTH_BPS,
                bids=tuple(PriceLevel(level.price_ticks, level.size_lots) for level in book.bids),
                asks=tuple(PriceLevel(level.price_ticks, level.size_lots) for level in book.asks),
                index_price_q32=market.index_price_q32,
                mark_price_q32=market.mark_price_q32,
                funding_rate_e9=market.funding_rate_e9,
                position_lots=0 if held is None else held.size_lots,
                entry_atoms=0 if held is None else held.entry_atoms,
                orders=tuple(_own_order(order) for order in live if order.market_index == market.index),
            )
        view = View(
            now_ms=now_ms,
            equity_atoms=ladder(user, cache, now_ms=now_ms).equity_atoms,
            margin_excess_atoms=valuation(user, cache, MarginKind.INITIAL, now_ms=now_ms).excess_atoms,
            markets=views,
        )
        return view, {index: held.cash_atoms - raw[index] for index, held in positions.items()}

    def _funding(self, view: View, unfolded: dict[int, int]) -> Iterator[News]:
        """Rates that changed, and funding since the last look: what was folded, and what is still to be."""
        for name, market in view.markets.items():
            index = market.market_index
            atoms = self._folded_atoms.get(index, 0) + unfolded.get(index, 0)
            rate, told = self._told.get(index, (0, atoms if index not in self._told else 0))
            if (rate, told) != (market.funding_rate_e9, atoms) or index not in self._told:
                self._told[index] = (market.funding_rate_e9, atoms)
                received = atoms - told
                yield FundingNews(
                    symbol=name, rate_e9=market.funding_rate_e9, received_atoms=received, time_ms=view.now_ms
                )

    async def _read_news(self) -> None:
        """Fills since the last look, oldest first; where the node has no transaction yet, the next look goes on."""
        for signature in await new_signatures(self.client.rpc, self.user, self._read_until):
            try:
                landed = await events_of(self.client.rpc, signature, self.client.program_id)
            except AccountNotFound:
                return
            self._read_until = signature
            for event in landed:
                self._news += self._take(event)

    def _take(self, landed: LandedEvent) -> Iterator[StrategyFill]:
        event = landed.event
        if isinstance(event, OrdersMatched | LiquidationMatched):
            yield from self._fills(event)
        elif getattr(event, "user", None) == self.user and hasattr(event, "market_index"):
            self._fold(event.market_index, getattr(event, "funding_atoms", getattr(event, "user_funding_atoms", 0)))

    def _fold(self, index: int, atoms: int) -> None:
        self._folded_atoms[index] = self._folded_atoms.get(index, 0) + atoms

    def _fills(self, event: OrdersMatched | LiquidationMatched) -> Iterator[StrategyFill]:
        matched = isinstance(event, OrdersMatched)
        taker, ask = (event.taker, event.taker_ask) if isinstance(event, OrdersMatched) else (event.user, event.ask)
        name = next((symbol(market) for market in self._markets if market.index == event.market_index), None)
        if taker == self.user:
            funding = event.taker_funding_atoms if isinstance(event, OrdersMatched) else event.user_funding_atoms
            self._fold(event.market_index, funding)
        for fill in event.fills:
            maker = fill.maker == self.user
            if maker:
                self._fold(event.market_index, fill.maker_funding_atoms)
            if name is None or not (maker or taker == self.user):
                continue
            ids = (fill.order_id, fill.client_order_id) if maker else (0, 0)
            if not maker and matched and isinstance(event, OrdersMatched):
                ids = (event.taker_order_id, event.taker_client_order_id)
            yield StrategyFill(
                symbol=name,
                side="ask" if ask != maker else "bid",
                price_ticks=fill.price_ticks,
                size_lots=fill.size_lots,
                fee_atoms=fill.maker_fee_atoms if maker else fill.taker_fee_atoms,
                maker=maker,
                order_id=ids[0],
                client_order_id=ids[1],
                time_ms=event.time_ms,
            )

    async def arm(self, deadline_ms: int) -> None:
        """Set the dead man's deadline."""
        await self.client.cancel_all_after(self.user, deadline_ms)

    async def cancel(self, cancels: Sequence[CancelOrder]) -> None:
        """Cancel by order id; an order that is gone is no error."""
        try:
            await self.client.cancel_orders(self.user, by_order_ids([item.order_id for item in cancels]))
        except ProgramError as error:
            if error.name != "OrderNotFound":
                raise

    async def modify(self, change: ModifyOrder) -> None:
        """Replace an order seen in the last look by one of the same terms, under the same client order id."""
        order = self._orders[change.order_id]
        args = OrderArgs(
            client_order_id=order.client_order_id,
            market_index=order.market_index,
            kind=order.kind,
            ask=is_ask(order),
            time_in_force=order.time_in_force,
            reduce_only=bool(order.flags & ORDER_FLAG_REDUCE_ONLY),
            self_trade=order.self_trade,
            taker_phase_s=order.taker_phase_s,
            price_ticks=change.price_ticks,
            size_lots=change.size_lots,
            expiry_ms=order.expiry_ms,
            auction_start_ticks=0,
            max_slippage_bps=0,
            builder_plus_one=0,
            builder_fee_tenth_bps=0,
            group=0,
            kind_args_plus_one=0,
        )
        await self.client.modify_order(self.user, change.order_id, args)

    async def place(self, orders: Sequence[NumberedOrder]) -> None:
        """Place orders, once."""
        by_symbol = {symbol(market): market for market in self._markets}
        args = []
        for numbered in orders:
            name = numbered.order.symbol.upper()
            market = by_symbol.get(name) or by_symbol[f"{name}-PERP"]
            args.append(numbered.order.to_args(market.index, numbered.client_order_id))
        await self.client.place_orders(self.user, args)

    async def settled(self, signature: str) -> bool:
        """Whether a transaction has landed, or its blockhash is certain to have expired since this was first asked."""
        status = (await self.client.rpc.get_signature_statuses([signature], search_history=True))[0]
        level = str((status or {}).get("confirmationStatus") or "processed")
        if status is not None and commitment_rank(level) >= commitment_rank("confirmed"):
            return True
        height = await self.client.rpc.get_block_height(commitment="confirmed")
        last = self._last_block.setdefault(signature, height + BLOCKHASH_BLOCKS)
        return status is None and height > last


def _own_order(order: Order) -> OwnOrder:
    return OwnOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        side="ask" if is_ask(order) else "bid",
        price_ticks=order.price_ticks,
        size_lots=order.size_lots,
        time_in_force=TimeInForce(order.time_in_force),
        reduce_only=bool(order.flags & ORDER_FLAG_REDUCE_ONLY),
        expiry_ms=order.expiry_ms,
    )
