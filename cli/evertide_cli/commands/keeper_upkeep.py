"""`evertide keeper`: funding, janitor: single steps of the keepers that keep the exchange in order."""

from __future__ import annotations

import typer

from evertide_cli.session import run


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("funding")(funding)
    app.command("janitor")(janitor)


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
