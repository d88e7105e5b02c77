"""`evertide builder`: list, register, retire, pay."""

from __future__ import annotations

from typing import Any

import typer

from evertide_cli.app import group
from evertide_cli.commands.admin_roles import AS_ROLE, actor
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of

app = group("Builder codes: register, retire, pay.")

ENTRY = typer.Argument(min=0, help="Entry of the builder table.")


@app.command("list")
def list_builders(context: typer.Context) -> None:
    """Builders, the codes that orders name, and what markets owe them."""

    async def body(session: Session) -> None:
        from evertide import atoms_to_usdc

        symbols = {market.index: symbol_of(market) for market in await session.markets()}
        rows = [
            {
                "entry": view.entry,
                "code": view.code,
                "status": "registered" if view.registered else "retired",
                "user": str(view.user),
                "owed_usdc": str(atoms_to_usdc(sum(view.owed_atoms.values()))),
                "unpaid_in": ", ".join(symbols[index] for index in sorted({*view.owed_atoms, *view.unpaid_markets})),
            }
            for view in await session.client.builders()
        ]
        show(rows, as_json=session.settings.as_json, title="builders")

    run(context, body)


@app.command("register")
def register(
    context: typer.Context,
    entry: int = ENTRY,
    user: str = typer.Argument(help="Trading account that is paid (base58)."),
    role: str = AS_ROLE,
) -> None:
    """Register a builder in a free entry, at once. Root. Instruction: `propose_change`."""

    check_entry(entry)

    async def body(session: Session) -> None:
        # What is not a trading account could never be paid.
        where = address(user, "USER")
        await session.user(where)
        await _propose(session, entry, where, role)

    run(context, body, sign=True)


@app.command("retire")
def retire(context: typer.Context, entry: int = ENTRY, role: str = AS_ROLE) -> None:
    """End a builder's fees at once; its entry is free when every market paid. Root. Instruction: `propose_change`."""

    check_entry(entry)

    async def body(session: Session) -> None:
        from solders.pubkey import Pubkey

        await _propose(session, entry, Pubkey.default(), role)

    run(context, body, sign=True)


def check_entry(entry: int) -> None:
    """Raises UsageProblem for an entry beyond the table."""
    from evertide import constants

    if entry >= constants.BUILDERS_MAX:
        raise UsageProblem(f"ENTRY must be below {constants.BUILDERS_MAX}, found {entry}")


async def _propose(session: Session, entry: int, user: Any, role: str) -> None:
    from evertide import Role, instructions

    signer = await actor(session, role, Role.ROOT)
    name = f"builders.{entry}"
    steps = await session.client.propose_change_instructions(name, user, target=instructions.EXCHANGE, signer=signer)
    about = {"entry": entry, "user": str(user)}
    outcome = await session.submit("propose_change", steps, **about)
    if outcome is not None and not session.settings.as_json:
        code = (await session.exchange()).builders[entry].code
        print(f"  orders name it by code {code}")


@app.command("pay")
def pay(
    context: typer.Context,
    entry: int = ENTRY,
    market: str = typer.Option("", "--market", help="One market only; default: every one that owes."),
    sign: bool = typer.Option(
        False, "--sign", help="As the builder's owner: of a market with a recorded deficit take the backed part."
    ),
) -> None:
    """Pay a builder what markets owe it. Anyone may."""
    check_entry(entry)

    async def body(session: Session) -> None:
        from evertide import market_address

        authority = session.me if sign else None
        steps = await session.client.pay_builder_instructions(entry, authority=authority)
        if market:
            wanted = market_address((await session.market(market)).index)
            steps = [step for step in steps if any(meta.pubkey == wanted for meta in step.accounts)]
            if not steps:
                raise UsageProblem(f"{market} owes the builder of entry {entry} nothing that it can pay now")
        for step in steps:
            await session.submit("pay_builder", [step], told=told, entry=entry)
        if not steps:
            show({"action": "pay_builder", "entry": entry, "paid_usdc": "0"}, as_json=session.settings.as_json)

    run(context, body, sign=True)


def told(outcome: Any) -> dict[str, Any]:
    """What a payment moved."""
    from evertide import atoms_to_usdc

    event = outcome.events[-1]
    rest = {
        "given_up_usdc": event.given_up_atoms,
        "to_fees_usdc": event.kept_atoms,
        "still_owed_usdc": event.owed_atoms,
    }
    return {
        "market_index": event.market_index,
        "recipient": str(event.recipient),
        "paid_usdc": str(atoms_to_usdc(event.paid_atoms)),
        **{name: str(atoms_to_usdc(atoms)) for name, atoms in rest.items() if atoms},
    }
