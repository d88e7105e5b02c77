"""What lies in ops/ fits the code: every metric that a dashboard or an alert names is exported, and the other way."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keeper_world as kw
import promql_parser
import pytest
import yaml
from test_spine import Client

from evertide_keepers import Spine
from evertide_keepers.alarms import KINDS_OF_ALARM
from evertide_keepers.metrics import COUNTERS, GAUGES, HISTOGRAMS, exported

OPS = Path(__file__).resolve().parents[3] / "ops"
DASHBOARD = json.loads((OPS / "grafana" / "evertide.json").read_text())
ALERTS = yaml.safe_load((OPS / "prometheus" / "alerts.yml").read_text())
UNIT = OPS / "systemd" / "evertide-keeper.service"
NAME = re.compile(r"\b(?:evertide_[a-z_]+)\b")
GRID_COLUMNS = 24
UNITS = ("_seconds", "_lamports", "_atoms", "_bytes")


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Every expression of dashboard and alerts, Grafana's variables filled in."""
    for rule in rules():
        yield rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$keeper", ".*")


def test_every_expression_parses_and_every_metric_has_a_reader() -> None:
    named: set[str] = set()
    for expression in expressions():
        promql_parser.parse(expression)
        named |= set(NAME.findall(expression))
    assert named == exported(), (sorted(named - exported()), sorted(exported() - named))


async def test_what_is_exported_is_what_a_scrape_shows() -> None:
    spine = Spine(Client(kw.World.with_market()))  # type: ignore[arg-type]
    text = spine.metrics.text().decode()
    shown = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    gone = {f"{name}_created" for name in HISTOGRAMS}
    assert shown - gone == {f"{name}_total" for name in COUNTERS} | set(GAUGES) | set(HISTOGRAMS)


def test_names_follow_the_convention_unit_last() -> None:
    for name, (text, labels) in {**COUNTERS, **GAUGES, **HISTOGRAMS}.items():
        assert (
            name.startswith("evertide_")
            and not name.endswith("_total")
            and text
            and labels == sorted(set(labels), key=labels.index)
        )
        assert not re.search(r"_(ms|s|lamport|atom|byte)$", name), name
        assert not any(unit in name and not name.endswith(unit) for unit in UNITS), name
    assert all(name.endswith("_seconds") for name in HISTOGRAMS)


def test_the_dashboard_has_the_form_that_grafana_reads() -> None:
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "instance", "keeper"} and DASHBOARD["schemaVersion"] >= 36
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= GRID_COLUMNS and not taken & cells, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["datasource"]["uid"] == "${datasource}"
        assert [target["refId"] for target in panel["targets"]] == [chr(65 + at) for at in range(len(panel["targets"]))]
        assert all(target["legendFormat"] for target in panel["targets"])


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) and all(name.startswith("Evertide") for name in names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_every_alarm_is_explained() -> None:
    pages = "".join((OPS.parent / "docs" / name).read_text() for name in ("keepers.md", "running-keepers.md"))
    missing = [kind for kind in KINDS_OF_ALARM if f"| `{kind}`" not in pages and f", `{kind}`" not in pages]
    assert not missing, missing


def tool(name: str) -> str:
    """Where a tool is; without it the test is left out, and the run says so."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed; the other tests of this file need none")


def test_promtool_accepts_the_alerts() -> None:
    command = [tool("promtool"), "check", "rules", OPS / "prometheus" / "alerts.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return parser


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("CapabilityBoundingSet", ""),
        ("KillSignal", "SIGTERM"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2"),
        ("UMask", "0077"),
    ],
)
def test_the_service_is_hardened(key: str, value: str) -> None:
    assert unit()["Service"][key] == value


def test_the_service_stops_later_than_the_keepers_do_and_starts_what_exists() -> None:
    import typer

    from evertide_cli.app import build
    from evertide_keepers import KeeperConfig

    grace_s = KeeperConfig(rpc_url="http://x").stop_grace_ms / 1000
    assert int(unit()["Service"]["TimeoutStopSec"]) > grace_s + 10
    words = unit()["Service"]["ExecStart"].split()
    assert words[1:4] == ["--json", "keeper", "run"]
    group = typer.main.get_command(build())
    command = group.get_command(None, "keeper").get_command(None, "run")  # type: ignore[attr-defined, arg-type]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[4:] if word.startswith("--")} <= known


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/evertide/bin/evertide", sys.executable))
    command = [tool("systemd-analyze"), "verify", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
