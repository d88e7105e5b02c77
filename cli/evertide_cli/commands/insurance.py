"""`evertide insurance`: show, stake, request-unstake, claim-unstake."""

from __future__ import annotations

from typing import Any

import typer

from evertide_cli.app import group
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run

app = group("The insurance fund: stake in it, and leave it.")


@app.command("show")
def show_fund(
    context: typer.Context,
    owner: str = typer.Option(None, "--authority", help="Whose stake (base58); default: the keypair's."),
) -> None:
    """The fund, and one's own stake in it."""

    async def body(session: Session) -> None:
        from evertide import atoms_to_usdc, stake_worth

        who = session.me if owner is None else address(owner, "--authority")
        fund, held = await session.client.insurance(), await session.client.stake(who)
        rows = {
            "balance_usd": atoms_to_usdc(fund.balance_atoms),
            "tranche_usd": atoms_to_usdc(fund.tranche_atoms),
            "staked_shares": fund.shares,
            "exchange_shares": fund.protocol_shares,
            "unstaking_shares": fund.unstaking_shares,
            "held_back_usd": atoms_to_usdc(fund.held_back_atoms),
            "held_back_until_ms": fund.held_back_until_ms,
            "paid_usd": atoms_to_usdc(fund.paid_atoms),
        }
        own: dict[str, Any] | None = None
        if held is not None:
            own = {
                "authority": str(who),
                "shares": held.shares,
                "worth_usd": atoms_to_usdc(stake_worth(fund, held.shares)),
                "requested_shares": held.requested_shares,
                "requested_usd": atoms_to_usdc(held.requested_atoms),
                "claimable_ms": held.claimable_ms,
            }
        if session.settings.as_json:
            show({"fund": rows, "stake": own}, as_json=True)
            return
        show(rows, as_json=False, title="insurance fund")
        show(own if own is not None else "no stake", as_json=False, title="stake")

    run(context, body)


@app.command("stake")
def stake(context: typer.Context, amount: str = typer.Argument(help="USD, 1 at least.")) -> None:
    """Put quote into the fund for shares of it: they bear its losses and gain what it collects."""

    async def body(session: Session) -> None:
        from evertide import associated_token_address, instructions, usdc_to_atoms

        me = session.me
        step = instructions.stake_insurance(
            authority=me,
            source_token=associated_token_address(me, (await session.exchange()).quote_mint),
            amount_atoms=usdc_to_atoms(amount),
        )

        def told(outcome: Any) -> dict[str, Any]:
            return {"shares": outcome.events[-1].shares, "stake_shares": outcome.events[-1].stake_shares}

        await session.submit("stake_insurance", [step], told=told, amount=amount)

    run(context, body, sign=True)


@app.command("request-unstake")
def request_unstake(
    context: typer.Context, shares: str = typer.Argument(help="Shares, `all`, or 0 to take a request back.")
) -> None:
    """Ask shares out of the fund: due after 13 days, claimable for 3. It stands in the place of an earlier request."""
    if shares != "all" and not (shares.isascii() and shares.isdigit()):
        raise UsageProblem(f"SHARES must be a whole number or `all`, found {shares!r}")

    async def body(session: Session) -> None:
        from evertide import AccountNotFound, instructions, stake_address

        me = session.me
        wanted = 0 if shares == "all" else int(shares)
        if shares == "all":
            held = await session.client.stake(me)
            if held is None:
                raise AccountNotFound("InsuranceStake", stake_address(me))
            wanted = held.shares

        def told(outcome: Any) -> dict[str, Any]:
            return {"claimable_ms": outcome.events[-1].claimable_ms}

        step = instructions.request_unstake(authority=me, shares=wanted)
        await session.submit("request_unstake", [step], told=told, shares=wanted)

    run(context, body, sign=True)


@app.command("claim-unstake")
def claim_unstake(context: typer.Context) -> None:
    """Take a due request out, as far as open bankruptcies leave it; to one's own token account."""

    async def body(session: Session) -> None:
        from spl.token.instructions import create_idempotent_associated_token_account

        from evertide import associated_token_address, atoms_to_usdc, instructions

        me, mint = session.me, (await session.exchange()).quote_mint
        token_account = create_idempotent_associated_token_account(me, me, mint)
        step = instructions.claim_unstake(authority=me, destination_token=associated_token_address(me, mint))

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"paid_usd": atoms_to_usdc(event.paid_atoms), "requested_shares_left": event.requested_shares}

        await session.submit("claim_unstake", [token_account, step], told=told)

    run(context, body, sign=True)
