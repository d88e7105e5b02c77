"""What an audit of a market's matching found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedOrder:
    """A resting order that ranked before one which a match filled, and which the keeper did not name.

    A maker that is named and cannot trade is told by the event with its reason, and is no finding.
    """

    user: Pubkey
    order_id: int
    price_ticks: int
    #: What was left of the order.
    size_lots: int
    placed_slot: int
    #: The lots it would have filled, had it been named in its place.
    displaced_lots: int
    #: The first fill of the match that ranked behind it.
    filled_user: Pubkey
    filled_order_id: int
    filled_price_ticks: int
    #: The match: number in the market's stream, transaction, slot, chain time in unix ms.
    sequence: int
    signature: str
    slot: int
    time_ms: int
    taker: Pubkey
    #: 0 when the taker is a position in liquidation.
    taker_order_id: int
    #: The account that earned the keeper's share; zero when none was named.
    keeper: Pubkey
    #: Who paid the transaction's fee; empty when the events were given without it.
    payer: str
    #: What the events cannot tell and what might excuse the keeper: `same slot` (the order was placed, changed or
    #: taken out in the match's slot), `band` (its price may have been outside the fill band), `reduce-only` (its
    #: owner's position is not known).
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperRecord:
    """All matches of one keeper: by the account it had credited and the payer of its fees."""

    keeper: Pubkey
    payer: str
    matches: int
    fills: int
    filled_lots: int
    #: Makers that the events tell as passed over, with a reason.
    named_skips: int
    #: Better orders that were not named, without any doubt, and those with one.
    skipped_orders: int
    doubtful_orders: int
    #: Lots that went to worse orders because of the former.
    displaced_lots: int
    #: What takers paid more (or received less) than with the skipped orders in their places, quote atoms. Time
    #: priority among equal prices costs the skipped maker its fill, and the taker nothing.
    taker_cost_atoms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HashBreak:
    """The market's rolling hash does not follow from the fills: a fill was dropped, added or changed."""

    sequence: int
    signature: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """Numbers of the market's stream that are missing: from `expected` to one before `found`."""

    expected: int
    found: int
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayMismatch:
    """A value that an event tells and that does not follow from the events before it."""

    sequence: int
    signature: str
    what: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingAudit:
    """What a replay of one market's events found; `clean` when nothing speaks against its keepers."""

    market_index: int
    #: Numbers of the market's stream that were read; -1 when there was none.
    first_sequence: int
    last_sequence: int
    #: Matches of orders, of auctions included, and closings of liquidated positions against orders.
    matches: int
    liquidations: int
    fills: int
    filled_lots: int
    #: Makers that were named and passed over, by `SkipReason`.
    named_skips: Mapping[int, int]
    skipped: tuple[SkippedOrder, ...]
    keepers: tuple[KeeperRecord, ...]
    hash_breaks: tuple[HashBreak, ...]
    gaps: tuple[SequenceGap, ...]
    mismatches: tuple[ReplayMismatch, ...]
    #: Matches whose taker's order was placed before the events begin: not judged.
    unknown_takers: int
    #: The hash after the last event; 0 before the first fill.
    event_hash: int

    @property
    def certain(self) -> tuple[SkippedOrder, ...]:
        """Skipped orders without any doubt."""
        return tuple(found for found in self.skipped if not found.doubts)

    @property
    def whole(self) -> bool:
        """Whether the replay began with the market's first event and missed none."""
        return self.first_sequence <= 0 and not self.gaps and not self.unknown_takers

    @property
    def clean(self) -> bool:
        """No better order was skipped beyond doubt, the hash follows from the fills, and nothing is missing."""
        return not (self.certain or self.hash_breaks or self.gaps or self.mismatches)
