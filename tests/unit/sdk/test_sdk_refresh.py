"""Which rows must be renewed before an action, and with what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from solders.pubkey import Pubkey

import evertide
from evertide import Feeds, LocalPrice, OracleRules, RiskCache, User, constants, instructions
from evertide._refresh import StaleRow, carries_risk, refresh, rows_read, stale_rows
from evertide.errors import OracleNotNewer, RpcUnreachable, StaleRisk, UnitOutOfRange

NOW_MS = 1_000_000
SIGNER, FEED = Pubkey(bytes([1]) * 32), Pubkey(bytes([2]) * 32)
STALE_FOR_FILLS, STALE_FOR_MARGIN = constants.STALE_FOR_FILLS, constants.STALE_FOR_MARGIN


def empty(cls: Any) -> Any:
    return cls.decode(cls.DISCRIMINATOR + bytes(evertide.dtype(cls.__name__).itemsize - 8))


def cache(**rows: dict[str, int]) -> RiskCache:
    """A cache whose rows `m0`, `c1` ... have these fields; every other row is fresh."""
    value = empty(RiskCache)
    fresh = {"updated_ms": NOW_MS, "publish_time_ms": NOW_MS}
    markets = [replace(row, **(fresh | rows.get(f"m{n}", {}))) for n, row in enumerate(value.markets)]
    assets = [replace(row, **(fresh | rows.get(f"c{n}", {}))) for n, row in enumerate(value.collaterals)]
    return replace(value, markets=tuple(markets), collaterals=tuple(assets))


def rules(kind: constants.OracleKind) -> OracleRules:
    return OracleRules(
        account=SIGNER,
        feed_id=bytes([7]) * 32,
        kind=int(kind),
        samples_min=1,
        confidence_max_bps=1,
        volatility_max_bps=1,
        twap_step_max_bps=1,
        stale_margin_ms=45_000,
        stale_fill_ms=4_000,
        refused=bytes(8),
    )


async def price(kind: str, index: int) -> LocalPrice:
    return LocalPrice(price=10 + index, confidence=len(kind), publish_time_ms=NOW_MS)


def test_rows_are_those_of_what_is_held_and_named() -> None:
    user = empty(User)
    positions = list(user.positions)
    positions[0] = replace(positions[0], market_plus_one=4, basis_lots=-1)
    positions[1] = replace(positions[1], market_plus_one=6, open_ask_lots=2)
    # Only cash: it reads no price.
    positions[2] = replace(positions[2], market_plus_one=9, cash_atoms=5)
    slots = list(user.collaterals)
    slots[3] = replace(slots[3], collateral_index=2, amount_atoms=1)
    slots[4] = replace(slots[4], collateral_index=5, amount_atoms=0)
    held = replace(user, positions=tuple(positions), collaterals=tuple(slots))
    assert rows_read(held) == ({3, 5}, {2})
    assert rows_read(held, [1], [0, 3]) == ({1, 3, 5}, {2, 3})


@pytest.mark.parametrize(
    ("change", "valued"),
    [
        ({}, False),
        ({"cash_atoms": 5}, False),
        ({"cash_atoms": -1}, True),
        ({"basis_lots": 1}, True),
        ({"open_order_count": 1}, True),
    ],
)
def test_only_who_carries_risk_is_valued_on_a_withdrawal(change: dict[str, int], valued: bool) -> None:
    user = empty(User)
    positions = (replace(user.positions[0], market_plus_one=4, **change), *user.positions[1:])
    assert carries_risk(replace(user, positions=positions, quote_atoms=7)) is valued
    assert carries_risk(replace(user, quote_atoms=-1))


async def test_a_withdrawal_without_risk_reads_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = list(empty(User).collaterals)
    slots[0] = replace(slots[0], collateral_index=1, amount_atoms=1)
    saver = replace(empty(User), collaterals=tuple(slots), quote_atoms=5)

    async def read(self: evertide.EvertideClient, where: Pubkey) -> User:
        return saver

    monkeypatch.setattr(evertide.EvertideClient, "user", read)
    async with evertide.EvertideClient("http://127.0.0.1:9") as client:
        assert await client.refresh_instructions(SIGNER, withdrawal=True) == []
        with pytest.raises(RpcUnreachable):
            await client.refresh_instructions(SIGNER)


def test_fresh_rows_need_nothing() -> None:
    assert stale_rows(cache(), range(4), range(4), NOW_MS) == []
    # Too old for fills only: an account may still be valued with it.
    assert stale_rows(cache(m1={"validity": STALE_FOR_FILLS}), [1], [], NOW_MS) == []


def test_old_and_refused_rows_are_found() -> None:
    limit = constants.ROW_AGE_MAX_MS
    rows = cache(
        m0={"updated_ms": NOW_MS - limit},
        m2={"validity": STALE_FOR_MARGIN, "publish_time_ms": NOW_MS - 50_000},
        c1={"updated_ms": NOW_MS - limit + 1},
    )
    assert stale_rows(rows, [0, 1, 2], [1, 2], NOW_MS) == [
        StaleRow("market", 0, limit, 0, False),
        StaleRow("market", 2, 0, 50_000, True),
        StaleRow("collateral", 1, limit - 1, 0, False),
    ]


@pytest.mark.parametrize("index", [-1, constants.MARKETS_MAX, 65_535])
def test_an_index_that_no_row_has_is_named_with_its_bound(index: int) -> None:
    bound = 0 if index < 0 else constants.MARKETS_MAX - 1
    with pytest.raises(UnitOutOfRange, match=f"market index {index} .* {bound}"):
        stale_rows(cache(), [0, index], [], NOW_MS)
    with pytest.raises(UnitOutOfRange, match=f"collateral index {index} "):
        stale_rows(cache(), [], [index], NOW_MS)


async def test_a_market_with_a_good_price_is_only_accrued() -> None:
    row = StaleRow("market", 3, 11_000, 11_000, False)
    steps = await refresh(row, rules(constants.OracleKind.LOCAL), Feeds(), frozenset())
    assert steps == [instructions.accrue_market(market_index=3)]


@pytest.mark.parametrize("row", [StaleRow("market", 3, 11_000, 45_000, False), StaleRow("market", 3, 5, 5, True)])
async def test_a_market_with_an_old_price_needs_its_feed(row: StaleRow) -> None:
    local = rules(constants.OracleKind.LOCAL)
    steps = await refresh(row, local, Feeds(price_source=price), frozenset([SIGNER]))
    signed = instructions.update_oracle(oracle=SIGNER, market_index=3, price=await price("market", 3))
    assert steps == [signed, instructions.accrue_market(market_index=3)]
    for feeds, held in ((Feeds(price_source=price), frozenset()), (Feeds(), frozenset([SIGNER]))):
        with pytest.raises(StaleRisk, match="market 3") as caught:
            await refresh(row, local, feeds, held)
        assert caught.value.limit_ms == 45_000


async def test_a_collateral_always_needs_a_price() -> None:
    row = StaleRow("collateral", 1, 10_500, 10_500, False)
    with pytest.raises(StaleRisk, match="collateral 1 is 10500 ms old, limit 10000 ms"):
        await refresh(row, rules(constants.OracleKind.PYTH), Feeds(), frozenset())
    pyth = await refresh(
        row, rules(constants.OracleKind.PYTH), Feeds(pyth_accounts={bytes([7]) * 32: FEED}), frozenset()
    )
    assert pyth == [instructions.update_oracle(oracle=FEED, collateral_index=1)]
    switchboard = await refresh(row, rules(constants.OracleKind.SWITCHBOARD), Feeds(), frozenset())
    assert switchboard == [instructions.update_oracle(oracle=SIGNER, collateral_index=1)]


async def test_a_newer_price_from_elsewhere_is_no_failure() -> None:
    class Client(evertide.EvertideClient):
        """Its first renewal comes too late."""

        def __init__(self) -> None:
            super().__init__("http://node.test")
            self.sent: list[int] = []
            self.renewals = 0

        async def send(self, instructions: Any, **_: Any) -> Any:
            self.sent.append(len(instructions))
            if len(self.sent) == 1:
                raise OracleNotNewer(left=1, right=2)
            return "confirmed"

        async def steps(self) -> list[Any]:
            self.renewals += 1
            return [instructions.accrue_debt()]

    async with Client() as client:
        assert await client._send_fresh(client.steps, []) == "confirmed"
        assert (client.sent, client.renewals) == ([1, 1], 2)
