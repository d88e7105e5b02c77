"""Changes under the timelock: which parameters there are, what a value means, where a change stands."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from audit_history import blank
from solders.pubkey import Pubkey

from evertide import (
    PARAMETERS,
    ChangeClass,
    ChangeStatus,
    ChangeTarget,
    CollateralTerms,
    Exchange,
    MarketTerms,
    ParamChange,
    change_address,
    change_key,
    change_view,
    collateral_address,
    exchange_address,
    listing_key,
    market_address,
    parameter,
    proposed_value,
)
from evertide.errors import FloatRefused, NotExact, UnitOutOfRange, UsageError

ORACLE = Pubkey(bytes([7]) * 32)
EXCHANGE: Exchange = blank(Exchange, market_count=2, collateral_count=2, first_change=3)
NONE = bytes(32)


def change(**given: Any) -> ParamChange:
    known = {"number": 5, "field": parameter("band_bps", "market").number, "target": market_address(1)}
    made: ParamChange = blank(ParamChange, **(known | {"earliest_ms": 1_000, "expiry_ms": 2_000} | given))
    return made


def test_every_parameter_is_found_by_name_and_target() -> None:
    assert len({(entry.target, entry.name) for entry in PARAMETERS}) == len(PARAMETERS)
    for entry in PARAMETERS:
        assert parameter(entry.name, entry.target) is entry
    with pytest.raises(UsageError, match="market has no parameter 'band'"):
        parameter("band", "market")
    with pytest.raises(UsageError, match=r"did you mean oracle\.account"):
        parameter("oracle", "collateral")


@pytest.mark.parametrize("entry", [entry for entry in PARAMETERS if entry.kind != "key"], ids=lambda entry: entry.name)
def test_values_at_both_bounds_and_beyond(entry: Any) -> None:
    assert proposed_value(entry, entry.minimum) == (entry.minimum, NONE)
    assert proposed_value(entry, str(entry.maximum)) == (entry.maximum, NONE)
    with pytest.raises(UnitOutOfRange):
        proposed_value(entry, entry.minimum - 1)
    with pytest.raises(UnitOutOfRange):
        proposed_value(entry, entry.maximum + 1)


def test_values_of_other_shapes() -> None:
    key, status, band = (parameter(name, "market") for name in ("oracle.account", "status", "band_bps"))
    for text in (str(ORACLE), ORACLE, bytes(ORACLE), bytes(ORACLE).hex()):
        assert proposed_value(key, text) == (0, bytes(ORACLE))
    assert proposed_value(status, "halted")[0] == 3
    with pytest.raises(NotExact, match="whole number"):
        proposed_value(status, "asleep")
    with pytest.raises(NotExact, match="band_bps"):
        proposed_value(band, "2.5")
    with pytest.raises((NotExact, FloatRefused)):
        proposed_value(band, True)
    with pytest.raises(UsageError, match="31"):
        proposed_value(key, bytes(31))
    with pytest.raises(UsageError):
        proposed_value(key, "nobody")
    with pytest.raises(UsageError, match="32 bytes"):
        proposed_value(key, 5)


def test_a_target_is_a_market_an_asset_or_the_exchange() -> None:
    for address, target in (
        (exchange_address(), ChangeTarget()),
        (market_address(1), ChangeTarget(market_index=1)),
        (collateral_address(0), ChangeTarget(collateral_index=0)),
    ):
        assert change_view(change(target=address), EXCHANGE, now_ms=0).target == target
    with pytest.raises(UsageError, match="none of the exchange's accounts"):
        change_view(change(target=market_address(2)), EXCHANGE, now_ms=0)
    with pytest.raises(UsageError, match="not of both"):
        ChangeTarget(market_index=0, collateral_index=0)


@pytest.mark.parametrize(
    ("given", "now_ms", "executable", "lapsed"),
    [
        ({}, 999, False, False),
        ({}, 1_000, True, False),
        ({}, 1_999, True, False),
        ({}, 2_000, False, True),
        ({"number": 2}, 1_500, False, True),
        ({"status": int(ChangeStatus.CANCELLED)}, 1_500, False, False),
        ({"status": int(ChangeStatus.RAMPING)}, 9_999, False, False),
    ],
)
def test_where_a_change_stands(given: dict[str, Any], now_ms: int, executable: bool, lapsed: bool) -> None:
    view = change_view(change(**given, class_=int(ChangeClass.DELAYED)), EXCHANGE, now_ms=now_ms)
    assert (view.executable, view.lapsed, view.effect) == (executable, lapsed, ChangeClass.DELAYED)
    assert view.parameter.name == "band_bps"


def test_a_listing_is_named_by_its_terms() -> None:
    terms = replace(blank(MarketTerms, symbol=bytes(16)), band_bps=9)
    assert listing_key(terms) == hashlib.sha256(terms.encode()).digest() != listing_key(replace(terms, band_bps=8))
    asset = blank(CollateralTerms)
    assert listing_key(asset, ORACLE) == hashlib.sha256(bytes(ORACLE) + asset.encode()).digest()
    words = tuple(int.from_bytes(listing_key(terms)[at : at + 8], "little") for at in range(0, 32, 8))
    assert change_key(change(words=words)) == listing_key(terms)
    with pytest.raises(UsageError, match="names its mint"):
        listing_key(asset)
    with pytest.raises(UsageError, match="of a market none"):
        listing_key(terms, ORACLE)


def test_addresses_of_changes() -> None:
    assert change_address(0) != change_address(1)
    for number in (-1, 2**64):
        with pytest.raises(UnitOutOfRange):
            change_address(number)
    with pytest.raises(FloatRefused):
        change_address(True)
