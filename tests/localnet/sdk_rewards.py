"""A builder and a referrer earn, are paid, and go, on the real program."""

from __future__ import annotations

import pytest
from sdk_stories import Seen
from sdk_world import World
from solders.pubkey import Pubkey

from evertide import NewOrder, TimeInForce, user_address
from evertide._localnet import local_keypair
from evertide.errors import BuilderEntryTaken, BuilderInvalid, ReferralUnpaid, ReferrerIsOneself

ENTRY = 3
PRICE = 40_000


async def builders_and_referrers(world: World, name: str) -> set[str]:
    """One builder's fee and one referrer's share of a fill; both paid; the builder retired and its entry given on."""
    client, seen = world.client, Seen()
    maker, maker_user = await world.trader(f"{name}-maker", usdc=5_000)
    _, builder = await world.trader(f"{name}-builder")
    owner, referrer = await world.trader(f"{name}-referrer")
    with pytest.raises(ReferrerIsOneself):
        await client.create_user(1, referrer=referrer, authority=owner)
    key = local_keypair(f"{name}-{world.net.net.rpc_url}")
    world.net.cheats.fund(key.pubkey(), 10**10)
    user = user_address(key.pubkey())
    born = seen.add(await client.create_user(referrer=referrer, authority=key))
    assert (born.referrer, (await client.user(user)).referrer) == (referrer, referrer)
    await client.send(world.mint_instructions(world.usdc, key.pubkey(), 5_000 * 10**6))
    await client.deposit(5_000, authority=key)

    seen.add(await client.propose_change(f"builders.{ENTRY}", builder))
    (view,) = await client.builders()
    assert (view.entry, view.code, view.user, view.registered) == (ENTRY, ENTRY + 1, builder, True)
    with pytest.raises(BuilderEntryTaken):
        await client.propose_change(f"builders.{ENTRY}", referrer)
    matched = await _fill(world, maker, maker_user, key, user, code=view.code)
    seen.events.append(matched)
    notional_atoms = PRICE * 10**6 // 10
    assert (matched.builder_code, matched.builder_fee_atoms) == (view.code, notional_atoms * 3 // 10_000)
    assert matched.builder_reward_atoms == matched.builder_fee_atoms
    assert matched.referrer_reward_atoms > 0
    assert (await client.orders(user)).referral_owed_atoms == matched.referrer_reward_atoms

    # The fees are cash of the taker's position: what it pays in by settling is what the rewards are paid from.
    await client.settle_pnl(0, user)
    (built,) = await client.pay_builder(ENTRY)
    (shared,) = await client.pay_referrer(user)
    assert (seen.add(built).paid_atoms, seen.add(shared).paid_atoms) == (
        matched.builder_reward_atoms,
        matched.referrer_reward_atoms,
    )
    assert (await client.user(builder)).quote_atoms == matched.builder_reward_atoms
    assert (await client.user(referrer)).quote_atoms == matched.referrer_reward_atoms
    assert await client.pay_referrer(user) == []

    await client.propose_change(f"builders.{ENTRY}", Pubkey.default())
    with pytest.raises(BuilderInvalid):
        await client.place_orders(user, [_order("bid", view.code)], signer=key)
    for confirmed in await client.pay_builder(ENTRY):
        seen.add(confirmed)
    assert await client.builders() == []
    await client.propose_change(f"builders.{ENTRY}", referrer)
    assert [found.code for found in await client.builders()] == [view.code + 8]
    await _out(world, (maker, maker_user), (key, user))
    return seen.names


def _order(side: str, code: int = 0, **more: object) -> NewOrder:
    fee = 30 if code else 0
    return NewOrder(  # type: ignore[arg-type]
        market=0, side=side, size="0.1", price=PRICE, builder_plus_one=code, builder_fee_tenth_bps=fee, **more
    )


async def _fill(
    world: World, maker: object, maker_user: Pubkey, key: object, user: Pubkey, code: int = 0, side: str = "ask"
):  # type: ignore[no-untyped-def]
    client = world.client
    await world.publish()
    other = "bid" if side == "ask" else "ask"
    resting = (
        await client.place_orders(maker_user, [_order(other, time_in_force=TimeInForce.POST_ONLY)], signer=maker)
    ).orders[0]
    await client._wait_for_slot(resting.placed_slot + 1)
    await world.publish()
    taking = (await client.place_orders(user, [_order(side, code, taker_phase_s=0)], signer=key)).orders[0]
    await client._wait_for_slot(taking.placed_slot + 1)
    confirmed = await client.match_orders(0, (user, taking.order_id), [(maker_user, resting.order_id)])
    return confirmed.events[-1]


async def _out(world: World, maker, taker) -> None:  # type: ignore[no-untyped-def]
    """Back to nothing; the account that owes its referrer cannot close before it has paid."""
    client = world.client
    await _fill(world, maker[0], maker[1], taker[0], taker[1], side="bid")
    for _ in range(2):
        for _key, user in (taker, maker):
            if any(position.market_plus_one for position in (await client.user(user)).positions):
                await client.settle_pnl(0, user)
    left = (await client.user(taker[1])).quote_atoms
    await client.withdraw(f"{left // 10**6}.{left % 10**6:06}", authority=taker[0])
    with pytest.raises(ReferralUnpaid):
        await client.close_user(authority=taker[0])
    await client.pay_referrer(taker[1])
    await client.close_user(authority=taker[0])
