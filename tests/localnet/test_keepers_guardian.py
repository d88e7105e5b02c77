"""The guardian's watch on the real program: a change that lets deposits out is told and vetoed, nonces are seen."""

from __future__ import annotations

import asyncio

import pytest
from sdk_world import World
from solders.hash import Hash
from solders.keypair import Keypair
from solders.system_program import (
    AdvanceNonceAccountParams,
    advance_nonce_account,
    create_nonce_account,
)

from evertide import ChangeStatus
from evertide._rpc import NO_SIGNATURE
from evertide._transaction import message, signed_wire
from evertide_keepers import GuardianSettings, Spine, warm_up
from evertide_keepers.keeper import GuardianKeeper

pytestmark = pytest.mark.localnet

NONCE_LAMPORTS = 10**8
NONCE_AT = 40
"""Where a nonce account holds its nonce."""


def watch_of(world: World, **more: object) -> GuardianKeeper:
    return GuardianKeeper("guardian", Spine(world.client), GuardianSettings(**more))  # type: ignore[arg-type]


async def kinds(keeper: GuardianKeeper) -> list[str]:
    """Kinds of all alarms now, as the log and the metrics tell them."""
    async with keeper.spine.lock:
        await keeper.spine.sync()
        await keeper.refresh()
        await keeper.observe()
    assert not [one for one in keeper.findings() if one.kind in ("watch_blind", "totals_disagree")]
    return sorted({kind for kind, _ in keeper.spine.alarms.active})


async def sent(world: World, signed: tuple[bytes, str]) -> str:
    """Send signed bytes and wait for what becomes of them; the signature."""
    wire, signature = signed
    await world.client.rpc.send_transaction(wire, skip_preflight=True)
    for _ in range(100):
        if (await world.client.rpc.get_signature_statuses([signature]))[0] is not None:
            break
        await asyncio.sleep(0.1)
    return signature


async def test_the_watch_sees_changes_and_nonces_and_vetoes_when_told(world: World) -> None:
    await asyncio.to_thread(warm_up)
    await world.trader("depositor", usdc=10_000)
    only, acting = watch_of(world), watch_of(world, guardian=str(world.root.pubkey()), vetoes=True)
    assert await kinds(only) == []
    report = await only.step()
    assert report.planned == report.confirmed >= 1, report.errors
    assert (await only.step()).planned == 0

    # A local exchange has no floor: a greater lane lets nothing more out, a greater share of the insurance fund does.
    number = (await world.client.exchange()).next_change
    await world.client.propose_change("lane_atoms", 10_000_000, signer=world.root)
    quiet = [one for one in only.findings() if one.kind == "change_waiting"]
    assert quiet == []
    await world.client.propose_change("insurance_day_max_atoms", 10**14, market="BTC", signer=world.root)
    assert await kinds(only) == ["change_waiting"]
    told = {one.subject: one.alarm for one in only.findings() if one.kind == "change_waiting"}
    assert told == {str(number): False, str(number + 1): True}
    assert (await only.step()).planned == 0

    vetoed = await acting.step()
    assert vetoed.planned == vetoed.confirmed and not vetoed.failed, vetoed.errors
    status = [(await world.client.change(one)).status for one in (number, number + 1)]
    assert status == [ChangeStatus.PENDING, ChangeStatus.CANCELLED]
    assert await kinds(only) == []

    nonce = Keypair()
    root = world.root.pubkey()
    made = create_nonce_account(root, nonce.pubkey(), root, NONCE_LAMPORTS)
    await world.client.send(list(made), signers=[nonce])
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce.pubkey(), authorized_pubkey=root))
    await asyncio.sleep(1)
    # A nonce instead of a blockhash is what makes it durable; with a blockhash the local validator refuses it, and
    # lists it all the same, under no signature.
    blockhash = (await world.client.rpc.get_latest_blockhash()).blockhash
    await sent(world, signed_wire(message(root, [advance], blockhash), [world.root]))
    raw = await world.client.rpc.call("getSignaturesForAddress", [str(root), {"limit": 3, "commitment": "confirmed"}])
    listed = await world.client.rpc.get_signatures_for_address(root, limit=3)
    assert raw[0]["signature"] == NO_SIGNATURE and len(listed) == 3
    assert NO_SIGNATURE not in {row["signature"] for row in listed}
    assert await kinds(watch_of(world)) == ["nonce_of_role"], "what did not land used no nonce"

    held = await world.client.rpc.get_account(nonce.pubkey())
    assert held is not None
    durable = str(Hash.from_bytes(held.data[NONCE_AT : NONCE_AT + Hash.LENGTH]))
    signature = await sent(world, signed_wire(message(root, [advance], durable), [world.root]))
    fresh = watch_of(world)
    assert await kinds(fresh) == ["nonce_of_role", "nonce_used"]
    assert {str(nonce.pubkey()), signature} <= {one.subject for one in fresh.findings()}
