"""Guards that fail a transaction, and views that answer by return data. Read by simulation, or put beside others."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import PROGRAM_ID, market_address, risk_cache_address


def assert_health(
    *, user: Pubkey, minimum_excess_atoms: int = 0, maintenance: bool = False, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Fail unless equity exceeds the initial (or maintenance) requirement by `minimum_excess_atoms` or more."""
    accounts = {"user": user, "risk_cache": risk_cache_address(program_id)}
    args = {"minimum_excess_atoms": minimum_excess_atoms, "kind": int(maintenance)}
    return assemble("assert_health", program_id, accounts, args)


def assert_position(
    *, user: Pubkey, market_index: int, least_lots: int, most_lots: int, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Fail unless the user's position, folded, lies within two signed bounds in lots, both inclusive."""
    accounts = {"user": user, "risk_cache": risk_cache_address(program_id)}
    args = {"market_index": market_index, "least_lots": least_lots, "most_lots": most_lots}
    return assemble("assert_position", program_id, accounts, args)


def assert_sequence(*, user: Pubkey, sequence: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Fail unless the user's next event sequence is `sequence`: nothing happened to the account since it was read."""
    return assemble("assert_sequence", program_id, {"user": user}, {"sequence": sequence})


def view_health(*, user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Equity, requirements and liquidation prices as return data (`HealthView`)."""
    return assemble("view_health", program_id, {"user": user, "risk_cache": risk_cache_address(program_id)})


def view_market(*, market_index: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Mark, funding, 24 h change and open interest as return data (`MarketView`)."""
    return assemble("view_market", program_id, {"market": market_address(market_index, program_id)})
