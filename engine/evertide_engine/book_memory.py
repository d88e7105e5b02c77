"""Records of the book's arrays by address and number, and bits of its words: one or two machine instructions each.

The book's arrays are allocated once and never move, so that an address stays good as long as their `Book`. Every number
that comes from outside (owner, side, code) is checked before it is used here: nothing below checks bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic

from ._generated.layouts import MARKET_ROW
from .book_layout import (
    ACCOUNT,
    BOOK,
    CANCELLATION,
    ENTRY,
    FILL,
    LEVEL,
    OPERATION,
    ORDER_ROW,
    TERMS_ROW,
    UNDO,
)


def _record_at(layout: np.dtype[Any]) -> Any:
    """A function `(address, number) -> record` for an array of `layout`, inside kernels."""
    record = from_dtype(layout)
    size = layout.itemsize

    def at(typing_context: Any, address: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = arguments[0].type
            where = builder.add(arguments[0], builder.mul(arguments[1], word(size)))
            return builder.inttoptr(where, context.get_value_type(record))

        return record(types.int64, types.int64), generate

    return intrinsic(at)


book_at: Any = _record_at(BOOK)
operation_at: Any = _record_at(OPERATION)
outcome_at: Any = _record_at(np.dtype([("code", "u1")]))
row_at: Any = _record_at(ORDER_ROW)
terms_at: Any = _record_at(TERMS_ROW)
level_at: Any = _record_at(LEVEL)
entry_at: Any = _record_at(ENTRY)
account_at: Any = _record_at(ACCOUNT)
market_at: Any = _record_at(MARKET_ROW)
undo_at: Any = _record_at(UNDO)
fill_at: Any = _record_at(FILL)
cancellation_at: Any = _record_at(CANCELLATION)
peg_at: Any = _record_at(np.dtype([("row", "<i4")]))


def _lowest_bit(typing_context: Any, word: Any) -> Any:
    """Code for `lowest_bit`: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = type(arguments[0].type)(1)
        return builder.cttz(arguments[0], flag(1))

    return types.int64(types.uint64), generate


lowest_bit: Any = intrinsic(_lowest_bit)
"""Index of the lowest set bit of a `uint64` that is not 0."""


def _leading_zeros(typing_context: Any, word: Any) -> Any:
    """Code for `leading_zeros`: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = type(arguments[0].type)(1)
        return builder.ctlz(arguments[0], flag(1))

    return types.int64(types.uint64), generate


leading_zeros: Any = intrinsic(_leading_zeros)
"""Number of zeros above the highest set bit of a `uint64` that is not 0."""
