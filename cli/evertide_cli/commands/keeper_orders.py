"""`evertide keeper`: trigger-order, update-trailing, execute-slice, expire-orders: one order of somebody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.session import Session, address, run

if TYPE_CHECKING:
    from solders.instruction import Instruction

USER = typer.Argument(help="Account of the order (base58 of its user).")
ORDER_ID = typer.Argument(min=1, help="Its order id.")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("trigger-order")(trigger_order)
    app.command("update-trailing")(update_trailing)
    app.command("execute-slice")(execute_slice)
    app.command("expire-orders")(expire_orders)


def outcome_of(event: Any) -> dict[str, Any]:
    """Whether the order lives now, or why it was cancelled."""
    from evertide import WakeOutcome

    known = {int(outcome): outcome.name.lower() for outcome in WakeOutcome}
    return {"outcome": known.get(event.outcome, str(event.outcome)), "order_id": event.order.order_id}


def trigger_order(context: typer.Context, user: str = USER, order_id: int = ORDER_ID) -> None:
    """Make an order live whose time has come or whose trigger price is reached."""
    where = address(user, "USER")

    async def body(session: Session) -> None:
        steps = await session.client.trigger_order_instructions(where, order_id)
        await session.submit("trigger_order", steps, told=lambda outcome: outcome_of(outcome.events[-1]), user=user)

    run(context, body, sign=True)


def execute_slice(context: typer.Context, user: str = USER, order_id: int = ORDER_ID) -> None:
    """Place the slice of a TWAP that is due."""
    where = address(user, "USER")

    async def body(session: Session) -> None:
        def told(outcome: Any) -> dict[str, Any]:
            return {**outcome_of(outcome.events[-1]), "slice": outcome.events[-1].slice_number}

        steps: list[Instruction] = await session.client.execute_slice_instructions(where, order_id)
        await session.submit("execute_slice", steps, told=told, user=user)

    run(context, body, sign=True)


def update_trailing(context: typer.Context, user: str = USER, order_id: int = ORDER_ID) -> None:
    """Move a trailing stop's trigger after the price, only in its order's favour."""
    where = address(user, "USER")

    async def body(session: Session) -> None:
        from evertide import instructions, ticks_to_price

        order = await session.client.open_order(where, order_id)
        market = await session.client.market(order.market_index)
        step = instructions.update_trailing(market_index=order.market_index, user=where, order_id=order_id)

        def told(outcome: Any) -> dict[str, Any]:
            ticks = outcome.events[-1].trigger_ticks
            return {"trigger": ticks_to_price(ticks, tick_size_atoms=market.terms.tick_size_atoms)}

        await session.submit("update_trailing", [step], told=told, user=user, order_id=order_id)

    run(context, body, sign=True)


def expire_orders(context: typer.Context, user: str = USER) -> None:
    """Take an account's dead orders out of their slots."""
    where = address(user, "USER")

    async def body(session: Session) -> None:
        from evertide import instructions

        def told(outcome: Any) -> dict[str, Any]:
            return {"removed": [order.order_id for order in outcome.events[-1].orders]}

        await session.submit("expire_orders", [instructions.expire_orders(user=where)], told=told, user=user)

    run(context, body, sign=True)
