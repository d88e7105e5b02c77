"""The stage of the episodes: players, a dealer who quotes, prices that move, and what the chain says afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from evertide_cli.quickstart import sights
from evertide_cli.quickstart.check import Check
from evertide_cli.quickstart.traders import USDC, Trader
from evertide_cli.quickstart.views import CancelMarket, Place, Wish
from evertide_cli.terms import MARKETS

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.keypair import Keypair

    from evertide import KindArgs, OrderArgs
    from evertide_cli.quickstart.chain import Chain
    from evertide_cli.quickstart.collector import Collector
    from evertide_cli.quickstart.market_setup import Cast
    from evertide_cli.quickstart.report import Story
    from evertide_cli.quickstart.sights import Actor
    from evertide_cli.quickstart.staff import Staff
    from evertide_cli.quickstart.views import MarketSight

DEALER = "dealer-1"
PLAYERS = ("bracketed-1", "trailing-1", "slicing-1", "signing-1")
PLAYER_USDC_ATOMS = 20_000 * USDC
DEALER_USDC_ATOMS = 200_000 * USDC
FIRST_CLIENT_ID = 2_000_000_000
BPS = 10_000
# The dealer stands this far from the index on each side, with this much.
QUOTE_TENTH_BPS = 30
QUOTE_ATOMS = 40_000 * USDC
MATCH_ROUNDS_MAX = 6
CALM_MS = 10_000
# Players buy and sell up to this far through the index.
THROUGH_BPS = 50
RENEW_AFTER_MS = 2_000


def players() -> tuple[Trader, ...]:
    """Everybody on the stage. In the market's life they sit still."""
    dealer = Trader(DEALER, "player", (), DEALER_USDC_ATOMS, 0, 0, 0, 0)
    return dealer, *(Trader(name, "player", (), PLAYER_USDC_ATOMS, 0, 0, 0, 0) for name in PLAYERS)


@dataclass(slots=True)
class Stage:
    """What the episodes share. `prices` are micro-USD by symbol."""

    chain: Chain
    staff: Staff
    roles: Cast
    cast: Mapping[str, Actor]
    collector: Collector
    story: Story
    prices: dict[str, int]
    checks: list[Check] = field(default_factory=list)
    client_ids: Iterator[int] = field(default_factory=lambda: count(FIRST_CLIENT_ID))

    def tell(self, text: str) -> None:
        """One line of the story."""
        self.story.say(text)

    def promise(self, name: str, found: tuple[str, int], promised: tuple[str, int], unit: str) -> None:
        """Check a promise: what the chain did against what was said."""
        self.checks.append(Check(name, *found, *promised, unit))

    async def publish(self) -> None:
        """The present prices again, and rows that follow them."""
        await self.staff.publish(self.prices)
        await self.staff.step("cache")

    async def wait(self, time_ms: int) -> None:
        """Let chain time pass and renew prices."""
        await self.until(await self.chain.now_ms() + time_ms)

    async def until(self, unix_ms: int) -> None:
        """Let chain time pass up to a moment, unless it is over, and renew prices."""
        if await self.chain.now_ms() < unix_ms:
            await self.chain.travel_to(unix_ms)
        await self.publish()

    async def move(self, symbol: str, price_micro: int) -> None:
        """Let a market's price move, the dealer quote around it and time pass."""
        self.prices[symbol] = price_micro
        await self.wait(CALM_MS)
        await self.quote(symbol)

    def sight(self, symbol: str) -> MarketSight:
        """The market at the present price."""
        return sights.market_sights(self.prices, self.prices, 0)[symbol]

    async def quote(self, symbol: str) -> None:
        """The dealer takes its quotes back and shows new ones on both sides."""
        sight, dealer = self.sight(symbol), self.cast[DEALER]
        lots = sight.lots_for(QUOTE_ATOMS)
        wishes = tuple(
            Wish(sight.market_index, ask, lots, sight.ticks_at(offset, up=ask), time_in_force="POST_ONLY")
            for ask, offset in ((False, -QUOTE_TENTH_BPS), (True, QUOTE_TENTH_BPS))
        )
        shown = any(int(order["market_index"]) == sight.market_index for order in await self.orders(DEALER))
        back = (CancelMarket(sight.market_index),) if shown else ()
        made = sights.to_instructions(dealer, (*back, Place(wishes)), next(self.client_ids) * len(wishes))
        await self.chain.send(dealer.key, *made)

    async def clear(self) -> None:
        """The dealer leaves the book: quotes that stay behind would hold it crossed once the market moves on."""
        from evertide import by_all, instructions

        dealer = self.cast[DEALER]
        if await self.orders(DEALER):
            step = instructions.cancel_orders(signer=dealer.key.pubkey(), user=dealer.user, selector=by_all())
            await self.chain.send(dealer.key, step)

    def order(self, symbol: str, *, ask: bool, lots: int, **fields: Any) -> OrderArgs:
        """A limit order of a player through the dealer's quotes, unless `fields` say otherwise.

        It may wait for its match longer than a market order, which is dead after 3 s of these short slots.
        """
        price = self.ticks(symbol, -THROUGH_BPS if ask else THROUGH_BPS)
        wish = Wish(self.sight(symbol).market_index, ask, lots, price)
        return dataclasses.replace(sights.order_args(wish, next(self.client_ids)), **fields)

    def at_index(self, trigger_ticks: int, *, trail_bps: int = 0) -> KindArgs:
        """What a conditional order by the index has beyond a plain one."""
        from evertide import KindArgs, TriggerSource

        return KindArgs(
            not_before_ms=0,
            trigger_ticks=trigger_ticks,
            trigger_source=int(TriggerSource.INDEX),
            trail_bps=trail_bps,
            peg_offset_ticks=0,
            display_lots=0,
            slice_count=0,
            slice_interval_s=0,
        )

    def at_market(self) -> dict[str, int]:
        """Fields of an order without a price of its own."""
        from evertide import TimeInForce

        return {"price_ticks": 0, "max_slippage_bps": BPS // 100, "time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL}

    def price(self, from_micro: int, bps: int) -> int:
        """A price so many bps away, rounded down, micro-USD."""
        return from_micro * (BPS + bps) // BPS

    def ticks(self, symbol: str, bps: int) -> int:
        """Whole ticks so many bps from the present price, rounded down."""
        return self.price(self.prices[symbol], bps) // self.sight(symbol).tick_size_atoms

    def usd(self, symbol: str, ticks: int) -> str:
        """A price in ticks for people."""
        return f"${Decimal(ticks * self.sight(symbol).tick_size_atoms) / USDC:,.2f}"

    async def wake(self) -> int:
        """One step of the trigger keeper; confirmed actions."""
        return sum((await self.staff.step("trigger")).values())

    async def place(self, name: str, orders: Sequence[OrderArgs], kind_args: Sequence[KindArgs] = ()) -> None:
        """A player places orders together."""
        from evertide import instructions

        actor = self.cast[name]
        step = instructions.place_orders(
            signer=actor.key.pubkey(), user=actor.user, orders=orders, kind_args=tuple(kind_args)
        )
        await self.chain.send(actor.key, step)

    async def refused(self, name: str, *steps: Instruction) -> str:
        """Name of the error with which the program refuses a player's transaction; empty when it does not."""
        return await self.refused_by(self.cast[name].key, *steps)

    async def refused_by(self, payer: Keypair, *steps: Instruction) -> str:
        """The same for a transaction of any key."""
        outcome = await self.chain.attempt(payer, steps)
        error = getattr(outcome, "error", None)
        return "" if error is None else type(error).__name__

    async def lamports(self, name: str) -> int:
        """What a player's key holds."""
        info = await self.chain.client.rpc.get_account(self.cast[name].key.pubkey())
        return 0 if info is None else info.lamports

    async def trade(self) -> int:
        """Match until nothing crosses, with prices young enough for fills; confirmed matches."""
        if await self.chain.now_ms() - self.staff.published_ms >= RENEW_AFTER_MS:
            await self.staff.publish(self.prices)
        return await self.staff.until_quiet("matcher", rounds_max=MATCH_ROUNDS_MAX)

    async def buy(self, name: str, symbol: str, notional_atoms: int) -> int:
        """A player buys at the dealer's price; returns its lots."""
        await self.quote(symbol)
        lots = self.sight(symbol).lots_for(notional_atoms)
        await self.place(name, [self.order(symbol, ask=False, lots=lots)])
        await self.trade()
        return await self.lots(name, symbol)

    async def close(self, name: str, symbol: str) -> None:
        """A player sells what it holds to the dealer."""
        await self.quote(symbol)
        lots = await self.lots(name, symbol)
        await self.place(name, [self.order(symbol, ask=lots > 0, lots=abs(lots), reduce_only=True)])
        await self.trade()

    async def orders(self, name: str) -> list[Any]:
        """A player's occupied order slots."""
        from evertide import decode_many

        info = await self.chain.client.rpc.get_account(self.cast[name].orders)
        (book,) = decode_many("Orders", [] if info is None else [info.data])
        return [item for item in book["orders"] if item["order_id"]]

    async def lots(self, name: str, symbol: str) -> int:
        """A player's signed lots in a market, by its account."""
        from evertide import decode_many

        info = await self.chain.client.rpc.get_account(self.cast[name].user)
        (user,) = decode_many("User", [] if info is None else [info.data])
        wanted = [plan.symbol for plan in MARKETS].index(symbol) + 1
        return sum(int(item["basis_lots"]) for item in user["positions"] if item["market_plus_one"] == wanted)

    async def events(self, name: str, kind: str) -> list[Any]:
        """All events of a kind that name a player as user or taker, in the order of the chain."""
        user = self.cast[name].user
        found = await self.all_events(kind)
        return [event for event in found if user in (getattr(event, "user", None), getattr(event, "taker", None))]

    async def all_events(self, kind: str) -> list[Any]:
        """All events of a kind, in the order of the chain."""
        await self.collector.read()
        landed = (event for item in self.collector.ordered() for event in item.events)
        return [event for event in landed if type(event).__name__ == kind]

    async def fills(self, name: str, symbol: str) -> list[tuple[int, int]]:
        """Signed lots and price in ticks of every fill that a player took in a market."""
        index = self.sight(symbol).market_index
        return [
            (-fill.size_lots if event.taker_ask else fill.size_lots, fill.price_ticks)
            for event in await self.events(name, "OrdersMatched")
            if event.market_index == index
            for fill in event.fills
        ]
