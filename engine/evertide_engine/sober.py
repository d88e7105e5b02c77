"""Prices by which accounts are judged: a feed's wild print decides over nothing, its TWAP stands for it."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import WILD_PRINT
from .wide import ZERO, Int

WILD = np.int64(WILD_PRINT)
"""Validity bits of a wild print: not positive, or too far from its TWAP."""


@njit(cache=True)
def sober_mark(row: Int) -> Int:
    """The price of the way down: the mark, or its TWAP while the market's print is a wild one."""
    wild = (np.int64(row.validity) & WILD) != 0 and row.twap_price_q32 != ZERO
    return row.twap_price_q32 if wild else row.mark_price_q32


@njit(cache=True)
def sober_price(row: Int) -> Int:
    """Price of an asset on the way down: the last print, or its TWAP while that is a wild one."""
    wild = (np.int64(row.validity) & WILD) != 0 and row.twap_q48 != ZERO
    return row.twap_q48 if wild else row.price_q48
