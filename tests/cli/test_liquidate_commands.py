"""The way down on the command line: each instruction as a user types it, the views, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide._localnet import Cheatcodes, RpcClient
from evertide_cli import main as entry

pytestmark = pytest.mark.localnet

START_USD, MAINTENANCE_USD, BACKSTOP_USD, BANKRUPT_USD = 46_000, 45_200, 44_950, 44_400
SIZE = "0.75"
SUB_IDS = count(10)


class Crash(Console):
    """A console on which accounts go down."""

    def move(self, usd: int, *, sol: int = 150, still_s: int = 0) -> None:
        """The price of BTC moves; with `still_s` it then stays for so long, and averages follow."""
        self.price("BTC-PERP", str(usd))
        if still_s:
            with RpcClient(self.net["rpc_url"]) as rpc:
                cheats = Cheatcodes(rpc, slot_ms=self.net["slot_ms"])
                cheats.travel_to((cheats.chain_time_s() + still_s) * 1_000)
            self.price("BTC-PERP", str(usd))
        if sol != 150:
            self.ok(f"keeper oracle collateral:1 {sol}", "oracle")
        self.ok("keeper accrue BTC-PERP", "keeper")

    def victim(self, usdc: int = 1_000, sol: int = 0) -> tuple[str, str]:
        """Somebody who has just bought 0.75 BTC at 46,000: the address, and the sub-account option to act as them."""
        self.move(START_USD, still_s=600)
        option = f"--sub-id {next(SUB_IDS)}"
        self.ok(f"account create {option}", "trader 2")
        self.ok(f"account deposit {usdc} USDC {option}", "trader 2")
        if sol:
            self.ok(f"account withdraw {sol} SOL", "trader 2")
            self.ok(f"account deposit {sol} SOL {option}", "trader 2")
        self.ok(f"order place BTC-PERP sell {SIZE} --price {START_USD} --tif post-only")
        self.ok(f"order place BTC-PERP buy {SIZE} --price {START_USD} --taker-phase-s 0 {option}", "trader 2")
        # On a busy machine a price can become too old for fills while the keeper starts.
        for _ in range(5):
            self.price("BTC-PERP", str(START_USD))
            entry.run([*self.words("keeper match", "keeper"), "--json"])
            if self.ok(f"order list {option}", "trader 2") == []:
                break
        address: str = self.ok(f"account addresses {option}", "trader 2")["user"]
        return address, option


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("crash-net") / "net", traders=3)


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Crash:
    return Crash(net, capsys)


def watched(console: Crash, user: str) -> dict[str, Any] | None:
    """The account's line in the live view."""
    view = console.ok("liquidate watch --once")
    assert view["accounts_total"] >= 3
    assert sum(view["below"].values()) <= len(view["accounts"]) == view["shown"]
    return next((line for line in view["accounts"] if line["account"] == user), None)


def events(answer: Any) -> dict[str, dict[str, Any]]:
    return {entry["event"]: entry["fields"] for entry in answer["events"]}


def test_views_before_and_after_the_crash(console: Crash) -> None:
    user, option = console.victim()
    row = console.ok(f"position list {option}", "trader 2")[0]
    assert Decimal(row["size"]) == Decimal(SIZE)
    assert Decimal(row["entry_price"]) == START_USD
    edge, mark = Decimal(row["liquidation_price"]), Decimal(row["mark_price"])
    assert 45_200 < edge < mark
    assert row["distance_bps"] == int((mark - edge) / mark * 10_000)
    assert Decimal(row["distance_percent"]) == Decimal(row["distance_bps"]) / 100
    assert "liquidation price" in console.shown(f"position list {option}", "trader 2")
    assert watched(console, user) is None
    shown = console.ok(f"liquidate show {user}")
    assert (shown["rung"], shown["in_liquidation"]) == ("healthy", False)
    assert shown["open_to_liquidation"][0]["refused"] == "LiquidationNotStarted"

    told = console.ok("engine stress --shock -50 --shock 0 --market BTC-PERP")
    crash, still = told["scenarios"]
    assert (crash["shock_percent"], still["shock_percent"]) == ("-50", "0")
    assert (crash["below_maintenance"], crash["bankrupt"], crash["worst_account"]) == (1, 1, user)
    assert (still["below_maintenance"], Decimal(still["deficit_usd"]), still["worst_account"]) == (0, 0, None)
    assert 0 < Decimal(crash["deficit_usd"]) < Decimal(crash["shortfall_usd"])
    assert user in console.shown("engine stress --shock -50")

    thought = console.ok(f"account health --what-if BTC-PERP={MAINTENANCE_USD} {option}", "trader 2")
    assert (thought["now"]["rung"], thought["what_if"]["rung"]) == ("healthy", "maintenance")
    console.move(MAINTENANCE_USD)
    now = console.ok(f"account health {option}", "trader 2")["health"]
    then = thought["what_if"]["health"]["ladder"]
    assert (now["equity_maintenance_atoms"], now["maintenance_requirement_atoms"]) == (
        then["equity_atoms"],
        then["maintenance_atoms"],
    )
    line = watched(console, user)
    assert line is not None
    assert (line["rung"], line["markets"], line["in_liquidation"], line["since_s"]) == (
        "maintenance",
        ["BTC-PERP"],
        False,
        None,
    )
    assert Decimal(line["shortage_usd"]) > 0
    text = console.shown("liquidate watch --once")
    assert user in text
    assert "maintenance 1" in text
    assert console.ok(f"position list {option}", "trader 2")[0]["distance_bps"] == 0
    saved = console.ok(
        f"account health --what-if deposit:USDC=500 --what-if order:BTC-PERP:sell=0.1@46000 {option}", "trader 2"
    )
    assert saved["what_if"]["rung"] == "healthy"
    text = console.shown(
        f"account health --what-if BTC-PERP=-10% --what-if fill:BTC-PERP:sell=0.1@45000 {option}", "trader 2"
    )
    assert "bankrupt" in text
    assert "what if" in text


def test_orders_then_the_book_then_a_liquidator(console: Crash) -> None:
    user, option = console.victim()
    console.ok(f"order place BTC-PERP buy 0.001 --price 40000 --tif post-only {option}", "trader 2")
    healthy = console.refused(f"liquidate orders {user}", "keeper")
    assert (healthy["name"], healthy["left"] > healthy["right"]) == ("AccountHealthy", True)
    console.move(MAINTENANCE_USD, still_s=200)
    early = console.refused(f"liquidate position {user} BTC-PERP", "trader 3")
    assert early["name"] == "LiquidationNotStarted"
    dry = console.ok(f"liquidate orders {user} --dry-run", "keeper")
    assert dry["dry_run"] is True
    assert any("liquidate_orders" in entry for entry in dry["logs"])
    answer = console.ok(f"liquidate orders {user}", "keeper")
    begun = events(answer)["OrdersLiquidated"]
    assert (answer["did"], Decimal(answer["equity_usd"])) == ("void", Decimal(begun["equity_atoms"]) / 10**6)
    assert begun["rung"] == 2
    assert console.ok(f"order list {option}", "trader 2") == []
    again = console.refused(f"liquidate orders {user}", "keeper")
    assert (again["left"], again["right"]) == (begun["equity_atoms"], begun["requirement_atoms"])
    line = watched(console, user)
    assert line is not None
    assert line["in_liquidation"] is True
    assert line["since_s"] >= 0

    nobody = console.refused(f"liquidate with-orders {user} BTC-PERP", "keeper", code=2)
    assert "no bid rests in BTC-PERP" in nobody["message"]
    console.ok("order place BTC-PERP buy 0.01 --price 45190 --tif post-only")
    console.ok("order place BTC-PERP buy 0.02 --price 45180 --tif post-only", "trader 3")
    closed = console.ok(f"liquidate with-orders {user} BTC-PERP --size-max 0.015", "keeper")
    fills = events(closed)["LiquidationMatched"]["fills"]
    assert [fill["size_lots"] for fill in fills] == [100, 50]
    console.ok("order cancel --all", "trader 3")

    open_now = console.ok(f"liquidate show {user}")["open_to_liquidation"][0]
    assert open_now["refused"] is None
    assert Decimal(open_now["open_size"]) > 0
    assert Decimal(open_now["liquidator_fee_usd"]) > Decimal(open_now["insurance_fee_usd"]) > 0
    small = events(console.ok(f"liquidate position {user} BTC-PERP --size-max 0.001", "trader 3"))["PositionLiquidated"]
    assert small["size_lots"] == 10
    assert console.ok(f"liquidate position {user} BTC-PERP --dry-run", "trader 3")["compute_units"] > 0
    assert "liquidator fee usd" in console.shown(f"liquidate position {user} BTC-PERP", "trader 3")
    own = console.refused(f"liquidate position {user} BTC-PERP", "trader 2")
    assert own["name"] in ("SelfLiquidation", "LiquidationNotStarted")


def test_collateral_backstop_and_bankruptcy(console: Crash) -> None:
    user, _ = console.victim(usdc=520, sol=3)
    console.move(BACKSTOP_USD)
    console.ok(f"liquidate orders {user}", "keeper")
    bought = events(console.ok(f"liquidate collateral {user} SOL --amount-max 0.5", "trader 3"))["CollateralLiquidated"]
    assert bought["amount_atoms"] == 500_000_000
    too_solvent = console.refused(f"liquidate resolve {user} BTC-PERP", "keeper")
    assert (too_solvent["name"], too_solvent["right"]) == ("UserSolvent", 0)
    assert too_solvent["left"] >= 0
    moved = events(console.ok(f"liquidate to-backstop {user} BTC-PERP", "keeper"))["PositionLiquidated"]
    assert moved["backstop"] is True
    assert moved["ended"] is True

    user, option = console.victim()
    console.move(BANKRUPT_USD)
    console.ok(f"liquidate orders {user}", "keeper")
    line = watched(console, user)
    assert line is not None
    assert (line["rung"], Decimal(line["equity_usd"]) < 0) == ("bankrupt", True)
    bankrupt = console.refused(f"liquidate to-backstop {user} BTC-PERP", "keeper")
    assert (bankrupt["name"], bankrupt["left"] < 0, bankrupt["right"]) == ("UserBankrupt", True, 0)
    assert console.ok(f"liquidate resolve {user} BTC-PERP --dry-run", "keeper")["dry_run"] is True
    answer = console.ok(f"liquidate resolve {user} BTC-PERP", "keeper")
    assert answer["did"] == "resolved"
    payers = ("fees", "insurance", "deleveraged", "tranche", "recorded")
    paid = sum(Decimal(answer[f"{name}_usd"]) for name in payers)
    assert paid == Decimal(answer["share_usd"]) > 0
    borne = events(answer)["BankruptcyResolved"]
    assert borne["step"] == 2
    assert borne["share_atoms"] == borne["deficit_atoms"] > 0
    assert console.ok(f"position list {option}", "trader 2") == []
    assert watched(console, user) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("liquidate orders nobody", "USER must be an address in base58, found 'nobody'"),
        ("liquidate position {} DOGE", "unknown market 'DOGE'"),
        ("liquidate position {} BTC-PERP --size-max 0", "size 0 is below the least value"),
        ("liquidate position {} BTC-PERP --size-max 0.00001", "not a multiple of the lot 0.0001"),
        ("liquidate with-orders {} BTC-PERP --maker one", "--maker must be USER:ORDER_ID, found 'one'"),
        ("liquidate with-orders {} BTC-PERP --maker x:1", "--maker must be an address in base58, found 'x'"),
        ("liquidate with-orders {} ETH-PERP", "holds no position in ETH-PERP"),
        ("liquidate collateral {} USDC", "collateral_index 0 is below the least value 1"),
        ("account health --what-if BTC-PERP", "--what-if must be one of"),
        ("account health --what-if fly:me=1", "--what-if must be one of"),
        ("account health --what-if order:BTC-PERP:hold=1@2", "--what-if must be one of"),
        ("account health --what-if DOGE=-5%", "unknown market 'DOGE'"),
        ("account health --what-if BTC-PERP=-100%", "percent -100 is below the least value -100"),
        ("account health --what-if BTC-PERP=cheap", "'cheap' is not a decimal number"),
        ("account health --what-if withdraw:USDC=99999999", "withdrawn amount 99999999 is above the greatest value"),
        ("liquidate watch --once --limit 0", "'--limit'"),
        ("engine stress --shock much", "a number of percent is needed: found 'much'"),
        ("engine stress --shock 0.001", "at most two decimals of a percent: found 0.001"),
        ("engine stress --shock -100", "found -100, needed -99.99 to 1000 percent"),
    ],
)
def test_words_that_cannot_be_meant(console: Crash, words: str, message: str) -> None:
    user = console.ok("account addresses")["user"]
    refused = console.refused(words.format(user), code=2)
    assert message in refused["message"]
    console.capsys.readouterr()


def test_the_live_view_streams_one_document_a_line(console: Crash) -> None:
    words = [sys.executable, "-m", "evertide_cli.main", *console.words("liquidate watch --json", "trader 1")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        views = [json.loads(running.stdout.readline()) for _ in range(3)]
        running.terminate()
        running.communicate(timeout=20)
    slots = [view["slot"] for view in views]
    assert slots == sorted(slots)
    assert slots[0] < slots[-1]
    assert {"below", "accounts", "in_liquidation", "time_ms"} <= set(views[0])
