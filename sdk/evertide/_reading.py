"""Reading the exchange: typed accounts one by one, arrays for many, book, clock, history of events."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from solders.pubkey import Pubkey

from ._errors import AccountMismatch, AccountNotFound, UnknownCollateral, UnknownMarket
from ._events import LandedEvent, SequenceChecker
from ._feed import PAGE, events_of, follow, new_signatures
from ._generated.accounts import ALL, Collateral, Exchange, Insurance, Market, Orders, RiskCache, User
from ._generated.constants import MAKERS_MAX, OrderKind
from ._generated.types import Order
from ._ladder import Ladder, LiquidationView, ladder, liquidation_view
from ._layouts import account_class, decode_many, offset_of
from ._order_terms import effective_ticks, pegs_ready
from ._orders import Side, is_ask, is_live, rests
from ._pda import (
    CLOCK_ADDRESS,
    PROGRAM_ID,
    collateral_address,
    exchange_address,
    insurance_address,
    market_address,
    orders_address,
    risk_cache_address,
)
from ._rpc import AccountInfo, RpcClient, memcmp
from ._what_if import WhatIf
from ._wire import Wire
from .math import OrderRank, order_hash

if TYPE_CHECKING:
    from .audit import MatchingAudit

Account = TypeVar("Account", bound=Wire)

_BY_DISCRIMINATOR = {cls.DISCRIMINATOR: cls for cls in ALL}
# Clock: slot u64, epoch_start i64, epoch u64, leader_schedule_epoch u64, unix_timestamp i64.
_CLOCK = struct.Struct("<QqQQq")
# History is fetched this many transactions at a time.
_HISTORY_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Level:
    """All orders of one price: ticks, lots, number of orders."""

    price_ticks: int
    size_lots: int
    order_count: int


@dataclass(frozen=True, slots=True)
class Resting:
    """One order of the book: whose `User` it belongs to, its price now, and what is left of it or displayed."""

    user: Pubkey
    order_id: int
    price_ticks: int
    size_lots: int


@dataclass(frozen=True, slots=True)
class Book:
    """Resting orders of one market, best first: live, and not in their taker phase."""

    market_index: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def decode(data: bytes) -> Any:
    """The account of the program that these bytes are, by discriminator. Raises `AccountMismatch`."""
    cls = _BY_DISCRIMINATOR.get(bytes(data[:8]))
    if cls is None:
        raise AccountMismatch(
            "data", "discriminator", bytes(data[:8]).hex() or "absent", "one of the program's accounts"
        )
    return cls.decode(data)


def symbol(market: Market) -> str:
    """`BTC-PERP`."""
    return market.terms.symbol.rstrip(b"\0").decode("ascii", "replace")


OrderAccounts: TypeAlias = "tuple[list[Orders], dict[Pubkey, int], tuple[int, int]]"


def _resting_in(market: Market, accounts: OrderAccounts) -> list[tuple[Pubkey, Order, int]]:
    """Every order of a market that rests, with its `User` and its price."""
    orders, epochs, (slot, now_ms) = accounts
    index_q32, tick_value = market.index_price_q32, market.atoms_per_lot_tick
    found = []
    for account in orders:
        epoch = epochs.get(account.user, 0)
        for order in account.orders:
            if order.market_index != market.index or not rests(order, now_ms=now_ms):
                continue
            deadline_ms = account.cancel_all_after_ms
            if not is_live(order, orders_epoch=epoch, cancel_all_after_ms=deadline_ms, now_ms=now_ms, slot=slot):
                continue
            price_ticks = effective_ticks(order, index_q32=index_q32, atoms_per_lot_tick=tick_value)
            if price_ticks is not None:
                found.append((account.user, order, price_ticks))
    return found


class Reading:
    """The reading half of the client."""

    def __init__(self, rpc: RpcClient, program_id: Pubkey = PROGRAM_ID) -> None:
        self.rpc = rpc
        self.program_id = program_id

    async def _fetch(self, cls: type[Account], address: Pubkey) -> Account:
        info = await self.rpc.get_account(address)
        if info is None:
            raise AccountNotFound(cls.__name__, address)
        return self._decoded(cls, info)

    def _decoded(self, cls: type[Account], info: AccountInfo) -> Account:
        if info.owner != self.program_id:
            raise AccountMismatch(cls.__name__, "owner", info.owner, self.program_id, info.address)
        return cls.decode(info.data)

    async def account(self, address: Pubkey) -> Any:
        """Any account of the program, typed by its discriminator."""
        info = await self.rpc.get_account(address)
        if info is None:
            raise AccountNotFound("account", address)
        if info.owner != self.program_id:
            raise AccountMismatch("account", "owner", info.owner, self.program_id, address)
        return decode(info.data)

    async def exchange(self) -> Exchange:
        """The exchange."""
        return await self._fetch(Exchange, exchange_address(self.program_id))

    async def risk_cache(self) -> RiskCache:
        """Rows of prices and terms of all markets and collaterals."""
        return await self._fetch(RiskCache, risk_cache_address(self.program_id))

    async def insurance(self) -> Insurance:
        """The insurance fund."""
        return await self._fetch(Insurance, insurance_address(self.program_id))

    async def user(self, address: Pubkey) -> User:
        """A sub-account."""
        return await self._fetch(User, address)

    async def orders(self, user: Pubkey) -> Orders:
        """The orders of a sub-account, given the address of its `User`."""
        return await self._fetch(Orders, orders_address(user, self.program_id))

    async def markets(self) -> list[Market]:
        """All listed markets, by index."""
        count = (await self.exchange()).market_count
        return await self._listed(Market, [market_address(index, self.program_id) for index in range(count)])

    async def collaterals(self) -> list[Collateral]:
        """All listed assets, by index; 0 is the quote asset."""
        count = (await self.exchange()).collateral_count
        return await self._listed(Collateral, [collateral_address(index, self.program_id) for index in range(count)])

    async def _listed(self, cls: type[Account], addresses: Sequence[Pubkey]) -> list[Account]:
        found = []
        for address, info in zip(addresses, await self.rpc.get_accounts(addresses), strict=True):
            if info is None:
                raise AccountNotFound(cls.__name__, address)
            found.append(self._decoded(cls, info))
        return found

    async def market(self, market: int | str) -> Market:
        """A market by index or symbol (`"BTC-PERP"`, any case, `"BTC"` will do). Raises `UnknownMarket`."""
        if isinstance(market, int) and not isinstance(market, bool):
            info = await self.rpc.get_account(market_address(market, self.program_id))
            if info is not None:
                return self._decoded(Market, info)
        listed = await self.markets()
        if isinstance(market, str):
            wanted = {market.upper(), f"{market.upper()}-PERP"}
            for entry in listed:
                if symbol(entry).upper() in wanted:
                    return entry
        raise UnknownMarket(market, [symbol(entry) for entry in listed])

    async def collateral(self, collateral: int | Pubkey) -> Collateral:
        """An asset by index or mint. Raises `UnknownCollateral`."""
        listed = await self.collaterals()
        for entry in listed:
            if collateral in (entry.index, entry.mint) and not isinstance(collateral, bool):
                return entry
        raise UnknownCollateral(collateral, len(listed))

    async def accounts_info(self, name: str, *, authority: Pubkey | None = None) -> list[AccountInfo]:
        """Raw accounts by name (`"User"`, `"Orders"` ...), filtered by discriminator, never by size."""
        filters = [memcmp(0, account_class(name).DISCRIMINATOR)]
        if authority is not None:
            filters.append(memcmp(offset_of(name, "authority"), bytes(authority)))
        return await self.rpc.get_program_accounts(self.program_id, filters=filters)

    async def fetch_all(self, name: str) -> list[Any]:
        """All accounts by name as dataclasses. For thousands use `fetch_arrays`."""
        return list((await self.fetch_all_by_address(name)).values())

    async def fetch_all_by_address(self, name: str) -> dict[Pubkey, Any]:
        """All accounts by name as dataclasses, under their addresses."""
        return {info.address: decode(info.data) for info in await self.accounts_info(name)}

    async def fetch_arrays(self, name: str) -> tuple[list[Pubkey], Any]:
        """All accounts by name as (addresses, numpy structured array of the same length)."""
        found = await self.accounts_info(name)
        return [info.address for info in found], decode_many(name, [info.data for info in found])

    async def users_of(self, authority: Pubkey) -> dict[Pubkey, User]:
        """All sub-accounts of an authority."""
        found = await self.accounts_info("User", authority=authority)
        return {info.address: self._decoded(User, info) for info in found}

    async def chain_time_ms(self) -> int:
        """The chain's own clock, unix milliseconds (whole seconds)."""
        return (await self.chain_clock())[1]

    async def chain_clock(self) -> tuple[int, int]:
        """Slot and unix milliseconds (whole seconds) by the clock that the program sees."""
        info = await self.rpc.get_account(CLOCK_ADDRESS)
        if info is None:
            raise AccountNotFound("Clock", CLOCK_ADDRESS)
        fields = _CLOCK.unpack_from(info.data)
        return int(fields[0]), int(fields[4]) * 1000

    async def valued(self, user: Pubkey) -> tuple[User, RiskCache, int]:
        """A sub-account, the risk cache and chain time in unix ms, all of one slot."""
        addresses = [user, risk_cache_address(self.program_id), CLOCK_ADDRESS]
        account, cache, clock = await self.rpc.get_accounts(addresses)
        for name, address, info in zip(("User", "RiskCache", "Clock"), addresses, (account, cache, clock), strict=True):
            if info is None:
                raise AccountNotFound(name, address)
        assert account is not None and cache is not None and clock is not None
        now_ms = int(_CLOCK.unpack_from(clock.data)[4]) * 1000
        return self._decoded(User, account), self._decoded(RiskCache, cache), now_ms

    async def ladder(self, user: Pubkey) -> Ladder:
        """Where a sub-account stands against the margins of its way down."""
        account, cache, now_ms = await self.valued(user)
        return ladder(account, cache, now_ms=now_ms)

    async def liquidation_view(self, market: int | str, user: Pubkey) -> LiquidationView | None:
        """What may be liquidated of a user's position now, and for which fees; None when it holds none there."""
        listed = await self.market(market)
        account, cache, now_ms = await self.valued(user)
        return liquidation_view(account, cache, listed, now_ms=now_ms)

    async def what_if(self, user: Pubkey) -> WhatIf:
        """A copy of a sub-account to try moves of prices, orders, fills, deposits and withdrawals on."""
        exchange, markets, collaterals = await asyncio.gather(self.exchange(), self.markets(), self.collaterals())
        account, cache, now_ms = await self.valued(user)
        return WhatIf(
            user=account,
            cache=cache,
            exchange=exchange,
            markets={market.index: market for market in markets},
            collaterals=collaterals,
            now_ms=now_ms,
        )

    async def book(self, market: int | str) -> Book:
        """The book of a market, put together from all resting orders. Reads every `Orders` and `User` account.

        Pegged orders stand at their price of now, icebergs with what they display.
        """
        return (await self.books([await self.market(market)]))[0]

    async def books(self, markets: Sequence[Market]) -> list[Book]:
        """The books of several markets from one reading of every `Orders` and `User` account; see `book`."""
        accounts, found = await self._order_accounts(), []
        for listed in markets:
            sides: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
            for _, order, price_ticks in _resting_in(listed, accounts):
                level = sides[is_ask(order)].setdefault(price_ticks, [0, 0])
                level[0] += order.size_lots
                level[1] += 1
            bids = tuple(Level(price, *sides[0][price]) for price in sorted(sides[0], reverse=True))
            asks = tuple(Level(price, *sides[1][price]) for price in sorted(sides[1]))
            found.append(Book(listed.index, bids, asks))
        return found

    async def best_orders(
        self, market: int | str, side: Side, *, limit: int = MAKERS_MAX, taker_placed_ms: int | None = None
    ) -> list[Resting]:
        """The first orders of one side by priority (price, slot of placing, hash) that may be makers in the next slot.

        What `match_orders` and `liquidate_with_orders` take as makers. `taker_placed_ms` is when the taker was placed,
        unix ms: pegged orders meet it only at an index published later. None is a liquidation, which meets none of
        them. Reads every `Orders` and `User` account.
        """
        listed = await self.market(market)
        accounts = await self._order_accounts()
        orders, clock = _resting_in(listed, accounts), accounts[2]
        ask = side == "ask"
        pegs = taker_placed_ms is not None and pegs_ready(listed, taker_placed_ms=taker_placed_ms, now_ms=clock[1])
        ranked = []
        for user, order, price_ticks in orders:
            meets = pegs or order.kind != OrderKind.PEGGED
            if is_ask(order) == ask and order.placed_slot <= clock[0] and meets:
                digest = order_hash(order.placed_slot, bytes(orders_address(user, self.program_id)), order.order_id)
                key = OrderRank(price_ticks, order.placed_slot, digest).key(int(ask))
                ranked.append((key, Resting(user, order.order_id, price_ticks, order.size_lots)))
        return [found for _, found in sorted(ranked, key=lambda entry: entry[0])[:limit]]

    async def _order_accounts(self) -> OrderAccounts:
        """Every `Orders` account, the epoch of every user, and slot and unix ms of that."""
        orders, users, clock = await asyncio.gather(
            self.fetch_all("Orders"), self.fetch_arrays("User"), self.chain_clock()
        )
        epochs = {address: int(epoch) for address, epoch in zip(users[0], users[1]["orders_epoch"], strict=True)}
        return orders, epochs, clock

    async def event_history(
        self, address: Pubkey | None = None, *, until: str | None = None, page: int = PAGE
    ) -> list[LandedEvent]:
        """Every event of transactions that touched `address` (default: the whole program), oldest first.

        `until` is a signature to stop before. One request for each transaction: meant for tests, audits and backfill.
        """
        signatures = await new_signatures(self.rpc, address or self.program_id, until, page)
        events: list[LandedEvent] = []
        for start in range(0, len(signatures), _HISTORY_CHUNK):
            chunk = signatures[start : start + _HISTORY_CHUNK]
            for found in await asyncio.gather(
                *(events_of(self.rpc, signature, self.program_id) for signature in chunk)
            ):
                events += found
        return events

    async def audit_matching(self, market: int | str) -> MatchingAudit:
        """Replay a market's events and find every better order that a keeper's match did not name.

        Reads the whole program's history: cancellations name no market.
        """
        from .audit import audit_matching

        listed = await self.market(market)
        return audit_matching(await self.event_history(), listed.index, program_id=self.program_id)

    def follow_events(
        self, *, since: str | None = None, checker: SequenceChecker | None = None, poll_ms: int = 400
    ) -> AsyncIterator[LandedEvent]:
        """Events of the whole program as they land, from the transaction after `since`; see `SequenceChecker`."""
        return follow(self.rpc, program_id=self.program_id, since=since, checker=checker, poll_ms=poll_ms)
