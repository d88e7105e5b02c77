"""Instructions of orders that their owners signed off chain."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._errors import UnitOutOfRange
from evertide._generated import constants
from evertide._generated.types import SignedRef
from evertide._pda import PROGRAM_ID, exchange_address, market_address, orders_address, risk_cache_address
from evertide._signed import SignedOrder

SIGNED_PER_PLACE_MAX = constants.SIGNED_ORDERS_MAX


def place_signed_orders(
    *,
    keeper: Pubkey,
    orders: Sequence[SignedOrder],
    instruction_index: int,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Place 1 to 4 orders whose signatures the Ed25519 program verified in instruction `instruction_index`.

    That instruction (`ed25519_instruction` of the same orders) stands ahead of this one, and the number is its place in
    the transaction. Raises `SignedOrderInvalid` for a message that says nothing.
    """
    if not orders:
        raise UnitOutOfRange("number of signed orders", 0, 1, above=False)
    if len(orders) > SIGNED_PER_PLACE_MAX:
        raise UnitOutOfRange("number of signed orders", len(orders), SIGNED_PER_PLACE_MAX, above=True)
    users = list(dict.fromkeys(order.user for order in orders))
    markets = list(dict.fromkeys(order.terms.market_index for order in orders))
    refs = tuple(
        SignedRef(account=users.index(order.user), market=markets.index(order.terms.market_index)) for order in orders
    )
    remaining = [
        AccountMeta(address, False, True) for user in users for address in (user, orders_address(user, program_id))
    ]
    remaining += [AccountMeta(market_address(index, program_id), False, False) for index in markets]
    accounts = {
        "keeper": keeper,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
    }
    args = {"instruction_index": instruction_index, "orders": refs}
    return assemble("place_signed_orders", program_id, accounts, args, remaining)


def cancel_nonce(*, signer: Pubkey, user: Pubkey, nonce_ms: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Use up the nonce of a signed order not yet placed, so that it never will be. The owner, or its delegate."""
    accounts = {"signer": signer, "user": user, "orders": orders_address(user, program_id)}
    return assemble("cancel_nonce", program_id, accounts, {"nonce_ms": nonce_ms})
