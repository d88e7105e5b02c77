"""Builders as the exchange's accounts tell of them, and the payments of what markets owe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audit_history import blank
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import (
    Builder,
    EvertideClient,
    Exchange,
    Market,
    Orders,
    UnknownBuilder,
    User,
    builder_views,
    instructions,
)
from evertide._events import streams
from evertide._pda import market_address
from evertide.errors import UsageError
from evertide.events import RewardPaid

ALICE, BOB = (Pubkey(bytes([n]) * 32) for n in (1, 2))
NONE: Builder = blank(Builder, user=Pubkey.default())
REGISTERED = replace(NONE, user=ALICE, code=1)
RETIRED = replace(NONE, user=BOB, code=11, unpaid_markets=0b101)
EXCHANGE: Exchange = blank(Exchange, builders=(REGISTERED, NONE, RETIRED, *[NONE] * 5))


def market(index: int, *owed: int, **fields: Any) -> Market:
    made: Market = blank(Market, index=index, builder_owed_atoms=(*owed, *[0] * (8 - len(owed))), **fields)
    return made


MARKETS = [market(0, 5, 0, 7, pool_atoms=100), market(1, 6, pool_atoms=0), market(2)]


class Reader(EvertideClient):
    """A client that reads these accounts and sends nothing."""

    def __init__(self, markets: list[Market], owed_atoms: int = 0, referrer: Pubkey = ALICE) -> None:
        super().__init__("http://127.0.0.1:1")
        self.listed, self.owed_atoms, self.referrer = markets, owed_atoms, referrer

    async def exchange(self) -> Exchange:
        return EXCHANGE

    async def markets(self) -> list[Market]:
        return self.listed

    async def user(self, user: Pubkey) -> User:
        made: User = blank(User, referrer=self.referrer)
        return made

    async def orders(self, user: Pubkey) -> Orders:
        made: Orders = blank(Orders, referral_owed_atoms=self.owed_atoms)
        return made


def paid_in(steps: list[Any]) -> list[int]:
    return [next(n for n in range(3) if market_address(n) in [meta.pubkey for meta in step.accounts]) for step in steps]


def test_the_table_without_its_free_entries() -> None:
    first, second = builder_views(EXCHANGE, MARKETS)
    assert (first.entry, first.code, first.user, first.registered) == (0, 1, ALICE, True)
    assert (first.owed_atoms, first.unpaid_markets) == ({0: 5, 1: 6}, ())
    assert (second.entry, second.code, second.registered) == (2, 11, False)
    assert (second.owed_atoms, second.unpaid_markets) == ({0: 7}, (0, 2))


async def test_a_builder_is_paid_where_a_market_can_pay() -> None:
    client = Reader(MARKETS)
    assert paid_in(await client.pay_builder_instructions(0)) == [0]
    assert paid_in(await client.pay_builder_instructions(0, authority=ALICE)) == [0, 1]
    # Market 2 owes the retired one nothing, and has to say so.
    assert paid_in(await client.pay_builder_instructions(2)) == [0, 2]
    # Where no market can pay, the program says why.
    assert paid_in(await Reader([market(0), MARKETS[1], market(2)]).pay_builder_instructions(0)) == [1]
    with pytest.raises(UnknownBuilder, match="entry 1 of the builder table"):
        await client.pay_builder_instructions(1)


async def test_a_referrer_is_paid_from_as_many_markets_as_it_takes() -> None:
    owing = [
        market(0, referral_owed_atoms=30, pool_atoms=20),
        market(1, referral_owed_atoms=40, pool_atoms=90, deficit_atoms=1),
        market(2, referral_owed_atoms=50, pool_atoms=60),
    ]
    assert paid_in(await Reader(owing, 10).pay_referrer_instructions(BOB)) == [0]
    assert paid_in(await Reader(owing, 60).pay_referrer_instructions(BOB)) == [0, 2]
    assert paid_in(await Reader(owing, 60).pay_referrer_instructions(BOB, authority=ALICE)) == [0, 1]
    assert paid_in(await Reader(owing[1:2], 60).pay_referrer_instructions(BOB)) == [1]
    assert await Reader(owing, 0).pay_referrer_instructions(BOB) == []
    with pytest.raises(UsageError, match="has no referrer"):
        await Reader(owing, 10, Pubkey.default()).pay_referrer_instructions(BOB)


def test_an_owner_who_takes_the_backed_part_signs() -> None:
    key = Keypair().pubkey()
    for made in (
        instructions.pay_builder(market_index=0, entry=1, recipient=ALICE, authority=key),
        instructions.pay_referrer(market_index=0, user=BOB, recipient=ALICE, authority=key),
    ):
        assert [meta.pubkey for meta in made.accounts if meta.is_signer] == [key]
    unsigned = instructions.pay_referrer(market_index=0, user=BOB, recipient=ALICE)
    assert not any(meta.is_signer for meta in unsigned.accounts)


def test_a_payment_advances_its_market_and_a_recipient_that_is_there() -> None:
    event: RewardPaid = blank(RewardPaid, sequence=4, market_index=2, recipient=ALICE, recipient_sequence=9)
    assert streams(event) == [("market 2", 4), (f"user {ALICE}", 9)]
    assert streams(replace(event, recipient_sequence=0)) == [("market 2", 4)]
