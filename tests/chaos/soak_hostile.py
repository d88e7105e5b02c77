"""Those who trade against the exchange: mangled and replayed signed orders, self-trades, spam, races, theft."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from soak_floor import SYMBOLS, USDC, Floor
from solders.instruction import AccountMeta, Instruction

from evertide import (
    PROGRAM_ID,
    EvertideError,
    LocalPrice,
    NewOrder,
    SignedOrder,
    by_all,
    instructions,
)
from evertide_cli.quickstart import sights
from evertide_cli.quickstart.sights import Actor
from evertide_cli.quickstart.views import Wish

SELF_TRADE_RULES = ("CANCEL_NEWEST", "CANCEL_OLDEST", "DECREMENT")
SPAM_ORDERS = 8


async def placed_signed(floor: Floor, keeper: Actor, orders: list[SignedOrder]) -> Any:
    """Place signed orders as a stranger; None when they were refused."""
    call = floor.chain.client.place_signed_orders(orders, keeper=keeper.key)
    return await floor.by_client(call)


async def signed_by(floor: Floor, signer: Actor) -> SignedOrder | None:
    """A good signed order of somebody."""
    sight = floor.sights()[floor.dice.choice(SYMBOLS)]
    ask = floor.dice.random() < 0.5
    tick = sight.tick_size_atoms
    price = sight.index_micro * (10_020 if not ask else 9_980) // 10_000 // tick * tick
    lots = sight.lots_for(floor.dice.randrange(300, 2_000) * USDC)
    order = NewOrder(
        market=sight.market_index,
        side="ask" if ask else "bid",
        size=sights_size(lots, sight.lot_size_e9),
        price=sights_price(price),
    )
    found = await floor.by_client(floor.chain.client.sign_order(signer.user, order, window_s=30, signer=signer.key))
    return found if isinstance(found, SignedOrder) else None


def sights_size(lots: int, lot_size_e9: int) -> Any:
    """Lots as whole base units."""
    from evertide import lots_to_size

    return lots_to_size(lots, lot_size_e9=lot_size_e9)


def sights_price(micro: int) -> Any:
    """Micro-USD as USD."""
    from evertide import atoms_to_usdc

    return atoms_to_usdc(micro)


async def mangle(floor: Floor, mangler: Actor) -> None:
    """Change a byte of a good order: of what it says, of its signature, of whose it is. None may be placed."""
    order = await signed_by(floor, floor.dice.choice(floor.of_kind("signer")))
    if order is None:
        return
    at = floor.dice.randrange(len(order.message))
    flip = bytes([order.message[at] ^ (1 << floor.dice.randrange(8))])
    variants = (
        dataclasses.replace(order, message=order.message[:at] + flip + order.message[at + 1 :]),
        dataclasses.replace(order, signature=order.signature[:-1] + bytes([order.signature[-1] ^ 1])),
        dataclasses.replace(order, user=mangler.user),
        dataclasses.replace(order, signer=mangler.key.pubkey()),
    )
    number = floor.dice.randrange(len(variants))
    floor.tally.note("mangled")
    if await placed_signed(floor, mangler, [variants[number]]) is not None:
        floor.broken.append(f"V-27: a mangled signed order was placed (variant {number}, byte {at})")


async def replay(floor: Floor, mangler: Actor) -> None:
    """Place a good signed order, then the same again and beside itself."""
    order = await signed_by(floor, floor.dice.choice(floor.of_kind("signer")))
    if order is None:
        return
    first = await placed_signed(floor, mangler, [order])
    floor.tally.note("replayed")
    again = await asyncio.gather(placed_signed(floor, mangler, [order]), placed_signed(floor, mangler, [order, order]))
    if sum(found is not None for found in (first, *again)) > 1:
        floor.broken.append(f"V-27: a signed order with nonce {order.terms.nonce_ms} was placed twice")


async def self_trade(floor: Floor, actor: Actor) -> None:
    """Crossing orders of one owner, by every rule in turn."""
    sight = floor.sights()[floor.dice.choice(SYMBOLS)]
    lots = sight.lots_for(2_000 * USDC)
    rule = floor.dice.choice(SELF_TRADE_RULES)
    step = instructions.cancel_orders(signer=actor.key.pubkey(), user=actor.user, selector=by_all())
    await floor.attempt(actor, [step])
    wishes = [
        Wish(sight.market_index, True, lots, sight.ticks_at(-20, up=True), self_trade=rule, taker_phase_s=0),
        Wish(sight.market_index, False, lots, sight.ticks_at(20, up=False), self_trade=rule, taker_phase_s=0),
    ]
    if await floor.place(actor, wishes) is not None:
        floor.tally.note("self-traded")


async def spam(floor: Floor, actor: Actor) -> None:
    """Fill every slot with the smallest orders, cancel, and send the program bytes that mean nothing."""
    sight = floor.sights()[floor.dice.choice(SYMBOLS)]
    cancel = instructions.cancel_orders(signer=actor.key.pubkey(), user=actor.user, selector=by_all())
    await floor.attempt(actor, [cancel])
    for level in range(5):
        offset = 100 + level * 7
        lots = sight.lots_for(50 * USDC)
        wishes = [
            Wish(sight.market_index, False, lots, sight.ticks_at(-offset - each, up=False), taker_phase_s=0)
            for each in range(SPAM_ORDERS)
        ]
        await floor.place(actor, wishes)
    floor.tally.note("spammed")
    garbage = bytes(floor.dice.randrange(256) for _ in range(floor.dice.randrange(1, 200)))
    metas = [AccountMeta(actor.key.pubkey(), True, True), AccountMeta(actor.user, False, True)]
    if await floor.attempt(actor, [Instruction(PROGRAM_ID, garbage, metas)]) is not None:
        floor.broken.append(f"the program took {garbage[:8].hex()} for an instruction")


async def race(floor: Floor, actor: Actor) -> None:
    """Two withdrawals of everything and an order at once, then what is left goes back."""
    prices = floor.tape.at(floor.now_s)
    (own,) = await sights.own_sights(floor.chain, [actor], prices)
    info = await floor.chain.client.user(actor.user)
    atoms = info.quote_atoms
    if atoms <= 0 or own.in_liquidation:
        await floor.deposit(actor, 10_000 * USDC)
        return
    sight = floor.sights()[actor.trader.home[0]]
    wish = Wish(sight.market_index, False, sight.lots_for(atoms * 5), market=True, max_slippage_bps=100)
    floor.tally.note("withdrawn twice")
    results = await asyncio.gather(
        withdraw(floor, actor, atoms), withdraw(floor, actor, atoms - 1), floor.place(actor, [wish])
    )
    if results[0] is not None and results[1] is not None:
        floor.broken.append(f"V-14: {actor.trader.name} withdrew {atoms} atoms twice")
    await floor.deposit(actor, 10_000 * USDC)


async def withdraw(floor: Floor, actor: Actor, atoms: int, victim: Actor | None = None) -> Any:
    """Out of an account (its own, or another's) into its own wallet."""
    from evertide import associated_token_address

    owner, mint = actor.key.pubkey(), floor.roles.usdc_mint
    step = instructions.withdraw(
        authority=owner,
        user=(victim or actor).user,
        collateral_index=0,
        mint=mint,
        destination_token=associated_token_address(owner, mint),
        amount_atoms=atoms,
    )
    return await floor.attempt(actor, [step])


async def steal(floor: Floor, thief: Actor) -> None:
    """Withdraw from another's account, order for it, liquidate the healthy."""
    victims = [actor for actor in floor.cast if actor.trader.kind in ("maker", "saver")]
    victim = floor.dice.choice(victims)
    floor.tally.note("stolen")
    sight = floor.sights()[floor.dice.choice(SYMBOLS)]
    orders = [sights.order_args(Wish(sight.market_index, True, 1, sight.index_ticks()), floor.next_id())]
    place = instructions.place_orders(signer=thief.key.pubkey(), user=victim.user, orders=orders)
    if await withdraw(floor, thief, 1_000, victim) is not None:
        floor.broken.append(f"V-01: {thief.trader.name} withdrew from {victim.trader.name}")
    if await floor.attempt(thief, [place]) is not None:
        floor.broken.append(f"V-01: {thief.trader.name} placed for {victim.trader.name}")


async def forge_price(floor: Floor, thief: Actor) -> None:
    """A price signed by a key that is no oracle."""
    now_ms = await floor.chain.now_ms()
    price = LocalPrice(price=USDC, confidence=1, publish_time_ms=now_ms)
    step = instructions.update_oracle(oracle=thief.key.pubkey(), market_index=0, price=price)
    floor.tally.note("forged price")
    if await floor.attempt(thief, [step]) is not None:
        floor.broken.append("V-19: a price of a key that is no oracle was taken")


async def poison(floor: Floor, actor: Actor) -> None:
    """F-23: an order that crosses and whose account can carry no fill: whoever matches it fails each time."""
    client, sight = floor.chain.client, floor.sights()[actor.trader.home[0]]
    try:
        await client.set_limits(actor.user, leverage_max=20, authority=actor.key)
        lots = sight.lots_for(9_000 * USDC)
        wish = Wish(sight.market_index, False, lots, sight.ticks_at(80, up=True), taker_phase_s=0)
        placed = await floor.place(actor, [wish])
        await client.set_limits(actor.user, leverage_max=1, authority=actor.key)
    except EvertideError as error:
        floor.refusals[type(error).__name__] += 1
        return
    if placed is not None:
        floor.tally.note("poisoned")


HABITS = {
    "mangler": (mangle, replay),
    "self-trader": (self_trade,),
    "spammer": (spam,),
    "racer": (race,),
    "thief": (steal, forge_price),
    "poisoner": (poison,),
}
