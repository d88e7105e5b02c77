"""Fixtures that every kind of test shares: the recorded data, and local networks with the program on them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide._localnet import (
    ANY_FREE_PORT,
    Cheatcodes,
    Localnet,
    RpcClient,
    deploy,
    local_keypair,
    program_keypair,
    start,
    stop,
)
from evertide._resources import program_path
from strict_proxy import StrictProxy, strict_proxy

if TYPE_CHECKING:
    from sdk_world import World

SLOT_MS = 20
PAYER_LAMPORTS = 10**15
TOKEN_AMOUNT = slice(64, 72)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--data DIR`: the recorded market data. Without it the tests marked `data` are left out, and the run says so."""
    parser.addoption("--data", type=Path, default=None, help="folder with the recorded market data")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that need the data out when it was not given; name a wrong folder instead of skipping."""
    folder: Path | None = config.getoption("--data")
    if folder is not None:
        if not (folder / "oracle").is_dir():
            raise pytest.UsageError(f"--data {folder}: no recorded market data there")
        return
    left_out = [item for item in items if item.get_closest_marker("data")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def data_directory(pytestconfig: pytest.Config) -> Path:
    """The recorded market data; for tests marked `data`."""
    folder: Path | None = pytestconfig.getoption("--data")
    assert folder is not None, "a test that uses data_directory is marked data"
    return folder.resolve()


@dataclass(frozen=True)
class ProgramNet:
    """A local network with the program on it."""

    net: Localnet
    rpc: RpcClient
    cheats: Cheatcodes
    payer: Keypair
    program_id: Pubkey

    @property
    def rpc_url(self) -> str:
        return self.net.rpc_url

    @property
    def ws_url(self) -> str:
        return self.net.ws_url


def take_from_vault(cheats: Cheatcodes, vault: Pubkey, atoms: int) -> None:
    """Make a token account hold less than it did (more, when negative), as no program could: a theft, as it looks."""
    found = cheats.rpc.call("getAccountInfo", [str(vault), {"encoding": "base64", "commitment": "processed"}])["value"]
    data = bytearray(base64.b64decode(found["data"][0]))
    held = int.from_bytes(data[TOKEN_AMOUNT], "little")
    data[TOKEN_AMOUNT] = (held - atoms).to_bytes(8, "little")
    cheats.set_account(vault, bytes(data), Pubkey.from_string(found["owner"]), found["lamports"])


def run_bare_net(folder: Path, slot_ms: int = SLOT_MS) -> Iterator[ProgramNet]:
    """A validator without the program, and a payer with SOL; stopped afterwards."""
    net = start(folder, rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT, slot_ms=slot_ms, hold=True)
    try:
        with RpcClient(net.rpc_url) as rpc:
            cheats = Cheatcodes(rpc, slot_ms=net.slot_ms)
            payer = local_keypair("payer")
            cheats.fund(payer.pubkey(), PAYER_LAMPORTS)
            yield ProgramNet(net, rpc, cheats, payer, program_keypair().pubkey())
    finally:
        stop(folder)


def run_program_net(folder: Path, slot_ms: int = SLOT_MS) -> Iterator[ProgramNet]:
    """The same with the committed program, verified and deployed by the real loader; the payer is its authority."""
    for net in run_bare_net(folder, slot_ms):
        deploy(net.rpc, program_path(), program_keypair(), net.payer, buffer_cheats=net.cheats)
        yield net


@pytest.fixture(scope="session")
def bare_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNet]:
    """One validator without the program for the whole session."""
    yield from run_bare_net(tmp_path_factory.mktemp("bare-net"))


@pytest.fixture(scope="module")
def program_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNet]:
    """A fresh network with the program for each file of tests."""
    yield from run_program_net(tmp_path_factory.mktemp("program-net"))


@pytest.fixture(scope="module")
async def world(program_net: ProgramNet) -> AsyncIterator[World]:
    """The exchange listed and open on that network, with a client and traders to be had."""
    from sdk_world import open_world

    opened = await open_world(program_net)
    yield opened
    await opened.client.close()


@pytest.fixture
def fresh_program_net(tmp_path: Path) -> Iterator[ProgramNet]:
    """A fresh network with the program for one test."""
    yield from run_program_net(tmp_path / "net")


@pytest.fixture
def strict_rpc(program_net: ProgramNet) -> Iterator[StrictProxy]:
    """A strict proxy before the file's network: what passes through it does not rely on the local validator."""
    with strict_proxy(program_net.rpc_url) as proxy:
        yield proxy


@pytest.fixture
def strict_bare_rpc(bare_net: ProgramNet) -> Iterator[StrictProxy]:
    """A strict proxy before the session's validator without the program."""
    with strict_proxy(bare_net.rpc_url) as proxy:
        yield proxy
