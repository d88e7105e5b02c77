"""What is wrong now and wants somebody's eye: raised once, told once, cleared when it is over."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from evertide._time import now_s

from .logs import log

KINDS_OF_ALARM = {
    "endpoint_aside": "a node lags, lies or is on another chain, and is not asked",
    "endpoints_disagree": "two nodes tell different accounts of one slot, and nobody can say which is right",
    "node_behind": "the node answers from slots long past",
    "chain_rolled_back": "the chain went back to an earlier slot",
    "chain_stalled": "the chain makes no slots",
    "feed_lost": "the subscription is lost or silent",
    "account_isolated": "an account cannot be read",
    "clock_drift": "the chain's clock and this machine's differ",
    "low_balance": "the key that pays is short of SOL",
    "fee_budget_spent": "the hour's budget of priority fees is spent",
    "journal_failed": "the journal cannot be written",
    "log_lost": "lines of the log were dropped",
    "program_changed": "the program was replaced",
    "keeper_failing": "a keeper's step fails again and again",
    "work_poisoned": "an action fails again and again, and is left alone",
    "totals_disagree": "totals of the exchange do not agree",
    "change_waiting": "a change on its way makes much withdrawable",
    "role_moving": "a successor is named for a role",
    "role_moved": "another key holds a role than when the watch began",
    "nonce_of_role": "a durable nonce is in the hands of a role's key",
    "nonce_used": "a role's key signed with a durable nonce",
    "program_replaced": "the program was deployed anew",
    "program_authority": "another key may replace the program",
    "upgrade_prepared": "the upgrade authority holds a buffer",
    "action_rolled_back": "a confirmed transaction is not on the finalized chain",
}
"""Every kind of alarm, with what it says."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One that is raised. `since_s` on the event loop's clock."""

    kind: str
    subject: str
    message: str
    since_s: float


@dataclass(slots=True)
class Alarms:
    """Those that are raised now, and how often each kind was."""

    active: dict[tuple[str, str], Alarm] = field(default_factory=dict)
    raised: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS_OF_ALARM, 0))

    def sound(self, kind: str, subject: str, message: str) -> None:
        """Raise an alarm, or keep it raised. `KeyError` for a kind that is not listed."""
        key = (kind, subject)
        known = self.active.get(key)
        self.active[key] = Alarm(kind, subject, message, now_s() if known is None else known.since_s)
        if known is None:
            self.raised[kind] += 1
            log(logging.WARNING, "alarm", kind=kind, subject=subject, message=message)

    def clear(self, kind: str, subject: str) -> None:
        """End an alarm, where there is one."""
        if self.active.pop((kind, subject), None) is not None:
            log(logging.INFO, "alarm over", kind=kind, subject=subject)

    def keep_only(self, kind: str, messages: dict[str, str]) -> None:
        """Raise an alarm of a kind for each subject given, and end all others of the kind."""
        for _, subject in [key for key in self.active if key[0] == kind and key[1] not in messages]:
            self.clear(kind, subject)
        for subject, message in messages.items():
            self.sound(kind, subject, message)

    def report(self) -> list[dict[str, object]]:
        """Plain values, the oldest first."""
        at_s = now_s()
        ordered = sorted(self.active.values(), key=lambda alarm: alarm.since_s)
        return [
            {"kind": one.kind, "subject": one.subject, "message": one.message, "age_s": round(at_s - one.since_s)}
            for one in ordered
        ]
