"""The strategies that come with the SDK, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ._arbitrage import FundingArbitrageur
from ._errors import UnknownStrategy
from ._maker import AvellanedaStoikovMaker
from ._momentum import MomentumTaker
from ._settings import parse_settings
from ._strategy import Strategy

STRATEGIES: Mapping[str, type[Strategy]] = {
    kind.name: kind for kind in (AvellanedaStoikovMaker, MomentumTaker, FundingArbitrageur)
}


def strategy_named(name: str) -> type[Strategy]:
    """A strategy's class. Raises `UnknownStrategy`."""
    if name not in STRATEGIES:
        raise UnknownStrategy(name, tuple(STRATEGIES))
    return STRATEGIES[name]


def make_strategy(name: str, settings: Mapping[str, Any]) -> Strategy:
    """A strategy by name with settings as TOML gives them. Raises `UnknownStrategy` and `SettingInvalid`."""
    kind = strategy_named(name)
    build: Any = kind
    made: Strategy = build(parse_settings(kind.Settings, settings, name))
    return made


def settings_table(kind: type[Strategy]) -> list[dict[str, Any]]:
    """Name, type and default (None: must be given) of each setting."""
    return [
        {
            "setting": item.name,
            "type": str(item.type),
            "default": None if item.default is dataclasses.MISSING else item.default,
        }
        for item in dataclasses.fields(kind.Settings)
    ]
