"""`evertide position`: list, settle, touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import show, table, watch
from evertide_cli.session import Session, run, symbol_of
from evertide_cli.way_down_events import told

if TYPE_CHECKING:
    from evertide import Market, Position, PositionView

app = group("Positions: list, fold, settle.")

TAKE = typer.Option(
    False,
    "--take-backed-part",
    help="One's own account only: while the market has a recorded deficit, take the part of a profit that its pool "
    "backs and give up the rest.",
)
OWNER = typer.Option(None, "--authority", help="Whose positions (base58); default: the keypair's.")


@app.command("list")
def list_positions(
    context: typer.Context,
    owner: str = OWNER,
    live: bool = typer.Option(False, "--watch", help="Show again every second."),
) -> None:
    """Open positions, folded to now: entry, mark, profit, liquidation price and how far the mark is from it."""
    settings = settings_of(context)

    def read() -> list[dict[str, Any]]:
        return run(context, lambda session: _rows(session, owner))

    if live:
        watch(read, lambda rows: table(rows, "positions"), as_json=settings.as_json, every_ms=1000)
    else:
        show(read(), as_json=settings.as_json, title="positions")


async def _rows(session: Session, owner: str | None) -> list[dict[str, Any]]:
    from evertide import position_views

    markets = await session.markets()
    user, cache, now_ms = await session.client.valued(session.user_of(owner))
    stored = {item.market_plus_one - 1: item for item in user.positions if item.market_plus_one}
    views = position_views(user, cache, now_ms=now_ms)
    return [position_row(view, stored[view.market_index], markets[view.market_index]) for view in views]


def position_row(view: PositionView, position: Position, market: Market) -> dict[str, Any]:
    """One position for people and programs. Unrealised: size * mark - entry, rounded down."""
    from evertide import atoms_to_usdc, bps_to_ratio, price_q32_to_decimal

    lot = market.terms.lot_size_e9
    edge, distance = view.liquidation_price_q32, view.liquidation_distance_bps
    return {
        "market": symbol_of(market),
        "size": view.size(lot_size_e9=lot),
        "entry_price": view.entry_price(lot_size_e9=lot) or atoms_to_usdc(0),
        "mark_price": price_q32_to_decimal(view.mark_price_q32, lot_size_e9=lot),
        "unrealised_usd": atoms_to_usdc(view.unrealised_atoms),
        "liquidation_price": None if edge is None else price_q32_to_decimal(edge, lot_size_e9=lot),
        "distance_percent": None if distance is None else bps_to_ratio(distance) * 100,
        "distance_bps": distance,
        "unsettled_cash_usd": atoms_to_usdc(view.cash_atoms),
        "funding_usd": atoms_to_usdc(position.funding_atoms),
        "open_orders": position.open_order_count,
    }


@app.command("settle")
def settle(context: typer.Context, market: str, owner: str = OWNER, take_backed_part: bool = TAKE) -> None:
    """Settle one position's profit or loss against its market's pool. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import instructions
        from evertide._deficit import require_backed

        listed = await session.market(market)
        asking = session.me if take_backed_part else None
        if take_backed_part:
            require_backed(listed)
        step = instructions.settle_pnl(market_index=listed.index, user=session.user_of(owner), authority=asking)
        await session.submit("settle_pnl", [step], told=told, market=symbol_of(listed))

    run(context, body, sign=True)


@app.command("touch")
def touch(context: typer.Context, market: str, owner: str = OWNER) -> None:
    """Fold one position against its market's indices. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import instructions

        listed = await session.market(market)
        step = instructions.touch_position(market_index=listed.index, user=session.user_of(owner))
        await session.submit("touch_position", [step], market=symbol_of(listed))

    run(context, body, sign=True)
