"""Instructions of fair matching: answering an order in its taker phase, and orders that are hidden at first."""

from __future__ import annotations

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._generated.types import OrderArgs
from evertide._pda import PROGRAM_ID, exchange_address, market_address, orders_address, risk_cache_address


def fill_auction(
    *,
    signer: Pubkey,
    market_index: int,
    taker_user: Pubkey,
    taker_order_id: int,
    maker_user: Pubkey,
    price_ticks: int,
    size_max_lots: int,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Fill an order in its taker phase at its effective limit or better for it, with nothing of one's own in the book.

    `signer` owns `maker_user` or is its delegate.
    """
    accounts = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "taker_user": taker_user,
        "taker_orders": orders_address(taker_user, program_id),
    }
    args = {"taker_order_id": taker_order_id, "price_ticks": price_ticks, "size_max_lots": size_max_lots}
    pair = [AccountMeta(maker_user, False, True), AccountMeta(orders_address(maker_user, program_id), False, True)]
    return assemble("fill_auction", program_id, accounts, args, pair)


def commit_order(*, signer: Pubkey, user: Pubkey, hash: bytes, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Put the hash of an order (`order_commitment`) into a slot: it has its place in time for 60 s."""
    accounts = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }
    return assemble("commit_order", program_id, accounts, {"hash": hash})


def reveal_order(
    *,
    signer: Pubkey,
    user: Pubkey,
    order_id: int,
    order: OrderArgs,
    salt: bytes,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Place the limit or market order that a commitment is the hash of, with its id and its place in time."""
    accounts = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }
    market = AccountMeta(market_address(order.market_index, program_id), False, False)
    args = {"order_id": order_id, "order": order, "salt": salt}
    return assemble("reveal_order", program_id, accounts, args, [market])
