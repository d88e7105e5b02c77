"""A history is walked to its end, newest first, past entries that have no signature."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sdk_fake_node import FakeNode, Refuse
from solders.pubkey import Pubkey
from solders.signature import Signature

from evertide import RpcClient
from evertide._feed import new_signatures
from evertide._rpc import NO_SIGNATURE, SIGNATURES_PER_PAGE_MAX
from evertide.errors import RpcMalformed

ADDRESS = Pubkey.default()


def signature(number: int) -> str:
    return str(Signature.from_bytes(bytes([1 + number % 255, number // 255]) + bytes(62)))


def serving(history: list[str]) -> RpcClient:
    """A node with a history, newest first; it refuses to go on from what is no transaction."""
    node = FakeNode()

    def serve(params: list[Any]) -> Any:
        options = params[1]
        if NO_SIGNATURE in (options.get("before"), options.get("until")):
            raise Refuse(-32602, "Transaction not found")
        assert 1 <= options["limit"] <= SIGNATURES_PER_PAGE_MAX
        first = history.index(options["before"]) + 1 if "before" in options else 0
        last = history.index(options["until"]) if "until" in options else len(history)
        return [{"signature": one, "err": None, "slot": 1} for one in history[first:last][: options["limit"]]]

    node.on["getSignaturesForAddress"] = serve
    return RpcClient("http://node.test", transport=node.transport, timeout_s=1)


# Which entries have a signature.
histories = st.lists(st.booleans(), max_size=40).map(
    lambda known: [signature(at) if one else NO_SIGNATURE for at, one in enumerate(known)]
)


@settings(max_examples=60, deadline=None)
@given(history=histories, limit=st.integers(1, 12), page=st.integers(1, 12), cut=st.integers(0, 40))
async def test_every_entry_with_a_signature_comes_once_and_in_order(
    history: list[str], limit: int, page: int, cut: int
) -> None:
    rpc, real = serving(history), [one for one in history if one != NO_SIGNATURE]
    found = [row["signature"] for row in await rpc.get_signatures_for_address(ADDRESS, limit=limit)]
    assert found == real[:limit]
    until = real[cut] if cut < len(real) else None
    assert await new_signatures(rpc, ADDRESS, until, page) == real[: cut if until else len(real)][::-1]
    await rpc.close()


async def test_more_of_them_than_a_page_holds_end_the_walk() -> None:
    rpc = serving([NO_SIGNATURE] * (SIGNATURES_PER_PAGE_MAX + 1) + [signature(1)])
    assert await rpc.get_signatures_for_address(ADDRESS, limit=3) == []
    await rpc.close()


@pytest.mark.parametrize("answer", [None, {"signature": "x"}, [7], [{"slot": 1}]])
async def test_an_answer_that_is_no_history_is_told(answer: Any) -> None:
    node = FakeNode()
    node.on["getSignaturesForAddress"] = lambda _: answer
    rpc = RpcClient("http://node.test", transport=node.transport, timeout_s=1)
    with pytest.raises(RpcMalformed):
        await rpc.get_signatures_for_address(ADDRESS)
    await rpc.close()
