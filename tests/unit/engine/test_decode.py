"""Account bytes to records: prefixes, mixed batches, short accounts, and the time it takes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertide_engine import decode
from evertide_engine._generated.layouts import ACCOUNTS, DISCRIMINATORS, USER
from evertide_engine.errors import CapacityError, LayoutError


def user_bytes(number: int) -> bytes:
    """A User account whose quote balance is `-number`."""
    record = np.zeros(1, USER)
    record["discriminator"][0] = np.frombuffer(DISCRIMINATORS["User"], np.uint8)
    record["quote_atoms"] = -number
    return record.tobytes()


def test_every_account_survives_the_round_trip() -> None:
    generator = np.random.default_rng(7)
    for name, dtype in ACCOUNTS.items():
        data = [DISCRIMINATORS[name] + generator.bytes(dtype.itemsize - 8) for _ in range(3)]
        records = decode.decode(data, dtype, name)
        assert [record.tobytes() for record in records] == data
        assert records.flags.writeable


def test_grown_accounts_are_read_by_their_prefix_and_order_is_kept() -> None:
    records = decode.decode_users([user_bytes(1), user_bytes(2) + b"later", user_bytes(3)])
    assert records["quote_atoms"].tolist() == [-1, -2, -3]
    assert len(decode.decode_users([])) == 0


def test_an_array_that_is_kept_takes_the_accounts_of_each_call() -> None:
    kept = np.empty(4, USER)
    for numbers in ((1, 2, 3), (7,), (), (4, 5, 6, 8)):
        records = decode.decode_users([user_bytes(number) for number in numbers], kept)
        assert records["quote_atoms"].tolist() == [-number for number in numbers]
        assert np.shares_memory(records, kept) or not numbers
    views = [memoryview(user_bytes(1)), bytearray(user_bytes(2) + b"later"), user_bytes(3)]
    assert decode.decode_users(views, kept)["quote_atoms"].tolist() == [-1, -2, -3]
    with pytest.raises(CapacityError, match="rows of User records are full: 5 of 4 used"):
        decode.decode_users([user_bytes(1)] * 5, kept)
    with pytest.raises(CapacityError):
        decode.decode_users([user_bytes(1)], np.empty(4, ACCOUNTS["Orders"]))


def test_short_and_mixed_accounts_are_refused_with_what_was_found() -> None:
    """F-25: an account of another layout is named."""
    with pytest.raises(LayoutError, match=f"User account 1: .*found {USER.itemsize - 1}, needed {USER.itemsize}"):
        decode.decode_users([user_bytes(1), user_bytes(2)[:-1]])
    with pytest.raises(LayoutError, match=r"User account 0: .*discriminator"):
        decode.decode_users([DISCRIMINATORS["Orders"] + user_bytes(2)[8:]])
    with pytest.raises(LayoutError, match=r"User account 1: .*discriminator"):
        decode.decode_users([user_bytes(1), DISCRIMINATORS["Orders"] + user_bytes(2)[8:]])


def test_ten_thousand_users_decode_in_less_than_fifty_milliseconds() -> None:
    """F-22: many accounts are one array."""
    accounts = [user_bytes(number % 100) for number in range(10_000)]
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        records = decode.decode_users(accounts)
        best = min(best, time.perf_counter() - start)
    assert int(records["quote_atoms"].sum()) == -sum(number % 100 for number in range(10_000))
    assert best < 0.050


@given(value=st.integers(-(1 << 127), (1 << 127) - 1))
def test_wide_integers_survive_the_round_trip(value: int) -> None:
    low, high = decode.int_to_wide(value)
    assert decode.wide_to_int({"low": low, "high": high}) == value


def test_wide_integers_beyond_128_bits_are_refused() -> None:
    with pytest.raises(OverflowError):
        decode.int_to_wide(1 << 127)
