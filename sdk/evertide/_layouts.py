"""Accounts in bulk: one numpy structured array for any number of them, straight from bytes.

The dtypes are packed, nested like the structs, with the field names of the program. A 128-bit integer is
`("low", "<u8"), ("high", "<i8")`; an address is `V32` (use `.tobytes()`); the account's discriminator comes first.
numpy is imported on first use: reading one account needs none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from ._errors import AccountMismatch, UsageError
from ._wire import Kind, Wire, fixed_size

if TYPE_CHECKING:
    import numpy as np

_NUMPY = {
    "u8": "u1",
    "i8": "i1",
    "u16": "<u2",
    "i16": "<i2",
    "u32": "<u4",
    "i32": "<i4",
    "u64": "<u8",
    "i64": "<i8",
    "bool": "u1",
    "pubkey": "V32",
}
_WIDE = [("low", "<u8"), ("high", "<i8")]


def account_class(name: str) -> type[Wire]:
    """The dataclass of an account by its name. Raises `UsageError`."""
    from ._generated.accounts import ALL

    for cls in ALL:
        if cls.__name__ == name:
            return cls
    raise UsageError(f"no account is called {name!r}; there are {', '.join(cls.__name__ for cls in ALL)}")


@cache
def dtype(name: str) -> np.dtype[np.void]:
    """The packed dtype of an account with its discriminator, or of a nested struct such as `"Position"`."""
    from ._generated import types

    nested = getattr(types, name, None)
    if isinstance(nested, type) and issubclass(nested, Wire):
        return _struct(nested)
    return _struct(account_class(name))


def offset_of(name: str, field: str) -> int:
    """Byte offset of a top-level field of an account, its discriminator counted. Raises `UsageError`."""
    at = len(account_class(name).DISCRIMINATOR)
    for known, kind in account_class(name).WIRE:
        if known == field:
            return at
        at += fixed_size(kind) or 0
    raise UsageError(f"{name} has no field {field!r}")


def _struct(cls: type[Wire]) -> np.dtype[np.void]:
    fields: list[Any] = [("discriminator", "u1", (8,))] if cls.DISCRIMINATOR else []
    for name, kind in cls.WIRE:
        base, shape = _field(kind)
        fields.append((name, base, shape) if shape else (name, base))
    import numpy as np

    return np.dtype(fields)


def _field(kind: Kind) -> tuple[Any, tuple[int, ...]]:
    if isinstance(kind, type):
        return _struct(kind), ()
    if isinstance(kind, str):
        if kind in ("i128", "u128"):
            return _WIDE, ()
        return _NUMPY[kind], ()
    if kind[0] == "bytes":
        return "u1", (int(kind[1]),)
    if kind[0] != "array":
        raise UsageError(f"a {kind[0]} has no fixed layout")
    base, shape = _field(kind[1])
    return base, (int(kind[2]), *shape)


def decode_many(name: str, data: Iterable[bytes]) -> np.ndarray[Any, np.dtype[np.void]]:
    """A structured array of shape (n,) from the bytes of n accounts called `name`; a read-only view of one join.

    Accounts longer than the layout (a newer version) are cut to it. Raises `AccountMismatch` when one is shorter or
    has another discriminator.
    """
    import numpy as np

    layout = dtype(name)
    size = layout.itemsize
    parts = list(data)
    joined = b"".join(parts)
    if len(joined) != size * len(parts) or any(len(part) != size for part in parts):
        for part in parts:
            if len(part) < size:
                raise AccountMismatch(name, "length in bytes", len(part), f"at least {size}")
        joined = b"".join(part[:size] for part in parts)
    rows = np.frombuffer(joined, dtype=layout)
    discriminator = account_class(name).DISCRIMINATOR
    heads = np.frombuffer(rows["discriminator"].tobytes(), dtype="<u8")
    wrong = np.flatnonzero(heads != np.frombuffer(discriminator, dtype="<u8")[0])
    if wrong.size:
        found = rows["discriminator"][wrong[0]].tobytes().hex()
        raise AccountMismatch(f"{name} number {int(wrong[0])}", "discriminator", found, discriminator.hex())
    return rows
