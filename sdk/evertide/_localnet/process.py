"""Start, find and stop the local validator. Its state file says where it is; nobody needs to know how it runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from evertide._localnet.rpc import LocalnetError, RpcClient
from evertide._localnet.validator import ensure_validator, node_path
from evertide._resources import cache_directory, launcher_path

Mode = Literal["clock", "transaction"]
DEFAULT_RPC_PORT = 8899
DEFAULT_WS_PORT = 8900
ANY_FREE_PORT = 0


class LocalnetRunningError(LocalnetError):
    """A network already runs from this folder."""


@dataclass(frozen=True, slots=True)
class Localnet:
    """A running local network.

    `slot_ms`: length of a slot. `mode`: "clock" makes slots by time, "transaction" one per transaction.
    `started_at_ms`: unix ms by this machine's clock.
    """

    pid: int
    rpc_url: str
    ws_url: str
    slot_ms: int
    mode: Mode
    started_at_ms: int
    directory: Path

    def as_json(self) -> dict[str, object]:
        """Plain values for `--json`."""
        return {**asdict(self), "directory": str(self.directory)}


def default_directory() -> Path:
    """State and log of the network that `evertide localnet` manages."""
    return cache_directory() / "localnet"


def start(
    directory: Path | None = None,
    *,
    rpc_port: int = DEFAULT_RPC_PORT,
    ws_port: int = DEFAULT_WS_PORT,
    slot_ms: int = 400,
    mode: Mode = "clock",
    timeout_ms: int = 20_000,
    hold: bool = False,
) -> Localnet:
    """Start the validator and return once it answers.

    Port 0 takes any free one. With `hold` the network ends with this process, else it outlives it until `stop`.
    Raises LocalnetRunningError if one runs from this folder, LocalnetError if a port is taken or it does not come up.
    """
    folder = directory or default_directory()
    if (running := status(folder)) is not None:
        raise LocalnetRunningError(f"a local network already runs at {running.rpc_url} (process {running.pid})")
    if slot_ms < 1:
        raise LocalnetError(f"slot_ms must be at least 1, got {slot_ms}")
    for port in (rpc_port, ws_port):
        _refuse_taken_port(port)
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.json"
    state_file.unlink(missing_ok=True)
    command = [str(node_path()), str(launcher_path()), "--module", str(ensure_validator()), "--state", str(state_file)]
    command += ["--rpc-port", str(rpc_port), "--ws-port", str(ws_port), "--slot-ms", str(slot_ms), "--mode", mode]
    with (folder / "validator.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--hold"] if hold else command,
            stdin=subprocess.PIPE if hold else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if hold:
        _held.append(process)
    return _wait_until_up(process, folder, timeout_ms)


# Their stdin pipes must stay open: the launcher ends when its pipe closes.
_held: list[subprocess.Popen[bytes]] = []


def _wait_until_up(process: subprocess.Popen[bytes], folder: Path, timeout_ms: int) -> Localnet:
    deadline = time.monotonic() + timeout_ms / 1000
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = (folder / "validator.log").read_text(errors="replace").strip().splitlines() or ["no output"]
            raise LocalnetError(f"the local validator ended with code {process.returncode}: {lines[-1]}")
        if (found := status(folder)) is not None:
            return found
        time.sleep(0.02)
    process.terminate()
    process.wait(5)
    raise LocalnetError(f"the local validator did not answer within {timeout_ms} ms; see {folder / 'validator.log'}")


def status(directory: Path | None = None) -> Localnet | None:
    """The network of this folder if it runs and answers, else None."""
    folder = directory or default_directory()
    found = _read_state(folder)
    if found is None or not _is_launcher(found.pid):
        return None
    try:
        with RpcClient(found.rpc_url, timeout_ms=2_000) as client:
            client.call("getSlot")
    except LocalnetError:
        return None
    return found


def stop(directory: Path | None = None, *, timeout_ms: int = 5_000) -> bool:
    """Stop the network of this folder; False if none ran. Only a process that is the launcher is ever signalled."""
    folder = directory or default_directory()
    found = _read_state(folder)
    if found is None or not _is_launcher(found.pid):
        (folder / "state.json").unlink(missing_ok=True)
        return False
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_ms / 1000
    while _is_launcher(found.pid):
        _reap(found.pid)
        if time.monotonic() > deadline:
            os.kill(found.pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.02)
    (folder / "state.json").unlink(missing_ok=True)
    return True


def _reap(pid: int) -> None:
    """A child that ended stays a zombie until its parent asks."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _read_state(folder: Path) -> Localnet | None:
    try:
        state = json.loads((folder / "state.json").read_text())
        return Localnet(directory=folder, **state)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LocalnetError(f"{folder / 'state.json'} is not a state file: {error}") from error


def _is_launcher(pid: int) -> bool:
    """Process ids are used again; only its command line tells that this one is ours."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.endswith(b"launcher.js") for word in words)


def _refuse_taken_port(port: int) -> None:
    if port == ANY_FREE_PORT:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise LocalnetError(f"port {port} of 127.0.0.1 is not free: {error}") from error
