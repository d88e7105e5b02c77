"""What it costs own capital to sell again what it takes over: at the orders that rest now, and by a setting where too
few rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evertide import BPS_ONE
from evertide.math import fee, notional_ceil, notional_floor

from .fills import PPM_PER_TENTH_BPS


@dataclass(frozen=True, slots=True)
class Exit:
    """Terms of selling again what was taken over at mark."""

    ask: bool
    """Whether a long was taken over, which is sold; a short is bought back."""
    mark_q32: int
    index_q32: int
    tick_atoms: int
    """Quote atoms of one lot at one tick."""
    taker_tenth_bps: int
    """The taker's fee of the account that sells."""
    cost_bps: int
    """What selling costs beside the fee where no order rests, of the notional at mark."""

    def costs(self, levels: Iterable[tuple[int, int]], lots: int, held_lots: int) -> Iterator[tuple[int, int]]:
        """`(lots, atoms)` with what selling so many lots again costs, rising, at every end of an order up to `lots`.

        `levels`: prices in ticks and lots of the orders that a sale meets, best first. `held_lots` are held already:
        of the same side they are sold ahead of these; of the other side, below zero, these close them instead.
        """
        closes, ahead = min(max(-held_lots, 0), lots), max(held_lots, 0)
        if closes:
            yield closes, 0
        sold, value, fees = 0, 0, 0
        for price_ticks, size_lots in levels:
            if sold == lots - closes:
                return
            passed = min(ahead, size_lots)
            ahead -= passed
            taken = min(size_lots - passed, lots - closes - sold)
            if taken:
                worth = price_ticks * self.tick_atoms * taken
                sold, value = sold + taken, value + worth
                fees += fee(worth, self.taker_tenth_bps * PPM_PER_TENTH_BPS)
                yield closes + sold, self._cost(sold, value, fees)
        rest = lots - closes - sold
        if rest:
            yield lots, self._cost(sold + rest, value + self._worth(rest), fees + self._rest_costs(rest))

    def _cost(self, lots: int, value: int, fees: int) -> int:
        """What lots cost that were taken over at mark and bring, or take, so much; a long was bought at the floor of
        its value, a short sold at the ceiling."""
        if self.ask:
            return notional_floor(lots, self.mark_q32) - value + fees
        return value - notional_ceil(lots, self.mark_q32) + fees

    def _worth(self, lots: int) -> int:
        """What lots that find no order are thought to bring, or to take: mark, or the index where that is worse."""
        if self.ask:
            return notional_floor(lots, min(self.mark_q32, self.index_q32))
        return notional_ceil(lots, max(self.mark_q32, self.index_q32))

    def _rest_costs(self, lots: int) -> int:
        """The fee and the setting for lots that find no order, each rounded up."""
        charged = fee(notional_ceil(lots, self.mark_q32), self.taker_tenth_bps * PPM_PER_TENTH_BPS)
        expected: int = -(-notional_floor(lots, self.mark_q32) * self.cost_bps // BPS_ONE)
        return charged + expected
