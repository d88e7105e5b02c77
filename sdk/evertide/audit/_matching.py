"""Replays the matching of one market and looks, at each match, for better orders that were not named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from evertide._events import LandedEvent, streams
from evertide._generated.constants import SelfTradeRule, SkipReason
from evertide._pda import PROGRAM_ID, orders_address
from evertide.math import order_hash

from ._book import ReplayedBook
from ._chain_order import in_chain_order
from ._judge import Judgement, Match, judge
from ._report import HashBreak, KeeperRecord, MatchingAudit, ReplayMismatch, SequenceGap, SkippedOrder

_MASK = 2**64 - 1


def audit_matching(
    events: Iterable[LandedEvent], market_index: int, *, program_id: Pubkey = PROGRAM_ID
) -> MatchingAudit:
    """Replay a market and find every resting order that ranked before a filled one and was not named.

    `events` are those of the whole program (`EvertideClient.event_history`), from the first one or from any later one,
    in any order within a slot. Pure: the same events give the same report, for anyone. What margin an order's owner had
    at the time is not among a market's events: a keeper that meets such an order names it, and the program tells why it
    was passed over. At most eight makers fit into a match, so that a queue of eight orders without margin excuses
    leaving them out; the events show no difference. A maker that answers an auction has no one to name: its fill is
    followed, not judged.
    """
    auditor = _Auditor(ReplayedBook(market_index, program_id))
    for landed in in_chain_order(events, program_id):
        auditor.take(landed)
    return auditor.report()


def rolled_hash(value: int, orders_key: bytes, price_ticks: int, size_lots: int) -> int:
    """The market's rolling hash (u64) after one more fill of a maker's order."""
    turned = (price_ticks << 32 | price_ticks >> 32) & _MASK
    return order_hash(value ^ turned, orders_key, size_lots)


@dataclass
class _Tally:
    """Sums of one keeper."""

    matches: int = 0
    fills: int = 0
    filled_lots: int = 0
    named_skips: int = 0


@dataclass
class _Auditor:
    book: ReplayedBook
    first: int = -1
    last: int = -1
    hash: int | None = None
    matches: int = 0
    liquidations: int = 0
    unknown_takers: int = 0
    reasons: Counter[int] = field(default_factory=Counter)
    judgements: list[Judgement] = field(default_factory=list)
    tallies: dict[tuple[Pubkey, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    hash_breaks: list[HashBreak] = field(default_factory=list)
    gaps: list[SequenceGap] = field(default_factory=list)
    mismatches: list[ReplayMismatch] = field(default_factory=list)

    def take(self, landed: LandedEvent) -> None:
        """The next event of the program."""
        event, name = landed.event, type(landed.event).__name__
        self.book.slot = landed.slot
        self._follow(landed)
        if name not in ("OrdersMatched", "LiquidationMatched"):
            self.book.apply(event)
            return
        if event.market_index != self.book.market_index:
            return
        if name == "OrdersMatched":
            order = self.book.of(event.taker, event.taker_order_id)
            match = Match(landed, event, event.taker, event.taker_order_id, event.taker_ask, order, False)
        else:
            match = Match(landed, event, event.user, 0, event.ask, None, True)
        self.matches += not match.liquidation
        self.liquidations += match.liquidation
        if match.order is None and not match.liquidation:
            self.unknown_takers += 1
        elif not getattr(event, "auction", False) and (judgement := judge(self.book, match)) is not None:
            self.judgements.append(judgement)
        self._count(match)
        self._take_fills(match)
        self._take_skips(match)
        self._take_taker(match)
        self.book.link(event, event.slot, event.time_ms)

    def _follow(self, landed: LandedEvent) -> None:
        """The market's own numbering."""
        wanted = f"market {self.book.market_index}"
        for stream, sequence in streams(landed.event, self.book.program_id):
            if stream != wanted:
                continue
            if self.first < 0:
                self.first = sequence
            elif sequence != self.last + 1:
                self.gaps.append(SequenceGap(expected=self.last + 1, found=sequence, signature=landed.signature))
            self.last = sequence

    def _tally(self, match: Match) -> _Tally:
        return self.tallies[match.event.keeper, match.landed.payer]

    def _count(self, match: Match) -> None:
        tally = self._tally(match)
        tally.matches += 1
        tally.fills += len(match.event.fills)
        tally.filled_lots += sum(fill.size_lots for fill in match.event.fills)
        tally.named_skips += len(match.event.skips)
        self.reasons.update(skip.reason for skip in match.event.skips)

    def _take_fills(self, match: Match) -> None:
        value = self.hash
        if value is None and self.first == 0:
            value = 0
        for fill in match.event.fills:
            key = bytes(orders_address(fill.maker, self.book.program_id))
            if value is not None:
                value = rolled_hash(value, key, fill.price_ticks, fill.size_lots)
            self.book.lots[fill.maker] = fill.maker_position_lots_after
            order = self.book.of(fill.maker, fill.order_id)
            if order is None:
                continue
            order.left_lots -= fill.size_lots
            linked = (fill.maker, fill.order_id) in self._linked(match)
            if not linked:
                self._compare(
                    match, f"rest of order {fill.order_id} of {fill.maker}", order.left_lots, fill.maker_remaining_lots
                )
            order.left_lots = fill.maker_remaining_lots
            done = order.reduce_only and fill.maker_position_lots_after == 0
            if not linked and (not order.left_lots or done):
                self.book.drop(fill.maker, fill.order_id)
        told = match.event.event_hash
        if value is not None and value != told:
            broken = HashBreak(
                sequence=match.event.sequence, signature=match.landed.signature, expected=value, found=told
            )
            self.hash_breaks.append(broken)
        self.hash = told

    def _linked(self, match: Match) -> set[tuple[Pubkey, int]]:
        """Orders whose size the event tells apart: another fill moved them, or they displayed their next part."""
        return {(entry.user, entry.order_id) for entry in getattr(match.event, "linked", ())}

    def _take_skips(self, match: Match) -> None:
        """Orders that the match took out, and what the taker's self-trade rule took of its own."""
        own = [skip for skip in match.event.skips if skip.reason == SkipReason.SELF_TRADE]
        taker = match.order
        removed = 0
        for skip in match.event.skips:
            if skip.removed:
                gone = self.book.drop(skip.maker, skip.order_id)
                removed += gone.left_lots if gone is not None and skip in own else 0
        if taker is None or taker.placed.self_trade != SelfTradeRule.DECREMENT:
            return
        kept = [found for skip in own if not skip.removed and (found := self.book.of(skip.maker, skip.order_id))]
        if kept:
            # An own order that stays was larger than what the taker had left, which is then all gone into it.
            filled = sum(fill.size_lots for fill in match.event.fills)
            kept[-1].left_lots -= max(0, taker.left_lots - filled - removed - match.event.taker_remaining_lots)

    def _take_taker(self, match: Match) -> None:
        if match.liquidation:
            self.book.lots[match.taker] = match.event.user_position_lots_after
            return
        held = match.event.taker_position_lots_after
        self.book.lots[match.taker] = held
        taker = match.order
        if taker is None:
            return
        told = match.event.taker_remaining_lots
        linked = (match.taker, match.taker_order_id) in self._linked(match)
        if not linked and all(skip.reason != SkipReason.SELF_TRADE for skip in match.event.skips):
            filled = sum(fill.size_lots for fill in match.event.fills)
            self._compare(
                match, f"rest of order {match.taker_order_id} of {match.taker}", taker.left_lots - filled, told
            )
        taker.left_lots = told
        if not linked and (not told or (taker.reduce_only and held == 0)):
            self.book.drop(match.taker, match.taker_order_id)

    def _compare(self, match: Match, what: str, expected: int, found: int) -> None:
        if expected != found:
            self.mismatches.append(
                ReplayMismatch(
                    sequence=match.event.sequence,
                    signature=match.landed.signature,
                    what=what,
                    expected=expected,
                    found=found,
                )
            )

    def report(self) -> MatchingAudit:
        """Everything found."""
        costs: Counter[tuple[Pubkey, str]] = Counter()
        skipped: list[SkippedOrder] = []
        for judgement in self.judgements:
            findings, cost_atoms = judgement.settle(self.book.changed)
            skipped += findings
            costs[judgement.match.event.keeper, judgement.match.landed.payer] += cost_atoms
        return MatchingAudit(
            market_index=self.book.market_index,
            first_sequence=self.first,
            last_sequence=self.last,
            matches=self.matches,
            liquidations=self.liquidations,
            fills=sum(tally.fills for tally in self.tallies.values()),
            filled_lots=sum(tally.filled_lots for tally in self.tallies.values()),
            named_skips=dict(sorted(self.reasons.items())),
            skipped=tuple(skipped),
            keepers=tuple(self._records(skipped, costs)),
            hash_breaks=tuple(self.hash_breaks),
            gaps=tuple(self.gaps),
            mismatches=tuple(self.mismatches),
            unknown_takers=self.unknown_takers,
            event_hash=self.hash or 0,
        )

    def _records(self, skipped: list[SkippedOrder], costs: Counter[tuple[Pubkey, str]]) -> Iterator[KeeperRecord]:
        """One record for each keeper, those with most skipped orders first."""
        found: dict[tuple[Pubkey, str], list[SkippedOrder]] = defaultdict(list)
        for order in skipped:
            found[order.keeper, order.payer].append(order)

        def certain(key: tuple[Pubkey, str]) -> list[SkippedOrder]:
            return [order for order in found[key] if not order.doubts]

        for key in sorted(self.tallies, key=lambda key: (-len(certain(key)), str(key[0]), key[1])):
            tally = self.tallies[key]
            yield KeeperRecord(
                keeper=key[0],
                payer=key[1],
                matches=tally.matches,
                fills=tally.fills,
                filled_lots=tally.filled_lots,
                named_skips=tally.named_skips,
                skipped_orders=len(certain(key)),
                doubtful_orders=len(found[key]) - len(certain(key)),
                displaced_lots=sum(order.displaced_lots for order in certain(key)),
                taker_cost_atoms=costs[key],
            )
