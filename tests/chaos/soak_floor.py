"""Those who trade while everything fails: makers, takers, levered longs and shorts, owners of stops."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from soak_faults import Tally
from soak_prices import Tape
from solders.instruction import Instruction

from evertide import EvertideError, NewOrder, OrderKind, TransportError, by_all, by_market, instructions
from evertide_cli.quickstart import sights
from evertide_cli.quickstart.chain import Chain
from evertide_cli.quickstart.market_setup import Cast, mint_instructions
from evertide_cli.quickstart.sights import Actor
from evertide_cli.quickstart.traders import Trader
from evertide_cli.quickstart.views import MarketSight, Wish
from evertide_cli.terms import MARKETS

USDC = 1_000_000
SOL = 1_000_000_000
SYMBOLS = tuple(plan.symbol for plan in MARKETS)
SYMBOL_OF = dict(enumerate(SYMBOLS))


def roster() -> list[Trader]:
    """Traders by kind; what each has is enough for a bad hour."""

    def made(kind: str, count: int, usdc: int, sol: int = 0) -> list[Trader]:
        return [
            Trader(f"soak {kind}-{at}", kind, (SYMBOLS[at % 3],), usdc * USDC, sol * SOL, 100, 0, 4_000_000 * USDC)
            for at in range(count)
        ]

    return [
        *made("maker", 6, 400_000),
        *made("taker", 4, 80_000),
        *made("levered", 6, 4_000),
        *made("collateralised", 2, 0, sol=60),
        *made("stopper", 3, 40_000),
        *made("signer", 2, 40_000),
        *made("mangler", 1, 5_000),
        *made("self-trader", 1, 40_000),
        *made("spammer", 1, 20_000),
        *made("racer", 2, 15_000),
        *made("thief", 1, 5_000),
        *made("poisoner", 1, 3_000),
        *made("saver", 1, 20_000),
    ]


@dataclass
class Floor:
    """Everything that a trader needs. `chains[0]` reaches the node itself, the others a faulty one."""

    chains: Sequence[Chain]
    roles: Cast
    cast: Sequence[Actor]
    tape: Tape
    tally: Tally
    dice: random.Random
    refusals: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """What must never happen, and did."""
    last_refusal: str = ""
    now_s: int = 0
    client_id: int = 1_000

    @property
    def chain(self) -> Chain:
        """The one without faults."""
        return self.chains[0]

    def some_chain(self) -> Chain:
        """Now and then a faulty one: whoever waits for a lost transaction does nothing else for long."""
        return self.dice.choice(self.chains) if self.dice.random() < 0.3 else self.chain

    def next_id(self) -> int:
        """A client order id that was never used."""
        self.client_id += 1
        return self.client_id

    def sights(self) -> dict[str, MarketSight]:
        """The markets by the tape's price of now."""
        prices = self.tape.at(self.now_s)
        return sights.market_sights(prices, prices, 0)

    def of_kind(self, kind: str) -> list[Actor]:
        """Traders of one kind."""
        return [actor for actor in self.cast if actor.trader.kind == kind]

    async def attempt(self, actor: Actor, steps: Sequence[Instruction], chain: Chain | None = None) -> Any:
        """Send as an actor; what is refused or fails is part of life, and counted by its name. The outcome or None."""
        try:
            outcome = await (chain or self.chain).attempt(actor.key, steps)
        except TransportError as error:
            self.refusals[type(error).__name__] += 1
            return None
        error = getattr(outcome, "error", None)
        if error is not None:
            self.refusals[type(error).__name__] += 1
            self.last_refusal = f"{type(error).__name__}: {error}"
            return None
        self.sent[actor.trader.kind] += 1
        return outcome

    async def place(self, actor: Actor, wishes: Sequence[Wish], chain: Chain | None = None) -> Any:
        """Place orders with client ids of their own."""
        orders = [sights.order_args(wish, self.next_id()) for wish in wishes]
        step = instructions.place_orders(signer=actor.key.pubkey(), user=actor.user, orders=orders)
        return await self.attempt(actor, [step], chain)

    async def maker(self, actor: Actor) -> None:
        """Quotes both sides anew, sometimes through a node that fails."""
        sight = self.sights()[actor.trader.home[0]]
        wishes = []
        for level in range(1, 4):
            offset = level * 40 + self.dice.randrange(30)
            lots = sight.lots_for(self.dice.randrange(4_000, 16_000) * USDC)
            force = {"time_in_force": "POST_ONLY", "taker_phase_s": 0}
            wishes.append(Wish(sight.market_index, False, lots, sight.ticks_at(-offset, up=False), **force))
            wishes.append(Wish(sight.market_index, True, lots, sight.ticks_at(offset, up=True), **force))
        cancel = instructions.cancel_orders(
            signer=actor.key.pubkey(), user=actor.user, selector=by_market(sight.market_index)
        )
        orders = [sights.order_args(wish, self.next_id()) for wish in wishes]
        place = instructions.place_orders(signer=actor.key.pubkey(), user=actor.user, orders=orders)
        # A cancel that finds nothing fails the whole transaction.
        (own,) = await sights.own_sights(self.chain, [actor], self.tape.at(self.now_s))
        await self.attempt(actor, [cancel, place] if own.rows else [place], self.some_chain())

    async def taker(self, actor: Actor) -> None:
        """Crosses the spread by a market or a limit order; now and then wipes its slate."""
        sight = self.sights()[self.dice.choice(SYMBOLS)]
        if self.dice.random() < 0.15:
            step = instructions.cancel_orders(signer=actor.key.pubkey(), user=actor.user, selector=by_all())
            await self.attempt(actor, [step])
            return
        ask = self.dice.random() < 0.5
        lots = sight.lots_for(self.dice.randrange(500, 6_000) * USDC)
        phase = self.dice.choice((0, 0, 2))
        if self.dice.random() < 0.5:
            wish = Wish(sight.market_index, ask, lots, market=True, taker_phase_s=phase, max_slippage_bps=100)
        else:
            price = sight.ticks_at(-60 if ask else 60, up=not ask)
            wish = Wish(sight.market_index, ask, lots, price, taker_phase_s=phase)
        await self.place(actor, [wish], self.some_chain())

    async def levered(self, actor: Actor) -> None:
        """Takes as much as its account carries, one way; pays in again when it was wiped out."""
        prices = self.tape.at(self.now_s)
        (own,) = await sights.own_sights(self.chain, [actor], prices)
        if own.in_liquidation:
            return
        if own.equity_atoms < 1_000 * USDC:
            await self.deposit(actor, 4_000 * USDC)
            return
        sight = self.sights()[actor.trader.home[0]]
        held = sight.notional_of(own.positions_lots.get(sight.market_index, 0))
        if abs(held) > own.equity_atoms * 10 or len(own.orders) > 4:
            return
        short = held < 0 if held else self.dice.random() < 0.5
        lots = sight.lots_for(own.equity_atoms * self.dice.randrange(6, 16))
        wish = Wish(sight.market_index, short, lots, market=True, taker_phase_s=0, max_slippage_bps=150)
        await self.place(actor, [wish])

    async def stopper(self, actor: Actor) -> None:
        """A small position with a stop or a trailing stop behind it: work for the trigger keeper."""
        symbol = actor.trader.home[0]
        sight = self.sights()[symbol]
        (own,) = await sights.own_sights(self.chain, [actor], self.tape.at(self.now_s))
        held = own.positions_lots.get(sight.market_index, 0)
        if len(own.orders) > 6:
            step = instructions.cancel_orders(signer=actor.key.pubkey(), user=actor.user, selector=by_all())
            await self.attempt(actor, [step])
            return
        if not held:
            lots = sight.lots_for(3_000 * USDC)
            wish = Wish(sight.market_index, self.dice.random() < 0.5, lots, market=True, max_slippage_bps=100)
            await self.place(actor, [wish])
            return
        size = Decimal(abs(held) * sight.lot_size_e9).scaleb(-9)
        distance = self.dice.randrange(3, 30) * (1 if held < 0 else -1)
        tick = sight.tick_size_atoms
        trigger = sight.index_micro * (10_000 + distance) // 10_000 // tick * tick
        terms: dict[str, Any] = {"kind": OrderKind.STOP_MARKET, "trigger": Decimal(trigger).scaleb(-6)}
        if self.dice.random() < 0.4:
            terms |= {"kind": OrderKind.TRAILING_STOP, "trail_bps": self.dice.randrange(30, 90)}
        side = "ask" if held > 0 else "bid"
        order = NewOrder(market=sight.market_index, side=side, size=size, reduce_only=True, **terms)
        await self.by_client(self.chain.client.place_orders(actor.user, [order], signer=actor.key))

    async def by_client(self, call: Any) -> Any:
        """Await a call of the SDK's client; a typed error of it is part of life."""
        try:
            return await call
        except EvertideError as error:
            self.refusals[type(error).__name__] += 1
            return None

    async def deposit(self, actor: Actor, atoms: int) -> None:
        """From its wallet into its account; the wallet is minted to where it has run dry."""
        from evertide import associated_token_address

        owner, mint = actor.key.pubkey(), self.roles.usdc_mint
        step = instructions.deposit(
            authority=owner,
            user=actor.user,
            collateral_index=0,
            mint=mint,
            source_token=associated_token_address(owner, mint),
            amount_atoms=atoms,
        )
        if await self.attempt(actor, [step]) is None:
            await self.chain.attempt(self.roles.admin, mint_instructions(self.roles, mint, owner, atoms))
