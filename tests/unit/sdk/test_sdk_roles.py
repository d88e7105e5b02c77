"""Roles, gates and the pause as views of the exchange's account."""

from __future__ import annotations

from dataclasses import replace

from audit_history import blank
from solders.pubkey import Pubkey

from evertide import Exchange, Gate, Role, constants, gate_views, pause_view, role_views

ROOT, HEIR = (Pubkey(bytes([n]) * 32) for n in (1, 2))
NONE = Pubkey.default()
EMPTY: Exchange = blank(Exchange, roles=(ROOT,) * 4, successors=(NONE,) * 4)


def test_a_successor_is_one_only_while_it_is_named() -> None:
    assert all(view.successor is view.claimable_ms is view.claimable_until_ms is None for view in role_views(EMPTY))
    named = replace(EMPTY, successors=(NONE, HEIR, NONE, NONE), successor_ms=(0, 5_000, 0, 0))
    views = {view.role: view for view in role_views(named)}
    assert set(views) == set(Role)
    assert (views[Role.RISK].holder, views[Role.RISK].successor) == (ROOT, HEIR)
    assert views[Role.RISK].claimable_ms == 5_000
    assert views[Role.RISK].claimable_until_ms == 5_000 + 7 * 86_400_000 - 1
    assert views[Role.GUARDIAN].successor is None


def test_a_gate_opens_at_a_time_only_when_it_is_closed_and_was_asked_to() -> None:
    assert not any(view.closed for view in gate_views(EMPTY))
    closed = replace(EMPTY, gates_closed=1 << Gate.OPEN_LANE | 1 << Gate.PLACE_ORDERS, gate_open_ms=(9, 0, 0, 70))
    views = {view.gate: view for view in gate_views(closed)}
    assert {gate for gate, view in views.items() if view.closed} == {Gate.OPEN_LANE, Gate.PLACE_ORDERS}
    assert views[Gate.OPEN_LANE].opens_ms == 70
    assert views[Gate.PLACE_ORDERS].opens_ms is None
    # A time without a closed gate means nothing.
    assert views[Gate.CREATE_USER].opens_ms is None


def test_a_pause_ends_by_itself_and_the_fourth_waits_for_a_day() -> None:
    never = pause_view(EMPTY, now_ms=1)
    assert (never.running, never.end_ms, never.next_from_ms) == (False, None, 0)
    start_ms = 10**9
    end_ms = start_ms + constants.PAUSE_MS
    one = replace(EMPTY, pause_start_ms=start_ms, pause_by=ROOT)
    for now_ms, running in ((start_ms, True), (end_ms - 1, True), (end_ms, False)):
        view = pause_view(one, now_ms=now_ms)
        assert (view.running, view.end_ms, view.by, view.next_from_ms) == (running, end_ms, ROOT, end_ms)
    first_ms = start_ms - 2 * constants.PAUSE_MS
    third = replace(one, pause_earlier_ms=(start_ms - constants.PAUSE_MS, first_ms))
    assert pause_view(third, now_ms=end_ms).next_from_ms == first_ms + constants.PAUSE_MS + constants.DAY_MS
    assert pause_view(replace(one, pause_by=NONE), now_ms=end_ms).by is None
