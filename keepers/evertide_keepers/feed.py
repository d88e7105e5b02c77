"""Reads the exchange's accounts: a whole snapshot first, then what a subscription hints at, never a guess.

A snapshot is one `getProgramAccounts` for each kind of account, filtered by discriminator on the node. A WebSocket
subscription only says which accounts to read again; those are read by `getMultipleAccounts`. A lost connection, a
silent one or an overdue snapshot means the next `sync` reads everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import websockets
from solders.pubkey import Pubkey

from evertide_engine.layouts import DISCRIMINATORS

from .clock import read_clock
from .state import READ, Change, State

if TYPE_CHECKING:
    from evertide import RpcClient

RECONNECT_FIRST_S = 0.2
RECONNECT_MOST_S = 10.0
MESSAGE_BYTES_MAX = 1 << 24
ACCOUNTS_REQUEST = 1


class Feed:
    """Keeps a `State` young. `ws_url` None: every `sync` is a snapshot.

    `snapshot_interval_ms` bounds the time between snapshots, `silence_ms` the time without any message (slots are
    subscribed to as a heartbeat) before the connection counts as lost. Both are of the transport, in wall time.
    """

    def __init__(
        self,
        rpc: RpcClient,
        program_id: Pubkey,
        state: State,
        *,
        ws_url: str | None = None,
        snapshot_interval_ms: int = 60_000,
        silence_ms: int = 15_000,
    ) -> None:
        self.rpc = rpc
        self.program_id = program_id
        self.state = state
        self.ws_url = ws_url
        self.snapshot_interval_ms = snapshot_interval_ms
        self.silence_ms = silence_ms
        self.woken = asyncio.Event()
        """Set by every hint: a keeper may wait for it."""
        self.snapshots = 0
        self.gaps = 0
        self._whole = False
        self._snapshot_at = 0.0
        self._dirty: set[Pubkey] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen, where there is a WebSocket."""
        if self.ws_url is not None and self._task is None:
            self._task = asyncio.create_task(self._listen(self.ws_url))

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def mark_dirty(self, addresses: Iterable[Pubkey]) -> None:
        """These accounts were, or may have been, written: read them again."""
        self._dirty.update(addresses)

    @property
    def needs_snapshot(self) -> bool:
        """Nothing listens, something was missed, or the last snapshot is too old."""
        overdue = (time.monotonic() - self._snapshot_at) * 1000 > self.snapshot_interval_ms
        return self.ws_url is None or not self._whole or overdue

    async def sync(self) -> list[Change]:
        """Bring the state up to date with the node; what changed. Raises a `TransportError` of the SDK."""
        self.woken.clear()
        changes = await (self._snapshot() if self.needs_snapshot else self._refresh())
        self.state.time = max(self.state.time, await read_clock(self.rpc))
        return changes

    async def _snapshot(self) -> list[Change]:
        dirty, self._dirty = self._dirty, set()
        # Set before reading: a gap that opens while the snapshot is read asks for another one.
        self._whole, self._snapshot_at = self._task is not None, time.monotonic()
        try:
            filters = [_discriminator_filter(name) for name in READ]
            found = await asyncio.gather(
                *(self.rpc.get_program_accounts(self.program_id, filters=[chosen]) for chosen in filters)
            )
        except BaseException:
            self._whole = False
            self._dirty |= dirty
            raise
        self.snapshots += 1
        changes: list[Change] = []
        for name, accounts in zip(READ, found, strict=True):
            changes += self.state.apply(Change(bytes(info.address), info.slot, info.data) for info in accounts)
            if accounts:
                present = {bytes(info.address) for info in accounts}
                changes += self.state.forget_missing(name, present, accounts[0].slot)
        return changes

    async def _refresh(self) -> list[Change]:
        dirty, self._dirty = sorted(self._dirty, key=bytes), set()
        if not dirty:
            return []
        try:
            found = await self.rpc.get_accounts(dirty)
            slot = min((info.slot for info in found if info is not None), default=self.state.time.slot)
        except BaseException:
            self._dirty.update(dirty)
            raise
        return self.state.apply(
            Change(bytes(address), slot if info is None else info.slot, None if info is None else info.data)
            for address, info in zip(dirty, found, strict=True)
        )

    async def _listen(self, url: str) -> None:
        """Subscribe again and again; every loss is a gap."""
        pause_s = RECONNECT_FIRST_S
        while True:
            try:
                async with websockets.connect(url, max_size=MESSAGE_BYTES_MAX) as socket:
                    await self._subscribe(socket)
                    pause_s = RECONNECT_FIRST_S
                    while True:
                        message = await asyncio.wait_for(socket.recv(), self.silence_ms / 1000)
                        self._hint(json.loads(message))
            except (OSError, ValueError, TimeoutError, websockets.WebSocketException):
                self.gaps += 1
                self._whole = False
                self.woken.set()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RECONNECT_MOST_S)

    async def _subscribe(self, socket: Any) -> None:
        config = {"encoding": "base64", "commitment": self.rpc.commitment, "dataSlice": {"offset": 0, "length": 0}}
        accounts = {"method": "programSubscribe", "params": [str(self.program_id), config]}
        heartbeat = {"method": "slotSubscribe", "params": []}
        for request_id, request in ((ACCOUNTS_REQUEST, accounts), (ACCOUNTS_REQUEST + 1, heartbeat)):
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": request_id, **request}))

    def _hint(self, message: dict[str, Any]) -> None:
        if message.get("id") == ACCOUNTS_REQUEST:
            # Only from here on is every change told: read everything once more.
            self._whole = False
            self.woken.set()
        if message.get("method") != "programNotification":
            return
        address = message["params"]["result"]["value"]["pubkey"]
        self._dirty.add(Pubkey.from_string(address))
        self.woken.set()


def _discriminator_filter(name: str) -> dict[str, Any]:
    from evertide import memcmp

    return memcmp(0, DISCRIMINATORS[name])
