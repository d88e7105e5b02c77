"""Settings of strategies from TOML or the command line: every key known, every value typed and in its range.

Decimals are written as text ("0.05") or as numbers; a TOML number is read as a Decimal, never as a float.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from evertide._errors import UnitError
from evertide._units import to_decimal

from ._errors import SettingInvalid

Settings = TypeVar("Settings")


def in_range(name: str, value: Any, low: Any, high: Any, *, above: bool = False) -> None:
    """Raises `SettingInvalid` unless `low <= value <= high`; with `above`, unless `low < value <= high`."""
    if not (low < value if above else low <= value) or value > high:
        raise SettingInvalid(name, value, f"{'above ' if above else ''}{low}{', at most' if above else ' to'} {high}")


def parse_settings(kind: type[Settings], values: Mapping[str, Any], where: str = "") -> Settings:
    """A dataclass of settings from plain values. Raises `SettingInvalid`."""
    hints = get_type_hints(kind)
    items = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    for key in values:
        if key not in items:
            raise SettingInvalid(f"a setting of {where or kind.__name__}", key, f"one of {', '.join(items)}")
    for name, item in items.items():
        missing = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if missing and name not in values:
            raise SettingInvalid(f"{prefix}{name}", "nothing", "given")
    return kind(**{key: _typed(f"{prefix}{key}", value, hints[key]) for key, value in values.items()})


def _typed(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    if kind is bool:
        if not isinstance(value, bool):
            raise SettingInvalid(name, value, "true or false")
        return value
    if kind is str:
        if not isinstance(value, str) or not value:
            raise SettingInvalid(name, value, "text")
        return value
    if kind is int:
        if isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingInvalid(name, value, "a whole number")
        return value
    if kind is Decimal:
        try:
            return to_decimal(value, name)
        except UnitError:
            raise SettingInvalid(name, value, "a decimal number") from None
    raise TypeError(f"settings of {kind!r} are not supported")
