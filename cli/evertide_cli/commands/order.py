"""`evertide order`: place, cancel, modify, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show, table, watch
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market, Order, OrderArgs

app = group("Place, cancel, modify, list orders.")

TIMES_IN_FORCE = {
    "gtc": "GOOD_TILL_CANCELLED",
    "gtt": "GOOD_TILL_CANCELLED",
    "ioc": "IMMEDIATE_OR_CANCEL",
    "fok": "FILL_OR_KILL",
    "post-only": "POST_ONLY",
    "post-only-slide": "POST_ONLY_SLIDE",
}
SELF_TRADE = {"cancel-newest": "CANCEL_NEWEST", "cancel-oldest": "CANCEL_OLDEST", "decrement": "DECREMENT"}

SIZE = typer.Argument(help="Size in base units, a multiple of the lot.")
PRICE = typer.Option("", "--price", help="Limit price in USD; without one a market order at its default worst price.")
TIME = typer.Option("gtc", "--time-in-force", "--tif", help="gtc, gtt, ioc, fok, post-only, post-only-slide.")
EXPIRY = typer.Option(0, "--expires-in-s", min=0, help="Seconds of chain time after which the order is dead.")
PHASE = typer.Option(-1, "--taker-phase-s", min=-1, max=60, help="Taker phase, seconds; default 12, post-only 0.")
CLIENT_ID = typer.Option(
    0, "--client-id", min=0, help="Client order id, unique among open orders; default: a random one."
)
REDUCE = typer.Option(False, "--reduce-only", help="May only reduce the position.")
RULE = typer.Option("cancel-newest", "--self-trade", help="cancel-newest, cancel-oldest, decrement.")
SLIPPAGE = typer.Option(0, "--max-slippage-bps", min=0, max=10_000, help="Greatest slippage against index, bps.")
START = typer.Option("", "--auction-start", help="Price in USD at which the taker phase starts.")
OWNER = typer.Option(None, "--authority", help="Whose orders (base58); default: the keypair's.")


def _choice(value: str, known: dict[str, str], name: str) -> str:
    if value not in known:
        raise UsageProblem(f"{name} must be one of {', '.join(known)}, found {value!r}")
    return known[value]


def _side(side: str) -> bool:
    """True to sell. Raises UsageProblem."""
    if side not in ("buy", "sell"):
        raise UsageProblem(f"side must be buy or sell, found {side!r}")
    return side == "sell"


async def build(session: Session, market: Market, options: dict[str, Any]) -> OrderArgs:
    """Order arguments in ticks and lots from the command line's text. Raises UnitError for what is off the grid."""
    from evertide import NewOrder, SelfTradeRule, TimeInForce

    force = _choice(options["time_in_force"], TIMES_IN_FORCE, "--time-in-force")
    price, start, lives_s = options["price"], options["auction_start"], options["expires_in_s"]
    if options["time_in_force"] == "gtt" and not lives_s:
        raise UsageProblem("--time-in-force gtt needs --expires-in-s")
    if not price and force.startswith("POST_ONLY"):
        raise UsageProblem("a post-only order needs --price")
    order = NewOrder(
        market=market.index,
        side="ask" if options["ask"] else "bid",
        size=options["size"],
        price=price or None,
        time_in_force=None if options["time_in_force"] == "gtc" else TimeInForce[force],
        reduce_only=options["reduce_only"],
        client_order_id=options["client_id"] or None,
        self_trade=SelfTradeRule[_choice(options["self_trade"], SELF_TRADE, "--self-trade")],
        taker_phase_s=None if options["taker_phase_s"] < 0 else options["taker_phase_s"],
        expiry_ms=await session.client.chain_time_ms() + lives_s * 1000 if lives_s else 0,
        auction_start=start or None,
        max_slippage_bps=options["max_slippage_bps"],
    )
    return order.to_args(market)


@app.command("place")
def place(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    side: str = typer.Argument(help="buy or sell."),
    size: str = SIZE,
    price: str = PRICE,
    time_in_force: str = TIME,
    expires_in_s: int = EXPIRY,
    taker_phase_s: int = PHASE,
    client_id: int = CLIENT_ID,
    reduce_only: bool = REDUCE,
    self_trade: str = RULE,
    max_slippage_bps: int = SLIPPAGE,
    auction_start: str = START,
) -> None:
    """Place one order."""
    options = {key: value for key, value in locals().items() if key not in ("context", "market", "side")}
    options["ask"] = _side(side)

    async def body(session: Session) -> None:
        listed = await session.market(market)
        order = await build(session, listed, options)
        user = session.user_of(None)
        steps = await session.client.place_orders_instructions(user, [order], signer=session.me)
        await session.submit(
            "place_orders", steps, market=symbol_of(listed), side=side, size=size, price=price or "market"
        )

    run(context, body, sign=True)


@app.command("modify")
def modify(
    context: typer.Context,
    order_id: int = typer.Argument(min=1, help="The order to replace."),
    size: str = SIZE,
    price: str = PRICE,
    time_in_force: str = TIME,
    expires_in_s: int = EXPIRY,
    taker_phase_s: int = PHASE,
    client_id: int = CLIENT_ID,
    reduce_only: bool = REDUCE,
    self_trade: str = RULE,
    max_slippage_bps: int = SLIPPAGE,
    auction_start: str = START,
) -> None:
    """Replace one order; it keeps its priority when only its size shrinks."""
    options = {key: value for key, value in locals().items() if key not in ("context", "order_id")}

    async def body(session: Session) -> None:
        from evertide import instructions

        user = session.user_of(None)
        present = await _order(session, user, order_id)
        market = (await session.markets())[present.market_index]
        from evertide import is_ask

        options["ask"] = is_ask(present)
        order = await build(session, market, options)
        me = session.me
        step = instructions.modify_order(signer=me, user=user, order_id=order_id, replacement=order)
        await session.submit("modify_order", [step], order_id=order_id, market=symbol_of(market))

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
        selector = CancelArgs(by=by, market_index=index, ask=_side(side) if side else False, ids=ids)
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
    where = session.user_of(owner)
    orders, user = await session.orders(where), await session.user(where)
    markets = await session.markets()
    # What a liquidation voided keeps its slot until that is needed.
    live = [order for order in orders.orders if order.order_id and order.order_id >= user.orders_epoch]
    return [order_row(order, markets[order.market_index]) for order in live]


async def _order(session: Session, user: Any, order_id: int) -> Order:
    for order in (await session.orders(user)).orders:
        if order.order_id == order_id:
            return order
    raise UsageProblem(f"no open order has the id {order_id}", order_id=order_id)


def order_row(order: Order, market: Market) -> dict[str, Any]:
    """One open order for people and programs."""
    from evertide import OrderKind, TimeInForce, constants, is_ask, lots_to_size, ticks_to_price

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
    }
