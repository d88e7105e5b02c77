"""Builders: one for each instruction of the IDL, the same bytes and accounts as anchorpy's own."""

from __future__ import annotations

import inspect
import json
from typing import Any

import further_calls
import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.pubkey import Pubkey

import evertide
from evertide import (
    CancelArgs,
    CollateralTerms,
    EvidenceArgs,
    ExchangeTerms,
    FeeTier,
    LocalPrice,
    MakerRef,
    MarketTerms,
    NewOrder,
    OracleRules,
    OrderArgs,
    TimeInForce,
    constants,
    instructions,
)
from evertide._assemble import assemble, layout
from evertide._generated.instructions import INSTRUCTIONS
from evertide._pda import PROGRAM_ID
from evertide._program import program, program_for
from evertide._resources import idl_path
from evertide._transaction import budget, message
from evertide.errors import AddressInvalid, FloatRefused, NotExact, UnitOutOfRange, UsageError

KEY, USER, OTHER, TOKEN, MINT = (Pubkey(bytes([n]) * 32) for n in range(1, 6))


def order(**change: Any) -> OrderArgs:
    values: dict[str, Any] = {name: 0 for name, _ in OrderArgs.WIRE}
    values |= {"ask": True, "reduce_only": False}
    return OrderArgs(**(values | {"price_ticks": 7, "size_lots": 9} | change))


RULES = OracleRules(
    account=KEY,
    feed_id=bytes(range(32)),
    kind=2,
    samples_min=1,
    confidence_max_bps=2,
    volatility_max_bps=3,
    twap_step_max_bps=4,
    stale_margin_ms=5,
    stale_fill_ms=6,
    refused=bytes(8),
)


def filled(cls: type[Any], start: int) -> Any:
    """Arguments with a different number in every field."""
    values: dict[str, Any] = {}
    for number, (name, kind) in enumerate(cls.WIRE, start):
        if kind is OracleRules:
            values[name] = RULES
        elif kind == ("bytes", 16):
            values[name] = b"BTC-PERP".ljust(16, b"\0")
        elif isinstance(kind, tuple) and isinstance(kind[1], type):
            tier = FeeTier(volume_atoms=1, taker_fee_tenth_bps=40, maker_fee_tenth_bps=-3)
            values[name] = (tier,) * kind[2]
        elif isinstance(kind, tuple):
            values[name] = tuple(range(number, number + kind[2]))
        else:
            values[name] = number
    return cls(**values)


CALLS: dict[str, dict[str, Any]] = {
    "initialize_exchange": {
        "authority": KEY,
        "local": True,
        "terms": filled(ExchangeTerms, 1),
        "roles": [KEY, USER, OTHER, KEY],
        "genesis_hash": bytes(range(32)),
    },
    "list_collateral": {"root": KEY, "index": 1, "mint": MINT, "terms": filled(CollateralTerms, 5)},
    "list_market": {"root": KEY, "index": 2, "terms": filled(MarketTerms, 9)},
    "open_exchange": {"root": KEY},
    "fund_insurance": {"funder": KEY, "funder_token": TOKEN, "amount_atoms": 5, "tranche_atoms": 2},
    "collect_fees": {"market_index": 1, "treasury_token": TOKEN},
    "create_user": {"authority": KEY, "sub_id": 3},
    "close_user": {"authority": KEY, "sub_id": 3},
    "set_limits": {"authority": KEY, "user": USER, "user_ratio_bps": 500},
    "deposit": {
        "authority": KEY,
        "user": USER,
        "collateral_index": 1,
        "mint": MINT,
        "source_token": TOKEN,
        "amount_atoms": 10,
    },
    "withdraw": {
        "authority": KEY,
        "user": USER,
        "collateral_index": 1,
        "mint": MINT,
        "destination_token": TOKEN,
        "amount_atoms": 10,
    },
    "place_orders": {
        "signer": KEY,
        "user": USER,
        "orders": [order(market_index=5), order(market_index=3), order(market_index=5)],
    },
    "cancel_orders": {"signer": KEY, "user": USER, "selector": evertide.by_order_ids([4, 5])},
    "modify_order": {"signer": KEY, "user": USER, "order_id": 8, "replacement": order(market_index=2)},
    "match_orders": {
        "keeper": KEY,
        "market_index": 1,
        "taker_user": USER,
        "taker_order_id": 3,
        "makers": [(OTHER, 4), (TOKEN, 5), (OTHER, 6)],
    },
    "update_oracle": {"oracle": KEY, "market_index": 1},
    "update_mark": {"keeper": KEY, "market_index": 1, "bids": [(OTHER, 4)], "asks": [(TOKEN, 5), (OTHER, 6)]},
    "accrue_market": {"market_index": 1},
    "accrue_debt": {},
    "settle_pnl": {"market_index": 1, "user": USER},
    "touch_position": {"market_index": 1, "user": USER},
    "liquidate_orders": {"user": USER},
    "liquidate_position": {
        "authority": KEY,
        "liquidator": OTHER,
        "market_index": 1,
        "user": USER,
        "size_max_lots": 9,
    },
    "liquidate_with_orders": {
        "keeper": KEY,
        "market_index": 1,
        "user": USER,
        "makers": [(OTHER, 4), (TOKEN, 5), (OTHER, 6)],
        "keeper_user": MINT,
    },
    "liquidate_collateral": {"authority": KEY, "liquidator": OTHER, "user": USER, "collateral_index": 1},
    "liquidate_to_backstop": {"market_index": 1, "user": USER},
    "resolve_bankruptcy": {"market_index": 1, "user": USER},
    "assert_health": {"user": USER, "minimum_excess_atoms": -5, "maintenance": True},
    "assert_sequence": {"user": USER, "sequence": 77},
    "view_health": {"user": USER},
    "view_market": {"market_index": 1},
    **further_calls.CALLS,
}


def build(name: str) -> Instruction:
    made: Instruction = getattr(instructions, name)(**CALLS[name])
    return made


def test_every_instruction_of_the_idl_has_one_keyword_only_builder() -> None:
    names = {entry["name"] for entry in json.loads(idl_path().read_text())["instructions"]}
    assert names == set(CALLS) == set(INSTRUCTIONS) == {name for name in instructions.__all__ if name.islower()}
    for name in names:
        parameters = inspect.signature(getattr(instructions, name)).parameters.values()
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_accounts_and_discriminator_are_those_of_the_idl(name: str) -> None:
    made = build(name)
    table = layout(name)
    assert made.data[:8] == table.discriminator
    for meta, slot in zip(made.accounts, table.accounts, strict=False):
        absent = slot.optional and meta.pubkey == PROGRAM_ID
        assert absent or (meta.is_signer, meta.is_writable) == (slot.signer, slot.writable), slot.name
    assert len(made.accounts) >= len(table.accounts)


def to_anchorpy(coder: Any, kind: Any, value: Any) -> Any:
    """A value as anchorpy's coder wants it: named structs of its own."""
    if isinstance(value, evertide._wire.Wire):  # type: ignore[attr-defined]
        cls = coder.type[type(value).__name__]
        return cls(**{name: to_anchorpy(coder, inner, getattr(value, name)) for name, inner in type(value).WIRE})
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, tuple | list):
        return [to_anchorpy(coder, None, entry) for entry in value]
    return value


ARGS: dict[str, list[Any]] = {
    "initialize_exchange": [
        True,
        CALLS["initialize_exchange"]["terms"],
        CALLS["initialize_exchange"]["roles"],
        CALLS["initialize_exchange"]["genesis_hash"],
    ],
    "list_collateral": [CALLS["list_collateral"]["terms"]],
    "list_market": [CALLS["list_market"]["terms"]],
    "fund_insurance": [5, 2],
    "create_user": [3],
    "set_limits": [500, 0, 0xFFFF, 0],
    "deposit": [10],
    "withdraw": [10],
    "place_orders": [CALLS["place_orders"]["orders"], []],
    "cancel_orders": [CancelArgs(by=0, market_index=0, ask=False, ids=(4, 5))],
    "modify_order": [8, order(market_index=2), []],
    "match_orders": [
        3,
        [MakerRef(account=0, order_id=4), MakerRef(account=1, order_id=5), MakerRef(account=0, order_id=6)],
    ],
    "liquidate_position": [9],
    "liquidate_with_orders": [
        2**64 - 1,
        [MakerRef(account=0, order_id=4), MakerRef(account=1, order_id=5), MakerRef(account=0, order_id=6)],
    ],
    "liquidate_collateral": [2**64 - 1],
    "update_oracle": [LocalPrice(price=0, confidence=0, publish_time_ms=0)],
    "update_mark": [
        EvidenceArgs(refs=(MakerRef(account=0, order_id=4),)),
        EvidenceArgs(refs=(MakerRef(account=1, order_id=5), MakerRef(account=0, order_id=6))),
    ],
    "assert_health": [-5, 1],
    "assert_sequence": [77],
    **further_calls.ARGS,
}


@pytest.fixture(scope="module")
def anchor() -> Any:
    return program_for("http://127.0.0.1:1", None, "confirmed")


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_bytes_are_those_of_anchorpy(name: str, anchor: Any) -> None:
    made = build(name)
    args = [to_anchorpy(anchor, None, value) for value in ARGS.get(name, [])]
    encoded = anchor.coder.instruction.encode(
        name, dict(zip([arg.name for arg in _idl_args(anchor, name)], args, strict=True))
    )
    assert made.data == encoded


def _idl_args(anchor: Any, name: str) -> Any:
    return next(entry for entry in anchor.idl.instructions if entry.name == name).args


@pytest.mark.parametrize("name", ["match_orders", "liquidate_with_orders"])
def test_makers_of_one_user_share_a_pair_of_accounts(name: str) -> None:
    made = build(name)
    fixed = len(layout(name).accounts)
    pairs = [meta.pubkey for meta in made.accounts[fixed:]]
    assert pairs == [OTHER, evertide.orders_address(OTHER), TOKEN, evertide.orders_address(TOKEN)]
    assert all(meta.is_writable and not meta.is_signer for meta in made.accounts[fixed:])
    shown = build("update_mark").accounts[len(layout("update_mark").accounts) :]
    assert not any(meta.is_writable for meta in shown)


def test_a_market_comes_with_its_backstop() -> None:
    backstop = evertide.backstop_address(1)
    assert backstop == evertide.user_address(evertide.market_address(1), 0)
    for name in ("collect_fees", "liquidate_to_backstop"):
        assert backstop in [meta.pubkey for meta in build(name).accounts if meta.is_writable]
    listed = evertide.backstop_address(2)
    keys = [meta.pubkey for meta in build("list_market").accounts]
    assert keys[4:6] == [listed, evertide.orders_address(listed)]
    other = instructions.liquidate_to_backstop(market_index=1, user=USER, backstop=listed)
    assert listed in [meta.pubkey for meta in other.accounts]


def test_each_distinct_market_is_given_once_in_order_of_appearance() -> None:
    made = build("place_orders")
    markets = made.accounts[len(layout("place_orders").accounts) :]
    assert [meta.pubkey for meta in markets] == [evertide.market_address(5), evertide.market_address(3)]
    assert not any(meta.is_writable for meta in markets)


def test_only_a_local_price_makes_the_oracle_sign() -> None:
    price = LocalPrice(price=1, confidence=0, publish_time_ms=3)
    local = instructions.update_oracle(oracle=KEY, collateral_index=1, price=price)
    assert [meta.is_signer for meta in local.accounts if meta.pubkey == KEY] == [True]
    feed = instructions.update_oracle(oracle=KEY, market_index=1)
    assert not any(meta.is_signer for meta in feed.accounts)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: instructions.place_orders(signer=KEY, user=USER, orders=[]), UnitOutOfRange, "number of orders 0"),
        (
            lambda: instructions.place_orders(signer=KEY, user=USER, orders=[order()] * 9),
            UnitOutOfRange,
            "greatest value 8",
        ),
        (
            lambda: instructions.place_orders(signer=KEY, user=USER, orders=[order(size_lots=1.0)]),
            FloatRefused,
            "size_lots",
        ),
        (lambda: instructions.create_user(authority=KEY, sub_id=65_536), UnitOutOfRange, "greatest value 65535"),
        (lambda: instructions.create_user(authority=KEY, sub_id=True), FloatRefused, "sub_id"),
        (lambda: instructions.update_oracle(oracle=KEY), UsageError, "either market_index or collateral_index"),
        (lambda: instructions.update_oracle(oracle=KEY, market_index=0, collateral_index=0), UsageError, "either"),
        (lambda: instructions.assert_sequence(user=USER, sequence=-1), UnitOutOfRange, "below the least value 0"),
        (lambda: instructions.settle_pnl(market_index=0, user="nobody"), UsageError, "user is 'nobody'"),
        (lambda: assemble("accrue_debt", PROGRAM_ID, {}), UsageError, "accrue_debt needs the account"),
        (lambda: assemble("fly", PROGRAM_ID, {}), UsageError, "no instruction 'fly'"),
        (lambda: evertide.to_address("0x12"), AddressInvalid, "'0x12' is not an address"),
        (
            lambda: instructions.match_orders(keeper=KEY, market_index=0, taker_user=USER, taker_order_id=1, makers=[]),
            UnitOutOfRange,
            "number of makers 0",
        ),
        (
            lambda: instructions.liquidate_with_orders(keeper=KEY, market_index=0, user=USER, makers=[]),
            UnitOutOfRange,
            "number of makers 0",
        ),
        (
            lambda: instructions.liquidate_with_orders(keeper=KEY, market_index=0, user=USER, makers=[(OTHER, 1)] * 9),
            UnitOutOfRange,
            "greatest value 8",
        ),
        (
            lambda: instructions.liquidate_position(
                authority=KEY, liquidator=OTHER, market_index=0, user=USER, size_max_lots=0.5
            ),
            FloatRefused,
            "size_max_lots",
        ),
    ],
)
def test_bad_calls_are_refused_by_name(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_orders_in_words_become_orders_in_units() -> None:
    market = evertide.Market.decode(evertide.Market.DISCRIMINATOR + bytes(evertide.dtype("Market").itemsize - 8))
    terms = filled(MarketTerms, 1)
    object.__setattr__(terms, "tick_size_atoms", 10_000)
    object.__setattr__(terms, "lot_size_e9", 10_000_000)
    object.__setattr__(market, "terms", terms)
    limit = NewOrder(market=0, side="ask", size="1.25", price="99.50").to_args(market)
    assert (limit.size_lots, limit.price_ticks, limit.ask, limit.kind) == (125, 9_950, True, 0)
    assert limit.taker_phase_s == 12
    assert limit.client_order_id != 0
    quote = NewOrder(market=0, side="bid", size=1, price=99, time_in_force=TimeInForce.POST_ONLY, client_order_id=0)
    assert quote.to_args(market).taker_phase_s == 0
    taker = NewOrder(market=0, side="bid", size=1).to_args(market)
    assert (taker.kind, taker.price_ticks) == (constants.OrderKind.MARKET, 0)
    assert taker.time_in_force == TimeInForce.IMMEDIATE_OR_CANCEL
    with pytest.raises(NotExact, match="price"):
        NewOrder(market=0, side="bid", size=1, price="99.505").to_args(market)
    with pytest.raises(UsageError, match="side 'buy'"):
        NewOrder(market=0, side="buy", size=1).to_args(market)  # type: ignore[arg-type]


def test_a_program_without_a_provider_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a provider"):
        program(None)


@pytest.mark.parametrize("liquidation", [False, True])
def test_a_match_of_eight_makers_fits_with_and_without_lookup_tables(liquidation: bool) -> None:
    users = [Pubkey.new_unique() for _ in range(10)]
    common: dict[str, Any] = {"keeper": KEY, "market_index": 0, "makers": [(u, 5) for u in users[:8]]}
    if liquidation:
        step = instructions.liquidate_with_orders(user=users[9], keeper_user=users[8], **common)
    else:
        step = instructions.match_orders(taker_user=users[9], taker_order_id=1, keeper_user=users[8], **common)
    steps = [*budget(400_000, 1_000), step]
    addresses = [*evertide.exchange_addresses(3, 2), *users, *(evertide.orders_address(user) for user in users)]
    table = AddressLookupTableAccount(OTHER, addresses)
    blockhash = str(Pubkey.default())
    bare, packed = (1 + 64 + len(bytes(message(KEY, steps, blockhash, tables))) for tables in ([], [table]))
    assert bare <= 1_232
    # Room for signed orders in the same transaction.
    assert packed <= 430
