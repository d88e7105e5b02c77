"""Rows, levels, operations and outcomes of the price-time book.

An order row has 64 bytes, one cache line. Orders of a price form a doubly linked first-in-first-out list through the
rows themselves; prices are levels of a window of 262,144 ticks whose occupied levels a three-storey bitmap finds in
three steps. Rows, levels and the id table live in flat arrays, so that a batch of operations is one kernel call.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

ORDER_ROW = np.dtype(
    [
        ("order_id", "<u8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("expiry_ms", "<i8"),
        ("filled_lots", "<i8"),
        ("owner", "<i4"),
        ("next", "<i4"),
        ("previous", "<i4"),
        ("side", "u1"),
        ("reduce_only", "u1"),
        ("reserved", "<u2"),
        ("slot", "<i8"),
    ]
)
"""One resting order: `lots` remain, `next`, `previous` are rows of its level (-1 = none), `slot` is its id's slot."""

OPERATION = np.dtype(
    [
        ("order_id", "<u8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("expiry_ms", "<i8"),
        ("now_ms", "<i8"),
        ("owner", "<i4"),
        ("code", "u1"),
        ("side", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("reduce_only", "u1"),
        ("reserved", "u1", (7,)),
    ]
)
"""One operation of a batch, 56 bytes; fields as in the program's orders. `now_ms` is the chain time it happens at."""

FILL = np.dtype(
    [("taker_id", "<u8"), ("maker_id", "<u8"), ("price_ticks", "<i8"), ("lots", "<i8"), ("operation", "<i8")]
)
"""One fill at the maker's price; `operation` is the index of the batch's operation that caused it."""


class Code(IntEnum):
    """What an operation does."""

    LIMIT = 0
    """Match, then rest unless the time in force forbids."""
    MARKET = 1
    """Match down to the worst price `price_ticks`; never rests."""
    CANCEL = 2
    """Remove the order `order_id`."""
    MODIFY = 3
    """Set price and lots: a mere reduction keeps its priority, anything else is cancelled and placed anew."""
    REST = 4
    """Rest without matching: an order of a recorded feed, whose fills the feed tells separately."""
    AMEND = 5
    """Set price and lots of a recorded order without matching; priority as with `MODIFY`."""


class Outcome(IntEnum):
    """What became of an operation."""

    RESTED = 0
    FILLED = 1
    CANCELLED = 2
    """Removed: by `CANCEL`, as the rest of a short-lived order, or by a self-trade rule."""
    DUPLICATE_ID = 3
    UNKNOWN_ID = 4
    WOULD_TAKE = 5
    NOT_FILLABLE = 6
    EXPIRED = 7
    PRICE_OUTSIDE = 8
    BAD_SIZE = 9
    NOTHING_TO_REDUCE = 10
    BOOK_FULL = 11
    BAD_CODE = 12


LEVELS = 64**3
"""Ticks that one book spans."""


STATE = np.dtype(
    [
        ("free_row", "<i8"),
        ("row_count", "<i8"),
        ("base_ticks", "<i8"),
        ("fill_count", "<i8"),
        ("top_bits", "<u8", (2,)),
        ("middle_bits", "<u8", (2, 64)),
        ("low_bits", "<u8", (2, LEVELS // 64)),
        ("head", "<i4", (2, LEVELS)),
        ("tail", "<i4", (2, LEVELS)),
        ("level_lots", "<i8", (2, LEVELS)),
    ]
)
"""A book's own state, axis 0 bids and asks: counters, three storeys of level bits, rows and lots of levels.

One record instead of many arrays: a kernel gets it as one pointer, and no reference is counted on the way.
"""
