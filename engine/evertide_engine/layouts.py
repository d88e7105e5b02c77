"""Layouts of accounts as numpy dtypes, and how many of each thing an exchange holds: generated from the program."""

from __future__ import annotations

from ._generated.constants import COLLATERALS_MAX, MARKETS_MAX, ORDERS_MAX, POSITIONS_MAX
from ._generated.layouts import (
    ACCOUNTS,
    COLLATERAL,
    CONDITIONAL_TERMS,
    DISCRIMINATORS,
    EXCHANGE,
    MARKET,
    ORDERS,
    RISK_CACHE,
    TWAP_TERMS,
    USER,
)

__all__ = [
    "ACCOUNTS",
    "COLLATERAL",
    "COLLATERALS_MAX",
    "CONDITIONAL_TERMS",
    "DISCRIMINATORS",
    "EXCHANGE",
    "MARKET",
    "MARKETS_MAX",
    "ORDERS",
    "ORDERS_MAX",
    "POSITIONS_MAX",
    "RISK_CACHE",
    "TWAP_TERMS",
    "USER",
]
