"""Several nodes as one: who is asked when another fails, and for how long a node is left alone."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sdk_fake_node import FakeNode, Refuse
from solders.pubkey import Pubkey

from evertide import RpcClient, RpcPool
from evertide.errors import (
    RpcBehind,
    RpcError,
    RpcMalformed,
    RpcRateLimited,
    RpcTimeout,
    RpcUnreachable,
    UsageError,
)

Nodes = tuple[FakeNode, FakeNode]


def down(_: list[Any]) -> Any:
    raise httpx.ConnectError("refused")


def slot(number: int) -> Any:
    return lambda _: number


def balance(at_slot: int) -> Any:
    return lambda _: {"context": {"slot": at_slot}, "value": at_slot}


@pytest.fixture
def nodes() -> Nodes:
    first, second = FakeNode(), FakeNode()
    first.on["getSlot"], second.on["getSlot"] = slot(1), slot(2)
    return first, second


@pytest.fixture
async def pool(nodes: Nodes) -> AsyncIterator[RpcPool]:
    clients = [
        RpcClient(f"http://{name}.test/secret", transport=node.transport, timeout_s=0.1)
        for name, node in zip("ab", nodes, strict=True)
    ]
    async with RpcPool(clients, source=random.Random(1)) as made:
        yield made


async def test_the_first_node_is_asked_and_the_next_one_only_when_it_fails(pool: RpcPool, nodes: Nodes) -> None:
    """F-01: fail-over, a pause that grows, and the way back."""
    first, second = nodes
    assert await pool.get_slot() == 1 and second.count("getSlot") == 0
    first.on["getSlot"] = down
    assert await pool.get_slot() == 2 and pool.fail_overs == 1
    assert await pool.get_slot() == 2 and first.count("getSlot") == 2, "a node that failed is left alone"
    ends = [pool.endpoints[0].closed_until_s]
    for _ in range(4):
        pool.endpoints[0].closed_until_s = 0
        assert await pool.get_slot() == 2
        ends.append(pool.endpoints[0].closed_until_s)
    pauses = [end - asyncio.get_running_loop().time() for end in ends[1:]]
    assert all(later > 1.2 * earlier for earlier, later in itertools.pairwise(pauses)), pauses
    first.on["getSlot"] = slot(1)
    pool.endpoints[0].closed_until_s = 0
    assert await pool.get_slot() == 1 and pool.endpoints[0].failures == 0


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(502, text="<html>"),
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "behind"}}),
    ],
)
async def test_every_trouble_of_a_node_goes_to_the_next(pool: RpcPool, nodes: Nodes, trouble: httpx.Response) -> None:
    """F-04: HTML, a rate limit, a node that says it is unhealthy."""
    nodes[0].on["getSlot"] = lambda _: trouble
    assert await pool.get_slot() == 2


async def test_an_answer_that_drips_ends_at_its_deadline(nodes: Nodes) -> None:
    """F-02: the deadline is of the whole call, whatever the transport does."""

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    slow = RpcClient("http://slow.test", transport=httpx.MockTransport(never), timeout_s=0.05)
    fast = RpcClient("http://fast.test", transport=nodes[1].transport)
    async with RpcPool([slow, fast]) as pool:
        assert await pool.get_slot() == 2
        with pytest.raises(RpcTimeout, match="within 50 ms"):
            await slow.get_slot()


async def test_a_rate_limit_is_kept_for_as_long_as_the_node_says(nodes: Nodes) -> None:
    nodes[0].on["getSlot"] = lambda _: httpx.Response(429, headers={"retry-after": "5"})
    async with RpcPool([RpcClient("http://a.test", transport=nodes[0].transport)]) as pool:
        with pytest.raises(RpcRateLimited):
            await pool.get_slot()
        for _ in range(3):
            with pytest.raises(RpcUnreachable, match="left alone for another"):
                await pool.get_slot()
        assert nodes[0].count("getSlot") == 1
        wait_s = pool.endpoints[0].closed_until_s - asyncio.get_running_loop().time()
        assert 4 < wait_s <= 5


async def test_a_refusal_is_an_answer_and_asks_nobody_else(pool: RpcPool, nodes: Nodes) -> None:
    def refuse(_: list[Any]) -> Any:
        raise Refuse(-32602, "too many inputs")

    nodes[0].on["getSlot"] = refuse
    with pytest.raises(RpcError, match="too many inputs"):
        await pool.get_slot()
    assert nodes[1].calls == []


async def test_a_node_that_is_behind_is_passed_over(pool: RpcPool, nodes: Nodes) -> None:
    """F-03: it is asked to keep to the slot, and its answer is checked all the same."""
    nodes[0].on["getBalance"], nodes[1].on["getBalance"] = balance(7), balance(9)
    where = Pubkey.default()
    assert await pool.get_balance(where, min_context_slot=9) == 9
    assert nodes[0].calls[0][1][1]["minContextSlot"] == 9
    assert await pool.get_balance(where) == 7, "being behind is no reason to leave it alone"
    with pytest.raises(RpcBehind, match=r"http://b\.test answers getBalance from slot 9, needed 10"):
        await pool.get_balance(where, min_context_slot=10)

    def refuse(_: list[Any]) -> Any:
        raise Refuse(-32016, "Minimum context slot has not been reached", {"contextSlot": 8})

    nodes[1].on["getBalance"] = refuse
    with pytest.raises(RpcBehind) as caught:
        await pool.get_balance(where, min_context_slot=10)
    assert (caught.value.slot, caught.value.needed) == (8, 10)


async def test_what_everybody_is_asked_ends_with_whoever_answers(pool: RpcPool, nodes: Nodes) -> None:
    known = {"context": {"slot": 3}, "value": [{"slot": 3, "err": None, "confirmationStatus": "confirmed"}]}
    nodes[0].on["getSignatureStatuses"] = lambda _: {"context": {"slot": 1}, "value": [None]}
    nodes[1].on["getSignatureStatuses"] = lambda _: known
    assert (await pool.get_status_anywhere("s") or {})["slot"] == 3
    nodes[0].on["getSignatureStatuses"] = down
    assert (await pool.get_status_anywhere("s") or {})["slot"] == 3
    nodes[1].on["getSignatureStatuses"] = down
    with pytest.raises(RpcUnreachable):
        await pool.get_status_anywhere("s")


async def test_a_node_put_aside_is_not_asked_until_it_is_put_back(pool: RpcPool, nodes: Nodes) -> None:
    pool.endpoints[0].aside = "it lies"
    assert await pool.get_slot() == 2 and nodes[0].calls == []
    pool.endpoints[1].aside = "it lies too"
    with pytest.raises(RpcUnreachable, match="every node is put aside"):
        await pool.get_slot()
    pool.endpoints[0].aside = None
    assert await pool.get_slot() == 1


@pytest.mark.parametrize("value", [None, {}, {"context": {}}, {"context": {"slot": "x"}, "value": 1}, [1]])
async def test_an_answer_of_the_wrong_shape_is_typed_and_its_node_left_alone(
    pool: RpcPool, nodes: Nodes, value: Any
) -> None:
    """F-04: JSON-RPC in form, nothing in substance."""
    nodes[0].on["getBalance"], nodes[1].on["getBalance"] = (lambda _: value), balance(9)
    assert await pool.get_balance(Pubkey.default()) == 9
    nodes[0].on["getSlot"] = nodes[1].on["getSlot"] = lambda _: {"x": 1}
    with pytest.raises(RpcMalformed):
        await pool.get_slot()


async def test_a_bound_on_requests_spaces_them(nodes: Nodes) -> None:
    client = RpcClient("http://a.test", transport=nodes[0].transport)
    async with RpcPool([client], requests_per_second=100) as pool:
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(pool.get_slot() for _ in range(11)))
        assert asyncio.get_running_loop().time() - began >= 0.095


def test_a_pool_needs_a_node() -> None:
    with pytest.raises(UsageError, match="at least one"):
        RpcPool([])
