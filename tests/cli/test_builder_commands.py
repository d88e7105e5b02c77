"""Builders and referrers, as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cli_console import Console, run_net

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("builder-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def test_a_builder_earns_is_paid_and_retires(console: Console) -> None:
    builder = console.ok("account addresses", "trader 2")["user"]
    console.ok(f"builder register 2 {builder}", "admin")
    (row,) = console.ok("builder list")
    assert (row["entry"], row["code"], row["status"], row["user"]) == (2, 3, "registered", builder)
    assert console.refused(f"builder register 2 {builder}", "admin")["name"] == "ChangeUnchanged"
    assert console.refused("builder retire 5", "admin")["name"] == "ChangeUnchanged"
    assert console.refused(f"builder register 3 {builder}", "trader 1")["name"] == "RoleForbids"
    console.price()
    console.ok("order place BTC-PERP buy 0.01 --price 46000 --tif post-only", "trader 2")
    taken = "order place BTC-PERP sell 0.01 --price 46000 --taker-phase-s 0 --builder 3 --builder-fee-tenth-bps 10"
    console.ok(taken)
    console.price()
    assert console.ok("keeper match", "keeper")["confirmed"] == 1
    # 1 bp of $460.
    assert console.ok("builder list")[0]["owed_usdc"] == "0.046000"
    assert console.refused("builder pay 2")["name"] == "RewardPoolEmpty"
    console.ok("position settle BTC-PERP")
    before = console.ok("account show", "trader 2")["user"]["quote_atoms"]
    paid = console.ok("builder pay 2")
    assert (paid["paid_usdc"], paid["recipient"]) == ("0.046000", builder)
    assert console.ok("account show", "trader 2")["user"]["quote_atoms"] == before + 46_000
    assert console.ok("builder pay 2")["paid_usdc"] == "0"
    grouped = {
        "order bracket BTC-PERP buy 0.02 --price 45000 --stop 44000 --target 47000": 3,
        "order scale BTC-PERP buy 0.02 --low 44000 --high 45000 --count 2": 2,
        "order oco BTC-PERP buy 0.01 --stop 47000 --target 45000": 2,
    }
    for words, count in grouped.items():
        ids = console.ok(f"{words} --builder 3 --builder-fee-tenth-bps 10")["order_ids"]
        assert len(ids) == count
    mine = [row for row in console.ok("order list") if row["builder"] == 3]
    assert len(mine) == 7
    console.ok("builder retire 2", "admin")
    assert "retired" in console.shown("builder list")
    assert console.refused(taken)["name"] == "BuilderInvalid"


def test_a_referrer_is_named_at_birth(console: Console) -> None:
    referrer = console.ok("account addresses", "trader 2")["user"]
    own = console.ok("account addresses")["user"]
    assert console.refused(f"account create --sub-id 7 --referrer {own}")["name"] == "ReferrerIsOneself"
    said = console.ok(f"account create --sub-id 7 --referrer {referrer}")
    assert said["referrer"] == referrer
    assert console.ok("account show --sub-id 7")["user"]["referrer"] == referrer
    assert console.ok("account pay-referrer --sub-id 7")["paid_usdc"] == "0"
    assert "has no referrer" in console.refused("account pay-referrer", code=2)["message"]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("builder register 8 11111111111111111111111111111111", "ENTRY must be below 8, found 8"),
        ("builder register 1 nobody", "USER must be an address"),
        ("builder pay 1", "entry 1 of the builder table"),
        ("account create --referrer nobody", "--referrer must be an address"),
        ("order place BTC-PERP buy 1 --price 1 --builder-fee-tenth-bps 5", "--builder-fee-tenth-bps needs --builder"),
        ("order bracket BTC-PERP buy 1 --stop 1 --builder-fee-tenth-bps 5", "--builder-fee-tenth-bps needs --builder"),
        ("order oco BTC-PERP buy 1 --stop 1 --target 2 --builder-fee-tenth-bps 5", "--builder-fee-tenth-bps needs"),
        ("order scale BTC-PERP buy 1 --low 1 --high 2 --count 2 --builder-fee-tenth-bps 5", "needs --builder"),
        ("order place BTC-PERP buy 1 --price 1 --builder 1 --builder-fee-tenth-bps 51", "at most 50, found 51"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule)
