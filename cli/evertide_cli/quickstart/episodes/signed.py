"""A signed order: its owner signs 56 bytes and sends nothing; a keeper places them, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertide_cli.quickstart.traders import USDC

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "BTC-PERP"
PLAYER = "signing-1"
NOTIONAL_ATOMS = 6_000 * USDC
LIMIT_BPS = 50


async def play(stage: Stage) -> None:
    """Sign, hand over as a line of JSON, have it placed and filled, try it again."""
    from evertide import SignedOrder, SignedTerms, ed25519_instruction, instructions, sign_order, verify_order

    actor, keeper = stage.cast[PLAYER], stage.roles.keeper
    await stage.wait(1_000)
    await stage.quote(SYMBOL)
    genesis_hash = await stage.chain.client.rpc.get_genesis_hash()
    lamports = await stage.lamports(PLAYER)
    sight = stage.sight(SYMBOL)
    terms = SignedTerms(
        nonce_ms=await stage.chain.now_ms(),
        market_index=sight.market_index,
        ask=False,
        size_lots=sight.lots_for(NOTIONAL_ATOMS),
        price_ticks=stage.ticks(SYMBOL, LIMIT_BPS),
        window_s=60,
    )
    line = sign_order(terms, user=actor.user, signer=actor.key, genesis_hash=genesis_hash).to_json()
    received = SignedOrder.from_json(line)
    verify_order(received, genesis_hash=genesis_hash, now_ms=await stage.chain.now_ms())
    steps = [
        ed25519_instruction([received]),
        instructions.place_signed_orders(keeper=keeper.pubkey(), orders=[received], instruction_index=0),
    ]
    await stage.chain.send(keeper, *steps)
    await stage.trade()
    held = await stage.lots(PLAYER, SYMBOL)
    again = await stage.refused_by(keeper, *steps)
    spent = lamports - await stage.lamports(PLAYER)
    placed = [
        placement.order.client_order_id
        for event in await stage.all_events("SignedOrdersPlaced")
        for placement in event.placements
        if placement.user == actor.user
    ]
    stage.tell(
        f"signed order: {PLAYER} signs {len(received.message)} bytes for {held} lots of {SYMBOL} and sends nothing; "
        f"a keeper places them, once ({again} the second time)"
    )
    stage.promise("signed order: position", ("lots held", held), ("lots signed", terms.size_lots), "lots")
    stage.promise("signed order: its owner", ("paid", spent), ("sent nothing", 0), "lamports")
    stage.promise("signed order: nonce", ("placed", sum(placed)), ("signed", terms.nonce_ms), "ms")
    stage.promise("signed order: again", ("refused", int(again == "NonceUsed")), ("a nonce is used once", 1), "orders")
