"""`evertide keeper`: single shots of each keeper; running them is in `keeper_running`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group
from evertide_cli.commands import keeper_orders, keeper_running, keeper_upkeep
from evertide_cli.errors import CliError, UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, run, symbol_of

if TYPE_CHECKING:
    from evertide_keepers import Keeper

app = group("Run keepers, or one step of one of them.")
keeper_orders.register(app)
keeper_running.register(app)
keeper_upkeep.register(app)

SHOTS = {
    "match": "matcher",
    "mark": "mark",
    "accrue": "cache",
    "settle": "settler",
    "trigger": "trigger",
    "liquidate": "liquidator",
    "collateral": "collateral",
    "bankruptcy": "bankruptcy",
}


async def shot(session: Session, name: str, settings: Any = None) -> None:
    """One step of one keeper: show what it planned and what came of it. With --dry-run only the plan."""
    from evertide_keepers import Spine, build_keepers

    if session.exporting:
        raise UsageProblem("a keeper's step sends by itself: --export-unsigned wrote nothing")
    spine = Spine(session.client)
    try:
        keeper: Keeper = build_keepers(spine, (name,), settings={} if settings is None else {name: settings})[name]
        if session.settings.dry_run:
            async with spine.lock:
                await spine.sync()
                await keeper.observe()
                planned = [action.plain() for action in keeper.plan()]
            show({"keeper": name, "dry_run": True, "planned": planned}, as_json=session.settings.as_json)
            return
        report = await keeper.step()
    finally:
        await spine.close()
    body = {
        "keeper": name,
        "planned": report.planned,
        "confirmed": report.confirmed,
        "failed": report.failed,
        "signatures": list(report.signatures),
        "errors": [str(error) for error in report.errors],
    }
    show(body, as_json=session.settings.as_json)
    if report.failed:
        raise CliError(f"{report.failed} of {report.planned} actions failed: {report.errors[0]}")


@app.command("match")
def match(context: typer.Context) -> None:
    """One step of the matcher: match everything that crosses now."""
    run(context, lambda session: shot(session, SHOTS["match"]), sign=True)


@app.command("mark")
def mark(context: typer.Context) -> None:
    """One step of the mark keeper: show the best resting orders as evidence."""
    run(context, lambda session: shot(session, SHOTS["mark"]), sign=True)


@app.command("accrue")
def accrue(
    context: typer.Context, market: str = typer.Argument("", help="This market at once; default: as due.")
) -> None:
    """One step of the cache keeper: rows and averages; or the accrual of one market."""

    async def body(session: Session) -> None:
        if not market:
            await shot(session, SHOTS["accrue"])
            return
        from evertide import instructions

        listed = await session.market(market)
        await session.submit("accrue_market", [instructions.accrue_market(market_index=listed.index)], market=market)

    run(context, body, sign=True)


@app.command("settle")
def settle(context: typer.Context) -> None:
    """One step of the settler: losers first, as far as worth a transaction."""
    run(context, lambda session: shot(session, SHOTS["settle"]), sign=True)


@app.command("trigger")
def trigger(
    context: typer.Context,
    trailing_step_bps: int = typer.Option(None, "--trailing-step-bps", help="Least step of a trailing stop."),
) -> None:
    """One step of the trigger keeper: fires triggers, moves trailing stops, executes slices."""
    settings = chosen_settings(SHOTS["trigger"], {}, {}, trailing_step_bps=trailing_step_bps)
    run(context, lambda session: shot(session, SHOTS["trigger"], settings), sign=True)


def chosen_settings(name: str, accounts: dict[str, str], amounts: dict[str, str], **numbers: int | None) -> Any:
    """A keeper's settings with what the command line names: accounts, USDC amounts, whole numbers; the rest default."""
    from evertide import usdc_to_atoms
    from evertide_cli.session import address
    from evertide_keepers import KINDS

    changes: dict[str, Any] = {key: number for key, number in numbers.items() if number is not None}
    changes |= {key: str(address(text, option_of(key))) for key, text in accounts.items() if text}
    changes |= {key: usdc_to_atoms(text, option_of(key)) for key, text in amounts.items() if text}
    for key, value in changes.items():
        if isinstance(value, int) and value < 0:
            raise UsageProblem(f"{option_of(key)}: found {value}, zero or more is needed")
    return dataclasses.replace(KINDS[name].settings, **changes)


def option_of(key: str) -> str:
    """The option that sets a key, for messages."""
    return {"liquidator_user": "--user", "maker_user": "--user"}.get(
        key, "--" + key.removesuffix("_atoms").replace("_", "-")
    )


@app.command("liquidate")
def liquidate(
    context: typer.Context,
    user: str = typer.Option("", "--user", help="Account of the keypair that takes positions over; default: none."),
    keeper_user: str = typer.Option("", "--keeper-user", help="Account that earns the keeper's share."),
    minimum_profit: str = typer.Option("", "--minimum-profit", help="USDC a takeover must bring after fees."),
    market_notional_max: str = typer.Option("", "--market-notional-max", help="USDC of notional held in one market."),
    total_notional_max: str = typer.Option("", "--total-notional-max", help="USDC of notional held in all markets."),
) -> None:
    """One step of the liquidator: the next rung of every account on its way down, worst first."""
    accounts = {"liquidator_user": user, "keeper_user": keeper_user}
    amounts = {
        "minimum_profit_atoms": minimum_profit,
        "market_notional_max_atoms": market_notional_max,
        "total_notional_max_atoms": total_notional_max,
    }
    settings = chosen_settings(SHOTS["liquidate"], accounts, amounts)
    run(context, lambda session: shot(session, SHOTS["liquidate"], settings), sign=True)


@app.command("collateral")
def collateral(
    context: typer.Context,
    user: str = typer.Option(..., "--user", help="Account of the keypair that pays quote and receives collateral."),
    minimum_discount_bps: int = typer.Option(None, "--minimum-discount-bps", help="Least discount."),
    minimum_profit: str = typer.Option("", "--minimum-profit", help="USDC of discount a purchase must bring."),
    quote_budget: str = typer.Option("", "--quote-budget", help="Most USDC to spend."),
) -> None:
    """One step of the collateral liquidator: buys of accounts in liquidation and of debts beyond their grace."""
    amounts = {"minimum_profit_atoms": minimum_profit, "quote_budget_atoms": quote_budget}
    numbers = {"minimum_discount_bps": minimum_discount_bps}
    settings = chosen_settings(SHOTS["collateral"], {"liquidator_user": user}, amounts, **numbers)
    run(context, lambda session: shot(session, SHOTS["collateral"], settings), sign=True)


@app.command("bankruptcy")
def bankruptcy(
    context: typer.Context,
    user: str = typer.Option("", "--user", help="Account of the keypair that buys collateral first; default: none."),
    quote_budget: str = typer.Option("", "--quote-budget", help="Most USDC to spend on collateral."),
) -> None:
    """One step of the bankruptcy keeper: resolves accounts below zero, folds what keeps a side from starting anew."""
    amounts = {"quote_budget_atoms": quote_budget}
    settings = chosen_settings(SHOTS["bankruptcy"], {"liquidator_user": user}, amounts)
    run(context, lambda session: shot(session, SHOTS["bankruptcy"], settings), sign=True)


@app.command("oracle")
def oracle(
    context: typer.Context,
    target: str = typer.Argument(help="Market (symbol or index), or collateral:INDEX."),
    price: str = typer.Argument("", help="USD, for a local feed that the keypair signs; none: a feed account."),
    confidence: str = typer.Option("0", "--confidence", help="USD."),
    account: str = typer.Option("", "--account", help="Feed account of Pyth or Switchboard."),
) -> None:
    """Bring one price in: a local one signed by the keypair, or from a feed account."""
    if bool(price) == bool(account):
        raise UsageProblem("name either a PRICE (local feed) or --account (Pyth, Switchboard)")

    async def body(session: Session) -> None:
        from evertide import LocalPrice, instructions, usdc_to_atoms
        from evertide_cli.session import address

        kind, _, number = target.partition(":")
        where: dict[str, int]
        if kind == "collateral" and number.isascii() and number.isdigit():
            where = {"collateral_index": (await session.collateral(number)).index}
        else:
            where = {"market_index": (await session.market(target)).index}
        local = None
        if price:
            atoms, spread = usdc_to_atoms(price, "price"), usdc_to_atoms(confidence, "confidence")
            now_ms = await session.client.chain_time_ms()
            local = LocalPrice(price=atoms, confidence=spread, publish_time_ms=now_ms)
        source = session.keypair.pubkey() if price else address(account, "--account")
        step = instructions.update_oracle(oracle=source, price=local, **where)
        await session.submit("update_oracle", [step], target=target, price=price or account)

    run(context, body, sign=True)


@app.command("touch")
def touch(context: typer.Context, market: str = typer.Argument(help="Symbol or index.")) -> None:
    """Fold every position of a market that has something to fold. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import ProgramError, instructions

        listed = await session.market(market)
        folded, held = 0, 0
        for where, user in (await session.client.fetch_all_by_address("User")).items():
            if not any(item.market_plus_one == listed.index + 1 for item in user.positions):
                continue
            held += 1
            step = instructions.touch_position(market_index=listed.index, user=where)
            try:
                if session.settings.dry_run:
                    await session.client.simulate([step])
                else:
                    await session.client.send([step])
                folded += 1
            except ProgramError as error:
                if error.name != "NothingToFold":
                    raise
        body = {"action": "touch_position", "market": symbol_of(listed), "positions": held, "folded": folded}
        show({**body, "dry_run": session.settings.dry_run}, as_json=session.settings.as_json)

    run(context, body, sign=True)
