"""The stage of the episodes: players, a dealer who quotes, prices that move, and what the chain says afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from evertide_cli.quickstart import sights
from evertide_cli.quickstart.check import Check
from evertide_cli.quickstart.traders import USDC, Trader
from evertide_cli.quickstart.views import CancelMarket, Place, Wish
from evertide_cli.terms import MARKETS

if TYPE_CHECKING:
    from solders.instruction import Instruction

    from evertide import KindArgs, OrderArgs, ProgramError
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
        await self.staff.step("accrual")

    async def wait(self, time_ms: int) -> None:
        """Let chain time pass and renew prices."""
        await self.chain.travel_to(await self.chain.now_ms() + time_ms)
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
        steps = [CancelMarket(sight.market_index), Place(wishes)]
        if not await self.orders(DEALER):
            steps = steps[1:]
        made = sights.to_instructions(dealer, steps, next(self.client_ids) * len(wishes))
        await self.chain.send(dealer.key, *made)

    def order(self, symbol: str, *, ask: bool, lots: int, **fields: Any) -> OrderArgs:
        """An order of a player, at once against the book unless `fields` say otherwise."""
        import dataclasses

        wish = Wish(self.sight(symbol).market_index, ask, lots, market=True, max_slippage_bps=100)
        return dataclasses.replace(sights.order_args(wish, next(self.client_ids)), **fields)

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
        outcome = await self.chain.attempt(self.cast[name].key, steps)
        error: ProgramError | None = getattr(outcome, "error", None)
        return "" if error is None else type(error).__name__

    async def trade(self) -> int:
        """Match until nothing crosses; confirmed matches."""
        return await self.staff.until_quiet("matcher", rounds_max=MATCH_ROUNDS_MAX)

    async def buy(self, name: str, symbol: str, notional_atoms: int) -> int:
        """A player buys at the dealer's price; returns its lots."""
        await self.quote(symbol)
        lots = self.sight(symbol).lots_for(notional_atoms)
        await self.place(name, [self.order(symbol, ask=False, lots=lots)])
        await self.trade()
        return await self.lots(name, symbol)

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
