"""What all keepers of a process share: client, feed, state, journal, health; and the sending of actions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from evertide import EvertideError, SendOptions

from .actions import FIRST_LANE, Action, build
from .alarms import Alarms
from .feed import Feed
from .health import Health
from .memory import Memory
from .state import State

if TYPE_CHECKING:
    from evertide import EvertideClient

    from .journal import Journal

Blame = Callable[[Action, str], list[str]]


@dataclass(frozen=True, slots=True)
class Result:
    """How one action ended: confirmed in `slot` with `signature`, or `error`."""

    action: Action
    signature: str | None
    slot: int | None
    error: EvertideError | None


class Spine:
    """One connection to one exchange for any number of keepers.

    `client` pays and signs; it must hold the keys of the local feeds that the oracle keeper serves. Without `ws_url`
    every sync reads a whole snapshot.
    """

    def __init__(
        self,
        client: EvertideClient,
        *,
        ws_url: str | None = None,
        journal: Journal | None = None,
        options: SendOptions | None = None,
    ) -> None:
        self.client = client
        self.state = State()
        self.alarms = Alarms()
        self.feed = Feed(client.rpc, client.program_id, self.state, ws_url=ws_url, alarms=self.alarms)
        self.journal = journal
        self.health = Health()
        self.options = options or SendOptions(details=False)
        self.memories: dict[str, Memory] = {}
        """What each keeper remembers, by its name."""
        self.lock = asyncio.Lock()
        """Held from reading to deciding, so that a plan and the journal see one state."""

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
        before, rewinds = self.state.time, self.feed.rewinds
        changes = await self.feed.sync()
        if self.feed.rewinds != rewinds:
            for memory in self.memories.values():
                memory.rewind()
        if self.journal is None:
            return
        if self.journal.wants_file:
            self.state.rebuild()
            self.journal.begin(self.state, self.memories)
            return
        if self.feed.rewinds != rewinds:
            self.journal.rewind(self.feed.rewound_to)
        if changes or self.state.time != before:
            self.journal.inputs(self.state.time, changes)

    def note_observed(self, keeper: str, values: dict[str, Any]) -> None:
        """What a keeper read besides the exchange's accounts, as plain values: into the state and the journal."""
        if self.state.observed.get(keeper) == values:
            return
        self.state.observed[keeper] = values
        if self.journal is not None:
            self.journal.observed(keeper, values)

    async def execute(self, keeper: str, actions: Sequence[Action], memory: Memory, blame: Blame) -> list[Result]:
        """Send actions: those of the first lane one by one, then the other lanes side by side, each in its order."""
        lanes: dict[str, list[Action]] = {}
        for action in actions:
            lanes.setdefault(action.lane, []).append(action)
        results = await self._run_lane(keeper, lanes.pop(FIRST_LANE, []), memory, blame)
        for part in await asyncio.gather(*(self._run_lane(keeper, lane, memory, blame) for lane in lanes.values())):
            results += part
        return results

    async def _run_lane(self, keeper: str, lane: list[Action], memory: Memory, blame: Blame) -> list[Result]:
        return [await self._send(keeper, action, memory, blame) for action in lane]

    async def _send(self, keeper: str, action: Action, memory: Memory, blame: Blame) -> Result:
        """Send one action and take its end in: memory, journal, health, accounts to read again."""
        steps = build(action, self.client.address(), self.client.program_id)
        try:
            confirmed = (await self.client.try_send(steps, options=self.options)).unwrap()
            result = Result(action, confirmed.signature, confirmed.slot, None)
        except EvertideError as error:
            result = Result(action, getattr(error, "signature", None), None, error)
        # Written or not: what is there now decides, not what was meant to happen.
        metas = [meta.pubkey for step in steps for meta in step.accounts]
        self.feed.mark_dirty(address for address in metas if self._is_read(address))
        error_name = None if result.error is None else type(result.error).__name__
        keys = [action.key] if error_name is None else blame(action, error_name)
        now_ms = self.state.time.unix_ms
        memory.note(keys, succeeded=result.error is None, now_ms=now_ms)
        if self.journal is not None:
            self.journal.outcome(keeper, keys, result.error is None, error_name, now_ms)
        self.health.note_end(keeper, action.name, None if result.error is None else str(result.error), now_ms)
        return result

    def _is_read(self, address: Pubkey) -> bool:
        return self.state.knows(bytes(address))
