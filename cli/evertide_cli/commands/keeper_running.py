"""`evertide keeper run`, `health`, `report` and `replay`: keepers that run, what they did, and their journals."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import settings_of
from evertide_cli.errors import CliError, Unreachable, UsageProblem
from evertide_cli.keys import read_keypair
from evertide_cli.output import console, progress, show, table, watch

if TYPE_CHECKING:
    from evertide_cli.settings import Settings
    from evertide_keepers import KeeperConfig

HEALTH_PORT = 9_470
DIFFERENCES_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("run")(run_keepers)
    app.command("health")(health)
    app.command("report")(report)
    app.command("replay")(replay_journal)


def run_keepers(
    context: typer.Context,
    file: Path = typer.Option(None, "--file", help="keepers.toml; default: all keepers with this line's settings."),
    only: list[str] = typer.Option([], "--only", help="These keepers; repeat for more."),
    tape: Path = typer.Option(
        None, "--tape", help="CSV: timestamp (unix seconds) and a column of USD prices a symbol."
    ),
    hermes: str = typer.Option("", "--hermes", help="URL of Pyth's Hermes, with the feeds of --file."),
    signer: list[Path] = typer.Option([], "--signer", help="Keypair file that signs local prices; repeat for more."),
    health_port: int = typer.Option(
        HEALTH_PORT, min=0, max=65_535, help="Port of /health, /report and /metrics on 127.0.0.1."
    ),
    with_report: bool = typer.Option(False, "--report", help="At the end show what each keeper did, earned and paid."),
) -> None:
    """Run keepers until interrupted; with --dry-run they plan and simulate, and send nothing."""
    settings = settings_of(context)
    config = configuration(settings, file, only, tape, hermes, signer)
    config = dataclasses.replace(config, health_port=config.health_port or health_port)
    from evertide_keepers import run as run_all

    names = ", ".join(config.keepers)
    with progress(f"keepers {names}; health at 127.0.0.1:{config.health_port}", as_json=settings.as_json):
        books = run_all(config, dry_run=settings.dry_run)
    body = {"action": "keeper run", "keepers": list(config.keepers), "dry_run": settings.dry_run, "stopped": True}
    if not with_report or settings.as_json:
        show(body | ({"report": books} if with_report else {}), as_json=settings.as_json)
    else:
        console().print(draw_books(books))


def configuration(
    settings: Settings, file: Path | None, only: list[str], tape: Path | None, hermes: str, signers: list[Path]
) -> KeeperConfig:
    """The file's configuration, or one from this command line; flags win over the file."""
    from evertide_keepers import KINDS, KeeperConfig, OracleSettings

    base = KeeperConfig.load(file) if file else KeeperConfig(rpc_url=settings.rpc_url, ws_url=settings.ws_url)
    keypair = base.keypair or str(Path(settings.keypair).expanduser())
    for path in (Path(keypair), *signers):
        read_keypair(path)
    changes: dict[str, Any] = {"keypair": keypair}
    if only:
        changes["keepers"] = tuple(only)
    elif not file and tape is None and not hermes:
        changes["keepers"] = tuple(name for name in KINDS if name != "oracle")
    if signers:
        changes["signers"] = tuple(str(path) for path in signers)
    if tape is not None or hermes:
        oracle = base.settings.get("oracle", OracleSettings())
        oracle = dataclasses.replace(oracle, tape=str(tape) if tape else None, hermes_url=hermes or None)
        changes["settings"] = {**base.settings, "oracle": oracle}
    return dataclasses.replace(base, **changes)


def health(
    context: typer.Context,
    url: str = typer.Option(f"http://127.0.0.1:{HEALTH_PORT}", "--url", help="Where the keepers serve it."),
    live: bool = typer.Option(False, "--watch", help="Show again every second."),
) -> None:
    """What running keepers have confirmed lately; exit code 1 when one of them is not healthy."""
    settings = settings_of(context)
    if live:
        watch(lambda: read_from(url, "health"), draw_health, as_json=settings.as_json, every_ms=1000)
        return
    found = read_from(url, "health")
    if settings.as_json:
        show(found, as_json=True)
    else:
        console().print(draw_health(found))
        for alarm in found.get("alarms", ()):
            console().print(f"alarm {alarm['kind']} ({alarm['subject']}) for {alarm['age_s']} s: {alarm['message']}")
    if not found["healthy"]:
        raise CliError("not every keeper is healthy", healthy=False)


def report(
    context: typer.Context,
    url: str = typer.Option(f"http://127.0.0.1:{HEALTH_PORT}", "--url", help="Where the keepers serve it."),
) -> None:
    """What each of the running keepers did, earned, paid and was refused."""
    settings = settings_of(context)
    books = read_from(url, "report")
    if settings.as_json:
        show(books, as_json=True)
    else:
        console().print(draw_books(books))


def replay_journal(context: typer.Context, file: Path = typer.Argument(help="A journal of keepers.")) -> None:
    """Run a journal through the same plans again; exit code 1 when a decision comes out differently."""
    from evertide_keepers import replay

    settings = settings_of(context)
    found = replay(file)
    body: dict[str, Any] = {
        "file": str(file),
        "lines": found.lines,
        "decisions": found.decisions,
        "decisions_of": found.decisions_of,
        "different": len(found.differences),
        "whole": found.torn_line is None,
    }
    if found.torn_line is not None:
        body["torn_line"] = found.torn_line
        body["note"] = f"line {found.torn_line} is cut off: read to line {found.lines}"
    if found.differences:
        body["differences"] = [dataclasses.asdict(one) for one in found.differences[:DIFFERENCES_SHOWN]]
    show(body, as_json=settings.as_json)
    if found.differences:
        first = found.differences[0]
        raise CliError(
            f"{len(found.differences)} of {found.decisions} decisions differ, the first in line {first.line} "
            f"by {first.keeper}: noted {len(first.noted)} actions, found {len(first.found)}"
        )


def read_from(url: str, what: str) -> dict[str, Any]:
    """A page of running keepers. Raises Unreachable."""
    if not url.startswith(("http://", "https://")):
        raise UsageProblem(f"--url must start with http:// or https://, found {url!r}")
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/{what}", timeout=5) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        # Unhealthy keepers answer 503 with the same body.
        body = error.read()
    except (urllib.error.URLError, OSError) as error:
        raise Unreachable(f"no keepers answer at {url}: {getattr(error, 'reason', error)}") from None
    try:
        found = json.loads(body)
    except ValueError:
        raise Unreachable(f"{url} does not answer like keepers do") from None
    if not isinstance(found, dict) or "keepers" not in found:
        raise Unreachable(f"{url} does not answer like keepers do")
    return found


def draw_health(found: dict[str, Any]) -> Any:
    """One row for each keeper."""
    rows = [{"keeper": name, **entry} for name, entry in found["keepers"].items()]
    return table(rows, "healthy" if found["healthy"] else "NOT HEALTHY")


def draw_books(books: dict[str, Any]) -> Any:
    """One row for each keeper; amounts exact, in SOL and USDC."""
    from evertide import atoms_to_token, atoms_to_usdc

    rows = []
    for name, account in books["keepers"].items():
        refused = ", ".join(f"{error} {count}" for error, count in sorted(account["refused"].items()))
        rows.append(
            {
                "keeper": name,
                "planned": account["planned"],
                "confirmed": account["confirmed"],
                "simulated": account["simulated"],
                "failed": account["failed"],
                "undone": account["undone"],
                "earned_usdc": atoms_to_usdc(account["earned_atoms"]),
                "paid_sol": atoms_to_token(account["paid_lamports"], 9),
                "refused": refused or "-",
            }
        )
    waiting = books["not_booked_yet"]
    return table(rows, "keepers" if not waiting else f"keepers; {waiting} transactions are not booked yet")
