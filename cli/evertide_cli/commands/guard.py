"""`evertide guard`: assert-health, assert-position, assert-sequence."""

from __future__ import annotations

import typer

from evertide_cli.app import group
from evertide_cli.errors import UsageProblem
from evertide_cli.session import Session, run, symbol_of

app = group("Checks that fail a transaction when they do not hold.")

OWNER = typer.Option(None, "--authority", help="Whose account (base58); default: the keypair's.")


@app.command("assert-health")
def assert_health(
    context: typer.Context,
    excess: str = typer.Option(
        "0", "--minimum-excess", help="Least equity above the requirement, USD; may be negative."
    ),
    maintenance: bool = typer.Option(False, "--maintenance", help="Maintenance instead of initial margin."),
    owner: str = OWNER,
) -> None:
    """Fail unless equity exceeds the requirement by so much."""

    async def body(session: Session) -> None:
        from evertide import instructions, usdc_to_atoms

        where = session.user_of(owner)
        atoms = usdc_to_atoms(excess, "--minimum-excess", signed=True)
        step = instructions.assert_health(user=where, minimum_excess_atoms=atoms, maintenance=maintenance)
        await session.submit("assert_health", [step], user=str(where), minimum_excess=excess, maintenance=maintenance)

    run(context, body, sign=True)


@app.command("assert-position")
def assert_position(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    least: str = typer.Option("", "--least", help="Least size, signed base units; default: none."),
    most: str = typer.Option("", "--most", help="Greatest size, signed base units; default: none."),
    owner: str = OWNER,
) -> None:
    """Fail unless the position in a market, folded, lies within bounds; none held is 0."""
    if not least and not most:
        raise UsageProblem("name --least, --most or both")

    async def body(session: Session) -> None:
        from evertide import instructions
        from evertide._client_money import lots_from

        where = session.user_of(owner)
        listed = await session.market(market)
        lot = listed.terms.lot_size_e9
        least_lots = lots_from(least, lot, "--least") if least else -(2**63)
        most_lots = lots_from(most, lot, "--most") if most else 2**63 - 1
        if least_lots > most_lots:
            raise UsageProblem(f"--least {least} is above --most {most}")
        step = instructions.assert_position(
            user=where, market_index=listed.index, least_lots=least_lots, most_lots=most_lots
        )
        await session.submit("assert_position", [step], user=str(where), market=symbol_of(listed))

    run(context, body, sign=True)


@app.command("assert-sequence")
def assert_sequence(
    context: typer.Context, sequence: int = typer.Argument(min=0, help="Expected next sequence."), owner: str = OWNER
) -> None:
    """Fail unless nothing happened to the account since this sequence number was read."""

    async def body(session: Session) -> None:
        from evertide import instructions

        where = session.user_of(owner)
        step = instructions.assert_sequence(user=where, sequence=sequence)
        await session.submit("assert_sequence", [step], user=str(where), sequence=sequence)

    run(context, body, sign=True)
