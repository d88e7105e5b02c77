"""What the soak does to machine and chain: halts, kills, stops, empty purses, pauses, nonsense at the health port."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from soak_faults import Tally
from soak_floor import Floor
from soak_keepers import RESTART_AFTER_S, KeeperSet, refuses_to_start
from soak_prices import events_between

HALT_S = (3.0, 9.0)
FROZEN_S = (5.0, 11.0)
PAUSE_S = (4.0, 9.0)
PAUSE_TRIES = 30
BLOCKED_S = (5.0, 15.0)
DRAINED_S = (4.0, 9.0)
DRAINED_LAMPORTS = 900_000
FULL_LAMPORTS = 10**13
NONSENSE = (b"\xff\x00\xfe\r\n\r\n", b"POST /health HTTP/1.1\r\n\r\n", b"GET " + b"A" * 20_000, b"GET /health HT")
WRONG = (
    ("genesis_hash", 'genesis_hash = "11111111111111111111111111111111"'),
    ("program_id", 'program_id = "So11111111111111111111111111111111111111112"'),
    ("keypair", 'keypair = "nobody.json"'),
    ("commitment", 'commitment = "hopeful"'),
)


@dataclass
class Trouble:
    """Makes one kind of trouble after the other, each drawn by the dice."""

    floor: Floor
    sets: Sequence[KeeperSet]
    tally: Tally
    dice: random.Random
    problems: list[str]

    async def run(self, pause_s: float) -> None:
        """Trouble without end, `pause_s` apart on average; every kind before any comes again."""
        while True:
            kinds = [
                self.halt,
                self.freeze,
                self.kill,
                self.drain,
                self.pause,
                self.harass,
                self.block,
                self.misconfigure,
            ]
            self.dice.shuffle(kinds)
            for kind in kinds:
                await asyncio.sleep(self.dice.uniform(0.5, 1.5) * pause_s)
                await kind()

    async def watch_tape(self) -> None:
        """Note jumps and spikes as the chain's time passes them."""
        seen = self.floor.now_s
        while True:
            await asyncio.sleep(1)
            for kind in events_between(self.floor.tape, seen, self.floor.now_s):
                self.tally.note(kind)
            seen = max(seen, self.floor.now_s)

    async def _for(self, bounds: tuple[float, float]) -> None:
        await asyncio.sleep(self.dice.uniform(*bounds))

    def _one(self) -> KeeperSet:
        return self.dice.choice(self.sets)

    async def halt(self) -> None:
        """F-10: no slot is made for a while."""
        cheats = self.floor.chain.cheats
        await asyncio.to_thread(cheats.pause_clock)
        try:
            await self._for(HALT_S)
        finally:
            await asyncio.to_thread(cheats.resume_clock)
        self.tally.note("halted")

    async def freeze(self) -> None:
        """F-15: nobody brings prices; every keeper stands still, and goes on as if nothing had been."""
        running = [each for each in self.sets if each.is_up]
        for each in running:
            each.pause()
        try:
            await self._for(FROZEN_S)
        finally:
            for each in running:
                if each.is_up:
                    each.resume()
        self.tally.note("frozen")

    async def kill(self) -> None:
        """F-20: SIGKILL whatever it is doing, and a start from nothing but the chain."""
        each = self._one()
        await each.kill()
        await asyncio.sleep(RESTART_AFTER_S)
        await each.start()
        self.tally.note("killed")

    async def drain(self) -> None:
        """F-18: not enough SOL for a fee; then enough again."""
        each = self._one()
        cheats = self.floor.chain.cheats
        await asyncio.to_thread(cheats.fund, each.key.pubkey(), DRAINED_LAMPORTS)
        try:
            await self._for(DRAINED_S)
        finally:
            await asyncio.to_thread(cheats.fund, each.key.pubkey(), FULL_LAMPORTS)
        self.tally.note("drained")

    async def pause(self) -> None:
        """F-26: the guardian stops the exchange's new risk and lifts the stop."""
        client, guardian = self.floor.chain.client, self.floor.roles.guardian
        if await self.floor.by_client(client.pause(signer=guardian)) is None:
            return
        await self._for(PAUSE_S)
        for _ in range(PAUSE_TRIES):
            if await self.floor.by_client(client.lift_pause(signer=guardian)) is not None:
                break
            await asyncio.sleep(1)
        self.tally.note("paused")

    async def harass(self) -> None:
        """F-29: bytes at the health port that are no request; whoever asks properly is answered all the same."""
        each = self._one()
        await asyncio.gather(*(each.ask(text, 1.0) for text in NONSENSE))
        self.tally.note("harassed")

    async def block(self) -> None:
        """F-35: nobody reads what a set writes to its log."""
        each = self._one()
        each.reading.clear()
        try:
            await self._for(BLOCKED_S)
        finally:
            each.reading.set()
        self.tally.note("blocked log")

    async def misconfigure(self) -> None:
        """F-27: a start with a wrong configuration ends at once, in one line."""
        each = self._one()
        text = (each.folder / "keepers.toml").read_text()
        wrong = await refuses_to_start(each.folder, self.dice.choice(WRONG), text)
        self.tally.note("misconfigured")
        if wrong is not None:
            self.problems.append(f"{each.name}: {wrong}")
