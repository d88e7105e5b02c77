"""Audits of the exchange from its events alone: nothing here asks the node for an account.

`audit_matching` replays one market and finds every order that a keeper's match passed by; see `docs/audit.md`.
"""

from __future__ import annotations

from ._book import Replayed
from ._chain_order import in_chain_order
from ._matching import audit_matching
from ._report import HashBreak, KeeperRecord, MatchingAudit, ReplayMismatch, SequenceGap, SkippedOrder

__all__ = [
    "HashBreak",
    "KeeperRecord",
    "MatchingAudit",
    "ReplayMismatch",
    "Replayed",
    "SequenceGap",
    "SkippedOrder",
    "audit_matching",
    "in_chain_order",
]
