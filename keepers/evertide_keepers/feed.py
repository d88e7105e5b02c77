"""Reads the exchange's accounts: a whole snapshot first, then what a subscription hints at, never a guess.

A snapshot is one `getProgramAccounts` for each kind of account, filtered by discriminator on the node. A WebSocket
subscription only says which accounts to read again, and from which slot on; those are read by `getMultipleAccounts`. A
lost connection, a silent or a deaf one, a flood of hints or an overdue snapshot means the next `sync` reads everything
again. A node that answers from slots long past is refused; when every answer stays there, the chain itself went back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey

from evertide import AccountInfo
from evertide._time import now_s
from evertide.errors import RpcBehind
from evertide_engine.layouts import DISCRIMINATORS

from .alarms import Alarms
from .clock import read_clock
from .environment import connect as open_socket
from .listening import LAG_SLOTS_MAX, Listener
from .state import READ, Change, State

if TYPE_CHECKING:
    from evertide import RpcClient

DIRTY_MAX = 4_096
"""Accounts to read again above which everything is read again instead."""
REWIND_WAIT_MS = 15_000
"""When every answer has been further behind for so long, it is the chain that went back."""
NO_SLOT = 0
ACCOUNTS_PER_READ = 100


class Feed:
    """Keeps a `State` young. Without `ws_url` every `sync` is a snapshot, unless `told`: its owner makes all writes
    there are, and tells of each by `mark_dirty`.

    `snapshot_interval_ms` bounds the time between snapshots, `silence_ms` the time without any message (slots are
    subscribed to as a heartbeat) before the connection counts as lost. Both are of the event loop's clock.
    """

    def __init__(
        self,
        rpc: RpcClient,
        program_id: Pubkey,
        state: State,
        *,
        ws_url: str | tuple[str, ...] | None = None,
        told: bool = False,
        snapshot_interval_ms: int = 60_000,
        silence_ms: int = 15_000,
        alarms: Alarms | None = None,
        connect: Callable[[str], Awaitable[Any]] = open_socket,
        source: random.Random | None = None,
    ) -> None:
        self.rpc = rpc
        self.program_id = program_id
        self.state = state
        self.told = told
        self.snapshot_interval_ms = snapshot_interval_ms
        self.alarms = alarms or Alarms()
        self.woken = asyncio.Event()
        """Set by every hint: a keeper may wait for it."""
        self.snapshots = 0
        self.rewinds = 0
        self.answered_slot = NO_SLOT
        """The slot of the latest answer: what was decided on."""
        self.tip_slot = NO_SLOT
        """The latest slot that anybody told of."""
        self.synced_s: float | None = None
        """When a sync last succeeded."""
        self._whole = False
        self._snapshot_s = 0.0
        self.written: dict[Pubkey, int] = {}
        """The latest slot in which an account was written, by hints and by what one sent oneself; the latest ones."""
        self._dirty: dict[Pubkey, int] = {}
        self._dirty_since_s: float | None = None
        self._behind_since_s: float | None = None
        self._rewind_to: int | None = None
        self._taken: list[Change] = []
        self.on_rewind: Callable[[list[Change], int], None] = lambda changes, slot: None
        """Told before the state goes back to a slot, with what was taken in and not returned by a `sync` yet."""
        urls = (ws_url,) if isinstance(ws_url, str) else (ws_url or ())
        self._listener = Listener(self, urls, silence_ms, connect, source or random.Random()) if urls else None
        self._task: asyncio.Task[None] | None = None

    @property
    def gaps(self) -> int:
        """How often the subscription was lost."""
        return 0 if self._listener is None else self._listener.gaps

    @property
    def hint_age_ms(self) -> int:
        """For how long the oldest hint has waited to be read."""
        return 0 if self._dirty_since_s is None else round((now_s() - self._dirty_since_s) * 1000)

    def avoid(self, ws_urls: Collection[str]) -> None:
        """Do not listen to these nodes as long as there is another one."""
        if self._listener is not None:
            self._listener.avoid(ws_urls)

    async def start(self) -> None:
        """Begin to listen, where there is a WebSocket."""
        if self._listener is not None and self._task is None:
            self._task = asyncio.create_task(self._listener.run())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def mark_dirty(self, addresses: Iterable[Pubkey], slot: int = NO_SLOT) -> None:
        """These accounts were, or may have been, written in `slot`: read them again as of then or later."""
        for address in addresses:
            self._dirty[address] = max(slot, self._dirty.get(address, NO_SLOT))
            self.written[address] = max(slot, self.written.pop(address, NO_SLOT))
        while len(self.written) > DIRTY_MAX:
            del self.written[next(iter(self.written))]
        self.tip_slot = max(self.tip_slot, slot)
        if self._dirty and self._dirty_since_s is None:
            self._dirty_since_s = now_s()
        if len(self._dirty) > DIRTY_MAX:
            self._dirty.clear()
            self.lost()

    def lost(self) -> None:
        """Something may have been missed: read everything again."""
        self._whole = False
        self.woken.set()

    @property
    def needs_snapshot(self) -> bool:
        """Nobody tells, something was missed, or the last snapshot is too old."""
        overdue = (now_s() - self._snapshot_s) * 1000 > self.snapshot_interval_ms
        return (self._listener is None and not self.told) or not self._whole or overdue

    @property
    def least_slot(self) -> int:
        """The oldest slot that an answer may be of."""
        return max(max(self.tip_slot, self.state.time.slot) - LAG_SLOTS_MAX, NO_SLOT)

    async def sync(self) -> list[Change]:
        """Bring the state up to date with the node; what changed, also by a sync that failed halfway.

        Raises a `TransportError` of the SDK.
        """
        self.woken.clear()
        self._take_rewind()
        try:
            await (self._snapshot() if self.needs_snapshot else self._refresh())
            time, slot = await read_clock(self.rpc, self.least_slot)
        except RpcBehind as error:
            self._behind(error)
            raise
        self.state.time = max(self.state.time, time)
        self._behind_since_s, self.synced_s, self.answered_slot = None, now_s(), slot
        self.tip_slot = max(self.tip_slot, self.state.time.slot)
        if self._listener is not None:
            self._listener.check_pace(slot)
        self.alarms.clear("node_behind", "feed")
        short = {str(Pubkey.from_bytes(key)): reason for key, reason in self.state.isolated.items()}
        self.alarms.keep_only("account_isolated", short)
        changes, self._taken = self._taken, []
        return changes

    def _behind(self, error: RpcBehind) -> None:
        """Refuse to act on the past; after a while take it for the present."""
        at_s = now_s()
        self._behind_since_s = at_s if self._behind_since_s is None else self._behind_since_s
        self.alarms.sound("node_behind", "feed", str(error))
        if (at_s - self._behind_since_s) * 1000 >= REWIND_WAIT_MS:
            self.rewind(NO_SLOT, f"every answer is from before slot {error.needed}")

    def rewind(self, slot: int, reason: str) -> None:
        """The chain went back to `slot`. The next sync takes what it reads for the truth, whatever later slots told."""
        self._rewind_to = slot if self._rewind_to is None else min(slot, self._rewind_to)
        self.alarms.sound("chain_rolled_back", "feed", reason)
        self.lost()

    def _take_rewind(self) -> None:
        """Go back, where that is due: between two plans, never in the middle of one."""
        if self._rewind_to is None:
            return
        self.rewinds += 1
        slot, self._rewind_to = self._rewind_to, None
        before, self._taken = self._taken, []
        self.on_rewind(before, slot)
        self.state.rewind(slot)
        self.tip_slot, self.answered_slot, self._behind_since_s = slot, NO_SLOT, None
        self._dirty.clear()
        self.written.clear()

    async def _snapshot(self) -> None:
        dirty, self._dirty = self._dirty, {}
        since_s, self._dirty_since_s = self._dirty_since_s, None
        # Set before reading: a gap that opens while the snapshot is read asks for another one.
        nothing_missed = self._whole
        self._whole, self._snapshot_s = self.told or self._task is not None, now_s()
        least = max(self.least_slot, max(dirty.values(), default=NO_SLOT) - LAG_SLOTS_MAX)
        try:
            filters = [_discriminator_filter(name) for name in READ]
            found = await asyncio.gather(
                *(
                    self.rpc.get_program_accounts(self.program_id, filters=[chosen], min_context_slot=least or None)
                    for chosen in filters
                )
            )
        except BaseException:
            self._whole = False
            self._dirty = {**dirty, **self._dirty}
            self._dirty_since_s = since_s or self._dirty_since_s
            raise
        self.snapshots += 1
        self.alarms.clear("chain_rolled_back", "feed")
        changes: list[Change] = []
        for name, accounts in zip(READ, found, strict=True):
            changes += self.state.apply(_change(info) for info in accounts)
            slot = max((info.slot for info in accounts), default=self.state.time.slot)
            changes += self.state.forget_missing(name, {bytes(info.address) for info in accounts}, slot)
        self._taken += changes
        self.state.prune(min((info.slot for accounts in found for info in accounts), default=NO_SLOT))
        if nothing_missed and self._listener is not None:
            told = {bytes(address) for address in dirty}
            self._listener.check_hearing(any(change.address not in told for change in changes))

    async def _refresh(self) -> None:
        dirty, self._dirty = self._dirty, {}
        since_s, self._dirty_since_s = self._dirty_since_s, None
        if not dirty:
            return
        needed = max(max(dirty.values()) - LAG_SLOTS_MAX, self.least_slot)
        addresses, changes = list(dirty), []
        try:
            for start in range(0, len(addresses), ACCOUNTS_PER_READ):
                chunk = addresses[start : start + ACCOUNTS_PER_READ]
                slot, found = await self.rpc.read_accounts(chunk, min_context_slot=needed or None)
                changes += [
                    Change(bytes(address), slot, None) if info is None else _change(info)
                    for address, info in zip(chunk, found, strict=True)
                ]
        except BaseException:
            self._dirty = {**dirty, **self._dirty}
            self._dirty_since_s = since_s or self._dirty_since_s
            raise
        # What was read from before the write that was told of is good to know, and read again the next time.
        early = {Pubkey.from_bytes(one.address): one.slot for one in changes}
        self.mark_dirty([address for address, slot in early.items() if slot < dirty[address]])
        for address in early.keys() & self._dirty.keys() & dirty.keys():
            self._dirty[address] = max(dirty[address], self._dirty[address])
        self._taken += self.state.apply(changes)


def _change(info: AccountInfo) -> Change:
    """A reading. Without data an account is as good as closed."""
    return Change(bytes(info.address), info.slot, info.data or None, info.write_version, bytes(info.owner))


def _discriminator_filter(name: str) -> dict[str, Any]:
    from evertide import memcmp

    return memcmp(0, DISCRIMINATORS[name])
