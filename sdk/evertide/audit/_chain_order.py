"""The true order of events within a slot.

A node lists the transactions of one slot in no particular order. The sequence numbers of the streams that two
transactions share say which came first; where they share none, either order gives the same accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from solders.pubkey import Pubkey

from evertide._events import LandedEvent, streams
from evertide._pda import PROGRAM_ID


def in_chain_order(landed: Iterable[LandedEvent], program_id: Pubkey = PROGRAM_ID) -> list[LandedEvent]:
    """Events by slot, and within a slot so that every stream's sequence numbers rise; a transaction stays together.

    Where the numbers of a slot contradict each other (an account closed and created anew within it), that slot keeps
    the order in which it was given.
    """
    by_slot: dict[int, dict[str, list[LandedEvent]]] = defaultdict(dict)
    for item in landed:
        by_slot[item.slot].setdefault(item.signature, []).append(item)
    ordered: list[LandedEvent] = []
    for slot in sorted(by_slot):
        transactions = by_slot[slot]
        for signature in _sorted(transactions, program_id):
            ordered += transactions[signature]
    return ordered


def _sorted(transactions: Mapping[str, Sequence[LandedEvent]], program_id: Pubkey) -> list[str]:
    """Signatures of one slot's transactions: first those that nothing given has to precede."""
    if len(transactions) == 1:
        return list(transactions)
    by_stream: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for signature, events in transactions.items():
        for item in events:
            for stream, sequence in streams(item.event, program_id):
                by_stream[stream].append((sequence, signature))
    before: dict[str, set[str]] = {signature: set() for signature in transactions}
    for numbered in by_stream.values():
        numbered.sort(key=lambda entry: entry[0])
        for (_, first), (_, second) in pairwise(numbered):
            if first != second:
                before[second].add(first)
    ordered: list[str] = []
    waiting = list(transactions)
    done: set[str] = set()
    while waiting:
        ready = next((signature for signature in waiting if before[signature] <= done), None)
        if ready is None:
            return list(transactions)
        waiting.remove(ready)
        done.add(ready)
        ordered.append(ready)
    return ordered
