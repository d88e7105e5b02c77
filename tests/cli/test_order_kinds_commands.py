"""Orders of every kind on the command line, and what anyone may do with them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide._localnet import Cheatcodes, RpcClient
from evertide_cli.order_kinds import KINDS

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


# Of each kind: how it is placed, what another one of it says instead, and what is then listed.
CHANGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "limit": ("--price 45000 --tif post-only", "--price 44900 --tif post-only", {"price": 44_900}),
    "stop-market": ("--trigger 48000", "--trigger 48100 --trigger-source index", {"trigger": 48_100}),
    "stop-limit": ("--trigger 48000 --price 48200", "--trigger 48000 --price 48300", {"price": 48_300}),
    "take-profit-market": ("--trigger 44000", "--trigger 43900", {"trigger": 43_900}),
    "take-profit-limit": ("--trigger 44000 --price 44000", "--trigger 43900 --price 44000", {"trigger": 43_900}),
    "trailing-stop": ("--trail-bps 100", "--trail-bps 250 --trigger-source index", {"trail_bps": 250}),
    "pegged": ("--price 45900 --peg-offset -200", "--price 45900 --peg-offset -300", {"peg_offset": -300}),
    "twap": ("--slices 5 --slice-interval-s 60", "--slices 2 --slice-interval-s 90", {"slice_interval_s": 90}),
    "iceberg": ("--price 45000 --display 0.002", "--price 45000 --display 0.003", {"display": Decimal("0.003")}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_placed_and_modified(console: Console, kind: str) -> None:
    name = kind.replace("-", "_")
    if KINDS.index(kind) % 3 == 0:
        console.price()
    place, modify, found = CHANGES.get(kind, ("", "", {}))
    said = console.ok(f"order place BTC-PERP buy 0.01 --client-id 77 --kind {kind} {place}")
    assert (said["action"], said["market"], said["kind"]) == ("place_orders", "BTC-PERP", name)
    (order,) = said["events"][-1]["fields"]["orders"]
    if kind == "market":
        # The clock counts whole seconds: of two at least one passes, 50 slots.
        console.pass_time(2_000)
        assert console.refused(f"order modify {order['order_id']} 0.02")["name"] == "OrderNotFound"
        assert console.ok("order list") == []
        return
    changed = console.ok(f"order modify {order['order_id']} 0.02 --kind {kind} {modify}")
    assert changed["events"][-1]["fields"]["cancelled_order_id"] == order["order_id"] == changed["order_id"]
    assert (changed["kind"], changed["kept_priority"]) == (name, False)
    (row,) = console.ok("order list")
    assert (row["order_id"], row["kind"], row["client_id"]) == (changed["new_order_id"], name, 77)
    assert sum(Decimal(size) for size in (row["remaining"], row["terms"].get("hidden", 0))) == Decimal("0.02")
    assert {key: Decimal(row["terms"].get(key, row.get(key))) for key in found} == found
    console.ok("order cancel --all")


def test_an_order_that_only_shrinks_keeps_its_priority(console: Console) -> None:
    console.price()
    said = console.ok("order place BTC-PERP buy 0.02 --price 45000 --tif post-only")
    order_id = said["events"][-1]["fields"]["orders"][0]["order_id"]
    shrunk = console.ok(f"order modify {order_id} 0.01 --price 45000 --tif post-only")
    assert (shrunk["new_order_id"], shrunk["kept_priority"]) == (order_id, True)
    moved = console.ok(f"order modify {order_id} 0.01 --price 45001 --tif post-only --client-id 5")
    assert moved["kept_priority"] is False and moved["new_order_id"] != order_id
    assert [row["client_id"] for row in console.ok("order list")] == [5]
    # A market's row of 10 s ago is renewed on the way: nobody has to do that first.
    with RpcClient(console.net["rpc_url"]) as rpc:
        cheats = Cheatcodes(rpc, slot_ms=console.net["slot_ms"])
        cheats.travel_to((cheats.chain_time_s() + 11) * 1_000)
    console.ok("keeper oracle collateral:1 150", "oracle")
    console.ok(f"order modify {moved['new_order_id']} 0.02 --price 45001 --tif post-only")
    console.ok("order cancel --all")


def test_one_cancels_the_other(console: Console) -> None:
    console.price()
    said = console.ok("order oco BTC-PERP sell 0.01 --stop 44000 --target 48000 --trigger-source index")
    assert (said["action"], said["market"]) == ("place_orders", "BTC-PERP")
    assert said["kinds"] == ["stop_market", "take_profit_market"]
    stop, target = sorted(console.ok("order list"), key=lambda row: row["kind"])
    assert [row["order_id"] for row in (stop, target)] == said["order_ids"]
    assert stop["terms"]["group"] == target["terms"]["group"] != 0
    assert all(row["reduce_only"] and row["side"] == "sell" for row in (stop, target))
    assert [Decimal(row["terms"]["trigger"]) for row in (stop, target)] == [44_000, 48_000]
    console.ok("order cancel --all")
    limits = "--stop 48000 --stop-price 48100 --target 44000 --target-price 44100"
    assert console.ok(f"order oco BTC-PERP buy 0.01 {limits}")["kinds"] == ["stop_limit", "take_profit_limit"]
    found = {kind: Decimal(row["price"]) for kind, row in orders(console).items()}
    assert found == {"stop_limit": 48_100, "take_profit_limit": 44_100}
    console.ok("order cancel --all")
    # A target that rests at once must have a position to reduce.
    resting = "order oco BTC-PERP buy 0.01 --stop 48000 --target-price 44000"
    assert console.refused(resting)["name"] == "ReduceOnlyWouldIncrease"
    assert console.ok("order list") == []


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
    # Dead from the deadline on, though nobody has taken them out.
    assert console.ok("order list") == [] == console.ok("market book BTC-PERP")["bids"]
    user = console.ok("account addresses")["user"]
    dead = console.ok(f"keeper expire-orders {user}", "trader 2")
    assert sorted(dead["removed"]) == sorted(said["order_ids"])
    assert console.refused(f"keeper expire-orders {user}", "trader 2")["name"] == "NothingExpired"
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
    console.misused(words, rule)
