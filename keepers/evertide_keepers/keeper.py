"""A keeper: reads, decides by a pure plan, sends. One `step` is all of that once."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evertide import OracleKind
from evertide._time import now_s

from . import (
    bankruptcy,
    cache,
    collateral,
    due_payments,
    funding,
    guardian,
    janitor,
    ladder,
    liquidator,
    maker,
    mark,
    matcher,
    oracle,
    settler,
    trigger,
    watch,
)
from .actions import Action
from .desk import Desk
from .errors import KeeperError, Overtaken
from .guardian_reading import Reader
from .memory import Memory
from .own import own_row
from .settings import (
    BankruptcySettings,
    CacheSettings,
    CollateralSettings,
    FundingSettings,
    GuardianSettings,
    JanitorSettings,
    LiquidatorSettings,
    MakerSettings,
    MarkSettings,
    MatcherSettings,
    OracleSettings,
    SettlerSettings,
    TriggerSettings,
)
from .sources import Source
from .spine import Blame, Spine
from .state import State

Plan = Callable[[State, Memory, Any], list[Action]]
Waiting = Callable[[State], dict[bytes, int]]

# Priorities of sending: what keeps the exchange solvent first, upkeep last.
SOLVENCY, MARKET_DATA, UPKEEP = range(3)
PYTH_LEVEL_AT, PYTH_FULL, PYTH_PUBLISH_AT = 40, 1, 93
SWITCHBOARD_LENGTH, SWITCHBOARD_UPDATED_AT = 3208, 2216


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: how many actions were planned, confirmed and failed, with their signatures and errors; what was put off
    since somebody else had written what it acts on is neither."""

    keeper: str
    planned: int
    confirmed: int
    failed: int
    signatures: tuple[str, ...] = ()
    errors: tuple[Exception, ...] = ()


def own_key(action: Action, error: str) -> list[str]:
    """A failure blocks the action's own key."""
    return [action.key]


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a keeper: its plan, its default settings, whom it blames for a failure, what it leaves waiting."""

    plan: Plan
    settings: Any
    blame: Blame = own_key
    waiting: Waiting | None = None
    """Which accounts wait for it, and since when (unix ms); 0: nobody has begun."""
    sends: tuple[str, ...] = ()
    """Names of all that its plan can decide on; anything else is refused before it is sent."""
    pause_ms: int = 1_000
    """Between two steps, on the event loop's clock."""
    woken: bool = False
    """Whether a hint of the feed ends the pause early."""
    priority: int = UPKEEP
    """Who sends first when as many transactions are under way as may be."""


KINDS: dict[str, Kind] = {
    "oracle": Kind(oracle.plan, OracleSettings(), sends=("update_oracle",), pause_ms=400, priority=MARKET_DATA),
    "cache": Kind(cache.plan, CacheSettings(), sends=("accrue_market",)),
    "funding": Kind(funding.plan, FundingSettings(), sends=("accrue_market", "accrue_debt")),
    "mark": Kind(mark.plan, MarkSettings(), sends=("update_mark",), priority=MARKET_DATA),
    "matcher": Kind(
        matcher.plan,
        MatcherSettings(),
        matcher.blamed,
        sends=("match_orders", "expire_orders", "accrue_market"),
        pause_ms=200,
        woken=True,
        priority=MARKET_DATA,
    ),
    "settler": Kind(settler.plan, SettlerSettings(), sends=("settle_pnl",), pause_ms=5_000),
    "trigger": Kind(
        trigger.plan,
        TriggerSettings(),
        sends=("trigger_order", "update_trailing", "execute_slice", "accrue_market"),
        pause_ms=400,
        woken=True,
        priority=MARKET_DATA,
    ),
    "liquidator": Kind(
        liquidator.plan,
        LiquidatorSettings(),
        liquidator.blamed,
        ladder.waiting,
        sends=(
            "liquidate_orders",
            "liquidate_with_orders",
            "liquidate_position",
            "liquidate_to_backstop",
            "accrue_market",
            "place_orders",
            "cancel_orders",
        ),
        pause_ms=200,
        woken=True,
        priority=SOLVENCY,
    ),
    "collateral": Kind(
        collateral.plan,
        CollateralSettings(),
        sends=("liquidate_collateral", "liquidate_orders"),
        priority=SOLVENCY,
    ),
    "bankruptcy": Kind(
        bankruptcy.plan,
        BankruptcySettings(),
        sends=("resolve_bankruptcy", "touch_position", "liquidate_collateral", "liquidate_orders"),
        pause_ms=400,
        woken=True,
        priority=SOLVENCY,
    ),
    "janitor": Kind(
        janitor.plan,
        JanitorSettings(),
        sends=(
            "expire_orders",
            "claim_withdraw",
            "pay_builder",
            "pay_referrer",
            "collect_fees",
            "lift_pause",
            "gate_enable",
            "execute_change",
            "apply_ramp",
            "advance_season",
            "settle_market",
            "accrue_market",
            "accrue_debt",
            "create_token_account",
        ),
    ),
    "guardian": Kind(
        guardian.plan,
        GuardianSettings(),
        sends=("check_invariants", "pause", "cancel_change"),
        priority=MARKET_DATA,
    ),
    "maker": Kind(
        maker.plan,
        MakerSettings(),
        sends=(
            "place_orders",
            "cancel_orders",
            "cancel_all_after",
            "fill_auction",
            "assert_sequence",
            "accrue_market",
        ),
        pause_ms=400,
        woken=True,
        priority=MARKET_DATA,
    ),
}


class Keeper:
    """One keeper on a spine. Steps of one keeper never overlap."""

    def __init__(self, name: str, spine: Spine, settings: Any = None) -> None:
        kind = KINDS[name]
        self.name = name
        self.spine = spine
        self.settings = kind.settings if settings is None else settings
        self.memory = spine.memories.setdefault(name, Memory())
        spine.priorities[name] = kind.priority
        self._plan = kind.plan
        self._sends = frozenset(kind.sends)
        self._blame = kind.blame
        self._waiting = kind.waiting
        self._turn = asyncio.Lock()
        self._poisoned: set[str] = set()

    def plan(self) -> list[Action]:
        """What it would do about the state as it is. Pure."""
        actions = self._plan(self.spine.state, self.memory, self.settings)
        for name in {name for action in actions for name in (action.name, *(one[0] for one in action.ahead))}:
            if name not in self._sends:
                raise KeeperError(f"{self.name}: a plan of what it declares", name, ", ".join(sorted(self._sends)))
        return actions

    async def observe(self) -> None:
        """Read what else the plan needs, besides the exchange's accounts."""

    async def step(self) -> StepReport:
        """Read, decide, send. Raises a `TransportError` of the SDK or a `SourceError` when it cannot read."""
        async with self._turn:
            began_s = now_s()
            async with self.spine.lock:
                await self.spine.sync()
                await self.observe()
                with self.spine.metrics.plan_seconds.labels(self.name).time():
                    actions = self.plan()
                if self.spine.journal is not None and actions:
                    self.spine.journal.plan(self.name, actions)
                now_ms = self.spine.state.time.unix_ms
                if self._waiting is not None:
                    self.spine.health.note_accounts(self._waiting(self.spine.state), now_ms)
                self.spine.health.note_step(self.name, len(actions), self.memory.is_waiting(now_ms), now_ms)
                self.spine.books.of(self.name).planned += len(actions)
            results = await self.spine.execute(self.name, actions, self.memory, self._blame)
            self._tell_poison()
            self.spine.metrics.step_seconds.labels(self.name).observe(now_s() - began_s)
        # What was overtaken is decided again by the next step: neither done nor failed.
        ended = [result for result in results if not isinstance(result.error, Overtaken)]
        errors = tuple(result.error for result in ended if result.error is not None)
        signatures = tuple(result.signature for result in ended if result.error is None and result.signature)
        return StepReport(self.name, len(actions), len(ended) - len(errors), len(errors), signatures, errors)

    def _tell_poison(self) -> None:
        """An alarm for what fails again and again; over with its first success."""
        poisoned = {f"{self.name}: {subject}": count for subject, count in self.memory.poisoned().items()}
        for subject in self._poisoned - set(poisoned):
            self.spine.alarms.clear("work_poisoned", subject)
        for subject, count in poisoned.items():
            self.spine.alarms.sound("work_poisoned", subject, f"{subject} failed {count} times in a row")
        self._poisoned = set(poisoned)


class OracleKeeper(Keeper):
    """The oracle keeper also reads its source and the feed accounts."""

    def __init__(self, spine: Spine, settings: OracleSettings | None = None, source: Source | None = None) -> None:
        super().__init__("oracle", spine, settings)
        self.source = source

    async def observe(self) -> None:
        """Prices of local targets from the source, publish times of the others' feed accounts."""
        state = self.spine.state
        found = list(oracle.targets(state))
        local = [name for name, _, _, rules, _ in found if int(rules["kind"]) == OracleKind.LOCAL]
        wanted = list(dict.fromkeys([*local, *self.settings.aliases.values()]))
        if self.source is not None and wanted:
            state.prices = await self.source.prices(wanted, state.time.unix_ms)
        accounts = [oracle.feed_account(rules) for _, _, _, rules, _ in found if int(rules["kind"]) != OracleKind.LOCAL]
        if accounts:
            infos = await self.spine.client.rpc.get_accounts(accounts)
            pairs = zip(accounts, infos, strict=True)
            state.feeds = {str(address): publish_time_ms(info.data) for address, info in pairs if info is not None}
        if self.spine.journal is not None and found:
            self.spine.journal.prices(state.prices, state.feeds)


class JanitorKeeper(Keeper):
    """The janitor also looks which token accounts there are that it would pay into."""

    async def observe(self) -> None:
        """Whether the treasury and those who are first in a queue have a token account."""
        wanted = due_payments.token_accounts(self.spine.state)
        infos = await self.spine.client.rpc.get_accounts(wanted) if wanted else []
        found = {str(address): info is not None for address, info in zip(wanted, infos, strict=True)}
        self.spine.note_observed(self.name, {"token_accounts": found})


class GuardianKeeper(Keeper):
    """The guardian's watch also reads vaults, nonces and the program, and sounds an alarm for what it finds."""

    def __init__(self, name: str, spine: Spine, settings: GuardianSettings | None = None) -> None:
        super().__init__(name, spine, settings)
        self._reader = Reader(spine.client)

    async def refresh(self) -> None:
        """Read what takes long, when that is due."""
        await self._reader.refresh(self.spine.state)

    async def step(self) -> StepReport:
        """As any keeper's; nodes and keys are asked before, while nobody waits for the state."""
        await self.refresh()
        return await super().step()

    async def observe(self) -> None:
        """Read the vaults, and tell what is to be told."""
        self.spine.note_observed(watch.NAME, await self._reader.read(self.spine.state))
        self.sound()

    def findings(self) -> list[watch.Finding]:
        """What is to be known of the state as it is."""
        return watch.findings(self.spine.state, self.settings)

    def sound(self) -> None:
        """Alarms of what was found; those that are over end."""
        found = [one for one in self.findings() if one.alarm]
        for kind in watch.ALARMS:
            self.spine.alarms.keep_only(kind, {one.subject: one.message for one in found if one.kind == kind})


class MakerKeeper(Keeper):
    """The maker also remembers the equity with which its account began: losses are counted from there."""

    async def observe(self) -> None:
        """Note the account's equity when it is first seen."""
        state, settings = self.spine.state, self.settings
        row = own_row(state, settings.maker_user)
        if maker.NAME in state.observed or row is None or state.risk_cache is None:
            return
        equity = Desk(state, row, settings).equity_atoms()
        if equity is not None:
            self.spine.note_observed(maker.NAME, {"equity_start_atoms": equity})


def publish_time_ms(data: bytes) -> int:
    """Publish time of a fully verified Pyth update or a Switchboard feed; 0 for anything else."""
    if len(data) >= SWITCHBOARD_LENGTH:
        return int(struct.unpack_from("<q", data, SWITCHBOARD_UPDATED_AT)[0]) * 1000
    if len(data) >= PYTH_PUBLISH_AT + 8 and data[PYTH_LEVEL_AT] == PYTH_FULL:
        return int(struct.unpack_from("<q", data, PYTH_PUBLISH_AT)[0]) * 1000
    return 0


OBSERVERS: dict[str, type[Keeper]] = {
    "janitor": JanitorKeeper,
    "guardian": GuardianKeeper,
    "maker": MakerKeeper,
}
"""Keepers that read more than the exchange's accounts."""


def build_keepers(
    spine: Spine,
    names: Sequence[str] = tuple(KINDS),
    *,
    source: Source | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Keeper]:
    """Keepers by name, in the order given. `KeyError` for a name that is none of `KINDS`."""
    given = settings or {}
    keepers: dict[str, Keeper] = {}
    for name in names:
        if name == "oracle":
            keepers[name] = OracleKeeper(spine, given.get(name), source)
        else:
            keepers[name] = OBSERVERS.get(name, Keeper)(name, spine, given.get(name))
    return keepers
