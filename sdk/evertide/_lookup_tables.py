"""Address lookup tables: one byte instead of 32 for each account of a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from solders.address_lookup_table_account import AddressLookupTable, AddressLookupTableAccount
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.solders import create_lookup_table as _create
from solders.solders import extend_lookup_table as _extend

from ._errors import AccountMismatch, AccountNotFound, UnitOutOfRange
from ._pda import (
    PROGRAM_ID,
    SYSTEM_PROGRAM_ID,
    TOKEN_PROGRAM_ID,
    collateral_address,
    event_authority_address,
    exchange_address,
    insurance_address,
    market_address,
    risk_cache_address,
    vault_address,
)
from ._rpc import RpcClient

LOOKUP_TABLE_PROGRAM_ID = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
ADDRESSES_PER_EXTEND_MAX = 20
ADDRESSES_MAX = 256


def create_lookup_table(*, authority: Pubkey, payer: Pubkey, recent_slot: int) -> tuple[Instruction, Pubkey]:
    """The instruction that creates a table, and the table's address. `recent_slot` must be a slot with a block."""
    instruction, address = _create({"authority_address": authority, "payer_address": payer, "recent_slot": recent_slot})
    return instruction, address


def extend_lookup_table(
    *, table: Pubkey, authority: Pubkey, payer: Pubkey, addresses: Sequence[Pubkey]
) -> list[Instruction]:
    """Instructions that add addresses, at most 20 in each so that it fits. The table serves them a slot later."""
    if not addresses:
        raise UnitOutOfRange("number of addresses", 0, 1, above=False)
    if len(addresses) > ADDRESSES_MAX:
        raise UnitOutOfRange("number of addresses", len(addresses), ADDRESSES_MAX, above=True)
    chunks = [
        addresses[at : at + ADDRESSES_PER_EXTEND_MAX] for at in range(0, len(addresses), ADDRESSES_PER_EXTEND_MAX)
    ]
    return [
        _extend(
            {
                "lookup_table_address": table,
                "authority_address": authority,
                "payer_address": payer,
                "new_addresses": list(chunk),
            }
        )
        for chunk in chunks
    ]


async def fetch_lookup_table(rpc: RpcClient, address: Pubkey) -> AddressLookupTableAccount:
    """A table for use in messages. Raises `AccountNotFound` or `AccountMismatch`."""
    info = await rpc.get_account(address)
    if info is None:
        raise AccountNotFound("lookup table", address)
    if info.owner != LOOKUP_TABLE_PROGRAM_ID:
        raise AccountMismatch("lookup table", "owner", info.owner, LOOKUP_TABLE_PROGRAM_ID, address)
    table = AddressLookupTable.deserialize(info.data)
    return AddressLookupTableAccount(address, table.addresses)


def exchange_addresses(market_count: int, collateral_count: int, program_id: Pubkey = PROGRAM_ID) -> list[Pubkey]:
    """What every trader's transactions have in common: the exchange's own accounts, markets, collaterals and vaults."""
    return [
        exchange_address(program_id),
        risk_cache_address(program_id),
        insurance_address(program_id),
        event_authority_address(program_id),
        program_id,
        SYSTEM_PROGRAM_ID,
        TOKEN_PROGRAM_ID,
        *(market_address(index, program_id) for index in range(market_count)),
        *(collateral_address(index, program_id) for index in range(collateral_count)),
        *(vault_address(index, program_id) for index in range(collateral_count)),
    ]
