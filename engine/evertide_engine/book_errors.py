"""What an outcome of the book means for its operation, as an error that names the rule and both values compared."""

from __future__ import annotations

from typing import Any

from .book import Book
from .book_layout import LEVELS, Outcome
from .errors import CapacityError, EngineError, OperationError

SUCCESSES = (Outcome.RESTED, Outcome.FILLED, Outcome.CANCELLED, Outcome.APPLIED)


def error_of(book: Book, operation: Any, outcome: int) -> EngineError | None:
    """The error of one `OPERATION` record and its outcome; None when it was not refused.

    A full arena is a `CapacityError`, all else an `OperationError`. Limits are those of the book; what depends on its
    other orders is told as it is now.
    """
    what = Outcome(outcome)
    if what in SUCCESSES:
        return None
    if what == Outcome.BOOK_FULL:
        if book.order_count == book.capacity:
            return CapacityError("order rows", book.order_count, book.capacity)
        return CapacityError("parts of icebergs", book.part_count, book.part_room)
    found, needed = _compared(book, operation, what)
    return OperationError(int(operation["order_id"]), what.name, found, needed)


def _compared(book: Book, operation: Any, what: Outcome) -> tuple[object, object]:
    """What the operation had and what the rule wants."""
    side = int(operation["side"])
    if what == Outcome.PRICE_OUTSIDE:
        return int(operation["price_ticks"]), f"{book.base_ticks} to {book.base_ticks + LEVELS - 1}"
    if what == Outcome.BAD_SIZE:
        return int(operation["lots"]), f"{book.lots_min} to {book.lots_max}"
    if what == Outcome.BAD_OWNER:
        return int(operation["owner"]), f"0 to {len(book.positions) - 1}"
    if what == Outcome.EXPIRED:
        return f"now {int(operation['now_ms'])} ms", f"before {int(operation['expiry_ms'])} ms"
    if what == Outcome.WOULD_TAKE:
        return int(operation["price_ticks"]), f"a price that does not cross {book.best_ticks(1 - side)}"
    if what == Outcome.MARGIN_TOO_LOW:
        names = ("owner", "side", "price_ticks", "lots")
        has, demanded = book.initial_margin(*(int(operation[name]) for name in names))
        return f"equity {has} atoms", f"initial margin {demanded} atoms"
    if what == Outcome.NOTHING_TO_REDUCE:
        return f"position {int(book.positions[operation['owner']])}", "a position of the other side"
    if what == Outcome.DUPLICATE_ID:
        return int(operation["order_id"]), "an id that is not 0 and not live"
    if what == Outcome.UNKNOWN_ID:
        return int(operation["order_id"]), "a live order of this side and owner"
    if what == Outcome.NOT_FILLABLE:
        return f"{int(operation['lots'])} lots at {int(operation['price_ticks'])}", "all of it at once"
    if what == Outcome.NO_INDEX:
        return "no index", "an index before pegged orders"
    if what == Outcome.BAD_CODE:
        return int(operation["code"]), "a Code"
    names = ("side", "time_in_force", "self_trade", "terms")
    return ", ".join(f"{name} {int(operation[name])}" for name in names), "terms that exist and go together"
