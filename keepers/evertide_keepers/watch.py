"""What a guardian should know now: totals that do not agree, changes on their way, keys and the program in motion.

Pure: of the exchange's accounts and of what `guardian_reading` read beside them. A notice is told; an alarm wants
somebody's eye.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from evertide import (
    BPS_ONE,
    COLLATERAL_PRICE_BITS,
    PAUSE_MS,
    QUOTE_INDEX,
    TIMELOCK_WINDOW_MS,
    ChangeStatus,
    Gate,
    Role,
    parameter_of,
)

from .settings import GuardianSettings
from .state import State
from .totals import Vaults, broken
from .withdrawable import effect_of

NAME = "guardian"
ALARMS = (
    "totals_disagree",
    "change_waiting",
    "role_moving",
    "role_moved",
    "nonce_of_role",
    "nonce_used",
    "program_replaced",
    "program_authority",
    "upgrade_prepared",
)
"""Kinds of findings that may be alarms."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. `subject` names it, so that it is told once."""

    kind: str
    subject: str
    message: str
    alarm: bool

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": self.kind, "subject": self.subject, "alarm": self.alarm, "message": self.message}


def findings(state: State, settings: GuardianSettings) -> list[Finding]:
    """Everything to know now, alarms first. Pure."""
    if state.exchange is None or state.risk_cache is None:
        return []
    seen = state.observed.get(NAME, {})
    found = [
        *(Finding("totals_disagree", one.told, one.told, True) for one in broken(state, vaults_of(seen))),
        *_changes(state, settings),
        *_roles(state, seen),
        *_nonces(seen),
        *_program(seen),
        *_stops(state),
    ]
    return sorted(found, key=lambda one: (not one.alarm, one.kind, one.subject))


def vaults_of(seen: dict[str, Any]) -> Vaults:
    """What each vault held and owed when they were read."""
    return {int(index): (int(held), int(owed)) for index, (held, owed) in seen.get("vaults", {}).items()}


def deposits_atoms(state: State) -> int:
    """All deposits at spot, quote atoms, rounded down."""
    total = 0
    for asset in state.collaterals[state.collateral_known]:
        index, atoms = int(asset["index"]), int(asset["total_atoms"])
        price = int(state.risk_cache["collaterals"][index]["price_q48"])
        total += atoms if index == QUOTE_INDEX else atoms * price >> COLLATERAL_PRICE_BITS
    return total


def dangerous_atoms(state: State, settings: GuardianSettings) -> int:
    """From how much more withdrawable a change is more than a notice, quote atoms, rounded up, at least one."""
    least: int = -(-deposits_atoms(state) * settings.withdrawable_bps // BPS_ONE)
    return max(least, 1)


def open_changes(state: State) -> Iterator[tuple[int, Any]]:
    """Changes that wait, or that ramp, by number: they may still do something."""
    now_ms = state.time.unix_ms
    for number, change in sorted(state.changes.items()):
        waits = int(change["status"]) == ChangeStatus.PENDING and number >= int(state.exchange["first_change"])
        if (waits and now_ms < int(change["expiry_ms"])) or int(change["status"]) == ChangeStatus.RAMPING:
            yield number, change


def _changes(state: State, settings: GuardianSettings) -> Iterator[Finding]:
    """Each change that waits or ramps, with what it would make withdrawable."""
    limit = dangerous_atoms(state, settings)
    for number, change in open_changes(state):
        more = effect_of(state, change).more_atoms
        parameter, wait_ms = parameter_of(int(change["field"])), int(change["earliest_ms"]) - state.time.unix_ms
        words = [
            f"change {number}: {parameter.target} {parameter.name}",
            f"from {int(change['old_value']):,} to {int(change['new_value']):,}",
            "ramps now" if int(change["status"]) == ChangeStatus.RAMPING else f"due in {max(wait_ms, 0) // 1000:,} s",
            f"makes ${more // 10**6:,} more withdrawable",
        ]
        expected = str(number) in settings.expected_changes
        yield Finding("change_waiting", str(number), "; ".join(words), more >= limit and not expected)


def _roles(state: State, seen: dict[str, Any]) -> Iterator[Finding]:
    """Successors that are named, and roles that others hold than when the watch began."""
    exchange, now_ms = state.exchange, state.time.unix_ms
    first = seen.get("roles", {})
    for role in Role:
        name, from_ms = role.name.lower(), int(exchange["successor_ms"][role])
        if from_ms and now_ms < from_ms + TIMELOCK_WINDOW_MS:
            successor = Pubkey.from_bytes(bytes(exchange["successors"][role]))
            left_s = max(from_ms - now_ms, 0) // 1000
            yield Finding("role_moving", name, f"{name}: {successor} may claim it in {left_s:,} s", True)
        holder = str(Pubkey.from_bytes(bytes(exchange["roles"][role])))
        if name in first and first[name] != holder:
            yield Finding("role_moved", name, f"{name}: held by {holder}, by {first[name]} before", True)


def _nonces(seen: dict[str, Any]) -> Iterator[Finding]:
    """Durable nonces in the hands of roles: a transaction signed with one waits for as long as somebody likes."""
    for owner, accounts in sorted(seen.get("nonce_accounts", {}).items()):
        for account in accounts:
            yield Finding("nonce_of_role", account, f"{owner}: holds the durable nonce {account}", True)
    for owner, signatures in sorted(seen.get("nonce_uses", {}).items()):
        for signature in signatures:
            yield Finding("nonce_used", signature, f"{owner}: signed {signature} with a durable nonce", True)
    for what in seen.get("unread", []):
        yield Finding("watch_blind", what, f"the node does not tell: {what}", False)


def _program(seen: dict[str, Any]) -> Iterator[Finding]:
    """The program: replaced, in other hands, or about to be replaced."""
    first, now = seen.get("program_first"), seen.get("program")
    if first and now and first["slot"] != now["slot"]:
        said = f"deployed in slot {now['slot']:,}, before in {first['slot']:,}"
        yield Finding("program_replaced", str(now["slot"]), said, True)
    if first and now and first["authority"] != now["authority"]:
        said = f"may be replaced by {now['authority']}, before by {first['authority']}"
        yield Finding("program_authority", str(now["authority"]), said, True)
    for buffer in seen.get("buffers", []):
        said = f"the upgrade authority holds the buffer {buffer}: an upgrade is prepared"
        yield Finding("upgrade_prepared", buffer, said, True)


def _stops(state: State) -> Iterator[Finding]:
    """A pause and closed gates, which somebody chose."""
    exchange, now_ms = state.exchange, state.time.unix_ms
    start_ms = int(exchange["pause_start_ms"])
    if start_ms and now_ms < start_ms + PAUSE_MS:
        left_s = (start_ms + PAUSE_MS - now_ms) // 1000
        yield Finding("paused", str(start_ms), f"new risk is paused for {left_s:,} s more", False)
    for gate in Gate:
        if int(exchange["gates_closed"]) >> gate & 1:
            yield Finding("gate_closed", gate.name.lower(), f"closed: {gate.name.lower()}", False)
