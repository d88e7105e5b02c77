"""Starting, finding and stopping the validator; deploying through the real loader; the guards of the cheats."""

from __future__ import annotations

import base64
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from spl.token.constants import ASSOCIATED_TOKEN_PROGRAM_ID as ASSOCIATED_TOKEN_PROGRAM

from conftest import ProgramNet
from evertide._localnet import (
    ANY_FREE_PORT,
    Cheatcodes,
    DeployError,
    ForbiddenCheatError,
    LocalnetError,
    LocalnetRpcError,
    LocalnetRunningError,
    LocalnetUnreachableError,
    RpcClient,
    deploy,
    local_keypair,
    program_keypair,
    start,
    status,
    stop,
)
from evertide._localnet.loader import program_data_address
from evertide._resources import program_path

pytestmark = pytest.mark.localnet


def test_a_network_lives_from_start_to_stop(tmp_path: Path) -> None:
    assert status(tmp_path) is None
    net = start(tmp_path, rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT, slot_ms=20)
    try:
        assert status(tmp_path) == net
        with pytest.raises(LocalnetRunningError, match=net.rpc_url):
            start(tmp_path, rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT)
    finally:
        assert stop(tmp_path)
    assert status(tmp_path) is None
    assert not stop(tmp_path)
    with RpcClient(net.rpc_url) as rpc, pytest.raises(LocalnetUnreachableError, match=net.rpc_url):
        rpc.call("getSlot")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalnetError, match=f"port {port} "):
            start(tmp_path, rpc_port=port, ws_port=ANY_FREE_PORT)
    assert not (tmp_path / "state.json").exists()


def test_a_stranger_with_the_recorded_process_id_is_left_alone(tmp_path: Path) -> None:
    fields = '"rpc_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1", "slot_ms": 20, "mode": "clock"'
    (tmp_path / "state.json").write_text(f'{{"pid": {os.getpid()}, {fields}, "started_at_ms": 0}}')
    assert status(tmp_path) is None
    assert not stop(tmp_path)


def test_a_broken_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(LocalnetError, match=r"state\.json is not a state file"):
        status(tmp_path)


def account_at(net: ProgramNet, address: Pubkey) -> dict[str, Any]:
    """An account as the node tells it."""
    found = net.rpc.call("getAccountInfo", [str(address), {"encoding": "base64", "commitment": "processed"}])["value"]
    assert found is not None, address
    return dict(found)


def assert_deployed(net: ProgramNet, program_id: Pubkey, elf: bytes) -> None:
    account, data = account_at(net, program_id), account_at(net, program_data_address(program_id))
    assert account["executable"]
    assert account["owner"] == data["owner"] == "BPFLoaderUpgradeab1e11111111111111111111111"
    assert base64.b64decode(data["data"][0])[45:] == elf


def test_the_program_is_deployed_by_the_real_loader(bare_net: ProgramNet) -> None:
    deploy(bare_net.rpc, program_path(), program_keypair(), bare_net.payer, buffer_cheats=bare_net.cheats)
    assert_deployed(bare_net, bare_net.program_id, program_path().read_bytes())
    with pytest.raises(DeployError, match="is taken"):
        deploy(bare_net.rpc, program_path(), program_keypair(), bare_net.payer)


def test_a_program_is_deployed_by_writes_alone(bare_net: ProgramNet) -> None:
    """Every byte in a transaction, as a cluster demands it: a program of a hundred writes that each node has.

    Each write copies the whole buffer inside the local validator, so that a megabyte would take minutes.
    """
    elf = base64.b64decode(account_at(bare_net, ASSOCIATED_TOKEN_PROGRAM)["data"][0])
    assert len(elf) > 100_000
    copy = Keypair()
    assert deploy(bare_net.rpc, elf, copy, bare_net.payer) == copy.pubkey()
    assert_deployed(bare_net, copy.pubkey(), elf)


def test_a_broken_elf_is_refused(bare_net: ProgramNet) -> None:
    elf = program_path().read_bytes()[:20_000]
    with pytest.raises(DeployError, match="the loader refused the program of 20000 bytes"):
        deploy(bare_net.rpc, elf, Keypair(), bare_net.payer)


def test_no_account_of_the_program_is_ever_written(program_net: ProgramNet) -> None:
    with pytest.raises(ForbiddenCheatError, match="refused to write"):
        program_net.cheats.set_account(Keypair().pubkey(), bytes(8), program_net.program_id)


def test_time_moves_forward_only(fresh_program_net: ProgramNet) -> None:
    cheats = fresh_program_net.cheats
    now_s = cheats.chain_time_s()
    cheats.travel_to((now_s + 3_600) * 1_000)
    assert now_s + 3_600 <= cheats.chain_time_s() <= now_s + 3_605
    with pytest.raises(LocalnetRpcError):
        cheats.travel_to(now_s * 1_000)


def test_the_clock_never_goes_back_across_epochs(tmp_path: Path) -> None:
    """F-10: an epoch of 432,000 slots of 100 ms is twelve hours; travel leads over its end, and on in the next."""
    net = start(tmp_path, rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT, slot_ms=100, hold=True)
    try:
        with RpcClient(net.rpc_url) as rpc:
            cheats = Cheatcodes(rpc, slot_ms=net.slot_ms)
            slots = [cheats.clock()[0]]
            # Two ends of an epoch in one travel, then a short step, which a miscounted end would throw back.
            for hours in (5, 30, 0, 5):
                slot, now_s = cheats.clock()
                cheats.travel_to((now_s + hours * 3_600 + 20) * 1_000)
                assert now_s + hours * 3_600 + 20 <= cheats.clock()[1] <= now_s + hours * 3_600 + 25
                slots += [slot, cheats.clock()[0]]
        assert slots == sorted(slots)
        assert 40 * 36_000 < slots[-1] < 41 * 36_000
    finally:
        stop(net.directory)


def test_mints_and_sol(bare_net: ProgramNet) -> None:
    mint, rich = local_keypair("a mint").pubkey(), Keypair().pubkey()
    bare_net.cheats.create_mint(mint, decimals=9, authority=bare_net.payer.pubkey())
    supply = bare_net.rpc.call("getTokenSupply", [str(mint)])["value"]
    assert (supply["amount"], supply["decimals"]) == ("0", 9)
    bare_net.cheats.fund(rich, 7_000_000)
    assert bare_net.rpc.call("getBalance", [str(rich), {"commitment": "processed"}])["value"] == 7_000_000
