"""The market's life: bar by bar, time travel, prices, makers, takers, matching, mark, funding, settlement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import sights
from .books import INTEREST_PER_HOUR_E9
from .strategists import STRATEGY_KINDS, MarketNews, Strategists
from .tape import HOUR_MS
from .traders import Moment, plan
from .way_down import go_down

if TYPE_CHECKING:
    from .chain import Chain
    from .collector import Collector
    from .sights import Actor
    from .staff import Staff
    from .tape import Tape
    from .views import Action, MarketSight, OwnSight

PRESSURE_BY_HOUR = (1, -1, 0)
CLIENT_IDS_PER_BAR = 100
SETTLE_EVERY_BARS = 5
MATCH_ROUNDS_MAX = 12
TAKER_PHASE_MS = 13_000
# Two hours of the book on show for this part of the time make an hour of funding each way; later once a bar will do,
# unless a market went without.
SHOWN_PERCENT = 23
SHOWN_HOURS = 2
SHOW_AGAIN_MS = 28_000
# A keeper leaves alone for a moment what was refused.
SHOW_TRIES_MAX = 2
SHOW_RETRY_MS = 5_000
# Fills want prices of four seconds, new risk rows of ten: on a busy machine they are renewed in between.
RENEW_AFTER_MS = 3_000
FILL_STALE_MS = 4_000
MATCH_TRIES_MAX = 4
# Traders act together in as many as send within this time; slots of 100 ms leave their orders three seconds.
GROUP_MS = 1_500
GROUP_LEAST, GROUP_FIRST = 4, 48
# What a bar leaves for the machine's own pace: chain time runs on while transactions land.
PACE_MS = 20_000
INTERVAL_LEAST_MS = TAKER_PHASE_MS + PACE_MS
IDLE_BEFORE_TAPE_MS = 10_000
# Steps of the way down in a row, and how chain time moves on while liquidations go on: what is open to them grows.
DOWN_ROUNDS_MAX = 3
DOWN_PACE_MS = 15_000
DOWN_PACES_MAX = 3


@dataclass(frozen=True, slots=True)
class BarReport:
    """What one bar did, for the live lines."""

    bar: int
    tape_ms: int
    chain_ms: int
    pressure: int
    prices: dict[str, int]
    transactions: int
    actions: dict[str, int]
    refused: int


@dataclass(slots=True)
class Life:
    """State of the run. `shift_ms` is chain time minus tape time, whole hours."""

    chain: Chain
    staff: Staff
    cast: Sequence[Actor]
    tape: Tape
    prices: dict[str, tuple[int, ...]]
    seed: int
    collector: Collector
    shift_ms: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    began_ms: list[int] = field(default_factory=list)
    funded: set[tuple[int, int]] = field(default_factory=set)
    strategists: Strategists = field(default_factory=Strategists)
    group_size: int = GROUP_FIRST

    async def align(self) -> None:
        """Choose the shift: the next whole hour's distance at which the tape's first bar lies in the chain's future."""
        ahead = await self.chain.now_ms() + IDLE_BEFORE_TAPE_MS - self.tape.bars[0].time_ms
        self.shift_ms = -(-ahead // HOUR_MS) * HOUR_MS

    def pressure_at(self, time_ms: int) -> int:
        """The side that takers prefer: up in the tape's first whole hour, down in the second, none in the third."""
        return PRESSURE_BY_HOUR[self.hour_of(time_ms) % len(PRESSURE_BY_HOUR)]

    def hour_of(self, time_ms: int) -> int:
        """Number of the tape's whole hour: funding goes by the hours of the clock. -1 before the first."""
        return time_ms // HOUR_MS - -(-self.tape.bars[0].time_ms // HOUR_MS)

    def shows_at(self, time_ms: int) -> int:
        """How often the book is shown in the bar of this time: what one showing lasts, as often as it fits."""
        hour = self.hour_of(time_ms)
        early = 0 <= hour < SHOWN_HOURS
        late = hour > SHOWN_HOURS and self._lacks_funding(self.pressure_at(time_ms))
        if not (early or late):
            return 1
        wanted = -(-self.tape.interval_ms * SHOWN_PERCENT // (100 * SHOW_AGAIN_MS))
        room = (self.tape.interval_ms - TAKER_PHASE_MS - PACE_MS) // SHOW_AGAIN_MS
        return max(1, min(wanted, 1 + room))

    async def _note_rates(self) -> None:
        """Which markets have had an hour's rate that longs, or shorts, pay: a rate holds for its whole hour."""
        for market in await self.chain.client.markets():
            rate_e9 = market.funding_rate_e9
            self.strategists.news[market.index] = MarketNews(market.mark_price_q32, rate_e9)
            if rate_e9 > INTEREST_PER_HOUR_E9 or rate_e9 < 0:
                self.funded.add((market.index, 1 if rate_e9 > 0 else -1))

    def _lacks_funding(self, pressure: int) -> bool:
        """Whether a market is still without the rate that this pressure makes: a quote that is gone can cost it."""
        return pressure != 0 and any((index, pressure) not in self.funded for index in range(len(self.prices)))

    def prices_at(self, bar: int) -> dict[str, int]:
        """Closing prices of a bar, micro-USD."""
        return {symbol: values[bar] for symbol, values in self.prices.items()}

    async def live(self, bar: int) -> BarReport:
        """One bar: time, prices, liquidations; makers, takers, matching; then the taker phase passes, and matching,
        liquidations, mark, funding.

        Whoever the new price brings down is met at once, and again when makers have quoted. The mark comes last:
        evidence must have rested, and what a keeper showed in the bar before is too old by now to stand in the way of
        new quotes.
        """
        sent = self.chain.sent + self.staff.confirmed
        tape_ms = self.tape.bars[bar].time_ms
        await self.chain.travel_to(tape_ms + self.shift_ms)
        self.began_ms.append(await self.chain.now_ms())
        prices = self.prices_at(bar)
        actions = await self.staff.publish(prices)
        down = await self._meet()
        before = self.prices_at(max(bar - 5, 0))
        pressure = self.pressure_at(tape_ms)
        seen = sights.market_sights(prices, before, pressure)
        moment = Moment(bar, await self.chain.now_ms(), self.tape.interval_ms, pressure)
        makers = [actor for actor in self.cast if actor.trader.kind == "maker"]
        others = [actor for actor in self.cast if actor.trader.kind not in ("maker", *sights.STAFF_KINDS)]
        await self._renew(prices)
        refused = await self._act(makers, moment, seen)
        if down:
            down += await go_down(self.staff, DOWN_ROUNDS_MAX)
        await self._renew(prices)
        others_refused, matched = await self._act_in_time(others, moment, seen, prices)
        refused += others_refused
        await self._renew(prices)
        matched += await self._match(prices)
        # Orders in their taker phase reach their own limit only when it has passed.
        await self.chain.travel_to(await self.chain.now_ms() + TAKER_PHASE_MS)
        await self.staff.publish(prices)
        matched += await self._match(prices)
        down += await self._go_on_down(prices) if down else 0
        actions["mark"] = await self._show_book(prices, self.shows_at(tape_ms))
        actions |= await self.staff.step("cache", "funding", "janitor")
        await self._note_rates()
        actions["matcher"] = matched
        actions["way down"] = down
        if bar % SETTLE_EVERY_BARS == SETTLE_EVERY_BARS - 1:
            actions |= await self.staff.step("settler")
        await self.collector.read()
        return BarReport(
            bar=bar,
            tape_ms=tape_ms,
            chain_ms=moment.now_ms,
            pressure=pressure,
            prices=prices,
            transactions=self.chain.sent + self.staff.confirmed - sent,
            actions=actions,
            refused=refused,
        )

    async def _match(self, prices: dict[str, int]) -> int:
        """Match until nothing is left; again with new prices where they got too old for fills meanwhile, as they do on
        a busy machine.
        """
        matched = 0
        for _ in range(MATCH_TRIES_MAX):
            matched += await self.staff.until_quiet("matcher", rounds_max=MATCH_ROUNDS_MAX)
            if await self.chain.now_ms() - self.staff.published_ms < FILL_STALE_MS:
                break
            await self.staff.publish(prices)
        return matched

    async def _renew(self, prices: dict[str, int]) -> None:
        """Publish again where that was too long ago."""
        if await self.chain.now_ms() - self.staff.published_ms >= RENEW_AFTER_MS:
            await self.staff.publish(prices)

    async def _meet(self) -> int:
        """Marks first, which follow a price by an accrual; then whoever they bring down."""
        await self.staff.step("cache", "funding")
        return await go_down(self.staff, DOWN_ROUNDS_MAX)

    async def _go_on_down(self, prices: dict[str, int]) -> int:
        """Liquidations that take their time: keepers step while chain time moves on, as long as the bar has room."""
        done = await self._meet()
        room = (self.tape.interval_ms - TAKER_PHASE_MS - 2 * PACE_MS) // DOWN_PACE_MS
        for _ in range(max(0, min(room, DOWN_PACES_MAX))):
            await self.chain.travel_to(await self.chain.now_ms() + DOWN_PACE_MS)
            await self.staff.publish(prices)
            step = await self._meet()
            step += await self.staff.until_quiet("matcher", rounds_max=MATCH_ROUNDS_MAX) if step else 0
            done += step
            if step == 0:
                break
        return done

    async def _show_book(self, prices: dict[str, int], shows: int) -> int:
        """The mark keeper shows the book, and again when what it showed gets old: the premium lives on evidence."""
        shown = await self._show(prices)
        for _ in range(shows - 1):
            await self.chain.travel_to(await self.chain.now_ms() + SHOW_AGAIN_MS)
            await self.staff.publish(prices)
            shown += await self._show(prices)
        return shown

    async def _show(self, prices: dict[str, int]) -> int:
        """One showing of every market, tried again where one is missing: evidence is checked like a fill, and on a busy
        machine prices get too old for it.
        """
        shown = 0
        for _ in range(SHOW_TRIES_MAX):
            done = sum((await self.staff.step("mark")).values())
            shown += done
            if done >= len(self.prices):
                break
            await self.chain.travel_to(await self.chain.now_ms() + SHOW_RETRY_MS)
            await self.staff.publish(prices)
        return shown

    async def _act(self, cast: Sequence[Actor], moment: Moment, seen: dict[str, MarketSight]) -> int:
        """Everybody of this group plans on what they see now and sends; returns how many were refused."""
        prices = {symbol: sight.index_micro for symbol, sight in seen.items()}
        everybody = await sights.own_sights(self.chain, self.cast, prices)
        own = dict(zip((actor.trader.name for actor in self.cast), everybody, strict=True))
        planned = [(actor, self._plan(actor, moment, seen, own[actor.trader.name], everybody)) for actor in cast]
        return sum(await asyncio.gather(*(self._send(actor, moment, actions) for actor, actions in planned)))

    async def _act_in_time(
        self, cast: Sequence[Actor], moment: Moment, seen: dict[str, MarketSight], prices: dict[str, int]
    ) -> tuple[int, int]:
        """Everybody acts; refused orders and matches.

        What is to be filled at once lives for 30 slots. On a busy machine, where so many transactions take longer, they
        act in groups as large as the pace of the last one allows, with matching in between.
        """
        refused, matched, waiting = 0, 0, list(cast)
        while waiting:
            group, waiting = waiting[: self.group_size], waiting[self.group_size :]
            began_ns = time.monotonic_ns()
            refused += await self._act(group, moment, seen)
            elapsed_ms = max((time.monotonic_ns() - began_ns) // 1_000_000, 1)
            self.group_size = max(min(GROUP_MS * len(group) // elapsed_ms, len(cast)), GROUP_LEAST)
            if waiting:
                await self._renew(prices)
                matched += await self._match(prices)
        return refused, matched

    def _plan(
        self,
        actor: Actor,
        moment: Moment,
        seen: dict[str, MarketSight],
        own: OwnSight,
        everybody: Sequence[OwnSight],
    ) -> tuple[Action, ...]:
        if actor.trader.kind in STRATEGY_KINDS:
            return self.strategists.plan(actor.trader, moment, seen, own, everybody)
        return plan(actor.trader, self.seed, moment, seen, own)

    async def _send(self, actor: Actor, moment: Moment, actions: tuple[Action, ...]) -> int:
        if not actions:
            return 0
        first_id = (moment.bar + 1) * CLIENT_IDS_PER_BAR
        steps = sights.to_instructions(actor, actions, first_id)
        outcome = await self.chain.attempt(actor.key, steps)
        error = getattr(outcome, "error", None)
        if error is None:
            return 0
        self._note(error)
        return 1

    def _note(self, error: Any) -> None:
        """A trader's refused order is part of life; what the program refuses is counted, anything else ends the run."""
        from evertide import ProgramError

        if not isinstance(error, ProgramError):
            raise error
        name = type(error).__name__
        self.refusals[name] = self.refusals.get(name, 0) + 1

    async def run(self, told: Callable[[BarReport], None]) -> None:
        """All bars."""
        for bar in range(len(self.tape.bars)):
            told(await self.live(bar))
