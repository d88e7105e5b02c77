"""Orders of every kind on the command line, and what anyone may do with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide._localnet import Cheatcodes, RpcClient
from evertide_cli import main as entry

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("kinds-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def orders(console: Console) -> dict[str, dict[str, Any]]:
    """Open orders by kind; the last of a kind wins."""
    return {row["kind"]: row for row in console.ok("order list")}


def test_every_kind_is_placed_and_listed(console: Console) -> None:
    console.price()
    for words in (
        "sell 0.01 --kind stop-market --trigger 44000 --trigger-source index",
        "sell 0.01 --kind stop-limit --trigger 44000 --price 43900",
        "sell 0.01 --kind take-profit-market --trigger 48000",
        "sell 0.01 --kind take-profit-limit --trigger 48000 --price 48000",
        "sell 0.01 --kind trailing-stop --trail-bps 100 --trigger-source index",
        "buy 0.01 --kind pegged --price 45900 --peg-offset -200",
        "buy 0.01 --kind twap --slices 5 --slice-interval-s 60",
        "buy 0.01 --kind iceberg --price 45000 --display 0.002 --taker-phase-s 0",
        "buy 0.01 --price 45000 --tif post-only --starts-in-s 600",
    ):
        console.ok(f"order place BTC-PERP {words}")
    found = orders(console)
    assert Decimal(found["stop_market"]["terms"]["trigger"]) == 44_000
    assert found["stop_market"]["terms"]["trigger_source"] == "index"
    assert Decimal(found["trailing_stop"]["terms"]["trigger"]) == 45_540
    assert Decimal(found["pegged"]["terms"]["peg_offset"]) == -200
    assert found["twap"]["terms"]["slice_count"] == 5
    assert Decimal(found["iceberg"]["terms"]["hidden"]) == Decimal("0.008")
    assert Decimal(found["iceberg"]["remaining"]) == Decimal("0.002")
    assert "trailing_stop" in console.shown("order list")
    book = console.ok("market book BTC-PERP")
    # Only the pegged order and what the iceberg displays rest.
    assert sum(level["orders"] for level in book["bids"]) == 2
    assert book["asks"] == []


def test_anyone_moves_what_waits(console: Console) -> None:
    user = console.ok("account addresses")["user"]
    found = orders(console)
    stop, trailing, twap = (found[kind]["order_id"] for kind in ("stop_market", "trailing_stop", "twap"))
    assert console.refused(f"keeper trigger-order {user} {stop}", "trader 2")["name"] == "TriggerNotReached"
    console.price("BTC-PERP", "46100")
    moved = console.ok(f"keeper update-trailing {user} {trailing}", "trader 2")
    assert Decimal(moved["trigger"]) == 45_639
    assert console.refused(f"keeper update-trailing {user} {trailing}", "trader 2")["name"] == "TrailingNotMoved"
    placed = console.ok(f"keeper execute-slice {user} {twap}", "trader 2")
    assert (placed["outcome"], placed["slice"]) == ("live", 1)
    assert console.refused(f"keeper execute-slice {user} {twap}", "trader 2")["name"] == "SliceNotDue"
    console.price("BTC-PERP", "43950")
    fired = console.ok(f"keeper trigger-order {user} {stop}", "trader 2")
    assert (fired["outcome"], fired["order_id"]) == ("live", stop)
    assert "no order 999" in console.refused(f"keeper trigger-order {user} 999", "trader 2", code=2)["message"]
    console.ok("order cancel --all")


def test_a_deadline_kills_and_anyone_sweeps(console: Console) -> None:
    console.price("BTC-PERP", "44000")
    said = console.ok("order bracket BTC-PERP buy 0.01 --price 40000 --stop 39000 --target 45000")
    assert said["kinds"] == ["limit", "stop_market", "take_profit_market"]
    rows = console.ok("order list")
    assert [Decimal(row["remaining"]) for row in rows] == [Decimal("0.01"), 0, 0]
    armed = console.ok("order cancel-all-after 5")
    with RpcClient(console.net["rpc_url"]) as rpc:
        Cheatcodes(rpc, slot_ms=console.net["slot_ms"]).travel_to(armed["deadline_ms"] + 1_000)
    user = console.ok("account addresses")["user"]
    dead = console.ok(f"keeper expire-orders {user}", "trader 2")
    assert sorted(dead["removed"]) == sorted(said["order_ids"])
    assert console.refused(f"keeper expire-orders {user}", "trader 2")["name"] == "NothingExpired"
    time.sleep(1)
    console.price("BTC-PERP", "44000")
    assert console.refused("order place BTC-PERP buy 0.01 --price 40000")["name"] == "CancelAllAfterReached"
    assert console.ok("order cancel-all-after off")["deadline_ms"] == 0
    console.ok("order place BTC-PERP buy 0.01 --price 40000")
    console.ok("order cancel --all")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("order place BTC-PERP buy 0.01 --kind stop-market", "needs trigger"),
        ("order place BTC-PERP buy 0.01 --trigger 5", "trigger means nothing"),
        ("order place BTC-PERP buy 0.01 --kind gift", "found 'gift'"),
        ("order place BTC-PERP buy 0.01 --kind stop-market --trigger 5 --trigger-source moon", "found 'moon'"),
        ("order place BTC-PERP buy 0.01 --kind iceberg --price 5 --display 0.00001", "display_size"),
        ("order bracket BTC-PERP buy 0.01 --price 5", "needs --stop"),
        ("order oco BTC-PERP sell 0.01 --stop 5", "needs --stop, and --target"),
        ("order cancel-all-after 0", "above 0"),
        ("order cancel-all-after soon", "found 'soon'"),
        ("keeper trigger-order nobody 1", "USER"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.capsys.readouterr()
    assert entry.run(console.words(words, "trader 1")) == 2
    assert rule in console.capsys.readouterr().err
