"""What is wrong with a backtest's market, tape or settings: one line with the rule and both values."""

from __future__ import annotations

from evertide_keepers.errors import KeeperError


class BacktestError(KeeperError):
    """A backtest cannot be run as asked."""


class TapeError(BacktestError):
    """A tape cannot be used; names the line."""
