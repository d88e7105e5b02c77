"""The whole state of a book as bytes, and back.

The bytes are canonical: they hold what any later operation can see (limits, counters, accounts, live orders in time
priority) and nothing of where it lies in memory. Two books with equal bytes answer every operation alike, so that the
hash of the bytes is the hash of the state.

    magic 8 | version u32 | header bytes u32 | body bytes u64 | SHA-256 of the body | body
    body: HEAD record | MARKET_ROW | ACCOUNT records | ORDER_ROW records | TERMS_ROW records, both sorted by turn
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._generated.layouts import MARKET_ROW
from .book import CAPACITY_MOST, OWNERS_MOST, Book, address_of
from .book_layout import ACCOUNT, LEVELS, ORDER_ROW, TERMS_ROW, Kind
from .book_levels import append_row
from .book_memory import book_at, row_at, terms_at
from .book_rows import ICEBERG, PEGGED, PLAIN, part_count, peg_row, table_insert
from .errors import CapacityError, StorageError
from .wide import Int

MAGIC = b"EVTBOOK\x00"
VERSION = 1
HEADER = np.dtype(
    [("magic", "S8"), ("version", "<u4"), ("header_bytes", "<u4"), ("body_bytes", "<u8"), ("hash", "u1", (32,))]
)
LIMITS = ("capacity", "owner_count", "base_ticks", "lots_min", "lots_max")
COUNTERS = (
    "operation_count",
    "turn",
    "index_low_ticks",
    "index_high_ticks",
    "index_publish_ms",
    "submitted_lots",
    "executed_lots",
    "cancelled_lots",
    "margin",
)
HEAD = np.dtype([(name, "<i8") for name in (*LIMITS, *COUNTERS, "order_count")])
UNSEEN = ("next", "previous", "reserved")
"""Fields of a row that say where it lies, not what it is."""


def body_of(book: Book) -> bytes:
    """The canonical bytes of a book's state."""
    head = np.zeros(1, HEAD)
    for name in (*LIMITS, *COUNTERS):
        head[name] = book.state[name]
    live = np.flatnonzero(book.rows["order_id"])
    live = live[np.argsort(book.rows["turn"][live], kind="stable")]
    head["order_count"] = len(live)
    rows, terms = book.rows[live], book.terms[live]
    for name in UNSEEN:
        rows[name] = 0
    terms[rows["kind"] == Kind.PLAIN] = np.zeros(1, TERMS_ROW)[0]
    # An iceberg has no limit of its own, a pegged order nothing hidden, and its place in a list is no state.
    terms["limit_ticks"][rows["kind"] == Kind.ICEBERG] = 0
    terms["peg"] = 0
    return head.tobytes() + book.market.tobytes() + book.accounts.tobytes() + rows.tobytes() + terms.tobytes()


def state_hash(book: Book) -> str:
    """SHA-256 of a book's state, hexadecimal: equal for two books that answer every operation alike."""
    return hashlib.sha256(body_of(book)).hexdigest()


def snapshot(book: Book) -> bytes:
    """A book as the bytes of a snapshot file."""
    body = body_of(book)
    header = np.zeros(1, HEADER)
    header["magic"], header["version"], header["header_bytes"] = MAGIC, VERSION, HEADER.itemsize
    header["body_bytes"] = len(body)
    header["hash"] = np.frombuffer(hashlib.sha256(body).digest(), np.uint8)
    return header.tobytes() + body


def restore(data: bytes, name: object = "snapshot") -> Book:
    """The book that `snapshot` wrote; `name` stands in errors. Raises `StorageError` for anything else."""
    body = _checked_body(data, name)
    head = np.frombuffer(body, HEAD, 1)[0]
    limits = {field: int(head[field]) for field in HEAD.names or ()}
    count, owners = limits["order_count"], limits["owner_count"]
    if not (0 <= count <= limits["capacity"] <= CAPACITY_MOST and 0 < owners <= OWNERS_MOST):
        raise StorageError(name, "orders and owners within their limits", (count, owners), "counts that fit")
    sizes = (
        HEAD.itemsize,
        MARKET_ROW.itemsize,
        owners * ACCOUNT.itemsize,
        count * ORDER_ROW.itemsize,
        count * TERMS_ROW.itemsize,
    )
    if len(body) != sum(sizes):
        raise StorageError(name, "bytes of the body", len(body), sum(sizes))
    ends = np.cumsum(sizes).tolist()
    accounts = np.frombuffer(body[ends[1] : ends[2]], ACCOUNT)
    rows = np.frombuffer(body[ends[2] : ends[3]], ORDER_ROW)
    terms = np.frombuffer(body[ends[3] :], TERMS_ROW)
    try:
        book = Book(
            limits["capacity"],
            owners,
            limits["base_ticks"],
            lots_min=limits["lots_min"],
            lots_max=limits["lots_max"],
        )
    except CapacityError as error:
        raise StorageError(name, "limits of a book", str(error), "limits that a book can have") from error
    _check_rows(book, rows, terms, limits["turn"], name)
    for field in COUNTERS:
        book.state[field] = limits[field]
    book.market[:] = np.frombuffer(body[ends[0] : ends[1]], MARKET_ROW)
    book.accounts[:] = accounts
    refill_rows(address_of(book.state), address_of(rows), address_of(terms), count)
    if book.part_count > book.part_room:
        raise StorageError(name, "parts of icebergs", book.part_count, f"at most {book.part_room}")
    return book


def _checked_body(data: bytes, name: object) -> bytes:
    """The body behind a header whose every field holds."""
    if len(data) < HEADER.itemsize:
        raise StorageError(name, "bytes of a snapshot", len(data), f"at least {HEADER.itemsize}")
    header = np.frombuffer(data, HEADER, 1)[0]
    body = data[HEADER.itemsize :]
    # numpy strips trailing zeros of a bytes field.
    for rule, found, needed in (
        ("magic", data[:8], MAGIC),
        ("version", int(header["version"]), VERSION),
        ("bytes of the header", int(header["header_bytes"]), HEADER.itemsize),
        ("bytes of the body", len(body), int(header["body_bytes"])),
        ("hash of the body", hashlib.sha256(body).hexdigest(), header["hash"].tobytes().hex()),
    ):
        if found != needed:
            raise StorageError(name, rule, found, needed)
    if len(body) < HEAD.itemsize:
        raise StorageError(name, "bytes of the body", len(body), f"at least {HEAD.itemsize}")
    return body


def _check_rows(book: Book, rows: NDArray[np.void], terms: NDArray[np.void], turn: int, name: object) -> None:
    """Refuse rows that no book can have written: kernels trust theirs."""
    iceberg, pegged = rows["kind"] == Kind.ICEBERG, rows["kind"] == Kind.PEGGED
    within = (rows["level"] >= np.where(pegged, -1, 0)) & (rows["level"] < LEVELS)
    sane: dict[str, Any] = {
        "ids of orders": (rows["order_id"] != 0) & (np.unique(rows["order_id"]).size == len(rows)),
        "sides": rows["side"] <= 1,
        "kinds": rows["kind"] <= Kind.PEGGED,
        "levels": within,
        "owners": (rows["owner"] >= 0) & (rows["owner"] < len(book.accounts)),
        "lots": (rows["lots"] > 0) & (rows["lots"] <= book.lots_max),
        "turns": np.diff(rows["turn"], prepend=0) > 0,
        "last turn": (rows["turn"] <= turn) & (turn < (1 << 62)),
        "parts of icebergs": ~iceberg
        | ((terms["terms"] > 0) & (terms["hidden_lots"] >= 0) & (terms["hidden_lots"] <= book.lots_max)),
    }
    for rule, holds in sane.items():
        wrong = np.flatnonzero(~np.broadcast_to(holds, rows.shape))
        if wrong.size:
            raise StorageError(name, rule, f"order {int(rows['order_id'][wrong[0]])} breaks it", "rows of a book")


@njit(cache=True)
def refill_rows(state: Int, rows: Int, terms: Int, count: Int) -> None:
    """Put saved orders, in their turns, into an empty book."""
    book = book_at(state, np.int64(0))
    for number in range(count):
        saved, saved_terms = row_at(rows, np.int64(number)), terms_at(terms, np.int64(number))
        row = book.free_row
        order, own = row_at(book.rows, row), terms_at(book.terms, row)
        book.free_row = np.int64(order.next)
        book.row_count += 1
        book.part_count += 1
        order.order_id = saved.order_id
        order.lots = saved.lots
        order.expiry_ms = saved.expiry_ms
        order.placed_ms = saved.placed_ms
        order.turn = saved.turn
        order.owner = saved.owner
        order.side = saved.side
        order.kind = saved.kind
        order.time_in_force = saved.time_in_force
        order.self_trade = saved.self_trade
        order.reduce_only = saved.reduce_only
        order.level = saved.level
        table_insert(book, saved.order_id, row)
        if saved.kind != PLAIN:
            own.limit_ticks = saved_terms.limit_ticks
            own.hidden_lots = saved_terms.hidden_lots
            own.terms = saved_terms.terms
        if saved.kind == PEGGED:
            peg_row(book, row)
        if saved.kind == ICEBERG:
            book.part_count += part_count(saved_terms.hidden_lots, saved_terms.terms)
        if saved.level >= 0:
            append_row(book, row, np.int64(saved.level))
