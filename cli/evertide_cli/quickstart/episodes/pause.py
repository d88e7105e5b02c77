"""A pause: stops new risk, neither a cancel nor a withdrawal, and ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertide_cli.quickstart.tape import MINUTE_MS, format_time
from evertide_cli.quickstart.traders import USDC
from evertide_cli.quickstart.views import Wish

if TYPE_CHECKING:
    from solders.instruction import Instruction

    from .stage import Stage

SYMBOL = "BTC-PERP"
PLAYER = "signing-1"
WITHDRAWN_ATOMS = 1_000 * USDC
FAR_TENTH_BPS = -5_000


def bid_far_below(stage: Stage) -> Instruction:
    """A quote that nobody will meet."""
    from evertide import instructions
    from evertide_cli.quickstart import sights

    actor, sight = stage.cast[PLAYER], stage.sight(SYMBOL)
    price = sight.ticks_at(FAR_TENTH_BPS, up=False)
    wish = Wish(sight.market_index, False, sight.lots_for(WITHDRAWN_ATOMS), price, time_in_force="POST_ONLY")
    args = sights.order_args(wish, next(stage.client_ids))
    return instructions.place_orders(signer=actor.key.pubkey(), user=actor.user, orders=[args])


async def play(stage: Stage) -> None:
    """The guardian pauses; new orders are refused, the rest goes on; after half an hour nobody has to lift it."""
    from evertide import PAUSE_MS, associated_token_address, by_all, instructions

    actor, guardian = stage.cast[PLAYER], stage.roles.guardian
    owner, wallet = actor.key.pubkey(), associated_token_address(actor.key.pubkey(), stage.roles.usdc_mint)
    await stage.publish()
    await stage.chain.send(actor.key, bid_far_below(stage))
    before_atoms = await stage.chain.token_atoms(wallet)
    await stage.chain.send(guardian, instructions.pause(signer=guardian.pubkey()))
    start_ms = await stage.chain.now_ms()
    refusal = await stage.refused(PLAYER, bid_far_below(stage))
    moved = {"authority": owner, "user": actor.user, "collateral_index": 0, "mint": stage.roles.usdc_mint}
    await stage.chain.send(
        actor.key,
        instructions.cancel_orders(signer=owner, user=actor.user, selector=by_all()),
        instructions.withdraw(**moved, destination_token=wallet, amount_atoms=WITHDRAWN_ATOMS),
    )
    left = len(await stage.orders(PLAYER))
    gained_atoms = await stage.chain.token_atoms(wallet) - before_atoms
    stage.tell(
        f"pause: the guardian stops new risk at {format_time(start_ms)[11:19]}; an order is refused ({refusal}), "
        f"an open one is cancelled, ${gained_atoms // USDC:,} withdrawn"
    )
    await stage.chain.travel_to(start_ms + PAUSE_MS + MINUTE_MS)
    await stage.publish()
    accepted = await stage.refused(PLAYER, bid_far_below(stage))
    await stage.chain.send(
        actor.key,
        instructions.cancel_orders(signer=owner, user=actor.user, selector=by_all()),
        instructions.deposit(**moved, source_token=wallet, amount_atoms=WITHDRAWN_ATOMS),
    )
    minutes = PAUSE_MS // MINUTE_MS
    stage.tell(f"pause: {minutes} minutes later it has expired, and orders are taken again; nobody lifted it")
    (paused,) = await stage.all_events("ExchangePaused")
    lifted = len(await stage.all_events("PauseLifted"))
    stage.promise("pause: length", ("by its event", paused.end_ms - paused.start_ms), ("half an hour", PAUSE_MS), "ms")
    stage.promise("pause: lifted", ("by anybody", lifted), ("expires by itself", 0), "times")
    stage.promise("pause: new order", ("refused", int(refusal == "GateClosed")), ("no new risk", 1), "orders")
    stage.promise("pause: cancel", ("orders left", left), ("a cancel is never stopped", 0), "orders")
    stage.promise("pause: withdrawal", ("wallet gained", gained_atoms), ("asked for", WITHDRAWN_ATOMS), "USDC atoms")
    stage.promise("pause: expiry", ("refused afterwards", int(bool(accepted))), ("expires by itself", 0), "orders")
