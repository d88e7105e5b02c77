"""`evertide order`: fill-auction, commit, reveal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from evertide_cli import order_kinds as words
from evertide_cli.errors import UsageProblem
from evertide_cli.session import Session, address, run, symbol_of


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("fill-auction")(fill_auction)
    app.command("commit")(commit)
    app.command("reveal")(reveal)


def fill_auction(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    taker: str = typer.Argument(help="Account of the order in its taker phase (base58 of its user)."),
    order_id: int = typer.Argument(min=1, help="Its order id."),
    price: str = typer.Option(..., "--price", help="Price in USD: the order's present limit or better for it."),
    size: str = typer.Option(..., "--size", help="Most to fill, base units."),
) -> None:
    """Answer an order in its taker phase, with nothing of one's own in the book."""
    where = address(taker, "TAKER")

    async def body(session: Session) -> None:
        listed = await session.market(market)
        steps = await session.client.fill_auction_instructions(
            listed.index,
            (where, order_id),
            price=price,
            size_max=size,
            maker_user=session.user_of(None),
            signer=session.me,
        )

        def told(outcome: Any) -> dict[str, Any]:
            from evertide import lots_to_size

            (fill,) = outcome.events[-1].fills
            filled = lots_to_size(fill.size_lots, lot_size_e9=listed.terms.lot_size_e9)
            return {"filled": filled, "improvement_atoms": fill.improvement_atoms}

        await session.submit("fill_auction", steps, told=told, market=symbol_of(listed), price=price)

    run(context, body, sign=True)


def commit(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    side: str = typer.Argument(help="buy or sell."),
    size: str = words.SIZE,
    file: Path = typer.Option(..., "--out", help="Where the secret goes that reveals it; never overwritten."),
    price: str = words.PRICE,
    time_in_force: str = words.TIME,
    taker_phase_s: int = words.PHASE,
    client_id: int = words.CLIENT_ID,
    reduce_only: bool = words.REDUCE,
    self_trade: str = words.RULE,
    max_slippage_bps: int = words.SLIPPAGE,
    auction_start: str = words.START,
) -> None:
    """Take a place in time for a limit or market order that nobody sees; `order reveal` tells it within 60 s."""
    options = {key: value for key, value in locals().items() if key not in ("context", "market", "side", "file")}
    options |= {"ask": words.sells(side), "kind": "", "expires_in_s": 0, "starts_in_s": 0, "trigger": ""}
    options |= {"trigger_source": "mark", "trail_bps": 0, "peg_offset": "", "display": "", "slices": 0}
    options["slice_interval_s"] = 0
    words.check(options)

    async def body(session: Session) -> None:
        from evertide import instructions

        listed = await session.market(market)
        hidden = await session.client.hide_order(session.user_of(None), await words.build(session, listed, options))
        step = instructions.commit_order(signer=session.me, user=hidden.user, hash=hidden.hash)
        if not session.settings.dry_run:
            # Before anything is sent: a commitment whose secret was not kept is worth nothing.
            write_secret(file, hidden.to_json() + "\n")

        def told(outcome: Any) -> dict[str, Any]:
            event = outcome.events[-1]
            return {"order_id": event.order_id, "reveal_until_ms": event.expiry_ms}

        await session.submit("commit_order", [step], told=told, secret=str(file))

    run(context, body, sign=True)


def write_secret(file: Path, text: str) -> None:
    """A new file that only its owner may read. Raises UsageProblem."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageProblem(f"cannot write {file}: {error.strerror}", path=file) from None
    with os.fdopen(handle, "w") as stream:
        stream.write(text)


def reveal(context: typer.Context, file: Path = typer.Argument(help="What `order commit --out` wrote.")) -> None:
    """Place the order of a commitment, with the commitment's id and place in time."""
    from evertide import HiddenOrder

    try:
        hidden = HiddenOrder.from_json(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None

    async def body(session: Session) -> None:
        def told(outcome: Any) -> dict[str, Any]:
            placed = outcome.events[-1].order
            return {"order_id": placed.order_id, "placed_slot": placed.placed_slot}

        steps = await session.client.reveal_order_instructions(hidden, signer=session.me)
        await session.submit("reveal_order", steps, told=told)

    run(context, body, sign=True)
