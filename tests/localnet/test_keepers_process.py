"""Keepers as a process of their own on the real program: dry run, signals, report, log, journal, metrics, refusals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sdk_world import World
from solders.keypair import Keypair

from evertide_keepers import replay

pytestmark = pytest.mark.localnet

PATH_KEY = "0123456789abcdef0123"
RUN = (sys.executable, "-m", "evertide_cli.main", "--json")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


async def configured(world: World, folder: Path, port: int) -> tuple[Path, Keypair]:
    """A file that names two nodes (one network by two addresses), and a key of its own with SOL."""
    key = Keypair()
    world.net.cheats.fund(key.pubkey(), 10**9)
    (folder / "keeper.json").write_text(json.dumps(list(bytes(key))))
    other = world.net.rpc_url.replace("127.0.0.1", "localhost") + f"/{PATH_KEY}"
    file = folder / "keepers.toml"
    file.write_text(f'''
rpc_urls = ["{world.net.rpc_url}", "{other}"]
ws_url = "{world.net.ws_url}"
keypair = "keeper.json"
keepers = ["cache", "mark", "settler"]
commitment = "confirmed"
journal = "journal.jsonl"
health_port = {port}
''')
    return file, key


async def ran(file: Path, port: int, *words: str, until: Any) -> tuple[int, dict[str, Any], str, str]:
    """Run keepers until a condition of the health report holds, then stop them: code, output, log, metrics."""
    process = await asyncio.create_subprocess_exec(
        *RUN, *words, "keeper", "run", "--file", str(file), "--report", stdout=-1, stderr=-1
    )
    metrics = ""
    try:
        async with asyncio.timeout(120):
            while process.returncode is None:
                await asyncio.sleep(0.2)
                try:
                    found = json.loads(await asyncio.to_thread(get, f"http://127.0.0.1:{port}/health"))
                except OSError:
                    continue
                if until(found):
                    metrics = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/metrics")
                    break
        process.send_signal(signal.SIGTERM)
        out, log = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, json.loads(out or b"{}"), log.decode(), metrics


async def test_a_process_of_keepers_runs_reports_and_stops_without_a_secret_anywhere(
    world: World, tmp_path: Path
) -> None:
    port = free_port()
    file, key = await configured(world, tmp_path, port)
    balance = await world.client.rpc.get_balance(key.pubkey())

    def stepped(found: dict[str, Any]) -> bool:
        return all(found["keepers"].get(name, {}).get("steps", 0) >= 2 for name in ("cache", "mark", "settler"))

    code, dry, log, _ = await ran(file, port, "--dry-run", until=stepped)
    assert code == 0, log
    assert dry["dry_run"] is True and set(dry["report"]["keepers"]) == {"cache", "mark", "settler"}
    assert await world.client.rpc.get_balance(key.pubkey()) == balance, "a dry run pays nothing"

    def confirmed(found: dict[str, Any]) -> bool:
        return bool(found["keepers"].get("cache", {}).get("confirmed", 0))

    code, body, log, metrics = await ran(file, port, until=confirmed)
    assert code == 0 and body["stopped"] is True, log
    books = body["report"]["keepers"]["cache"]
    assert books["confirmed"] >= 1 and books["done"]["accrue_market"] >= 1
    assert books["booked"] >= 1 and books["paid_lamports"] >= 5_000, body
    events = [json.loads(line)["event"] for line in log.splitlines() if line.startswith("{")]
    assert "keepers run" in events and "keepers stop" in events
    assert 'evertide_keeper_actions_total{action="accrue_market",keeper="cache"}' in metrics
    assert 'evertide_node_usable{node="http://localhost' in metrics

    journal = tmp_path / "journal.jsonl"
    report = replay(journal)
    assert report.differences == () and report.torn_line is None and report.decisions >= 1
    assert (tmp_path / "journal.jsonl.1").is_file(), "of the dry run"
    for text in (log, metrics, json.dumps(body), journal.read_text()):
        assert PATH_KEY not in text and str(key) not in text and bytes(key).hex() not in text
        assert json.dumps(list(bytes(key)))[1:60] not in text


async def test_a_start_that_cannot_be_is_one_line_and_a_code(world: World, tmp_path: Path) -> None:
    """A port in use, another cluster, a key without SOL, a journal without a place: each named, nothing sent."""
    port = free_port()
    file, _ = await configured(world, tmp_path, port)
    text = file.read_text()
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps(list(bytes(Keypair()))))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        cases = {
            text.replace(f"health_port = {port}", f"health_port = {used}"): (1, "PortInUse", str(used)),
            f'genesis_hash = "nowhere"\n{text}': (2, "WrongChain", "needed nowhere"),
            text.replace("keeper.json", "empty.json"): (2, "ConfigError", "0 lamports"),
            text.replace("journal.jsonl", "no/such/folder/journal.jsonl"): (1, "JournalError", "can be written"),
        }
        for wrong, (code, kind, words) in cases.items():
            file.write_text(wrong)
            process = await asyncio.create_subprocess_exec(
                *RUN, "keeper", "run", "--file", str(file), stdout=-1, stderr=-1, env={**os.environ}
            )
            _, log = await asyncio.wait_for(process.communicate(), 60)
            last = json.loads(log.decode().strip().splitlines()[-1])["error"]
            assert (process.returncode, last["type"]) == (code, kind) and words in last["message"], last
