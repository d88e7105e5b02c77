"""What a backtest found. Money in quote atoms; in JSON every amount is a decimal string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReport:
    """One market of a backtest."""

    symbol: str
    fills: int
    maker_fills: int
    volume_atoms: int
    fees_atoms: int
    #: Received less paid.
    funding_atoms: int
    #: Realised and unrealised profit, fees and funding included.
    pnl_atoms: int
    position_lots: int
    position_most_lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """A whole backtest. `ended`: `tape`, `loss limit` or `liquidation` (equity below maintenance)."""

    strategy: str
    ended: str
    start_ms: int
    end_ms: int
    steps: int
    equity_start_atoms: int
    equity_end_atoms: int
    pnl_atoms: int
    fees_atoms: int
    funding_atoms: int
    volume_atoms: int
    fills: int
    #: Largest fall of equity below its highest value before, seen at the steps.
    max_drawdown_atoms: int
    placed: int
    modified: int
    cancelled: int
    #: Orders that the book or the margin check refused, by reason.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Orders that a limit kept back or cut, by rule.
    limited: Mapping[str, int] = field(default_factory=dict)
    markets: tuple[MarketReport, ...] = ()
    decisions_sha256: str = ""

    def to_plain(self) -> dict[str, Any]:
        """For JSON: amounts of money as decimal strings, counts as numbers."""
        return _texts(asdict(self))


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if key.endswith("_atoms"):
            plain[key] = str(value)
        elif isinstance(value, list | tuple):
            plain[key] = [_texts(part) for part in value]
        else:
            plain[key] = value
    return plain
