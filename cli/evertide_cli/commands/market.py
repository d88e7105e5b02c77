"""`evertide market`: list, show, book, funding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import show, table, watch
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market

app = group("Markets: prices, book, funding.")


def price(value_q32: int, market: Market) -> Any:
    """USD per base unit, or None when there is no price."""
    from evertide import price_q32_to_decimal

    return price_q32_to_decimal(value_q32, lot_size_e9=market.terms.lot_size_e9) if value_q32 else None


def market_row(market: Market) -> dict[str, Any]:
    """One market for people and programs."""
    from evertide import MarketStatus, atoms_to_usdc, lots_to_size

    lot = market.terms.lot_size_e9
    return {
        "index": market.index,
        "symbol": symbol_of(market),
        "status": MarketStatus(market.status).name.lower(),
        "index_price": price(market.index_price_q32, market),
        "mark_price": price(market.mark_price_q32, market),
        "funding_rate_e9_per_hour": market.funding_rate_e9,
        "open_interest": lots_to_size(market.open_interest_lots[0], lot_size_e9=lot),
        "volume_usd": atoms_to_usdc(market.volume_atoms),
        "fills": market.fill_count,
    }


@app.command("list")
def list_markets(
    context: typer.Context, live: bool = typer.Option(False, "--watch", help="Show again every second.")
) -> None:
    """All listed markets."""
    settings = settings_of(context)

    async def body(session: Session) -> list[dict[str, Any]]:
        return [market_row(market) for market in await session.markets()]

    if live:
        watch(lambda: run(context, body), lambda rows: table(rows, "markets"), as_json=settings.as_json, every_ms=1000)
    else:
        show(run(context, body), as_json=settings.as_json, title="markets")


@app.command("show")
def show_market(context: typer.Context, market: str) -> None:
    """One market, with the program's own view of prices, funding and open interest."""

    async def body(session: Session) -> None:
        listed = await session.market(market)
        view = await session.client.view_market(listed.index)
        if session.settings.as_json:
            show({"market": listed, "view": view}, as_json=True)
            return
        from evertide import atoms_to_usdc, ticks_to_price

        tick = listed.terms.tick_size_atoms
        bid, ask = listed.evidence
        rows = {
            **market_row(listed),
            "best_bid_shown": ticks_to_price(bid.price_ticks, tick_size_atoms=tick) if bid.order_id else None,
            "best_ask_shown": ticks_to_price(ask.price_ticks, tick_size_atoms=tick) if ask.order_id else None,
            "next_funding_rate_e9": view.next_funding_rate_e9,
            "change_24h_bps": view.change_24h_bps,
            "pool_usd": atoms_to_usdc(listed.pool_atoms),
            "pending_fees_usd": atoms_to_usdc(listed.pending_fees_atoms),
            "deficit_usd": atoms_to_usdc(listed.deficit_atoms),
            "bankruptcies_open": listed.bankruptcies_open,
            "oracle_validity_bits": listed.validity,
            "sequence": listed.sequence,
        }
        show(rows, as_json=False, title=symbol_of(listed))

    run(context, body)


@app.command("book")
def book(
    context: typer.Context,
    market: str,
    depth: int = typer.Option(10, min=1, max=200, help="Levels a side."),
    live: bool = typer.Option(False, "--watch", help="Show again every second."),
) -> None:
    """Resting orders by price level, from every trader's orders account."""
    settings = settings_of(context)

    def read() -> dict[str, Any]:
        return run(context, lambda session: _book(session, market, depth))

    if live:
        watch(read, draw_book, as_json=settings.as_json, every_ms=1000)
    elif settings.as_json:
        show(read(), as_json=True)
    else:
        from evertide_cli.output import console

        console().print(draw_book(read()))


async def _book(session: Session, name: str, depth: int) -> dict[str, Any]:
    """Levels of both sides, best first: price, size, number of orders."""
    from evertide import lots_to_size, ticks_to_price

    market = await session.market(name)
    live = await session.client.book(market.index)
    tick, lot = market.terms.tick_size_atoms, market.terms.lot_size_e9

    def rows(levels: Any) -> list[dict[str, Any]]:
        return [
            {
                "price": ticks_to_price(level.price_ticks, tick_size_atoms=tick),
                "size": lots_to_size(level.size_lots, lot_size_e9=lot),
                "orders": level.order_count,
            }
            for level in levels[:depth]
        ]

    return {
        "market": symbol_of(market),
        "index_price": price(market.index_price_q32, market),
        "mark_price": price(market.mark_price_q32, market),
        "bids": rows(live.bids),
        "asks": rows(live.asks),
    }


def draw_book(view: dict[str, Any]) -> Any:
    """Asks above bids, the way people read a book."""
    lines = [{"side": "ask", **row} for row in reversed(view["asks"])] + [
        {"side": "bid", **row} for row in view["bids"]
    ]
    title = f"{view['market']}  index {view['index_price']}  mark {view['mark_price']}"
    return table(lines, title, columns=("side", "price", "size", "orders"))


@app.command("funding")
def funding(context: typer.Context, market: str = typer.Argument("", help="One market; default: all.")) -> None:
    """Funding rate in force, running premium, and what a long paid in all, market by market."""

    async def body(session: Session) -> None:
        from evertide import e9_to_ratio

        listed = [await session.market(market)] if market else await session.markets()
        rows = [
            {
                "market": symbol_of(item),
                "rate_percent_per_hour": e9_to_ratio(item.funding_rate_e9) * 100,
                "premium_percent": e9_to_ratio(item.premium_e9) * 100,
                "hour_start_ms": item.funding_hour_ms,
                "accrued_ms": item.accrued_ms,
                "dust_atoms": item.dust_atoms,
            }
            for item in listed
        ]
        show(rows, as_json=session.settings.as_json, title="funding")

    run(context, body)
