"""The queue of withdrawals and stakes in the insurance fund, as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide._localnet import Cheatcodes, RpcClient

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("queue-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def test_a_request_is_paid_by_whoever_claims_it(console: Console) -> None:
    before = console.ok("account show")["user"]["quote_atoms"]
    asked = console.ok("account request-withdraw 25.5")
    assert console.ok("account show")["user"]["quote_atoms"] == before - 25_500_000
    assert console.refused("account request-withdraw 1")["name"] == "WithdrawPending"
    paid = console.ok("account claim-withdraw", "trader 2")
    assert (paid["paid_atoms"], paid["left_atoms"]) == (25_500_000, 0)
    assert paid["user"] == console.ok("account addresses")["user"]
    assert "nobody waits" in console.refused("account claim-withdraw", "trader 2")["message"]
    mine = console.ok("account addresses")["authority"]
    assert console.refused(f"account claim-withdraw --authority {mine}")["name"] == "WithdrawNotRequested"
    assert asked["ticket"] >= 0


def test_a_stake_goes_in_and_out(console: Console) -> None:
    assert console.ok("insurance show")["stake"] is None
    assert "no stake" in console.shown("insurance show")
    staked = console.ok("insurance stake 50")
    mine = console.ok("insurance show")["stake"]
    assert mine["shares"] == staked["shares"]
    assert 0 <= Decimal(50) - Decimal(mine["worth_usd"]) < Decimal("0.00001")
    said = console.ok("insurance request-unstake all")
    assert said["shares"] == staked["shares"]
    assert console.refused("insurance claim-unstake")["name"] == "UnstakeNotDue"
    console.ok("insurance request-unstake 0")
    assert console.refused("insurance claim-unstake")["name"] == "UnstakeNotRequested"
    said = console.ok(f"insurance request-unstake {staked['shares'] // 2}")
    with RpcClient(console.net["rpc_url"]) as rpc:
        Cheatcodes(rpc, slot_ms=console.net["slot_ms"]).travel_to(said["claimable_ms"] + 1_000)
    paid = console.ok("insurance claim-unstake")
    assert 0 <= Decimal(25) - Decimal(paid["paid_usd"]) < Decimal("0.00001")
    assert paid["requested_shares_left"] == 0
    assert "insurance fund" in console.shown("insurance show")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("account request-withdraw 1 GOLD", "GOLD"),
        ("insurance stake", "Missing argument"),
        ("insurance stake 0.0000001", "amount"),
        ("insurance request-unstake half", "found 'half'"),
        ("insurance show --authority nobody", "--authority"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule)


def test_what_the_program_refuses(console: Console) -> None:
    assert console.refused("account request-withdraw 0")["name"] == "AmountZero"
    assert "InsuranceStake" in console.refused("insurance request-unstake all", "trader 2")["message"]
    assert console.refused("insurance stake 0.5", "trader 2")["name"] == "StakeTooSmall"
