"""The command line's own behaviour: settings, keypair files, exit codes, start-up; no chain is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from solders.keypair import Keypair

from evertide_cli import main as entry
from evertide_cli.errors import ConfigProblem, KeypairProblem, UsageProblem
from evertide_cli.keys import read_keypair, write_keypair
from evertide_cli.session import connect
from evertide_cli.settings import derive_ws_url, resolve, write_value

HEAVY = (
    "anchorpy",
    "numba",
    "solders",
    "solana",
    "numpy",
    "httpx",
    "rich",
    "evertide_keepers",
    "evertide_engine",
    "pythclient",
)


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from evertide_cli.main import run; code = run(['--help']); print(code, *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1].split()
    assert last[0] == "0"
    loaded = {name.split(".")[0] for name in last[1:]}
    assert not loaded & set(HEAVY)
    assert "typer" in loaded


@pytest.mark.parametrize("words", [["nothing"], ["config", "nothing"], ["config", "set", "rpc_url"], ["--rpc-url"]])
def test_usage_errors_are_one_line_and_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_errors_as_an_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert entry.run(["config", "set", "--config", str(tmp_path / "none.toml"), "--json", "sub_id", "7"]) == 2
    body = json.loads(capsys.readouterr().err)["error"]
    assert body["type"] == "ConfigProblem"
    assert "none.toml" in body["message"]


def test_global_options_anywhere() -> None:
    flags, rest = entry.split_global_options(
        ["account", "--rpc-url=http://h:1", "show", "--json", "--sub-id", "3", "--", "--json"]
    )
    assert flags == {"rpc_url": "http://h:1", "as_json": True, "sub_id": "3"}
    assert rest == ["account", "show", "--", "--json"]


def test_precedence_of_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('rpc_url = "http://file:1"\ncommitment = "processed"\nsub_id = 4\n')
    environment = {"EVERTIDE_CONFIG": str(path), "EVERTIDE_RPC_URL": "http://environment:2"}
    settings = resolve({"sub_id": "9"}, environment)
    assert (settings.rpc_url, settings.commitment, settings.sub_id) == ("http://environment:2", "processed", 9)
    assert settings.ws_url == "ws://environment:3"
    assert settings.sources["sub_id"] == "--sub-id"
    assert settings.sources["commitment"] == str(path)
    assert settings.sources["keypair"] == "default"
    assert derive_ws_url("https://some.host/") == "wss://some.host"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("rpc_url = 3\n", "must be text"),
        ("unknown = 1\n", "'unknown'"),
        ("sub_id = 65536\n", "found 65536"),
        ("sub_id = true\n", "True"),
        ('commitment = "sure"\n', "'sure'"),
        ('rpc_url = "ftp://x"\n', "ftp://x"),
        ("= 1\n", "not TOML"),
    ],
)
def test_bad_configuration(tmp_path: Path, content: str, words: str) -> None:
    """F-27: every mistake in a file is refused with its source."""
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(ConfigProblem) as caught:
        resolve({}, {"EVERTIDE_CONFIG": str(path)})
    assert words in str(caught.value)


async def test_what_was_asked_for_is_how_transactions_are_sent(tmp_path: Path) -> None:
    environment = {"EVERTIDE_CONFIG": str(tmp_path / "none.toml")}
    settings = resolve({"timeout_ms": "1234", "priority_fee_micro_lamports": "7000000"}, environment)
    async with connect(settings, sign=False) as session:
        options = session.client.sender.options
        assert options.confirm_timeout_ms == 1_234
        assert options.priority_fee_micro_lamports == options.priority_fee_cap_micro_lamports == 7_000_000


def test_config_set_keeps_the_rest_and_refuses_bad_values(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    write_value(path, "sub_id", "5")
    write_value(path, "commitment", "finalized")
    settings = resolve({}, {"EVERTIDE_CONFIG": str(path)})
    assert (settings.sub_id, settings.commitment) == (5, "finalized")
    before = path.read_bytes()
    with pytest.raises(ConfigProblem):
        write_value(path, "timeout_ms", "0")
    with pytest.raises(UsageProblem):
        write_value(path, "colour", "blue")
    assert path.read_bytes() == before


def test_keypair_files(tmp_path: Path) -> None:
    keypair = Keypair.from_seed(bytes(range(32)))
    path = tmp_path / "keys" / "one.json"
    write_keypair(path, keypair)
    assert read_keypair(path) == keypair
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(KeypairProblem, match="never overwritten"):
        write_keypair(path, Keypair())
    assert read_keypair(path) == keypair


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a JSON list"),
        (b"hello", "not a JSON list"),
        (b'{"a": 1}', "not a JSON list"),
        (b"\xff\xfe\x00", "not text"),
        (json.dumps([1] * 63).encode(), "63 numbers, must be 64"),
        (json.dumps([256] + [1] * 63).encode(), "0 to 255"),
        (json.dumps([True] + [1] * 63).encode(), "0 to 255"),
        (json.dumps([7] * 64).encode(), "public half"),
        (b" " * 5000, "5000 bytes, at most 4096"),
    ],
)
def test_what_is_not_a_keypair_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(KeypairProblem) as caught:
        read_keypair(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_keypair_and_folder(tmp_path: Path) -> None:
    with pytest.raises(KeypairProblem, match="does not exist"):
        read_keypair(tmp_path / "none.json")
    with pytest.raises(KeypairProblem, match="cannot read"):
        read_keypair(tmp_path)


def test_installed_entry_point_runs_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evertide_cli.main", "config", "show", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "EVERTIDE_CONFIG": "/nonexistent/config.toml", "EVERTIDE_COMMITMENT": "processed"},
    )
    rows = {row["key"]: row["value"] for row in json.loads(done.stdout)["settings"]}
    assert rows["commitment"] == "processed"
