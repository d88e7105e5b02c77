"""Keepers of Evertide: pure plans on one runner. Anyone can run them: one command, one key, one TOML file.

    from evertide_keepers import KeeperConfig, run
    run(KeeperConfig.load(Path("keepers.toml")))

A driver that paces them itself builds them on a `Spine` and awaits `step()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import KeeperConfig as KeeperConfig
    from .environment import Environment as Environment
    from .errors import ConfigError as ConfigError
    from .errors import JitDisabled as JitDisabled
    from .errors import JournalError as JournalError
    from .errors import KeeperError as KeeperError
    from .errors import PortInUse as PortInUse
    from .errors import SourceError as SourceError
    from .errors import VersionMismatch as VersionMismatch
    from .errors import WrongChain as WrongChain
    from .keeper import KINDS as KINDS
    from .keeper import Keeper as Keeper
    from .keeper import StepReport as StepReport
    from .keeper import build_keepers as build_keepers
    from .replaying import ReplayReport as ReplayReport
    from .replaying import replay as replay
    from .runner import warm_up as warm_up
    from .settings import BankruptcySettings as BankruptcySettings
    from .settings import CacheSettings as CacheSettings
    from .settings import CollateralSettings as CollateralSettings
    from .settings import FundingSettings as FundingSettings
    from .settings import GuardianSettings as GuardianSettings
    from .settings import JanitorSettings as JanitorSettings
    from .settings import LiquidatorSettings as LiquidatorSettings
    from .settings import MakerSettings as MakerSettings
    from .settings import MarkSettings as MarkSettings
    from .settings import MatcherSettings as MatcherSettings
    from .settings import OracleSettings as OracleSettings
    from .settings import SettlerSettings as SettlerSettings
    from .settings import TriggerSettings as TriggerSettings
    from .sources import HeldSource as HeldSource
    from .sources import HermesSource as HermesSource
    from .sources import TapeSource as TapeSource
    from .spine import Spine as Spine

_PLACES = {
    "KeeperConfig": "config",
    "ConfigError": "errors",
    "JitDisabled": "errors",
    "JournalError": "errors",
    "KeeperError": "errors",
    "PortInUse": "errors",
    "SourceError": "errors",
    "VersionMismatch": "errors",
    "WrongChain": "errors",
    "Environment": "environment",
    "KINDS": "keeper",
    "Keeper": "keeper",
    "StepReport": "keeper",
    "build_keepers": "keeper",
    "ReplayReport": "replaying",
    "replay": "replaying",
    "BankruptcySettings": "settings",
    "CacheSettings": "settings",
    "CollateralSettings": "settings",
    "FundingSettings": "settings",
    "GuardianSettings": "settings",
    "JanitorSettings": "settings",
    "LiquidatorSettings": "settings",
    "MakerSettings": "settings",
    "MarkSettings": "settings",
    "MatcherSettings": "settings",
    "OracleSettings": "settings",
    "SettlerSettings": "settings",
    "TriggerSettings": "settings",
    "HeldSource": "sources",
    "HermesSource": "sources",
    "TapeSource": "sources",
    "Spine": "spine",
    "warm_up": "runner",
}


def run(config: KeeperConfig, *, dry_run: bool = False) -> dict[str, Any]:
    """Run the configured keepers until SIGINT or SIGTERM; what they did. Raises a `KeeperError`.

    With `dry_run` they plan and simulate, and send nothing.
    """
    from .runner import run_until_signalled

    return run_until_signalled(config, dry_run=dry_run)


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    globals()[name] = value
    return value
