"""`evertide keeper`: funding, janitor, guardian, maker: single steps of keepers; and what the guardian sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from evertide_cli.errors import CliError
from evertide_cli.output import show
from evertide_cli.session import Session, run

if TYPE_CHECKING:
    from evertide_keepers import GuardianSettings


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("funding")(funding)
    app.command("janitor")(janitor)
    app.command("guardian")(guardian)
    app.command("watch")(watch)
    app.command("maker")(maker)


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


def maker(
    context: typer.Context,
    user: str = typer.Option(..., "--user", help="Account of the keypair that quotes; it is the keeper's alone."),
    quote_notional: str = typer.Option("", "--quote-notional", help="USDC of notional of one quote."),
    position_notional_max: str = typer.Option("", "--position-notional-max", help="USDC held in one market."),
    total_notional_max: str = typer.Option("", "--total-notional-max", help="USDC held in all markets."),
    levels: int = typer.Option(None, "--levels", help="Quotes of each side, at most 4."),
    spread_bps: int = typer.Option(None, "--spread-bps", help="Distance of the first quote from the centre."),
) -> None:
    """One step of the maker: quotes both sides of the index, answers auctions, cancels where the index is old."""
    from evertide_cli.commands.keeper import chosen_settings, shot

    amounts = {
        "quote_notional_atoms": quote_notional,
        "position_notional_max_atoms": position_notional_max,
        "total_notional_max_atoms": total_notional_max,
    }
    settings = chosen_settings("maker", {"maker_user": user}, amounts, levels=levels, spread_bps=spread_bps)
    run(context, lambda session: shot(session, "maker", settings), sign=True)


WITHDRAWABLE_BPS = typer.Option(None, "--withdrawable-bps", help="Part of all deposits that makes a change an alarm.")
EXPECTED = typer.Option([], "--expected", help="Number of a change that is known; repeat for more.")


def guardian_settings(withdrawable_bps: int | None, expected: list[int], **more: bool | str) -> GuardianSettings:
    """The watch's settings with what the command line names."""
    import dataclasses

    from evertide_cli.commands.keeper import chosen_settings

    found: GuardianSettings = chosen_settings("guardian", {}, {}, withdrawable_bps=withdrawable_bps)
    return dataclasses.replace(found, expected_changes=tuple(str(number) for number in expected), **more)  # type: ignore[arg-type]


def guardian(
    context: typer.Context,
    withdrawable_bps: int = WITHDRAWABLE_BPS,
    expected: list[int] = EXPECTED,
    pauses: bool = typer.Option(False, "--pauses", help="As the guardian: pause when totals do not agree."),
    vetoes: bool = typer.Option(False, "--vetoes", help="As the guardian: cancel changes that let too much out."),
) -> None:
    """One step of the guardian's watch: checks of totals; with --pauses and --vetoes the keypair is the guardian's."""
    from evertide_cli.commands.keeper import shot

    async def body(session: Session) -> None:
        acts = {"guardian": str(session.me)} if pauses or vetoes else {}
        await shot(
            session, "guardian", guardian_settings(withdrawable_bps, expected, pauses=pauses, vetoes=vetoes, **acts)
        )

    run(context, body, sign=True)


def watch(context: typer.Context, withdrawable_bps: int = WITHDRAWABLE_BPS, expected: list[int] = EXPECTED) -> None:
    """What a guardian should know now: totals, changes and what they let out, keys, the program; code 1 on an alarm."""

    async def body(session: Session) -> None:
        from evertide_keepers import Spine
        from evertide_keepers.keeper import GuardianKeeper

        spine = Spine(session.client)
        keeper = GuardianKeeper("guardian", spine, guardian_settings(withdrawable_bps, expected))
        try:
            async with spine.lock:
                await spine.sync()
                await keeper.refresh()
                await keeper.observe()
                found = keeper.findings()
        finally:
            await spine.close()
        show([one.plain() for one in found], as_json=session.settings.as_json, title="watch")
        alarms = [one.kind for one in found if one.alarm]
        if alarms:
            raise CliError(f"{len(alarms)} alarms: {', '.join(dict.fromkeys(alarms))}")

    run(context, body)
