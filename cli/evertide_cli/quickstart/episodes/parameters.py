"""A parameter tightened at once, and one loosened against the clock: asked for, waited for 72 h, executed by anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertide_cli.quickstart.tape import HOUR_MS, MINUTE_MS
from evertide_cli.terms import MARKETS

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "SOL-PERP"
NAME = "open_interest_max_lots"


async def play(stage: Stage) -> None:
    """The risk role halves the open interest that a market may have, then asks for the old one back."""
    from evertide import TIMELOCK_MS, instructions, parameter

    index = [plan.symbol for plan in MARKETS].index(SYMBOL)
    field = parameter(NAME, "market").number
    target = instructions.ChangeTarget(market_index=index)
    risk, keeper = stage.roles.risk, stage.roles.keeper

    async def value() -> int:
        market = (await stage.chain.client.markets())[index]
        return int(getattr(market.terms, NAME))

    async def propose(wanted: int) -> int:
        number = int((await stage.chain.client.exchange()).next_change)
        step = instructions.propose_change(
            signer=risk.pubkey(), number=number, field=field, value=wanted, target=target
        )
        await stage.chain.send(risk, step)
        return number

    listed = await value()
    await propose(listed // 2)
    tightened = await value()
    stage.tell(f"parameters: the risk role halves {NAME} of {SYMBOL} to {tightened:,}: at once, it only stops new risk")
    number = await propose(listed)
    asked = await value()
    execute = instructions.execute_change(signer=keeper.pubkey(), number=number, target=target)
    early = await stage.refused_by(keeper, execute)
    await stage.chain.travel_to(await stage.chain.now_ms() + TIMELOCK_MS + MINUTE_MS)
    await stage.chain.send(keeper, execute)
    loosened = await value()
    hours = TIMELOCK_MS // HOUR_MS
    stage.tell(
        f"parameters: asked for {listed:,} again, which waits {hours} h ({early} before); then a keeper executes it"
    )
    done = await stage.all_events("ChangeExecuted")
    stage.promise("parameters: tightened", ("on chain", tightened), ("at once", listed // 2), "lots")
    stage.promise("parameters: loosening asked for", ("on chain", asked), ("not yet", listed // 2), "lots")
    stage.promise("parameters: before its time", ("refused", int(bool(early))), ("72 h wait", 1), "changes")
    stage.promise("parameters: after 72 h", ("on chain", loosened), ("as asked", listed), "lots")
    stage.promise("parameters: executed", ("changes", len(done)), ("one waited", 1), "changes")
