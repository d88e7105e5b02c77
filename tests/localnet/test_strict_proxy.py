"""The strict proxy refuses what a real node refuses."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from conftest import ProgramNet
from evertide._localnet import LocalnetRpcError, RpcClient
from strict_proxy import StrictProxy

pytestmark = pytest.mark.localnet
LAMPORTS = 5_000_000


def transfer_to(net: ProgramNet, target: Keypair, blockhash: str, lamports: int = LAMPORTS) -> VersionedTransaction:
    instruction = transfer(TransferParams(from_pubkey=net.payer.pubkey(), to_pubkey=target.pubkey(), lamports=lamports))
    message = MessageV0.try_compile(net.payer.pubkey(), [instruction], [], Hash.from_string(blockhash))
    return VersionedTransaction(message, [net.payer])


def send(rpc: RpcClient, transaction: VersionedTransaction, **options: Any) -> str:
    wire = base64.b64encode(bytes(transaction)).decode()
    return str(rpc.call("sendTransaction", [wire, {"encoding": "base64", **options}]))


def balance(rpc: RpcClient, target: Keypair) -> int:
    return int(rpc.call("getBalance", [str(target.pubkey()), {"commitment": "processed"}])["value"])


def test_effects_are_seen_only_after_the_transaction_lands(bare_net: ProgramNet, strict_bare_rpc: StrictProxy) -> None:
    target = Keypair()
    with RpcClient(strict_bare_rpc.url) as rpc:
        # A transaction sent within a slot lands at the next: some of these reads fall before it.
        seen_before_landing = 0
        for _ in range(20):
            held = balance(rpc, target)
            signature = send(
                rpc, transfer_to(bare_net, target, rpc.latest_blockhash()), preflightCommitment="processed"
            )
            seen_before_landing += balance(rpc, target) == held
            rpc.wait_for([signature])
            assert balance(rpc, target) == held + LAMPORTS
        assert seen_before_landing > 0


def test_preflight_knows_only_blockhashes_of_its_commitment(bare_net: ProgramNet, strict_bare_rpc: StrictProxy) -> None:
    with RpcClient(strict_bare_rpc.url) as rpc:
        blockhash = rpc.latest_blockhash()
        with pytest.raises(LocalnetRpcError, match="Blockhash not found") as caught:
            send(rpc, transfer_to(bare_net, Keypair(), blockhash))
        assert caught.value.code == -32002
        assert caught.value.data["err"] == "BlockhashNotFound"
        rpc.wait_for([send(rpc, transfer_to(bare_net, Keypair(), blockhash), preflightCommitment="processed")])
        final = rpc.call("getLatestBlockhash", [{"commitment": "finalized"}])["value"]["blockhash"]
        rpc.wait_for([send(rpc, transfer_to(bare_net, Keypair(), final))])


def test_too_many_keys_and_signatures(strict_bare_rpc: StrictProxy) -> None:
    keys = [str(Keypair().pubkey()) for _ in range(101)]
    signatures = [str(Signature.new_unique()) for _ in range(257)]
    with RpcClient(strict_bare_rpc.url) as rpc:
        assert len(rpc.call("getMultipleAccounts", [keys[:100], {"encoding": "base64"}])["value"]) == 100
        for method, values in (("getMultipleAccounts", keys), ("getSignatureStatuses", signatures)):
            with pytest.raises(LocalnetRpcError, match="Too many inputs") as caught:
                rpc.call(method, [values])
            assert caught.value.code == -32602


def test_batches_are_served(strict_bare_rpc: StrictProxy) -> None:
    batch = [{"jsonrpc": "2.0", "id": number, "method": "getSlot"} for number in range(3)]
    answers = httpx.post(strict_bare_rpc.url, json=batch, trust_env=False).json()
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    assert all(answer["result"] > 0 for answer in answers)


def test_there_are_no_cheats(bare_net: ProgramNet, strict_bare_rpc: StrictProxy) -> None:
    with RpcClient(strict_bare_rpc.url) as rpc, pytest.raises(LocalnetRpcError, match="Method not found"):
        rpc.call("surfnet_setAccount", [str(bare_net.payer.pubkey()), {"lamports": 1}])


def test_bad_signature_repeat_and_size(bare_net: ProgramNet, strict_bare_rpc: StrictProxy) -> None:
    with RpcClient(strict_bare_rpc.url) as rpc:
        good = transfer_to(bare_net, Keypair(), rpc.latest_blockhash())
        forged = VersionedTransaction.populate(good.message, [Signature.new_unique()])
        with pytest.raises(LocalnetRpcError, match="signature verification"):
            send(rpc, forged, preflightCommitment="processed")
        rpc.wait_for([send(rpc, good, preflightCommitment="processed")])
        with pytest.raises(LocalnetRpcError, match="already been processed"):
            send(rpc, good, preflightCommitment="processed")
        with pytest.raises(LocalnetRpcError, match="too large: 1233 bytes"):
            rpc.call("sendTransaction", [base64.b64encode(bytes(1233)).decode(), {"encoding": "base64"}])


def test_preflight_refuses_with_the_simulation(bare_net: ProgramNet, strict_bare_rpc: StrictProxy) -> None:
    with RpcClient(strict_bare_rpc.url) as rpc:
        too_much = transfer_to(bare_net, Keypair(), rpc.latest_blockhash(), 2**63)
        with pytest.raises(LocalnetRpcError) as caught:
            send(rpc, too_much, preflightCommitment="processed")
        assert caught.value.code == -32002
        assert caught.value.data["err"] is not None
        time.sleep(0.1)
        assert strict_bare_rpc.dropped == []
