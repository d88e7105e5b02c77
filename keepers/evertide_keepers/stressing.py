"""The exchange's accounts under price shocks, for who wants to know before the market does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from solders.pubkey import Pubkey

from evertide_engine.layouts import COLLATERALS_MAX, MARKETS_MAX
from evertide_engine.scenarios import NOBODY, SHOCK_LEAST_BPS, SHOCK_MOST_BPS, stress

from .errors import KeeperError
from .state import State


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one shock would do, nobody acting in between; amounts in quote atoms."""

    shock_bps: int
    below: int
    """Accounts below maintenance margin."""
    bankrupt: int
    """Accounts whose equity is below zero."""
    unvalued: int
    """Accounts that cannot be valued at these prices; in no other number."""
    shortfall_atoms: int
    """What the accounts below lack to maintenance."""
    deficit_atoms: int
    """What the bankrupt accounts owe beyond all they have."""
    worst: str | None
    """Address of the account that lacks most."""
    worst_shortfall_atoms: int


def stress_test(
    state: State, shocks_bps: list[int], market_indices: list[int] | None = None, *, assets: bool = False
) -> list[Scenario]:
    """Value every account with the marks of some markets, of all if none are given, moved by each shock.

    With `assets` the prices of all collateral but the quote move along.

    Raises:
        KeeperError: the exchange has no risk cache yet, or a shock is beyond what a price can move.
    """
    if state.risk_cache is None:
        raise KeeperError("risk cache", "none was read", "one")
    for shock in shocks_bps:
        if not SHOCK_LEAST_BPS <= shock <= SHOCK_MOST_BPS:
            raise KeeperError("shock, bps", shock, f"{SHOCK_LEAST_BPS} to {SHOCK_MOST_BPS}")
    chosen = list(range(MARKETS_MAX)) if market_indices is None else market_indices
    markets = np.zeros((len(shocks_bps), MARKETS_MAX), np.int64)
    markets[:, chosen] = np.array(shocks_bps, np.int64)[:, None]
    moved = np.zeros((len(shocks_bps), COLLATERALS_MAX), np.int64)
    if assets:
        moved[:, 1:] = np.array(shocks_bps, np.int64)[:, None]
    found = stress(state.users, state.risk_cache, state.time.unix_ms, state.risk_columns(), markets, moved)
    names = [
        None if row == NOBODY else str(Pubkey.from_bytes(state.user_keys[row])) for row in found.worst_row.tolist()
    ]
    return [
        Scenario(
            shock,
            int(found.below[at]),
            int(found.bankrupt[at]),
            int(found.unvalued[at]),
            found.shortfall_atoms[at],
            found.deficit_atoms[at],
            names[at],
            int(found.worst_shortfall_atoms[at]),
        )
        for at, shock in enumerate(shocks_bps)
    ]


__all__ = ["SHOCK_LEAST_BPS", "SHOCK_MOST_BPS", "Scenario", "stress_test"]
