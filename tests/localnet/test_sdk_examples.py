"""Every example runs against a living exchange and says what it should."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from sdk_world import World
from solders.keypair import Keypair

pytestmark = pytest.mark.localnet

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: What each example must have printed, as patterns in order.
WORDS = {
    "01_read_the_exchange.py": [
        r"exchange: 2 markets, 2 collaterals",
        r"BTC-PERP: index 40000, mark 40000",
        r"insurance: 0",
    ],
    "02_trade.py": [
        r"deposited 250\.50 USDC for \d+ compute units",
        r"order \d+ rests: 150 lots at 9000 ticks",
        r"placed again: the same order \d+, sent False",
        r"refused: equity is below the initial margin requirement: \d+ against \d+ atoms",
        r"cancelled 1 order",
        r"withdrew 250\.50 USDC",
    ],
    "03_replay_events.py": [r"\d+ events, no gap:", r"Deposited", r"(\d+) users: \1 balances equal"],
    "04_many_accounts.py": [r"decoded \d+ users", r"quote: \d+"],
    "05_without_async.py": [r"\w{32,}: 1000\.000000 USDC", r"free collateral 1000\.000000 USDC"],
    "06_through_anchorpy.py": [r"anchorpy reads 2 markets, opened True", r"first mark: \d{10,}"],
    "09_run_a_maker.py": [
        r"position 0 lots, quotes: none yet",
        r"quotes: bid 100 at \d+, ask 100 at \d+",
        r"[2-9] placed, \d+ changed, 0 fills, left open: 0",
        r"equity \d+\.\d{6} USDC",
    ],
}
#: These need no network: `tests/unit/strategies/test_strategy_examples.py` runs them.
OFFLINE = {"07_write_a_strategy.py", "08_three_strategies.py"}
SIGNED = {"02_trade.py", "05_without_async.py", "09_run_a_maker.py"}
MORE = {"09_run_a_maker.py": ["--steps", "4"]}


@pytest.fixture(scope="module")
async def trader(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keypair file of a trader with 1,000 USDC deposited and 1,000 in the wallet."""
    key: Keypair = (await world.trader("example", usdc=1_000))[0]
    await world.client.send(world.mint_instructions(world.usdc, key.pubkey(), 1_000_000_000))
    path = tmp_path_factory.mktemp("keys") / "trader.json"
    path.write_text(json.dumps(list(bytes(key))))
    return path


def test_every_example_is_run_here() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted({*WORDS, *OFFLINE})


@pytest.mark.parametrize("name", sorted(WORDS))
async def test_an_example_runs(name: str, world: World, trader: Path) -> None:
    await world.publish()
    words = [sys.executable, str(EXAMPLES / name), "--rpc-url", world.net.rpc_url]
    words += ["--keypair", str(trader)] if name in SIGNED else []
    words += MORE.get(name, [])
    running = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = (stream.decode() for stream in await asyncio.wait_for(running.communicate(), 60))
    assert running.returncode == 0, err
    assert re.search(".*".join(WORDS[name]), out, re.DOTALL), out
