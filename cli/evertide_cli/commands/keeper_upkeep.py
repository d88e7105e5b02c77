"""`evertide keeper`: funding, janitor, maker: single steps of keepers."""

from __future__ import annotations

import typer

from evertide_cli.session import run


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("funding")(funding)
    app.command("janitor")(janitor)
    app.command("maker")(maker)


def funding(context: typer.Context) -> None:
    """One step of the funding keeper: funding after a whole hour, interest on debt as due."""
    from evertide_cli.commands.keeper import shot

    run(context, lambda session: shot(session, "funding"), sign=True)


def janitor(
    context: typer.Context,
    minimum_fees: str = typer.Option("", "--minimum-fees", help="USDC of fees worth a collection."),
    minimum_reward: str = typer.Option("", "--minimum-reward", help="USDC of a reward worth its payment."),
    accounts_max: int = typer.Option(None, "--accounts-max", help="Most accounts whose dead orders are removed."),
) -> None:
    """One step of the janitor: dead orders, fees, rewards, the queue of withdrawals, what a timelock has released."""
    from evertide_cli.commands.keeper import chosen_settings, shot

    amounts = {"minimum_fees_atoms": minimum_fees, "minimum_reward_atoms": minimum_reward}
    settings = chosen_settings("janitor", {}, amounts, accounts_max=accounts_max)
    run(context, lambda session: shot(session, "janitor", settings), sign=True)


def maker(
    context: typer.Context,
    user: str = typer.Option(..., "--user", help="Account of the keypair that quotes; it is the keeper's alone."),
    quote_notional: str = typer.Option("", "--quote-notional", help="USDC of notional of one quote."),
    position_notional_max: str = typer.Option("", "--position-notional-max", help="USDC held in one market."),
    total_notional_max: str = typer.Option("", "--total-notional-max", help="USDC held in all markets."),
    levels: int = typer.Option(None, "--levels", help="Quotes of each side, at most 4."),
    spread_bps: int = typer.Option(None, "--spread-bps", help="Distance of the first quote from the centre."),
) -> None:
    """One step of the maker: quotes both sides of the index, answers auctions, cancels where the index is old."""
    from evertide_cli.commands.keeper import chosen_settings, shot

    amounts = {
        "quote_notional_atoms": quote_notional,
        "position_notional_max_atoms": position_notional_max,
        "total_notional_max_atoms": total_notional_max,
    }
    settings = chosen_settings("maker", {"maker_user": user}, amounts, levels=levels, spread_bps=spread_bps)
    run(context, lambda session: shot(session, "maker", settings), sign=True)
