"""Runs keepers side by side until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertide_engine.warm_up import warm_up

from .config import KeeperConfig, read_keypair
from .endpoint import serve
from .errors import ConfigError, JitDisabled, KeeperError
from .journal import Journal
from .keeper import KINDS, Keeper, build_keepers
from .settings import OracleSettings
from .sources import HermesSource, Source, TapeSource
from .spine import Spine

if TYPE_CHECKING:
    from evertide import EvertideClient

TROUBLE_FIRST_S = 0.5
TROUBLE_MOST_S = 15.0


def require_jit() -> None:
    """Refuse to run without numba's compiler. Raises `JitDisabled`."""
    found = os.environ.get("NUMBA_DISABLE_JIT", "0")
    if found not in ("", "0"):
        raise JitDisabled("NUMBA_DISABLE_JIT", found, "unset or 0")


def make_source(settings: OracleSettings) -> Source | None:
    """The price source that the settings name; None where there is none. Raises `ConfigError`, `SourceError`."""
    if settings.tape is not None and settings.hermes_url is not None:
        raise ConfigError("oracle: one source", "tape and hermes_url", "one of them")
    if settings.tape is not None:
        return TapeSource.read(Path(settings.tape), settings.tape_shift_ms, settings.confidence_bps)
    if settings.hermes_url is not None:
        return HermesSource(settings.hermes_url, settings.hermes_feeds)
    return None


async def run(config: KeeperConfig, stop: asyncio.Event, client: EvertideClient | None = None) -> None:
    """Run the configured keepers until `stop` is set. Raises what makes a start impossible; later, trouble is sat out.

    `client`, where given, is used instead of one made from the configuration, and stays open.
    """
    require_jit()
    async with contextlib.AsyncExitStack() as stack:
        if client is None:
            client = await stack.enter_async_context(_client(config))
        await config.check_chain(client.rpc)
        journal = None if config.journal is None else Journal(Path(config.journal), config.plain_settings())
        spine = Spine(client, ws_url=config.ws_url, journal=journal)
        stack.push_async_callback(spine.close)
        settings = {name: config.settings.get(name, KINDS[name].settings) for name in config.keepers}
        source = make_source(settings["oracle"]) if "oracle" in settings else None
        if source is not None:
            stack.push_async_callback(source.close)
        keepers = build_keepers(spine, config.keepers, source=source, settings=settings)
        if config.health_port is not None:
            server = await serve(spine, config.health_port)
            stack.callback(server.close)
        # A kernel compiled in the middle of a step would hold the step up for seconds.
        await asyncio.to_thread(warm_up)
        await spine.start()
        await _until_stopped([_loop(keeper, stop) for keeper in keepers.values()], stop)


def _client(config: KeeperConfig) -> EvertideClient:
    from solders.pubkey import Pubkey

    from evertide import EvertideClient, SendOptions

    if config.keypair is None:
        raise ConfigError("keypair", "nothing", "the keypair file of the key that pays")
    cap = config.priority_fee_cap_micro_lamports
    return EvertideClient(
        config.rpc_url,
        payer=read_keypair(config.keypair),
        signers=[read_keypair(path) for path in config.signers],
        ws_url=config.ws_url,
        commitment=config.commitment,
        options=SendOptions(details=False, priority_fee_cap_micro_lamports=cap),
        program_id=Pubkey.from_string(config.program_id),
    )


async def _until_stopped(loops: list[Any], stop: asyncio.Event) -> None:
    """Run loops until the stop or the first that fails for good; none outlives this call."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    ended = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in [*tasks, ended]:
            task.cancel()
        await asyncio.gather(*tasks, ended, return_exceptions=True)


async def _loop(keeper: Keeper, stop: asyncio.Event) -> None:
    """Step, pause, step. What a node or a source cannot give now is asked for again later."""
    from evertide import TransportError

    trouble_s = TROUBLE_FIRST_S
    while not stop.is_set():
        try:
            await keeper.step()
            trouble_s = TROUBLE_FIRST_S
            pause_s = KINDS[keeper.name].pause_ms / 1000
        except (TransportError, KeeperError) as error:
            keeper.spine.health.note_trouble(keeper.name, str(error))
            pause_s, trouble_s = trouble_s, min(trouble_s * 2, TROUBLE_MOST_S)
        waits = [asyncio.create_task(stop.wait())]
        if KINDS[keeper.name].woken:
            waits.append(asyncio.create_task(keeper.spine.feed.woken.wait()))
        _, pending = await asyncio.wait(waits, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


def run_until_signalled(config: KeeperConfig) -> int:
    """Run until SIGINT or SIGTERM; 0 after a clean stop. Raises what makes a start impossible."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await run(config, stop)

    asyncio.run(main())
    return 0


__all__ = ["make_source", "require_jit", "run", "run_until_signalled", "warm_up"]
