"""Delegates, transfers and bounds on positions, as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_console import Console, run_net

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("money-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def authority(console: Console, who: str) -> str:
    address: str = console.ok("account addresses", who)["authority"]
    return address


def test_a_delegate_moves_money_and_never_withdraws(console: Console) -> None:
    console.ok("account create --sub-id 5")
    owner, other = authority(console, "trader 1"), authority(console, "trader 2")
    said = console.ok(f"account set-delegate {other} --allow transfer --allow cancel --expires-in-s 600")
    assert (said["delegate"], said["allowed"]) == (other, ["transfer", "cancel"])
    user = console.ok("account show")["user"]
    assert (user["delegate"], user["delegate_permissions"]) == (other, 2 | 8)
    assert "cancel, transfer" in console.shown("account show")
    before = user["quote_atoms"]
    console.ok(f"account transfer 12.5 --to-sub-id 5 --authority {owner}", "trader 2")
    assert console.ok("account show")["user"]["quote_atoms"] == before - 12_500_000
    assert console.ok("account show --sub-id 5")["user"]["quote_atoms"] == 12_500_000
    console.ok("account transfer 0.25 SOL --to-sub-id 5")
    refused = console.refused("order cancel --all", "trader 2")
    assert refused["message"]
    console.ok("account set-delegate --remove")
    assert console.refused(f"account transfer 1 --to-sub-id 5 --authority {owner}", "trader 2")["name"] == (
        "NotAuthorityOrDelegate"
    )
    back = console.ok("account transfer 12.5 --to-sub-id 0 --sub-id 5 --dry-run")
    assert back["dry_run"] is True
    assert Decimal(console.ok("account show --sub-id 5")["user"]["quote_atoms"]) == 12_500_000


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("account set-delegate", "name a delegate, or --remove"),
        ("account set-delegate nobody", "DELEGATE"),
        ("account set-delegate 11111111111111111111111111111111 --remove", "name a delegate, or --remove"),
        ("account set-delegate 11111111111111111111111111111111 --allow withdraw", "found 'withdraw'"),
        ("account transfer 1 --to-sub-id 0", "is the account that pays"),
        ("account transfer 0.0000001 --to-sub-id 1", "amount"),
        ("account transfer 1 --to-sub-id 65536", "65535"),
        ("guard assert-position BTC-PERP", "name --least, --most or both"),
        ("guard assert-position BTC-PERP --least 1 --most 0.5", "above"),
        ("guard assert-position BTC-PERP --least 0.00001", "--least"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule)


def test_bounds_on_a_position(console: Console) -> None:
    assert console.ok("guard assert-position BTC-PERP --least 0 --most 0")["action"] == "assert_position"
    refused = console.refused("guard assert-position BTC-PERP --least 0.01")
    assert (refused["name"], refused["left"], refused["right"]) == ("PositionAssertionFailed", 0, 100)
    assert console.refused("guard assert-position BTC-PERP --most -0.01")["left"] == 0
