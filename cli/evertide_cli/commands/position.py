"""`evertide position`: list, settle, touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import show, table, watch
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market, Position

app = group("Positions: list, fold, settle.")

OWNER = typer.Option(None, "--authority", help="Whose positions (base58); default: the keypair's.")


@app.command("list")
def list_positions(
    context: typer.Context,
    owner: str = OWNER,
    live: bool = typer.Option(False, "--watch", help="Show again every second."),
) -> None:
    """Open positions with entry, mark and profit. Sizes are as of the last fold."""
    settings = settings_of(context)

    def read() -> list[dict[str, Any]]:
        return run(context, lambda session: _rows(session, owner))

    if live:
        watch(read, lambda rows: table(rows, "positions"), as_json=settings.as_json, every_ms=1000)
    else:
        show(read(), as_json=settings.as_json, title="positions")


async def _rows(session: Session, owner: str | None) -> list[dict[str, Any]]:
    user = await session.user(session.user_of(owner))
    markets = await session.markets()
    return [position_row(item, markets[item.market_plus_one - 1]) for item in user.positions if item.market_plus_one]


def position_row(position: Position, market: Market) -> dict[str, Any]:
    """One position for people and programs. Unrealised: size * mark - entry, rounded down."""
    from evertide import atoms_to_usdc, lots_to_size, price_q32_to_decimal

    size = position.basis_lots * market.a[position.basis_lots < 0] // position.a_snapshot if position.a_snapshot else 0
    if position.basis_lots < 0 and position.a_snapshot:
        size = -(-position.basis_lots * market.a[1] // position.a_snapshot)
    value = size * market.mark_price_q32 >> 32
    entry = abs(position.entry_atoms) * 10**9 // (abs(size) * market.terms.lot_size_e9) if size else 0
    return {
        "market": symbol_of(market),
        "size": lots_to_size(size, lot_size_e9=market.terms.lot_size_e9),
        "entry_price": atoms_to_usdc(entry),
        "mark_price": price_q32_to_decimal(market.mark_price_q32, lot_size_e9=market.terms.lot_size_e9),
        "unrealised_usd": atoms_to_usdc(value - position.entry_atoms) if size else atoms_to_usdc(0),
        "unsettled_cash_usd": atoms_to_usdc(position.cash_atoms),
        "funding_usd": atoms_to_usdc(position.funding_atoms),
        "open_orders": position.open_order_count,
    }


@app.command("settle")
def settle(context: typer.Context, market: str, owner: str = OWNER) -> None:
    """Settle one position's profit or loss against its market's pool. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import instructions

        listed = await session.market(market)
        step = instructions.settle_pnl(market_index=listed.index, user=session.user_of(owner))
        await session.submit("settle_pnl", [step], market=symbol_of(listed))

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
