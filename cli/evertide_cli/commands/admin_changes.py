"""`evertide admin`: changes of parameters under the timelock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import settings_of
from evertide_cli.commands.admin_roles import AS_ROLE, actor
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of
from evertide_cli.terms import read_terms

if TYPE_CHECKING:
    from evertide import ChangeTarget, ChangeView

NUMBER = typer.Argument(min=0, help="Number of the change; `admin changes` lists them.")
MARKET = typer.Option("", "--market", help="The market whose parameter it is.")
ASSET = typer.Option("", "--asset", help="The asset whose parameter it is; neither: the exchange's.")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for name, command in (
        ("parameters", parameters),
        ("changes", changes),
        ("propose-change", propose_change),
        ("cancel-change", cancel_change),
        ("execute-change", execute_change),
        ("apply-ramp", apply_ramp),
        ("propose-listing", propose_listing),
        ("advance-season", advance_season),
    ):
        app.command(name)(command)


def parameters(
    context: typer.Context,
    target: str = typer.Argument("", help="exchange, market or collateral; default: all."),
) -> None:
    """What can be changed, within which bounds, by whom, and how fast. No network is needed."""
    from evertide import PARAMETERS

    known = dict.fromkeys(entry.target for entry in PARAMETERS)
    if target and target not in known:
        raise UsageProblem(f"TARGET must be one of {', '.join(known)}, found {target!r}")
    rows = [
        {
            "target": entry.target,
            "name": entry.name,
            "kind": entry.kind,
            "minimum": None if entry.kind == "key" else entry.minimum,
            "maximum": None if entry.kind == "key" else entry.maximum,
            "raising_it": entry.rising,
            "lowering_it": entry.falling,
            "least_role": entry.role,
        }
        for entry in PARAMETERS
        if not target or entry.target == target
    ]
    show(rows, as_json=settings_of(context).as_json, title="parameters")


def changes(
    context: typer.Context, every: bool = typer.Option(False, "--all", help="Also those that are done with.")
) -> None:
    """Changes that wait or ramp, and until when."""

    async def body(session: Session) -> None:
        symbols = {market.index: symbol_of(market) for market in await session.markets()}
        rows = [row(view, symbols) for view in await session.client.changes() if every or is_open(view)]
        show(rows, as_json=session.settings.as_json, title="changes")

    run(context, body)


def is_open(view: ChangeView) -> bool:
    """Whether a change may still do something."""
    from evertide import ChangeStatus

    return view.status in (ChangeStatus.PENDING, ChangeStatus.RAMPING) and not view.lapsed


def row(view: ChangeView, symbols: dict[int, str]) -> dict[str, Any]:
    """One change for people and programs."""
    change = view.change
    return {
        "number": change.number,
        "of": target_name(view.target, symbols),
        "parameter": view.parameter.name,
        "old": change.old_value,
        "new": change.new_value,
        "effect": view.effect.name.lower(),
        "status": "lapsed" if view.lapsed else view.status.name.lower(),
        "executable_now": view.executable,
        "earliest_ms": change.earliest_ms,
        "expiry_ms": change.expiry_ms,
        "proposer": str(change.proposer),
    }


def target_name(target: ChangeTarget, symbols: dict[int, str]) -> str:
    """`BTC-PERP`, `asset 1` or `exchange`."""
    if target.market_index is not None:
        return symbols.get(target.market_index, f"market {target.market_index}")
    return "exchange" if target.collateral_index is None else f"asset {target.collateral_index}"


def propose_change(
    context: typer.Context,
    name: str = typer.Argument(help="Name of the parameter; `admin parameters` lists them."),
    value: str = typer.Argument(help="Whole number in the parameter's unit; an address or 64 hex digits for 32 bytes."),
    market: str = MARKET,
    asset: str = ASSET,
    role: str = AS_ROLE,
) -> None:
    """Propose another value of a parameter. What only stops new risk takes effect at once, all else waits 72 h."""
    if market and asset:
        raise UsageProblem("name --market or --asset, not both")

    async def body(session: Session) -> None:
        from evertide import ChangeClass, Role

        collateral = (await session.collateral(asset)).index if asset else None
        target = await session.client.change_target(market=market or None, collateral=collateral)
        signer = await actor(session, role, Role.RISK if market or asset else Role.ROOT)
        steps = await session.client.propose_change_instructions(name, value, target=target, signer=signer)

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            effect = ChangeClass(event.class_)
            waits = {} if effect == ChangeClass.INSTANT else {"executable_from_ms": event.earliest_ms}
            return {"number": event.number, "effect": effect.name.lower(), **waits}

        await session.submit("propose_change", steps, told=told, parameter=name, value=value)

    run(context, body, sign=True)


def cancel_change(context: typer.Context, number: int = NUMBER, role: str = AS_ROLE) -> None:
    """Cancel a change that waits, or stop a ramp where it is. The guardian, or its proposer."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        step = instructions.cancel_change(signer=await actor(session, role, Role.GUARDIAN), number=number)
        await session.submit("cancel_change", [step], number=number)

    run(context, body, sign=True)


def execute_change(context: typer.Context, number: int = NUMBER) -> None:
    """Let a due change take effect, or begin its ramp. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import ChangeStatus

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"status": ChangeStatus(event.status).name.lower(), "now": event.value}

        steps = await session.client.execute_change_instructions(number, signer=session.me)
        await session.submit("execute_change", steps, told=told, number=number)

    run(context, body, sign=True)


def apply_ramp(context: typer.Context, number: int = NUMBER) -> None:
    """Move a parameter along its ramp of 24 h to where it is now. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import ChangeStatus

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"status": ChangeStatus(event.status).name.lower(), "now": event.value}

        steps = await session.client.apply_ramp_instructions(number)
        await session.submit("apply_ramp", steps, told=told, number=number)

    run(context, body, sign=True)


def propose_listing(
    context: typer.Context,
    kind: str = typer.Argument(help="market or collateral."),
    terms: Path = typer.Option(..., "--terms", help="TOML file with just the terms that will be listed."),
    mint: str = typer.Option("", "--mint", help="Mint of the asset (base58)."),
    role: str = AS_ROLE,
) -> None:
    """Propose a listing: after 72 h `list-market` or `list-collateral` with just these terms takes it. Root."""
    if kind not in ("market", "collateral"):
        raise UsageProblem(f"KIND must be market or collateral, found {kind!r}")
    if (kind == "collateral") != bool(mint):
        raise UsageProblem("a listing of an asset names its --mint, one of a market none")
    chosen = read_terms(terms, "MarketTerms" if kind == "market" else "CollateralTerms")

    async def body(session: Session) -> None:
        from evertide import Role, instructions, listing_key

        key = listing_key(chosen, address(mint, "--mint") if mint else None)
        signer = await actor(session, role, Role.ROOT)
        steps = await session.client.propose_change_instructions(
            f"list_{kind}", key, target=instructions.EXCHANGE, signer=signer
        )

        def told(outcome: Any) -> dict[str, Any]:
            return {"number": outcome.events[-1].number, "listable_from_ms": outcome.events[-1].earliest_ms}

        await session.submit("propose_change", steps, told=told, listing=kind, key=key)

    run(context, body, sign=True)


def advance_season(context: typer.Context, market: str = MARKET, asset: str = ASSET) -> None:
    """Take a market or an asset that was listed after opening one step further, once a day. Anyone may."""
    if bool(market) == bool(asset):
        raise UsageProblem("name --market or --asset")

    async def body(session: Session) -> None:
        from evertide import instructions

        def told(outcome: Any) -> dict[str, Any]:
            return {"step": outcome.events[-1].step, "limit": outcome.events[-1].limit}

        collateral = (await session.collateral(asset)).index if asset else None
        target = await session.client.change_target(market=market or None, collateral=collateral)
        await session.submit(
            "advance_season", [instructions.advance_season(target=target)], told=told, of=market or asset
        )

    run(context, body, sign=True)
