"""Bytes and back: every generated class, and the same bytes through numpy."""

from __future__ import annotations

import copy
import dataclasses
import json
import keyword
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

import evertide
from evertide._generated import accounts, events, types
from evertide._resources import layouts_path
from evertide._wire import Wire, fixed_size, integer_range
from evertide.errors import AccountMismatch, FloatRefused, UnitOutOfRange, UsageError

ALL = (*types.ALL, *accounts.ALL, *events.ALL)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a wire kind."""
    if isinstance(kind, type):
        return st.builds(kind, **{name: values_of(inner) for name, inner in kind.WIRE})
    if isinstance(kind, tuple):
        if kind[0] == "bytes":
            return st.binary(min_size=kind[1], max_size=kind[1])
        if kind[0] == "array":
            # Long arrays repeat one value: drawing 48 rows of 20 fields each would only be slow.
            one = values_of(kind[1])
            return one.map(lambda value: (value,) * kind[2])
        if kind[0] == "vec":
            return st.lists(values_of(kind[1]), max_size=3).map(tuple)
        return st.none() | values_of(kind[1])
    if kind == "bool":
        return st.booleans()
    if kind == "pubkey":
        return st.binary(min_size=32, max_size=32).map(Pubkey.from_bytes)
    if kind == "string":
        return st.text(max_size=8)
    return st.integers(*integer_range(kind))


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(data=st.data())
def test_every_class_survives_its_bytes(cls: type[Wire], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    encoded = value.encode()
    assert cls.decode(encoded) == value
    # A newer layout only adds at the end.
    assert cls.decode(encoded + b"\x07" * 5) == value
    size = fixed_size(cls)
    if size is not None:
        assert len(encoded) == size + len(cls.DISCRIMINATOR)
    with pytest.raises(AccountMismatch):
        cls.decode(encoded[:-1])


@pytest.mark.parametrize("cls", accounts.ALL, ids=lambda cls: cls.__name__)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(data=st.data())
def test_numpy_reads_what_the_dataclass_reads(cls: type[Wire], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    row = evertide.decode_many(cls.__name__, [value.encode()])[0]
    for name, kind in cls.WIRE:
        assert_same(row[name], getattr(value, name), kind)


def assert_same(found: Any, expected: Any, kind: Any) -> None:
    """A numpy value against the dataclass's."""
    if isinstance(kind, type):
        for name, inner in kind.WIRE:
            assert_same(found[name], getattr(expected, name), inner)
    elif isinstance(kind, tuple) and kind[0] == "bytes":
        assert bytes(found) == expected
    elif isinstance(kind, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, kind[1])
    elif kind in ("i128", "u128"):
        assert (int(found["high"]) << 64) + int(found["low"]) == expected
    elif kind == "pubkey":
        assert found.tobytes() == bytes(expected)
    else:
        assert int(found) == int(expected)


def test_sizes_and_offsets_are_those_that_rust_measured() -> None:
    layouts = json.loads(layouts_path().read_text())
    known = {cls.__name__ for cls in accounts.ALL}
    assert set(layouts["accounts"]) == known
    for name in sorted(known):
        entry = layouts["accounts"][name]
        found = evertide.dtype(name)
        assert found.itemsize == entry["size"], name
        for field in entry["fields"]:
            assert found.fields is not None
            attribute = f"{field['name']}_" if keyword.iskeyword(field["name"]) else field["name"]
            assert found.fields[attribute][1] == field["offset"], (name, attribute)


def test_ten_thousand_users_are_one_view() -> None:
    user = accounts.User.DISCRIMINATOR + bytes(evertide.dtype("User").itemsize - 8)
    rows = evertide.decode_many("User", [user] * 10_000)
    assert rows.shape == (10_000,)
    assert rows["positions"].shape == (10_000, evertide.constants.POSITIONS_MAX)
    assert not rows.flags.writeable


def test_wrong_and_short_accounts_are_named() -> None:
    """F-25: accounts of another kind or of an older layout."""
    good = accounts.Insurance.DISCRIMINATOR + bytes(evertide.dtype("Insurance").itemsize - 8)
    with pytest.raises(AccountMismatch, match="Insurance number 1: discriminator"):
        evertide.decode_many("Insurance", [good, bytes(len(good))])
    with pytest.raises(AccountMismatch, match="length in bytes"):
        evertide.decode_many("Insurance", [good, good[:-1]])
    assert len(evertide.decode_many("Insurance", [good, good + b"later"])) == 2
    assert len(evertide.decode_many("Insurance", [])) == 0
    with pytest.raises(AccountMismatch, match="discriminator"):
        evertide.decode(b"")
    with pytest.raises(UsageError, match="no account is called 'Nothing'"):
        evertide.dtype("Nothing")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"order_id": -1}, UnitOutOfRange, "MakerRef.order_id -1 is below the least value 0"),
        ({"order_id": 2**64}, UnitOutOfRange, "above the greatest value 18446744073709551615"),
        ({"order_id": 1.0}, FloatRefused, "MakerRef.order_id is 1.0, a float"),
        ({"account": True}, FloatRefused, "MakerRef.account is True, a bool"),
        ({"account": 256}, UnitOutOfRange, "above the greatest value 255"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    value = dataclasses.replace(evertide.MakerRef(account=1, order_id=2), **change)
    with pytest.raises(error, match=words):
        value.encode()


def test_values_with_addresses_can_be_copied_and_pickled() -> None:
    event = events.UserCreated(
        sequence=0,
        user=Pubkey.new_unique(),
        authority=Pubkey.new_unique(),
        sub_id=1,
        created_ms=2,
        referrer=Pubkey.default(),
    )
    assert copy.deepcopy(event) == event
    assert pickle.loads(pickle.dumps(event)) == event
    assert dataclasses.asdict(event)["sub_id"] == 1


def test_a_bool_byte_of_two_is_refused() -> None:
    event = events.OrdersMatched
    position = 8 + 8 + 2
    data = bytearray(event.DISCRIMINATOR + bytes(400))
    data[position] = 2
    with pytest.raises(AccountMismatch, match="bool byte is 2"):
        event.decode(bytes(data))


def test_numbers_of_128_bits_are_two_words_in_numpy() -> None:
    assert evertide.dtype("Position")["j_snapshot"] == np.dtype([("low", "<u8"), ("high", "<i8")])
