"""Runs keepers side by side until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import EvertideClient, RpcClient, RpcPool, SendOptions
from evertide_engine.warm_up import warm_up

from . import handshake, secrecy
from .config import KeeperConfig, read_keypair
from .endpoint import serve
from .environment import Environment
from .errors import ConfigError, JitDisabled, VersionMismatch, WrongChain
from .journal import Journal
from .keeper import KINDS, Keeper, build_keepers
from .logs import Logging, log
from .lookout import Lookout
from .settings import OracleSettings
from .sources import HermesSource, Source, TapeSource
from .spine import LAST_LOOK, Spine

TROUBLE_FIRST_S = 0.5
TROUBLE_MOST_S = 15.0
FAILING_AFTER = 3
"""Steps in a row that cannot be made before an alarm is raised."""
FATAL = (VersionMismatch, WrongChain, ConfigError)
"""What no wait can mend: everything stops."""


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


def make_client(config: KeeperConfig, payer: Keypair, environment: Environment) -> EvertideClient:
    """A client over all nodes of a configuration. Raises `ConfigError` for a signer's file."""
    commitment, timeout_s = config.commitment, config.timeout_ms / 1000
    nodes = [
        RpcClient(url, commitment=commitment, timeout_s=timeout_s, transport=environment.transport(url))
        for url in config.node_urls
    ]
    return EvertideClient(
        config.node_urls[0],
        payer=payer,
        signers=[read_keypair(path) for path in config.signers],
        ws_url=config.socket_urls[0] if config.socket_urls else None,
        commitment=commitment,
        options=send_options(config),
        program_id=Pubkey.from_string(config.program_id),
        rpc=RpcPool(nodes, requests_per_second=config.requests_per_second, source=environment.random),
        connect=environment.connect,
    )


def send_options(config: KeeperConfig) -> SendOptions:
    """How keepers send."""
    cap = config.priority_fee_cap_micro_lamports
    return SendOptions(details=False, priority_fee_cap_micro_lamports=cap, preflight_commitment=LAST_LOOK)


async def run(
    config: KeeperConfig,
    stop: asyncio.Event,
    client: EvertideClient | None = None,
    *,
    environment: Environment | None = None,
    dry_run: bool = False,
    log_lines_dropped: Any = lambda: 0,
) -> dict[str, Any]:
    """Run the configured keepers until `stop` is set; what they did. Raises what makes a start impossible, and a
    `VersionMismatch` when the program is replaced meanwhile; other trouble is sat out.

    `client`, where given, is used instead of one made from the configuration, and stays open.
    """
    require_jit()
    outside = environment or Environment()
    async with contextlib.AsyncExitStack() as stack:
        if client is None:
            if config.keypair is None:
                raise ConfigError("keypair", "nothing", "the keypair file of the key that pays")
            client = make_client(config, read_keypair(config.keypair), outside)
            await stack.enter_async_context(client)
        build = await handshake.check(config, client.rpc)
        await handshake.check_accounts(config, client.rpc, client.address())
        spine = _spine(config, client, outside, dry_run)
        spine.log_lines_dropped = log_lines_dropped
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
        if outside.warm_up is warm_up:
            await asyncio.to_thread(warm_up)
        else:
            outside.warm_up()
        await spine.start()
        known = {"keepers": list(keepers), "program_sha256": build.sha256, "known_build": build.is_known}
        log(logging.INFO, "keepers run", dry_run=dry_run, nodes=[one.shown for one in _nodes(client)], **known)
        lookout = Lookout(spine, config, outside, build, log_lines_dropped)
        await _until_stopped([_loop(keeper, stop) for keeper in keepers.values()], lookout.run(), stop, spine, config)
        await _close_books(spine)
        return spine.books.report()


def _nodes(client: EvertideClient) -> list[RpcClient]:
    return [one.client for one in client.rpc.endpoints] if isinstance(client.rpc, RpcPool) else [client.rpc]


def _spine(config: KeeperConfig, client: EvertideClient, environment: Environment, dry_run: bool) -> Spine:
    """The spine of a configuration. Raises `JournalError`."""
    journal = None
    if config.journal is not None:
        journal = Journal(
            Path(config.journal),
            config.plain_settings(),
            open_sink=environment.open_sink,
            bytes_max=config.journal_bytes_max,
            files_max=config.journal_files_max,
        )
    users = [getattr(settings, "liquidator_user", None) for settings in config.settings.values()]
    return Spine(
        client,
        ws_url=config.socket_urls or None,
        journal=journal,
        options=send_options(config),
        environment=environment,
        dry_run=dry_run,
        sends_max=config.sends_max,
        fee_hour_lamports_max=config.priority_fee_hour_lamports_max,
        own_users=[user for user in users if user is not None],
    )


async def _until_stopped(
    loops: list[Coroutine[Any, Any, None]],
    watching: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    spine: Spine,
    config: KeeperConfig,
) -> None:
    """Run loops until the stop or the first that fails for good; none outlives this call.

    After a stop nothing new is sent, and what is under way has `stop_grace_ms` to come to its end.
    """
    tasks = [asyncio.create_task(loop) for loop in loops]
    watcher, ended = asyncio.create_task(watching), asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*tasks, watcher, ended], return_when=asyncio.FIRST_COMPLETED)
        spine.stopping = True
        if ended in done:
            log(logging.INFO, "keepers stop", under_way=spine.sending)
        await asyncio.wait(tasks, timeout=config.stop_grace_ms / 1000 if ended in done else 0)
        for task in done:
            task.result()
    finally:
        spine.stopping = True
        for task in [*tasks, watcher, ended]:
            task.cancel()
        unknown = getattr(spine.client, "sender", None)
        if unknown is not None and unknown.in_flight:
            log(logging.WARNING, "outcomes unknown at the end", signatures=list(unknown.in_flight))
        await asyncio.gather(*tasks, watcher, ended, return_exceptions=True)


async def _close_books(spine: Spine) -> None:
    """Book what is confirmed, final or not: there is no later."""
    slot = spine.state.time.slot
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await spine.books.book(spine.client.rpc, spine.client.program_id, slot, spine.undo, final=False)


async def _loop(keeper: Keeper, stop: asyncio.Event) -> None:
    """Step, pause, step. What cannot be done now is tried again later, whatever the reason; others go on."""
    trouble_s, troubles = TROUBLE_FIRST_S, 0
    kind, spine = KINDS[keeper.name], keeper.spine
    while not stop.is_set():
        try:
            await keeper.step()
            trouble_s, troubles, pause_s = TROUBLE_FIRST_S, 0, kind.pause_ms / 1000
            spine.alarms.clear("keeper_failing", keeper.name)
        except FATAL:
            raise
        except Exception as error:
            troubles += 1
            spine.health.note_trouble(keeper.name, str(error))
            log(logging.WARNING, "step failed", keeper=keeper.name, error=f"{type(error).__name__}: {error}")
            if troubles >= FAILING_AFTER:
                spine.alarms.sound("keeper_failing", keeper.name, f"{type(error).__name__}: {error}")
            pause_s, trouble_s = trouble_s, min(trouble_s * 2, TROUBLE_MOST_S)
        await _pause(pause_s, stop, spine.feed.woken if kind.woken and not troubles else None)


async def _pause(seconds: float, stop: asyncio.Event, woken: asyncio.Event | None) -> None:
    """Wait; a stop ends it, and so does a hint of the feed."""
    waits = [asyncio.create_task(one.wait()) for one in (stop, woken) if one is not None]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()


def run_until_signalled(config: KeeperConfig, *, dry_run: bool = False) -> dict[str, Any]:
    """Run until SIGINT or SIGTERM; what was done, after a clean stop. Raises what makes a start impossible."""

    async def main(logging_: Logging) -> dict[str, Any]:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await run(config, stop, dry_run=dry_run, log_lines_dropped=lambda: logging_.dropped)

    keys = [read_keypair(path) for path in (config.keypair, *config.signers) if path is not None]
    hermes = getattr(config.settings.get("oracle"), "hermes_url", None)
    urls = (*config.node_urls, *config.socket_urls, *([] if hermes is None else [hermes]))
    logging_ = Logging(secrecy.collect(urls, keys))
    try:
        return asyncio.run(main(logging_))
    finally:
        logging_.close()


__all__ = ["make_client", "make_source", "require_jit", "run", "run_until_signalled", "warm_up"]
