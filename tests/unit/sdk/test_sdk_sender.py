"""The sender against a node that misbehaves: the outcome is looked up, never guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sdk_fake_node import FakeNode, Refuse
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide import Confirmed, Failed, RpcClient, Sender, SendOptions
from evertide._pda import PROGRAM_ID
from evertide._transaction import ED25519_PROGRAM_ID
from evertide.errors import (
    ComputeExceeded,
    InitialMarginTooLow,
    RpcUnreachable,
    SignerMissing,
    TransactionExpired,
    TransactionOutcomeUnknown,
    TransactionRefused,
    TransactionTooLarge,
    TransportError,
)

PAYER = Keypair.from_seed(bytes(range(32)))
FAST = SendOptions(poll_first_ms=1, poll_most_ms=2, rebroadcast_ms=10, confirm_timeout_ms=2_000)


def work(data: bytes = b"x", *, signer: Pubkey | None = None) -> Instruction:
    metas = [AccountMeta(signer or PAYER.pubkey(), True, True)]
    return Instruction(PROGRAM_ID, data, metas)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
async def sender(node: FakeNode) -> AsyncIterator[Sender]:
    async with RpcClient("http://node.test", transport=node.transport) as rpc:
        yield Sender(rpc, PAYER, options=FAST)


def unreachable(_: list[Any]) -> Any:
    raise httpx.ConnectError("refused")


def timing_out(_: list[Any]) -> Any:
    raise httpx.ReadTimeout("slow")


async def test_a_transaction_is_simulated_sent_and_confirmed(node: FakeNode, sender: Sender) -> None:
    outcome = await sender.send([work()])
    assert isinstance(outcome, Confirmed)
    assert (outcome.slot, outcome.compute_units, outcome.fee_lamports) == (77, 950, 5000)
    assert [name for name, _ in node.calls[:3]] == [
        "simulateTransaction",
        "getRecentPrioritizationFees",
        "getLatestBlockhash",
    ]
    limit, *_, own = [bytes(step.data) for step in VersionedTransaction.from_bytes(node.sent[0]).message.instructions]
    # 1,000 simulated, 20 % more, and two budget instructions of 150.
    assert limit == set_compute_unit_limit(1_500).data
    assert own == work().data


async def test_the_number_of_a_verified_signature_is_the_callers_own(node: FakeNode, sender: Sender) -> None:
    verified = Instruction(ED25519_PROGRAM_ID, b"\0\0", [])
    await sender.send([work(), verified, work(b"y")])
    sent = [bytes(step.data) for step in VersionedTransaction.from_bytes(node.sent[0]).message.instructions]
    assert sent[:3] == [work().data, b"\0\0", work(b"y").data]
    assert len(sent) == 4


async def test_preflight_and_blockhash_have_the_same_commitment(node: FakeNode, sender: Sender) -> None:
    await sender.send([work()], options=SendOptions(compute_limit=9_000, commitment="confirmed", poll_first_ms=1))
    asked = next(params for name, params in node.calls if name == "getLatestBlockhash")
    assert asked[0]["commitment"] == node.options[0]["preflightCommitment"] == "confirmed"
    assert node.options[0]["skipPreflight"] is False
    assert node.options[0]["maxRetries"] == 0
    assert node.count("simulateTransaction") == 0


async def test_the_last_look_is_at_its_own_commitment_and_only_before_the_first_send(
    node: FakeNode, sender: Sender
) -> None:
    """F-19: what somebody else has done since the simulation costs no fee."""
    node.lands_after = 4
    look = SendOptions(preflight_commitment="processed", poll_first_ms=1, poll_most_ms=1, rebroadcast_ms=0)
    assert isinstance(await sender.send([work()], options=look), Confirmed)
    assert node.count("simulateTransaction") == 1 and len(node.sent) > 1
    looks = [(one["skipPreflight"], one["preflightCommitment"]) for one in node.options]
    assert looks[0] == (False, "processed") and set(looks[1:]) == {(True, "confirmed")}


@pytest.mark.parametrize("landed", [False, True])
async def test_what_the_last_look_refuses_did_not_land_unless_its_status_says_so(
    node: FakeNode, sender: Sender, landed: bool
) -> None:
    def refuse(params: list[Any]) -> Any:
        if landed:
            node.sendTransaction(params)
        raise Refuse(-32002, "failed", {"err": {"InstructionError": [2, {"Custom": 6300}]}, "logs": []})

    node.on["sendTransaction"] = refuse
    node.lands_after = 1
    outcome = await sender.send([work()], options=SendOptions(preflight_commitment="processed", poll_first_ms=1))
    assert outcome.landed is landed
    assert isinstance(outcome, Confirmed if landed else Failed)


async def test_a_failing_simulation_sends_nothing(node: FakeNode, sender: Sender) -> None:
    logs = ["Program log: evertide: 10 20", f"Program {PROGRAM_ID} failed: custom program error: 0x189c"]
    value = {"err": {"InstructionError": [1, {"Custom": 6300}]}, "logs": logs, "unitsConsumed": 7}
    node.on["simulateTransaction"] = lambda _: {"context": {"slot": 1}, "value": value}
    outcome = await sender.send([work()])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InitialMarginTooLow)
    assert (outcome.error.left, outcome.error.right) == (10, 20)
    assert not outcome.landed
    assert not node.sent
    with pytest.raises(InitialMarginTooLow):
        outcome.unwrap()


async def test_a_transaction_that_lands_and_fails_says_why(node: FakeNode, sender: Sender) -> None:
    """F-14: the simulation passed, the transaction failed."""
    node.err = {"InstructionError": [1, {"Custom": 6300}]}
    outcome = await sender.send([work()])
    assert isinstance(outcome, Failed)
    assert outcome.landed
    assert isinstance(outcome.error, InitialMarginTooLow)
    assert (outcome.error.left, outcome.error.right) == (3, 4)


async def test_equal_work_within_one_blockhash_gets_its_own_signature(node: FakeNode, sender: Sender) -> None:
    first = (await sender.send([work()])).unwrap()
    second = (await sender.send([work()])).unwrap()
    assert first.signature != second.signature


async def test_the_same_bytes_are_sent_again_until_they_land(node: FakeNode, sender: Sender) -> None:
    """F-12: dropped transactions are sent again, unchanged."""
    node.lands_after = 25
    outcome = await sender.send([work()])
    assert isinstance(outcome, Confirmed)
    assert len(node.sent) > 1
    assert len(set(node.sent)) == 1


async def test_a_lost_answer_to_sending_is_no_failure(node: FakeNode, sender: Sender) -> None:
    """F-09: the answer is lost, the transaction is not."""

    def lost(params: list[Any]) -> Any:
        node.sendTransaction(params)
        raise httpx.ReadTimeout("lost")

    node.on["sendTransaction"] = lost
    assert isinstance(await sender.send([work()]), Confirmed)


async def test_expired_is_said_only_after_the_history_was_asked_twice(node: FakeNode, sender: Sender) -> None:
    """F-07: nothing is called expired before the last valid height has passed."""
    node.lands_after = None
    node.height_step = 100
    outcome = await sender.send([work()], options=FAST)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TransactionExpired)
    assert outcome.error.block_height > outcome.error.last_valid_block_height
    over = [n for n, (name, _) in enumerate(node.calls) if name == "getBlockHeight"]
    asked = [params[1] for name, params in node.calls[over[-2] :] if name == "getSignatureStatuses"]
    assert len(asked) >= 2
    assert all(options["searchTransactionHistory"] for options in asked)


async def test_landing_in_the_last_block_is_not_called_expired(node: FakeNode, sender: Sender) -> None:
    """F-07: it landed between two looks."""
    node.height_step = 100
    heights = node.getBlockHeight

    def lands_late(params: list[Any]) -> Any:
        height = heights(params)
        node.lands_after = node.polls + 2 if height > 1_150 else None
        return height

    node.lands_after = None
    node.on["getBlockHeight"] = lands_late
    assert isinstance(await sender.send([work()]), Confirmed)


async def test_a_node_lost_after_sending_leaves_the_outcome_unknown(node: FakeNode, sender: Sender) -> None:
    """F-09: neither landed nor failed is claimed."""
    node.on["getSignatureStatuses"] = unreachable
    node.on["getBlockHeight"] = unreachable
    options = SendOptions(poll_first_ms=1, poll_most_ms=2, confirm_timeout_ms=60, rebroadcast_ms=10)
    outcome = await sender.send([work()], options=options)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TransactionOutcomeUnknown)
    assert outcome.landed is None
    assert outcome.signature is not None
    assert outcome.signature in str(outcome.error)
    assert "no connection" in str(outcome.error)


async def test_a_node_lost_for_a_while_is_asked_again(node: FakeNode, sender: Sender) -> None:
    """F-01: refused, slow, and answering HTML while it is waited for."""
    troubles: list[Callable[[list[Any]], Any]] = [unreachable, timing_out, lambda _: httpx.Response(502, text="<html>")]

    def flaky(params: list[Any]) -> Any:
        return troubles.pop()(params) if troubles else node.getSignatureStatuses(params)

    node.on["getSignatureStatuses"] = flaky
    assert isinstance(await sender.send([work()]), Confirmed)
    assert not troubles


async def test_trouble_before_sending_is_raised_and_nothing_was_sent(node: FakeNode, sender: Sender) -> None:
    """F-01: a node that is lost before anything was sent."""
    node.on["getLatestBlockhash"] = unreachable
    with pytest.raises(RpcUnreachable):
        await sender.send([work()])
    assert not node.sent
    node.on["simulateTransaction"] = lambda _: httpx.Response(429)
    with pytest.raises(TransportError):
        await sender.send([work()])


@pytest.mark.parametrize(
    ("code", "message", "data", "error"),
    [
        (-32003, "Transaction signature verification failure", None, TransactionRefused),
        (-32602, "too large", None, TransactionRefused),
        # Surfpool answers some refusals without data; solders' parser would panic on them.
        (-32002, "Transaction verification failed", None, TransactionRefused),
        (
            -32002,
            "failed",
            {"err": {"InstructionError": [0, "ComputationalBudgetExceeded"]}, "logs": []},
            ComputeExceeded,
        ),
    ],
)
async def test_a_refusal_is_final(
    node: FakeNode, sender: Sender, code: int, message: str, data: Any, error: type[Exception]
) -> None:
    def refuse(_: list[Any]) -> Any:
        raise Refuse(code, message, data)

    node.on["sendTransaction"] = refuse
    outcome = await sender.send([work()])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, error)
    assert not outcome.landed
    assert node.polls == 0


async def test_a_node_behind_is_given_another_chance(node: FakeNode, sender: Sender) -> None:
    """F-03: a node that lags behind does not know the blockhash yet."""
    answers = [Refuse(-32002, "sim failed", {"err": "BlockhashNotFound"}), Refuse(-32005, "Node is behind by 42 slots")]

    def behind(params: list[Any]) -> Any:
        if answers:
            raise answers.pop()
        return node.sendTransaction(params)

    node.on["sendTransaction"] = behind
    node.lands_after = 1
    assert isinstance(await sender.send([work()]), Confirmed)
    assert not answers


async def test_a_duplicate_of_somebody_elses_bytes_is_sent_with_other_bytes(node: FakeNode, sender: Sender) -> None:
    """F-08: the very same bytes came from elsewhere."""
    refused: list[str] = []

    def once(params: list[Any]) -> Any:
        if not refused:
            refused.append(params[0])
            raise Refuse(-32002, "Transaction simulation failed: This transaction has already been processed")
        return node.sendTransaction(params)

    node.on["sendTransaction"] = once
    outcome = await sender.send([work()])
    assert isinstance(outcome, Confirmed)
    assert len(node.sent) == 1
    assert refused


async def test_the_priority_fee_is_the_upper_quartile_under_its_cap(node: FakeNode, sender: Sender) -> None:
    """F-12: congestion raises the fee, never above its cap."""
    paid = [{"slot": slot, "prioritizationFee": fee} for slot, fee in enumerate([1, 2, 3, 4, 5, 6, 7, 1_000_000])]
    node.on["getRecentPrioritizationFees"] = lambda _: paid
    await sender.send([work()])
    price = VersionedTransaction.from_bytes(node.sent[0]).message.instructions[1].data
    assert int.from_bytes(price[1:], "little") == 7
    await sender.send([work(b"y")], options=SendOptions(priority_fee_micro_lamports=10**9, poll_first_ms=1))
    price = VersionedTransaction.from_bytes(node.sent[1]).message.instructions[1].data
    assert int.from_bytes(price[1:], "little") == SendOptions().priority_fee_cap_micro_lamports
    assert node.count("getRecentPrioritizationFees") == 1


async def test_the_default_limit_may_stay_where_it_covers_and_nothing_is_bid(node: FakeNode, sender: Sender) -> None:
    free = SendOptions(poll_first_ms=1, priority_fee_micro_lamports=0, keep_default_limit=True)

    def sent() -> list[bytes]:
        return [bytes(step.data) for step in VersionedTransaction.from_bytes(node.sent[-1]).message.instructions]

    await sender.send([work()], options=free)
    assert sent() == [work().data]
    # Equal work within the slot: other bytes by a limit of its own.
    await sender.send([work()], options=free)
    assert sent() == [set_compute_unit_limit(1_500).data, work().data]
    await sender.send([work(b"y")], options=replace(free, priority_fee_micro_lamports=1))
    assert len(sent()) == 3
    await sender.send([work(b"y")], options=replace(free, compute_limit=1_500))
    assert sent() == [set_compute_unit_limit(1_500).data, work(b"y").data]
    # 20 % more than 166,500 and 300 are 200,100: above the default of one instruction, within that of two.
    value = {"err": None, "logs": [], "unitsConsumed": 166_500}
    node.on["simulateTransaction"] = lambda _: {"context": {"slot": 1}, "value": value}
    await sender.send([work(b"z")], options=free)
    assert sent() == [set_compute_unit_limit(200_100).data, work(b"z").data]
    await sender.send([work(b"z"), work(b"w")], options=free)
    assert sent() == [work(b"z").data, work(b"w").data]


async def test_what_cannot_be_built_is_refused_before_anything_is_sent(node: FakeNode, sender: Sender) -> None:
    with pytest.raises(TransactionTooLarge) as caught:
        await sender.send([work(bytes(1_300))])
    assert caught.value.limit_bytes == 1_232
    assert caught.value.size_bytes > 1_232
    stranger = Keypair().pubkey()
    with pytest.raises(SignerMissing, match=str(stranger)):
        await sender.send([work(signer=stranger)])
    assert not node.sent


async def test_each_rung_of_the_ladder_doubles_the_fee_under_its_cap(node: FakeNode, sender: Sender) -> None:
    """F-12: what expired is tried again at a higher fee, never above the cap."""
    bids = []
    for rung in (0, 1, 3, 20):
        options = SendOptions(poll_first_ms=1, priority_fee_rung=rung, priority_fee_cap_micro_lamports=9_000)
        await sender.send([work(bytes([rung]))], options=options)
        _, price, *_ = VersionedTransaction.from_bytes(node.sent[-1]).message.instructions
        bids.append(int.from_bytes(bytes(price.data)[1:9], "little") if bytes(price.data)[0] == 3 else 0)
    assert bids == [0, 2_000, 8_000, 9_000]


async def test_a_node_behind_the_state_that_was_decided_on_is_waited_for(node: FakeNode, sender: Sender) -> None:
    """F-03: neither simulated nor signed on an older state."""
    options = SendOptions(poll_first_ms=1, min_context_slot=1_002)
    ahead = iter([1_000, 1_001, 1_002])

    def simulated(_: list[Any]) -> Any:
        node.height = next(ahead)
        value = {"err": None, "logs": [], "unitsConsumed": 1000}
        return {"context": {"slot": node.height}, "value": value}

    node.on["simulateTransaction"] = simulated
    assert isinstance(await sender.send([work()], options=options), Confirmed)
    assert node.count("simulateTransaction") == 3
    asked = next(params for name, params in node.calls if name == "getLatestBlockhash")
    assert asked[0]["minContextSlot"] == 1_002


async def test_what_is_on_its_way_is_known_until_its_end(node: FakeNode, sender: Sender) -> None:
    seen: list[tuple[str, ...]] = []
    node.on["getSignatureStatuses"] = lambda params: seen.append(sender.in_flight) or node.getSignatureStatuses(params)
    confirmed = (await sender.send([work()])).unwrap()
    assert seen[0] == (confirmed.signature,) and sender.in_flight == ()
