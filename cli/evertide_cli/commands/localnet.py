"""`evertide localnet`: up, down, status."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import progress, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from evertide._localnet import Localnet

app = group("A local validator with the program, markets and funded traders.")

TRADER_USDC = 100_000 * 1_000_000
TRADER_SOL = 500 * 1_000_000_000
KEYS_NOTE = (
    "LOCAL TEST KEYS. Derived from their published names: anyone can make them. "
    "They guard nothing; never fund them elsewhere.\n"
)


def keys_directory(net: Localnet) -> Path:
    """Where the keypair files of a network lie."""
    return net.directory / "local-test-keys"


def write_keys(net: Localnet, traders: int) -> dict[str, str]:
    """Keypair files of the roles and traders, marked as local test keys; name -> path."""
    from evertide._localnet import local_keypair
    from evertide_cli.keys import write_keypair

    folder = keys_directory(net)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README").write_text(KEYS_NOTE)
    names = ["admin", "oracle", "keeper", "treasury", *(f"trader {number}" for number in range(1, traders + 1))]
    written: dict[str, str] = {}
    for name in names:
        path = folder / f"{name.replace(' ', '-')}.json"
        path.unlink(missing_ok=True)
        write_keypair(path, local_keypair(name))
        written[name] = str(path)
    return written


async def prepare(net: Localnet, traders: int, step: Callable[..., None]) -> None:
    """Deploy, list, open, fund and publish first prices."""
    from evertide._localnet import local_keypair
    from evertide_cli.quickstart import chain as chains
    from evertide_cli.quickstart import market_setup, tape
    from evertide_cli.quickstart.prices import publish

    roles = market_setup.cast()
    async with chains.connect(net, roles.admin) as chain:
        step("deploying the program through the loader")
        await market_setup.deploy_program(chain, roles, by_writes=False)
        step("making test mints")
        await market_setup.make_mints(chain, roles)
        step("initializing the exchange and listing markets")
        await market_setup.initialize(chain, roles)
        await market_setup.open_and_insure(chain, roles)
        step("funding traders")
        fundings = [
            market_setup.Funding(local_keypair(f"trader {number}"), 2 * TRADER_USDC, TRADER_USDC, TRADER_SOL)
            for number in range(1, traders + 1)
        ]
        await market_setup.fund_traders(chain, roles, fundings, lambda: None)
        step("publishing first prices")
        first = tape.generate(1, start_ms=tape.parse_time(tape.DEFAULT_START, "start"))
        prices = {symbol: values[0] for symbol, values in tape.prices_of(first, tape.DEFAULT_SEED).items()}
        await publish(chain, roles, prices)


@app.command("up")
def up(
    context: typer.Context,
    rpc_port: int = typer.Option(8899, min=0, max=65_535, help="0: any free port."),
    ws_port: int = typer.Option(8900, min=0, max=65_535, help="0: any free port."),
    slot_ms: int = typer.Option(400, min=1, max=10_000, help="Length of a slot."),
    traders: int = typer.Option(4, min=1, max=64, help="Funded traders."),
    directory: Path = typer.Option(None, help="State, log and keys; default in the cache."),
) -> None:
    """Start the validator, deploy, list three markets, fund traders."""
    from evertide._localnet import start, stop

    settings = settings_of(context)
    net = start(directory, rpc_port=rpc_port, ws_port=ws_port, slot_ms=slot_ms)
    try:
        with progress("starting", as_json=settings.as_json, total=6) as step:
            asyncio.run(prepare(net, traders, step))
    except BaseException:
        stop(net.directory)
        raise
    keys = write_keys(net, traders)
    if settings.as_json:
        show({**net.as_json(), "keys": keys}, as_json=True)
        return
    show({"rpc": net.rpc_url, "ws": net.ws_url, "slot_ms": slot_ms, "keys": keys_directory(net)}, as_json=False)
    print(f"try: evertide --rpc-url {net.rpc_url} --keypair {keys['trader 1']} account show")


@app.command("down")
def down(context: typer.Context, directory: Path = typer.Option(None, help="As given to up.")) -> None:
    """Stop the validator; its state is gone."""
    from evertide._localnet import stop

    show({"stopped": stop(directory)}, as_json=settings_of(context).as_json)


@app.command("status")
def status(context: typer.Context, directory: Path = typer.Option(None, help="As given to up.")) -> None:
    """Whether the validator runs, where, and at which slot."""
    from evertide._localnet import RpcClient
    from evertide._localnet import status as net_status

    settings = settings_of(context)
    net = net_status(directory)
    if net is None:
        show({"running": False}, as_json=settings.as_json)
        raise typer.Exit(1)
    with RpcClient(net.rpc_url) as rpc:
        rows: dict[str, Any] = {"running": True, **net.as_json(), "slot": rpc.call("getSlot")}
    show(rows, as_json=settings.as_json)
