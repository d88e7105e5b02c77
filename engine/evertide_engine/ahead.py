"""Asking the memory for a record before it is read, where records are larger than what one read of them touches.

The hardware fetches ahead within a page. An account is thousands of bytes: each is on a page of its own, and a scan of
them would wait for every one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

READ, KEEP, DATA = 0, 3, 1


def _prefetch(typing_context: Any, array: Any, row: Any, offset: Any) -> Any:
    """Code for one prefetch instruction; a row beyond the array does no harm."""
    if not isinstance(array, types.Array) or not isinstance(row, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, small = ir.IntType(64), ir.IntType(32)
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(held.strides, 0)
        at = builder.add(builder.mul(arguments[1], stride), arguments[2])
        pointer = builder.inttoptr(builder.add(builder.ptrtoint(held.data, word), at), ir.IntType(8).as_pointer())
        form = ir.FunctionType(ir.VoidType(), [pointer.type, small, small, small])
        code = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], form)
        builder.call(code, [pointer, small(READ), small(KEEP), small(DATA)])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


prefetch: Any = intrinsic(_prefetch)
"""`prefetch(array, row, offset)`: the cache line at `offset` bytes of a record is wanted soon."""
