"""The command line's settings: flags, then EVERTIDE_* variables, then the configuration file, then defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .errors import ConfigProblem, UsageProblem

CONFIG_VARIABLE = "EVERTIDE_CONFIG"
COMMITMENTS = ("processed", "confirmed", "finalized")

KEYS: dict[str, str] = {
    "rpc_url": "HTTP address of the validator's RPC",
    "ws_url": "WebSocket address of the validator",
    "keypair": "Solana keypair file that signs and pays",
    "commitment": "processed, confirmed or finalized",
    "sub_id": "which of the authority's trading accounts (0-65535)",
    "priority_fee_micro_lamports": "priority fee for each compute unit, micro-lamports",
    "timeout_ms": "longest wait for a confirmation, milliseconds",
}


@dataclass(frozen=True)
class Settings:
    """Resolved settings; `sources` says for each key where its value came from."""

    rpc_url: str = "http://127.0.0.1:8899"
    ws_url: str = "ws://127.0.0.1:8900"
    keypair: str = "~/.config/solana/id.json"
    commitment: str = "confirmed"
    sub_id: int = 0
    priority_fee_micro_lamports: int = 0
    timeout_ms: int = 60_000
    as_json: bool = False
    dry_run: bool = False
    export_unsigned: Path | None = None
    acting_as: str | None = None
    config_path: Path = Path()
    sources: Mapping[str, str] = field(default_factory=dict)


def config_path(environment: Mapping[str, str]) -> Path:
    """The configuration file's place; it need not exist."""
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named).expanduser()
    base = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "evertide" / "config.toml"


def read_config(path: Path) -> dict[str, Any]:
    """The file's keys and values; empty when there is no file. Raises ConfigProblem."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigProblem(f"cannot read configuration file {path}: {error.strerror}", path=path) from None
    try:
        values = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigProblem(f"configuration file {path} is not TOML: {error}", path=path) from None
    unknown = sorted(set(values) - set(KEYS))
    if unknown:
        known = ", ".join(KEYS)
        raise ConfigProblem(f"configuration file {path}: unknown key {unknown[0]!r}; keys are {known}", key=unknown[0])
    return values


def check_value(key: str, value: Any, source: str) -> Any:
    """One value in its own type, or ConfigProblem naming the source, the value and the rule."""
    if key not in KEYS:
        raise UsageProblem(f"unknown setting {key!r}; settings are {', '.join(KEYS)}", key=key)
    if key in ("sub_id", "priority_fee_micro_lamports", "timeout_ms"):
        top = {"sub_id": 65_535, "priority_fee_micro_lamports": 10_000_000, "timeout_ms": 600_000}[key]
        low = 1 if key == "timeout_ms" else 0
        digits = isinstance(value, (int, str)) and not isinstance(value, bool) and str(value).isascii()
        if not digits or not str(value).isdigit():
            raise ConfigProblem(f"{key} from {source} must be a whole number, found {value!r}", key=key)
        if not low <= int(value) <= top:
            raise ConfigProblem(f"{key} from {source} must be {low} to {top}, found {value}", key=key, found=int(value))
        return int(value)
    if not isinstance(value, str) or not value:
        raise ConfigProblem(f"{key} from {source} must be text, found {value!r}", key=key)
    if key == "commitment" and value not in COMMITMENTS:
        known = ", ".join(COMMITMENTS)
        raise ConfigProblem(f"commitment from {source} must be one of {known}, found {value!r}", key=key)
    if key.endswith("_url"):
        schemes = ("http://", "https://") if key == "rpc_url" else ("ws://", "wss://")
        if not value.startswith(schemes):
            raise ConfigProblem(f"{key} from {source} must start with {' or '.join(schemes)}, found {value!r}", key=key)
    return value


def resolve(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from all sources. `flags` holds what the command line said (None: nothing)."""
    environment = os.environ if environment is None else environment
    path = Path(flags["config"]).expanduser() if flags.get("config") else config_path(environment)
    if flags.get("config") and not path.is_file():
        raise ConfigProblem(f"configuration file {path} does not exist", path=path)
    file_values = read_config(path)
    chosen: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key in KEYS:
        variable = f"EVERTIDE_{key.upper()}"
        option = "--" + key.replace("_", "-")
        stated = ((flags.get(key), option), (environment.get(variable), variable), (file_values.get(key), str(path)))
        for value, source in stated:
            if value is not None and value != "":
                chosen[key] = check_value(key, value, source)
                sources[key] = source
                break
        else:
            sources[key] = "default"
    if "rpc_url" in chosen and "ws_url" not in chosen:
        chosen["ws_url"] = derive_ws_url(chosen["rpc_url"])
        sources["ws_url"] = "from rpc_url"
    base = Settings(
        as_json=bool(flags.get("as_json")),
        dry_run=bool(flags.get("dry_run")),
        config_path=path,
        sources=sources,
        **check_export(flags),
    )
    return replace(base, **chosen)


def check_export(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The file that an unsigned transaction goes into, and who will sign it. Raises UsageProblem."""
    file, acting = flags.get("export_unsigned"), flags.get("acting_as")
    if acting is not None and file is None:
        raise UsageProblem("--acting-as needs --export-unsigned: only its holder's key can act for an address")
    if file is None:
        return {}
    if flags.get("dry_run"):
        raise UsageProblem("--export-unsigned and --dry-run exclude each other: an export is simulated anyway")
    path = Path(file).expanduser()
    if path.exists():
        raise UsageProblem(f"{path} exists already and is never overwritten", path=path)
    return {"export_unsigned": path, "acting_as": acting}


def derive_ws_url(rpc_url: str) -> str:
    """The WebSocket address that goes with an RPC address: the next port, as Solana validators have it."""
    scheme, rest = rpc_url.split("://", 1)
    host, separator, port = rest.rstrip("/").rpartition(":")
    ws_scheme = "wss" if scheme == "https" else "ws"
    if separator and port.isdigit():
        return f"{ws_scheme}://{host}:{int(port) + 1}"
    return f"{ws_scheme}://{rest.rstrip('/')}"


def write_value(path: Path, key: str, value: str) -> Any:
    """Set one key in the configuration file; returns the value as stored."""
    import tomli_w

    checked = check_value(key, value, "the command line")
    values = read_config(path)
    values[key] = checked
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".toml.new")
    temporary.write_bytes(tomli_w.dumps(values).encode())
    temporary.replace(path)
    return checked


def as_rows(settings: Settings) -> list[dict[str, Any]]:
    """Key, value, source and meaning of every setting."""
    names = {item.name for item in fields(settings)}
    return [
        {
            "key": key,
            "value": getattr(settings, key),
            "source": settings.sources.get(key, "default"),
            "meaning": meaning,
        }
        for key, meaning in KEYS.items()
        if key in names
    ]
