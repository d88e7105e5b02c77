"""A local network of the command line's own, and a console that types on it and reads what it prints."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evertide._localnet import Cheatcodes, RpcClient
from evertide._localnet.rpc import LocalnetError
from evertide_cli import main as entry


class Console:
    """Runs command lines on one network and reads what they print."""

    def __init__(self, net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
        self.net = net
        self.capsys = capsys

    def words(self, words: str, who: str) -> list[str]:
        return [
            *words.split(),
            "--rpc-url",
            self.net["rpc_url"],
            "--ws-url",
            self.net["ws_url"],
            "--keypair",
            self.net["keys"][who],
        ]

    def ok(self, words: str, who: str = "trader 1") -> Any:
        self.capsys.readouterr()
        code = entry.run([*self.words(words, who), "--json"])
        out, err = self.capsys.readouterr()
        assert code == 0, err
        return json.loads(out)

    def refused(self, words: str, who: str = "trader 1", code: int = 1) -> dict[str, Any]:
        self.capsys.readouterr()
        assert entry.run([*self.words(words, who), "--json"]) == code
        out, err = self.capsys.readouterr()
        assert out == "" or code == 1
        body: dict[str, Any] = json.loads(err)["error"]
        return body

    def misused(self, words: str, rule: str, who: str = "trader 1") -> None:
        """Usage that is refused in one line that names the rule."""
        self.capsys.readouterr()
        assert entry.run(self.words(words, who)) == 2
        err = self.capsys.readouterr().err
        assert rule in err
        assert err.count("\n") == 1

    def shown(self, words: str, who: str = "trader 1") -> str:
        self.capsys.readouterr()
        assert entry.run(self.words(words, who)) == 0
        return self.capsys.readouterr().out

    def pass_time(self, time_ms: int) -> None:
        """Let chain time pass: whole seconds."""
        with RpcClient(self.net["rpc_url"]) as rpc:
            cheats = Cheatcodes(rpc, slot_ms=self.net["slot_ms"])
            until_ms = cheats.chain_time_s() * 1_000 + time_ms
            try:
                cheats.travel_to(until_ms)
            except LocalnetError:
                # No way back: it was that late already.
                assert cheats.chain_time_s() * 1_000 >= until_ms

    def price(self, symbol: str = "BTC-PERP", usd: str = "46000") -> None:
        """Prices a second younger than the last, of a market and of SOL: the chain's clock counts whole seconds."""
        # Not by travelling: orders placed right behind it were at times not matched by the keeper's next look.
        time.sleep(1.1)
        self.ok(f"keeper oracle {symbol} {usd} --confidence 5", "oracle")
        self.ok("keeper oracle collateral:1 150", "oracle")


def run_net(folder: Path, traders: int = 2) -> Iterator[dict[str, Any]]:
    """`evertide localnet up` in a folder; what it said, and `evertide localnet down` afterwards."""
    out = io.StringIO()
    up = ["localnet", "up", "--json", "--rpc-port", "0", "--ws-port", "0", "--slot-ms", "20"]
    with contextlib.redirect_stdout(out):
        assert entry.run([*up, "--traders", str(traders), "--directory", str(folder)]) == 0
    yield {**json.loads(out.getvalue()), "folder": str(folder)}
    with contextlib.redirect_stdout(io.StringIO()):
        assert entry.run(["localnet", "down", "--directory", str(folder)]) == 0
