"""What anyone may do for the exchange's soundness, and the ends of what `evertide admin` says about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cli_console import Console, run_net

from conftest import take_from_vault
from evertide import exchange_address, user_address, vault_address
from evertide._localnet import Cheatcodes, RpcClient
from evertide_cli import main as entry

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("upkeep-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


@pytest.fixture
def cheats(net: dict[str, Any]) -> Iterator[Cheatcodes]:
    with RpcClient(net["rpc_url"]) as rpc:
        yield Cheatcodes(rpc, slot_ms=net["slot_ms"])


def status(console: Console, symbol: str) -> str:
    return str({row["symbol"]: row["status"] for row in console.ok("market list")}[symbol])


def test_an_account_of_the_present_layout_is_not_extended(console: Console) -> None:
    refused = console.refused(f"admin extend-account {exchange_address()}")
    assert (refused["name"], refused["left"], refused["right"]) == ("AccountUpToDate", 1, 1)
    wallet = console.ok("account addresses", "trader 2")["authority"]
    assert console.refused(f"admin extend-account {wallet}")["name"] == "RemainingAccountInvalid"


def test_a_settling_market_is_settled_and_then_closed(console: Console, cheats: Cheatcodes) -> None:
    console.price("ETH-PERP", "3000")
    refused = console.refused("admin settle-market ETH-PERP")
    assert refused["name"] == "MarketNotSettling" and refused["left"] != refused["right"]
    change = console.ok("admin propose-change status settling --market ETH-PERP", "admin")
    cheats.travel_to(change["executable_from_ms"] + 2_000)
    console.price("ETH-PERP", "3000")
    console.ok(f"admin execute-change {change['number']}")
    assert status(console, "ETH-PERP") == "settling"
    first = console.ok("admin settle-market ETH-PERP", "trader 2")
    assert (first["market"], first["status"]) == ("ETH-PERP", "settling")
    assert console.ok("admin settle-market ETH-PERP", "trader 2")["status"] == "closed" == status(console, "ETH-PERP")
    assert console.refused("admin settle-market ETH-PERP")["name"] == "MarketNotSettling"


def test_totals_that_differ_stop_the_market_and_pay_who_shows_it(console: Console, cheats: Cheatcodes) -> None:
    console.price()
    said = console.ok("admin check-invariants BTC-PERP")
    assert (said["market"], said["asset"], said["holds"]) == ("BTC-PERP", "USDC", True)
    assert console.ok("admin check-invariants BTC-PERP SOL")["holds"] is True
    stranger = console.ok("account addresses", "trader 2")["user"]
    refused = console.refused(f"admin check-invariants BTC-PERP --keeper-user {stranger}")
    assert refused["name"] == "NotAuthorityOrDelegate"
    mine = console.ok("account addresses")["user"]
    console.ok("account deposit 100")
    take_from_vault(cheats, vault_address(0), 10)
    assert console.ok(f"admin check-invariants BTC-PERP --keeper-user {mine}")["holds"] is False
    assert status(console, "BTC-PERP") == "reduce_only"
    assert console.refused("account deposit 1")["name"] == "DepositsClosed"
    # Known already: the program tells it no second time, and the market stays as it is.
    take_from_vault(cheats, vault_address(0), -10)
    assert console.ok("admin check-invariants BTC-PERP")["holds"] is True
    assert status(console, "BTC-PERP") == "reduce_only"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("admin settle-market", "Missing argument"),
        ("admin settle-market MOON-PERP", "MOON-PERP"),
        ("admin check-invariants MOON-PERP", "MOON-PERP"),
        ("admin check-invariants BTC-PERP MOON", "MOON"),
        ("admin check-invariants BTC-PERP --keeper-user nobody", "--keeper-user"),
        ("admin extend-account nobody", "ACCOUNT"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.capsys.readouterr()
    code = entry.run(console.words(words, "trader 1"))
    assert code in (1, 2) and rule in console.capsys.readouterr().err


def test_an_account_that_nobody_made(console: Console) -> None:
    nowhere = user_address(exchange_address())
    assert console.refused(f"admin extend-account {nowhere}")["name"] == "RemainingAccountInvalid"
