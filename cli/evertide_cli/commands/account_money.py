"""`evertide account`: set-delegate, transfer, request-withdraw, claim-withdraw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.errors import CliError, UsageProblem
from evertide_cli.session import Session, address, run

if TYPE_CHECKING:
    from evertide import User

PERMISSIONS = ("place", "cancel", "liquidate", "transfer")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("set-delegate")(set_delegate)
    app.command("transfer")(transfer)
    app.command("request-withdraw")(request_withdraw)
    app.command("claim-withdraw")(claim_withdraw)


def set_delegate(
    context: typer.Context,
    delegate: str = typer.Argument("", help="Who may act (base58); none with --remove."),
    allow: list[str] = typer.Option(
        ["place", "cancel"], "--allow", help="place, cancel, liquidate (earns keepers' rewards too), transfer."
    ),
    expires_in_s: int = typer.Option(0, "--expires-in-s", min=0, help="Seconds of chain time; 0: until it is removed."),
    remove: bool = typer.Option(False, "--remove", help="Take the present delegate away."),
) -> None:
    """Let another key act for the account of --sub-id. A delegate never withdraws."""
    if remove == bool(delegate):
        raise UsageProblem("name a delegate, or --remove")
    unknown = [name for name in allow if name not in PERMISSIONS]
    if unknown:
        raise UsageProblem(f"--allow must be of {', '.join(PERMISSIONS)}, found {unknown[0]!r}")

    async def body(session: Session) -> None:
        from evertide import Permission, instructions

        bits = Permission(0)
        for name in allow:
            bits |= Permission[name.upper()]
        expiry_ms = await session.client.chain_time_ms() + expires_in_s * 1_000 if expires_in_s else 0
        step = instructions.set_delegate(
            authority=session.me,
            user=session.user_of(None),
            delegate=None if remove else address(delegate, "DELEGATE"),
            permissions=0 if remove else int(bits),
            expiry_ms=0 if remove else expiry_ms,
        )
        told = {"delegate": None} if remove else {"delegate": delegate, "allowed": allow, "expiry_ms": expiry_ms}
        await session.submit("set_delegate", [step], **told)

    run(context, body, sign=True)


def transfer(
    context: typer.Context,
    amount: str = typer.Argument(help="Decimal amount in whole tokens."),
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
    to_sub_id: int = typer.Option(..., "--to-sub-id", min=0, max=65_535, help="Account that receives."),
    owner: str = typer.Option(None, "--authority", help="Whose accounts, as their delegate; default: the keypair's."),
) -> None:
    """Move a balance from the account of --sub-id to another of the same authority."""

    async def body(session: Session) -> None:
        import evertide

        if to_sub_id == session.settings.sub_id:
            raise UsageProblem(f"--to-sub-id {to_sub_id} is the account that pays")
        authority = session.me if owner is None else address(owner, "--authority")
        collateral = await session.collateral(asset)
        steps = await session.client.transfer_instructions(
            amount,
            source=session.user_of(owner),
            destination=evertide.user_address(authority, to_sub_id),
            collateral=collateral.index,
            signer=session.me,
        )
        await session.submit("transfer", steps, amount=amount, asset=asset, to_sub_id=to_sub_id)

    run(context, body, sign=True)


def request_withdraw(
    context: typer.Context,
    amount: str = typer.Argument(help="Decimal amount in whole tokens."),
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
) -> None:
    """Queue a withdrawal that the asset's floor holds back: it leaves the balance now and is paid in order."""

    async def body(session: Session) -> None:
        collateral = await session.collateral(asset)
        steps = await session.client.request_withdraw_instructions(
            amount, user=session.user_of(None), collateral=collateral.index, authority=session.me
        )

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"ticket": event.ticket, "queued_atoms": event.queued_atoms}

        await session.submit("request_withdraw", steps, told=told, amount=amount, asset=asset)

    run(context, body, sign=True)


def claim_withdraw(
    context: typer.Context,
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
    owner: str = typer.Option(None, "--authority", help="Whose request; default: whosever is first in the queue."),
) -> None:
    """Pay the first request of an asset's queue as far as the floor allows, to its owner. Anyone may."""

    async def body(session: Session) -> None:
        from spl.token.instructions import create_idempotent_associated_token_account

        collateral = await session.collateral(asset)
        where = session.user_of(owner) if owner is not None else await session.client.first_in_queue(collateral.index)
        if where is None:
            raise CliError(f"nobody waits in the queue of asset {collateral.index}")
        user = await session.user(where)
        token_account = create_idempotent_associated_token_account(session.me, user.authority, collateral.mint)
        step = await session.client.claim_withdraw_instruction(where)

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"paid_atoms": event.amount_atoms, "left_atoms": event.left_atoms}

        await session.submit("claim_withdraw", [token_account, step], told=told, user=str(where), asset=asset)

    run(context, body, sign=True)


def delegate_rows(user: User) -> dict[str, Any]:
    """Who may act for an account, and how; nothing without a delegate."""
    from solders.pubkey import Pubkey

    from evertide import Permission

    if user.delegate == Pubkey.default():
        return {}
    allowed = [bit.name.lower() for bit in Permission if user.delegate_permissions & bit and bit.name]
    return {
        "delegate": str(user.delegate),
        "delegate_may": ", ".join(allowed),
        "delegate_expiry_ms": user.delegate_expiry_ms,
    }
