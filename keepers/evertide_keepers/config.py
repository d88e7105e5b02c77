"""The keepers' configuration: one TOML file, every key known and typed, checked against the chain before anything runs.

rpc_urls = ["http://127.0.0.1:8899"]     # in the order of preference; or rpc_url with one
ws_urls = ["ws://127.0.0.1:8900"]
genesis_hash = "..."
program_id = "..."
quote_mint = "..."
keypair = "keeper.json"
signers = ["oracle.json"]
keepers = ["oracle", "cache", "funding", "mark", "matcher", "settler"]

[matcher]
matches_max = 32
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import PROGRAM_ID
from evertide._rpc_call import shown_url

from .errors import ConfigError
from .journal import BYTES_MAX, FILES_MAX
from .keeper import KINDS

COMMITMENTS = ("processed", "confirmed", "finalized")
PATHS = ("keypair", "journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperConfig:
    """Everything that running keepers takes. Paths of a file are relative to that file."""

    rpc_url: str | None = None
    rpc_urls: tuple[str, ...] = ()
    """Nodes in the order of preference, after `rpc_url` where that is given too."""
    ws_url: str | None = None
    ws_urls: tuple[str, ...] = ()
    """WebSockets, one after the other where one is lost. None at all: every sync is a snapshot."""
    genesis_hash: str | None = None
    """Refuse to run on another chain; None: not checked."""
    program_id: str = str(PROGRAM_ID)
    program_sha256: str | None = None
    """Refuse to run with another build of the program; None: any whose accounts have the layouts known here."""
    quote_mint: str | None = None
    """Refuse an exchange that is quoted in another token; None: not checked."""
    keypair: str | None = None
    """Solana keypair file of the key that pays and signs."""
    signers: tuple[str, ...] = ()
    """Keypair files of local feeds."""
    keepers: tuple[str, ...] = tuple(KINDS)
    commitment: str = "confirmed"
    priority_fee_cap_micro_lamports: int = 100_000
    journal: str | None = None
    journal_bytes_max: int = BYTES_MAX
    """Bytes after which a journal goes on in a new file."""
    journal_files_max: int = FILES_MAX
    """Files of the journal that are kept."""
    health_port: int | None = None
    """Port on 127.0.0.1 of GET /health, /report and /metrics; None: not served."""
    timeout_ms: int = 10_000
    """Deadline of each request to a node."""
    requests_per_second: int = 0
    """Most requests to each node; 0: no bound."""
    slot_lag_max: int = 32
    """A node that is further behind the others is put aside."""
    sends_max: int = 32
    """Most transactions under way at a time."""
    priority_fee_hour_lamports_max: int = 100_000_000
    """Most that is bid in priority fees in an hour; beyond it nothing is bid."""
    balance_min_lamports: int = 50_000_000
    """An alarm is raised when the key that pays has less."""
    clock_drift_max_ms: int = 10_000
    """An alarm is raised when the chain's clock and this machine's differ by more."""
    stop_grace_ms: int = 10_000
    """After a signal to stop: how long the outcomes of what was sent are looked up."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of single keepers by name."""

    def __post_init__(self) -> None:
        for name in self.keepers:
            if name not in KINDS:
                raise ConfigError("keepers: a known keeper", name, ", ".join(KINDS))
        if not self.keepers or len(set(self.keepers)) != len(self.keepers):
            raise ConfigError("keepers: at least one, each once", list(self.keepers), ", ".join(KINDS))
        if self.commitment not in COMMITMENTS:
            raise ConfigError("commitment", self.commitment, " or ".join(COMMITMENTS))
        if not self.node_urls:
            raise ConfigError("rpc_url or rpc_urls", "nothing", "a URL")
        for name, urls, schemes in (
            ("rpc_url", self.node_urls, ("http://", "https://")),
            ("ws_url", self.socket_urls, ("ws://", "wss://")),
        ):
            for url in urls:
                if not url.startswith(schemes):
                    raise ConfigError(name, url.split("://")[0], f"a URL that begins with {' or '.join(schemes)}")
            if len(set(urls)) != len(urls):
                raise ConfigError(f"{name}s: each once", [shown_url(url) for url in urls], "no URL twice")
        for name in ("program_id", "quote_mint"):
            found = getattr(self, name)
            try:
                _ = None if found is None else Pubkey.from_string(found)
            except ValueError:
                raise ConfigError(name, found, "an address") from None
        for name in ("timeout_ms", "sends_max", "journal_files_max", "journal_bytes_max"):
            if getattr(self, name) < 1:
                raise ConfigError(name, getattr(self, name), "1 or more")
        if self.health_port is not None and not 0 <= self.health_port <= 65_535:
            raise ConfigError("health_port", self.health_port, "0 to 65535")

    @property
    def node_urls(self) -> tuple[str, ...]:
        """Every node, in the order of preference."""
        return (*([] if self.rpc_url is None else [self.rpc_url]), *self.rpc_urls)

    @property
    def socket_urls(self) -> tuple[str, ...]:
        """Every WebSocket, in the order of preference."""
        return (*([] if self.ws_url is None else [self.ws_url]), *self.ws_urls)

    @classmethod
    def load(cls, path: Path) -> KeeperConfig:
        """Read a TOML file. Raises `ConfigError`."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration {path}", error, "a readable file") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"configuration {path}", error, "TOML") from error
        return cls.parse(found, path.parent)

    @classmethod
    def parse(cls, found: Mapping[str, Any], folder: Path) -> KeeperConfig:
        """From a mapping as TOML gives it. Raises `ConfigError`."""
        hints = {name: kind for name, kind in get_type_hints(cls).items() if name != "settings"}
        values: dict[str, Any] = {}
        settings: dict[str, Any] = {}
        for key, value in found.items():
            if key in KINDS:
                settings[key] = _section(key, value)
            elif key in hints:
                values[key] = _typed(key, value, hints[key])
            else:
                raise ConfigError("a known key", key, ", ".join([*hints, *KINDS]))
        for name in PATHS:
            if values.get(name) is not None:
                values[name] = str(folder / values[name])
        values["signers"] = tuple(str(folder / name) for name in values.get("signers", ()))
        tape = settings["oracle"].tape if "oracle" in settings else None
        if tape is not None:
            settings["oracle"] = dataclasses.replace(settings["oracle"], tape=str(folder / tape))
        return cls(**values, settings=settings)

    def plain_settings(self) -> dict[str, Any]:
        """Settings of the chosen keepers as plain values, for a journal."""
        chosen = {name: self.settings.get(name, KINDS[name].settings) for name in self.keepers}
        plain = {name: dataclasses.asdict(settings) for name, settings in chosen.items()}
        for values in plain.values():
            # No plan looks at an address of a service, and its path and query may hold a key.
            values |= {key: shown_url(value) for key, value in values.items() if key.endswith("_url") and value}
        return plain


def _section(name: str, value: Any) -> Any:
    """Settings of one keeper from its table."""
    if not isinstance(value, Mapping):
        raise ConfigError(name, value, "a table")
    default = KINDS[name].settings
    hints = get_type_hints(type(default))
    for key in value:
        if key not in hints:
            raise ConfigError(f"a known key of [{name}]", key, ", ".join(hints))
    typed = {key: _typed(f"{name}.{key}", found, hints[key]) for key, found in value.items()}
    return dataclasses.replace(default, **typed)


def _typed(name: str, value: Any, kind: Any) -> Any:
    """A value of the kind that its field has."""
    text = str(kind)
    if text.startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise ConfigError(name, value, "a list of strings")
        return tuple(value)
    if text.startswith("dict"):
        if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
            raise ConfigError(name, value, "a table of strings")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(name, value, "true or false")
        return value
    wanted = int if kind is int or text.startswith("int") else str
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ConfigError(name, value, "a whole number" if wanted is int else "a string")
    if wanted is int and int(value) < 0 and not name.endswith("shift_ms"):
        raise ConfigError(name, value, "zero or more")
    return value


def read_keypair(path: str) -> Keypair:
    """A Solana keypair file. Raises `ConfigError`, which never shows what the file holds."""
    try:
        numbers = json.loads(Path(path).read_text(encoding="utf-8"))
        return Keypair.from_bytes(bytes(numbers))
    except OSError as error:
        raise ConfigError(f"keypair {path}", error.strerror, "a readable file") from None
    except (ValueError, TypeError):
        raise ConfigError(f"keypair {path}", "something else", "a JSON list of 64 bytes") from None
