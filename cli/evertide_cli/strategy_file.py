"""A strategy's file (TOML): which strategy, its settings, how it is run.

strategy = "maker"                  # or "mine.py:MyStrategy", a class in a Python file beside this one

[settings]                          # the strategy's own: `evertide strategy settings maker`
market = "BTC-PERP"
order_size = "0.05"
position_max = "0.5"

[limits]                            # optional: position_max_lots, order_max_lots, orders_max, loss_max_usd
[run]                               # optional: interval_ms, dead_man_ms, transactions_per_minute, backoff_max_ms
[backtest]                          # optional: equity_usd, interval_ms, latency_ms
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigProblem

if TYPE_CHECKING:
    from evertide.strategies import RunLimits, RunSettings, Strategy
    from evertide_keepers.backtest import BacktestSettings

TABLES = ("settings", "limits", "run", "backtest")
USD = ("loss_max_usd", "equity_usd")


@dataclass(frozen=True, slots=True)
class StrategyFile:
    """What the file says, checked as far as it can be without a market."""

    path: Path
    strategy: Strategy
    limits: RunLimits
    run: RunSettings
    backtest: BacktestSettings


def read_strategy(path: Path) -> StrategyFile:
    """Read and check a file. Raises ConfigProblem with one line that names the key, the value and the rule."""
    values = _read(path)
    for key in values:
        if key not in ("strategy", *TABLES):
            raise ConfigProblem(f"{path}: unknown key {key!r}; known: strategy, {', '.join(TABLES)}", key=key)
    for key in TABLES:
        if not isinstance(values.get(key, {}), Mapping):
            raise ConfigProblem(f"{path}: {key} must be a table, found {values[key]!r}", key=key)
    return _checked(path, values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigProblem(f"cannot read strategy file {path}: {error.strerror}", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigProblem(f"strategy file {path} is not TOML: {error}", path=path) from None


def _checked(path: Path, values: Mapping[str, Any]) -> StrategyFile:
    from evertide import UsageError
    from evertide.strategies import RunLimits, RunSettings, parse_settings
    from evertide_keepers import KeeperError
    from evertide_keepers.backtest import BacktestSettings

    tables = {name: dict(values.get(name, {})) for name in TABLES}
    try:
        strategy = _strategy(path, values.get("strategy"), tables["settings"])
        limits = parse_settings(RunLimits, _atoms(tables["limits"], "loss_max_usd", "loss_max_atoms"), "limits")
        for name in ("run", "backtest"):
            if "limits" in tables[name]:
                raise ConfigProblem(f"{path}: limits have a table of their own, [limits]", key=f"{name}.limits")
        shared = {"limits": limits}
        run = _settings(RunSettings, tables["run"], "run", shared)
        funds = _atoms(tables["backtest"], "equity_usd", "equity_atoms")
        backtest = _settings(BacktestSettings, funds, "backtest", shared)
    except (UsageError, KeeperError) as error:
        raise ConfigProblem(f"{path}: {error}", path=path) from None
    return StrategyFile(path, strategy, limits, run, backtest)


def _settings(kind: Any, table: Mapping[str, Any], where: str, shared: Mapping[str, Any]) -> Any:
    """A dataclass of whole numbers, with what tables share."""
    from evertide.strategies import SettingInvalid

    for key, value in table.items():
        if key not in kind.__dataclass_fields__ or key in shared:
            known = [name for name in kind.__dataclass_fields__ if name not in shared]
            raise SettingInvalid(f"a setting of {where}", key, f"one of {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingInvalid(f"{where}.{key}", value, "a whole number")
    return kind(**table, **shared)


def _atoms(table: Mapping[str, Any], usd: str, atoms: str) -> dict[str, Any]:
    """The table with an amount in USD turned into atoms, exactly."""
    from evertide import usdc_to_atoms

    found = dict(table)
    if usd in found:
        found[atoms] = usdc_to_atoms(found.pop(usd), usd)
    return found


def _strategy(path: Path, name: Any, settings: Mapping[str, Any]) -> Strategy:
    from evertide.strategies import make_strategy, parse_settings

    if not isinstance(name, str) or not name:
        raise ConfigProblem(f"{path}: strategy must be a name or FILE.py:CLASS, found {name!r}", key="strategy")
    file, colon, wanted = name.rpartition(":")
    if not colon:
        return make_strategy(name, settings)
    kind: Any = _class(path.parent / file, wanted)
    made: Strategy = kind(parse_settings(kind.Settings, settings, wanted))
    return made


def _class(file: Path, wanted: str) -> type[Strategy]:
    """A strategy class of a Python file. Raises ConfigProblem."""
    from evertide.strategies import Strategy

    spec = importlib.util.spec_from_file_location(f"strategy_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ConfigProblem(f"strategy file {file} does not exist or is not Python", path=file)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigProblem(f"{file} cannot be imported: {type(error).__name__}: {error}", path=file) from None
    kind = getattr(module, wanted, None)
    if not isinstance(kind, type) or not issubclass(kind, Strategy):
        raise ConfigProblem(f"{file} has no strategy class {wanted!r}", path=file)
    return kind
