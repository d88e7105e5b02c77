"""Nodes of a pool compared: who is on another chain, who lags, who lies; and what is done about it."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from solders.pubkey import Pubkey

from evertide import RpcClient, RpcPool
from evertide_keepers import comparing
from evertide_keepers.alarms import Alarms
from evertide_keepers.comparing import Comparison

ACCOUNTS = [Pubkey.new_unique() for _ in range(6)]


class Node:
    """A node with a chain, a slot and accounts."""

    def __init__(self) -> None:
        self.genesis, self.slot, self.content = "genesis", 1_000, b"truth"
        self.is_down = False
        self.calls: list[str] = []
        self.before_reading: Callable[[], None] = lambda: None
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("refused")
        body = json.loads(request.content)
        self.calls.append(body["method"])
        result: Any = {"getGenesisHash": self.genesis, "getSlot": self.slot}.get(body["method"])
        if result is None:
            self.before_reading()
            data = [base64.b64encode(self.content).decode(), "base64"]
            one = {"data": data, "owner": str(Pubkey.default()), "lamports": 1, "executable": False}
            result = {"context": {"slot": self.slot}, "value": [one] * len(body["params"][0])}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "result": result})


Made = Callable[[int], tuple[list[Node], Comparison]]


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    monkeypatch.setattr(comparing, "ROUND_PAUSE_S", 0.0)
    pools: list[RpcPool] = []

    def make(count: int) -> tuple[list[Node], Comparison]:
        nodes = [Node() for _ in range(count)]
        clients = [RpcClient(f"http://n{at}.test", transport=node.transport) for at, node in enumerate(nodes)]
        pools.append(RpcPool(clients))
        return nodes, Comparison(pools[-1], Alarms(), 32, random.Random(1), lambda: ACCOUNTS)

    yield make
    for pool in pools:
        await pool.close()


def aside(comparison: Comparison) -> list[int]:
    return [at for at, endpoint in enumerate(comparison.pool.endpoints) if endpoint.aside is not None]


async def test_nodes_that_agree_are_all_asked(made: Made) -> None:
    nodes, comparison = made(3)
    nodes[1].slot += 32
    await comparison.check()
    assert aside(comparison) == [] and not comparison.alarms.active and comparison.slots["http://n1.test"] == 1_032


@pytest.mark.parametrize("configured", [None, "genesis"])
async def test_a_node_on_another_chain_is_put_aside(made: Made, configured: str | None) -> None:
    """F-27: by the configuration, or by what most of them say."""
    nodes, comparison = made(3)
    comparison.genesis_hash = configured
    nodes[0].genesis = "another"
    await comparison.check()
    assert (
        aside(comparison) == [0] and await comparison.pool.get_slot() == 1_000 and nodes[1].calls.count("getSlot") == 2
    )
    (alarm,) = comparison.alarms.active.values()
    assert (alarm.kind, alarm.subject) == ("endpoint_aside", "http://n0.test")
    assert alarm.message == "genesis hash: found another, needed genesis"


async def test_a_node_that_lags_is_put_aside_and_comes_back(made: Made) -> None:
    """F-03: compared with the others, in either direction."""
    nodes, comparison = made(3)
    for slot, expected in ((967, [0]), (968, []), (1_033, [0]), (1_000, [])):
        nodes[0].slot = slot
        await comparison.check()
        assert aside(comparison) == expected, slot
    assert not comparison.alarms.active and comparison.alarms.raised["endpoint_aside"] == 2


async def test_of_two_that_are_apart_the_pace_so_far_decides(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-03: the frozen one lags, but one that claims a slot far ahead is no better."""
    nodes, comparison = made(2)
    at_s = 100.0
    monkeypatch.setattr(comparing, "now_s", lambda: at_s)
    nodes[1].slot = 900
    await comparison.check()
    assert aside(comparison) == [1], "nothing known: the later slot"
    for _ in range(3):
        at_s += 10
        nodes[0].slot += 25
        nodes[1].slot = nodes[0].slot
        await comparison.check()
        assert aside(comparison) == []
    at_s += 20
    nodes[0].slot, nodes[1].slot = nodes[0].slot + 50, nodes[1].slot + 5_000
    await comparison.check()
    assert aside(comparison) == [1]


async def test_a_node_that_tells_other_bytes_is_put_aside_for_a_while(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-03: the majority of a slot is right."""
    nodes, comparison = made(3)
    at_s = 100.0
    monkeypatch.setattr(comparing, "now_s", lambda: at_s)
    nodes[0].content = b"a lie"
    await comparison.check()
    assert aside(comparison) == [0] and "other bytes" in (comparison.pool.endpoints[0].aside or "")
    nodes[0].content = b"truth"
    await comparison.check()
    assert aside(comparison) == [0]
    at_s += comparing.LIE_HOLD_S
    await comparison.check()
    assert aside(comparison) == [] and not comparison.alarms.active


async def test_of_two_that_tell_different_bytes_the_first_is_kept_and_somebody_is_told(made: Made) -> None:
    nodes, comparison = made(2)
    nodes[1].content = b"a lie"
    await comparison.check()
    assert aside(comparison) == [1]
    assert {kind for kind, _ in comparison.alarms.active} == {"endpoint_aside", "endpoints_disagree"}


async def test_bytes_of_different_slots_and_a_single_difference_prove_nothing(made: Made) -> None:
    nodes, comparison = made(2)
    nodes[1].content, nodes[1].slot = b"later", 1_001
    await comparison.check()
    assert aside(comparison) == []
    nodes[1].slot = 1_000
    seen = 0

    def first_only() -> None:
        nonlocal seen
        seen += 1
        nodes[1].content = b"later" if seen == 1 else b"truth"

    nodes[1].before_reading = first_only
    await comparison.check()
    assert aside(comparison) == [] and seen == 2


async def test_a_node_that_does_not_answer_is_judged_when_it_does(made: Made) -> None:
    nodes, comparison = made(3)
    nodes[2].is_down = True
    await comparison.check()
    assert aside(comparison) == [] and "http://n2.test" not in comparison.slots
    nodes[2].is_down, nodes[2].genesis = False, "another"
    await comparison.check()
    assert aside(comparison) == [2]
    nodes[2].is_down = True
    await comparison.check()
    assert aside(comparison) == [2], "silence is no acquittal"
