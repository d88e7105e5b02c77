"""Who sends first, what is bid, what is booked, and what a stop and a dry run leave undone."""

from __future__ import annotations

import asyncio
from typing import Any

import keeper_world as kw
import pytest
from solders.keypair import Keypair
from test_spine import Client, accrue, matching_world

from evertide import PROGRAM_ID, Confirmed, Failed, Simulation
from evertide.errors import NothingFilled, RpcUnreachable, TransactionExpired
from evertide_keepers import Spine, build_keepers
from evertide_keepers import sending as sendings
from evertide_keepers.actions import Action, subjects
from evertide_keepers.booking import FINAL_AFTER_SLOTS, GONE_AFTER_SLOTS, Books, Pending
from evertide_keepers.clock import ChainTime
from evertide_keepers.errors import Overtaken, Stopping
from evertide_keepers.keeper import KINDS, MARKET_DATA, SOLVENCY, UPKEEP, own_key
from evertide_keepers.matcher import order_key
from evertide_keepers.memory import Memory
from evertide_keepers.sending import RUNGS_MAX, Fees, PriorityGate

KEY = Keypair.from_seed(bytes(32))


async def test_of_those_that_wait_the_most_urgent_goes_first() -> None:
    """F-22: solvency before market data before upkeep, and within one of them whoever came first."""
    gate, order = PriorityGate(1), []

    async def work(priority: int, name: str) -> None:
        async with gate.place(priority):
            order.append(name)
            await asyncio.sleep(0)

    wanted = [(UPKEEP, "first"), (UPKEEP, "u1"), (MARKET_DATA, "m"), (UPKEEP, "u2"), (SOLVENCY, "s")]
    await asyncio.gather(*(work(*one) for one in wanted))
    assert order == ["first", "s", "m", "u1", "u2"] and gate.waiting == 0
    assert {name for name, kind in KINDS.items() if kind.priority == SOLVENCY} >= {"liquidator", "bankruptcy"}


async def test_a_place_that_is_given_up_is_free_again() -> None:
    gate = PriorityGate(1)
    held, free = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with gate.place(0):
            held.set()
            await free.wait()

    async def wait() -> None:
        async with gate.place(0):
            pass

    holder = asyncio.create_task(hold())
    await held.wait()
    waiters = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert gate.waiting == 3
    waiters[0].cancel()
    free.set()
    await asyncio.sleep(0)
    waiters[1].cancel()
    await asyncio.gather(holder, *waiters, return_exceptions=True)
    async with asyncio.timeout(1), gate.place(0):
        pass


async def test_the_ladder_rises_with_each_expiry_and_the_hours_budget_ends_the_bidding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F-12: capped in height and in sum."""
    at_s = 5.0
    monkeypatch.setattr(sendings, "now_s", lambda: at_s)
    fees = Fees(1_000)
    for _ in range(RUNGS_MAX + 3):
        fees.note("a", expired=True, lamports=0)
    assert (fees.rung("a"), fees.rung("b")) == (RUNGS_MAX, 0)
    fees.note("a", expired=False, lamports=999)
    assert fees.rung("a") == RUNGS_MAX - 1 and not fees.is_spent
    fees.note("b", expired=False, lamports=1)
    assert fees.is_spent and fees.rung("b") == 0
    at_s += sendings.HOUR_S
    assert not fees.is_spent and fees.spent_lamports == 1_000


class Teller(Client):
    """Also keeps the options that it was sent with, and simulates."""

    def __init__(self, world: kw.World) -> None:
        super().__init__(world)
        self.options: list[Any] = []
        self.sender = self

    async def try_send(self, instructions: list[Any], *, options: Any) -> Any:
        self.options.append(options)
        end = self.ends.pop(0) if self.ends else None
        slot = self.rpc.world.time.slot
        if end == "expired":
            return Failed(error=TransactionExpired("sig", 1, 2), signature="sig", landed=False)
        return Confirmed(signature="sig", slot=slot, commitment="c", confirm_ms=1, priority_fee_lamports=700)

    async def simulate(self, instructions: list[Any], *, min_context_slot: int | None) -> Simulation:
        self.sent.append(instructions[0])
        return Simulation(error=None, compute_units=1, logs=(), return_data=None, slot=7)


async def test_what_is_sent_names_the_slot_that_was_decided_on_and_climbs() -> None:
    client = Teller(matching_world())
    spine = Spine(client, fee_hour_lamports_max=700)  # type: ignore[arg-type]
    client.ends = ["expired", None]
    await spine.sync()
    for number in range(3):
        await spine.execute("matcher", [accrue(number, "a")], Memory(), own_key)
    bids = [(one.priority_fee_rung, one.priority_fee_cap_micro_lamports) for one in client.options]
    cap = spine.options.priority_fee_cap_micro_lamports
    assert bids == [(0, cap), (1, cap), (0, 0)] and ("fee_budget_spent", "fees") in spine.alarms.active
    assert {one.min_context_slot for one in client.options} == {kw.SLOT}


async def test_a_dry_run_simulates_remembers_and_sends_nothing() -> None:
    client = Teller(matching_world())
    spine = Spine(client, dry_run=True)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    first = await matcher.step()
    assert (first.planned, first.confirmed, first.signatures) == (1, 1, ()) and not client.options
    account = spine.books.of("matcher")
    assert (account.simulated, account.confirmed, spine.books.pending) == (1, 0, 0)


async def test_after_a_stop_nothing_new_is_sent_and_nothing_counts_as_failed() -> None:
    client = Client(kw.World.with_market())
    spine = Spine(client)  # type: ignore[arg-type]
    memory = Memory()
    sending = asyncio.create_task(spine.execute("k", [accrue(0, "a"), accrue(1, "a")], memory, own_key))
    while not client.sent:  # noqa: ASYNC110 - a test double has no event
        await asyncio.sleep(0)
    spine.stopping = True
    first, second = await sending
    assert first.error is None and isinstance(second.error, Stopping)
    assert len(client.sent) == 1 and set(memory.done_ms) == {"work:0"} and not memory.blocked_until_ms
    assert spine.books.of("k").failed == 0


class Ledger:
    """What a node says of transactions."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, Any] | None] = {}
        self.is_down = False

    async def get_signature_statuses(self, signatures: list[str], *, search_history: bool) -> list[Any]:
        if self.is_down:
            raise RpcUnreachable("http://x", "down")
        return [self.statuses.get(one) for one in signatures]

    async def get_transaction(self, signature: str) -> dict[str, Any]:
        meta = {"fee": 5_000, "logMessages": [], "innerInstructions": []}
        body = {"message": {"accountKeys": [str(KEY.pubkey())]}, "signatures": [signature]}
        return {"slot": 100, "meta": meta, "transaction": body}


def landed(signature: str, slot: int) -> Pending:
    return Pending("matcher", (f"key:{signature}",), signature, slot)


async def test_books_are_kept_on_what_is_final_and_the_rest_is_undone() -> None:
    """F-11: a confirmed transaction of a fork that lost."""
    books, ledger, undone = Books(), Ledger(), []
    for signature, slot in (("a", 100), ("b", 100), ("c", 101), ("d", 500)):
        books.note_landed(landed(signature, slot))
    final = {"slot": 100, "confirmationStatus": "finalized"}
    ledger.statuses = {"a": final, "c": {"slot": 101, "confirmationStatus": "confirmed"}, "d": final}

    async def book(slot: int, **more: Any) -> None:
        await books.book(ledger, kw.PROGRAM_ID, slot, undone.append, **more)  # type: ignore[arg-type]

    await book(100 + FINAL_AFTER_SLOTS - 1)
    assert books.pending == 4
    await book(101 + FINAL_AFTER_SLOTS)
    assert books.pending == 3 and (books.of("matcher").booked, books.of("matcher").paid_lamports) == (1, 5_000)
    ledger.is_down = True
    await book(101 + GONE_AFTER_SLOTS)
    assert books.pending == 3 and not undone
    ledger.is_down = False
    await book(101 + GONE_AFTER_SLOTS)
    assert [one.signature for one in undone] == ["b"] and books.of("matcher").undone == 1
    assert [one.signature for one in books._pending] == ["c", "d"]
    await book(400, final=False)
    assert books.pending == 0 and books.of("matcher").booked == 3


async def test_what_is_undone_may_be_planned_again() -> None:
    client = Client(matching_world())
    spine = Spine(client)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    await matcher.step()
    (pending,) = spine.books._pending
    assert pending.keys and set(pending.keys) <= set(matcher.memory.done_ms)
    spine.undo(pending)
    assert not set(pending.keys) & set(matcher.memory.done_ms) and spine.feed.needs_snapshot
    assert ("action_rolled_back", "matcher") in spine.alarms.active


async def test_what_somebody_else_has_written_since_is_decided_again_before_it_is_sent_but_only_once() -> None:
    """F-19: no fee for work that another keeper has done; and no account that is written all the time is left out."""
    client = Client(matching_world())
    spine = Spine(client)  # type: ignore[arg-type]
    await spine.sync()
    taker = kw.address(2)
    named = {"market_index": 0, "taker_user": str(taker), "taker_order_id": 1, "makers": [[str(kw.address(1)), 1]]}
    action, memory = Action("match_orders", order_key(str(taker), 1), "market:0", named), Memory()
    (orders,) = subjects(action, client.program_id)
    assert bytes(orders) == kw.orders_key(taker)

    async def step() -> Any:
        (result,) = await spine.execute("matcher", [action], memory, own_key)
        return result

    decided = spine.feed.answered_slot
    spine.feed.mark_dirty([orders], decided)
    assert (await step()).error is None, "what was decided on was of that slot"
    spine.feed.mark_dirty([orders], decided)
    assert (await step()).error is None, "and so was what it did itself"
    for slot in (decided + 1, decided + 2):
        spine.feed.mark_dirty([orders], slot)
        result, count = await step(), len(client.sent)
        assert isinstance(result.error, Overtaken if slot == decided + 1 else type(None))
    assert count == 3 and not memory.blocked_until_ms and spine.books.of("matcher").overtaken == 1
    # A write of one's own in a later slot is none of somebody else's.
    client.rpc.world.time = ChainTime(decided + 2, kw.NOW_MS)
    await spine.sync()
    client.rpc.world.time = ChainTime(decided + 3, kw.NOW_MS)
    results = await spine.execute("matcher", [action, action], memory, own_key)
    assert [(one.error, one.slot) for one in results] == [(None, decided + 3)] * 2


async def test_a_step_counts_what_was_overtaken_neither_as_done_nor_as_failed() -> None:
    client = Client(matching_world())
    spine = Spine(client)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    decide = matcher.plan

    def plan() -> list[Action]:
        """The plan, and right behind it somebody else's write of what it acts on."""
        found = decide()
        for account in (one for action in found for one in subjects(action, client.program_id)):
            spine.feed.mark_dirty([account], spine.feed.answered_slot + 1)
        return found

    matcher.plan = plan  # type: ignore[method-assign]
    first, second = await matcher.step(), await matcher.step()
    assert (first.planned, first.confirmed, first.failed, first.errors) == (1, 0, 0, ())
    assert (second.planned, second.confirmed) == (1, 1) and len(client.sent) == 1


def test_every_action_that_another_keeper_could_overtake_names_what_it_hangs_on() -> None:
    user = str(kw.address(1))
    for name in ("trigger_order", "execute_slice", "update_trailing", "expire_orders"):
        found = subjects(Action(name, "k", "l", {"user": user, "market_index": 0, "order_id": 1}), PROGRAM_ID)
        assert {bytes(one) for one in found} == {kw.orders_key(kw.address(1))}
    ahead: list[list[Any]] = [["liquidate_orders", {"user": user}]]
    closing = Action("liquidate_to_backstop", "k", "l", {"user": user, "market_index": 0}, ahead)
    assert subjects(closing, PROGRAM_ID) == {kw.address(1)}
    assert subjects(accrue(0, "l"), PROGRAM_ID) == set()


def test_a_report_tells_what_was_done_and_refused() -> None:
    books = Books()
    books.note_end("matcher", "match_orders", None, simulated=False, landed=True)
    books.note_end("matcher", "match_orders", NothingFilled.__name__, simulated=False, landed=True)
    account = books.report()["keepers"]["matcher"]
    assert (account["confirmed"], account["failed"], account["wasted"]) == (1, 1, 1)
    books.note_end("matcher", "match_orders", NothingFilled.__name__, simulated=False, landed=False)
    account = books.report()["keepers"]["matcher"]
    assert (account["failed"], account["wasted"], account["overtaken"]) == (2, 1, 0)
    assert (account["done"], account["refused"]) == ({"match_orders": 1}, {"NothingFilled": 2})
