"""`evertide order`: bracket, oco, scale: orders that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli import order_kinds as words
from evertide_cli.errors import UsageProblem
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market, NewOrder

MARKET = typer.Argument(help="Symbol or index.")
SIDE = typer.Argument(help="buy or sell.")
STOP = typer.Option("", "--stop", help="Price in USD at which the stop fires.")
STOP_PRICE = typer.Option("", "--stop-price", help="Its limit price; default: a market order.")
TARGET = typer.Option("", "--target", help="Price in USD at which the take-profit fires.")
TARGET_PRICE = typer.Option("", "--target-price", help="Its limit price; without --target a resting limit order.")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("bracket")(bracket)
    app.command("oco")(oco)
    app.command("scale")(scale)
    app.command("cancel-all-after")(cancel_all_after)


async def place(session: Session, market: Market, orders: list[NewOrder], **about: Any) -> None:
    """Place orders together and say what was placed."""
    steps = await session.client.place_orders_instructions(session.user_of(None), orders, signer=session.me)

    def told(outcome: Any) -> dict[str, Any]:
        return {"order_ids": [placed.order_id for placed in outcome.events[-1].orders]}

    kinds = [order.order_kind.name.lower() for order in orders]
    await session.submit("place_orders", steps, told=told, market=symbol_of(market), kinds=kinds, **about)


def bracket(
    context: typer.Context,
    market: str = MARKET,
    side: str = SIDE,
    size: str = words.SIZE,
    price: str = typer.Option("", "--price", help="Limit price of the entry in USD; without one a market order."),
    stop: str = STOP,
    stop_price: str = STOP_PRICE,
    target: str = TARGET,
    target_price: str = TARGET_PRICE,
    trail_bps: int = words.TRAIL,
    trigger_source: str = words.SOURCE,
    builder: int = words.BUILDER,
    builder_fee_tenth_bps: int = words.BUILDER_FEE,
) -> None:
    """An entry with a stop, a target or both, which live as far as it fills and shrink each other."""
    ask = words.sells(side)
    words.choice(trigger_source, {name: name for name in words.SOURCES}, "--trigger-source")
    words.check_builder(builder, builder_fee_tenth_bps)
    if stop_price and not stop:
        raise UsageProblem("--stop-price needs --stop")
    if not (stop or target or target_price or trail_bps):
        raise UsageProblem("a bracket needs --stop, --target, --target-price or --trail-bps")

    async def body(session: Session) -> None:
        from evertide import NewOrder, TriggerSource
        from evertide import bracket as make

        listed = await session.market(market)
        entry = NewOrder(
            market=listed.index,
            side="ask" if ask else "bid",
            size=size,
            price=price or None,
            trigger_source=TriggerSource[trigger_source.upper()],
            builder_plus_one=builder,
            builder_fee_tenth_bps=builder_fee_tenth_bps,
        )
        orders = make(
            entry,
            stop=stop or None,
            stop_price=stop_price or None,
            target=target or None,
            target_price=target_price or None,
            trail_bps=trail_bps,
        )
        await place(session, listed, orders, side=side, size=size)

    run(context, body, sign=True)


def oco(
    context: typer.Context,
    market: str = MARKET,
    side: str = typer.Argument(help="Side that closes the position: buy or sell."),
    size: str = words.SIZE,
    stop: str = STOP,
    stop_price: str = STOP_PRICE,
    target: str = TARGET,
    target_price: str = TARGET_PRICE,
    trigger_source: str = words.SOURCE,
    builder: int = words.BUILDER,
    builder_fee_tenth_bps: int = words.BUILDER_FEE,
) -> None:
    """A stop and a target for a position that is held: a fill of one shrinks the other, a whole fill cancels it."""
    ask = words.sells(side)
    words.choice(trigger_source, {name: name for name in words.SOURCES}, "--trigger-source")
    words.check_builder(builder, builder_fee_tenth_bps)
    if not stop or not (target or target_price):
        raise UsageProblem("one-cancels-other needs --stop, and --target or --target-price")

    async def body(session: Session) -> None:
        from evertide import NewOrder, OrderKind, TriggerSource, one_cancels_other

        listed = await session.market(market)
        known: dict[str, Any] = {
            "market": listed.index,
            "side": "ask" if ask else "bid",
            "size": size,
            "reduce_only": True,
            "trigger_source": TriggerSource[trigger_source.upper()],
            "builder_plus_one": builder,
            "builder_fee_tenth_bps": builder_fee_tenth_bps,
        }
        kind = OrderKind.STOP_LIMIT if stop_price else OrderKind.STOP_MARKET
        orders = [NewOrder(**known, kind=kind, trigger=stop, price=stop_price or None)]
        if target:
            kind = OrderKind.TAKE_PROFIT_LIMIT if target_price else OrderKind.TAKE_PROFIT_MARKET
            orders.append(NewOrder(**known, kind=kind, trigger=target, price=target_price or None))
        else:
            orders.append(NewOrder(**known, price=target_price, taker_phase_s=0))
        await place(session, listed, one_cancels_other(orders), side=side, size=size)

    run(context, body, sign=True)


def scale(
    context: typer.Context,
    market: str = MARKET,
    side: str = SIDE,
    size: str = typer.Argument(help="Size of all rungs together, base units."),
    low: str = typer.Option(..., "--low", help="Lowest price in USD."),
    high: str = typer.Option(..., "--high", help="Highest price in USD."),
    count: int = typer.Option(..., "--count", min=2, max=8, help="Rungs."),
    skew: str = typer.Option("1", "--skew", help="Size of the highest rung over that of the lowest."),
    time_in_force: str = words.TIME,
    reduce_only: bool = words.REDUCE,
    builder: int = words.BUILDER,
    builder_fee_tenth_bps: int = words.BUILDER_FEE,
) -> None:
    """A ladder of limit orders placed at once, prices evenly from --low to --high; the sizes add up exactly."""
    ask = words.sells(side)
    force = words.choice(time_in_force or "gtc", words.TIMES_IN_FORCE, "--time-in-force")
    if time_in_force == "gtt":
        raise UsageProblem("a ladder has no --expires-in-s: --time-in-force gtt means nothing")
    words.check_builder(builder, builder_fee_tenth_bps)

    async def body(session: Session) -> None:
        from evertide import NewOrder, TimeInForce
        from evertide import scale as make

        listed = await session.market(market)
        whole = NewOrder(
            market=listed.index,
            side="ask" if ask else "bid",
            size=size,
            price=low,
            time_in_force=TimeInForce[force],
            reduce_only=reduce_only,
            builder_plus_one=builder,
            builder_fee_tenth_bps=builder_fee_tenth_bps,
        )
        rungs = make(whole, listed, low=low, high=high, count=count, skew=skew)
        shown = [{"price": rung.price, "size": rung.size} for rung in rungs]
        await place(session, listed, rungs, side=side, size=size, rungs=shown)

    run(context, body, sign=True)


def cancel_all_after(
    context: typer.Context,
    seconds: str = typer.Argument(help="Seconds of chain time from now, or `off`."),
    owner: str = typer.Option(None, "--authority", help="Whose account, as its delegate; default: the keypair's."),
) -> None:
    """The dead-man's switch: unless it is set anew, all orders are dead from then on, and anyone takes them out."""
    if seconds != "off" and not (seconds.isascii() and seconds.isdigit() and int(seconds) > 0):
        raise UsageProblem(f"SECONDS must be a whole number above 0 or `off`, found {seconds!r}")

    async def body(session: Session) -> None:
        from evertide import instructions

        deadline_ms = 0 if seconds == "off" else await session.client.chain_time_ms() + int(seconds) * 1_000
        step = instructions.cancel_all_after(signer=session.me, user=session.user_of(owner), deadline_ms=deadline_ms)
        await session.submit("cancel_all_after", [step], deadline_ms=deadline_ms)

    run(context, body, sign=True)
