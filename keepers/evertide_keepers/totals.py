"""Whether the exchange's totals agree, from its accounts alone: what `check_invariants` asks, and what it cannot ask.

The program compares one market and one asset at a time; here all pools together stand against the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evertide import ATOMS_AN_EVENT, DROPPED_BITS, FRACTION_BITS, INDEX_ONE, QUOTE_INDEX, Invariant

from .state import State

U64_MAX = (1 << 64) - 1

Vaults = Mapping[int, tuple[int, int]]
"""By asset, what its vault holds and what it owes, token atoms, both of one slot."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold, with the two numbers that it compares; `market_index` None: of an asset."""

    rule: str
    found: int
    bound: int
    market_index: int | None = None
    collateral_index: int | None = None

    @property
    def told(self) -> str:
        """One line for people."""
        where = f"market {self.market_index}" if self.collateral_index is None else f"asset {self.collateral_index}"
        return f"{where}: {self.rule}: found {self.found:,}, at most {self.bound:,}"


def of_market(market: Any) -> Broken | None:
    """The first invariant of a `MARKET` record that does not hold, as `engine/invariants.rs::of_market` has it."""
    index = int(market["index"])

    def broken(rule: Invariant, found: int, bound: int) -> Broken:
        return Broken(rule.name.lower(), found, bound, index)

    long, short = (int(lots) for lots in market["open_interest_lots"])
    if long != short:
        return broken(Invariant.OPEN_INTEREST, long, short)
    for side, open_lots in enumerate((long, short)):
        dropped, a = int(market["dropped_q16"][side]) >> DROPPED_BITS, int(market["a"][side])
        if dropped > open_lots:
            return broken(Invariant.FRACTIONS, dropped, open_lots)
        if a > INDEX_ONE:
            return broken(Invariant.FRACTIONS, a, INDEX_ONE)
    meant, fees = int(market["pending_insurance_atoms"]), int(market["pending_fees_atoms"])
    if meant > fees:
        return broken(Invariant.FEES, meant, fees)
    if bool(market["latch"]) != bool(market["bankruptcies_open"]):
        return broken(Invariant.LATCH, int(market["latch"]), int(market["bankruptcies_open"]))
    owed, bound = _owed_and_backed(market)
    return broken(Invariant.BOOKS, owed, bound) if owed > bound else None


def _owed_and_backed(market: Any) -> tuple[int, int]:
    """With nothing open every claim is stored: what is owed, and what may be, roundings included. Else nothing."""
    held = any(market[name].any() for name in ("open_interest_lots", "position_count", "stale_count"))
    if held:
        return 0, 0
    rewards = int(market["referral_owed_atoms"]) + sum(int(owed) for owed in market["builder_owed_atoms"])
    owed = max(int(market["claims_atoms"]) + int(market["pending_fees_atoms"]) + rewards, 0)
    whole = (market["a"] == INDEX_ONE).all() and not market["epoch"].any()
    fractions = 0 if whole else int(market["volume_atoms"]) >> FRACTION_BITS
    tolerance = min(int(market["sequence"]) * ATOMS_AN_EVENT, U64_MAX) + fractions
    return owed, int(market["pool_atoms"]) + int(market["deficit_atoms"]) + tolerance


def owed_atoms(asset: Any, markets: Iterable[Any], fund: Any) -> int:
    """What an asset's vault owes at least, token atoms: deposits, and of the quote asset the fund and all pools too."""
    owed = int(asset["total_atoms"])
    if int(asset["index"]) == QUOTE_INDEX:
        owed += int(asset["interest_atoms"]) + int(asset["dust_atoms"]) - int(asset["debt_atoms"])
        owed += int(fund["balance_atoms"]) + sum(int(market["pool_atoms"]) for market in markets)
    return owed


def of_assets(state: State, vaults: Vaults) -> Iterator[Broken]:
    """What does not hold of assets and the fund."""
    for asset in state.collaterals[state.collateral_known]:
        index, total = int(asset["index"]), int(asset["total_atoms"])
        held, owed = vaults.get(index, (0, 0))
        if held < owed:
            yield Broken(Invariant.VAULT.name.lower(), owed, held, collateral_index=index)
        if int(asset["queued_atoms"]) > total:
            yield Broken(Invariant.QUEUE.name.lower(), int(asset["queued_atoms"]), total, collateral_index=index)
    fund = state.insurance
    if fund is not None and int(fund["tranche_atoms"]) > int(fund["balance_atoms"]):
        tranche, balance = int(fund["tranche_atoms"]), int(fund["balance_atoms"])
        yield Broken(Invariant.TRANCHE.name.lower(), tranche, balance, collateral_index=QUOTE_INDEX)


def broken(state: State, vaults: Vaults) -> list[Broken]:
    """Everything that does not hold now: one of each market, all of assets and the fund."""
    markets = [found for market in state.listed_markets() if (found := of_market(market)) is not None]
    return [*markets, *of_assets(state, vaults)]


__all__ = ["Broken", "Vaults", "broken", "of_assets", "of_market", "owed_atoms"]
