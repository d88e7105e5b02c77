"""Strategies: a small interface, three of them, and what runs them on a chain.

    from evertide.strategies import AvellanedaStoikovMaker, MakerSettings, PlaceOrder, Strategy

A strategy sees frozen views of integers and answers with orders; it does not know where it runs. `run_on_chain` runs it
against a local network or a real cluster; `evertide_keepers.backtest` runs the same object on the engine's own book.
"""

from __future__ import annotations

from ._arbitrage import ArbitrageSettings, FundingArbitrageur
from ._catalogue import STRATEGIES, make_strategy, settings_table, strategy_named
from ._chain import ChainVenue
from ._errors import IntentInvalid, SettingInvalid, UnknownStrategy
from ._intents import CancelOrder, Intent, Intents, ModifyOrder, PlaceOrder
from ._limits import Dropped, RunLimits
from ._maker import AvellanedaStoikovMaker, MakerSettings
from ._momentum import MomentumSettings, MomentumTaker
from ._runner import RunReport, RunSettings, StrategyRunner, run_on_chain
from ._session import Batch, Counters, News, NumberedOrder, Session
from ._settings import parse_settings
from ._strategy import NoSettings, Strategy
from ._venue import Venue
from ._view import FundingNews, MarketView, OwnOrder, PriceLevel, StrategyFill, View

__all__ = [
    "STRATEGIES",
    "ArbitrageSettings",
    "AvellanedaStoikovMaker",
    "Batch",
    "CancelOrder",
    "ChainVenue",
    "Counters",
    "Dropped",
    "FundingArbitrageur",
    "FundingNews",
    "Intent",
    "IntentInvalid",
    "Intents",
    "MakerSettings",
    "MarketView",
    "ModifyOrder",
    "MomentumSettings",
    "MomentumTaker",
    "News",
    "NoSettings",
    "NumberedOrder",
    "OwnOrder",
    "PlaceOrder",
    "PriceLevel",
    "RunLimits",
    "RunReport",
    "RunSettings",
    "Session",
    "SettingInvalid",
    "Strategy",
    "StrategyFill",
    "StrategyRunner",
    "UnknownStrategy",
    "Venue",
    "View",
    "make_strategy",
    "parse_settings",
    "run_on_chain",
    "settings_table",
    "strategy_named",
]
