"""`evertide strategy`: the list, a backtest that repeats, files that cannot be, and a run on a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide_cli import main as entry

MAKER = """
strategy = "maker"
[settings]
market = "BTC-PERP"
order_size = "0.01"
position_max = 0.05
anchor = "index"
[backtest]
equity_usd = 5_000
latency_ms = 200
[run]
interval_ms = 200
"""
OWN = '''
from decimal import Decimal
from dataclasses import dataclass
from evertide.strategies import PlaceOrder, Strategy

@dataclass(frozen=True, kw_only=True)
class DipSettings:
    market: str
    below_bps: Decimal = Decimal(10)

class Dip(Strategy):
    """Bids once below the index."""
    Settings = DipSettings

    def __init__(self, settings):
        self.settings = settings
        self.symbols = (settings.market,)

    def on_clock(self, view):
        market = view.market(self.settings.market)
        if market.position_lots or market.orders:
            return []
        ticks = market.index_ticks * (10_000 - int(self.settings.below_bps)) // 10_000
        return [PlaceOrder(symbol=market.symbol, side="bid", size_lots=10, price_ticks=ticks)]

class NoStrategy:
    pass
'''


def write(folder: Path, text: str = MAKER, name: str = "strategy.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def ok(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    code = entry.run([*map(str, words), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_the_list_and_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ok(capsys, "strategy", "list")
    assert [row["name"] for row in rows] == ["maker", "momentum", "arbitrage"]
    assert all(row["source"] for row in rows)
    settings = {row["setting"]: row["default"] for row in ok(capsys, "strategy", "settings", "maker")}
    assert settings["market"] is None and settings["risk_aversion"] == "0.05" and settings["levels"] == 1


def test_a_backtest_repeats_to_the_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, reports = write(tmp_path), []
    for number in (1, 2):
        words = ("--bars", 2, "--interval-minutes", 2, "--seed", 5, "--journal", tmp_path / f"{number}.jsonl")
        reports.append(ok(capsys, "strategy", "backtest", "--file", file, *words))
    assert reports[0] == reports[1]
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes() != b""
    assert reports[0]["equity_start_atoms"] == "5000000000" and reports[0]["fills"] > 0
    assert reports[0]["markets"][0]["position_most_lots"] <= 500
    assert entry.run(["strategy", "backtest", "--file", str(file), "--bars", "1", "--interval-minutes", "1"]) == 0
    assert "max drawdown atoms" in capsys.readouterr().out


def test_trades_and_a_class_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, OWN, "mine.py")
    file = write(tmp_path, 'strategy = "mine.py:Dip"\n[settings]\nmarket = "BTC"\nbelow_bps = 5\n')
    rows = [f"{1_700_000_000_000 + 200 * n},{40_000 - 2 * n},0.05,sell" for n in range(60)]
    trades = write(tmp_path, "\n".join(["time_ms,price,size,side", *rows]) + "\n", "trades.csv")
    report = ok(capsys, "strategy", "backtest", "--file", file, "--trades", trades)
    assert report["strategy"] == "Dip" and report["fills"] >= 1
    assert report["markets"][0]["position_lots"] == 10


BAD = [
    ("strategy = 5", "strategy must be a name or FILE.py:CLASS, found 5"),
    ('strategy = "grid"', "strategy 'grid' is none of maker, momentum, arbitrage"),
    ('strategy = "maker"\nsize = 3', "unknown key 'size'; known: strategy, settings, limits, run, backtest"),
    ('strategy = "maker"\nsettings = 3', "settings must be a table, found 3"),
    ('strategy = "maker"\n[settings]\nmarket = "BTC"', "maker.order_size must be given"),
    (MAKER + "steps_max = 1.5", "run.steps_max must be a whole number, found 1.5"),
    (MAKER + "dead_man_ms = 10", "dead_man_ms must be 5000 to 3600000, found 10"),
    (MAKER + "wait = 1", "a setting of run must be one of interval_ms"),
    (MAKER + "[limits]\nloss_max_usd = 0.0000001", "loss_max_usd"),
    (MAKER + "[limits]\norders_max = 99", "orders_max must be 1 to 32, found 99"),
    (MAKER.replace("BTC-PERP", "DOGE"), "a backtest has the standard markets BTC-PERP, ETH-PERP, SOL-PERP"),
    ("strategy = ", "is not TOML"),
    ('strategy = "absent.py:Dip"', "absent.py does not exist or is not Python"),
    ('strategy = "mine.py:Absent"', "has no strategy class 'Absent'"),
    ('strategy = "mine.py:NoStrategy"', "has no strategy class 'NoStrategy'"),
    ('strategy = "broken.py:Dip"', "broken.py cannot be imported: NameError"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_a_file_that_cannot_be_is_one_line_and_code_2(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, OWN, "mine.py")
    write(tmp_path, "undefined_name", "broken.py")
    assert entry.run(["strategy", "backtest", "--file", str(write(tmp_path, text))]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and told in err


def test_other_words_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path)
    journal = write(tmp_path, "", "there.jsonl")
    legs = 'market_a = "BTC"\nmarket_b = "ETH"\nleg_notional_usd = 9\nclip_usd = 9\nimbalance_max_usd = 1\n'
    pair = write(tmp_path, f'strategy = "arbitrage"\n[settings]\n{legs}', "pair.toml")
    cases: list[tuple[list[object], str]] = [
        (["backtest", "--file", tmp_path / "absent.toml"], "cannot read strategy file"),
        (["backtest", "--file", file, "--trades", "a", "--tape", "b"], "--trades and --tape exclude each other"),
        (["backtest", "--file", file, "--bars", "0"], "--bars must be at least 1, found 0"),
        (["backtest", "--file", file, "--trades", tmp_path / "absent.csv"], "a readable CSV"),
        (["backtest", "--file", file, "--journal", journal], "cannot write journal"),
        (["backtest", "--file", pair, "--trades", file], "--trades holds one market; arbitrage trades 2"),
        (["settings", "grid"], "strategy 'grid' is none of"),
        (["run", "--file", file, "--keypair", tmp_path / "absent.json"], "does not exist"),
    ]
    for words, told in cases:
        assert entry.run(["strategy", *map(str, words)]) == 2, words
        err = capsys.readouterr().err
        assert told in err and err.count("\n") == 1, err


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("strategy-net") / "net", traders=1)


@pytest.mark.localnet
def test_a_run_on_a_network(net: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(net, capsys)
    console.price()
    file = write(tmp_path)
    dry = console.ok(f"strategy run --file {file} --dry-run")
    assert {place["order"]["side"] for place in dry["decided"]["places"]} == {"bid", "ask"}
    assert console.ok("order list") == []
    report = console.ok(f"strategy run --file {file} --steps 3")
    assert report["ended"] == "steps" and report["steps"] == 3 and report["placed"] >= 2
    assert report["left_open"] == 0 and report["refused"] == {} and console.ok("order list") == []
    assert report["equity_end_atoms"] == report["equity_start_atoms"]
    refused = console.refused(f"strategy run --file {file} --steps 1 --sub-id 9")
    assert refused["type"] == "AccountNotFound"
