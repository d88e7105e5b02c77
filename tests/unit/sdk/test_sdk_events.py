"""Events: found among inner instructions, typed, and checked for gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from evertide import (
    EventGap,
    Fill,
    SequenceChecker,
    Skip,
    SkipReason,
    backstop_address,
    decode_event,
    events,
    transaction_events,
)
from evertide._base58 import decode as decode_base58
from evertide._base58 import encode as encode_base58
from evertide._events import EVENT_TAG, streams
from evertide._pda import PROGRAM_ID
from evertide.events import (
    ALL,
    BankruptcyResolved,
    CollateralLiquidated,
    Deposited,
    FeesCollected,
    LiquidationMatched,
    OrdersLiquidated,
    OrdersMatched,
    PositionLiquidated,
    UserClosed,
    UserCreated,
)

ALICE, BOB, CAROL = (Pubkey(bytes([n]) * 32) for n in (1, 2, 3))
STRANGER = Pubkey(bytes([9]) * 32)


def deposited(sequence: int, user: Pubkey = ALICE) -> Deposited:
    return Deposited(
        sequence=sequence,
        user=user,
        collateral_index=0,
        amount_atoms=5,
        balance_atoms=5,
        total_atoms=5,
        debt_atoms=0,
        from_=user,
    )


def matched(sequence: int, taker_sequence: int, makers: dict[Pubkey, int]) -> OrdersMatched:
    zero: dict[str, Any] = {name: 0 for name, kind in OrdersMatched.WIRE if kind in ("u8", "u16", "u64", "i64")}
    zero |= {name: () for name, kind in OrdersMatched.WIRE if isinstance(kind, tuple) and kind[0] == "vec"}
    zero |= {name: False for name, kind in OrdersMatched.WIRE if kind == "bool"}
    none = {name: 0 for name, kind in Fill.WIRE if kind in ("u64", "i64")}
    fills = tuple(Fill(**{**none, "maker": maker, "maker_sequence": number}) for maker, number in makers.items())
    return OrdersMatched(
        **{
            **zero,
            "sequence": sequence,
            "market_index": 4,
            "taker_ask": False,
            "auction": False,
            "taker": ALICE,
            "taker_sequence": taker_sequence,
            "keeper": Pubkey.default(),
            "open_interest_lots": (0, 0),
            "fills": fills,
            "skips": (),
            "linked": (),
        }
    )


def transaction(
    inner: list[tuple[int, list[tuple[Pubkey, bytes]]]], *, loaded: list[Pubkey] | None = None, err: Any = None
) -> Any:
    keys = [str(STRANGER), str(PROGRAM_ID)]
    everything = keys + [str(key) for key in loaded or []]
    groups = [
        {
            "index": index,
            "instructions": [
                {"programIdIndex": everything.index(str(program)), "data": encode_base58(data)}
                for program, data in calls
            ],
        }
        for index, calls in inner
    ]
    meta = {
        "err": err,
        "innerInstructions": groups,
        "loadedAddresses": {"writable": everything[2:], "readonly": []},
    }
    return {"slot": 12, "meta": meta, "transaction": {"signatures": ["sig"], "message": {"accountKeys": keys}}}


@given(st.binary(max_size=80))
def test_base58_survives(data: bytes) -> None:
    assert decode_base58(encode_base58(data)) == data


def test_base58_is_that_of_addresses() -> None:
    assert decode_base58(str(PROGRAM_ID)) == bytes(PROGRAM_ID)
    with pytest.raises(ValueError, match="'0' is not a base58 letter"):
        decode_base58("0")


def test_events_are_found_in_order_and_only_where_they_are_ours() -> None:
    first, second = deposited(1), deposited(2)
    body = transaction(
        [
            (3, [(PROGRAM_ID, EVENT_TAG + second.encode())]),
            (
                1,
                [
                    (STRANGER, EVENT_TAG + deposited(9).encode()),
                    (PROGRAM_ID, b"\x00" * 40),
                    (PROGRAM_ID, EVENT_TAG + b"\xff" * 40),
                    (PROGRAM_ID, EVENT_TAG + first.encode()),
                ],
            ),
        ]
    )
    found = transaction_events(body)
    assert [landed.event for landed in found] == [first, second]
    assert [(landed.name, landed.slot, landed.signature) for landed in found] == [("Deposited", 12, "sig")] * 2
    assert [landed.instruction_index for landed in found] == [1, 3]


def test_programs_loaded_from_a_lookup_table_are_resolved() -> None:
    body = transaction([(0, [(ALICE, EVENT_TAG + deposited(1).encode())])], loaded=[BOB, ALICE])
    assert transaction_events(body) == []
    assert len(transaction_events(body, program_id=ALICE)) == 1


def test_a_failed_transaction_has_no_events() -> None:
    inner = [(0, [(PROGRAM_ID, EVENT_TAG + deposited(1).encode())])]
    assert transaction_events(transaction(inner, err={"InstructionError": [0, {"Custom": 1}]})) == []
    assert len(transaction_events(transaction(inner))) == 1


def test_the_tag_is_needed() -> None:
    assert decode_event(deposited(1).encode()) is None
    assert decode_event(EVENT_TAG + deposited(1).encode()) == deposited(1)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_event_belongs_to_a_stream(cls: type[Any]) -> None:
    fields = {name: _anything(kind) for name, kind in cls.WIRE}
    found = streams(cls(**fields))
    if cls.__name__ == "AccountExtended":
        # It changes no balance and nothing numbers it: any account, of any owner.
        assert found == []
        return
    assert found, "an event without a stream cannot be checked for gaps"
    assert found[0][1] == fields["sequence"]


def _anything(kind: Any) -> Any:
    if isinstance(kind, type):
        return kind(**{name: _anything(inner) for name, inner in kind.WIRE})
    if isinstance(kind, tuple):
        if kind[0] == "bytes":
            return bytes(kind[1])
        return () if kind[0] == "vec" else (_anything(kind[1]),) * kind[2]
    return {"pubkey": ALICE, "bool": False}.get(kind, 7)


def test_gaps_and_repetitions_are_noticed_and_followed() -> None:
    """F-06: numbers of a stream that are missing or come twice."""
    checker = SequenceChecker()
    checker.check(deposited(5))
    checker.check(deposited(6))
    checker.check(deposited(0, BOB))
    with pytest.raises(EventGap) as caught:
        checker.check(deposited(8))
    assert (caught.value.expected, caught.value.found) == (7, 8)
    assert str(ALICE) in caught.value.stream
    checker.check(deposited(9))
    with pytest.raises(EventGap):
        checker.check(deposited(9))


def test_a_match_advances_its_market_and_every_user_in_it() -> None:
    checker = SequenceChecker({"market 4": 10})
    checker.check(deposited(0))
    checker.check(deposited(3, BOB))
    checker.check(matched(10, 1, {BOB: 4, CAROL: 8}))
    assert checker.expected == {"market 4": 11, f"user {ALICE}": 2, f"user {BOB}": 5, f"user {CAROL}": 9}
    with pytest.raises(EventGap, match=f"events of user {BOB}"):
        checker.check(matched(11, 2, {BOB: 6}))


def test_makers_that_were_passed_over_but_changed_advance_too() -> None:
    number = SkipReason.MARGIN
    skip = example(Skip, maker=BOB, maker_sequence=4, reason=number, removed=False, funding_atoms=0)
    named = {"sequence": 10, "market_index": 4, "taker": ALICE, "taker_sequence": 1, "fills": ()}
    matched_market = [("market 4", 10), (f"user {ALICE}", 1)]
    assert streams(example(OrdersMatched, **named, skips=(skip,))) == matched_market
    for change in ({"removed": True}, {"funding_atoms": -1}, {"reason": int(SkipReason.SELF_TRADE)}):
        changed = streams(example(OrdersMatched, **named, skips=(replace(skip, **change),)))
        assert changed == [*matched_market, (f"user {BOB}", 4)]
    own = replace(skip, maker=ALICE, removed=True)
    assert streams(example(OrdersMatched, **named, skips=(own,))) == matched_market


def example(cls: type[Any], **change: Any) -> Any:
    return cls(**{**{name: _anything(kind) for name, kind in cls.WIRE}, **change})


def test_the_way_down_advances_everybody_in_it() -> None:
    parties = {"market_index": 4, "user": ALICE, "liquidator": BOB}
    moved = example(PositionLiquidated, **{**parties, "sequence": 1, "user_sequence": 2, "liquidator_sequence": 3})
    assert streams(moved) == [("market 4", 1), (f"user {ALICE}", 2), (f"user {BOB}", 3)]
    fill = example(Fill, maker=CAROL, maker_sequence=9)
    closed = example(LiquidationMatched, sequence=1, market_index=4, user=ALICE, user_sequence=2, fills=(fill, fill))
    assert streams(closed) == [("market 4", 1), (f"user {ALICE}", 2), (f"user {CAROL}", 9)]
    sold = example(CollateralLiquidated, sequence=1, user=ALICE, liquidator=BOB, liquidator_sequence=3)
    assert streams(sold) == [(f"user {ALICE}", 1), (f"user {BOB}", 3)]
    borne = example(BankruptcyResolved, sequence=1, market_index=4, user=ALICE, user_sequence=2)
    assert streams(borne) == [("market 4", 1), (f"user {ALICE}", 2)]
    assert streams(example(OrdersLiquidated, sequence=1, user=ALICE)) == [(f"user {ALICE}", 1)]


def test_a_collection_advances_the_backstop_only_when_it_takes_its_profit() -> None:
    given = {"sequence": 5, "market_index": 4, "backstop_sequence": 6}
    assert streams(example(FeesCollected, **given, backstop_atoms=0)) == [("market 4", 5)]
    taken = example(FeesCollected, **given, backstop_atoms=1)
    assert streams(taken) == [("market 4", 5), (f"user {backstop_address(4)}", 6)]
    assert streams(taken, STRANGER)[1] == (f"user {backstop_address(4, STRANGER)}", 6)
    checker = SequenceChecker({f"user {backstop_address(4, STRANGER)}": 5}, program_id=STRANGER)
    with pytest.raises(EventGap, match="sequence 6 follows where 5 was expected"):
        checker.check(taken)


def test_a_user_that_was_closed_and_created_again_starts_at_zero() -> None:
    checker = SequenceChecker()
    checker.check(UserClosed(sequence=41, user=ALICE, authority=ALICE, sub_id=0))
    checker.check(UserCreated(sequence=0, user=ALICE, authority=ALICE, sub_id=0, created_ms=1, referrer=BOB))
    checker.check(deposited(1))


def test_the_public_module_has_every_event() -> None:
    assert {cls.__name__ for cls in ALL} <= set(vars(events))
