"""What a plan decides: instructions as plain values that a journal can hold and a replay can compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide import LocalPrice, instructions

FIRST_LANE = ""
"""Actions of this lane are sent before all others."""


@dataclass(frozen=True, slots=True)
class Action:
    """One instruction to send.

    `key` names the work (for backing off and for never doing it twice), `lane` what must not run at the same time:
    actions of one lane are sent one after the other.
    """

    name: str
    key: str
    lane: str
    arguments: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As JSON; `Action(**plain)` gives it back."""
        return {"name": self.name, "key": self.key, "lane": self.lane, "arguments": self.arguments}


def _refs(refs: list[list[Any]]) -> list[tuple[Pubkey, int]]:
    return [(Pubkey.from_string(user), order_id) for user, order_id in refs]


def _match_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    keeper_user = arguments.get("keeper_user")
    return instructions.match_orders(
        keeper=keeper,
        market_index=arguments["market_index"],
        taker_user=Pubkey.from_string(arguments["taker_user"]),
        taker_order_id=arguments["taker_order_id"],
        makers=_refs(arguments["makers"]),
        keeper_user=None if keeper_user is None else Pubkey.from_string(keeper_user),
        program_id=program_id,
    )


def _update_mark(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.update_mark(
        keeper=keeper,
        market_index=arguments["market_index"],
        bids=_refs(arguments["bids"]),
        asks=_refs(arguments["asks"]),
        program_id=program_id,
    )


def _update_oracle(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    price = arguments["price"]
    return instructions.update_oracle(
        oracle=Pubkey.from_string(arguments["oracle"]),
        market_index=arguments["market_index"],
        collateral_index=arguments["collateral_index"],
        price=None if price is None else LocalPrice(**price),
        program_id=program_id,
    )


def _accrue_market(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.accrue_market(market_index=arguments["market_index"], program_id=program_id)


def _accrue_debt(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.accrue_debt(program_id=program_id)


def _settle_pnl(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    user = Pubkey.from_string(arguments["user"])
    return instructions.settle_pnl(market_index=arguments["market_index"], user=user, program_id=program_id)


_BUILDERS: dict[str, Callable[[Pubkey, Pubkey, dict[str, Any]], Instruction]] = {
    "match_orders": _match_orders,
    "update_mark": _update_mark,
    "update_oracle": _update_oracle,
    "accrue_market": _accrue_market,
    "accrue_debt": _accrue_debt,
    "settle_pnl": _settle_pnl,
}


def build(action: Action, keeper: Pubkey, program_id: Pubkey) -> Instruction:
    """The instruction of an action, with `keeper` as its payer."""
    return _BUILDERS[action.name](keeper, program_id, action.arguments)
