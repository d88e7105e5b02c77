"""Instructions of a trader: accounts, money and orders."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._errors import UnitOutOfRange
from evertide._generated import constants
from evertide._generated.types import CancelArgs, KindArgs, OrderArgs
from evertide._pda import (
    PROGRAM_ID,
    collateral_address,
    exchange_address,
    market_address,
    orders_address,
    risk_cache_address,
    user_address,
    vault_address,
)

ORDERS_PER_PLACE_MAX = constants.PLACED_MAX
WHOLE_ACCOUNT = 0xFFFF


def create_user(
    *, authority: Pubkey, sub_id: int = 0, referrer: Pubkey | None = None, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Create sub-account `sub_id` (u16) with its orders account; `authority` pays the rent.

    `referrer` is the `User` account of another authority that earns a share of the fees of what the new account takes,
    for as long as it exists.
    """
    user = user_address(authority, sub_id, program_id)
    accounts: dict[str, Pubkey | None] = {
        "authority": authority,
        "user": user,
        "orders": orders_address(user, program_id),
        "exchange": exchange_address(program_id),
        "referrer": referrer,
    }
    return assemble("create_user", program_id, accounts, {"sub_id": sub_id})


def close_user(*, authority: Pubkey, sub_id: int = 0, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Close an empty sub-account; the rent returns to `authority`."""
    user = user_address(authority, sub_id, program_id)
    accounts = {"authority": authority, "user": user, "orders": orders_address(user, program_id)}
    return assemble("close_user", program_id, accounts)


def set_limits(
    *,
    authority: Pubkey,
    user: Pubkey,
    user_ratio_bps: int = 0,
    notional_cap_atoms: int = 0,
    market_index: int = WHOLE_ACCOUNT,
    market_ratio_bps: int = 0,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Set one's own minimum initial ratio (bps) and cap on total notional (quote atoms); 0 = none."""
    accounts = {"authority": authority, "user": user, "risk_cache": risk_cache_address(program_id)}
    args = {
        "user_ratio_bps": user_ratio_bps,
        "notional_cap_atoms": notional_cap_atoms,
        "market_index": market_index,
        "market_ratio_bps": market_ratio_bps,
    }
    return assemble("set_limits", program_id, accounts, args)


def deposit(
    *,
    authority: Pubkey,
    user: Pubkey,
    collateral_index: int,
    mint: Pubkey,
    source_token: Pubkey,
    amount_atoms: int,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move `amount_atoms` of the asset from `source_token`, owned by `authority`, into any `user`."""
    accounts = {
        "authority": authority,
        "exchange": exchange_address(program_id),
        "user": user,
        "collateral": collateral_address(collateral_index, program_id),
        "vault": vault_address(collateral_index, program_id),
        "source_token": source_token,
        "mint": mint,
    }
    return assemble("deposit", program_id, accounts, {"amount_atoms": amount_atoms})


def withdraw(
    *,
    authority: Pubkey,
    user: Pubkey,
    collateral_index: int,
    mint: Pubkey,
    destination_token: Pubkey,
    amount_atoms: int,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move `amount_atoms` of the asset from one's own `user` to `destination_token`. Owner only, never a delegate."""
    accounts = {
        "authority": authority,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "collateral": collateral_address(collateral_index, program_id),
        "vault": vault_address(collateral_index, program_id),
        "destination_token": destination_token,
        "mint": mint,
    }
    return assemble("withdraw", program_id, accounts, {"amount_atoms": amount_atoms})


def _order_accounts(signer: Pubkey, user: Pubkey, program_id: Pubkey) -> dict[str, Pubkey]:
    return {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "orders": orders_address(user, program_id),
    }


def _market_metas(orders: Sequence[OrderArgs], program_id: Pubkey) -> list[AccountMeta]:
    """One read-only Market for each distinct market, in order of first appearance, as the program reads them."""
    indices = dict.fromkeys(order.market_index for order in orders)
    return [AccountMeta(market_address(index, program_id), False, False) for index in indices]


def place_orders(
    *,
    signer: Pubkey,
    user: Pubkey,
    orders: Sequence[OrderArgs],
    kind_args: Sequence[KindArgs] = (),
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Place 1 to 8 orders with one margin check. `signer` is the owner or the delegate of `user`.

    `kind_args` holds what only some kinds have; an order names its entry by `kind_args_plus_one`.
    """
    if not orders:
        raise UnitOutOfRange("number of orders", 0, 1, above=False)
    if len(orders) > ORDERS_PER_PLACE_MAX:
        raise UnitOutOfRange("number of orders", len(orders), ORDERS_PER_PLACE_MAX, above=True)
    accounts = _order_accounts(signer, user, program_id)
    args = {"orders": tuple(orders), "kind_args": tuple(kind_args)}
    return assemble("place_orders", program_id, accounts, args, _market_metas(orders, program_id))


def cancel_orders(
    *, signer: Pubkey, user: Pubkey, selector: CancelArgs, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Cancel by order ids, client ids, market, side of a market, or all (see `by_order_ids` and its kin)."""
    accounts = {"signer": signer, "user": user, "orders": orders_address(user, program_id)}
    return assemble("cancel_orders", program_id, accounts, {"selector": selector})


def modify_order(
    *,
    signer: Pubkey,
    user: Pubkey,
    order_id: int,
    replacement: OrderArgs,
    kind_args: Sequence[KindArgs] = (),
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Cancel and replace in one; keeps priority when it only reduces the size. `kind_args` as in `place_orders`."""
    accounts = _order_accounts(signer, user, program_id)
    args = {"order_id": order_id, "replacement": replacement, "kind_args": tuple(kind_args)}
    return assemble("modify_order", program_id, accounts, args, _market_metas([replacement], program_id))
