"""`evertide audit matching`: an honest market, then one whose keeper left a better order out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cli_console import Console, run_net
from solders.pubkey import Pubkey

from evertide import EvertideClient
from evertide.errors import OracleError
from evertide_cli import main as entry
from evertide_cli.keys import read_keypair

pytestmark = pytest.mark.localnet

PRICED_AGAIN = 5


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("audit-net") / "net", traders=3)


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def quote(console: Console, who: str, price: int) -> tuple[Pubkey, int]:
    console.ok(f"order place BTC-PERP sell 0.01 --price {price} --tif post-only", who)
    user = console.ok("account addresses", who)["user"]
    return Pubkey.from_string(user), console.ok("order list", who)[0]["order_id"]


def match(console: Console, makers: list[tuple[Pubkey, int]], size: str) -> None:
    """Trader 3 takes, and a keeper names just these makers."""
    console.price()
    console.ok(f"order place BTC-PERP buy {size} --price 46020 --taker-phase-s 0", "trader 3")
    taker = Pubkey.from_string(console.ok("account addresses", "trader 3")["user"])
    order_id = console.ok("order list", "trader 3")[0]["order_id"]

    async def send() -> None:
        payer = read_keypair(console.net["keys"]["keeper"])
        async with EvertideClient(console.net["rpc_url"], payer=payer) as client:
            await client.match_orders(0, (taker, order_id), makers)

    for _ in range(PRICED_AGAIN):
        try:
            asyncio.run(send())
        except OracleError:
            # On a busy machine a price can become too old for fills while the command starts.
            console.price()
            continue
        return
    pytest.fail("the price was too old for fills every time")


def test_an_honest_keeper_and_one_that_skips(console: Console) -> None:
    console.price()
    cheap, dear = quote(console, "trader 1", 46_010), quote(console, "trader 2", 46_015)
    match(console, [cheap, dear], "0.02")
    found = console.ok("audit matching BTC-PERP")
    assert found["clean"] is found["whole"] is True
    assert (found["matches"], found["fills"], found["skipped"], found["named_skips"]) == (1, 2, [], {})
    assert [record["fills"] for record in found["keepers"]] == [2]
    shown = console.shown("audit matching btc")
    assert "0 certain" in shown
    assert "none named" in shown

    cheap, dear = quote(console, "trader 1", 46_010), quote(console, "trader 2", 46_015)
    match(console, [dear], "0.01")
    console.capsys.readouterr()
    assert entry.run([*console.words("audit matching BTC-PERP", "trader 1"), "--json"]) == 1
    out, err = console.capsys.readouterr()
    report = json.loads(out)
    assert "1 better orders were skipped" in json.loads(err)["error"]["message"]
    (skipped,) = report["skipped"]
    assert (skipped["user"], skipped["order_id"], skipped["price_ticks"]) == (str(cheap[0]), cheap[1], 46_010)
    # 0.01 BTC at 46,015 instead of 46,010.
    assert [record["taker_cost_atoms"] for record in report["keepers"]] == [50_000]
    assert report["hash_breaks"] == report["gaps"] == report["mismatches"] == []
    console.capsys.readouterr()
    assert entry.run(console.words("audit matching BTC-PERP", "trader 1")) == 1
    assert str(cheap[0]) in console.capsys.readouterr().out.replace("\n", "").replace(" ", "")
    # Somebody else's matches are not this keeper's fault.
    other = console.ok("account addresses", "trader 1")["authority"]
    assert console.ok(f"audit matching BTC-PERP --keeper {other}")["keepers"] == []


def test_words_that_cannot_be_meant(console: Console) -> None:
    assert "NONE" in console.refused("audit matching NONE", code=2)["message"]
    assert "--keeper" in console.refused("audit matching BTC-PERP --keeper nobody", code=2)["message"]
    assert console.refused("audit matching BTC-PERP --rows 0", code=2)
