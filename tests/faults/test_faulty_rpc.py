"""The faults themselves: each fires when ordered, is counted, does what its name says, and repeats with its seed."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from virtual_loop import VirtualLoop, run

from faulty_rpc import HTTP_KINDS, SOCKET_KINDS, Dropped, Faults, FaultyRpc, FaultySocket, spoiled

ACCOUNT = {"data": [base64.b64encode(bytes(range(64))).decode(), "base64"], "owner": "x", "lamports": 1}
WIRE = base64.b64encode(bytes([1]) + bytes(range(64)) + bytes(40)).decode()


class Upstream:
    """Answers with its own time, so that what is old can be told."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        method = request["method"]
        self.asked.append(method)
        slot = int(asyncio.get_running_loop().time())
        results = {
            "getAccountInfo": {"context": {"slot": slot}, "value": {**ACCOUNT, "seen": slot}},
            "sendTransaction": "signature",
            "getSignatureStatuses": {"context": {"slot": slot}, "value": [None]},
            "getLatestBlockhash": {"context": {"slot": slot}, "value": {"blockhash": f"hash of {slot}"}},
        }
        return {"jsonrpc": "2.0", "id": request["id"], "result": results[method]}


def asked(faults: Faults, *steps: tuple[float, str, list[Any]]) -> tuple[list[Any], Upstream]:
    """Answers (or the exception) to requests made at times, seconds."""
    upstream = Upstream()

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        tasks: list[Any] = []
        rpc = FaultyRpc(
            upstream,
            faults,
            now=loop.time,
            sleep=asyncio.sleep,
            spawn=lambda work: tasks.append(asyncio.ensure_future(work)),
        )
        found: list[Any] = []
        for at, method, params in steps:
            await asyncio.sleep(max(at - loop.time(), 0))
            try:
                reply = await rpc.serve({"jsonrpc": "2.0", "id": 5, "method": method, "params": params})
                found.append(reply)
            except Dropped as dropped:
                found.append(dropped)
        await asyncio.gather(*tasks)
        return found

    loop = VirtualLoop()
    return run(main(), loop), upstream


def read(reply: Any) -> Any:
    return json.loads(reply.body)["result"]


def ordered(*kinds: str) -> Faults:
    faults = Faults(1)
    for kind in kinds:
        faults.ordered[kind] = 1
    return faults


ACCOUNT_CALL = ("getAccountInfo", ["key", {"encoding": "base64"}])
SEND = ("sendTransaction", [WIRE, {}])


@pytest.mark.parametrize("kind", ["lost", "forked", "late", "doubled", "unanswered"])
def test_what_becomes_of_a_sent_transaction(kind: str) -> None:
    faults = ordered(kind)
    (reply,), upstream = asked(faults, (0, *SEND))
    arrived = {"lost": 0, "forked": 0, "late": 1, "doubled": 2, "unanswered": 1}[kind]
    assert upstream.asked == ["sendTransaction"] * arrived and faults.counts == {kind: 1}
    assert isinstance(reply, Dropped) is (kind == "unanswered")


def test_a_fork_confirms_for_a_while_and_then_was_never_there() -> None:
    signature = read(asked(ordered("forked"), (0, *SEND))[0][0])
    status = ("getSignatureStatuses", [[signature], {}])
    found, _ = asked(ordered("forked"), (0, *SEND), (0.1, *status), (60, *status))
    assert [read(reply)["value"][0] and read(reply)["value"][0]["confirmationStatus"] for reply in found[1:]] == [
        "confirmed",
        None,
    ]


def test_old_accounts_with_their_slot_and_as_if_of_now() -> None:
    steps = [(0.0, *ACCOUNT_CALL), (9.0, *ACCOUNT_CALL)]
    for kind, slot in (("stale", 0), ("lying", 9)):
        faults = ordered(kind)
        found, _ = asked(faults, *steps)
        assert read(found[1])["value"]["seen"] == 0 and read(found[1])["context"]["slot"] == slot
        assert faults.counts[kind] == 1
    named = ("getAccountInfo", ["key", {"encoding": "base64", "minContextSlot": 5}])
    found, _ = asked(ordered("stale"), (0, *named), (9, *named))
    assert json.loads(found[1].body)["error"]["code"] == -32016


def test_every_answer_that_is_none_differs() -> None:
    seen = set()
    for seed in range(60):
        faults = Faults(seed)
        faults.ordered["malformed"] = 1
        (reply,), _ = asked(faults, (0, *ACCOUNT_CALL))
        seen.add((reply.status, reply.body))
    assert len(seen) == 8


def test_old_blockhashes_slow_answers_refusals_and_skew() -> None:
    call = ("getLatestBlockhash", [{}])
    found, _ = asked(ordered(), (0, *call), (100, *call))
    assert read(found[1])["value"]["blockhash"] == "hash of 100"
    faults = Faults(1, {"expired": 1.0})
    found, _ = asked(faults, (0, *call), (100, *call))
    assert read(found[1])["value"]["blockhash"] == "hash of 0" and faults.counts["expired"] == 1
    (slow,), _ = asked(ordered("slow"), (0, *ACCOUNT_CALL))
    assert read(slow)["context"]["slot"] >= 0
    (refused,), upstream = asked(ordered("refused"), (0, *ACCOUNT_CALL))
    assert isinstance(refused, Dropped) and upstream.asked == []
    clock = ("getAccountInfo", ["SysvarC1ock11111111111111111111111111111111", {}])
    (skewed,), _ = asked(ordered("skewed"), (0, *clock))
    assert read(skewed)["value"]["data"] != ACCOUNT["data"]
    for kind in ("garbled", "renewed"):
        (spoilt,), _ = asked(ordered(kind), (0, *ACCOUNT_CALL))
        assert read(spoilt)["value"]["data"] != ACCOUNT["data"]
    assert len({spoiled(bytes(range(64)), variant) for variant in range(5)}) == 5


def test_messages_of_a_subscription() -> None:
    first, second = (f'{{"method":"slotNotification","params":{{"result":{{"slot":{slot}}}}}}}' for slot in (1, 2))

    def passed(*kinds: str) -> list[str]:
        socket = FaultySocket(ordered(*kinds), now=lambda: 0.0)
        return [each for message in (first, second) for each in socket.pass_on(message)]

    assert passed() == [first, second]
    assert passed("missed") == [second]
    assert passed("repeated") == [first, first, second]
    assert passed("reordered") == [second, first]
    assert passed("silent") == []
    assert passed("torn")[0] == first[: len(first) // 2]
    assert len(passed("flooded")) > 1_000
    with pytest.raises(Dropped):
        passed("cut")


def test_the_same_seed_fires_the_same_and_another_does_not() -> None:
    def fired(seed: int) -> list[str]:
        faults = Faults(seed, dict.fromkeys((*HTTP_KINDS, *SOCKET_KINDS), 0.1))
        return [kind for step in range(200) for kind in faults.rates if faults.fires(kind, step * 100.0)]

    assert fired(1) == fired(1) != fired(2)
    with pytest.raises(ValueError, match="unknown faults"):
        Faults(1, {"fire": 1.0})
