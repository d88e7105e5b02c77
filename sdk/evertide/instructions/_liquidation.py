"""Instructions of the way down: liquidation, backstop, bankruptcy."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._errors import UnitOutOfRange
from evertide._pda import (
    PROGRAM_ID,
    backstop_address,
    collateral_address,
    exchange_address,
    insurance_address,
    market_address,
    orders_address,
    risk_cache_address,
)
from evertide.instructions._keeper import OrderRef, _makers

NO_LIMIT = 2**64 - 1
"""As `size_max_lots` or `amount_max_atoms`: as much as is open to liquidation."""


def liquidate_orders(*, user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Take out orders that could increase risk, void them all and begin the liquidation, or end it. Anyone."""
    accounts = {
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }
    return assemble("liquidate_orders", program_id, accounts)


def liquidate_position(
    *,
    authority: Pubkey,
    liquidator: Pubkey,
    market_index: int,
    user: Pubkey,
    size_max_lots: int = NO_LIMIT,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Take over, at mark and for a fee, what is open to liquidation of a position, at most `size_max_lots`.

    `authority` signs for the `User` account `liquidator`, as its owner or its delegate.
    """
    accounts = {
        "liquidator_authority": authority,
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "user": user,
        "liquidator": liquidator,
    }
    return assemble("liquidate_position", program_id, accounts, {"size_max_lots": size_max_lots})


def liquidate_with_orders(
    *,
    keeper: Pubkey,
    market_index: int,
    user: Pubkey,
    makers: Sequence[OrderRef],
    size_max_lots: int = NO_LIMIT,
    keeper_user: Pubkey | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Close what is open to liquidation of a position against 1 to 8 resting orders, best first.

    `keeper_user` earns the keeper's share of the fee; it must differ from every party.
    """
    named, pairs = _makers(makers, program_id)
    accounts = {
        "keeper": keeper,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "user": user,
        "keeper_user": keeper_user,
    }
    args = {"size_max_lots": size_max_lots, "makers": named}
    return assemble("liquidate_with_orders", program_id, accounts, args, pairs)


def liquidate_collateral(
    *,
    authority: Pubkey,
    liquidator: Pubkey,
    user: Pubkey,
    collateral_index: int,
    amount_max_atoms: int = NO_LIMIT,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Buy collateral of a user, at most `amount_max_atoms` of the token, with the liquidator's quote balance.

    `authority` signs for the `User` account `liquidator`, as its owner or its delegate. `collateral_index` 0, the quote
    asset, is what it is paid in.
    """
    if collateral_index == 0:
        raise UnitOutOfRange("collateral_index", collateral_index, 1, above=False)
    accounts = {
        "liquidator_authority": authority,
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "liquidator": liquidator,
        "quote": collateral_address(0, program_id),
        "collateral": collateral_address(collateral_index, program_id),
    }
    return assemble("liquidate_collateral", program_id, accounts, {"amount_max_atoms": amount_max_atoms})


def liquidate_to_backstop(
    *, market_index: int, user: Pubkey, backstop: Pubkey | None = None, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Move a position below backstop margin to its market's backstop account, and deleverage what does not fit.

    `backstop` defaults to the market's own; the program refuses any other.
    """
    accounts = {
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "user": user,
        "backstop": backstop_address(market_index, program_id) if backstop is None else backstop,
        "insurance": insurance_address(program_id),
    }
    return assemble("liquidate_to_backstop", program_id, accounts)


def resolve_bankruptcy(*, market_index: int, user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Let one market bear its share of the deficit of an account below zero; opens, resolves or closes. Anyone."""
    accounts = {
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "user": user,
        "quote": collateral_address(0, program_id),
        "insurance": insurance_address(program_id),
    }
    return assemble("resolve_bankruptcy", program_id, accounts)
