"""Watches over keys, changes and totals; acts only where anyone may, or where it was given the guardian's key.

Whatever it finds is an alarm: a line in the log, a metric, a row of `evertide keeper watch`. A broken invariant it
brings before the program, which anyone may. Pausing and cancelling changes it does only when told to, as the guardian.
"""

from __future__ import annotations

from solders.pubkey import Pubkey

from evertide import STATUS_NO_DEPOSITS, ChangeStatus, MarketStatus, Role

from .actions import Action
from .memory import Memory
from .settings import GuardianSettings
from .state import State
from .totals import Broken, broken
from .watch import NAME, dangerous_atoms, open_changes, vaults_of
from .withdrawable import effect_of


def plan(state: State, memory: Memory, settings: GuardianSettings) -> list[Action]:
    """`check_invariants` where totals disagree and from time to time; as the guardian, pauses and vetoes. Pure."""
    if state.exchange is None or state.risk_cache is None or not int(state.exchange["opened"]):
        return []
    found = broken(state, vaults_of(state.observed.get(NAME, {})))
    wanted = [*_checks(state, found, settings), *_routine(state, memory, settings)]
    if _is_guardian(state, settings):
        wanted = [*_pause(state, found, settings), *_vetoes(state, settings), *wanted]
    chosen: dict[str, Action] = {}
    for action in wanted:
        if memory.is_free(action.key, state.time.unix_ms):
            chosen.setdefault(action.key, action)
    return list(chosen.values())


def _check(market_index: int, collateral_index: int, key: str, settings: GuardianSettings) -> Action:
    arguments = {
        "market_index": market_index,
        "collateral_index": collateral_index,
        "keeper_user": settings.keeper_user,
    }
    return Action("check_invariants", key, f"market:{market_index}", arguments)


def _checks(state: State, found: list[Broken], settings: GuardianSettings) -> list[Action]:
    """What is broken and still open is brought before the program: it stops new risk there, and pays for that."""
    actions = []
    listed = [int(market["index"]) for market in state.listed_markets()]
    for one in found:
        if one.market_index is not None:
            if int(state.markets["status"][one.market_index]) < MarketStatus.REDUCE_ONLY:
                actions.append(_check(one.market_index, 0, f"broken:{one.market_index}:{one.rule}", settings))
            continue
        asset = int(one.collateral_index or 0)
        if listed and int(state.collaterals["status"][asset]) != STATUS_NO_DEPOSITS:
            actions.append(_check(listed[0], asset, f"broken:asset:{asset}:{one.rule}", settings))
    return actions


def _routine(state: State, memory: Memory, settings: GuardianSettings) -> list[Action]:
    """One check of each market in an interval, each time with another asset."""
    if not settings.invariants_interval_ms:
        return []
    actions, now_ms = [], state.time.unix_ms
    assets = [int(asset["index"]) for asset in state.collaterals[state.collateral_known]] or [0]
    turn = now_ms // settings.invariants_interval_ms
    for market in state.listed_markets():
        index = int(market["index"])
        since_ms = memory.since_done_ms(f"routine:{index}", now_ms)
        if since_ms is None or since_ms >= settings.invariants_interval_ms:
            actions.append(_check(index, assets[(turn + index) % len(assets)], f"routine:{index}", settings))
    return actions


def _is_guardian(state: State, settings: GuardianSettings) -> bool:
    """Whether the address that was given is the guardian's now."""
    if settings.guardian is None:
        return False
    return bytes(state.exchange["roles"][Role.GUARDIAN]) == bytes(Pubkey.from_string(settings.guardian))


def _pause(state: State, found: list[Broken], settings: GuardianSettings) -> list[Action]:
    """One pause for one cause: when it is over, somebody has to decide."""
    seen = state.observed.get(NAME, {})
    first, now = seen.get("program_first"), seen.get("program")
    replaced = bool(first and now and first["slot"] != now["slot"])
    if not settings.pauses or state.exchange["pause_by"].any() or not (found or replaced):
        return []
    cause = found[0].rule if found else f"program:{now['slot']}"
    return [Action("pause", f"pause:{cause}", "exchange", {"guardian": settings.guardian})]


def _vetoes(state: State, settings: GuardianSettings) -> list[Action]:
    """Cancellations of changes that wait and would let too much out, unless somebody expects them."""
    if not settings.vetoes:
        return []
    actions, limit = [], dangerous_atoms(state, settings)
    for number, change in open_changes(state):
        if str(number) in settings.expected_changes or int(change["status"]) != ChangeStatus.PENDING:
            continue
        if effect_of(state, change).more_atoms >= limit:
            arguments = {"number": number, "guardian": settings.guardian}
            actions.append(Action("cancel_change", f"veto:{number}", "exchange", arguments))
    return actions
