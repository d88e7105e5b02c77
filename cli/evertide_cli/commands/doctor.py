"""`evertide doctor`: check the whole way from this machine to the exchange, one line each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import settings_of
from evertide_cli.errors import CliError, one_line
from evertide_cli.keys import read_keypair
from evertide_cli.output import show
from evertide_cli.session import Session, connect

if TYPE_CHECKING:
    from evertide_cli.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)

LOADER_AUTHORITY_OFFSET = 12


class DoctorFound(CliError):
    """At least one check failed."""


async def check_python(session: Session) -> str:
    """Python 3.11 or newer."""
    return sys.version.split()[0]


async def check_resources(session: Session) -> str:
    """The IDL and the built program are installed."""
    from evertide._resources import idl_path, program_path

    return f"{idl_path().name}, {program_path().name} of {program_path().stat().st_size} bytes"


async def check_keypair(session: Session) -> str:
    """The keypair file is one."""
    return str(read_keypair(session.settings.keypair).pubkey())


async def check_rpc(session: Session) -> str:
    """The validator answers."""
    version = await session.client.rpc.call("getVersion")
    return f"{session.settings.rpc_url}, solana-core {version.get('solana-core')}"


async def check_balance(session: Session) -> str:
    """The keypair can pay fees."""
    lamports = await session.client.rpc.get_balance(session.keypair.pubkey())
    if lamports == 0:
        raise CliError(f"{session.keypair.pubkey()} holds 0 lamports and cannot pay fees")
    return f"{lamports} lamports"


async def check_program(session: Session) -> str:
    """The program is deployed and executable."""
    from evertide import PROGRAM_ID

    info = await session.client.rpc.get_account(PROGRAM_ID)
    if info is None:
        raise CliError(f"the program {PROGRAM_ID} is not deployed here")
    if not info.executable:
        raise CliError(f"{PROGRAM_ID} is not executable")
    return str(PROGRAM_ID)


async def check_upgrade_authority(session: Session) -> str:
    """Who can replace the program: printed, never judged for a local exchange."""
    from solders.pubkey import Pubkey

    from evertide import program_data_address

    info = await session.client.rpc.get_account(program_data_address())
    if info is None:
        raise CliError("the program has no program data account: not deployed by the upgradeable loader")
    if not info.data[LOADER_AUTHORITY_OFFSET]:
        return "none: the program is final"
    start = LOADER_AUTHORITY_OFFSET + 1
    return f"held by {Pubkey.from_bytes(info.data[start : start + 32])}"


async def check_exchange(session: Session) -> str:
    """The exchange is initialized and open."""
    exchange = await session.exchange()
    if not exchange.opened:
        raise CliError("the exchange is initialized but not open")
    kind = "local" if exchange.local else "live"
    return f"{kind}, {exchange.market_count} markets, {exchange.collateral_count} collaterals"


async def check_prices(session: Session) -> str:
    """Every market has a fresh price by the chain's clock."""
    now_ms = await session.client.chain_time_ms()
    stale = []
    for market in await session.markets():
        age_ms = now_ms - market.publish_time_ms
        if age_ms > market.terms.oracle.stale_margin_ms:
            stale.append(f"market {market.index}: {age_ms} ms old, at most {market.terms.oracle.stale_margin_ms}")
    if stale:
        raise CliError("; ".join(stale))
    return "all fresh"


Check = Callable[[Session], Awaitable[str]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", check_python),
    ("resources", check_resources),
    ("keypair", check_keypair),
    ("rpc", check_rpc),
    ("balance", check_balance),
    ("program", check_program),
    ("upgrade_authority", check_upgrade_authority),
    ("exchange", check_exchange),
    ("prices", check_prices),
)


async def examine(settings: Settings) -> list[dict[str, Any]]:
    """Every check in order, with what it found; a failed one never hides the next."""
    rows: list[dict[str, Any]] = []
    async with connect(settings, sign=False) as session:
        for name, check in CHECKS:
            try:
                rows.append({"check": name, "ok": True, "found": await check(session)})
            except Exception as error:
                rows.append({"check": name, "ok": False, "found": one_line(str(error)) or type(error).__name__})
    return rows


@app.command()
def doctor(context: typer.Context) -> None:
    """Check the whole way from this machine to the exchange; exit code 1 when a check fails."""
    settings = settings_of(context)
    rows = asyncio.run(examine(settings))
    show(rows, as_json=settings.as_json)
    failed = [row["check"] for row in rows if not row["ok"]]
    if failed:
        raise DoctorFound(f"{len(failed)} of {len(rows)} checks failed: {', '.join(failed)}", failed=failed)
