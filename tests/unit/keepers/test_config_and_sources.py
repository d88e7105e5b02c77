"""Configuration and price sources: what is accepted, and what each refusal names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from evertide_keepers import (
    ConfigError,
    HeldSource,
    HermesSource,
    JitDisabled,
    KeeperConfig,
    MatcherSettings,
    SourceError,
    TapeSource,
)
from evertide_keepers.config import read_keypair
from evertide_keepers.runner import make_source, require_jit
from evertide_keepers.settings import OracleSettings
from evertide_keepers.state import Price

GOOD = """
rpc_url = "http://127.0.0.1:8899"
keepers = ["matcher", "oracle"]
keypair = "key.json"
signers = ["oracle.json"]
health_port = 0
[matcher]
matches_max = 3
[oracle]
tape = "tape.csv"
tape_shift_ms = -5
aliases = { "collateral:1" = "SOL-PERP" }
"""


def load(folder: Path, text: str) -> KeeperConfig:
    path = folder / "keepers.toml"
    path.write_text(text)
    return KeeperConfig.load(path)


def test_a_file_gives_typed_settings_and_paths_beside_itself(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert config.keepers == ("matcher", "oracle") and config.settings["matcher"] == MatcherSettings(matches_max=3)
    assert config.keypair == str(tmp_path / "key.json") and config.signers == (str(tmp_path / "oracle.json"),)
    oracle = config.settings["oracle"]
    assert (oracle.tape, oracle.tape_shift_ms) == (str(tmp_path / "tape.csv"), -5)
    assert config.plain_settings()["oracle"]["aliases"] == {"collateral:1": "SOL-PERP"}
    json.dumps(config.plain_settings())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "rpc_url or rpc_urls: found nothing"),
        ('rpc_url = "ftp://x"', "rpc_url: found ftp, needed a URL that begins"),
        ('rpc_urls = ["http://x", "http://x"]', "rpc_urls: each once"),
        ('rpc_url = "http://x"\nrpc_urls = ["http://x"]', "rpc_urls: each once"),
        ('rpc_urls = "http://x"', "rpc_urls: found http://x, needed a list"),
        ('rpc_url = "http://x"\nws_urls = ["http://x"]', "ws_url: found http, needed a URL that begins with ws"),
        ('rpc_url = "http://x"\nquote_mint = "usdc"', "quote_mint: found usdc, needed an address"),
        ('rpc_url = "http://x"\ntimeout_ms = 0', "timeout_ms: found 0, needed 1 or more"),
        ('rpc_url = "http://x"\nspeed = 1', "a known key: found speed"),
        ('rpc_url = "http://x"\n[matcher]\nspeed = 1', r"a known key of \[matcher\]: found speed"),
        ('rpc_url = "http://x"\n[matcher]\nmatches_max = "3"', "matcher.matches_max: found 3, needed a whole number"),
        ('rpc_url = "http://x"\n[matcher]\nmatches_max = true', "matcher.matches_max: found True, needed a whole"),
        ('rpc_url = "http://x"\n[matcher]\nmatches_max = 1.5', "matcher.matches_max: found 1.5, needed a whole"),
        ('rpc_url = "http://x"\n[matcher]\nmatches_max = -1', "matcher.matches_max: found -1, needed zero or more"),
        ('rpc_url = "http://x"\nmatcher = 3', "matcher: found 3, needed a table"),
        ('rpc_url = "http://x"\nkeepers = ["butler"]', "a known keeper: found butler"),
        ('rpc_url = "http://x"\nkeepers = ["mark", "mark"]', "at least one, each once"),
        ('rpc_url = "http://x"\nkeepers = []', "at least one, each once"),
        ('rpc_url = "http://x"\nprogram_id = "nobody"', "program_id: found nobody"),
        ('rpc_url = "http://x"\ncommitment = "soon"', "commitment: found soon"),
        ('rpc_url = "http://x"\nhealth_port = 70000', "health_port: found 70000"),
        ('rpc_url = "http://x"\nsigners = "a"', "signers: found a, needed a list"),
        ("rpc_url = ", "needed TOML"),
    ],
)
def test_each_wrong_key_is_named_with_what_was_found(tmp_path: Path, text: str, message: str) -> None:
    """F-27: every mistake in a file is refused at the start."""
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_a_missing_file_and_a_bad_keypair_are_refused_without_showing_it(tmp_path: Path) -> None:
    """F-18: a missing or damaged key file."""
    with pytest.raises(ConfigError, match="needed a readable file"):
        KeeperConfig.load(tmp_path / "absent.toml")
    bad = tmp_path / "key.json"
    bad.write_text("[1, 2, 251]")
    with pytest.raises(ConfigError, match="a JSON list of 64 bytes") as caught:
        read_keypair(str(bad))
    assert "251" not in str(caught.value)
    key = Keypair()
    bad.write_text(json.dumps(list(bytes(key))))
    assert read_keypair(str(bad)) == key
    with pytest.raises(ConfigError, match="a readable file"):
        read_keypair(str(tmp_path / "absent.json"))


@pytest.mark.parametrize(("value", "refused"), [(None, False), ("0", False), ("", False), ("1", True)])
def test_keepers_refuse_to_run_without_the_compiler(monkeypatch: Any, value: str | None, refused: bool) -> None:
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    if value is not None:
        monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    if refused:
        with pytest.raises(JitDisabled, match="NUMBA_DISABLE_JIT: found 1"):
            require_jit()
    else:
        require_jit()


async def test_held_prices_take_the_chains_time_and_follow_aliases() -> None:
    """F-17: a price carries the chain's time, not this machine's."""
    source = HeldSource({"collateral:1": "SOL-PERP"})
    source.set({"SOL-PERP": 100_000_001}, confidence_bps=2)
    expected = Price(100_000_001, 20_001, 77)
    assert await source.prices(["SOL-PERP", "collateral:1", "BTC-PERP"], 77) == {
        "SOL-PERP": expected,
        "collateral:1": expected,
    }
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(SourceError, match="price of X"):
            source.set({"X": wrong})  # type: ignore[dict-item]


async def test_a_tape_gives_the_row_in_force_and_nothing_beyond_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "tape.csv.gz"
    with gzip.open(path, "wt") as text:
        text.write("timestamp,A,B\n100,1.5,2\n160,1.6,3\n220,1.7,0.000001\n")
    source = TapeSource.read(path, 1_000_000, 0)
    at = {
        ms: await source.prices(["A", "B", "C"], 1_000_000 + ms) for ms in (99_999, 100_000, 159_999, 220_000, 280_001)
    }
    assert at[99_999] == {} and at[280_001] == {}
    assert (
        at[100_000]["A"].price == at[159_999]["A"].price == 1_500_000 and at[159_999]["A"].publish_time_ms == 1_159_999
    )
    assert at[220_000]["B"].price == 1 and set(at[220_000]) == {"A", "B"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,A\n", "at least one row"),
        ("timestamp,A\n100,1\n100,2\n", "each later than the one before"),
        ("timestamp,A\n100,1\nsoon,2\n", "line 3: timestamp: found soon"),
        ("timestamp,A\n100,one\n", "line 2: A: found one, needed a decimal price"),
        ("timestamp,A\n100,-1\n", "line 2: A: found -1, needed a price above zero"),
        ("timestamp,A\n100,NaN\n", "line 2: A: found NaN"),
        ("time,A\n100,1\n", "line 2: timestamp: found None"),
    ],
)
def test_each_bad_row_of_a_tape_is_named(tmp_path: Path, text: str, message: str) -> None:
    """F-15: prices that are none."""
    path = tmp_path / "tape.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        TapeSource.read(path, 0, 2)
    with pytest.raises(SourceError, match="a readable CSV file"):
        TapeSource.read(tmp_path / "absent.csv", 0, 2)


@given(price=st.integers(1, 10**15), conf=st.integers(0, 10**9), expo=st.integers(-12, 0))
async def test_hermes_prices_round_down_and_confidence_up(price: int, conf: int, expo: int) -> None:
    entry = {"id": "ab", "price": {"price": str(price), "conf": str(conf), "expo": expo, "publish_time": 1700}}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v2/updates/price/latest" and request.url.params.get_list("ids[]") == ["ab"]
        return httpx.Response(200, json={"parsed": [entry]})

    source = HermesSource("http://hermes", {"A": "0xAB"}, transport=httpx.MockTransport(answer))
    found = (await source.prices(["A", "B"], 5))["A"]
    await source.close()
    assert found.publish_time_ms == 1_700_000
    assert found.price * 10**12 <= price * 10 ** (12 + expo + 6) < (found.price + 1) * 10**12
    assert (found.confidence - 1) * 10**12 < conf * 10 ** (12 + expo + 6) <= found.confidence * 10**12


@pytest.mark.parametrize(
    "response", [httpx.Response(500), httpx.Response(200, text="no"), httpx.Response(200, json={})]
)
async def test_a_broken_hermes_is_a_source_error(response: httpx.Response) -> None:
    """F-04: a price service that answers with an error, text, or nothing."""
    source = HermesSource("http://hermes", {"A": "ab"}, transport=httpx.MockTransport(lambda request: response))
    with pytest.raises(SourceError, match="Hermes answer"):
        await source.prices(["A"], 5)
    assert await source.prices(["B"], 5) == {}
    await source.close()


def test_one_source_at_most() -> None:
    assert make_source(OracleSettings()) is None
    with pytest.raises(ConfigError, match="one source"):
        make_source(OracleSettings(tape="a", hermes_url="http://b"))


def test_one_url_or_several_in_their_order_and_no_secret_in_a_journals_settings(tmp_path: Path) -> None:
    assert load(tmp_path, 'rpc_url = "http://a"').node_urls == ("http://a",)
    config = load(tmp_path, 'rpc_url = "http://a"\nrpc_urls = ["http://b"]\nws_urls = ["ws://b"]\nws_url = "ws://a"')
    assert config.node_urls == ("http://a", "http://b") and config.socket_urls == ("ws://a", "ws://b")
    secret = load(
        tmp_path, 'rpc_url = "http://a"\n[oracle]\nhermes_url = "https://me:pass@h.test/v2/topsecret?k=secret"'
    )
    assert secret.plain_settings()["oracle"]["hermes_url"] == "https://h.test"
