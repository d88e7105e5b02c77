"""Instructions of the exchange's roles, and the permissionless collection of fees."""

from __future__ import annotations

from collections.abc import Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._generated.types import CollateralTerms, ExchangeTerms, MarketTerms
from evertide._pda import (
    PROGRAM_ID,
    backstop_address,
    change_address,
    collateral_address,
    exchange_address,
    insurance_address,
    market_address,
    orders_address,
    program_data_address,
    risk_cache_address,
    vault_address,
)


def initialize_exchange(
    *,
    authority: Pubkey,
    local: bool,
    terms: ExchangeTerms,
    roles: Sequence[Pubkey],
    genesis_hash: bytes,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Create the exchange. `authority` is the upgrade authority; `roles` are root, risk, guardian, treasury.

    `local` allows feeds signed by a key of one's own; nothing can set it later. `genesis_hash` is the cluster's, 32
    bytes: signed orders are bound to it.
    """
    accounts = {
        "authority": authority,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "insurance": insurance_address(program_id),
        "program_account": program_id,
        "program_data": program_data_address(program_id),
    }
    arguments = {"local": local, "terms": terms, "roles": tuple(roles), "genesis_hash": genesis_hash}
    return assemble("initialize_exchange", program_id, accounts, arguments)


def list_collateral(
    *,
    root: Pubkey,
    index: int,
    mint: Pubkey,
    terms: CollateralTerms,
    change: int | None = None,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """List a deposit asset. `index` must be the number listed so far; the first, index 0, is the quote asset.

    After opening `change` is the number of the due change that allows it (`listing_key` of mint and terms).
    """
    accounts: dict[str, Pubkey | None] = {
        "root": root,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "collateral": collateral_address(index, program_id),
        "mint": mint,
        "vault": vault_address(index, program_id),
        "change": None if change is None else change_address(change, program_id),
    }
    return assemble("list_collateral", program_id, accounts, {"terms": terms})


def list_market(
    *, root: Pubkey, index: int, terms: MarketTerms, change: int | None = None, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """List a perpetual and create its backstop account. `index` must be the number listed so far.

    After opening `change` is the number of the due change that allows it (`listing_key` of the terms).
    """
    backstop = backstop_address(index, program_id)
    accounts: dict[str, Pubkey | None] = {
        "root": root,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "market": market_address(index, program_id),
        "backstop": backstop,
        "backstop_orders": orders_address(backstop, program_id),
        "change": None if change is None else change_address(change, program_id),
    }
    return assemble("list_market", program_id, accounts, {"terms": terms})


def open_exchange(*, root: Pubkey, timelock: Pubkey | None = None, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """End the bootstrap: deposits begin, listing ends. `timelock` where the program can still be upgraded."""
    accounts = {
        "root": root,
        "exchange": exchange_address(program_id),
        "program_data": program_data_address(program_id),
        "timelock": timelock if timelock is not None else program_id,
    }
    return assemble("open_exchange", program_id, accounts)


def fund_insurance(
    *, funder: Pubkey, funder_token: Pubkey, amount_atoms: int, tranche_atoms: int = 0, program_id: Pubkey = PROGRAM_ID
) -> Instruction:
    """Give `amount_atoms` of quote to the insurance fund, `tranche_atoms` of them to the exchange-wide tranche."""
    accounts = {
        "funder": funder,
        "exchange": exchange_address(program_id),
        "insurance": insurance_address(program_id),
        "quote": collateral_address(0, program_id),
        "quote_vault": vault_address(0, program_id),
        "funder_token": funder_token,
    }
    args = {"amount_atoms": amount_atoms, "tranche_atoms": tranche_atoms}
    return assemble("fund_insurance", program_id, accounts, args)


def collect_fees(*, market_index: int, treasury_token: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Repay a market's recorded deficit from its pending fees, then pay them to the insurance fund and the treasury,
    as far as its pool reaches; the profit of a backstop that holds nothing goes to the fund too. Anyone.
    """
    accounts = {
        "market": market_address(market_index, program_id),
        "exchange": exchange_address(program_id),
        "insurance": insurance_address(program_id),
        "quote": collateral_address(0, program_id),
        "quote_vault": vault_address(0, program_id),
        "treasury_token": treasury_token,
        "backstop": backstop_address(market_index, program_id),
    }
    return assemble("collect_fees", program_id, accounts)
