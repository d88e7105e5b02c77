"""Read every transaction of the program from the chain: events in their true order, compute units per instruction.

What the run's own sends return is not used: the books are rebuilt from what the chain serves to anyone.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import CliError

if TYPE_CHECKING:
    from .chain import Chain

PAGE = 1000
READ_AT_ONCE = 4
INVOKE = re.compile(r"^Program (\w+) invoke \[(\d+)\]$")
CONSUMED = re.compile(r"^Program (\w+) consumed (\d+) of \d+ compute units$")


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed transaction: typed events, and (instruction, compute units) of each call of the program."""

    signature: str
    slot: int
    events: tuple[Any, ...]
    units: tuple[tuple[str, int], ...]


def units_of_calls(logs: Sequence[str], program_id: str) -> list[int]:
    """Compute units of each outermost call of the program, in order, from the runtime's own log lines."""
    depth = 0
    found: list[int] = []
    for line in logs:
        if match := INVOKE.match(line):
            depth = int(match[2])
        elif (match := CONSUMED.match(line)) and depth == 1 and match[1] == program_id:
            found.append(int(match[2]))
        elif line.startswith("Program ") and line.endswith(" success"):
            depth -= 1
    return found


def instruction_names() -> dict[bytes, str]:
    """Discriminator -> name of every instruction."""
    from evertide._resources import idl_path

    idl = json.loads(idl_path().read_text())
    return {bytes(item["discriminator"]): item["name"] for item in idl["instructions"]}


def read_transaction(transaction: Mapping[str, Any], program_id: Any, names: Mapping[bytes, str]) -> Landed:
    """A getTransaction answer as a `Landed`."""
    from evertide import transaction_events
    from evertide._base58 import decode as decode_base58

    body, meta = transaction["transaction"], transaction["meta"]
    loaded = meta.get("loadedAddresses") or {}
    keys = [*body["message"]["accountKeys"], *loaded.get("writable", []), *loaded.get("readonly", [])]
    called = [
        names.get(decode_base58(item["data"])[:8], "unknown")
        for item in body["message"]["instructions"]
        if keys[item["programIdIndex"]] == str(program_id)
    ]
    units = units_of_calls(meta.get("logMessages") or [], str(program_id))
    events = tuple(landed.event for landed in transaction_events(transaction, program_id))
    # A truncated log may miss calls; then none is counted rather than the wrong one.
    paired = tuple(zip(called, units, strict=True)) if len(called) == len(units) else ()
    return Landed(str(body["signatures"][0]), int(transaction["slot"]), events, paired)


def in_sequence(landed: Iterable[Landed]) -> list[Landed]:
    """Transactions of one slot in their true order: each waits until every stream stands at its sequence number.

    A node lists the transactions of a slot in no particular order. Raises CliError when no order fits: then an event
    is missing.
    """
    from evertide._events import streams

    ordered: list[Landed] = []
    expected: dict[str, int] = {}
    by_slot: dict[int, deque[Landed]] = defaultdict(deque)
    for item in landed:
        by_slot[item.slot].append(item)
    for slot in sorted(by_slot):
        waiting = by_slot[slot]
        turned = 0
        while waiting:
            item = waiting.popleft()
            after = _advance(item, expected, streams)
            if after is None:
                waiting.append(item)
                turned += 1
                if turned > len(waiting):
                    raise CliError(_gap(waiting, expected, streams))
                continue
            expected, turned = after, 0
            ordered.append(item)
    return ordered


def _advance(item: Landed, expected: Mapping[str, int], streams: Any) -> dict[str, int] | None:
    """The sequence numbers after this transaction; None when it does not come next. Every stream starts at 0."""
    after = dict(expected)
    for event in item.events:
        for stream, sequence in dict.fromkeys(streams(event)):
            if after.get(stream, 0) != sequence:
                return None
            after[stream] = sequence + 1
        if type(event).__name__ == "UserClosed":
            after[f"user {event.user}"] = 0
    return after


def _gap(waiting: Iterable[Landed], expected: Mapping[str, int], streams: Any) -> str:
    for item in waiting:
        for event in item.events:
            for stream, sequence in streams(event):
                if expected.get(stream, 0) != sequence:
                    name = type(event).__name__
                    return f"event gap: {name} of {stream} has sequence {sequence}, expected {expected.get(stream, 0)}"
    return "event gap: no order of the slot's transactions fits"


@dataclass(slots=True)
class Collector:
    """All transactions so far, by signature."""

    chain: Chain
    landed: dict[str, Landed] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    newest: str | None = None

    async def read(self, *, everything: bool = False) -> int:
        """Fetch what landed since the last call; returns how many transactions were new.

        `everything` lists from the first again: within one slot a node may list a late one before the newest.
        """
        fresh = await self._signatures(None if everything else self.newest)
        names = instruction_names()
        room = asyncio.Semaphore(READ_AT_ONCE)

        async def one(signature: str) -> None:
            from evertide import PROGRAM_ID

            async with room:
                transaction = await self.chain.client.rpc.get_transaction(signature)
            if transaction is None:
                raise CliError(f"the node lists transaction {signature} but does not serve it")
            self.landed[signature] = read_transaction(transaction, PROGRAM_ID, names)

        async with asyncio.TaskGroup() as group:
            for signature in fresh:
                group.create_task(one(signature))
        return len(fresh)

    async def _signatures(self, until: str | None) -> list[str]:
        """Signatures not read yet, of transactions that succeeded."""
        from evertide import PROGRAM_ID

        fresh: list[str] = []
        before: str | None = None
        newest = self.newest
        while True:
            page = await self.chain.client.rpc.get_signatures_for_address(
                PROGRAM_ID, before=before, until=until, limit=PAGE
            )
            for entry in page:
                signature = str(entry["signature"])
                if entry.get("err") is not None:
                    self.failed.add(signature)
                elif signature not in self.landed:
                    fresh.append(signature)
            if before is None and page:
                newest = str(page[0]["signature"])
            if len(page) < PAGE:
                break
            before = str(page[-1]["signature"])
        self.newest = newest
        return fresh

    def ordered(self) -> list[Landed]:
        """Everything, in the order of the chain."""
        return in_sequence(self.landed.values())

    def units(self) -> dict[str, list[int]]:
        """Compute units of every call, by instruction."""
        found: dict[str, list[int]] = defaultdict(list)
        for item in self.landed.values():
            for name, used in item.units:
                found[name].append(used)
        return dict(found)
