"""Keepers as processes of their own: started, killed, stopped for a while, started anew, and listened to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak_proxy import FaultyEndpoint
from solders.keypair import Keypair
from solders.pubkey import Pubkey

STARTED_WITHIN_S = 120.0
STOPPED_WITHIN_S = 45.0
RESTART_AFTER_S = 1.0
PIPE_BYTES = 1 << 16


@dataclass
class KeeperSet:
    """One operator: a key, a folder, its endpoints, and at most one process at a time."""

    name: str
    key: Keypair
    user: Pubkey
    """Its own account: takes positions over, earns its shares."""
    oracle: Keypair
    endpoints: list[FaultyEndpoint]
    folder: Path
    tape: Path
    journal_bytes_max: int | None = None
    """A disk that is full after so many bytes of any file."""
    starts: int = 0
    kills: int = 0
    deaths: list[str] = field(default_factory=list)
    """Ends that nobody asked for."""
    problems: list[str] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    served: bool = False
    """This process has answered at its health port."""
    given_up: int = 0
    """Starts that ended in one line, because no node answered."""
    _drain: asyncio.Task[None] | None = None
    _restart: asyncio.Task[None] | None = None
    _wanted: bool = False

    def write(self) -> None:
        """Key files and the configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, key in (("keeper", self.key), ("oracle", self.oracle)):
            (self.folder / f"{name}.json").write_text(json.dumps(list(bytes(key))))
        self._configure()

    def _configure(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        user = json.dumps(str(self.user))
        lines = [
            *self._endpoint_lines(),
            'keypair = "keeper.json"',
            'signers = ["oracle.json"]',
            f'journal = "journal-{self.starts}.jsonl"',
            f"health_port = {self.port}",
            "[oracle]",
            f"tape = {json.dumps(str(self.tape))}",
            'aliases = { "collateral:1" = "SOL-PERP" }',
            f"[matcher]\nkeeper_user = {user}",
            "[settler]\nminimum_atoms = 1000\ninterval_ms = 10000",
            f"[liquidator]\nliquidator_user = {user}\nkeeper_user = {user}\nminimum_profit_atoms = 1000",
            f"[collateral]\nliquidator_user = {user}\nminimum_discount_bps = 5",
            f"[bankruptcy]\nliquidator_user = {user}",
        ]
        (self.folder / "keepers.toml").write_text("\n".join(lines) + "\n")

    def _endpoint_lines(self) -> list[str]:
        urls, sockets = [one.url for one in self.endpoints], [one.ws_url for one in self.endpoints]
        return [f"rpc_urls = {json.dumps(urls)}", f"ws_urls = {json.dumps(sockets)}"]

    @property
    def is_up(self) -> bool:
        """A process of it runs."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start the process; its journal is a new file each time."""
        self.starts += 1
        self.served = False
        self._configure()
        environment = {**os.environ, "EVERTIDE_KEYPAIR": str(self.folder / "keeper.json"), "PYTHONUNBUFFERED": "1"}
        words = ["-m", "evertide_cli.main", "keeper", "run", "--file", str(self.folder / "keepers.toml")]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=self._limit,
        )
        self._wanted = True
        self.reading.set()
        self._drain = asyncio.create_task(self._listen(self.process))

    def _limit(self) -> None:
        if self.journal_bytes_max is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.journal_bytes_max, self.journal_bytes_max))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Its log, as far as somebody reads it; and its end."""
        assert process.stdout is not None
        with (self.folder / f"log-{self.starts}.txt").open("ab") as log:
            while True:
                await self.reading.wait()
                text = await process.stdout.read(PIPE_BYTES)
                if not text:
                    break
                log.write(text)
                log.flush()
        code = await process.wait()
        if self._wanted:
            self._note_end(code)
            await asyncio.sleep(RESTART_AFTER_S)
            self._restart = asyncio.create_task(self.start())

    def _note_end(self, code: int) -> None:
        """An end that nobody asked for: a service is started again, as a machine's supervisor would.

        Before it has begun it may give up where no node answers, in one line; afterwards nothing may end it.
        """
        words = self.last_words()
        if self.served or "Traceback" in words or not words.startswith("error:"):
            self.deaths.append(f"{self.name} ended by itself with code {code}: {words}")
        else:
            self.given_up += 1

    def last_words(self) -> str:
        """The last line of its newest log."""
        lines = (self.folder / f"log-{self.starts}.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "(nothing)"

    async def kill(self) -> None:
        """SIGKILL: nothing of it runs after this."""
        await self._settled()
        assert self.process is not None
        self._wanted = False
        self.kills += 1
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self._ended()

    async def stop(self) -> int:
        """SIGTERM, and its exit code; a process that does not stop in time is killed and counts as a problem."""
        await self._settled()
        assert self.process is not None
        self._wanted = False
        self.reading.set()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self._ended(), STOPPED_WITHIN_S)
        except TimeoutError:
            self.problems.append(f"{self.name} did not stop within {STOPPED_WITHIN_S:.0f} s of SIGTERM")
            self.process.kill()
            await self.process.wait()
        return int(self.process.returncode or 0)

    async def _settled(self) -> None:
        """A start that is under way comes first."""
        if self._restart is not None:
            await asyncio.wait([self._restart])

    async def _ended(self) -> None:
        assert self.process is not None
        self.reading.set()
        await self.process.wait()
        if self._drain is not None:
            await asyncio.wait([self._drain])

    def pause(self) -> None:
        """SIGSTOP: the machine gives it no time."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def ask(self, request: bytes, timeout_s: float = 5.0) -> bytes | None:
        """Bytes to its health port, and what came back; None when nobody answers."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(request)
                answer = await reader.read(1 << 20)
                writer.close()
                return answer
        except (OSError, TimeoutError):
            return None

    async def health(self) -> dict[str, Any] | None:
        """Its health report; None when it does not answer."""
        answer = await self.ask(b"GET /health HTTP/1.1\r\n\r\n")
        if not answer or b"\r\n\r\n" not in answer:
            return None
        try:
            found: dict[str, Any] = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        except ValueError:
            return None
        self.served = True
        return found

    async def answers(self, within_s: float) -> bool:
        """Whether it serves its health in time, whatever that is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while loop.time() < deadline:
            if await self.health() is not None:
                return True
            await asyncio.sleep(0.5)
        return False

    async def until_healthy(self, within_s: float) -> dict[str, Any] | None:
        """Wait for a report that says healthy; the last one seen."""
        report = None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while loop.time() < deadline:
            report = await self.health()
            if report is not None and report.get("healthy") and steps_of(report):
                return report
            await asyncio.sleep(0.5)
        return report

    def journals(self) -> list[Path]:
        """Every journal that it began."""
        return sorted(self.folder.glob("journal-*"))

    def texts(self) -> dict[str, bytes]:
        """Everything that it wrote and that others may read."""
        return {path.name: path.read_bytes() for path in [*self.journals(), *sorted(self.folder.glob("log-*"))]}


def steps_of(report: dict[str, Any]) -> int:
    """Steps of the keeper that has made fewest: nobody is well who has not begun."""
    return min((int(one["steps"]) for one in report["keepers"].values()), default=0)


def secrets_of(key: Keypair) -> list[bytes]:
    """A secret key in the forms in which it could leak."""
    raw = bytes(key)
    listed = str(list(raw))[1:-1]
    return [raw[:32], raw[:32].hex().encode(), str(key).encode(), listed.encode(), listed.replace(" ", "").encode()]


async def refuses_to_start(folder: Path, change: tuple[str, str], text: str) -> str | None:
    """F-27: start with a configuration in which `change` replaced a line; what is wrong with its end, or None."""
    name, line = change
    lines = [line if found.startswith(f"{name} =") else found for found in text.splitlines()]
    if line not in lines:
        lines.insert(0, line)
    path = folder / f"wrong-{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *["-m", "evertide_cli.main", "keeper", "run", "--file", str(path)],
        env={**os.environ, "EVERTIDE_KEYPAIR": str(folder / "keeper.json")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), STARTED_WITHIN_S)
    except TimeoutError:
        process.kill()
        return f"keepers run with a wrong {name}"
    told = errors.decode(errors="replace").strip().splitlines()
    if process.returncode not in (1, 2) or not told:
        return f"a wrong {name} ends with code {process.returncode} and {told[-1:]}"
    if any("Traceback" in each for each in told):
        return f"a wrong {name} ends with a traceback"
    return None
