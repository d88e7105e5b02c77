"""`evertide order`: orders signed off chain: sign, verify, submit, cancel-nonce."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.errors import CliError, UsageProblem
from evertide_cli.order_kinds import BUILDER, BUILDER_FEE
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of, write_new

if TYPE_CHECKING:
    from evertide import Market, SignedOrder, SignedTerms

FILE_BYTES_MAX = 4_096


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("sign")(sign)
    app.command("verify")(verify)
    app.command("submit")(submit)
    app.command("cancel-nonce")(cancel_nonce)


def sign(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    side: str = typer.Argument(help="buy or sell."),
    size: str = typer.Argument(help="Size in base units, a multiple of the lot."),
    price: str = typer.Option(..., "--price", help="Limit, or with --market-order the worst price, in USD."),
    market_order: bool = typer.Option(False, "--market-order", help="A market order down to --price."),
    window_s: int = typer.Option(60, "--window-s", min=1, max=300, help="Seconds in which it can be placed."),
    lives_s: int = typer.Option(0, "--lives-s", min=0, help="Seconds after signing at which it dies; 0: never."),
    taker_phase_s: int = typer.Option(-1, "--taker-phase-s", min=-1, max=60, help="Default 12, post-only 0."),
    auction_start: str = typer.Option("", "--auction-start", help="Price in USD at which the taker phase starts."),
    time_in_force: str = typer.Option("gtc", "--time-in-force", "--tif", help="gtc, ioc, fok, post-only."),
    reduce_only: bool = typer.Option(False, "--reduce-only", help="May only reduce the position."),
    builder: int = BUILDER,
    builder_fee_tenth_bps: int = BUILDER_FEE,
    nonce_ms: int = typer.Option(0, "--nonce-ms", min=0, help="Nonce, unix ms; default: drawn from the chain's time."),
    owner: str = typer.Option(None, "--authority", help="Whose account, as its delegate; default: the keypair's."),
    file: Path = typer.Option(None, "--out", help="Write it there instead; never overwrites."),
) -> None:
    """Sign an order with the keypair for anybody to place; nothing is sent. One line of JSON."""
    from evertide_cli.order_kinds import TIMES_IN_FORCE, check_builder, choice, sells

    check_builder(builder, builder_fee_tenth_bps)
    ask, force = sells(side), choice(time_in_force, TIMES_IN_FORCE, "--time-in-force")

    async def body(session: Session) -> None:
        import dataclasses
        import secrets

        from evertide import NewOrder, OrderKind, TimeInForce, signed_terms

        listed = await session.market(market)
        nonce = nonce_ms or await session.client.chain_time_ms() + secrets.randbelow(1_000)
        order = NewOrder(
            market=listed.index,
            side="ask" if ask else "bid",
            size=size,
            price=price,
            time_in_force=None if time_in_force == "gtc" else TimeInForce[force],
            reduce_only=reduce_only,
            client_order_id=0,
            taker_phase_s=None if taker_phase_s < 0 else taker_phase_s,
            expiry_ms=nonce + lives_s * 1_000 if lives_s else 0,
            auction_start=auction_start or None,
            builder_plus_one=builder,
            builder_fee_tenth_bps=builder_fee_tenth_bps,
        )
        terms = signed_terms(order, listed, window_s=window_s, nonce_ms=nonce)
        if market_order:
            if force not in ("IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"):
                terms = dataclasses.replace(terms, time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL))
            terms = dataclasses.replace(terms, kind=int(OrderKind.MARKET))
        signed = await session.client.sign_order(session.user_of(owner), terms, signer=session.keypair)
        if file is not None:
            write_new(file, signed.to_json() + "\n")
            show(described(signed, signed.terms, listed) | {"file": str(file)}, as_json=session.settings.as_json)
        else:
            print(signed.to_json())

    run(context, body, sign=True)


def read_orders(files: list[str]) -> list[SignedOrder]:
    """Signed orders, one a line, of files or of standard input (`-`). Raises UsageProblem or `SignedOrderInvalid`."""
    from evertide import SignedOrder

    lines: list[str] = []
    for name in files:
        try:
            text = sys.stdin.read(FILE_BYTES_MAX) if name == "-" else Path(name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
        lines += [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageProblem("no signed order is there")
    return [SignedOrder.from_json(line) for line in lines]


def verify(
    context: typer.Context, files: list[str] = typer.Argument(help="Files with signed orders, one a line; - for stdin.")
) -> None:
    """Check signature, cluster, program, account and time of signed orders and say what they are. Code 1 if not."""
    orders = read_orders(files)

    async def body(session: Session) -> None:
        from evertide import SignedOrderInvalid

        rows = []
        for signed in orders:
            try:
                terms = await session.client.verify_order(signed)
            except SignedOrderInvalid as error:
                raise CliError(str(error), rule=error.rule) from None
            rows.append(described(signed, terms, await session.market(str(terms.market_index))))
        show(rows, as_json=session.settings.as_json, title="signed orders")

    run(context, body)


def described(signed: SignedOrder, terms: SignedTerms, market: Market) -> dict[str, Any]:
    """A signed order in people's units."""
    from evertide import OrderKind, TimeInForce, lots_to_size, ticks_to_price

    tick = market.terms.tick_size_atoms
    return {
        "market": symbol_of(market),
        "side": "sell" if terms.ask else "buy",
        "kind": OrderKind(terms.kind).name.lower(),
        "size": lots_to_size(terms.size_lots, lot_size_e9=market.terms.lot_size_e9),
        "price": ticks_to_price(terms.price_ticks, tick_size_atoms=tick),
        "time_in_force": TimeInForce(terms.time_in_force).name.lower(),
        "reduce_only": terms.reduce_only,
        "nonce_ms": terms.nonce_ms,
        "placeable_until_ms": terms.nonce_ms + terms.window_s * 1_000,
        "user": str(signed.user),
        "signer": str(signed.signer),
    }


def submit(
    context: typer.Context, files: list[str] = typer.Argument(help="Files with signed orders, one a line; - for stdin.")
) -> None:
    """Place 1 to 4 orders that others signed, in one transaction. The keypair pays the fee and nothing else."""
    orders = read_orders(files)

    async def body(session: Session) -> None:
        def told(outcome: Any) -> dict[str, Any]:
            return {"order_ids": [placed.order.order_id for placed in outcome.events[-1].placements]}

        for signed in orders:
            await session.client.verify_order(signed)
        steps = await session.client.place_signed_orders_instructions(orders, keeper=session.me)
        await session.submit("place_signed_orders", steps, told=told, orders=len(orders))

    run(context, body, sign=True)


def cancel_nonce(
    context: typer.Context,
    nonce_ms: int = typer.Argument(min=1, help="Nonce of the signed order, unix ms."),
    owner: str = typer.Option(None, "--authority", help="Whose account, as its delegate; default: the keypair's."),
) -> None:
    """Use a nonce up, so that the order signed with it can never be placed."""

    async def body(session: Session) -> None:
        from evertide import instructions

        if owner is not None:
            address(owner, "--authority")
        step = instructions.cancel_nonce(signer=session.me, user=session.user_of(owner), nonce_ms=nonce_ms)
        await session.submit("cancel_nonce", [step], nonce_ms=nonce_ms)

    run(context, body, sign=True)
