"""Events: read from the program's calls to itself, typed, and checked for gaps.

Every state change of the program is an inner instruction of the program to itself whose data starts with the tag
below, so that no log truncation can drop it. Each event's first field is the sequence number of its stream: the
exchange's, a market's, a user's, an asset's or the insurance fund's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from solders.pubkey import Pubkey

from ._base58 import decode as decode_base58
from ._errors import EventGap
from ._generated.constants import SkipReason
from ._pda import PROGRAM_ID, backstop_address
from ._wire import Wire

EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")

# Ends of the fields that carry the number of another user in the event, which the field before the end names.
_SEQUENCE = "_sequence"


@dataclass(frozen=True, slots=True)
class LandedEvent:
    """One event with where it happened. `event` is one of the classes of `evertide.events`; `payer` paid the fee."""

    event: Any
    name: str
    signature: str
    slot: int
    instruction_index: int
    payer: str = ""


@lru_cache(maxsize=1)
def _by_discriminator() -> dict[bytes, type[Wire]]:
    from ._generated.events import ALL

    return {cls.DISCRIMINATOR: cls for cls in ALL}


def decode_event(data: bytes) -> Wire | None:
    """The typed event of an inner instruction's data; None when the data is no event of this program's version."""
    if data[:8] != EVENT_TAG:
        return None
    cls = _by_discriminator().get(data[8:16])
    return None if cls is None else cls.decode(data[8:])


def transaction_events(transaction: Mapping[str, Any], program_id: Pubkey = PROGRAM_ID) -> list[LandedEvent]:
    """Events of a getTransaction answer (encoding json), in the order in which they happened. Failed ones have none."""
    meta = transaction.get("meta") or {}
    if not meta or meta.get("err") is not None:
        return []
    body = transaction["transaction"]
    loaded = meta.get("loadedAddresses") or {}
    keys = [*body["message"]["accountKeys"], *loaded.get("writable", []), *loaded.get("readonly", [])]
    signature, slot, payer = str(body["signatures"][0]), int(transaction["slot"]), str(keys[0])
    found = []
    for group in sorted(meta.get("innerInstructions") or [], key=lambda group: int(group["index"])):
        for inner in group["instructions"]:
            if keys[inner["programIdIndex"]] != str(program_id):
                continue
            event = decode_event(decode_base58(inner["data"]))
            if event is not None:
                found.append(LandedEvent(event, type(event).__name__, signature, slot, int(group["index"]), payer))
    return found


def streams(event: Any, program_id: Pubkey = PROGRAM_ID) -> list[tuple[str, int]]:
    """Every stream that an event advances with its sequence number there.

    The first is the one that the event's documentation names (`STREAM`). A field `taker_sequence` is the number of the
    user in `taker`, and so on; each fill advances its maker, and each maker that was passed over but taken out, shrunk
    or folded. A collection of fees advances the market's backstop when it takes its profit, and a reward its recipient
    unless that was closed.
    """
    found = [(stream, event.sequence) for stream in _own_stream(event)]
    for name, _ in type(event).WIRE:
        if not name.endswith(_SEQUENCE) or name == _SEQUENCE:
            continue
        if name == "backstop_sequence":
            if event.backstop_atoms > 0:
                backstop = backstop_address(event.market_index, program_id)
                found.append((f"user {backstop}", event.backstop_sequence))
            continue
        user = getattr(event, name.removesuffix(_SEQUENCE), None)
        closed = name == "recipient_sequence" and event.recipient_sequence == 0
        if isinstance(user, Pubkey) and user != Pubkey.default() and not closed:
            found.append((f"user {user}", getattr(event, name)))
    touched = [(placed.user, placed.sequence) for placed in getattr(event, "placements", ())]
    touched += [(fill.maker, fill.maker_sequence) for fill in getattr(event, "fills", ())]
    touched += [
        (skip.maker, skip.maker_sequence)
        for skip in getattr(event, "skips", ())
        if (skip.removed or skip.funding_atoms or skip.reason == SkipReason.SELF_TRADE)
        and skip.maker != getattr(event, "taker", None)
    ]
    return list(dict.fromkeys([*found, *((f"user {user}", number) for user, number in touched)]))


def _own_stream(event: Any) -> list[str]:
    """The stream of an event's first field."""
    kind = getattr(type(event), "STREAM", "")
    if kind == "market or of the asset":
        return [f"{'market' if event.market else 'collateral'} {event.index}"]
    if kind == "market":
        return [f"market {event.market_index}"]
    if kind == "user":
        return [f"user {event.user}"]
    if kind == "asset":
        return [f"collateral {event.collateral_index}"]
    return {"exchange": ["exchange"], "quote asset": ["collateral 0"], "insurance fund": ["insurance"]}.get(kind, [])


class SequenceChecker:
    """Follows the sequence number of every stream. Feed it events in the order in which they happened."""

    def __init__(self, expected: Mapping[str, int] | None = None, *, program_id: Pubkey = PROGRAM_ID) -> None:
        """`expected` gives the next number of streams that did not start here, as read from accounts."""
        self._next = dict(expected or {})
        self._program_id = program_id

    @property
    def expected(self) -> dict[str, int]:
        """The next number of every stream seen."""
        return dict(self._next)

    def check(self, event: Any) -> None:
        """Raises `EventGap` when a number was skipped or came twice; the checker then follows the number found."""
        gap: EventGap | None = None
        for stream, sequence in streams(event, self._program_id):
            awaited = self._next.get(stream, sequence)
            self._next[stream] = sequence + 1
            if sequence != awaited and gap is None:
                gap = EventGap(stream, awaited, sequence)
            if type(event).__name__ == "UserClosed":
                # The same address may be created again, and starts at 0 then.
                self._next[stream] = 0
        if gap is not None:
            raise gap

    def check_all(self, events: Iterable[LandedEvent]) -> None:
        """Checks each in turn."""
        for landed in events:
            self.check(landed.event)
