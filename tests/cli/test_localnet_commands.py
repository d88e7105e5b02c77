"""The command line against a local network: every group, as a user types it, with JSON results and typed refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide_cli import main as entry

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("cli-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def test_network_is_up_with_marked_keys(console: Console) -> None:
    status = console.ok(f"localnet status --directory {console.net['folder']}")
    assert status["running"] is True
    folder = Path(console.net["keys"]["admin"]).parent
    assert "LOCAL TEST KEYS" in (folder / "README").read_text()


def test_doctor_and_views(console: Console) -> None:
    console.price()
    console.price("ETH-PERP", "3000")
    console.price("SOL-PERP", "150")
    rows = {row["check"]: row for row in console.ok("doctor")}
    assert all(row["ok"] for row in rows.values()), rows
    markets = console.ok("market list")
    assert [row["symbol"] for row in markets] == ["BTC-PERP", "ETH-PERP", "SOL-PERP"]
    assert console.ok("admin show")["opened"] == 1
    view = console.ok("market show btc")["view"]
    assert view["index_price_q32"] > 0
    assert "BTC-PERP" in console.shown("market list")
    assert "BTC-PERP" in console.shown("market funding")
    assert console.ok("version")["program"] == str(entry_program())


def entry_program() -> object:
    from evertide import PROGRAM_ID

    return PROGRAM_ID


def test_a_trade_from_deposit_to_withdrawal(console: Console) -> None:
    console.ok("account deposit 1000")
    before = console.ok("account show")["user"]["quote_atoms"]
    console.price()
    dry = console.ok("order place BTC-PERP buy 0.01 --price 46000 --tif post-only --dry-run")
    assert dry["dry_run"] is True
    assert dry["compute_units"] > 0
    assert any("place_orders" in line for line in dry["logs"])
    assert console.ok("order list") == []

    console.ok("order place BTC-PERP buy 0.01 --price 46000 --tif post-only --client-id 7")
    order = console.ok("order list")[0]
    assert (order["market"], order["side"], order["client_id"]) == ("BTC-PERP", "buy", 7)
    assert Decimal(order["price"]) == 46_000
    console.ok(f"order modify {order['order_id']} 0.005 --price 46000 --tif post-only --client-id 7")
    assert Decimal(console.ok("order list")[0]["remaining"]) == Decimal("0.005")
    book = console.ok("market book btc")
    assert [Decimal(level["price"]) for level in book["bids"]] == [46_000]
    assert "46000" in console.shown("market book btc")

    console.price()
    console.ok("order place BTC-PERP sell 0.005 --price 45990 --taker-phase-s 0", "trader 2")
    assert console.ok("keeper match", "keeper")["confirmed"] == 1
    assert console.ok("order list") == []
    mine = console.ok("position list")[0]
    theirs = console.ok("position list", "trader 2")[0]
    assert (Decimal(mine["size"]), Decimal(theirs["size"])) == (Decimal("0.005"), Decimal("-0.005"))
    health = console.ok("account health")["health"]
    assert health["equity_initial_atoms"] > health["initial_requirement_atoms"] > 0
    assert console.ok("guard assert-health --minimum-excess 1")["action"] == "assert_health"
    refused = console.refused("guard assert-health --minimum-excess 100000000")
    assert refused["left"] < refused["right"]

    console.price()
    console.ok("order place BTC-PERP sell 0.005 --price 46000 --tif post-only --reduce-only")
    time.sleep(0.1)
    console.ok("order place BTC-PERP buy 0.005 --price 46000 --taker-phase-s 0 --reduce-only", "trader 2")
    assert console.ok("keeper match", "keeper")["confirmed"] == 1
    console.ok("keeper accrue BTC-PERP", "keeper")
    foreign = "position settle BTC-PERP --take-backed-part --authority " + authority(console, "trader 2")
    assert console.refused(foreign)["name"] == "NotAuthority"
    settled = console.ok("position settle BTC-PERP --take-backed-part")
    assert Decimal(settled["settled_usd"]) != 0
    assert (Decimal(settled["given_up_usd"]), Decimal(settled["deficit_usd"])) == (0, 0)
    console.ok("position settle BTC-PERP --authority " + authority(console, "trader 2"), "keeper")
    console.price()
    console.ok("account withdraw 500")
    after = console.ok("account show")["user"]["quote_atoms"]
    assert before - after - 500_000_000 in range(500_000)
    assert console.ok("admin collect-fees BTC-PERP", "keeper")["action"] == "collect_fees"
    assert console.ok("admin fund-insurance 1 --tranche 0.5", "trader 1")["action"] == "fund_insurance"


def test_a_ladder_is_placed_at_once(console: Console) -> None:
    console.price("ETH-PERP", "3000")
    said = console.ok("order scale ETH-PERP buy 1 --low 2800 --high 2900 --count 5 --skew 2 --tif post-only")
    assert len(said["order_ids"]) == 5
    rows = [row for row in console.ok("order list") if row["market"] == "ETH-PERP"]
    assert sum(Decimal(row["remaining"]) for row in rows) == 1
    assert sorted(Decimal(row["price"]) for row in rows) == [2_800, 2_825, 2_850, 2_875, 2_900]
    console.ok("order cancel --market ETH-PERP")
    assert "trigger means nothing" in console.refused("order place ETH-PERP buy 1 --trigger 2500", code=2)["message"]
    assert "--kind" in console.refused("order place ETH-PERP buy 1 --kind gift", code=2)["message"]
    assert "needs --stop" in console.refused("order bracket ETH-PERP buy 1 --stop-price 5", code=2)["message"]
    assert "needs --stop" in console.refused("order oco ETH-PERP sell 1 --target 5", code=2)["message"]


def authority(console: Console, who: str) -> str:
    authority_text: str = console.ok("account addresses", who)["authority"]
    return authority_text


def test_orders_are_cancelled_by_every_selector(console: Console) -> None:
    console.price("ETH-PERP", "3000")
    assert console.ok("order list") == []
    for number in (1, 2, 3, 4):
        side = "buy" if number < 4 else "sell"
        usd = 2900 + number if side == "buy" else 3100
        console.ok(f"order place ETH-PERP {side} 0.1 --price {usd} --tif post-only --client-id {number}")
    ids = {row["client_id"]: row["order_id"] for row in console.ok("order list")}
    console.ok(f"order cancel {ids[1]}")
    console.ok("order cancel --client-id 2")
    console.ok("order cancel --market ETH-PERP --side sell")
    assert [row["client_id"] for row in console.ok("order list")] == [3]
    console.ok("order cancel --all")
    assert console.ok("order list") == []
    assert console.refused("order cancel --all")["name"] == "OrderNotFound"


def test_limits_and_sub_accounts(console: Console) -> None:
    console.ok("account set-limits --ratio-bps 2000 --notional-cap 50000")
    user = console.ok("account show")["user"]
    assert (user["user_ratio_bps"], user["notional_cap_atoms"]) == (2000, 50_000_000_000)
    console.ok("account set-limits")
    console.ok("account create --sub-id 5")
    sequence = console.ok("account show --sub-id 5")["user"]["sequence"]
    console.ok(f"guard assert-sequence {sequence} --sub-id 5")
    assert console.refused(f"guard assert-sequence {sequence + 1} --sub-id 5")["code"] >= 6000
    console.ok("account close --sub-id 5")
    assert console.refused("account show --sub-id 5")["type"] == "AccountNotFound"


def test_bad_input_is_typed_and_changes_nothing(console: Console) -> None:
    before = console.ok("account show")
    unknown = console.refused("order place DOGE-PERP buy 1", code=2)
    assert "BTC-PERP" in unknown["message"]
    off_tick = console.refused("order place BTC-PERP buy 0.01 --price 46000.5", code=2)
    assert "46000.5" in off_tick["message"]
    assert "0.00001" in console.refused("order place BTC-PERP buy 0.00001 --price 46000", code=2)["message"]
    assert console.refused("order place BTC-PERP hold 1", code=2)["type"] == "UsageProblem"
    assert console.refused("order place BTC-PERP buy NaN --price 46000", code=2)["message"]
    assert console.refused("account deposit 100 1111", code=2)["type"] == "UnknownCollateral"
    assert console.refused("account deposit -5", code=2)["message"]
    assert console.refused("account withdraw 99999999")["code"] >= 6000
    assert console.refused("admin open-exchange", "admin")["name"] == "ExchangeAlreadyOpen"
    forged = console.refused("keeper oracle BTC-PERP 46000", "trader 1")
    assert forged["code"] >= 6400
    wrong_key = [*["account", "show", "--keypair"], str(Path(console.net["keys"]["admin"]).parent / "README")]
    assert entry.run([*wrong_key, "--rpc-url", console.net["rpc_url"]]) == 2
    assert "not a keypair file" in console.capsys.readouterr().err
    assert console.ok("account show") == before


def test_a_validator_that_is_down(console: Console) -> None:
    console.capsys.readouterr()
    words = ["market", "list", "--rpc-url", "http://127.0.0.1:9", "--json"]
    assert entry.run(words) == 1
    assert json.loads(console.capsys.readouterr().err)["error"]["type"] == "RpcUnreachable"


def test_terms_files_round_trip(console: Console, tmp_path: Path) -> None:
    from evertide_cli.terms import MARKETS, market_terms, read_terms

    path = tmp_path / "market.toml"
    path.write_text(console.shown("admin example-terms BTC-PERP", "oracle"))
    from evertide_cli.keys import read_keypair

    signer = read_keypair(console.net["keys"]["oracle"]).pubkey()
    assert read_terms(path, "MarketTerms") == market_terms(MARKETS[0], signer)
    refused = console.refused(f"admin list-market --terms {path}", "admin", code=2)
    assert "no change that waits allows this listing" in refused["message"]


def test_every_instruction_has_a_command(console: Console) -> None:
    from evertide._resources import idl_path
    from evertide_cli.catalogue import COMMAND_OF

    names = {item["name"] for item in json.loads(idl_path().read_text())["instructions"]}
    assert names == set(COMMAND_OF)
    for command in COMMAND_OF.values():
        assert console.shown(f"{command} --help").startswith("Usage: evertide " + command)


def test_keeper_single_shots_and_health(console: Console) -> None:
    planned = console.ok("keeper mark --dry-run", "keeper")
    assert planned["keeper"] == "mark"
    assert console.ok("keeper accrue", "keeper")["failed"] == 0
    assert console.ok("keeper settle", "keeper")["failed"] == 0
    assert console.ok("keeper touch BTC-PERP", "keeper")["action"] == "touch_position"
    assert console.refused("keeper health --url http://127.0.0.1:9")["type"] == "Unreachable"
