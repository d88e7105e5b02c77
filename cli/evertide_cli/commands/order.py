"""`evertide order`: place, cancel, modify, list; brackets, one-cancels-other and ladders are in `order_groups`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli import order_kinds as words
from evertide_cli.app import group, settings_of
from evertide_cli.commands import order_fair, order_groups, order_signed
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show, table, watch
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market, Order

app = group("Place, cancel, modify, list orders; sign them, and place what others signed.")
order_groups.register(app)
order_fair.register(app)
order_signed.register(app)

OWNER = typer.Option(None, "--authority", help="Whose orders (base58); default: the keypair's.")


@app.command("place")
def place(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    side: str = typer.Argument(help="buy or sell."),
    size: str = words.SIZE,
    price: str = words.PRICE,
    kind: str = words.KIND,
    time_in_force: str = words.TIME,
    expires_in_s: int = words.EXPIRY,
    taker_phase_s: int = words.PHASE,
    client_id: int = words.CLIENT_ID,
    reduce_only: bool = words.REDUCE,
    self_trade: str = words.RULE,
    max_slippage_bps: int = words.SLIPPAGE,
    auction_start: str = words.START,
    trigger: str = words.TRIGGER,
    trigger_source: str = words.SOURCE,
    trail_bps: int = words.TRAIL,
    peg_offset: str = words.PEG,
    display: str = words.DISPLAY,
    slices: int = words.SLICES,
    slice_interval_s: int = words.INTERVAL,
    starts_in_s: int = words.NOT_BEFORE,
    builder: int = words.BUILDER,
    builder_fee_tenth_bps: int = words.BUILDER_FEE,
) -> None:
    """Place one order."""
    options = {key: value for key, value in locals().items() if key not in ("context", "market", "side")}
    options["ask"] = words.sells(side)
    words.check(options)

    async def body(session: Session) -> None:
        listed = await session.market(market)
        order = await words.build(session, listed, options)
        steps = await session.client.place_orders_instructions(session.user_of(None), [order], signer=session.me)
        told = {"market": symbol_of(listed), "side": side, "size": size, "kind": order.order_kind.name.lower()}
        await session.submit("place_orders", steps, **told, price=price or "market")

    run(context, body, sign=True)


@app.command("modify")
def modify(
    context: typer.Context,
    order_id: int = typer.Argument(min=1, help="The order to replace."),
    size: str = words.SIZE,
    price: str = words.PRICE,
    kind: str = words.KIND,
    time_in_force: str = words.TIME,
    expires_in_s: int = words.EXPIRY,
    taker_phase_s: int = words.PHASE,
    client_id: int = words.CLIENT_ID,
    reduce_only: bool = words.REDUCE,
    self_trade: str = words.RULE,
    max_slippage_bps: int = words.SLIPPAGE,
    auction_start: str = words.START,
    trigger: str = words.TRIGGER,
    trigger_source: str = words.SOURCE,
    trail_bps: int = words.TRAIL,
    peg_offset: str = words.PEG,
    display: str = words.DISPLAY,
    slices: int = words.SLICES,
    slice_interval_s: int = words.INTERVAL,
    starts_in_s: int = words.NOT_BEFORE,
    builder: int = words.BUILDER,
    builder_fee_tenth_bps: int = words.BUILDER_FEE,
) -> None:
    """Replace one order; it keeps its priority when only its size shrinks."""
    options = {key: value for key, value in locals().items() if key not in ("context", "order_id")}
    words.check(options)

    async def body(session: Session) -> None:
        from evertide import instructions, is_ask

        user = session.user_of(None)
        present = await _order(session, user, order_id)
        market = (await session.markets())[present.market_index]
        options["ask"] = is_ask(present)
        wanted = await words.build(session, market, options)
        if wanted.client_order_id is None:
            # Another id would cost the order its priority.
            wanted = replace(wanted, client_order_id=present.client_order_id)
        (args,), parts = await session.client.placement([wanted])
        fresh = [] if reduce_only else await session.client.refresh_instructions(user, markets=[market.index])
        step = instructions.modify_order(
            signer=session.me, user=user, order_id=order_id, replacement=args, kind_args=parts
        )

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"new_order_id": event.order.order_id, "kept_priority": event.kept_priority}

        about = {"order_id": order_id, "market": symbol_of(market), "kind": wanted.order_kind.name.lower()}
        await session.submit("modify_order", [*fresh, step], told=told, **about)

    run(context, body, sign=True)


@app.command("cancel")
def cancel(
    context: typer.Context,
    order_ids: list[int] = typer.Argument(None, help="Order ids."),
    client_ids: list[int] = typer.Option([], "--client-id", help="Client order ids instead."),
    market: str = typer.Option("", help="All orders of one market."),
    side: str = typer.Option("", help="With --market: buy or sell only."),
    everything: bool = typer.Option(False, "--all", help="All orders."),
) -> None:
    """Cancel by id, client id, market, side of a market, or all."""
    given = [bool(order_ids), bool(client_ids), bool(market), everything]
    if sum(given) != 1:
        raise UsageProblem("name exactly one of: order ids, --client-id, --market, --all")
    if side and not market:
        raise UsageProblem("--side needs --market")

    async def body(session: Session) -> None:
        from evertide import CancelArgs, instructions

        by, index, ids = 0, 0, tuple(order_ids or ())
        if client_ids:
            by, ids = 1, tuple(client_ids)
        elif market:
            by, index = (3 if side else 2), (await session.market(market)).index
        elif everything:
            by = 4
        selector = CancelArgs(by=by, market_index=index, ask=words.sells(side) if side else False, ids=ids)
        step = instructions.cancel_orders(signer=session.me, user=session.user_of(None), selector=selector)
        await session.submit("cancel_orders", [step])

    run(context, body, sign=True)


@app.command("list")
def list_orders(
    context: typer.Context,
    owner: str = OWNER,
    live: bool = typer.Option(False, "--watch", help="Show again every second."),
) -> None:
    """Open orders."""
    settings = settings_of(context)

    def read() -> list[dict[str, Any]]:
        return run(context, lambda session: _rows(session, owner))

    if live:
        watch(read, lambda rows: table(rows, "open orders"), as_json=settings.as_json, every_ms=1000)
    else:
        show(read(), as_json=settings.as_json, title="open orders")


async def _rows(session: Session, owner: str | None) -> list[dict[str, Any]]:
    from evertide import is_live

    where = session.user_of(owner)
    orders, user = await session.orders(where), await session.user(where)
    markets, (slot, now_ms) = await session.markets(), await session.client.chain_clock()
    epoch, deadline_ms = user.orders_epoch, orders.cancel_all_after_ms
    # The dead keep their slots until somebody takes them out.
    live = [
        order
        for order in orders.orders
        if is_live(order, orders_epoch=epoch, cancel_all_after_ms=deadline_ms, now_ms=now_ms, slot=slot)
    ]
    return [words.commitment_row(o) if words.is_commitment(o) else order_row(o, markets[o.market_index]) for o in live]


async def _order(session: Session, user: Any, order_id: int) -> Order:
    for order in (await session.orders(user)).orders:
        if order.order_id == order_id:
            return order
    raise UsageProblem(f"no open order has the id {order_id}", order_id=order_id)


def order_row(order: Order, market: Market) -> dict[str, Any]:
    """One open order for people and programs."""
    from evertide import OrderKind, TimeInForce, constants, is_ask, lots_to_size, order_terms, ticks_to_price

    lot, tick = market.terms.lot_size_e9, market.terms.tick_size_atoms
    return {
        "order_id": order.order_id,
        "client_id": order.client_order_id,
        "market": symbol_of(market),
        "side": "sell" if is_ask(order) else "buy",
        "kind": OrderKind(order.kind).name.lower(),
        "price": ticks_to_price(order.price_ticks, tick_size_atoms=tick),
        "remaining": lots_to_size(order.size_lots, lot_size_e9=lot),
        "filled": lots_to_size(order.filled_lots, lot_size_e9=lot),
        "time_in_force": TimeInForce(order.time_in_force).name.lower(),
        "reduce_only": bool(order.flags & constants.ORDER_FLAG_REDUCE_ONLY),
        "placed_slot": order.placed_slot,
        "expiry_ms": order.expiry_ms,
        "builder": order.builder_plus_one,
        "terms": words.shown_terms(order_terms(order), market),
    }
