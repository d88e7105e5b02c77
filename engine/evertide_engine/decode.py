"""Account bytes to structured arrays, one `numpy` copy for any number of accounts.

The dtypes are generated from the program's own layouts, the eight bytes of the discriminator included. Readers take a
prefix: an account that `extend_account` has grown decodes with the layout that this package knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.layouts import COLLATERAL, DISCRIMINATORS, EXCHANGE, MARKET, ORDERS, RISK_CACHE, USER
from .errors import LayoutError

Records = NDArray[np.void]
"""A structured array; its fields are named in the generated layouts."""

DISCRIMINATOR_BYTES = 8


def decode(accounts: Sequence[bytes], dtype: np.dtype[Any], name: str) -> Records:
    """Decode accounts of kind `name` into a writable structured array of shape `(len(accounts),)`.

    Raises `LayoutError` for an account shorter than its layout, and for one with another kind's discriminator.
    """
    size = dtype.itemsize
    if not accounts:
        return np.empty(0, dtype=dtype)
    lengths = np.fromiter(map(len, accounts), dtype=np.int64, count=len(accounts))
    if (lengths != size).any():
        short = np.flatnonzero(lengths < size)
        if short.size:
            row = int(short[0])
            raise LayoutError(name, row, "an account is at least as long as its layout", int(lengths[row]), size)
        accounts = [data[:size] for data in accounts]
    joined = np.frombuffer(bytearray().join(accounts), dtype=np.uint8).reshape(len(accounts), size)
    heads = joined[:, :DISCRIMINATOR_BYTES]
    needed = DISCRIMINATORS[name]
    different = np.flatnonzero(heads.copy().view("<u8")[:, 0] != int.from_bytes(needed, "little"))
    if different.size:
        row = int(different[0])
        raise LayoutError(name, row, "the discriminator names the kind", heads[row].tobytes().hex(), needed.hex())
    return joined.reshape(-1).view(dtype)


def decode_users(accounts: Sequence[bytes]) -> Records:
    """`User` accounts as `USER` records. Raises `LayoutError`."""
    return decode(accounts, USER, "User")


def decode_orders(accounts: Sequence[bytes]) -> Records:
    """`Orders` accounts as `ORDERS` records. Raises `LayoutError`."""
    return decode(accounts, ORDERS, "Orders")


def decode_markets(accounts: Sequence[bytes]) -> Records:
    """`Market` accounts as `MARKET` records. Raises `LayoutError`."""
    return decode(accounts, MARKET, "Market")


def decode_collaterals(accounts: Sequence[bytes]) -> Records:
    """`Collateral` accounts as `COLLATERAL` records. Raises `LayoutError`."""
    return decode(accounts, COLLATERAL, "Collateral")


def decode_risk_cache(account: bytes) -> Records:
    """The `RiskCache` account as one `RISK_CACHE` record, shape `(1,)`. Raises `LayoutError`."""
    return decode([account], RISK_CACHE, "RiskCache")


def decode_exchange(account: bytes) -> Records:
    """The `Exchange` account as one `EXCHANGE` record, shape `(1,)`. Raises `LayoutError`."""
    return decode([account], EXCHANGE, "Exchange")


def wide_to_int(value: Any) -> int:
    """A `Wide` (signed 128-bit integer in two words) as a Python integer."""
    return (int(value["high"]) << 64) | int(value["low"])


def int_to_wide(value: int) -> tuple[int, int]:
    """A Python integer as the `(low, high)` words of a `Wide`; `OverflowError` beyond 128 bits."""
    if not -(1 << 127) <= value < 1 << 127:
        raise OverflowError(f"a wide integer has 128 bits: found {value}")
    return value & ((1 << 64) - 1), value >> 64


def key_words(keys: Sequence[bytes]) -> NDArray[np.uint64]:
    """32-byte addresses as four little-endian words each, shape `(len(keys), 4)`: the form that order hashes take."""
    return np.frombuffer(b"".join(keys), dtype="<u8").reshape(len(keys), 4).astype(np.uint64)
