"""`evertide admin`: initialize-exchange, list-collateral, list-market, open-exchange, fund-insurance, collect-fees.

What roles do after opening is in `admin_roles`.
"""

from __future__ import annotations

from pathlib import Path

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.commands import admin_changes, admin_roles, admin_upkeep
from evertide_cli.errors import UsageProblem
from evertide_cli.output import show
from evertide_cli.session import Session, address, run
from evertide_cli.terms import MARKETS, collateral_terms, exchange_terms, market_terms, read_terms, to_plain

app = group("The exchange itself: listing, opening, roles, insurance, fees.")
admin_roles.register(app)
admin_changes.register(app)
admin_upkeep.register(app)

TERMS = typer.Option(..., "--terms", help="TOML file; `admin example-terms` writes one.")


@app.command("show")
def show_exchange(context: typer.Context) -> None:
    """Roles, fees, terms and state of the exchange."""

    async def body(session: Session) -> None:
        exchange = await session.exchange()
        if session.settings.as_json:
            show(exchange, as_json=True)
            return
        terms = exchange.terms
        rows = {
            "open": bool(exchange.opened),
            "local": bool(exchange.local),
            "markets": exchange.market_count,
            "collaterals": exchange.collateral_count,
            **dict(zip(("root", "risk", "guardian", "treasury"), map(str, exchange.roles), strict=True)),
            "quote_mint": str(exchange.quote_mint),
            "quote_vault": str(exchange.quote_vault),
            "taker_fees_tenth_bps": [tier.taker_fee_tenth_bps for tier in terms.fee_tiers[: terms.fee_tier_count]],
            "maker_fees_tenth_bps": [tier.maker_fee_tenth_bps for tier in terms.fee_tiers[: terms.fee_tier_count]],
            "sequence": exchange.sequence,
        }
        show(rows, as_json=False, title="exchange")

    run(context, body)


@app.command("initialize-exchange")
def initialize_exchange(
    context: typer.Context,
    terms: Path = TERMS,
    local: bool = typer.Option(False, "--local", help="Allow local price feeds and a zero withdrawal floor, for good."),
    risk: str = typer.Option("", help="Risk role (base58); default: the keypair."),
    guardian: str = typer.Option("", help="Guardian role; default: the keypair."),
    treasury: str = typer.Option("", help="Treasury role; default: the keypair."),
    root: str = typer.Option("", help="Root role; default: the keypair."),
) -> None:
    """Create the exchange; signed by the program's upgrade authority."""

    async def body(session: Session) -> None:
        from evertide import instructions

        me = session.me
        named = (("--root", root), ("--risk", risk), ("--guardian", guardian), ("--treasury", treasury))
        roles = [address(text, name) if text else me for name, text in named]
        step = instructions.initialize_exchange(
            authority=me,
            local=local,
            terms=read_terms(terms, "ExchangeTerms"),
            roles=roles,
            genesis_hash=await session.client.rpc.get_genesis_hash(),
        )
        await session.submit("initialize_exchange", [step], local=local)

    run(context, body, sign=True)


@app.command("list-collateral")
def list_collateral(
    context: typer.Context, mint: str = typer.Argument(help="Mint (base58)."), terms: Path = TERMS
) -> None:
    """List a deposit asset; the first is the quote asset. After opening as a proposed change allows."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        exchange, wanted = await session.exchange(), read_terms(terms, "CollateralTerms")
        index = exchange.collateral_count
        where = address(mint, "MINT")
        step = instructions.list_collateral(
            root=await session.holder(Role.ROOT),
            index=index,
            mint=where,
            terms=wanted,
            change=await session.client.listing_change(wanted, where) if exchange.opened else None,
        )
        await session.submit("list_collateral", [step], index=index, mint=mint)

    run(context, body, sign=True)


@app.command("list-market")
def list_market(context: typer.Context, terms: Path = TERMS) -> None:
    """List a market. After opening as a proposed change allows: `admin propose-listing`."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        exchange, wanted = await session.exchange(), read_terms(terms, "MarketTerms")
        index = exchange.market_count
        step = instructions.list_market(
            root=await session.holder(Role.ROOT),
            index=index,
            terms=wanted,
            change=await session.client.listing_change(wanted) if exchange.opened else None,
        )
        await session.submit("list_market", [step], index=index)

    run(context, body, sign=True)


@app.command("open-exchange")
def open_exchange(
    context: typer.Context, timelock: str = typer.Option("", help="Timelock that holds the upgrade authority.")
) -> None:
    """Open for deposits; cannot be undone."""

    async def body(session: Session) -> None:
        from evertide import Role, instructions

        step = instructions.open_exchange(
            root=await session.holder(Role.ROOT), timelock=address(timelock, "--timelock") if timelock else None
        )
        await session.submit("open_exchange", [step])

    run(context, body, sign=True)


@app.command("fund-insurance")
def fund_insurance(
    context: typer.Context,
    amount: str = typer.Argument(help="USD."),
    tranche: str = typer.Option("0", help="Of these, for the exchange-wide tranche, USD."),
) -> None:
    """Pay into the insurance fund."""

    async def body(session: Session) -> None:
        from evertide import associated_token_address, instructions, usdc_to_atoms

        me = session.me
        step = instructions.fund_insurance(
            funder=me,
            funder_token=associated_token_address(me, (await session.exchange()).quote_mint),
            amount_atoms=usdc_to_atoms(amount),
            tranche_atoms=usdc_to_atoms(tranche),
        )
        await session.submit("fund_insurance", [step], amount=amount, tranche=tranche)

    run(context, body, sign=True)


@app.command("collect-fees")
def collect_fees(context: typer.Context, market: str = typer.Argument(help="Symbol or index.")) -> None:
    """Pay a market's pending fees to insurance and treasury. Anyone may."""

    async def body(session: Session) -> None:
        from spl.token.instructions import create_idempotent_associated_token_account

        from evertide import Role, associated_token_address, instructions

        exchange = await session.exchange()
        treasury = exchange.roles[int(Role.TREASURY)]
        step = instructions.collect_fees(
            market_index=(await session.market(market)).index,
            treasury_token=associated_token_address(treasury, exchange.quote_mint),
        )
        account = create_idempotent_associated_token_account(session.me, treasury, exchange.quote_mint)
        await session.submit("collect_fees", [account, step], market=market)

    run(context, body, sign=True)


@app.command("accrue-debt")
def accrue_debt(context: typer.Context) -> None:
    """Accrue interest on all debts up to now. Anyone may."""

    async def body(session: Session) -> None:
        from evertide import instructions

        await session.submit("accrue_debt", [instructions.accrue_debt()])

    run(context, body, sign=True)


@app.command("inspect-unsigned")
def inspect_unsigned(
    context: typer.Context, file: Path = typer.Argument(help="What --export-unsigned wrote, or base64 in a file.")
) -> None:
    """Say what a transaction does that one is asked to sign, from its bytes alone; no network is needed.

    A file whose words differ from its bytes is refused.
    """
    from evertide import UnsignedTransaction, decode_transaction
    from evertide_cli.unsigned import read_transaction

    found = read_transaction(file)
    wire = found.wire if isinstance(found, UnsignedTransaction) else found
    steps = decode_transaction(wire)
    if settings_of(context).as_json:
        head = found if isinstance(found, UnsignedTransaction) else None
        show({"transaction": head, "instructions": steps}, as_json=True)
        return
    if isinstance(found, UnsignedTransaction):
        signers = ", ".join(str(signer) for signer in found.signers)
        rows = {"action": found.action, "signers": signers, "genesis_hash": found.genesis_hash}
        show({**rows, "blockhash_holds_until_block": found.last_valid_block_height}, as_json=False, title=str(file))
    for number, step in enumerate(steps, 1):
        title = step.name or f"{len(step.data)} bytes for another program"
        show({"program": str(step.program_id), **step.arguments}, as_json=False, title=f"{number}. {title}")
        if step.summary:
            print(f"  {step.summary}")
        show(
            [
                {"account": at.name, "address": str(at.address), "signs": at.signer, "writable": at.writable}
                for at in step.accounts
            ],
            as_json=False,
        )


@app.command("example-terms")
def example_terms(
    context: typer.Context,
    kind: str = typer.Argument(help="exchange, collateral:USDC, collateral:SOL, or a market such as BTC-PERP."),
    oracle: str = typer.Option("", help="Signer of the local feed (base58); default: the keypair."),
) -> None:
    """Print a terms file to start from (TOML), with the standard parameters of a tier."""
    import tomli_w

    from evertide_cli.keys import read_keypair

    if kind == "exchange":
        terms = exchange_terms()
    else:
        signer = address(oracle, "--oracle") if oracle else read_keypair(settings_of(context).keypair).pubkey()
        plans = {plan.symbol: plan for plan in MARKETS}
        if kind in ("collateral:USDC", "collateral:SOL"):
            terms = collateral_terms(kind.partition(":")[2], signer)
        elif kind in plans:
            terms = market_terms(plans[kind], signer)
        else:
            known = ", ".join(["exchange", "collateral:USDC", "collateral:SOL", *plans])
            raise UsageProblem(f"terms must be one of {known}, found {kind!r}")
    plain = to_plain(terms)
    if settings_of(context).as_json:
        show(plain, as_json=True)
    else:
        print(tomli_w.dumps(plain), end="")
