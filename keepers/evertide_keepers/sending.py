"""Who sends when, and how much it bids: a gate by priority, a ladder of fees, a budget for an hour."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from evertide._time import now_s

RUNGS_MAX = 6
HOUR_S = 3_600.0


class PriorityGate:
    """Lets so many through at a time; of those that wait the lowest priority number first, then who came first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(not place.done() for _, _, place in self._waiting)

    @contextlib.asynccontextmanager
    async def place(self, priority: int) -> AsyncIterator[None]:
        """Hold one place."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: int) -> None:
        if self._free > 0:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


@dataclass(slots=True)
class Fees:
    """The rung of each keeper's ladder, and what the last hour's bids came to, against its budget in lamports."""

    hour_lamports_max: int
    rungs: dict[str, int] = field(default_factory=dict)
    spent_lamports: int = 0
    """In all."""
    _bids: deque[tuple[float, int]] = field(default_factory=deque)

    def rung(self, keeper: str) -> int:
        """How often the fee is doubled."""
        return self.rungs.get(keeper, 0)

    def note(self, keeper: str, *, expired: bool, lamports: int) -> None:
        """A transaction ended: up a rung when it expired, down one when it landed."""
        step = 1 if expired else -1
        self.rungs[keeper] = min(max(self.rung(keeper) + step, 0), RUNGS_MAX)
        if lamports:
            self.spent_lamports += lamports
            self._bids.append((now_s(), lamports))

    @property
    def is_spent(self) -> bool:
        """Whether the hour's budget is: nothing more is bid until some of it is an hour old."""
        since_s = now_s() - HOUR_S
        while self._bids and self._bids[0][0] <= since_s:
            self._bids.popleft()
        return sum(lamports for _, lamports in self._bids) >= self.hour_lamports_max
