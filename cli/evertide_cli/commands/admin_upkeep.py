"""`evertide admin`: settle-market, check-invariants, extend-account. Anyone may."""

from __future__ import annotations

from typing import Any

import typer

from evertide_cli.session import Session, address, run, symbol_of

MARKET = typer.Argument(help="Symbol or index.")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("settle-market")(settle_market)
    app.command("check-invariants")(check_invariants)
    app.command("extend-account")(extend_account)


def settle_market(context: typer.Context, market: str = MARKET) -> None:
    """Close every position of a settling market at its 1 h average; once all are folded, close the market. Anyone."""

    async def body(session: Session) -> None:
        from evertide import MarketStatus, instructions

        listed = await session.market(market)

        def told(outcome: Any) -> dict[str, Any]:
            return {"status": MarketStatus(outcome.events[-1].status).name.lower()}

        step = instructions.settle_market(market_index=listed.index)
        await session.submit("settle_market", [step], told=told, market=symbol_of(listed))

    run(context, body, sign=True)


def check_invariants(
    context: typer.Context,
    market: str = MARKET,
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
    keeper_user: str = typer.Option("", "--keeper-user", help="Account of the keypair that earns the bounty."),
) -> None:
    """Compare the totals of a market, an asset and the insurance fund; where they differ the market is reduce-only."""

    async def body(session: Session) -> None:
        from evertide import instructions

        listed, collateral = await session.market(market), await session.collateral(asset)
        step = instructions.check_invariants(
            keeper=session.me,
            market_index=listed.index,
            collateral_index=collateral.index,
            keeper_user=address(keeper_user, "--keeper-user") if keeper_user else None,
        )

        def told(outcome: Any) -> dict[str, Any]:
            return {"holds": not outcome.events}

        await session.submit("check_invariants", [step], told=told, market=symbol_of(listed), asset=asset)

    run(context, body, sign=True)


def extend_account(
    context: typer.Context, account: str = typer.Argument(help="Any account of the program (base58).")
) -> None:
    """Grow an account of an older layout to the present one. Anyone pays."""
    where = address(account, "ACCOUNT")

    async def body(session: Session) -> None:
        from evertide import instructions

        step = instructions.extend_account(payer=session.me, account=where)
        await session.submit("extend_account", [step], account=account)

    run(context, body, sign=True)
