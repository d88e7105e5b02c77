"""Instructions that anyone may call to keep the exchange going."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._errors import UnitOutOfRange, UsageError
from evertide._generated import constants
from evertide._generated.types import EvidenceArgs, LocalPrice, MakerRef
from evertide._pda import (
    PROGRAM_ID,
    collateral_address,
    exchange_address,
    market_address,
    orders_address,
    risk_cache_address,
)

MAKERS_PER_MATCH_MAX = constants.MAKERS_MAX
OrderRef = tuple[Pubkey, int]
"""A `User` address and the id of one of its orders."""


def _pairs(refs: Sequence[OrderRef], writable: bool, program_id: Pubkey) -> list[AccountMeta]:
    """User and Orders of each distinct user, in order of first appearance."""
    metas = []
    for user in dict.fromkeys(user for user, _ in refs):
        metas.append(AccountMeta(user, False, writable))
        metas.append(AccountMeta(orders_address(user, program_id), False, writable))
    return metas


def _refs(refs: Sequence[OrderRef], users: Sequence[Pubkey]) -> tuple[MakerRef, ...]:
    index = {user: number for number, user in enumerate(users)}
    return tuple(MakerRef(account=index[user], order_id=order_id) for user, order_id in refs)


def _makers(makers: Sequence[OrderRef], program_id: Pubkey) -> tuple[tuple[MakerRef, ...], list[AccountMeta]]:
    """The argument and the further accounts that name 1 to 8 makers."""
    if not makers:
        raise UnitOutOfRange("number of makers", 0, 1, above=False)
    if len(makers) > MAKERS_PER_MATCH_MAX:
        raise UnitOutOfRange("number of makers", len(makers), MAKERS_PER_MATCH_MAX, above=True)
    users = list(dict.fromkeys(user for user, _ in makers))
    return _refs(makers, users), _pairs(makers, True, program_id)


def match_orders(
    *,
    keeper: Pubkey,
    market_index: int,
    taker_user: Pubkey,
    taker_order_id: int,
    makers: Sequence[OrderRef],
    keeper_user: Pubkey | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Fill one taker against 1 to 8 orders of makers, best first. `keeper_user` earns the keeper's share."""
    named, pairs = _makers(makers, program_id)
    accounts = {
        "keeper": keeper,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "taker_user": taker_user,
        "taker_orders": orders_address(taker_user, program_id),
        "keeper_user": keeper_user,
    }
    args = {"taker_order_id": taker_order_id, "makers": named}
    return assemble("match_orders", program_id, accounts, args, pairs)


def update_oracle(
    *,
    oracle: Pubkey,
    market_index: int | None = None,
    collateral_index: int | None = None,
    price: LocalPrice | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Bring a new index price into one market or one collateral.

    `oracle` is the feed account; for a local feed its signer, and then `price` is needed.
    """
    if (market_index is None) == (collateral_index is None):
        raise UsageError("update_oracle needs either market_index or collateral_index")
    accounts = {
        "oracle": oracle,
        "risk_cache": risk_cache_address(program_id),
        "exchange": exchange_address(program_id),
        "market": None if market_index is None else market_address(market_index, program_id),
        "collateral": None if collateral_index is None else collateral_address(collateral_index, program_id),
    }
    price_or_none = price if price is not None else LocalPrice(price=0, confidence=0, publish_time_ms=0)
    instruction = assemble("update_oracle", program_id, accounts, {"price": price_or_none})
    if price is None:
        return instruction
    # Only a local feed is an account that signs; the IDL cannot say "sometimes".
    metas = [
        AccountMeta(meta.pubkey, meta.pubkey == oracle or meta.is_signer, meta.is_writable)
        for meta in instruction.accounts
    ]
    return Instruction(program_id, instruction.data, metas)


def update_mark(
    *,
    keeper: Pubkey,
    market_index: int,
    bids: Sequence[OrderRef] = (),
    asks: Sequence[OrderRef] = (),
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Show live orders, best first up to the impact notional, as evidence of the book; none = nothing to show."""
    users = list(dict.fromkeys(user for user, _ in [*bids, *asks]))
    accounts = {
        "keeper": keeper,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
    }
    args = {"bid": EvidenceArgs(refs=_refs(bids, users)), "ask": EvidenceArgs(refs=_refs(asks, users))}
    return assemble("update_mark", program_id, accounts, args, _pairs([*bids, *asks], False, program_id))


def accrue_market(*, market_index: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Accrue funding and averages of a market and rewrite its cache row."""
    accounts = {
        "risk_cache": risk_cache_address(program_id),
        "exchange": exchange_address(program_id),
        "market": market_address(market_index, program_id),
    }
    return assemble("accrue_market", program_id, accounts)


def accrue_debt(*, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Accrue interest on debt and the average of deposits."""
    accounts = {
        "risk_cache": risk_cache_address(program_id),
        "exchange": exchange_address(program_id),
        "quote": collateral_address(0, program_id),
    }
    return assemble("accrue_debt", program_id, accounts)


def settle_pnl(
    *, market_index: int, user: Pubkey, authority: Pubkey | None = None, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Move a position's loss into the market's pool, or its profit out of it, as far as the pool reaches.

    While the market's deficit is open, a profit is paid only with `authority`, the owner, who signs: the part of it
    that the pool backs; the rest is given up against the deficit.
    """
    accounts: dict[str, Pubkey | None] = {
        "market": market_address(market_index, program_id),
        "risk_cache": risk_cache_address(program_id),
        "exchange": exchange_address(program_id),
        "user": user,
        "quote": collateral_address(0, program_id),
        "authority": authority,
    }
    return assemble("settle_pnl", program_id, accounts)


def touch_position(*, market_index: int, user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Fold a position to its side's present index."""
    accounts = {"market": market_address(market_index, program_id), "user": user}
    return assemble("touch_position", program_id, accounts)
