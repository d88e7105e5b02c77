"""The main job whole: a market's life and its crash on a local validator, every conservation check held."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.localnet

WALKED = (
    "cancel_orders", "close_user", "collect_fees", "create_user", "deposit", "execute_change", "execute_slice",
    "fill_auction", "match_orders", "modify_order", "pause", "place_orders", "place_signed_orders",
    "propose_change", "settle_pnl", "trigger_order", "update_mark", "update_oracle", "update_trailing", "withdraw",
)  # fmt: skip
WAY_DOWN = (
    "liquidate_collateral", "liquidate_orders", "liquidate_position", "liquidate_to_backstop",
    "liquidate_with_orders", "resolve_bankruptcy", "touch_position",
)  # fmt: skip

EPISODES = ("parameters", "pause", "bracket", "trailing stop", "TWAP", "signed order", "auction")


def summary_of(folder: Path, *words: str) -> dict[str, Any]:
    """Run it and read its summary; code 0 says that every check held."""
    path = folder / "summary.json"
    command = [sys.executable, "-m", "evertide_cli.quickstart", "--json", str(path), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def assert_whole_life(summary: dict[str, Any]) -> None:
    """I-28: books rebuilt from events alone equal the chain's; an hour of funding went each way in each market."""
    assert summary["held"] and summary["mismatches"] == []
    assert all(check["held"] and check["left"] == check["right"] for check in summary["checks"])
    assert len(summary["checks"]) >= 75
    told = {check["name"].partition(":")[0] for check in summary["checks"]}
    assert told >= set(EPISODES)
    assert summary["traders"] >= 40 and summary["fills"] > 50
    called = {row["instruction"] for row in summary["compute_units"]}
    assert called >= set(WALKED)
    assert [market["market"] for market in summary["markets"]] == ["BTC-PERP", "ETH-PERP", "SOL-PERP"]
    for market in summary["markets"]:
        assert market["fills"] > 0
        assert market["minutes_longs_paid"] >= 60 and market["minutes_shorts_paid"] >= 60
        assert market["rate_most_e9"] > 12_500 and market["rate_least_e9"] < 0


def assert_whole_way_down(summary: dict[str, Any]) -> None:
    """Every rung, and who paid: each share is borne by fees, insurance, the other side, the tranche and the record."""
    down = summary["way_down"]
    assert [item["what"] for item in down["expected"] if not item["seen"]] == []
    called = {row["instruction"] for row in summary["compute_units"]}
    assert called >= set(WAY_DOWN)
    assert down["liquidations_begun"] == down["liquidations_ended"] > 10
    for case in down["bankruptcies"]:
        paid = sum(Decimal(case[f"{who}_usd"]) for who in ("fees", "insurance", "traders", "tranche", "recorded"))
        # A lot's price is rounded to a Q32 step, its value to an atom.
        assert abs(paid - Decimal(case["share_usd"])) <= Decimal("0.000002")
    for case, losses in zip(down["bankruptcies"], down["losses_by_trader"], strict=True):
        borne = sum(map(Decimal, losses["losers"].values()))
        assert borne == max(Decimal(case["traders_usd"]), Decimal(0))
    insurance = {name: Decimal(value) for name, value in down["insurance"].items()}
    assert (
        insurance["paid_usd"] > 0
        and insurance["after_usd"] < insurance["before_usd"] + insurance["backstop_profit_usd"]
    )
    sides = {(row["market"], row["side"]): row for row in down["sides"]}
    assert Decimal(sides["SOL-PERP", "short"]["A_least"]) < 1
    assert all(Decimal(row["A_at_the_end"]) == 1 for row in down["sides"])
    assert max(row["epoch"] for row in down["sides"]) >= 1


@pytest.mark.slow
def test_a_markets_life_on_the_projects_own_tape(tmp_path: Path) -> None:
    """I-28 on the default tape, with everything that the way down has: code 0 says so too."""
    summary = summary_of(tmp_path)
    assert_whole_life(summary)
    assert_whole_way_down(summary)
    assert summary["tape"]["source"].startswith("generator")
    # All three strategies traded, each by traders of its own.
    rows = summary["strategies"]
    fills = {
        row["strategy"]: sum(other["fills"] for other in rows if other["strategy"] == row["strategy"]) for row in rows
    }
    assert set(fills) == {"maker", "momentum", "arbitrage"} and min(fills.values()) > 0
    assert len(rows) == 9 and all(row["placed"] > 0 for row in rows)
    assert summary["way_down"]["all_expected"]
    reaction = summary["way_down"]["reaction"]
    assert reaction["slots"] * 100 == reaction["time_ms"] <= reaction["most_ms"] == 1_600


@pytest.mark.slow
def test_a_short_tape_tells_what_did_not_happen(tmp_path: Path) -> None:
    """A user's own tape without a crash: every line of it is missing, every check holds, code 0."""
    path = tmp_path / "summary.json"
    command = [sys.executable, "-m", "evertide_cli.quickstart", "--json", str(path), "--bars", "2", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    summary = json.loads(path.read_text())
    assert summary["held"] and not summary["way_down"]["all_expected"]
    assert [item["seen"] for item in summary["way_down"]["expected"]] == [False] * 9
    assert done.stdout.count("not on this tape: ") == 9
    assert summary["way_down"]["reaction"] is None


@pytest.mark.slow
@pytest.mark.data
def test_a_recorded_day_with_a_crash(tmp_path: Path, data_directory: Path) -> None:
    """I-28 on 24 hours of a real tape, from 2022-01-20T22:53, with a fall of twelve percent and its liquidations."""
    tape = data_directory / "btc_perp_1m_2022-01.csv.gz"
    words = ("--tape", str(tape), "--from", "2022-01-20T22:53", "--interval-minutes", "30", "--bars", "48")
    summary = summary_of(tmp_path, *words)
    assert_whole_life(summary)
    assert (summary["tape"]["from"], summary["tape"]["bars"]) == ("2022-01-20T22:53:00Z", 48)
    down = summary["way_down"]
    assert not down["all_expected"]
    assert down["liquidations_begun"] > 0 and down["liquidations"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--bars", "0"), "--bars must be at least 1, found 0"),
        (("--tape", "no-such-tape.csv"), "no-such-tape.csv does not exist"),
        (("--interval-minutes", "0"), "--interval-minutes must be 1 to 60, found 0"),
        (("--json", "no-such-folder/summary.json"), "its folder does not exist"),
        (("--seed", "x"), "must be a whole number, found 'x'"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(words: tuple[str, ...], told: str) -> None:
    command = [sys.executable, "-m", "evertide_cli.quickstart", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and told in done.stderr
