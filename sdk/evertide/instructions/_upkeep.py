"""Instructions that anyone may call for soundness: settling a market, checking totals, growing accounts."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import (
    PROGRAM_ID,
    collateral_address,
    insurance_address,
    market_address,
    risk_cache_address,
    vault_address,
)


def settle_market(*, market_index: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Close every position of a settling market at the mark's 1 h TWAP; once all are folded, close the market."""
    accounts = {"risk_cache": risk_cache_address(program_id), "market": market_address(market_index, program_id)}
    return assemble("settle_market", program_id, accounts)


def check_invariants(
    *,
    keeper: Pubkey,
    market_index: int,
    collateral_index: int = 0,
    keeper_user: Pubkey | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Compare the totals of a market, an asset and the insurance fund; the answer is a bool as return data.

    False makes the market reduce-only at once and pays `keeper_user`, an account of the keeper's.
    """
    accounts = {
        "keeper": keeper,
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "collateral": collateral_address(collateral_index, program_id),
        "vault": vault_address(collateral_index, program_id),
        "insurance": insurance_address(program_id),
        "keeper_user": keeper_user,
    }
    return assemble("check_invariants", program_id, accounts)


def extend_account(*, payer: Pubkey, account: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Grow an account of an older layout to the present one; `payer` pays the rent."""
    return assemble("extend_account", program_id, {"payer": payer, "account": account})
