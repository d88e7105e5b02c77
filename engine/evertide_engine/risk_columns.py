"""What the search for accounts to liquidate reads of each user: a few numbers, kept between changes of the account.

A `User` account is 1,664 bytes, of which a price move concerns some 24 for each position. They are kept twice, folded
to the size factor A of the risk cache once for each change of A: as floats in blocks of 64 users, five bytes a
position, which tell the accounts that are far from the line beyond any error of rounding; and as exact rows, by which
the others are valued as the program does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import MARKETS_MAX, MAX_DEBT_INDEX, POSITIONS_MAX, USER_COLLATERALS_MAX
from .decode import Records
from .errors import ShapeError
from .exact_rows_kernels import SIDES, WORDS
from .risk_columns_kernels import (
    ASSET_ROWS,
    ASSET_WIDTH,
    BLOCK,
    WIDTH,
    asset_coefficients,
    compact_rows,
    side_coefficients,
)
from .safe_radius_kernels import anchor_blocks, drift, uncertain_rows

ANCHORED_ANEW = 8
"""One in so many rows more than at the anchor, and valuing them takes as long as bounding all anew."""


class Columns(NamedTuple):
    """The numbers, in quote atoms, lots and token atoms; the arrays of slots have shape `(blocks, slot, BLOCK)`."""

    lots: NDArray[np.float32]
    """Size of each position without its sign; a fraction of a lot that a fold drops counts as a whole one."""
    side: NDArray[np.uint8]
    """`1 + 2 * market + (1 for a short)`, 0 for a position of no size."""
    amount: NDArray[np.float64]
    """Amount of each asset but the quote."""
    asset: NDArray[np.uint8]
    """Index of the asset."""
    base: NDArray[np.float64]
    """Quote balance where it is not negative, and the cash of all positions, with the cash index as it was when the
    columns were made; rounded down."""
    debt: NDArray[np.float64]
    """Owed quote over the debt index at its snapshot."""
    positions: NDArray[np.uint8]
    """Position slots in use."""
    assets: NDArray[np.uint8]
    """Asset slots in use."""
    care: NDArray[np.uint8]
    """Why a user is valued whatever the columns tell: bits `RECORD` and `STARTED` of its exact row; else 0."""
    exact: NDArray[np.int64]
    """The exact row of each user, shape `(users, WORDS)`."""
    size: NDArray[np.int32]
    """Signed size of each position in lots, where `plain`."""
    rest: NDArray[np.int64]
    """What the division of its folded cash left, below 2^48, where `plain`."""
    total: NDArray[np.int64]
    """Cash of all positions in atoms, with the quote of a `PLAIN` user."""
    radius: NDArray[np.float32]
    """Part by which prices may move from the anchor before a user could be below cancel margin; negative: at once."""
    plain: NDArray[np.uint8]
    """`PLAIN` or `CREDITED` for a user whose positions are told by side, size and rest; else 0."""


class Coefficients(NamedTuple):
    """What the prices of one moment are to the bound: of each side, of each asset, and the debt index."""

    sides: NDArray[np.float64]
    assets: NDArray[np.float64]
    debt_index: float


def _empty(capacity: int) -> Columns:
    blocks = capacity // BLOCK
    slots, assets = (blocks, POSITIONS_MAX, BLOCK), (blocks, USER_COLLATERALS_MAX, BLOCK)
    flags = np.zeros((4, capacity), np.uint8)
    return Columns(
        np.zeros(slots, np.float32),
        np.zeros(slots, np.uint8),
        np.zeros(assets),
        np.zeros(assets, np.uint8),
        np.zeros(capacity),
        np.zeros(capacity),
        flags[0],
        flags[1],
        flags[2],
        np.zeros((capacity, WORDS), np.int64),
        np.zeros(slots, np.int32),
        np.zeros(slots, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(capacity, np.float32),
        flags[3],
    )


class RiskColumns:
    """Columns of a `USER` array, row by row; `update` after every change of a row."""

    def __init__(self, users: Records, cache: Any) -> None:
        """Columns of all `users` against one `RISK_CACHE` record."""
        self.columns = _empty(0)
        self.count = 0
        """Users that the columns hold."""
        self.j_high = np.zeros(SIDES, np.int64)
        self.j_low = np.zeros(SIDES, np.uint64)
        """Cash index of each side that the cash has been folded to, in two words."""
        self.most_lots = np.zeros(SIDES)
        """Largest size on each side since the columns were made."""
        self._factors: list[NDArray[Any]] = []
        self._anchor: Coefficients | None = None
        self._uncertain = 0
        self._debt_index_q48 = 0
        self.rebuild(users, cache)

    def rebuild(self, users: Records, cache: Any) -> None:
        """Make every row anew, folded to the A, J and epochs of `cache`."""
        rows = cache["markets"]
        self.j_high[1:], self.j_low[1:] = rows["j"]["high"].reshape(-1), rows["j"]["low"].reshape(-1)
        self._factors = [part.copy() for part in self._factors_of(cache)]
        self._debt_index_q48 = int(cache["collaterals"]["debt_index_q48"][0])
        self.count, self._uncertain, self._anchor = 0, 0, None
        self.most_lots[:] = 0
        self.update(users, np.empty(0, np.int64), cache)

    def update(self, users: Records, rows: NDArray[np.integer[Any]], cache: Any) -> None:
        """Take in rows whose account changed, and those that `users` has got since; all rows if A or an epoch moved.

        Raises:
            ShapeError: a row that `users` does not have.
        """
        if not self.follows(cache):
            self.rebuild(users, cache)
            return
        changed = np.asarray(rows, np.int64)
        if changed.size and not 0 <= int(changed.min()) <= int(changed.max()) < len(users):
            raise ShapeError("users, by their changed rows", len(users), int(changed.max()) + 1)
        new = np.arange(min(self.count, len(users)), len(users))
        self._reserve(len(users))
        self.count = len(users)
        rows_to_make = np.concatenate([changed, new])
        compact_rows(users, rows_to_make, cache, self.j_high, self.j_low, self.columns, self.most_lots)
        if self._anchor is None:
            self._anchor = self._coefficients(cache, 0)
        anchor_blocks(np.unique(rows_to_make // BLOCK), self.columns, *self._anchor)

    def uncertain(self, cache: Any, now_ms: int) -> NDArray[np.int64]:
        """Rows, rising, that are not certainly at or above cancel margin by the prices of `cache` at chain time.

        Where prices have moved so far that the anchor tells an eighth of all rows less than it did, they become the
        anchor: every row's bound is computed, as when the columns were made.
        """
        now = self._coefficients(cache, now_ms)
        found = self._beyond(now)
        if len(found) > self._uncertain + self.count // ANCHORED_ANEW:
            self.anchor(cache, now_ms)
            found = self._beyond(now)
            self._uncertain = len(found)
        return found

    def anchor(self, cache: Any, now_ms: int) -> None:
        """Bound every row by the prices of `cache` at chain time, from which the safe radius is measured then."""
        self._anchor = self._coefficients(cache, now_ms)
        anchor_blocks(np.arange(-(-self.count // BLOCK)), self.columns, *self._anchor)

    def _beyond(self, now: Coefficients) -> NDArray[np.int64]:
        assert self._anchor is not None
        before, rows = self._anchor, np.empty(self.count + 1, np.int64)
        far = drift(
            now.sides, before.sides, self.most_lots, now.assets, before.assets, now.debt_index, before.debt_index
        )
        return rows[: uncertain_rows(self.count, self.columns.radius, far, rows)]

    def _coefficients(self, cache: Any, now_ms: int) -> Coefficients:
        sides, assets = np.empty((SIDES, WIDTH)), np.empty((ASSET_ROWS, ASSET_WIDTH))
        side_coefficients(cache, self.j_high, self.j_low, self.most_lots, sides)
        asset_coefficients(cache, now_ms, assets)
        index = int(cache["collaterals"]["debt_index_q48"][0])
        # An index beyond its guard: whoever owes anything is valued exactly.
        return Coefficients(sides, assets, float(index) if index <= MAX_DEBT_INDEX else float("nan"))

    def follows(self, cache: Any) -> bool:
        """Whether the columns still belong to `cache`: no A and no epoch moved, and no debt index fell."""
        same = all(np.array_equal(old, new) for old, new in zip(self._factors, self._factors_of(cache), strict=True))
        return same and int(cache["collaterals"]["debt_index_q48"][0]) >= self._debt_index_q48

    @staticmethod
    def _factors_of(cache: Any) -> list[NDArray[Any]]:
        rows = cache["markets"]
        return [rows["a"], rows["epoch"], rows["j_previous"]]

    def _reserve(self, count: int) -> None:
        held = len(self.columns.base)
        if count <= held:
            return
        capacity = -(-max(count, 2 * held) // BLOCK) * BLOCK
        grown = _empty(capacity)
        for name in Columns._fields:
            old: NDArray[Any] = getattr(self.columns, name)
            getattr(grown, name)[: len(old)] = old
        self.columns = grown


__all__ = ["BLOCK", "MARKETS_MAX", "Columns", "RiskColumns"]
