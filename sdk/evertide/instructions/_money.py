"""Instructions of balances: delegates and transfers between one's own sub-accounts."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import PROGRAM_ID, collateral_address, risk_cache_address


def set_delegate(
    *,
    authority: Pubkey,
    user: Pubkey,
    delegate: Pubkey | None,
    permissions: int = 0,
    expiry_ms: int = 0,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Name who may act for `user`, with bits of `Permission` and until when (unix ms, 0 = for good).

    None takes the delegate away. A delegate never withdraws.
    """
    args = {
        "delegate": Pubkey.default() if delegate is None else delegate,
        "permissions": int(permissions),
        "expiry_ms": expiry_ms,
    }
    return assemble("set_delegate", program_id, {"authority": authority, "user": user}, args)


def transfer(
    *,
    signer: Pubkey,
    source: Pubkey,
    destination: Pubkey,
    collateral_index: int,
    amount_atoms: int,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move `amount_atoms` of an asset from one sub-account to another of the same authority.

    `signer` owns both, or is the delegate of `source` with `Permission.TRANSFER`.
    """
    accounts = {
        "signer": signer,
        "risk_cache": risk_cache_address(program_id),
        "collateral": collateral_address(collateral_index, program_id),
        "from": source,
        "to": destination,
    }
    return assemble("transfer", program_id, accounts, {"amount_atoms": amount_atoms})
