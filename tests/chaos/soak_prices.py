"""The soak's prices, drawn from its seed: a walk with jumps that last and spikes that do not."""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evertide_cli.terms import MARKETS

USD = 1_000_000
STEP_S = 2
FIRST_USD = {"BTC-PERP": 40_000, "ETH-PERP": 2_500, "SOL-PERP": 100}
WALK_BPS = 4
JUMP_BPS = (250, 700)
SPIKE_BPS = (300, 900)
BPS = 10_000


@dataclass(frozen=True, slots=True)
class Tape:
    """Prices by chain time. `events`: time in s and kind (`jumped` or `spiked`) of each jump and spike."""

    times_s: tuple[int, ...]
    columns: dict[str, tuple[int, ...]]
    events: tuple[tuple[int, str], ...]

    def at(self, unix_s: int) -> dict[str, int]:
        """Micro-USD by symbol."""
        row = max(bisect.bisect_right(self.times_s, unix_s) - 1, 0)
        return {symbol: values[row] for symbol, values in self.columns.items()}

    def write(self, path: Path) -> None:
        """As the oracle keeper reads it."""
        lines = [",".join(["timestamp", *self.columns])]
        for row, time_s in enumerate(self.times_s):
            cells = [f"{values[row] // USD}.{values[row] % USD:06}" for values in self.columns.values()]
            lines.append(",".join([str(time_s), *cells]))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(seed: int, start_s: int, seconds: int, event_every_s: int) -> Tape:
    """A tape from `start_s` on, with a jump or a spike about every `event_every_s`, in turn."""
    dice = random.Random(f"{seed}/prices")
    times = range(start_s - 60, start_s + seconds, STEP_S)
    prices = {symbol: usd * USD for symbol, usd in FIRST_USD.items()}
    columns: dict[str, list[int]] = {symbol: [] for symbol in prices}
    events: list[tuple[int, str]] = []
    next_event, back = start_s + event_every_s, {}
    for time_s in times:
        for symbol, price in back.items():
            prices[symbol] = price
        back = {}
        for symbol in prices:
            prices[symbol] = moved(prices[symbol], dice.randint(-WALK_BPS, WALK_BPS))
        if time_s >= next_event:
            symbol = MARKETS[dice.randrange(len(MARKETS))].symbol
            kind, bounds = (("jumped", JUMP_BPS), ("spiked", SPIKE_BPS))[len(events) % 2]
            if kind == "spiked":
                back = {symbol: prices[symbol]}
            # Toward where it began: hours of jumps must not walk out of every bound.
            up = prices[symbol] < FIRST_USD[symbol] * USD
            prices[symbol] = moved(prices[symbol], dice.randint(*bounds) * (1 if up else -1))
            events.append((time_s, kind))
            next_event = time_s + dice.randint(event_every_s // 2, event_every_s * 3 // 2)
        for symbol, price in prices.items():
            columns[symbol].append(price)
    return Tape(tuple(times), {symbol: tuple(values) for symbol, values in columns.items()}, tuple(events))


def moved(price: int, bps: int) -> int:
    """A price moved by so many bps, rounded down."""
    return max(price * (BPS + bps) // BPS, 1)


def events_between(tape: Tape, after_s: int, until_s: int) -> Sequence[str]:
    """Kinds of the events of a stretch of time."""
    return [kind for time_s, kind in tape.events if after_s < time_s <= until_s]
