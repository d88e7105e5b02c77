"""The RPC client: typed errors for every answer that is none, and the limits of real nodes kept."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from sdk_fake_node import FakeNode, Refuse
from solders.pubkey import Pubkey

from evertide import RpcClient
from evertide.errors import (
    RpcError,
    RpcMalformed,
    RpcRateLimited,
    RpcTimeout,
    RpcUnreachable,
    UnitOutOfRange,
    UsageError,
)


def client(node: FakeNode) -> RpcClient:
    return RpcClient("http://node.test", transport=node.transport, timeout_s=0.25)


def account(data: bytes) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"data": [text, "base64"], "owner": str(Pubkey.default()), "lamports": 7, "executable": False}


async def test_many_accounts_go_a_hundred_at_a_time_and_keep_their_order() -> None:
    node = FakeNode()

    def serve(params: list[Any]) -> Any:
        assert len(params[0]) <= 100
        values = [None if index % 7 == 3 else account(key.encode()) for index, key in enumerate(params[0])]
        return {"context": {"slot": 5}, "value": values}

    node.on["getMultipleAccounts"] = serve
    addresses = [Pubkey.new_unique() for _ in range(250)]
    async with client(node) as rpc:
        found = await rpc.get_accounts(addresses)
    assert node.count("getMultipleAccounts") == 3
    for index, (address, info) in enumerate(zip(addresses, found, strict=True)):
        if index % 100 % 7 == 3:
            assert info is None
        else:
            assert info is not None
            assert info.address == address
            assert info.data == str(address).encode()


async def test_statuses_go_256_at_a_time() -> None:
    node = FakeNode()
    node.on["getSignatureStatuses"] = lambda params: {"context": {"slot": 1}, "value": [None] * len(params[0])}
    async with client(node) as rpc:
        assert len(await rpc.get_signature_statuses(["s"] * 600)) == 600
    assert [len(params[0]) for _, params in node.calls] == [256, 256, 88]


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (httpx.Response(502, text="<html>Bad gateway"), RpcMalformed, "status 502"),
        (httpx.Response(200, text=""), RpcMalformed, "no JSON-RPC"),
        (httpx.Response(200, json=[1, 2]), RpcMalformed, "no JSON-RPC"),
        (httpx.Response(200, json={"jsonrpc": "2.0", "id": 1}), RpcMalformed, "no JSON-RPC"),
        (httpx.Response(200, json={"jsonrpc": "2.0", "id": 99, "result": 3}), RpcMalformed, "id 99, expected 1"),
        (httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": "no"}), RpcMalformed, "no JSON-RPC"),
        (httpx.Response(429, text="slow down"), RpcRateLimited, "limits the rate"),
    ],
)
async def test_an_answer_that_is_none(response: httpx.Response, error: type[Exception], words: str) -> None:
    """F-04: HTML, nothing, a list, a wrong id, a rate limit."""
    node = FakeNode()
    node.on["getSlot"] = lambda _: response
    async with client(node) as rpc:
        with pytest.raises(error, match=words):
            await rpc.get_slot()


async def test_a_rate_limit_says_how_long_to_wait() -> None:
    """F-04: a rate limit is an error of its own."""
    node = FakeNode()
    node.on["getSlot"] = lambda _: httpx.Response(429, headers={"retry-after": "3"})
    async with client(node) as rpc:
        with pytest.raises(RpcRateLimited) as caught:
            await rpc.get_slot()
    assert caught.value.retry_after_ms == 3_000


async def test_an_error_answer_carries_code_message_and_data() -> None:
    node = FakeNode()

    def refuse(_: list[Any]) -> Any:
        raise Refuse(-32602, "Too many inputs provided; max 100", {"x": 1})

    node.on["getSlot"] = refuse
    async with client(node) as rpc:
        with pytest.raises(RpcError) as caught:
            await rpc.get_slot()
    assert (caught.value.code, caught.value.data) == (-32602, {"x": 1})
    assert "Too many inputs" in str(caught.value)


async def test_silence_and_absence_are_told_apart() -> None:
    """F-02: every request has a deadline."""
    node = FakeNode()

    def slow(_: list[Any]) -> Any:
        raise httpx.ReadTimeout("slow")

    node.on["getSlot"] = slow
    async with client(node) as rpc:
        with pytest.raises(RpcTimeout, match="within 250 ms"):
            await rpc.get_slot()
    async with RpcClient("http://127.0.0.1:1", timeout_s=1) as rpc:
        with pytest.raises(RpcUnreachable, match=r"no connection to http://127\.0\.0\.1:1"):
            await rpc.get_slot()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="'soon' is not one of processed, confirmed, finalized"):
        RpcClient("http://node.test", commitment="soon")
    with pytest.raises(UsageError, match="not an http or https URL"):
        RpcClient("node.test:8899")
    with pytest.raises(UnitOutOfRange):
        RpcClient("http://node.test", timeout_s=0)


async def test_no_message_holds_the_secrets_of_an_address() -> None:
    node = FakeNode()
    node.on["getSlot"] = lambda _: httpx.Response(502, text="x")
    url = "http://user:hunter2@node.test:1234/v1/sekrit?api-key=topsekrit"
    async with RpcClient(url, transport=node.transport) as rpc:
        with pytest.raises(RpcMalformed) as caught:
            await rpc.get_slot()
    assert str(caught.value).startswith("http://node.test:1234 answered getSlot with status 502")
    assert "sekrit" not in repr(vars(caught.value))
    assert "hunter2" not in repr(vars(caught.value))
