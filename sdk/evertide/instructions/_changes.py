"""Instructions of the timelock: proposing, cancelling and executing changes of parameters, and moving along ramps."""

from __future__ import annotations

from dataclasses import dataclass

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide._assemble import assemble
from evertide._errors import UsageError
from evertide._pda import (
    PROGRAM_ID,
    change_address,
    collateral_address,
    exchange_address,
    market_address,
    risk_cache_address,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTarget:
    """Whose parameter a change moves: a market's, an asset's, or with neither the exchange's."""

    market_index: int | None = None
    collateral_index: int | None = None

    def __post_init__(self) -> None:
        if self.market_index is not None and self.collateral_index is not None:
            raise UsageError("a change moves a parameter of a market or of an asset, not of both")

    def accounts(self, program_id: Pubkey) -> dict[str, Pubkey | None]:
        """The optional accounts of an instruction."""
        market, asset = self.market_index, self.collateral_index
        return {
            "market": None if market is None else market_address(market, program_id),
            "collateral": None if asset is None else collateral_address(asset, program_id),
        }


EXCHANGE = ChangeTarget()


def propose_change(
    *,
    signer: Pubkey,
    number: int,
    field: int,
    value: int = 0,
    key: bytes = bytes(32),
    target: ChangeTarget = EXCHANGE,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Propose another value of a parameter. `number` must be `Exchange.next_change`; `key` is a 32-byte field's value.

    Root; of a market or an asset risk too. What only stops new risk takes effect at once, all else waits 72 h.
    """
    accounts: dict[str, Pubkey | None] = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "change": change_address(number, program_id),
        **target.accounts(program_id),
    }
    return assemble("propose_change", program_id, accounts, {"field": field, "value": value, "key": key})


def cancel_change(*, signer: Pubkey, number: int, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Cancel a change that waits, or stop a ramp where it is: the guardian, or its proposer."""
    accounts = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "change": change_address(number, program_id),
    }
    return assemble("cancel_change", program_id, accounts)


def execute_change(
    *,
    signer: Pubkey,
    number: int,
    target: ChangeTarget = EXCHANGE,
    quote: bool = False,
    program_id: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Let a change take effect, or begin its ramp, from 72 h after its proposal and for 7 days. Anyone.

    `quote` for the debt interest alone: it then needs `accrue_debt` in front. What moves funding needs `accrue_market`.
    """
    accounts: dict[str, Pubkey | None] = {
        "signer": signer,
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "change": change_address(number, program_id),
        **target.accounts(program_id),
        "quote": collateral_address(0, program_id) if quote else None,
    }
    return assemble("execute_change", program_id, accounts)


def apply_ramp(*, number: int, target: ChangeTarget, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Move a parameter along its ramp of 24 h to where it is now. Anyone."""
    accounts: dict[str, Pubkey | None] = {
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        "change": change_address(number, program_id),
        **target.accounts(program_id),
    }
    return assemble("apply_ramp", program_id, accounts)


def advance_season(*, target: ChangeTarget, program_id: Pubkey = PROGRAM_ID) -> Instruction:
    """Take a market or an asset that was listed after opening one step further, once a day. Anyone."""
    accounts: dict[str, Pubkey | None] = {
        "exchange": exchange_address(program_id),
        "risk_cache": risk_cache_address(program_id),
        **target.accounts(program_id),
    }
    return assemble("advance_season", program_id, accounts)
