"""`evertide admin`: roles, gates, pauses, statuses and successors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of

if TYPE_CHECKING:
    from evertide import Exchange, Gate, Role

ROLE = typer.Argument(help="root, risk, guardian or treasury.")
GATE = typer.Argument(help="create-user, place-orders, match-orders or open-lane.")
AS_ROLE = typer.Option("", "--role", help="Role to act in with --export-unsigned; default: the first that may.")


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for name, command in (
        ("roles", roles),
        ("set-market-status", set_market_status),
        ("gate-disable", gate_disable),
        ("gate-enable", gate_enable),
        ("pause", pause),
        ("lift-pause", lift_pause),
        ("name-successor", name_successor),
        ("claim-role", claim_role),
    ):
        app.command(name)(command)


def role_of(name: str, option: str = "ROLE") -> Role:
    """A role by its name. Raises UsageProblem."""
    from evertide import Role

    names = {role.name.lower(): role for role in Role}
    if name not in names:
        raise UsageProblem(f"{option} must be one of {', '.join(names)}, found {name!r}")
    return names[name]


def gate_of(name: str) -> Gate:
    """A gate by its name. Raises UsageProblem."""
    from evertide import Gate

    names = {gate.name.lower().replace("_", "-"): gate for gate in Gate}
    if name not in names:
        raise UsageProblem(f"GATE must be one of {', '.join(names)}, found {name!r}")
    return names[name]


def roles(context: typer.Context) -> None:
    """Who holds each role, who may claim it when, which gates are closed, and the pause."""

    async def body(session: Session) -> None:
        exchange = await session.exchange()
        view = safety(exchange, await session.client.chain_time_ms())
        if session.settings.as_json:
            show(view, as_json=True)
            return
        show(view["roles"], as_json=False, title="roles")
        show(view["gates"], as_json=False, title="gates (they stop new risk only)")
        show(view["pause"], as_json=False, title="pause")

    run(context, body)


def safety(exchange: Exchange, now_ms: int) -> dict[str, Any]:
    """Roles, gates and pause as rows."""
    from evertide import gate_views, pause_view, role_views

    paused = pause_view(exchange, now_ms=now_ms)
    return {
        "now_ms": now_ms,
        "roles": [
            {
                "role": entry.role.name.lower(),
                "holder": str(entry.holder),
                "successor": None if entry.successor is None else str(entry.successor),
                "claimable_from_ms": entry.claimable_ms,
                "claimable_until_ms": entry.claimable_until_ms,
            }
            for entry in role_views(exchange)
        ],
        "gates": [
            {
                "gate": entry.gate.name.lower().replace("_", "-"),
                "closed": entry.closed,
                "can_open_from_ms": entry.opens_ms,
                "can_open_until_ms": entry.opens_until_ms,
            }
            for entry in gate_views(exchange)
        ],
        "pause": {
            "running": paused.running,
            "end_ms": paused.end_ms,
            "by": None if paused.by is None else str(paused.by),
            "next_from_ms": paused.next_from_ms,
        },
    }


async def actor(session: Session, role: str, default: Role) -> Any:
    """Who signs: the keypair, or for an export the holder of the role named or of the default one."""
    if role and not session.exporting:
        raise UsageProblem("--role needs --export-unsigned: otherwise the keypair acts, in whatever role it holds")
    return await session.holder(role_of(role, "--role") if role else default)


def set_market_status(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    status: str = typer.Argument("reduce-only", help="Only reduce-only is instant; others go through propose-change."),
    role: str = AS_ROLE,
) -> None:
    """Make a market reduce-only at once. Root, risk or guardian."""
    if status != "reduce-only":
        raise UsageProblem(f"only reduce-only is instant, found {status!r}: every other status waits in a change")

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        listed = await session.market(market)
        step = instructions.set_market_status(signer=await actor(session, role, Role.RISK), market_index=listed.index)
        await session.submit("set_market_status", [step], market=symbol_of(listed), status=status)

    run(context, body, sign=True)


def gate_disable(context: typer.Context, gate: str = GATE, role: str = AS_ROLE) -> None:
    """Close a gate at once, and take back a request to open it. Root, risk or guardian."""
    chosen = gate_of(gate)

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        step = instructions.gate_disable(signer=await actor(session, role, Role.RISK), gate=chosen)
        await session.submit("gate_disable", [step], gate=gate)

    run(context, body, sign=True)


def gate_enable(context: typer.Context, gate: str = GATE, role: str = AS_ROLE) -> None:
    """Ask for a closed gate to open (root or risk); 72 h later and within 7 days, open it (anyone)."""
    chosen = gate_of(gate)

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        def told(outcome: Any) -> dict[str, Any]:
            event = next(entry for entry in outcome.events if type(entry).__name__ == "GateEnabled")
            return {"open": event.open_ms == 0, "can_open_from_ms": event.open_ms or None}

        step = instructions.gate_enable(signer=await actor(session, role, Role.RISK), gate=chosen)
        await session.submit("gate_enable", [step], told=told, gate=gate)

    run(context, body, sign=True)


def pause(context: typer.Context, role: str = AS_ROLE) -> None:
    """Stop new risk for 30 min, at most three times in any 24 h. Root, risk or guardian."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        step = instructions.pause(signer=await actor(session, role, Role.GUARDIAN))
        await session.submit("pause", [step], told=lambda outcome: {"end_ms": outcome.events[0].end_ms})

    run(context, body, sign=True)


def lift_pause(context: typer.Context, role: str = AS_ROLE) -> None:
    """End a pause: the guardian at any time, anyone after its 30 min."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        step = instructions.lift_pause(signer=await actor(session, role, Role.GUARDIAN))
        await session.submit("lift_pause", [step])

    run(context, body, sign=True)


def name_successor(
    context: typer.Context,
    role: str = ROLE,
    successor: str = typer.Argument("", help="Who may claim it (base58); none with --withdraw."),
    withdraw: bool = typer.Option(False, "--withdraw", help="Withdraw the one named before."),
    acting: str = AS_ROLE,
) -> None:
    """Name who may claim a role after 72 h: root. The guardian may withdraw any but its own successor."""
    chosen = role_of(role)
    if withdraw == bool(successor):
        raise UsageProblem("name a successor, or --withdraw")
    who = None if withdraw else address(successor, "SUCCESSOR")

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        signer = await actor(session, acting, Role.ROOT)
        step = instructions.name_successor(signer=signer, role=chosen, successor=who)
        told = {"role": role, "successor": successor or None}
        await session.submit("name_successor", [step], **told)

    run(context, body, sign=True)


def claim_role(context: typer.Context, role: str = ROLE) -> None:
    """Take a role as its named successor, from 72 h after the naming and for 7 days."""
    chosen = role_of(role)

    async def body(session: Session) -> None:
        from evertide import instructions

        signer = session.me
        if session.exporting and session.settings.acting_as is None:
            exchange = await session.exchange()
            if not exchange.successor_ms[chosen]:
                raise UsageProblem(f"no successor is named for {role}")
            signer = exchange.successors[chosen]
        step = instructions.claim_role(signer=signer, role=chosen)
        await session.submit("claim_role", [step], role=role)

    run(context, body, sign=True)
