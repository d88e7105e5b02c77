"""`evertide liquidate`: orders, position, with-orders, collateral, to-backstop, resolve, show, watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of
from evertide_cli.way_down_events import told

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

    from evertide import Ladder, Market, User

app = group("The way down: liquidate accounts, move them to the backstop, resolve bankruptcies.")

USER = typer.Argument(help="Address (base58) of the trading account, as `liquidate watch` shows it.")
MARKET = typer.Argument(help="Symbol or index.")
SIZE = typer.Option("", "--size-max", help="Most to take, base units; default: all that is open to liquidation.")


async def _submit(session: Session, name: str, steps: list[Instruction], user: str, market: Market) -> None:
    """Send a step of the way down in a market and tell what it did."""
    await session.submit(name, steps, told=lambda done: told(done, market), user=user, market=symbol_of(market))


@app.command("orders")
def orders(context: typer.Context, user: str = USER) -> None:
    """Cancel risky orders below cancel margin; void all and begin a liquidation below maintenance; or end one."""

    async def body(session: Session) -> None:
        from evertide import instructions

        step = instructions.liquidate_orders(user=address(user, "USER"))
        await session.submit("liquidate_orders", [step], told=told, user=user)

    run(context, body, sign=True)


@app.command("position")
def position(context: typer.Context, user: str = USER, market: str = MARKET, size_max: str = SIZE) -> None:
    """Take over a position of an account in liquidation, at mark and for a fee, into one's own account."""

    async def body(session: Session) -> None:
        listed = await session.market(market)
        steps = await session.client.liquidate_position_instructions(
            listed.index,
            address(user, "USER"),
            liquidator=session.user_of(None),
            size_max=size_max or None,
            authority=session.me,
        )
        await _submit(session, "liquidate_position", steps, user, listed)

    run(context, body, sign=True)


@app.command("with-orders")
def with_orders(
    context: typer.Context,
    user: str = USER,
    market: str = MARKET,
    size_max: str = SIZE,
    maker: list[str] = typer.Option(
        [], "--maker", help="USER:ORDER_ID, best first; repeat for more. Default: the best orders of the book."
    ),
    keeper_user: str = typer.Option("", "--keeper-user", help="Account that earns the keeper's share; default: none."),
) -> None:
    """Close a position of an account in liquidation against resting orders. Anyone; needs no capital."""

    async def body(session: Session) -> None:
        from evertide import instructions, size_to_lots

        listed = await session.market(market)
        victim = address(user, "USER")
        lot = listed.terms.lot_size_e9
        makers = [_maker(text) for text in maker] or await _best_makers(session, listed, victim)
        step = instructions.liquidate_with_orders(
            keeper=session.me,
            market_index=listed.index,
            user=victim,
            makers=makers,
            size_max_lots=size_to_lots(size_max, lot_size_e9=lot) if size_max else instructions.NO_LIMIT,
            keeper_user=address(keeper_user, "--keeper-user") if keeper_user else None,
        )
        await _submit(session, "liquidate_with_orders", [step], user, listed)

    run(context, body, sign=True)


def _maker(text: str) -> tuple[Pubkey, int]:
    where, _, number = text.partition(":")
    if not (number.isascii() and number.isdigit()):
        raise UsageProblem(f"--maker must be USER:ORDER_ID, found {text!r}")
    return address(where, "--maker"), int(number)


async def _best_makers(session: Session, market: Market, victim: Pubkey) -> list[tuple[Pubkey, int]]:
    """The best resting orders on the side that closes the position. Raises CliError when there is none."""
    held = next((p for p in (await session.user(victim)).positions if p.market_plus_one == market.index + 1), None)
    if held is None or held.basis_lots == 0:
        raise UsageProblem(f"{victim} holds no position in {symbol_of(market)}", user=str(victim))
    side = "bid" if held.basis_lots > 0 else "ask"
    found = await session.client.best_orders(market.index, side)  # type: ignore[arg-type]
    makers = [(order.user, order.order_id) for order in found if order.user != victim]
    if not makers:
        raise UsageProblem(f"no {side} rests in {symbol_of(market)} to close against", market=symbol_of(market))
    return makers


@app.command("collateral")
def collateral(
    context: typer.Context,
    user: str = USER,
    asset: str = typer.Argument(help="SOL, a collateral index or a mint."),
    amount_max: str = typer.Option("", "--amount-max", help="Most to buy, whole tokens; default: what is needed."),
) -> None:
    """Buy collateral of an account in liquidation, or of one with an old debt, with one's own quote balance."""

    async def body(session: Session) -> None:
        listed = await session.collateral(asset)
        steps = await session.client.liquidate_collateral_instructions(
            listed.index,
            address(user, "USER"),
            liquidator=session.user_of(None),
            amount_max=amount_max or None,
            authority=session.me,
        )
        decimals = listed.decimals
        await session.submit(
            "liquidate_collateral", steps, told=lambda done: told(done, decimals=decimals), user=user, asset=asset
        )

    run(context, body, sign=True)


@app.command("to-backstop")
def to_backstop(context: typer.Context, user: str = USER, market: str = MARKET) -> None:
    """Move a position below backstop margin to its market's backstop; what does not fit is deleveraged. Anyone."""

    async def body(session: Session) -> None:
        from evertide import instructions

        listed = await session.market(market)
        step = instructions.liquidate_to_backstop(market_index=listed.index, user=address(user, "USER"))
        await _submit(session, "liquidate_to_backstop", [step], user, listed)

    run(context, body, sign=True)


@app.command("resolve")
def resolve(context: typer.Context, user: str = USER, market: str = MARKET) -> None:
    """Let one market bear its share of the deficit of an account below zero. Anyone."""

    async def body(session: Session) -> None:
        from evertide import instructions

        listed = await session.market(market)
        step = instructions.resolve_bankruptcy(market_index=listed.index, user=address(user, "USER"))
        await _submit(session, "resolve_bankruptcy", [step], user, listed)

    run(context, body, sign=True)


@app.command("show")
def show_account(context: typer.Context, user: str = USER) -> None:
    """Where an account stands on its way down, and what of its positions is open to liquidation now."""

    async def body(session: Session) -> None:
        from evertide import ladder, liquidation_view

        where = address(user, "USER")
        markets = await session.markets()
        account, cache, now_ms = await session.client.valued(where)
        head = ladder_row(ladder(account, cache, now_ms=now_ms), account, now_ms)
        held = [markets[item.market_plus_one - 1] for item in account.positions if item.market_plus_one]
        views = [(market, liquidation_view(account, cache, market, now_ms=now_ms)) for market in held]
        rows = [_open_row(market, view) for market, view in views if view is not None]
        if session.settings.as_json:
            show({"address": user, **head, "open_to_liquidation": rows}, as_json=True)
            return
        show(head, as_json=False, title=user)
        if rows:
            show(rows, as_json=False, title="open to liquidation now")

    run(context, body)


@app.command("watch")
def watch(
    context: typer.Context,
    limit: int = typer.Option(30, min=1, max=100_000, help="Most accounts to show, the worst first."),
    once: bool = typer.Option(False, "--once", help="Show once instead of every second."),
) -> None:
    """Live: accounts below each margin or in liquidation, what they miss, in which markets, since when."""

    async def body(session: Session) -> None:
        from evertide_cli.liquidation_watch import watch_liquidations

        await watch_liquidations(session, limit=limit, once=once)

    run(context, body)


def ladder_row(found: Ladder, user: User, now_ms: int) -> dict[str, Any]:
    """An account's ladder for people and programs."""
    from evertide import atoms_to_usdc

    since_ms = user.liquidation_start_ms
    amounts = ("equity", "cancel", "maintenance", "backstop", "auto_deleverage", "shortage")
    return {
        "rung": found.rung.value,
        **{f"{name}_usd": atoms_to_usdc(getattr(found, f"{name}_atoms")) for name in amounts},
        "in_liquidation": since_ms != 0,
        "since_s": (now_ms - since_ms) // 1000 if since_ms else None,
    }


def _open_row(market: Market, view: Any) -> dict[str, Any]:
    from evertide import atoms_to_usdc, lots_to_size, price_q32_to_decimal

    lot, fees = market.terms.lot_size_e9, view.fees()
    return {
        "market": symbol_of(market),
        "size": lots_to_size(view.size_lots, lot_size_e9=lot),
        "price": price_q32_to_decimal(view.price_q32, lot_size_e9=lot),
        "open_size": lots_to_size(view.open_lots, lot_size_e9=lot),
        "refused": view.refused,
        "liquidator_fee_bps": view.liquidator_fee_bps,
        "insurance_fee_bps": view.insurance_fee_bps,
        "liquidator_fee_usd": atoms_to_usdc(fees.liquidator_atoms),
        "insurance_fee_usd": atoms_to_usdc(fees.insurance_atoms),
    }
