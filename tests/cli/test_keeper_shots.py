"""Single steps of the keepers of the way down, as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cli_console import run_net
from test_liquidate_commands import BANKRUPT_USD, MAINTENANCE_USD, Crash

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("shots-net") / "net", traders=3)


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Crash:
    return Crash(net, capsys)


def test_an_account_goes_down_by_single_steps(console: Crash) -> None:
    user, _ = console.victim()
    for quiet in ("liquidate", "bankruptcy"):
        assert console.ok(f"keeper {quiet}", "trader 3")["planned"] == 0
    own = console.ok("account addresses", "trader 3")["user"]
    console.move(MAINTENANCE_USD, still_s=200)
    whole = takeover(console, f"--user {own} --minimum-profit 0.01")
    assert whole["arguments"]["user"] == user
    assert [name for name, _ in whole["ahead"]] == ["liquidate_orders"]
    part = takeover(console, f"--user {own} --minimum-profit 0.01 --market-notional-max 100")
    assert 0 < part["arguments"]["size_max_lots"] < whole["arguments"]["size_max_lots"]
    done = console.ok(f"keeper liquidate --user {own} --minimum-profit 0.01", "trader 3")
    assert done["confirmed"] >= 1 and done["failed"] == 0
    assert console.ok("position list", "trader 3")[0]["market"] == "BTC-PERP"

    console.move(BANKRUPT_USD)
    resolved = console.ok("keeper bankruptcy", "trader 3")
    assert (resolved["planned"], resolved["confirmed"]) == (1, 1)
    assert console.ok("keeper bankruptcy", "trader 3")["planned"] == 0


def takeover(console: Crash, options: str) -> dict[str, Any]:
    """What the liquidator would take over, once the mark has come down to the index: before that it pays nobody."""
    for _ in range(5):
        planned = console.ok(f"keeper liquidate {options} --dry-run", "trader 3")["planned"]
        found = [one for one in planned if one["name"] == "liquidate_position"]
        if found:
            return found[0]
        console.price("BTC-PERP", str(MAINTENANCE_USD))
        console.ok("keeper accrue BTC-PERP", "keeper")
    raise AssertionError(planned)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("keeper collateral", "--user"),
        ("keeper liquidate --user nobody", "--user"),
        ("keeper liquidate --minimum-profit 0.0000001", "--minimum-profit"),
        ("keeper bankruptcy --quote-budget -1", "--quote-budget"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(console: Crash, words: str, says: str) -> None:
    assert says in console.refused(words, code=2)["message"]
