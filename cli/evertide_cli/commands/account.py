"""`evertide account`: create, close, deposit, withdraw, set-limits, show, health, settle; more in `account_money`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group
from evertide_cli.commands import account_money
from evertide_cli.output import show
from evertide_cli.session import Session, address, run, symbol_of

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from evertide import Collateral, User

app = group("Trading accounts: create, deposit, withdraw, limits, health.")

account_money.register(app)

OWNER = typer.Option(None, "--authority", help="Whose account (base58); default: the keypair's.")


@app.command("create")
def create(
    context: typer.Context,
    referrer: str = typer.Option("", "--referrer", help="Account that referred it (base58), for good; pay-referrer."),
) -> None:
    """Create the trading account of --sub-id with its orders."""

    async def body(session: Session) -> None:
        from evertide import instructions

        named = address(referrer, "--referrer") if referrer else None
        step = instructions.create_user(authority=session.me, sub_id=session.settings.sub_id, referrer=named)
        about = {"referrer": referrer} if referrer else {}
        await session.submit("create_user", [step], user=str(session.user_of(None)), **about)

    run(context, body, sign=True)


@app.command("close")
def close(context: typer.Context) -> None:
    """Close an empty trading account; its rent returns."""

    async def body(session: Session) -> None:
        from evertide import instructions

        authority = session.me
        step = instructions.close_user(authority=authority, sub_id=session.settings.sub_id)
        await session.submit("close_user", [step], user=str(session.user_of(None)))

    run(context, body, sign=True)


@app.command("deposit")
def deposit(
    context: typer.Context,
    amount: str = typer.Argument(help="Decimal amount in whole tokens."),
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
    owner: str = OWNER,
) -> None:
    """Deposit tokens; into another authority's account with --authority."""

    async def body(session: Session) -> None:
        from evertide import associated_token_address, instructions, token_to_atoms

        collateral = await session.collateral(asset)
        me = session.me
        step = instructions.deposit(
            authority=me,
            user=session.user_of(owner),
            collateral_index=collateral.index,
            mint=collateral.mint,
            source_token=associated_token_address(me, collateral.mint),
            amount_atoms=token_to_atoms(amount, collateral.decimals),
        )
        await session.submit("deposit", [step], amount=amount, asset=asset)

    run(context, body, sign=True)


@app.command("withdraw")
def withdraw(
    context: typer.Context,
    amount: str = typer.Argument(help="Decimal amount in whole tokens, or `all`."),
    asset: str = typer.Argument("USDC", help="USDC, SOL, a collateral index or a mint."),
) -> None:
    """Withdraw tokens to one's own token account, which is made when it is missing."""

    async def body(session: Session) -> None:
        from spl.token.instructions import create_idempotent_associated_token_account

        from evertide import associated_token_address, instructions, token_to_atoms

        collateral = await session.collateral(asset)
        me = session.me
        where = session.user_of(None)
        if amount == "all":
            atoms = balance_atoms(await session.user(where), collateral.index)
        else:
            atoms = token_to_atoms(amount, collateral.decimals)
        step = instructions.withdraw(
            authority=me,
            user=where,
            collateral_index=collateral.index,
            mint=collateral.mint,
            destination_token=associated_token_address(me, collateral.mint),
            amount_atoms=atoms,
        )
        token_account = create_idempotent_associated_token_account(me, me, collateral.mint)
        renewals = await session.client.refresh_instructions(where, withdrawal=True)
        await session.submit("withdraw", [*renewals, token_account, step], amount_atoms=atoms, asset=asset)

    run(context, body, sign=True)


@app.command("set-limits")
def set_limits(
    context: typer.Context,
    market: str = typer.Option("", help="One market only (symbol or index); default: the whole account."),
    ratio_bps: int = typer.Option(0, min=0, max=10_000, help="Least initial margin ratio, bps; 0: none."),
    notional_cap: str = typer.Option("0", help="Greatest total notional, USD; 0: none."),
) -> None:
    """Set one's own limits, stricter than the exchange's."""

    async def body(session: Session) -> None:
        from evertide import instructions, usdc_to_atoms

        terms: dict[str, Any] = {}
        if market:
            terms = {"market_index": (await session.market(market)).index, "market_ratio_bps": ratio_bps}
        else:
            terms = {"user_ratio_bps": ratio_bps, "notional_cap_atoms": usdc_to_atoms(notional_cap)}
        me = session.me
        step = instructions.set_limits(authority=me, user=session.user_of(None), **terms)
        await session.submit("set_limits", [step], **terms)

    run(context, body, sign=True)


@app.command("show")
def show_account(context: typer.Context, owner: str = OWNER) -> None:
    """Balances, positions and limits."""

    async def body(session: Session) -> None:
        where = session.user_of(owner)
        user = await session.user(where)
        settings = session.settings
        if settings.as_json:
            show({"address": str(where), "user": user}, as_json=True)
            return
        assets = await session.collaterals()
        symbols = {market.index: symbol_of(market) for market in await session.markets()}
        show(summary(str(where), user), as_json=False, title="trading account")
        show(balances(user, assets), as_json=False, title="balances")
        held = [
            {
                "market": symbols.get(item.market_plus_one - 1, "?"),
                "basis_lots": item.basis_lots,
                "orders": item.open_order_count,
            }
            for item in user.positions
            if item.market_plus_one
        ]
        if held:
            show(held, as_json=False, title="position slots (details: evertide position list)")

    run(context, body)


@app.command("health")
def health(
    context: typer.Context,
    owner: str = OWNER,
    what_if: list[str] = typer.Option(
        [],
        "--what-if",
        help="A change to value instead: BTC-PERP=-10%, BTC-PERP=36000, collateral:1=-20%, deposit:USDC=1000, "
        "withdraw:SOL=2, order:BTC-PERP:buy=0.5@39000, fill:BTC-PERP:sell=0.5@39000; repeat for more.",
    ),
) -> None:
    """Equity, requirements, free collateral and liquidation prices, computed by the program.

    With --what-if: the same and the margins of the way down, now and after the changes, nothing being sent.
    """

    async def body(session: Session) -> None:
        from evertide import atoms_to_usdc, price_q32_to_decimal

        where = session.user_of(owner)
        if what_if:
            await show_what_if(session, where, what_if)
            return
        view = await session.client.view_health(where)
        if session.settings.as_json:
            show({"address": str(where), "health": view}, as_json=True)
            return
        names = (
            "equity_initial_atoms",
            "initial_requirement_atoms",
            "equity_maintenance_atoms",
            "maintenance_requirement_atoms",
            "free_collateral_atoms",
        )
        rows = {name.removesuffix("_atoms") + "_usd": atoms_to_usdc(getattr(view, name)) for name in names}
        show(rows, as_json=False, title=str(where))
        by_index = {market.index: market for market in await session.markets()}
        lines = [
            {
                "market": symbol_of(by_index[item.market_index]),
                "liquidation_price": price_q32_to_decimal(
                    item.price_q32, lot_size_e9=by_index[item.market_index].terms.lot_size_e9
                ),
            }
            for item in view.liquidation_prices
            if item.price_q32
        ]
        if lines:
            show(lines, as_json=False, title="liquidation prices")

    run(context, body)


async def show_what_if(session: Session, where: Pubkey, words: list[str]) -> None:
    """An account's valuation now and after the changes."""
    from evertide_cli.what_if import apply, position_rows, rows

    async def asset_index(name: str) -> int:
        return (await session.collateral(name)).index

    start = await session.client.what_if(where)
    before, changed = start.health(), await apply(start, words, asset_index)
    after = changed.health()
    if session.settings.as_json:
        sides = {"now": before, "what_if": after}
        body = {
            name: {"health": side, "free_collateral_atoms": side.free_collateral_atoms, "rung": side.ladder.rung.value}
            for name, side in sides.items()
        }
        show({"address": str(where), "changes": words, **body}, as_json=True)
        return
    show(rows(before, after), as_json=False, title=str(where))
    if after.positions:
        show(position_rows(after, changed.markets), as_json=False, title="positions, what if")


@app.command("settle")
def settle(context: typer.Context, owner: str = OWNER) -> None:
    """Settle every position of the account, market by market."""

    async def body(session: Session) -> None:
        from evertide import instructions

        where = session.user_of(owner)
        user = await session.user(where)
        held = [item.market_plus_one - 1 for item in user.positions if item.market_plus_one]
        for index in held:
            step = instructions.settle_pnl(market_index=index, user=where)
            await session.submit("settle_pnl", [step], market_index=index, user=str(where))
        if not held:
            show({"action": "settle_pnl", "settled": 0}, as_json=session.settings.as_json)

    run(context, body, sign=True)


@app.command("pay-referrer")
def pay_referrer(
    context: typer.Context,
    owner: str = OWNER,
    sign: bool = typer.Option(
        False,
        "--sign",
        help="As the owner of either account: of a market with a recorded deficit take the backed part.",
    ),
) -> None:
    """Pay the account's referrer what it is owed. Anyone may; `account close` needs it."""

    async def body(session: Session) -> None:
        from evertide_cli.commands.builder import told

        where = session.user_of(owner)
        authority = session.me if sign else None
        steps = await session.client.pay_referrer_instructions(where, authority=authority)
        for step in steps:
            await session.submit("pay_referrer", [step], told=told, user=str(where))
        if not steps:
            show({"action": "pay_referrer", "paid_usdc": "0"}, as_json=session.settings.as_json)

    run(context, body, sign=True)


@app.command("addresses")
def addresses(context: typer.Context, owner: str = OWNER) -> None:
    """The addresses that belong to a trading account."""

    async def body(session: Session) -> None:
        import evertide

        user = session.user_of(owner)
        authority = owner if owner is not None else str(session.me)
        rows = {"authority": str(address(authority, "--authority")), "user": str(user)}
        show({**rows, "orders": str(evertide.orders_address(user))}, as_json=session.settings.as_json)

    run(context, body)


def balance_atoms(user: User, collateral_index: int) -> int:
    """Token atoms that the account holds of an asset; 0 for a debt."""
    if collateral_index == 0:
        return max(user.quote_atoms, 0)
    return sum(slot.amount_atoms for slot in user.collaterals if slot.collateral_index == collateral_index)


def summary(where: str, user: User) -> dict[str, Any]:
    """One account's head."""
    return {
        "address": where,
        "authority": str(user.authority),
        "sub_id": user.sub_id,
        "sequence": user.sequence,
        "positions": user.position_count,
        "user_ratio_bps": user.user_ratio_bps,
        "notional_cap_atoms": user.notional_cap_atoms,
        "volume_30d_atoms": user.volume_30d_atoms,
        "rewards_atoms": user.rewards_atoms,
        **({"referrer": str(user.referrer)} if any(bytes(user.referrer)) else {}),
        **account_money.delegate_rows(user),
    }


def balances(user: User, assets: list[Collateral]) -> list[dict[str, Any]]:
    """One row for each asset held; the quote asset always."""
    from evertide import atoms_to_token, atoms_to_usdc

    rows = [
        {
            "asset": "quote",
            "mint": str(assets[0].mint) if assets else "-",
            "amount": str(atoms_to_usdc(user.quote_atoms)),
        }
    ]
    for slot in user.collaterals:
        if slot.collateral_index and slot.collateral_index < len(assets):
            asset = assets[slot.collateral_index]
            amount = atoms_to_token(slot.amount_atoms, asset.decimals)
            rows.append({"asset": str(slot.collateral_index), "mint": str(asset.mint), "amount": str(amount)})
    return rows
