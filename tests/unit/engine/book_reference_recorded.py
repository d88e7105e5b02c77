"""Recorded orders in the plain book: they rest and change without matching."""

from __future__ import annotations

from typing import Any

from book_reference_order import Resting

from evertide_engine.book import Outcome


class RecordedRules:
    """Operations of a recorded feed, for the plain book."""

    def recorded_refusal(self, op: dict[str, Any]) -> Outcome | None:
        if op["side"] > 1:
            return Outcome.BAD_TERMS
        if not 0 < op["lots"] <= self.lots_max:
            return Outcome.BAD_SIZE
        return Outcome.PRICE_OUTSIDE if self.outside(op["price_ticks"]) else None

    def rest(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        refused = self.recorded_refusal(op)
        if refused is not None:
            return refused
        if found is not None or op["order_id"] == 0:
            return Outcome.DUPLICATE_ID
        if len(self.resting) == self.capacity:
            return Outcome.BOOK_FULL
        self.resting.append(self.as_order(op, "plain", op["price_ticks"], op["lots"]))
        self.count(op["order_id"], submitted=op["lots"])
        return Outcome.RESTED

    def amend(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        if found is None or (found.side, found.owner) != (op["side"], op["owner"]):
            return Outcome.UNKNOWN_ID
        refused = self.recorded_refusal(op)
        if refused is not None:
            return refused
        if found.kind != "plain":
            return Outcome.BAD_TERMS
        change = op["lots"] - found.lots
        self.count(found.order_id, submitted=max(change, 0), cancelled=max(-change, 0))
        if op["price_ticks"] != found.price or change > 0:
            self.turn += 1
            found.turn = self.turn
        found.price, found.lots = op["price_ticks"], op["lots"]
        return Outcome.RESTED
