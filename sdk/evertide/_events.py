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
from ._pda import PROGRAM_ID, backstop_address
from ._wire import Wire

EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")

# Streams that are not named by a field of the event.
_MARKET_EVENTS = {
    "BankruptcyResolved",
    "FeesCollected",
    "LiquidationMatched",
    "MarkUpdated",
    "MarketAccrued",
    "OrdersMatched",
    "PnlSettled",
    "PositionLiquidated",
    "PositionTouched",
}
_USER_EVENTS = {
    "UserCreated",
    "UserClosed",
    "LimitsSet",
    "Deposited",
    "Withdrawn",
    "OrdersPlaced",
    "OrdersCancelled",
    "OrderModified",
    "OrdersLiquidated",
    "CollateralLiquidated",
}
_EXCHANGE_EVENTS = {"ExchangeInitialized", "CollateralListed", "MarketListed", "ExchangeOpened"}


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

    A match advances its market and each user in it; a settlement its market and its user; a liquidation its market,
    the account and the liquidator. A collection of fees advances the market's backstop when it takes its profit.
    """
    name = type(event).__name__
    found: list[tuple[str, int]] = []
    if name in _EXCHANGE_EVENTS:
        found.append(("exchange", event.sequence))
    elif name in _MARKET_EVENTS:
        found.append((f"market {event.market_index}", event.sequence))
    elif name in _USER_EVENTS:
        found.append((f"user {event.user}", event.sequence))
    elif name == "OracleUpdated":
        found.append((f"{'market' if event.market else 'collateral'} {event.index}", event.sequence))
    elif name == "DebtAccrued":
        found.append(("collateral 0", event.sequence))
    elif name == "InsuranceFunded":
        found.append(("insurance", event.sequence))
    return found + _other_streams(name, event, program_id)


def _other_streams(name: str, event: Any, program_id: Pubkey) -> list[tuple[str, int]]:
    """Streams beside the one of the event's first field."""
    found: list[tuple[str, int]] = []
    if name == "OrdersMatched":
        found.append((f"user {event.taker}", event.taker_sequence))
    elif name in _MARKET_EVENTS and hasattr(event, "user_sequence"):
        found.append((f"user {event.user}", event.user_sequence))
    elif name == "FeesCollected" and event.backstop_atoms > 0:
        found.append((f"user {backstop_address(event.market_index, program_id)}", event.backstop_sequence))
    if name in ("OrdersMatched", "LiquidationMatched"):
        found += list(dict.fromkeys((f"user {fill.maker}", fill.maker_sequence) for fill in event.fills))
    elif name in ("PositionLiquidated", "CollateralLiquidated"):
        found.append((f"user {event.liquidator}", event.liquidator_sequence))
    return found


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
