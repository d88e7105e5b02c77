"""Rows, levels, operations and outcomes of the price-time book.

An order row has 64 bytes, one cache line; what only icebergs and pegged orders need lies in a row of its own. Orders of
a price form a doubly linked first-in-first-out list through the rows themselves; prices are levels of a window of
262,144 ticks whose occupied levels a three-storey bitmap finds in three steps. All of it is allocated once.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from ._generated.layouts import POSITION

LEVELS = 64**3
"""Ticks that one book spans."""

ORDER_ROW = np.dtype(
    [
        ("order_id", "<u8"),
        ("lots", "<i8"),
        ("expiry_ms", "<i8"),
        ("placed_ms", "<i8"),
        ("turn", "<i8"),
        ("owner", "<i4"),
        ("next", "<i4"),
        ("previous", "<i4"),
        ("level", "<i4"),
        ("side", "u1"),
        ("kind", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("reduce_only", "u1"),
        ("reserved", "u1", (3,)),
    ]
)
"""One resting order: `lots` are displayed, `turn` is its time priority, `next`, `previous` are rows of its level (-1 =
none), `level` its price less the book's base (-1: a pegged order whose price lies outside the book)."""

TERMS_ROW = np.dtype([("limit_ticks", "<i8"), ("hidden_lots", "<i8"), ("terms", "<i8"), ("peg", "<i4"), ("pad", "<i4")])
"""What only an iceberg (`terms`: lots displayed at a time) or a pegged order (`terms`: ticks from the index,
`limit_ticks`, `peg`: its place in the list of pegged orders) has; the row of the same number."""

ACCOUNT = np.dtype(
    [
        # Before the position: numba would take a record that begins with one for a position, and warn of it.
        ("own_ratio_bps", "<i8"),
        ("rest_initial_atoms", "<i8"),
        ("rest_fill_atoms", "<i8"),
        ("rest_equity_atoms", "<i8"),
        ("rest_maintenance_atoms", "<i8"),
        *((name, POSITION[name]) for name in POSITION.names or ()),
    ]
)
"""What the book keeps of each owner: a position as the program has it, and sums over all else that the owner has.

`basis_lots`, signed, is moved by fills and read by reduce-only orders; cash and open orders follow when margin is
checked. Of the rest of the account `rest_initial_atoms` and `rest_fill_atoms` are equity less requirement by the kind
of test, `rest_equity_atoms` and `rest_maintenance_atoms` the two apart. `own_ratio_bps`: the user's own ratio.
"""

UNDO = np.dtype(
    [
        ("owner", "<i8"),
        *((name, "<i8") for name in ("basis_lots", "cash_atoms")),
        *((name, "<u8") for name in ("open_bid_lots", "open_ask_lots", "max_bid_ticks", "min_ask_ticks")),
    ]
)
"""An owner's position before a fill that may have to be taken back."""

LEVEL = np.dtype([("lots", "<i8"), ("head", "<i4"), ("tail", "<i4")])
"""Displayed lots of one price of one side, first and last row; these two mean nothing where there are no lots."""

ENTRY = np.dtype([("tag", "<u4"), ("row", "<i4")])
"""One entry of the table of ids: upper half of the id's hash, and its row (-1 = empty)."""

OPERATION = np.dtype(
    [
        ("order_id", "<u8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("expiry_ms", "<i8"),
        ("now_ms", "<i8"),
        ("terms", "<i8"),
        ("owner", "<i4"),
        ("age_ms", "<u4"),
        ("code", "u1"),
        ("side", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("reduce_only", "u1"),
        ("reserved", "u1", (3,)),
    ]
)
"""One operation of a batch, 64 bytes; fields as in the program's orders.

`now_ms` is the chain time it happens at, `age_ms` how long before that its order was placed: a pegged maker fills only
at an index published after that. `terms`: lots displayed (`ICEBERG`), signed ticks from the index (`PEGGED`), publish
time of the index in unix ms (`INDEX`). `INDEX` has the index in ticks, rounded down in `price_ticks`, up in `lots`.
"""

FILL = np.dtype(
    [("taker_id", "<u8"), ("maker_id", "<u8"), ("price_ticks", "<i8"), ("lots", "<i8"), ("operation", "<i8")]
)
"""One fill at the maker's price; `operation` is the index of the batch's operation that caused it."""

CANCELLATION = np.dtype(
    [("order_id", "<u8"), ("lots", "<i8"), ("operation", "<u4"), ("reason", "u1"), ("reserved", "u1", (3,))]
)
"""Lots of an order that ended without a fill. A `MODIFY` writes none for what it replaces: it names the order."""


class Code(IntEnum):
    """What an operation does."""

    LIMIT = 0
    """Match, then rest unless the time in force forbids."""
    MARKET = 1
    """Match down to the worst price `price_ticks`; immediate-or-cancel or fill-or-kill."""
    CANCEL = 2
    """Remove the order `order_id`."""
    MODIFY = 3
    """Replace price, lots and terms of an order, which keeps its kind: a mere reduction keeps its priority."""
    REST = 4
    """Rest without matching: an order of a recorded feed, whose fills the feed tells separately."""
    AMEND = 5
    """Set price and lots of a recorded order without matching; the same price and no more lots keep its priority."""
    ICEBERG = 6
    """Match with all lots, then rest with `terms` of them displayed at a time; a refill ranks behind all."""
    PEGGED = 7
    """Rest at the index plus `terms` ticks, never beyond `price_ticks`; post-only."""
    INDEX = 8
    """Tell a new index: pegged orders move, and resting orders that now cross one trade."""
    MARK = 9
    """Tell new prices of margin, Q32 atoms of a lot: mark in `price_ticks`, TWAP in `lots`, index in `terms`."""
    FUNDS = 10
    """Tell what `owner` has outside the book, atoms: excess for initial margin in `price_ticks`, for a maker's fill in
    `lots`; equity in `terms` and requirement in `expiry_ms` for maintenance."""


class Kind(IntEnum):
    """Kind of a resting order."""

    PLAIN = 0
    ICEBERG = 1
    PEGGED = 2


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
    """What could not be filled found no free row, or an iceberg has more parts than the book has room for."""
    BAD_CODE = 12
    BAD_TERMS = 13
    """Side, time in force, self-trade rule or terms do not exist or do not go together."""
    NO_INDEX = 14
    """A pegged order before the first `INDEX`."""
    MARGIN_TOO_LOW = 15
    """The owner's equity does not carry the order."""
    APPLIED = 16
    """An `INDEX`, `MARK` or `FUNDS` was taken in."""
    BAD_OWNER = 17
    """The book has no account of this number."""


class Reason(IntEnum):
    """Why lots ended without a fill."""

    OWNER = 1
    """`CANCEL`."""
    IMMEDIATE = 2
    """The rest of a market or immediate order."""
    SELF_TRADE = 3
    EXPIRED = 4
    NOTHING_TO_REDUCE = 5
    """Reduce-only, and the position is closed."""
    BOOK_FULL = 6
    MARGIN = 7


BOOK = np.dtype(
    [
        ("capacity", "<i8"),
        ("owner_count", "<i8"),
        ("base_ticks", "<i8"),
        ("lots_min", "<i8"),
        ("lots_max", "<i8"),
        ("table_mask", "<i8"),
        ("part_room", "<i8"),
        ("fill_room", "<i8"),
        ("free_row", "<i8"),
        ("row_count", "<i8"),
        ("part_count", "<i8"),
        ("peg_count", "<i8"),
        ("operation_count", "<i8"),
        ("turn", "<i8"),
        ("index_low_ticks", "<i8"),
        ("index_high_ticks", "<i8"),
        ("index_publish_ms", "<i8"),
        ("submitted_lots", "<i8"),
        ("executed_lots", "<i8"),
        ("cancelled_lots", "<i8"),
        ("margin", "<i8"),
        ("undo_count", "<i8"),
        ("fill_count", "<i8"),
        ("cancellation_count", "<i8"),
        ("rows", "<i8"),
        ("terms", "<i8"),
        ("table", "<i8"),
        ("levels", "<i8"),
        ("pegs", "<i8"),
        ("accounts", "<i8"),
        ("market", "<i8"),
        ("undo", "<i8"),
        ("fills", "<i8"),
        ("cancellations", "<i8"),
        ("top_bits", "<u8", (2,)),
        ("middle_bits", "<u8", (2, 64)),
        ("low_bits", "<u8", (2, LEVELS // 64)),
    ]
)
"""A book's own state, axis 0 bids and asks: limits, counters, addresses of its arrays, three storeys of level bits.

One record with addresses instead of many arrays: a kernel gets it as one pointer, and every function called on the way
gets one word in place of seven for each array. `part_count` counts what can still be filled at once: an order, or each
part of an iceberg. `submitted_lots = executed_lots + cancelled_lots + resting lots` always; a fill executes both sides.
"""

ADDRESSES = ("rows", "terms", "table", "levels", "pegs", "accounts", "market", "undo", "fills", "cancellations")
"""Fields of `BOOK` that hold where an array lies: no part of the state."""
