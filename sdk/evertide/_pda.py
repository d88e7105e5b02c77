"""Addresses that the program derives. Each is a pure function of its seeds and the program's id."""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey

from . import _trap  # noqa: F401
from ._errors import AddressInvalid, FloatRefused, UnitOutOfRange
from ._generated import constants

PROGRAM_ID = Pubkey.from_string(constants.PROGRAM_ID)
SYSTEM_PROGRAM_ID = Pubkey.from_string("11111111111111111111111111111111")
TOKEN_PROGRAM_ID = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ASSOCIATED_TOKEN_PROGRAM_ID = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
INSTRUCTIONS_SYSVAR_ID = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
UPGRADEABLE_LOADER_ID = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
CLOCK_ADDRESS = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")


def to_address(value: Pubkey | str) -> Pubkey:
    """A Pubkey from itself or from base58. Raises `AddressInvalid`."""
    if isinstance(value, Pubkey):
        return value
    if not isinstance(value, str):
        raise AddressInvalid(f"{value!r} is not an address: a Pubkey or base58 text is needed")
    try:
        return Pubkey.from_string(value)
    except ValueError as error:
        raise AddressInvalid(f"{value!r} is not an address: {error}") from None


def _u16(name: str, value: int) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FloatRefused(name, value)
    if value < 0:
        raise UnitOutOfRange(name, value, 0, above=False)
    if value > 0xFFFF:
        raise UnitOutOfRange(name, value, 0xFFFF, above=True)
    return value.to_bytes(2, "little")


@lru_cache(maxsize=65_536)
def _find(seeds: tuple[bytes, ...], program_id: Pubkey) -> tuple[Pubkey, int]:
    return Pubkey.find_program_address(list(seeds), program_id)


def exchange_address(program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The one `Exchange` of a program."""
    return _find((constants.SEED_EXCHANGE,), program_id)[0]


def risk_cache_address(program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The one `RiskCache` of a program."""
    return _find((constants.SEED_RISK,), program_id)[0]


def insurance_address(program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The one `Insurance` fund of a program."""
    return _find((constants.SEED_INSURANCE,), program_id)[0]


def market_address(index: int, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `Market` of an index (u16)."""
    return _find((constants.SEED_MARKET, _u16("market_index", index)), program_id)[0]


def collateral_address(index: int, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `Collateral` of an index (u16); 0 is the quote asset."""
    return _find((constants.SEED_COLLATERAL, _u16("collateral_index", index)), program_id)[0]


def vault_address(index: int, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The token account that holds the deposits of collateral `index`."""
    return _find((constants.SEED_VAULT, _u16("collateral_index", index)), program_id)[0]


def stake_address(authority: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `InsuranceStake` of an authority."""
    return _find((constants.SEED_STAKE, bytes(authority)), program_id)[0]


def change_address(number: int, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `ParamChange` of a number (u64)."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise FloatRefused("number", number)
    if not 0 <= number < 1 << 64:
        raise UnitOutOfRange("number", number, 0 if number < 0 else (1 << 64) - 1, above=number >= 0)
    return _find((constants.SEED_CHANGE, number.to_bytes(8, "little")), program_id)[0]


def user_address(authority: Pubkey, sub_id: int = 0, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `User` sub-account `sub_id` (u16) of an authority."""
    return _find((constants.SEED_USER, bytes(authority), _u16("sub_id", sub_id)), program_id)[0]


def orders_address(user: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `Orders` account of a `User` address."""
    return _find((constants.SEED_ORDERS, bytes(user)), program_id)[0]


def backstop_address(market_index: int, program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The `User` that is the backstop of a market: its authority is the market's address, for which nobody signs."""
    return user_address(market_address(market_index, program_id), 0, program_id)


def event_authority_address(program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The address that signs the program's events."""
    return _find((b"__event_authority",), program_id)[0]


def program_data_address(program_id: Pubkey = PROGRAM_ID) -> Pubkey:
    """The account of the upgradeable loader that names the program's upgrade authority."""
    return _find((bytes(program_id),), UPGRADEABLE_LOADER_ID)[0]


def associated_token_address(owner: Pubkey, mint: Pubkey, token_program: Pubkey = TOKEN_PROGRAM_ID) -> Pubkey:
    """The associated token account of an owner and a mint."""
    return _find((bytes(owner), bytes(token_program), bytes(mint)), ASSOCIATED_TOKEN_PROGRAM_ID)[0]
