"""Instructions of orders that wait, link or follow a schedule."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import PROGRAM_ID, exchange_address, market_address, orders_address, risk_cache_address


def cancel_all_after(*, signer: Pubkey, user: Pubkey, deadline_ms: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Set the dead-man's deadline (unix ms; 0 turns it off): from then on all orders of the account are dead.

    The owner, or a delegate that may cancel. Placing after it needs a new deadline, or 0.
    """
    accounts = {"signer": signer, "user": user, "orders": orders_address(user, program_id)}
    return assemble("cancel_all_after", program_id, accounts, {"deadline_ms": deadline_ms})


def expire_orders(*, user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Take dead orders of an account out of their slots. Anyone."""
    return assemble("expire_orders", program_id, {"user": user, "orders": orders_address(user, program_id)})


def _of_order(name: str, market_index: int, user: Pubkey, order_id: int, program_id: Pubkey) -> Instruction:
    accounts = {
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(market_index, program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }
    return assemble(name, program_id, accounts, {"order_id": order_id})


def trigger_order(*, market_index: int, user: Pubkey, order_id: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Make an order live whose time has come or whose trigger price is reached. Anyone."""
    return _of_order("trigger_order", market_index, user, order_id, program_id)


def execute_slice(*, market_index: int, user: Pubkey, order_id: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Place the slice of a TWAP that is due, once in each interval. Anyone."""
    return _of_order("execute_slice", market_index, user, order_id, program_id)


def update_trailing(*, market_index: int, user: Pubkey, order_id: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Move a trailing stop's trigger after the price, only in its order's favour. Anyone."""
    accounts = {
        "market": market_address(market_index, program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }
    return assemble("update_trailing", program_id, accounts, {"order_id": order_id})
