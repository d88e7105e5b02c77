"""`evertide guard`: assert-health, assert-sequence."""

from __future__ import annotations

import typer

from evertide_cli.app import group
from evertide_cli.session import Session, run

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
