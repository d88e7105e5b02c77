"""Single steps of the funding keeper, the janitor, the guardian and the maker, and the watch, as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cli_console import Console, run_net

from conftest import take_from_vault
from evertide import vault_address
from evertide._localnet import Cheatcodes, RpcClient

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("keeper-upkeep-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


@pytest.fixture
def cheats(net: dict[str, Any]) -> Iterator[Cheatcodes]:
    with RpcClient(net["rpc_url"]) as rpc:
        yield Cheatcodes(rpc, slot_ms=net["slot_ms"])


def test_funding_and_the_janitor_do_what_is_due(console: Console) -> None:
    console.price()
    assert console.ok("keeper funding", "keeper")["failed"] == 0
    console.ok("keeper accrue BTC-PERP", "keeper")
    quiet = console.ok("keeper janitor", "keeper")
    assert (quiet["planned"], quiet["errors"]) == (0, [])
    console.ok("order place BTC-PERP buy 0.001 --price 45000 --expires-in-s 1")
    console.price()
    console.price()
    planned = console.ok("keeper janitor --dry-run", "keeper")["planned"]
    assert [one["name"] for one in planned] == ["expire_orders"]
    assert console.ok("keeper janitor --accounts-max 0", "keeper")["planned"] == 0
    assert console.ok("keeper janitor", "keeper")["confirmed"] == 1
    assert console.ok("keeper janitor", "keeper")["planned"] == 0


def test_a_maker_quotes_from_an_account_of_its_own(console: Console) -> None:
    own = console.ok("account addresses", "trader 2")["user"]
    for line in ("", "--levels 1 --spread-bps 100"):
        console.price()
        console.ok("keeper accrue BTC-PERP", "keeper")
        planned = console.ok(f"keeper maker --user {own} {line} --quote-notional 500 --dry-run", "trader 2")["planned"]
        (quotes,) = [one for one in planned if one["name"] == "place_orders"]
        sides = [one["ask"] for one in quotes["arguments"]["orders"]]
        assert sides == [False, True] * (1 if line else 2)
    console.price()
    console.ok("keeper accrue BTC-PERP", "keeper")
    placed = console.ok(f"keeper maker --user {own} --quote-notional 500", "trader 2")
    assert placed["confirmed"] >= 1 and placed["failed"] == 0
    assert len(console.ok("order list", "trader 2")) == 4
    console.misused("keeper maker", "--user")
    console.misused(f"keeper maker --user {own} --quote-notional 0.0000001", "--quote-notional")


def test_the_watch_tells_a_theft_and_changes_and_the_guardian_stops_the_market(
    console: Console, cheats: Cheatcodes
) -> None:
    assert console.ok("keeper watch", "keeper") == []
    checks = console.ok("keeper guardian", "keeper")
    assert checks["planned"] == checks["confirmed"] >= 3
    number = console.ok("admin propose-change lane_atoms 10000000", "admin")["number"]
    (notice,) = console.ok("keeper watch", "keeper")
    assert (notice["kind"], notice["subject"], notice["alarm"]) == ("change_waiting", str(number), False)
    assert "exchange lane_atoms" in notice["message"] and "withdrawable" in notice["message"]

    console.ok("account deposit 100")
    take_from_vault(cheats, vault_address(0), 10)
    alarm = console.refused("keeper watch", "keeper")
    assert alarm["message"] == "1 alarms: totals_disagree"
    planned = console.ok("keeper guardian --dry-run", "keeper")["planned"]
    assert [one["arguments"]["collateral_index"] for one in planned if one["key"].startswith("broken")] == [0]
    console.ok("keeper guardian", "keeper")
    statuses = {row["symbol"]: row["status"] for row in console.ok("market list")}
    assert statuses["BTC-PERP"] == "reduce_only"
    take_from_vault(cheats, vault_address(0), -10)
    assert [row["kind"] for row in console.ok("keeper watch", "keeper")] == ["change_waiting"]
    assert console.ok(f"keeper watch --expected {number}", "keeper")[0]["alarm"] is False
