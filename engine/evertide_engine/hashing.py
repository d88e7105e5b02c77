"""The hash that orders of equal price and slot are ranked by: deterministic, so that anyone replays the matching."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import HASH_MULTIPLIER_1, HASH_MULTIPLIER_2, HASH_SEED
from .wide import Int

SEED = np.uint64(HASH_SEED)
FIRST = np.uint64(HASH_MULTIPLIER_1)
SECOND = np.uint64(HASH_MULTIPLIER_2)
SHIFT_30, SHIFT_27, SHIFT_31 = np.uint64(30), np.uint64(27), np.uint64(31)


@njit(cache=True)
def mix(value: Int) -> Int:
    """One round of the mixer on a `uint64`; wrapping multiplication is part of the definition."""
    value = (value ^ (value >> SHIFT_30)) * FIRST
    value = (value ^ (value >> SHIFT_27)) * SECOND
    return value ^ (value >> SHIFT_31)


@njit(cache=True)
def order_hash(placed_slot: Int, key_words: Int, order_id: Int) -> Int:
    """Hash of an order from its slot, the four little-endian words of its `Orders` address and its id."""
    value = mix(SEED ^ placed_slot)
    for at in range(4):
        value = mix(value ^ key_words[at])
    return mix(value ^ order_id)
