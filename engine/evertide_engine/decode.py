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
from .errors import CapacityError, LayoutError

Records = NDArray[np.void]
"""A structured array; its fields are named in the generated layouts."""

DISCRIMINATOR_BYTES = 8


def decode(accounts: Sequence[bytes], dtype: np.dtype[Any], name: str, into: Records | None = None) -> Records:
    """Decode accounts of kind `name` into a writable structured array of shape `(len(accounts),)`.

    With `into`, an array of `dtype` that is kept between calls, they are written into its first rows, which come back:
    memory that is used already takes half the time of new memory.

    Raises `LayoutError` for an account shorter than its layout, and for one with another kind's discriminator; what
    `into` held is lost then. Raises `CapacityError` when it has fewer rows.
    """
    size, count = dtype.itemsize, len(accounts)
    if into is not None and (into.dtype != dtype or len(into) < count):
        raise CapacityError(f"rows of {name} records", count, len(into) if into.dtype == dtype else 0)
    records: Records = np.empty(count, dtype) if into is None else into[:count]
    if not count:
        return records
    if set(map(len, accounts)) != {size}:
        short = next((row for row, data in enumerate(accounts) if len(data) < size), None)
        if short is not None:
            found = len(accounts[short])
            raise LayoutError(name, short, "an account is at least as long as its layout", found, size)
        accounts = [data[:size] for data in accounts]
    if set(map(type, accounts)) != {bytes}:
        accounts = [bytes(data) for data in accounts]
    # One copy straight into place. Every length is the records', so that none is cut or filled up.
    records.view(f"V{size}")[:] = accounts
    heads = records.view(np.uint8).reshape(count, size)[:, :DISCRIMINATOR_BYTES]
    needed = DISCRIMINATORS[name]
    different = np.flatnonzero(heads.copy().view("<u8")[:, 0] != int.from_bytes(needed, "little"))
    if different.size:
        row = int(different[0])
        raise LayoutError(name, row, "the discriminator names the kind", heads[row].tobytes().hex(), needed.hex())
    return records


def decode_users(accounts: Sequence[bytes], into: Records | None = None) -> Records:
    """`User` accounts as `USER` records; `into` as for `decode`. Raises `LayoutError`, `CapacityError`."""
    return decode(accounts, USER, "User", into)


def decode_orders(accounts: Sequence[bytes], into: Records | None = None) -> Records:
    """`Orders` accounts as `ORDERS` records; `into` as for `decode`. Raises `LayoutError`, `CapacityError`."""
    return decode(accounts, ORDERS, "Orders", into)


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
