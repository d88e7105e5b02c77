"""Compares the nodes of a pool with each other: chain, slot, and bytes of accounts. Who lags or lies is put aside.

Among three or more the majority is right. Two that are apart in slots are judged by the pace at which slots came so
far; two that tell different bytes of one slot cannot be told apart, and the one that is listed first is kept. A lie
costs fees at most: the program itself judges every transaction.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from evertide import RpcPool
from evertide._rpc_pool import Endpoint
from evertide._time import now_s
from evertide.errors import TransportError

from .alarms import Alarms

SAMPLE_ACCOUNTS = 4
ROUNDS_MAX = 6
ROUND_PAUSE_S = 0.2
DIFFERENCES_NEEDED = 2
"""So many readings of one slot must differ: a node may still be writing what it answers with."""
LIE_HOLD_S = 600.0
Bytes = tuple[bytes | None, ...]


@dataclass(slots=True)
class Comparison:
    """What is known of the nodes of a pool from earlier checks."""

    pool: RpcPool
    alarms: Alarms
    lag_max: int
    source: random.Random
    addresses: Callable[[], Sequence[Pubkey]]
    """Accounts of which some are compared."""
    genesis_hash: str | None = None
    genesis_of: dict[str, str] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    """The slot of each node that answered the last time."""
    _agreed: tuple[float, int] | None = None
    _pace: float | None = None
    _liars: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def check(self) -> None:
        """Look at every node once, and put aside or back what is due."""
        looks = await asyncio.gather(*(self._look(endpoint) for endpoint in self.pool.endpoints))
        self.slots = {one.name: slot for one, slot in zip(self.pool.endpoints, looks, strict=True) if slot is not None}
        answering = [one for one in self.pool.endpoints if one.name in self.slots]
        reasons = self._on_another_chain(answering)
        same = [one for one in answering if one.name not in reasons]
        reasons |= self._behind(same)
        await self._compare_bytes([one for one in same if one.name not in reasons])
        at_s = now_s()
        self._liars = {name: lie for name, lie in self._liars.items() if at_s < lie[0]}
        reasons |= {name: reason for name, (_, reason) in self._liars.items()}
        for endpoint in self.pool.endpoints:
            # One that does not answer stays where it is.
            if endpoint.name in self.slots:
                endpoint.aside = reasons.get(endpoint.name)
        self.alarms.keep_only(
            "endpoint_aside", {one.name: one.aside for one in self.pool.endpoints if one.aside is not None}
        )

    async def _look(self, endpoint: Endpoint) -> int | None:
        """A node's slot, and once its chain; None: it does not answer."""
        try:
            if endpoint.name not in self.genesis_of:
                self.genesis_of[endpoint.name] = str(await endpoint.client.call("getGenesisHash"))
            return await endpoint.client.get_slot()
        except TransportError:
            # A node that comes back may have been set up anew.
            self.genesis_of.pop(endpoint.name, None)
            return None

    def _on_another_chain(self, answering: Sequence[Endpoint]) -> dict[str, str]:
        found = [self.genesis_of[one.name] for one in answering]
        needed = self.genesis_hash or (Counter(found).most_common(1)[0][0] if found else "")
        return {
            one.name: f"genesis hash: found {self.genesis_of[one.name]}, needed {needed}"
            for one in answering
            if self.genesis_of[one.name] != needed
        }

    def _behind(self, nodes: Sequence[Endpoint]) -> dict[str, str]:
        """Nodes whose slot is further from the others' than may be, in either direction."""
        if not nodes:
            return {}
        slots = [self.slots[one.name] for one in nodes]
        if max(slots) - min(slots) <= self.lag_max:
            self._agree(max(slots))
            return {}
        reference = round(statistics.median(slots)) if len(slots) > 2 else self._likely(slots)
        return {
            one.name: f"slot: found {self.slots[one.name]}, needed {reference} within {self.lag_max}"
            for one in nodes
            if abs(self.slots[one.name] - reference) > self.lag_max
        }

    def _agree(self, slot: int) -> None:
        at_s = now_s()
        if self._agreed is not None and at_s > self._agreed[0] and slot > self._agreed[1]:
            self._pace = (slot - self._agreed[1]) / (at_s - self._agreed[0])
        self._agreed = (at_s, slot)

    def _likely(self, slots: Sequence[int]) -> int:
        """Of two slots the one that the pace so far leads to; the later one where no pace is known."""
        if self._agreed is None or self._pace is None:
            return max(slots)
        expected = self._agreed[1] + self._pace * (now_s() - self._agreed[0])
        return min(slots, key=lambda slot: abs(slot - expected))

    async def _compare_bytes(self, nodes: Sequence[Endpoint]) -> None:
        """Read some accounts from every node until two answers are of one slot; note who tells something else."""
        known = list(self.addresses())
        if len(nodes) < 2 or not known:
            return
        sample = [*known[:2], *self.source.sample(known[2:], min(SAMPLE_ACCOUNTS - 2, len(known[2:])))]
        differences: Counter[str] = Counter()
        reasons: dict[str, str] = {}
        for _ in range(ROUNDS_MAX):
            answers = await asyncio.gather(*(self._bytes(one, sample) for one in nodes))
            odd = self._odd(nodes, answers)
            if odd is None:
                await asyncio.sleep(ROUND_PAUSE_S)
                continue
            if not odd:
                self.alarms.clear("endpoints_disagree", "pool")
                return
            differences.update(odd.keys())
            reasons |= odd
            for name in odd:
                if differences[name] >= DIFFERENCES_NEEDED:
                    self._liars[name] = (now_s() + LIE_HOLD_S, reasons[name])
                    if len(nodes) == 2:
                        self.alarms.sound("endpoints_disagree", "pool", reasons[name])
            if max(differences.values()) >= DIFFERENCES_NEEDED:
                return

    async def _bytes(self, endpoint: Endpoint, sample: Sequence[Pubkey]) -> tuple[int, Bytes] | None:
        commitment = "finalized" if self.pool.commitment == "finalized" else "confirmed"
        try:
            slot, found = await endpoint.client.read_accounts(sample, commitment=commitment)
        except TransportError:
            return None
        return slot, tuple(None if info is None else info.data for info in found)

    @staticmethod
    def _odd(nodes: Sequence[Endpoint], answers: Sequence[tuple[int, Bytes] | None]) -> dict[str, str] | None:
        """Nodes that tell other bytes than most do of one slot, with the reason; None: no two answers are of one."""
        given = [(node, answer) for node, answer in zip(nodes, answers, strict=True) if answer is not None]
        slots = Counter(slot for _, (slot, _) in given).most_common(1)
        if not slots or slots[0][1] < 2:
            return None
        slot = slots[0][0]
        voters = [(node, data) for node, (at, data) in given if at == slot]
        # Of equally many the first one counted is kept: the order of the list decides.
        majority = Counter(data for _, data in voters).most_common(1)[0][0]
        return {
            node.name: f"accounts of slot {slot}: found other bytes than {len(voters) - 1} other nodes tell"
            for node, data in voters
            if data != majority
        }
