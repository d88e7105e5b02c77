"""Auctions and hidden orders on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide_cli import main as entry

pytestmark = pytest.mark.localnet

PRICED_AGAIN = 5


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("fair-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def test_an_auction_is_answered_better_than_its_limit(console: Console) -> None:
    user = console.ok("account addresses")["user"]
    for _ in range(PRICED_AGAIN):
        console.price()
        console.ok("order place BTC-PERP buy 0.02 --price 46300 --auction-start 46100 --taker-phase-s 60")
        order_id = console.ok("order list")[0]["order_id"]
        words = f"order fill-auction BTC-PERP {user} {order_id} --price 46050 --size 0.01"
        console.capsys.readouterr()
        code = entry.run([*console.words(words, "trader 2"), "--json"])
        out, err = console.capsys.readouterr()
        if code == 0:
            break
        # On a busy machine a price can become too old for fills while the command starts.
        assert "OracleValidityForbids" in err
        console.ok("order cancel --all")
    said = json.loads(out)
    assert Decimal(said["filled"]) == Decimal("0.01")
    # 0.01 BTC at least 50 dollars below the limit of the moment.
    assert said["improvement_atoms"] >= 500_000
    assert Decimal(console.ok("order list")[0]["remaining"]) == Decimal("0.01")
    console.ok("order cancel --all")
    assert console.refused(words, "trader 2")["name"] == "OrderNotFound"


def test_a_hidden_order_is_revealed_into_its_place(console: Console, tmp_path: Path) -> None:
    console.price()
    file = tmp_path / "secret.json"
    said = console.ok(f"order commit BTC-PERP buy 0.01 --price 45000 --tif post-only --out {file}")
    assert file.stat().st_mode & 0o077 == 0
    row = console.ok("order list")[0]
    assert (row["order_id"], row["kind"]) == (said["order_id"], "commit")
    # Times may hold the same figures.
    assert "45000" not in json.dumps({key: value for key, value in row.items() if not key.endswith("_ms")})
    told = console.ok(f"order reveal {file}")
    assert told["order_id"] == said["order_id"]
    row = console.ok("order list")[0]
    assert (row["kind"], Decimal(row["price"])) == ("limit", 45_000)
    assert "has no commitment" in console.refused(f"order reveal {file}", code=2)["message"]
    console.ok("order cancel --all")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("order fill-auction BTC-PERP nobody 1 --price 5 --size 1", "TAKER"),
        ("order commit BTC-PERP buy 0.01 --price 5", "--out"),
        ("order commit BTC-PERP up 0.01 --price 5 --out x.json", "buy or sell"),
        ("order reveal no-such-file", "cannot read"),
        ("order reveal pyproject.toml", "not the JSON of a hidden order"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule)
