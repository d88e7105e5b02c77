"""What all keepers of a process share: client, feed, state, journal, health, books; and the sending of actions."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from evertide import EvertideError, SendOptions
from evertide._time import now_s
from evertide.errors import TransactionExpired

from .actions import FIRST_LANE, Action, build, subjects
from .alarms import Alarms
from .booking import Books, Pending
from .environment import Environment
from .errors import Overtaken, Stopping
from .feed import Feed
from .health import Health
from .memory import Memory, subject_of
from .metrics import Metrics
from .sending import Fees, PriorityGate
from .state import Change, State

if TYPE_CHECKING:
    from evertide import EvertideClient

    from .journal import Journal

Blame = Callable[[Action, str], list[str]]
SENDS_MAX = 32
HOUR_LAMPORTS_MAX = 100_000_000
LAST_PRIORITY = 2
LAST_LOOK = "processed"
"""Commitment at which the node looks once more before it sends: the youngest that it has."""
OWN_SLOTS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Result:
    """How one action ended: confirmed in `slot` with `signature` (None: simulated only), or `error`."""

    action: Action
    signature: str | None
    slot: int | None
    error: Exception | None


class Spine:
    """One connection to one exchange for any number of keepers.

    `client` pays and signs; it must hold the keys of the local feeds that the oracle keeper serves. Without `ws_url`
    every sync reads a whole snapshot, unless `told`: its owner tells of every write of others by `note_written`.
    With `dry_run` actions are simulated and never sent.
    """

    def __init__(
        self,
        client: EvertideClient,
        *,
        ws_url: str | tuple[str, ...] | None = None,
        told: bool = False,
        journal: Journal | None = None,
        options: SendOptions | None = None,
        environment: Environment | None = None,
        dry_run: bool = False,
        sends_max: int = SENDS_MAX,
        fee_hour_lamports_max: int = HOUR_LAMPORTS_MAX,
        own_users: Sequence[str] = (),
    ) -> None:
        outside = environment or Environment()
        self.client = client
        self.alarms = Alarms()
        self.state = State(bytes(client.program_id))
        self.feed = Feed(
            client.rpc,
            client.program_id,
            self.state,
            ws_url=ws_url,
            told=told,
            alarms=self.alarms,
            connect=outside.connect,
            source=outside.random,
        )
        self.feed.on_rewind = self._rewound
        self.journal = journal
        self.health = Health()
        self.books = Books(own_users)
        self.fees = Fees(fee_hour_lamports_max)
        self.gate = PriorityGate(sends_max)
        self.options = options or SendOptions(details=False, preflight_commitment=LAST_LOOK)
        self.dry_run = dry_run
        self.stopping = False
        """Once set, nothing new is sent."""
        self._own_slots: deque[int] = deque(maxlen=OWN_SLOTS_KEPT)
        self._put_off: set[str] = set()
        """What was overtaken when it was last to be sent."""
        self.sending = 0
        """Actions under way."""
        self.memories: dict[str, Memory] = {}
        """What each keeper remembers, by its name."""
        self.priorities: dict[str, int] = {}
        self.lock = asyncio.Lock()
        """Held from reading to deciding, so that a plan and the journal see one state."""
        self.drift_ms: int | None = None
        """This machine's clock less the chain's, as last compared."""
        self.balance_lamports: int | None = None
        self.node_slots: dict[str, int] = {}
        self.log_lines_dropped: Callable[[], int] = lambda: 0
        self.metrics = Metrics(self)

    async def start(self) -> None:
        """Begin to listen."""
        await self.feed.start()

    async def close(self) -> None:
        """Stop listening and close the journal; the client belongs to its maker."""
        await self.feed.close()
        if self.journal is not None:
            self.journal.close()

    async def sync(self) -> None:
        """Read what has changed. Call with `lock` held. Raises a `TransportError` of the SDK."""
        before = self.state.time
        changes = await self.feed.sync()
        if self.journal is None:
            return
        if self.journal.wants_file:
            self.state.rebuild()
            self.journal.begin(self.state, self.memories)
        elif changes or self.state.time != before:
            self.journal.inputs(self.state.time, changes)

    def _rewound(self, changes: list[Change], slot: int) -> None:
        """The chain goes back to a slot; `changes` were taken in before it, and are in no journal yet."""
        for memory in self.memories.values():
            memory.rewind()
        if self.journal is not None:
            if changes:
                self.journal.inputs(self.state.time, changes)
            self.journal.rewind(slot)

    def note_observed(self, keeper: str, values: dict[str, Any]) -> None:
        """What a keeper read besides the exchange's accounts, as plain values: into the state and the journal."""
        if self.state.observed.get(keeper) == values:
            return
        self.state.observed[keeper] = values
        if self.journal is not None:
            self.journal.observed(keeper, values)

    def note_written(self, addresses: Collection[Pubkey], slot: int = 0) -> None:
        """Somebody else's transaction may have written these accounts in `slot`: they are read again, and everything is
        where one is not known, which may be new.
        """
        known = [one for one in addresses if self._is_read(one)]
        self.feed.mark_dirty(known, slot)
        if len(known) < len(addresses):
            self.feed.lost()

    async def execute(self, keeper: str, actions: Sequence[Action], memory: Memory, blame: Blame) -> list[Result]:
        """Send actions: those of the first lane one by one, then the other lanes side by side, each in its order."""
        lanes: dict[str, list[Action]] = {}
        for action in actions:
            lanes.setdefault(action.lane, []).append(action)
        decided_slot = self.feed.answered_slot

        async def run(lane: list[Action]) -> list[Result]:
            return [await self._send(keeper, action, memory, blame, decided_slot) for action in lane]

        results = await run(lanes.pop(FIRST_LANE, []))
        for part in await asyncio.gather(*(run(lane) for lane in lanes.values())):
            results += part
        return results

    def _overtaken(self, keeper: str, action: Action, decided_slot: int) -> Overtaken | None:
        """Why an action is to be decided again before it is sent: somebody else has written what it acts on.

        Once only: whoever writes an account in every slot must not keep all keepers from it.
        """
        subject = f"{keeper}:{subject_of(action.key)}"
        for account in subjects(action, self.client.program_id):
            slot = self.feed.written.get(account, decided_slot)
            if slot > decided_slot and slot not in self._own_slots and subject not in self._put_off:
                self._put_off.add(subject)
                self.books.of(keeper).overtaken += 1
                return Overtaken(f"{action.name}: {account} as it was decided on", f"slot {slot}", f"{decided_slot}")
        self._put_off.discard(subject)
        return None

    async def _send(self, keeper: str, action: Action, memory: Memory, blame: Blame, decided_slot: int) -> Result:
        """Send one action and take its end in: memory, journal, health, books, accounts to read again."""
        steps = build(action, self.client.address(), self.client.program_id)
        async with self.gate.place(self.priorities.get(keeper, LAST_PRIORITY)):
            if self.stopping:
                # Neither done nor failed: nobody has tried.
                return Result(action, None, None, Stopping(action.name, "a signal to stop", "a run that goes on"))
            overtaken = self._overtaken(keeper, action, decided_slot)
            if overtaken is not None:
                return Result(action, None, None, overtaken)
            self.sending += 1
            try:
                result = await (
                    self._simulate(action, steps) if self.dry_run else self._transact(keeper, action, steps)
                )
            finally:
                self.sending -= 1
        if result.slot is not None:
            self._own_slots.append(result.slot)
        # Written or not: what is there now decides, not what was meant to happen.
        metas = [meta.pubkey for step in steps for meta in step.accounts]
        self.feed.mark_dirty((one for one in metas if self._is_read(one)), result.slot or 0)
        error_name = None if result.error is None else type(result.error).__name__
        keys = [action.key] if error_name is None else blame(action, error_name)
        now_ms = self.state.time.unix_ms
        memory.note(keys, succeeded=result.error is None, now_ms=now_ms)
        if self.journal is not None:
            self.journal.outcome(keeper, keys, result.error is None, error_name, now_ms)
        self.health.note_end(keeper, None if result.error is None else str(result.error), now_ms)
        landed = result.signature is not None and result.slot is not None
        self.books.note_end(keeper, action.name, error_name, simulated=self.dry_run, landed=landed)
        if result.signature is not None and result.slot is not None:
            done = keys if result.error is None else ()
            self.books.note_landed(Pending(keeper, tuple(done), result.signature, result.slot))
        return result

    async def _transact(self, keeper: str, action: Action, steps: list[Any]) -> Result:
        try:
            outcome = await self.client.try_send(steps, options=self._options(keeper))
        except EvertideError as error:
            return Result(action, None, None, error)
        failure = getattr(outcome, "error", None)
        expired = isinstance(failure, TransactionExpired)
        if outcome.landed or expired:
            self.fees.note(keeper, expired=expired, lamports=outcome.priority_fee_lamports)
        return Result(action, outcome.signature, outcome.slot, failure)

    async def _simulate(self, action: Action, steps: list[Any]) -> Result:
        try:
            found = await self.client.sender.simulate(steps, min_context_slot=self.feed.answered_slot or None)
        except EvertideError as error:
            return Result(action, None, None, error)
        return Result(action, None, found.slot, found.error)

    def _options(self, keeper: str) -> SendOptions:
        """How a keeper's transaction is sent now: on no older state than was decided on, at its rung of the ladder."""
        spent = self.fees.is_spent
        if spent:
            self.alarms.sound("fee_budget_spent", "fees", f"{self.fees.hour_lamports_max} lamports in an hour")
        else:
            self.alarms.clear("fee_budget_spent", "fees")
        return dataclasses.replace(
            self.options,
            min_context_slot=self.feed.answered_slot or None,
            priority_fee_rung=self.fees.rung(keeper),
            priority_fee_cap_micro_lamports=0 if spent else self.options.priority_fee_cap_micro_lamports,
        )

    def undo(self, pending: Pending) -> None:
        """A confirmed transaction is not on the finalized chain: its keeper may plan it again, all is read anew."""
        self.memories.setdefault(pending.keeper, Memory()).undo(list(pending.keys))
        if self.journal is not None:
            self.journal.undone(pending.keeper, pending.keys)
        self.alarms.sound(
            "action_rolled_back", pending.keeper, f"transaction {pending.signature} of slot {pending.slot}"
        )
        self.feed.lost()

    def oracle_age_ms(self) -> int:
        """Age of the price that is oldest among the listed markets, by the chain's clock; 0 without a market."""
        times = self.state.listed_markets()["publish_time_ms"]
        return max(self.state.time.unix_ms - int(times.min()), 0) if times.size else 0

    def report(self) -> dict[str, Any]:
        """Health of everything as plain values."""
        synced_s = self.feed.synced_s
        found = self.health.report(self.state.time.unix_ms, None if synced_s is None else now_s() - synced_s)
        found["journal_error"] = None if self.journal is None else self.journal.error
        found["alarms"] = self.alarms.report()
        found["oracle_age_ms"] = self.oracle_age_ms()
        found["slot"] = self.state.time.slot
        return found

    def _is_read(self, address: Pubkey) -> bool:
        return self.state.knows(bytes(address))
