"""Looks beside the keepers at what they stand on: nodes, clocks, SOL, the program's version, journal and log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from solders.pubkey import Pubkey

from evertide import RpcPool
from evertide._time import now_s

from . import handshake
from .comparing import Comparison
from .environment import Environment
from .errors import VersionMismatch
from .logs import log

if TYPE_CHECKING:
    from .config import KeeperConfig
    from .spine import Spine

INTERVAL_S = 10.0
STALL_S = 30.0
"""A chain whose slot does not move for so long makes no slots."""


class Lookout:
    """One look every ten seconds. Trouble of a node is none of its own: the next look is soon."""

    def __init__(
        self,
        spine: Spine,
        config: KeeperConfig,
        environment: Environment,
        build: handshake.ProgramBuild,
        log_lines_dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._spine = spine
        self._config = config
        self._wall_ms = environment.wall_ms
        self._deployed_slot = build.deployed_slot
        self._dropped = log_lines_dropped
        self._told_dropped = 0
        self._slot = (0, now_s())
        self._program_id = Pubkey.from_string(config.program_id)
        rpc = spine.client.rpc
        self._comparison: Comparison | None = None
        if isinstance(rpc, RpcPool):
            self._comparison = Comparison(
                rpc, spine.alarms, config.slot_lag_max, environment.random, self._compared, config.genesis_hash
            )

    async def run(self) -> None:
        """Look again and again. Raises `VersionMismatch` when the program was replaced: nothing may go on then."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Look at everything once."""
        self._look_at_sinks()
        self._look_at_clocks()
        for part in (self._look_at_nodes, self._look_at_balance, self._look_at_program, self._book):
            try:
                await part()
            except VersionMismatch:
                raise
            except Exception as error:
                # Whatever a node answers: a look that fails ends no keeper.
                text = f"{type(error).__name__}: {error}"
                log(logging.INFO, "lookout waits", part=part.__name__.strip("_"), error=text)

    def _compared(self) -> list[Pubkey]:
        """Accounts to compare between nodes: the two that everything depends on first."""
        state = self._spine.state
        first = [*state.known("Exchange"), *state.known("RiskCache")]
        return [Pubkey.from_bytes(key) for key in (*first, *state.known("Market"), *state.user_keys)]

    async def _look_at_nodes(self) -> None:
        if self._comparison is not None:
            await self._comparison.check()
            self._spine.node_slots = self._comparison.slots
            nodes, sockets = self._comparison.pool.endpoints, self._config.socket_urls
            if len(nodes) == len(sockets):
                # One list beside the other: each node with its own WebSocket.
                self._spine.feed.avoid([url for node, url in zip(nodes, sockets, strict=True) if node.aside])

    async def _look_at_balance(self) -> None:
        """F-18: told while there still is SOL."""
        spine, payer = self._spine, self._spine.client.address()
        spine.balance_lamports = found = await spine.client.rpc.get_balance(payer)
        if found < self._config.balance_min_lamports:
            needed = self._config.balance_min_lamports
            spine.alarms.sound("low_balance", str(payer), f"balance: found {found} lamports, needed {needed}")
        else:
            spine.alarms.clear("low_balance", str(payer))

    async def _look_at_program(self) -> None:
        """F-25: a program that was replaced stops everything, until somebody has looked and starts it again."""
        if self._deployed_slot is None:
            return
        slot = await handshake.deployed_slot(self._spine.client.rpc, self._program_id)
        if slot in (None, self._deployed_slot):
            return
        message = f"deployed in slot {slot}, was {self._deployed_slot}"
        self._spine.alarms.sound("program_changed", str(self._program_id), message)
        raise VersionMismatch("slot of the program's deployment", slot, self._deployed_slot)

    async def _book(self) -> None:
        spine = self._spine
        await spine.books.book(spine.client.rpc, self._program_id, spine.state.time.slot, spine.undo)

    def _look_at_clocks(self) -> None:
        """F-10, F-17: the chain's clock against this machine's, and whether its slots go on."""
        spine, at_s, time = self._spine, now_s(), self._spine.state.time
        if time.slot != self._slot[0]:
            self._slot = (time.slot, at_s)
        if not time.slot:
            return
        spine.drift_ms = self._wall_ms() - time.unix_ms
        most = self._config.clock_drift_max_ms
        if abs(spine.drift_ms) > most:
            spine.alarms.sound("clock_drift", "clock", f"drift: found {spine.drift_ms} ms, needed at most {most}")
        else:
            spine.alarms.clear("clock_drift", "clock")
        if at_s - self._slot[1] > STALL_S:
            spine.alarms.sound("chain_stalled", "chain", f"slot {time.slot} for {round(at_s - self._slot[1])} s")
        else:
            spine.alarms.clear("chain_stalled", "chain")

    def _look_at_sinks(self) -> None:
        """F-21, F-35: what cannot be written stops nobody, and is told."""
        alarms, journal = self._spine.alarms, self._spine.journal
        if journal is not None and journal.error is not None:
            alarms.sound("journal_failed", str(journal.path.name), journal.error)
        else:
            alarms.keep_only("journal_failed", {})
        dropped = self._dropped()
        if dropped > self._told_dropped:
            alarms.sound("log_lost", "log", f"{dropped - self._told_dropped} lines dropped")
        else:
            alarms.clear("log_lost", "log")
        self._told_dropped = dropped
