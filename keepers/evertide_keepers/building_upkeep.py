"""Builders of the instructions of upkeep and of quoting: what a plan's plain arguments become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide import ChangeTarget, instructions

Builder = Callable[[Pubkey, Pubkey, dict[str, Any]], Instruction]

ADDRESSES = (
    "user",
    "taker_user",
    "maker_user",
    "mint",
    "destination_token",
    "treasury_token",
    "recipient",
    "keeper_user",
)


def _named(name: str, signer: str | None = None) -> Builder:
    """Builder of an instruction whose arguments are those of the plan; `signer` names the keeper among them."""
    found = getattr(instructions, name)

    def built(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
        values = {
            key: Pubkey.from_string(value) if key in ADDRESSES and value is not None else value
            for key, value in arguments.items()
        }
        if signer is not None:
            values[signer] = keeper
        made: Instruction = found(**values, program_id=program_id)
        return made

    return built


def _on_target(name: str, signer: str | None = None) -> Builder:
    """Builder of an instruction on a market, an asset or the exchange."""
    named = _named(name, signer)

    def built(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
        values = dict(arguments)
        target = ChangeTarget(market_index=values.pop("market_index"), collateral_index=values.pop("collateral_index"))
        return named(keeper, program_id, {**values, "target": target})

    return built


def _as_guardian(name: str) -> Builder:
    """Builder of an instruction that the guardian signs, whose key the client holds beside the payer's."""
    named = _named(name)

    def built(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
        values = dict(arguments)
        guardian = Pubkey.from_string(values.pop("guardian"))
        return named(keeper, program_id, {**values, "signer": guardian})

    return built


def _create_token_account(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    from spl.token.instructions import create_idempotent_associated_token_account

    owner, mint = Pubkey.from_string(arguments["owner"]), Pubkey.from_string(arguments["mint"])
    return create_idempotent_associated_token_account(keeper, owner, mint)


UPKEEP: dict[str, Builder] = {
    "lift_pause": _named("lift_pause", "signer"),
    "gate_enable": _named("gate_enable", "signer"),
    "execute_change": _on_target("execute_change", "signer"),
    "apply_ramp": _on_target("apply_ramp"),
    "advance_season": _on_target("advance_season"),
    "settle_market": _named("settle_market"),
    "claim_withdraw": _named("claim_withdraw"),
    "pay_builder": _named("pay_builder"),
    "pay_referrer": _named("pay_referrer"),
    "collect_fees": _named("collect_fees"),
    "check_invariants": _named("check_invariants", "keeper"),
    "pause": _as_guardian("pause"),
    "cancel_change": _as_guardian("cancel_change"),
    "assert_sequence": _named("assert_sequence"),
    "cancel_all_after": _named("cancel_all_after", "signer"),
    "fill_auction": _named("fill_auction", "signer"),
    "create_token_account": _create_token_account,
}
