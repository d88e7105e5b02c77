"""The SDK as real nodes want it, through lookup tables, without async, and beside anchorpy."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from sdk_way_down import WAY_DOWN_EVENTS, way_down
from sdk_world import World, client_of
from solders.keypair import Keypair

import evertide
import evertide.sync
from conftest import ProgramNet
from evertide import (
    EvertideClient,
    NewOrder,
    SendOptions,
    SequenceChecker,
    TimeInForce,
    exchange_addresses,
    instructions,
    user_address,
)
from evertide._localnet import local_keypair
from evertide._transaction import message
from evertide.errors import (
    AccountMismatch,
    AccountNotFound,
    OrderNotFound,
    RpcUnreachable,
    TransactionOutcomeUnknown,
    UsageError,
)
from strict_proxy import StrictProxy

pytestmark = pytest.mark.localnet


async def trade(world: World, name: str) -> int:
    """Two traders meet in the SOL market through the world's client; the lots filled."""
    client = world.client
    await world.publish()
    maker, taker = (
        await world.trader(f"{name}-maker", usdc=5_000, sol=1),
        await world.trader(f"{name}-taker", usdc=5_000),
    )
    ask = NewOrder(market="SOL", side="ask", size=3, price="100.04", time_in_force=TimeInForce.POST_ONLY)
    resting = (await client.place_orders(maker[1], [ask], signer=maker[0])).orders[0]
    bid = NewOrder(market="SOL", side="bid", size=2, price="100.04")
    taken = (await client.place_orders(taker[1], [bid], signer=taker[0])).orders[0]
    await client._wait_for_slot(resting.placed_slot + 2)
    filled = await client.match_orders(1, (taker[1], taken.order_id), [(maker[1], resting.order_id)])
    await client.cancel_orders(maker[1], signer=maker[0])
    await client.settle_pnl(1, taker[1])
    await client.withdraw(1, collateral=world.sol, authority=maker[0])
    return int(filled.events[0].fills[0].size_lots)


async def test_everything_passes_a_node_that_is_as_strict_as_a_real_one(world: World, strict_rpc: StrictProxy) -> None:
    strict = client_of(world.net, strict_rpc.url, world.root, world.oracle)
    strict.published_ms = world.published_ms
    async with strict.client:
        assert await trade(strict, "strict") == 200
        assert await way_down(strict, "strict") == WAY_DOWN_EVENTS
        history = await strict.client.event_history(user_address(world.root.pubkey()))
        assert history == []
        everyone = await strict.client.fetch_all_by_address("User")
        wanted = [*everyone, *(Keypair().pubkey() for _ in range(230))]
        found = await strict.client.rpc.get_accounts(wanted)
        assert [info is not None for info in found] == [True] * len(everyone) + [False] * 230
    assert strict_rpc.refusals == []
    assert strict_rpc.dropped == []


async def test_the_strict_node_is_strict_about_what_this_test_relies_on(strict_rpc: StrictProxy) -> None:
    async with EvertideClient(strict_rpc.url) as client:
        with pytest.raises(evertide.RpcError, match="100"):
            await client.rpc.call("getMultipleAccounts", [[str(Keypair().pubkey())] * 101])


async def test_a_lookup_table_makes_transactions_smaller(world: World) -> None:
    client = EvertideClient(world.net.rpc_url, payer=world.root, signers=[world.oracle])
    async with client:
        addresses = exchange_addresses(2, 2)
        table = await client.create_lookup_table(addresses)
        loaded = client.lookup_tables[0]
        assert (loaded.key, list(loaded.addresses)) == (table, addresses)
        key = local_keypair("looked-up")
        world.net.cheats.fund(key.pubkey(), 10**10)
        steps = [instructions.create_user(authority=key.pubkey())]
        blockhash = (await client.rpc.get_latest_blockhash()).blockhash
        with_table = message(world.root.pubkey(), steps, blockhash, [loaded])
        without = message(world.root.pubkey(), steps, blockhash)
        assert len(bytes(with_table)) < len(bytes(without)) - 50
        confirmed = await client.create_user(authority=key)
        assert confirmed.events[0].user == user_address(key.pubkey())
        # The program itself came out of the table, and its events were found all the same.
        body = await client.rpc.get_transaction(confirmed.signature)
        assert body is not None
        assert str(evertide.PROGRAM_ID) in str(body["meta"]["loadedAddresses"]) + str(body["transaction"])
        with pytest.raises(AccountMismatch, match="lookup table"):
            await client.use_lookup_table(evertide.exchange_address())
        with pytest.raises(AccountNotFound):
            await client.use_lookup_table(Keypair().pubkey())


def test_the_client_without_async(program_net: ProgramNet, world: World) -> None:
    with evertide.sync.EvertideClient(program_net.rpc_url, payer=world.root) as client:
        assert client.exchange().opened == 1
        assert [evertide.symbol(market) for market in client.markets()] == ["BTC-PERP", "SOL-PERP"]
        key = local_keypair("sync-trader")
        program_net.cheats.fund(key.pubkey(), 10**10)
        assert client.create_user(authority=key).landed
        client.send(world.mint_instructions(world.usdc, key.pubkey(), 50_000_000))
        client.deposit(Decimal("50"), authority=key)
        user = user_address(key.pubkey())
        assert client.user(user).quote_atoms == 50_000_000
        with pytest.raises(OrderNotFound):
            client.cancel_orders(user, signer=key)
        assert client.address() == world.root.pubkey()
        assert client.held_keys() == {world.root.pubkey()}
        assert client.call_rpc("getHealth") == "ok"
        assert next(client.follow_events(poll_ms=20)).name == "ExchangeInitialized"
    client.close()
    with pytest.raises(UsageError, match="closed"):
        client.exchange()


def test_both_faces_have_the_same_methods() -> None:
    public = {name for name in dir(evertide.EvertideClient) if not name.startswith("_")}
    blocking = {name for name in dir(evertide.sync.EvertideClient) if not name.startswith("_")}
    # anchorpy is async itself; a raw request takes the place of the async RPC client.
    assert public - blocking == {"program"}
    assert blocking - public == {"call_rpc"}


async def test_anchorpy_reads_and_writes_the_same_program(world: World) -> None:
    program = world.client.program()
    try:
        theirs = await program.account["Exchange"].fetch(evertide.exchange_address())
        ours = await world.client.exchange()
        assert (theirs.market_count, theirs.quote_mint, theirs.roles[0]) == (
            ours.market_count,
            ours.quote_mint,
            ours.roles[0],
        )
        step = instructions.create_user(authority=world.root.pubkey(), sub_id=9)
        names = [account.name for account in program.idl.instructions[_index(program, "create_user")].accounts]
        accounts = dict(zip(names, [meta.pubkey for meta in step.accounts], strict=True))
        built = program.instruction["create_user"](9, ctx=_context(accounts))
        assert built.data == step.data
        assert [meta.pubkey for meta in built.accounts] == [meta.pubkey for meta in step.accounts]
        confirmed = await world.client.send([built])
        assert confirmed.events[0].sub_id == 9
        user = await program.account["User"].fetch(user_address(world.root.pubkey(), 9))
        assert user.authority == world.root.pubkey()
        # Encoding an account with addresses in it needs Pubkey to be picklable.
        assert (await world.client.rpc.get_account(user_address(world.root.pubkey(), 9))) is not None
    finally:
        await program.close()


def _index(program: object, name: str) -> int:
    return [entry.name for entry in program.idl.instructions].index(name)  # type: ignore[attr-defined]


def _context(accounts: dict[str, object]) -> object:
    from anchorpy.program.context import Context

    return Context(accounts=accounts)


async def test_a_validator_that_is_down_is_named() -> None:
    async with EvertideClient("http://127.0.0.1:1", payer=Keypair(), timeout_s=1) as client:
        with pytest.raises(RpcUnreachable, match=r"http://127\.0\.0\.1:1"):
            await client.exchange()


async def test_a_lost_websocket_costs_no_confirmation(world: World) -> None:
    """F-05: confirmations are polled; the socket only wakes the poll."""
    deaf = EvertideClient(world.net.rpc_url, payer=world.root, ws_url="ws://127.0.0.1:1", timeout_s=2)
    async with deaf:
        confirmed = await deaf.send([instructions.accrue_debt()])
        assert confirmed.landed
    silent = EvertideClient(world.net.rpc_url, payer=world.root)
    async with silent:
        assert (await silent.accrue_debt()).slot >= confirmed.slot


async def test_many_at_once_all_land_once(world: World) -> None:
    """F-08: equal work at once is done as often as it was asked for."""
    before = (await world.client.collateral(0)).sequence
    work = [
        world.client.send([instructions.accrue_debt()], options=SendOptions(compute_limit=60_000)) for _ in range(24)
    ]
    signatures = {confirmed.signature for confirmed in await asyncio.gather(*work)}
    assert len(signatures) == 24
    assert (await world.client.collateral(0)).sequence == before + 24


async def test_a_paused_network_leaves_the_outcome_unknown_and_the_truth_is_found_later(world: World) -> None:
    """F-09: the chain stands still after sending."""
    options = SendOptions(confirm_timeout_ms=300, poll_first_ms=10, poll_most_ms=50, details=False)
    world.net.cheats.pause_clock()
    try:
        with pytest.raises(TransactionOutcomeUnknown) as caught:
            await world.client.send([instructions.accrue_debt()], options=options)
    finally:
        world.net.cheats.resume_clock()
    assert caught.value.signature is not None
    for _ in range(100):
        status = (await world.client.rpc.get_signature_statuses([caught.value.signature], search_history=True))[0]
        if status is not None and status["confirmationStatus"] != "processed":
            break
        await asyncio.sleep(0.05)
    assert status is not None
    assert status["err"] is None


async def test_events_are_followed_as_they_land(world: World) -> None:
    checker = SequenceChecker()
    history = await world.client.event_history(page=7)
    followed = []
    feed = world.client.follow_events(checker=checker, poll_ms=20)
    async for landed in feed:
        followed.append(landed)
        if len(followed) == len(history):
            break
    assert [(landed.name, landed.signature) for landed in followed] == [(h.name, h.signature) for h in history]
    confirmed = await world.client.accrue_debt()
    later = world.client.follow_events(since=history[-1].signature, checker=checker, poll_ms=20)
    landed = await asyncio.wait_for(anext(later), 10)
    assert (landed.event, landed.signature) == (confirmed.events[0], confirmed.signature)
