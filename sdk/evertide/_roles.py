"""Who may do what on the exchange now: roles with their successors, gates, the pause. Pure functions of its account."""

from __future__ import annotations

from dataclasses import dataclass

from solders.pubkey import Pubkey

from ._generated import constants
from ._generated.accounts import Exchange
from ._generated.constants import Gate, Role


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role, its holder, and who may claim it when: both None without a named successor."""

    role: Role
    holder: Pubkey
    successor: Pubkey | None
    #: First and last chain time at which the successor may claim it, unix ms.
    claimable_ms: int | None
    claimable_until_ms: int | None


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate: what it stops while it is closed is new risk only."""

    gate: Gate
    closed: bool
    #: First and last chain time at which anyone may open it, unix ms; None when nobody asked.
    opens_ms: int | None
    opens_until_ms: int | None


@dataclass(frozen=True, slots=True)
class PauseView:
    """The pause of all gates. It ends by itself; lifting it is only bookkeeping then."""

    running: bool
    #: End of the running or last pause, unix ms; None before the first.
    end_ms: int | None
    by: Pubkey | None
    #: When the next may begin, unix ms: now or earlier when it may.
    next_from_ms: int


def role_views(exchange: Exchange) -> tuple[RoleView, ...]:
    """Every role."""
    found = []
    for role in Role:
        claimable_ms = exchange.successor_ms[role]
        named = claimable_ms != 0
        found.append(
            RoleView(
                role=role,
                holder=exchange.roles[role],
                successor=exchange.successors[role] if named else None,
                claimable_ms=claimable_ms if named else None,
                claimable_until_ms=claimable_ms + constants.TIMELOCK_WINDOW_MS - 1 if named else None,
            )
        )
    return tuple(found)


def gate_views(exchange: Exchange) -> tuple[GateView, ...]:
    """Every gate, the pause apart."""
    found = []
    for gate in Gate:
        opens_ms = exchange.gate_open_ms[gate]
        closed = bool(exchange.gates_closed >> int(gate) & 1)
        asked = closed and opens_ms != 0
        found.append(
            GateView(
                gate=gate,
                closed=closed,
                opens_ms=opens_ms if asked else None,
                opens_until_ms=opens_ms + constants.TIMELOCK_WINDOW_MS - 1 if asked else None,
            )
        )
    return tuple(found)


def pause_view(exchange: Exchange, *, now_ms: int) -> PauseView:
    """The pause at a chain time."""
    start_ms = exchange.pause_start_ms
    if start_ms == 0:
        return PauseView(running=False, end_ms=None, by=None, next_from_ms=0)
    end_ms = start_ms + constants.PAUSE_MS
    next_from_ms = end_ms
    # The fourth starts when the first of the last three has been over for a day.
    first_ms = exchange.pause_earlier_ms[1]
    if first_ms != 0:
        next_from_ms = max(next_from_ms, first_ms + constants.PAUSE_MS + constants.DAY_MS)
    by = None if exchange.pause_by == Pubkey.default() else exchange.pause_by
    return PauseView(running=now_ms < end_ms, end_ms=end_ms, by=by, next_from_ms=next_from_ms)
