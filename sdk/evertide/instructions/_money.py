"""Instructions of balances: delegates, transfers, the queue of withdrawals, stakes in the insurance fund."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._pda import (
    PROGRAM_ID,
    collateral_address,
    exchange_address,
    insurance_address,
    risk_cache_address,
    stake_address,
    vault_address,
)


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


def request_withdraw(
    *, authority: Pubkey, user: Pubkey, collateral_index: int, amount_atoms: int, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Take an amount out of a balance into the asset's queue, which pays in order as its floor allows. Owner only."""
    accounts = {
        "authority": authority,
        "risk_cache": risk_cache_address(program_id),
        "user": user,
        "collateral": collateral_address(collateral_index, program_id),
    }
    return assemble("request_withdraw", program_id, accounts, {"amount_atoms": amount_atoms})


def claim_withdraw(
    *,
    user: Pubkey,
    collateral_index: int,
    mint: Pubkey,
    destination_token: Pubkey,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Pay the first request of an asset's queue, as far as its floor allows, to its owner's token account. Anyone."""
    accounts = {
        "exchange": exchange_address(program_id),
        "user": user,
        "collateral": collateral_address(collateral_index, program_id),
        "vault": vault_address(collateral_index, program_id),
        "destination_token": destination_token,
        "mint": mint,
    }
    return assemble("claim_withdraw", program_id, accounts)


def _stake_accounts(authority: Pubkey, program_id: Pubkey) -> dict[str, Pubkey]:
    return {
        "authority": authority,
        "exchange": exchange_address(program_id),
        "insurance": insurance_address(program_id),
        "stake": stake_address(authority, program_id),
        "quote": collateral_address(0, program_id),
        "quote_vault": vault_address(0, program_id),
    }


def stake_insurance(
    *, authority: Pubkey, source_token: Pubkey, amount_atoms: int, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Put quote atoms into the insurance fund for shares of it; a first stake's rent is the authority's."""
    accounts = {**_stake_accounts(authority, program_id), "source_token": source_token}
    return assemble("stake_insurance", program_id, accounts, {"amount_atoms": amount_atoms})


def request_unstake(*, authority: Pubkey, shares: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Ask shares out, in the place of an earlier request; 0 takes it back. Due after 13 days."""
    accounts = {
        "authority": authority,
        "insurance": insurance_address(program_id),
        "stake": stake_address(authority, program_id),
    }
    return assemble("request_unstake", program_id, accounts, {"shares": shares})


def claim_unstake(*, authority: Pubkey, destination_token: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Pay a due request: what the shares are worth now, at most what they were worth when it was made."""
    accounts = {**_stake_accounts(authority, program_id), "destination_token": destination_token}
    return assemble("claim_unstake", program_id, accounts)
