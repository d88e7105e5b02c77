"""A maker's own account: what it holds and may still take on, in lots of one market, and whether it would stand it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import BPS_ONE, PRICE_BITS
from evertide_engine.margin import MarginKind, Status, value

from .ladder import folded
from .own import stands
from .settings import MakerSettings
from .state import State

BID, ASK = 0, 1


@dataclass(frozen=True, slots=True)
class Place:
    """One market as the maker sees it: index in quote atoms per lot (32 fractional bits), what it holds."""

    market_index: int
    index_q32: int
    tick_atoms: int
    held_lots: int
    room_lots: tuple[int, int]
    """Lots that it may still buy and sell."""
    centre_bps: int
    """Where it quotes around, of the index."""
    reduces: bool
    """It may only reduce."""

    def ticks(self, bps: int, *, up: bool) -> int:
        """A part of the index in ticks, rounded up or down."""
        above = self.index_q32 * bps
        below: int = BPS_ONE * self.tick_atoms << PRICE_BITS
        return -(-above // below) if up else above // below

    def lots(self, notional_atoms: int, price_ticks: int) -> int:
        """Whole lots that a notional buys at a price."""
        return notional_atoms // (price_ticks * self.tick_atoms)


class Desk:
    """The account as it will be once what is planned has happened."""

    def __init__(self, state: State, row: int, settings: MakerSettings) -> None:
        """`row`: where `state` holds the maker's account."""
        self._state, self._settings, self.row = state, settings, row
        self._record: NDArray[np.void] = state.users[row : row + 1].copy()

    def equity_atoms(self) -> int | None:
        """Its equity at maintenance weights; None where it cannot be valued."""
        found = value(self._record, self._state.risk_cache, MarginKind.MAINTENANCE, self._state.time.unix_ms)
        return int(found.equity_atoms[0]) if found.status[0] == Status.VALUED else None

    def markets(self) -> set[int]:
        """Indices of the markets that its margin reads."""
        held = self._record["positions"]["market_plus_one"][0].astype(np.int64)
        return {int(index) for index in held[held != 0] - 1}

    def place(self, market: Any, reduces: bool) -> Place:
        """How it stands in a market; `reduces`: it may only reduce."""
        index, tick = int(market["index"]), int(market["atoms_per_lot_tick"])
        index_q32 = int(market["index_price_q32"])
        held, others = self._held(index)
        most = min(
            self._settings.position_notional_max_atoms,
            max(self._settings.total_notional_max_atoms - others, 0),
        )
        limit = min((most << PRICE_BITS) // index_q32, int(market["terms"]["position_max_lots"]))
        room = (max(limit - held, 0), max(limit + held, 0))
        if reduces:
            room = (max(-held, 0), max(held, 0))
        largest = max((self._settings.position_notional_max_atoms << PRICE_BITS) // index_q32, 1)
        skew = self._settings.skew_bps * min(abs(held), largest) // largest
        return Place(index, index_q32, tick, held, room, BPS_ONE - skew if held > 0 else BPS_ONE + skew, reduces)

    def _held(self, market_index: int) -> tuple[int, int]:
        """Signed lots held in a market, and the notional held in all others, atoms."""
        held, others = 0, 0
        for position in self._record["positions"][0]:
            at = int(position["market_plus_one"]) - 1
            size = folded(self._state, position)[0] if at >= 0 else 0
            if at == market_index:
                held = size
            elif size:
                others += abs(size) * int(self._state.risk_cache["markets"][at]["mark_price_q32"]) >> PRICE_BITS
        return held, others

    def with_orders(self, place: Place, orders: list[dict[str, Any]]) -> NDArray[np.void] | None:
        """The record with these orders as all that it has open in a market; None without a free slot."""
        record = self._record.copy()
        position = _position(record, place, self._state)
        if position is None:
            return None
        sides = [[one for one in orders if one["ask"] == ask and not one["reduce_only"]] for ask in (False, True)]
        position["open_bid_lots"], position["open_ask_lots"] = (sum(one["size_lots"] for one in side) for side in sides)
        position["max_bid_ticks"] = max((one["price_ticks"] for one in sides[BID]), default=0)
        position["min_ask_ticks"] = min((one["price_ticks"] for one in sides[ASK]), default=0)
        return record

    def with_fill(self, place: Place, *, ask: bool, price_ticks: int, lots: int) -> NDArray[np.void] | None:
        """The record after selling (`ask`) or buying lots at a price; None without a free slot."""
        record = self._record.copy()
        position = _position(record, place, self._state)
        if position is None:
            return None
        size, cash = folded(self._state, position[0])
        paid, sign = lots * price_ticks * place.tick_atoms, -1 if ask else 1
        size, cash = size + sign * lots, cash + int(position["cash_atoms"][0]) - sign * paid
        side = int(size < 0)
        row = self._state.risk_cache["markets"][place.market_index]
        position["basis_lots"], position["cash_atoms"] = size, cash
        position["a_snapshot"], position["j_snapshot"] = row["a"][side], row["j"][side]
        position["epoch"] = row["epoch"][side]
        return record

    def stands(self, record: NDArray[np.void] | None) -> bool:
        """Whether such a record holds initial margin."""
        return stands(self._state, record)

    def take(self, record: NDArray[np.void]) -> None:
        """Count on what was planned."""
        self._record = record


def _position(record: NDArray[np.void], place: Place, state: State) -> NDArray[np.void] | None:
    """The account's slot in a market, taken where it has none; None when all are taken."""
    places = record["positions"]["market_plus_one"][0]
    found = np.flatnonzero(places == place.market_index + 1)
    fresh = not found.size
    found = np.flatnonzero(places == 0) if fresh else found
    if not found.size:
        return None
    position: NDArray[np.void] = record["positions"][0, found[0] : found[0] + 1]
    if fresh:
        position["market_plus_one"], position["atoms_per_lot_tick"] = place.market_index + 1, place.tick_atoms
        record["position_count"] += 1
    return position
