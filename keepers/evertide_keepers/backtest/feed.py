"""What happens in a market without us: prices, quotes of others, trades of others, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import TypeAlias

from evertide.strategies import PriceLevel

from .errors import TapeError


@dataclass(frozen=True, slots=True)
class IndexPrice:
    """The index of a market, atoms for each lot with 32 fractional bits."""

    time_ms: int
    symbol: str
    price_q32: int


@dataclass(frozen=True, slots=True)
class OthersQuotes:
    """All that others have resting from now on, best first. A level whose lots do not grow keeps its priority."""

    time_ms: int
    symbol: str
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]


@dataclass(frozen=True, slots=True)
class OthersTrade:
    """Somebody takes: an immediate order of `side` ("bid" buys) with this limit."""

    time_ms: int
    symbol: str
    side: str
    price_ticks: int
    size_lots: int


FeedEvent: TypeAlias = "IndexPrice | OthersQuotes | OthersTrade"


def in_order(*feeds: Iterable[FeedEvent]) -> Iterator[FeedEvent]:
    """Several feeds as one, by time; at equal times in the order given. Raises `TapeError` where one goes back."""
    last_ms = 0
    for event in merge(*feeds, key=lambda event: event.time_ms):
        if event.time_ms < last_ms:
            raise TapeError(f"{event.symbol}: times do not go back", event.time_ms, f"{last_ms} or later")
        last_ms = event.time_ms
        yield event
