"""What could leave the exchange now, and after a change of a parameter: all accounts at once, by the margin scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import BPS_ONE, COLLATERAL_PRICE_BITS, QUOTE_INDEX, Parameter, parameter_of
from evertide_engine.layouts import COLLATERALS_MAX
from evertide_engine.margin import MarginKind, Status, value

from .due_payments import withdrawable_atoms
from .state import State
from .timelocks import target_of

# Whoever names the price source decides what accounts are worth.
PRICE_SOURCE = ("oracle.account", "oracle.feed_id", "oracle.kind")


@dataclass(frozen=True, slots=True)
class Outflow:
    """Quote atoms that could leave: by the margins of all accounts, and by the floors and the lane of all assets."""

    margins_atoms: int
    floors_atoms: int

    @property
    def atoms(self) -> int:
        """The smaller of both binds."""
        return min(self.margins_atoms, self.floors_atoms)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change makes withdrawable: before, after, and what one market may take of the insurance fund a day."""

    before: Outflow
    after: Outflow
    insurance_day_atoms: int

    @property
    def more_atoms(self) -> int:
        """Quote atoms that could leave only after it."""
        return max(self.after.atoms - self.before.atoms, 0) + self.insurance_day_atoms


def outflow(state: State, cache: Any, terms: Any) -> Outflow:
    """What could leave under a `RISK_CACHE` record and the exchange's terms."""
    return Outflow(_margins(state, cache), _floors(state, cache, terms))


def _margins(state: State, cache: Any) -> int:
    """Over all accounts, what withdrawal margin leaves free, at most what they have deposited; in units of an atom."""
    if not len(state.users):
        return 0
    found = value(state.users, cache, MarginKind.WITHDRAWAL, state.time.unix_ms)
    held = np.maximum(found.quote_atoms, 0) + _deposits(state, cache)
    free = np.minimum(np.maximum(found.excess_atoms, 0), held)
    return int(free[found.status == Status.VALUED].sum(dtype=object) or 0)


def _deposits(state: State, cache: Any) -> NDArray[np.int64]:
    """Each account's collateral at spot, without weights, quote atoms rounded down."""
    slots = state.users["collaterals"]
    total = np.zeros(len(state.users), np.int64)
    for index in range(1, COLLATERALS_MAX):
        price = int(cache["collaterals"][index]["price_q48"])
        if not price or not state.collateral_known[index]:
            continue
        amounts = np.where(slots["collateral_index"] == index, slots["amount_atoms"], 0).sum(axis=1, dtype=np.uint64)
        for row in np.flatnonzero(amounts):
            total[row] += min(int(amounts[row]) * price >> COLLATERAL_PRICE_BITS, (1 << 62) - int(total[row]))
    return total


def _floors(state: State, cache: Any, terms: Any) -> int:
    """What the floors of all assets let out at once, with a day's open lane below them; quote atoms, rounded down."""
    floor_bps, lane_bps, total = int(terms["withdrawal_floor_bps"]), int(terms["lane_share_bps"]), 0
    for asset in state.collaterals[state.collateral_known]:
        lane = int(asset["average_atoms"]) * lane_bps // BPS_ONE
        free = min(withdrawable_atoms(asset, floor_bps, state.time.unix_ms) + lane, int(asset["total_atoms"]))
        index = int(asset["index"])
        price = int(cache["collaterals"][index]["price_q48"])
        total += free if index == QUOTE_INDEX else free * price >> COLLATERAL_PRICE_BITS
    return total


def effect_of(state: State, change: Any) -> Effect:
    """What a `PARAM_CHANGE` record would make withdrawable, were it in force now."""
    parameter, target = parameter_of(int(change["field"])), target_of(state, change)
    new = int(change["new_value"])
    cache, terms = state.risk_cache.copy(), state.exchange["terms"].copy()
    before, name = outflow(state, cache, terms), parameter.name
    if name in PRICE_SOURCE:
        return Effect(before, Outflow(before.floors_atoms, before.floors_atoms), 0)
    if target["market_index"] is not None:
        _set(cache["markets"][target["market_index"]], parameter, new)
    elif target["collateral_index"] is not None:
        _set(cache["collaterals"][target["collateral_index"]], parameter, new)
    else:
        _set(terms, parameter, new)
    day = new - int(change["old_value"]) if name == "insurance_day_max_atoms" else 0
    return Effect(before, outflow(state, cache, terms), max(day, 0))


def _set(record: Any, parameter: Parameter, new: int) -> None:
    """Put a value where a record has a field of the parameter's name; elsewhere it moves nobody's margin."""
    name, _, place = parameter.name.partition(".")
    if name not in record.dtype.names or parameter.kind == "key" or (place and not place.isdigit()):
        return
    if place:
        record[name][int(place)] = new
    else:
        record[name] = new
