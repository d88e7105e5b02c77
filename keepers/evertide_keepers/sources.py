"""Where the oracle keeper's prices come from: given by a driver, read from a tape, or fetched from Hermes.

Prices are whole micro-USD for one whole base unit or token; no float takes part.
"""

from __future__ import annotations

import bisect
import csv
import gzip
import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol, TextIO

import httpx

from evertide._rpc_call import shown_url

from .errors import SourceError
from .state import Price

MICRO = 1_000_000
MICRO_DECIMALS = 6
BPS = 10_000


class Source(Protocol):
    """Gives prices at a chain time."""

    async def prices(self, names: Sequence[str], now_ms: int) -> dict[str, Price]:
        """Prices of those `names` that it has one for now. Raises `SourceError`."""

    async def close(self) -> None:
        """Release what it holds."""


def confidence(price: int, confidence_bps: int) -> int:
    """A share of a price, rounded up."""
    return -(-price * confidence_bps // BPS)


class HeldSource:
    """Prices that a driver sets; each is given with the chain's present time until another is set."""

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        self._held: dict[str, tuple[int, int]] = {}
        self._aliases = dict(aliases or {})

    def set(self, prices: Mapping[str, int], confidence_bps: int = 2) -> None:
        """Hold prices, micro-USD, by symbol or `collateral:INDEX`."""
        for name, price in prices.items():
            if isinstance(price, bool) or not isinstance(price, int) or price <= 0:
                raise SourceError(f"price of {name}", price, "a positive whole number of micro-USD")
            self._held[name] = (price, confidence(price, confidence_bps))

    def map(self, name: str, to: str) -> None:
        """Price `name` as `to`."""
        self._aliases[name] = to

    async def prices(self, names: Sequence[str], now_ms: int) -> dict[str, Price]:
        """Every held price among `names`, at `now_ms`."""
        known = {name: self._held.get(name) or self._held.get(self._aliases.get(name, name)) for name in names}
        return {name: Price(*held, now_ms) for name, held in known.items() if held is not None}

    async def close(self) -> None:
        """Nothing to release."""


class TapeSource:
    """Prices of a recorded tape: at chain time `t` the last row not after `t - shift_ms`, none beyond its end."""

    def __init__(
        self, times_ms: Sequence[int], columns: Mapping[str, Sequence[int]], shift_ms: int, confidence_bps: int
    ) -> None:
        if not times_ms or any(later <= earlier for earlier, later in itertools.pairwise(times_ms)):
            raise SourceError("tape times rise", len(times_ms), "at least one row, each later than the one before")
        self._times = list(times_ms)
        self._columns = {name: list(prices) for name, prices in columns.items()}
        self._shift_ms = shift_ms
        self._confidence_bps = confidence_bps
        self._step_ms = max((b - a for a, b in itertools.pairwise(times_ms)), default=0)

    @classmethod
    def read(cls, path: Path, shift_ms: int, confidence_bps: int) -> TapeSource:
        """Read a CSV (or .csv.gz): `timestamp` in unix seconds, then one column of USD prices for each name."""
        try:
            with _open(path) as text:
                rows = list(csv.DictReader(text))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"tape {path}", error, "a readable CSV file") from error
        names = [name for name in (rows[0] if rows else {}) if name != "timestamp"]
        times = [_seconds_ms(path, line, row.get("timestamp")) for line, row in enumerate(rows, start=2)]
        columns = {
            name: [_micro(path, line, name, row[name]) for line, row in enumerate(rows, start=2)] for name in names
        }
        return cls(times, columns, shift_ms, confidence_bps)

    async def prices(self, names: Sequence[str], now_ms: int) -> dict[str, Price]:
        """Prices of the row in force, with the chain's present time."""
        tape_ms = now_ms - self._shift_ms
        row = bisect.bisect_right(self._times, tape_ms) - 1
        if row < 0 or tape_ms > self._times[-1] + self._step_ms:
            return {}
        found = {name: self._columns[name][row] for name in names if name in self._columns}
        return {name: Price(price, confidence(price, self._confidence_bps), now_ms) for name, price in found.items()}

    async def close(self) -> None:
        """Nothing to release."""


class HermesSource:
    """Live prices of Pyth's Hermes service, over one HTTP connection."""

    def __init__(
        self,
        url: str,
        feeds: Mapping[str, str],
        *,
        timeout_s: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._feeds = {name: feed.lower().removeprefix("0x") for name, feed in feeds.items()}
        self._http = httpx.AsyncClient(timeout=timeout_s, transport=transport)

    async def prices(self, names: Sequence[str], now_ms: int) -> dict[str, Price]:
        """The latest price of each feed, with its own publish time."""
        wanted = {name: self._feeds[name] for name in names if name in self._feeds}
        if not wanted:
            return {}
        query = {"ids[]": sorted(set(wanted.values())), "parsed": "true"}
        try:
            answer = await self._http.get(f"{self._url}/v2/updates/price/latest", params=query)
            answer.raise_for_status()
            parsed = {entry["id"]: entry["price"] for entry in answer.json()["parsed"]}
            return {name: _hermes_price(parsed[feed]) for name, feed in wanted.items() if feed in parsed}
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            # Never the error's own text: it repeats the whole address, keys included.
            status = getattr(getattr(error, "response", None), "status_code", None)
            found = type(error).__name__ if status is None else f"status {status}"
            raise SourceError("Hermes answer", f"{found} of {shown_url(self._url)}", "parsed prices") from None

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


def _hermes_price(entry: Mapping[str, Any]) -> Price:
    """Mantissa and exponent to micro-USD: price down, confidence up."""
    power = int(entry["expo"]) + MICRO_DECIMALS
    mantissa, spread = int(entry["price"]), int(entry["conf"])
    if power >= 0:
        return Price(mantissa * 10**power, spread * 10**power, int(entry["publish_time"]) * 1000)
    unit = 10**-power
    return Price(mantissa // unit, -(-spread // unit), int(entry["publish_time"]) * 1000)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _seconds_ms(path: Path, line: int, text: str | None) -> int:
    if text is None or not text.strip().isdigit():
        raise SourceError(f"{path.name} line {line}: timestamp", text, "unix seconds")
    return int(text) * 1000


def _micro(path: Path, line: int, name: str, text: str | None) -> int:
    try:
        price = Decimal(text or "")
        micro = int(price * MICRO)
    except (InvalidOperation, ValueError, OverflowError):
        raise SourceError(f"{path.name} line {line}: {name}", text, "a decimal price") from None
    if micro <= 0:
        raise SourceError(f"{path.name} line {line}: {name}", text, "a price above zero")
    return micro
