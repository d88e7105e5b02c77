"""One match against the book as it was: which better orders were not named, and what that cost the taker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from solders.pubkey import Pubkey

from evertide._events import LandedEvent
from evertide.math import breaker_trips, price_from_ticks

from ._book import Replayed, ReplayedBook
from ._report import SkippedOrder

Rank = tuple[int, int, int]
# The market's own volatility, which events do not tell, narrows or widens the listed band at most twofold.
_BAND_FACTOR = 2
SAME_SLOT = "same slot"


@dataclass(frozen=True)
class Match:
    """One match, of an order or of a liquidation, in the same words."""

    landed: LandedEvent
    event: Any
    taker: Pubkey
    taker_order_id: int
    taker_ask: bool
    #: Replayed; None for a liquidation, and for an order placed before the events begin.
    order: Replayed | None
    liquidation: bool

    def is_older(self, maker: Replayed) -> bool:
        """Whether an order may be maker here by its age, as the program compares them."""
        if self.order is None:
            return maker.placed.placed_slot < int(self.event.slot)
        own = self.order.placed
        in_phase = self.event.time_ms < self.order.phase_end_ms
        if in_phase or self.order.immediate or maker.placed.placed_slot != own.placed_slot:
            return maker.placed.placed_slot < own.placed_slot
        return maker.hash < self.order.hash


@dataclass(frozen=True, slots=True)
class _Fill:
    rank: Rank
    lots: int
    price_ticks: int
    fill: Any


@dataclass(frozen=True, slots=True)
class _Candidate:
    rank: Rank
    lots: int
    finding: SkippedOrder


@dataclass(frozen=True, slots=True)
class Judgement:
    """A match with the better orders that it did not name, as they were then."""

    match: Match
    fills: tuple[_Fill, ...]
    candidates: tuple[_Candidate, ...]
    atoms_per_lot_tick: int

    def settle(self, changed: set[tuple[Pubkey, int, int]]) -> tuple[list[SkippedOrder], int]:
        """The findings, an order that changed in the match's own slot being in doubt, and what the certain ones cost
        the taker: what it paid beyond the same lots filled by priority, quote atoms, exact.
        """
        findings = []
        certain = []
        for candidate in self.candidates:
            found = candidate.finding
            if (found.user, found.order_id, found.slot) in changed:
                found = replace(found, doubts=(*found.doubts, SAME_SLOT))
            findings.append(found)
            if not found.doubts:
                certain.append((candidate.rank, candidate.lots, found.price_ticks))
        if not certain:
            return findings, 0
        actual = [(fill.rank, fill.lots, fill.price_ticks) for fill in self.fills]
        left = sum(lots for _, lots, _ in actual)
        paid = sum(lots * price for _, lots, price in actual)
        due = 0
        for _, lots, price in sorted(actual + certain):
            due += min(lots, left) * price
            left -= min(lots, left)
        difference = due - paid if self.match.taker_ask else paid - due
        return findings, difference * self.atoms_per_lot_tick


def judge(book: ReplayedBook, match: Match) -> Judgement | None:
    """Every order that should have come before the match's last fill and was not named; None when there is none."""
    fills = tuple(_Fill(_rank(book, match, fill), fill.size_lots, fill.price_ticks, fill) for fill in match.event.fills)
    if not fills:
        return None
    candidates = tuple(_candidates(book, match, fills))
    return Judgement(match, fills, candidates, book.atoms_per_lot_tick) if candidates else None


def _rank(book: ReplayedBook, match: Match, fill: Any) -> Rank:
    """Priority of a filled order; one placed before the events begin ranks before all others of its price."""
    order = book.of(fill.maker, fill.order_id)
    if order is not None:
        return order.rank(fill.price_ticks)
    return (-fill.price_ticks if match.taker_ask else fill.price_ticks, -1, 0)


def _candidates(book: ReplayedBook, match: Match, fills: tuple[_Fill, ...]) -> Iterator[_Candidate]:
    worst = max(fill.rank for fill in fills)
    named = {(entry.maker, entry.order_id) for entry in (*match.event.fills, *match.event.skips)}
    for order in book.side(not match.taker_ask):
        price = book.price_of(order)
        if price is None or order.rank(price) >= worst or (order.user, order.placed.order_id) in named:
            continue
        if _is_own(book, match, order) or not book.alive(order.user, match.event.time_ms):
            continue
        lots = _fillable(book, order, match.event.time_ms)
        if not lots or not order.rests_at(match.event.time_ms) or not match.is_older(order):
            continue
        doubts = _doubts(book, match, order, price)
        if doubts is None:
            continue
        yield _Candidate(order.rank(price), lots, _finding(match, order, price, lots, fills, doubts))


def _is_own(book: ReplayedBook, match: Match, order: Replayed) -> bool:
    """Whether both sides belong to one authority: such orders never trade with each other."""
    authority = book.authorities.get(match.taker)
    return order.user == match.taker or (authority is not None and book.authorities.get(order.user) == authority)


def _fillable(book: ReplayedBook, order: Replayed, now_ms: int) -> int:
    """Lots that an order could fill as far as the events tell: 0 for a reduce-only one that reduces nothing."""
    held = book.lots.get(order.user)
    opposes = held is not None and held != 0 and (held > 0) == order.ask
    if order.reduce_only and held is not None:
        return min(order.left_lots, abs(held)) if opposes else 0
    if book.reduce_only_at(now_ms) and not opposes:
        return 0
    return order.left_lots


def _doubts(book: ReplayedBook, match: Match, order: Replayed, price_ticks: int) -> tuple[str, ...] | None:
    """What may excuse the keeper; None when the order could certainly not fill."""
    inside = _inside_band(book, match, price_ticks)
    if inside is None:
        return None
    found = [] if inside else ["band"]
    if order.reduce_only and order.user not in book.lots:
        found.append("reduce-only")
    if order.pegged:
        # A liquidation is placed by whoever sees the index: no peg is ever younger than it.
        taker = match.order
        ready = False if taker is None else book.pegs_may_fill(taker.placed.placed_ms, match.event.time_ms)
        if ready is False:
            return None
        found += ["pegged"] if ready is None else []
    return tuple(found)


def _inside_band(book: ReplayedBook, match: Match, price_ticks: int) -> bool | None:
    """Whether a price is certainly inside the fill band; None when it is certainly outside."""
    if not (book.index_q32 and book.band_bps and book.atoms_per_lot_tick):
        return False
    price_q32 = price_from_ticks(price_ticks, book.atoms_per_lot_tick)
    # A liquidation has no band around the average: see `Rules::of_liquidation` of the program.
    references = [book.index_q32] if match.liquidation or not book.twap_q32 else [book.index_q32, book.twap_q32]
    if any(breaker_trips(reference, price_q32, book.band_bps * _BAND_FACTOR) for reference in references):
        return None
    narrowest_bps = -(-book.band_bps // _BAND_FACTOR)
    return not any(breaker_trips(reference, price_q32, narrowest_bps) for reference in references)


def _finding(
    match: Match, order: Replayed, price_ticks: int, lots: int, fills: tuple[_Fill, ...], doubts: tuple[str, ...]
) -> SkippedOrder:
    behind = sorted((fill for fill in fills if fill.rank > order.rank(price_ticks)), key=lambda fill: fill.rank)
    first = behind[0].fill
    return SkippedOrder(
        user=order.user,
        order_id=order.placed.order_id,
        price_ticks=price_ticks,
        size_lots=order.left_lots,
        placed_slot=order.placed.placed_slot,
        displaced_lots=min(lots, sum(fill.lots for fill in behind)),
        filled_user=first.maker,
        filled_order_id=first.order_id,
        filled_price_ticks=first.price_ticks,
        sequence=match.event.sequence,
        signature=match.landed.signature,
        slot=match.landed.slot,
        time_ms=match.event.time_ms,
        taker=match.taker,
        taker_order_id=match.taker_order_id,
        keeper=match.event.keeper,
        payer=match.landed.payer,
        doubts=doubts,
    )
