"""The keepers' configuration: one TOML file, every key known and typed, checked against the chain before anything runs.

rpc_url = "http://127.0.0.1:8899"
ws_url = "ws://127.0.0.1:8900"
genesis_hash = "..."
program_id = "..."
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
from typing import TYPE_CHECKING, Any, get_type_hints

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import PROGRAM_ID

from .errors import ConfigError, WrongChain
from .keeper import KINDS

if TYPE_CHECKING:
    from evertide import RpcClient

COMMITMENTS = ("processed", "confirmed", "finalized")
PATHS = ("keypair", "journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperConfig:
    """Everything that running keepers takes. Paths of a file are relative to that file."""

    rpc_url: str
    ws_url: str | None = None
    genesis_hash: str | None = None
    """Refuse to run on another chain; None: not checked."""
    program_id: str = str(PROGRAM_ID)
    keypair: str | None = None
    """Solana keypair file of the key that pays and signs."""
    signers: tuple[str, ...] = ()
    """Keypair files of local feeds."""
    keepers: tuple[str, ...] = tuple(KINDS)
    commitment: str = "confirmed"
    priority_fee_cap_micro_lamports: int = 100_000
    journal: str | None = None
    health_port: int | None = None
    """Port on 127.0.0.1 of GET /health and GET /metrics; None: not served."""
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
        for name, schemes in (("rpc_url", ("http://", "https://")), ("ws_url", ("ws://", "wss://"))):
            url = getattr(self, name)
            if url is not None and not url.startswith(schemes):
                raise ConfigError(name, url, f"a URL that begins with {' or '.join(schemes)}")
        try:
            Pubkey.from_string(self.program_id)
        except ValueError:
            raise ConfigError("program_id", self.program_id, "an address") from None
        if self.health_port is not None and not 0 <= self.health_port <= 65_535:
            raise ConfigError("health_port", self.health_port, "0 to 65535")

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
        if "rpc_url" not in values:
            raise ConfigError("rpc_url", "nothing", "a URL")
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
        return {name: dataclasses.asdict(settings) for name, settings in chosen.items()}

    async def check_chain(self, rpc: RpcClient) -> None:
        """Refuse a node on another chain or without the program. Raises `WrongChain` or a `TransportError`."""
        if self.genesis_hash is not None:
            found = str(await rpc.call("getGenesisHash"))
            if found != self.genesis_hash:
                raise WrongChain("genesis hash", found, self.genesis_hash)
        program = await rpc.get_account(Pubkey.from_string(self.program_id))
        if program is None or not program.executable:
            raise WrongChain("program", "no executable account" if program else "no account", self.program_id)


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
