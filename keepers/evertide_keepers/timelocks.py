"""What a timelock, a pause or a season has released: anyone may take the step once its time has come."""

from __future__ import annotations

from typing import Any

from evertide import (
    CHANGE_RAMP_MS,
    PAUSE_MS,
    ROW_AGE_MAX_MS,
    SEASON_STEP_MS,
    SEASON_STEPS,
    TIMELOCK_WINDOW_MS,
    ChangeStatus,
    Gate,
    MarketStatus,
    Parameter,
    parameter_of,
)

from .actions import Action
from .memory import Memory
from .settings import JanitorSettings
from .state import State

LANE = "exchange"
LISTING = "list_"
DEBT_INTEREST = "debt_interest_bps"


def plan(state: State, memory: Memory, settings: JanitorSettings) -> list[Action]:
    """Pauses, gates, changes and their ramps, seasons, settlements of whole markets. Pure."""
    return [
        *_pause(state),
        *_gates(state),
        *_changes(state, memory, settings),
        *_seasons(state),
        *_settlements(state),
    ]


def _pause(state: State) -> list[Action]:
    exchange = state.exchange
    start_ms = int(exchange["pause_start_ms"])
    if not exchange["pause_by"].any() or state.time.unix_ms < start_ms + PAUSE_MS:
        return []
    return [Action("lift_pause", f"lift_pause:{start_ms}", LANE, {})]


def _gates(state: State) -> list[Action]:
    """Closed gates that were asked to open 72 h ago."""
    closed, now_ms = int(state.exchange["gates_closed"]), state.time.unix_ms
    found = []
    for gate in Gate:
        open_ms = int(state.exchange["gate_open_ms"][gate])
        if closed >> gate & 1 and open_ms and open_ms <= now_ms < open_ms + TIMELOCK_WINDOW_MS:
            found.append(Action("gate_enable", f"gate_enable:{int(gate)}:{open_ms}", LANE, {"gate": int(gate)}))
    return found


def is_executable(change: Any, exchange: Any, now_ms: int) -> bool:
    """Whether a `PARAM_CHANGE` record may be executed now: it waits, its time has come, no opening made it void."""
    waits = int(change["status"]) == ChangeStatus.PENDING and int(change["number"]) >= int(exchange["first_change"])
    return waits and int(change["earliest_ms"]) <= now_ms < int(change["expiry_ms"])


def target_of(state: State, change: Any) -> dict[str, int | None]:
    """Index of the market or the asset whose parameter a change moves; both None for the exchange's."""
    address = bytes(change["target"])
    market = next((index for index, key in state.market_keys.items() if key == address), None)
    asset = next((index for index, key in state.collateral_keys.items() if key == address), None)
    return {"market_index": market, "collateral_index": asset}


def _changes(state: State, memory: Memory, settings: JanitorSettings) -> list[Action]:
    """Executions and steps along ramps, by number; listings wait for root, who alone has their terms."""
    now_ms, found = state.time.unix_ms, []
    for number, change in sorted(state.changes.items()):
        parameter = parameter_of(int(change["field"]))
        target = target_of(state, change)
        if is_executable(change, state.exchange, now_ms) and not parameter.name.startswith(LISTING):
            quote = parameter.name == DEBT_INTEREST
            arguments = {"number": number, **target, "quote": quote}
            ahead = [["accrue_debt", {}]] if quote else _accrual(state, target["market_index"])
            found.append(Action("execute_change", f"execute_change:{number}", LANE, arguments, ahead))
        elif int(change["status"]) == ChangeStatus.RAMPING and _moves(change, now_ms):
            key = f"apply_ramp:{number}"
            since_ms = memory.since_done_ms(key, now_ms)
            if since_ms is None or since_ms >= settings.ramp_interval_ms:
                ahead = _accrual(state, target["market_index"])
                found.append(Action("apply_ramp", key, LANE, {"number": number, **target}, ahead))
    return found


def _accrual(state: State, market_index: int | None) -> list[list[Any]]:
    """Funding up to now at the terms of before, where the market has a price to accrue at."""
    if market_index is None or not int(state.markets["index_price_q32"][market_index]):
        return []
    return [["accrue_market", {"market_index": market_index}]]


def ramped_value(change: Any, parameter: Parameter, now_ms: int) -> int:
    """A ramp's value at a time: linear over 24 h, rounded toward the old value, as the program has it."""
    old, new = int(change["old_value"]), int(change["new_value"])
    elapsed_ms = min(max(now_ms - int(change["words"][0]), 0), CHANGE_RAMP_MS)
    if elapsed_ms == CHANGE_RAMP_MS:
        return new
    # From "none" a ramp starts at the greatest value that there is.
    start = parameter.maximum if old == 0 and parameter.zero_is_none else old
    step: int = abs(new - start) * elapsed_ms // CHANGE_RAMP_MS
    return start + step if new >= start else start - step


def _moves(change: Any, now_ms: int) -> bool:
    """Whether a ramp's value now is another than the one that it applied last."""
    return ramped_value(change, parameter_of(int(change["field"])), now_ms) != int(change["words"][1])


def _seasons(state: State) -> list[Action]:
    """Steps of what was listed after opening, once a day while it is sound."""
    now_ms, found = state.time.unix_ms, []
    for market in state.listed_markets():
        index, step = int(market["index"]), int(market["season_step"])
        sound = int(market["status"]) == MarketStatus.ACTIVE and not market["latch"] and market["index_price_q32"]
        open_ = int(market["bankruptcies_open"]) or int(market["deficit_atoms"])
        due = step < SEASON_STEPS and now_ms >= int(market["season_ms"]) + SEASON_STEP_MS
        if due and sound and not open_:
            found.append(_season({"market_index": index, "collateral_index": None}, f"market:{index}", step))
    if state.risk_cache is None:
        return found
    for asset in state.collaterals[state.collateral_known]:
        index, step = int(asset["index"]), int(asset["season_step"])
        row = state.risk_cache["collaterals"][index]
        whole = int(asset["season_cap_atoms"]) >= int(asset["terms"]["deposit_cap_atoms"])
        due_ms = int(asset["season_ms"]) + (SEASON_STEP_MS if step else 0)
        fresh = now_ms - int(row["updated_ms"]) < ROW_AGE_MAX_MS and not int(row["validity"]) and int(row["price_q48"])
        if index and (step <= SEASON_STEPS or not whole) and now_ms >= due_ms and fresh and not asset["status"]:
            found.append(_season({"market_index": None, "collateral_index": index}, f"collateral:{index}", step))
    return found


def _season(target: dict[str, int | None], lane: str, step: int) -> Action:
    return Action("advance_season", f"advance_season:{lane}:{step}", lane, dict(target))


def _settlements(state: State) -> list[Action]:
    """Settling markets: the first call closes all positions, another one the market when all of them are folded."""
    found = []
    for market in state.listed_markets():
        if int(market["status"]) != MarketStatus.SETTLING:
            continue
        index, closed = int(market["index"]), int(market["settlement_price_q32"]) != 0
        held = int(market["position_count"].sum()) + int(market["stale_count"].sum()) + int(market["bankruptcies_open"])
        if (closed and not held) or (not closed and int(market["mark_twap_hour_q32"])):
            key = f"settle_market:{index}:{int(closed)}"
            found.append(Action("settle_market", key, f"market:{index}", {"market_index": index}))
    return found
