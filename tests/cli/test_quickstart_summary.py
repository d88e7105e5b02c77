"""The summary: what is missing on the default tape is a failure, money is exact text, names are traders'."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from evertide_cli.quickstart import report, report_way_down
from evertide_cli.quickstart.books import Bankruptcy, Books, CollateralSale, Liquidation
from evertide_cli.quickstart.check import Check
from evertide_cli.quickstart.way_down import Reaction

STEP = Liquidation("transfer", 0, "user", 4, 360_000_000, 3_000_001, 2_000_000, False, 5)
CASE = Bankruptcy(2, "user", 200, 200, 30, 50, 40, 70, 10, -10, {"x": 30, "y": 10})


def books() -> Books:
    """One of each."""
    made = Books(insurance_funded_atoms=1_000_000_000, insurance_before_atoms=1_000_000_000, tranche_atoms=400_000_000)
    ways = [("orders", False), ("orders", True), ("transfer", False), ("transfer", True), ("backstop", True)]
    made.liquidations = [dataclasses.replace(STEP, way=way, whole=whole) for way, whole in ways]
    made.sales = [CollateralSale("user", "buyer", 1, 1_500_000_000, 200_000_000, 5)]
    made.bankruptcies = [CASE]
    made.orders_cancelled_in_danger = 1
    made.markets[2].index.sides[1].a_least = 1 << 47
    return made


def outcome(found: Books, *, all_expected: bool, reaction: Reaction | None = None) -> report.Outcome:
    return report.Outcome(
        books=found,
        checks=[Check("one", "left", 1, "right", 1, "atoms")],
        units={"liquidate_orders": [5, 7]},
        confirm_ms=[100],
        transactions=3,
        failed_transactions=0,
        refusals={},
        keeper_refusals={},
        traders=2,
        names={"user": "levered-1", "x": "maker-1", "y": "taker-1"},
        reaction=reaction,
        all_expected=all_expected,
        tape={"source": "test"},
        stages_ms={},
    )


@pytest.mark.parametrize("all_expected", [True, False])
def test_a_missing_step_fails_only_the_default_tape(all_expected: bool, capsys: pytest.CaptureFixture[str]) -> None:
    without = books()
    without.sales = []
    assert outcome(books(), all_expected=all_expected).held
    made = outcome(without, all_expected=all_expected)
    assert made.held is not all_expected
    report.print_summary(made)
    told = "MISSING" if all_expected else "not on this tape"
    assert f"{told}: collateral sold to a liquidator" in capsys.readouterr().out


def test_a_failed_check_fails_every_tape() -> None:
    made = dataclasses.replace(outcome(books(), all_expected=False), checks=[Check("one", "a", 1, "b", 2, "atoms")])
    assert not made.held


def test_the_document_holds_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    report.write_json(path, outcome(books(), all_expected=True, reaction=Reaction(6, 100)))
    down = json.loads(path.read_text())["way_down"]
    assert [item["seen"] for item in down["expected"]] == [True] * 9
    assert down["reaction"] == {"slots": 6, "slot_ms": 100, "time_ms": 600, "most_ms": 1_600, "in_time": True}
    (by_transfer,) = [row for row in down["liquidations"] if row["liquidation"] == "to a liquidator"]
    assert (by_transfer["steps"], by_transfer["to nothing"], by_transfer["lots"]) == (2, 1, 8)
    assert (by_transfer["notional_usd"], by_transfer["liquidation_fees_usd"]) == ("720", "6.000002")
    (case,) = down["bankruptcies"]
    assert (case["bankrupt"], case["market"], case["traders_usd"]) == ("levered-1", "SOL-PERP", "0.00004")
    assert down["losses_by_trader"][0]["losers"] == {"maker-1": "0.00003", "taker-1": "0.00001"}
    assert down["collateral_sales"][0]["sol"] == "1.5"
    assert down["insurance"]["before_usd"] == "1000" and down["insurance"]["tranche_usd"] == "400"
    assert [row["A_least"] for row in down["sides"] if row["market"] == "SOL-PERP"] == ["1.000000", "0.500000"]


def test_a_stranger_is_named_by_its_address() -> None:
    assert report_way_down.named("user", {"user": "levered-1"}) == "levered-1"
    assert report_way_down.named("7yMsHysF5Mmt7hdGdXLGatDFXcMqPk9KSvUydqMMuS1Z", {}) == "7yMs..uS1Z"
