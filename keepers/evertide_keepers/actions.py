"""What a plan decides: instructions as plain values that a journal can hold and a replay can compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from evertide import CancelArgs, LocalPrice, OrderArgs, by_all, by_market, by_order_ids, instructions, orders_address

from .building_upkeep import UPKEEP, Builder

FIRST_LANE = ""
"""Actions of this lane are sent before all others."""


@dataclass(frozen=True, slots=True)
class Action:
    """One transaction to send.

    `key` names the work (for backing off and for never doing it twice), `lane` what must not run at the same time:
    actions of one lane are sent one after the other. `ahead` are instructions, each a name and arguments, that go in
    front of it in the same transaction.
    """

    name: str
    key: str
    lane: str
    arguments: dict[str, Any]
    ahead: list[list[Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON; `Action(**plain)` gives it back."""
        plain = {"name": self.name, "key": self.key, "lane": self.lane, "arguments": self.arguments}
        return {**plain, "ahead": self.ahead} if self.ahead else plain


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


def _liquidate_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.liquidate_orders(user=Pubkey.from_string(arguments["user"]), program_id=program_id)


def _liquidate_position(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.liquidate_position(
        authority=keeper,
        liquidator=Pubkey.from_string(arguments["liquidator"]),
        market_index=arguments["market_index"],
        user=Pubkey.from_string(arguments["user"]),
        size_max_lots=arguments["size_max_lots"],
        program_id=program_id,
    )


def _liquidate_with_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    keeper_user = arguments.get("keeper_user")
    return instructions.liquidate_with_orders(
        keeper=keeper,
        market_index=arguments["market_index"],
        user=Pubkey.from_string(arguments["user"]),
        makers=_refs(arguments["makers"]),
        size_max_lots=arguments["size_max_lots"],
        keeper_user=None if keeper_user is None else Pubkey.from_string(keeper_user),
        program_id=program_id,
    )


def _liquidate_collateral(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.liquidate_collateral(
        authority=keeper,
        liquidator=Pubkey.from_string(arguments["liquidator"]),
        user=Pubkey.from_string(arguments["user"]),
        collateral_index=arguments["collateral_index"],
        amount_max_atoms=arguments["amount_max_atoms"],
        program_id=program_id,
    )


def _in_market(name: str) -> Builder:
    """Builder of an instruction that takes a user and a market's index, and nothing else."""
    found = getattr(instructions, name)

    def built(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
        user = Pubkey.from_string(arguments["user"])
        made: Instruction = found(market_index=arguments["market_index"], user=user, program_id=program_id)
        return made

    return built


def _on_order(name: str) -> Builder:
    """Builder of an instruction that anyone sends about one order of a user."""

    def built(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
        made: Instruction = getattr(instructions, name)(
            market_index=arguments["market_index"],
            user=Pubkey.from_string(arguments["user"]),
            order_id=arguments["order_id"],
            program_id=program_id,
        )
        return made

    return built


def _expire_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.expire_orders(user=Pubkey.from_string(arguments["user"]), program_id=program_id)


def _place_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    user = Pubkey.from_string(arguments["user"])
    orders = [OrderArgs(**order) for order in arguments["orders"]]
    return instructions.place_orders(signer=keeper, user=user, orders=orders, program_id=program_id)


def _selector(arguments: dict[str, Any]) -> CancelArgs:
    """Orders by their ids where there are some, else those of a market, or all."""
    if "order_ids" in arguments:
        return by_order_ids(arguments["order_ids"])
    return by_all() if arguments["market_index"] is None else by_market(arguments["market_index"])


def _cancel_orders(keeper: Pubkey, program_id: Pubkey, arguments: dict[str, Any]) -> Instruction:
    return instructions.cancel_orders(
        signer=keeper,
        user=Pubkey.from_string(arguments["user"]),
        selector=_selector(arguments),
        program_id=program_id,
    )


_BUILDERS: dict[str, Builder] = {
    "match_orders": _match_orders,
    "update_mark": _update_mark,
    "update_oracle": _update_oracle,
    "accrue_market": _accrue_market,
    "accrue_debt": _accrue_debt,
    "settle_pnl": _in_market("settle_pnl"),
    "liquidate_orders": _liquidate_orders,
    "liquidate_position": _liquidate_position,
    "liquidate_with_orders": _liquidate_with_orders,
    "liquidate_collateral": _liquidate_collateral,
    "liquidate_to_backstop": _in_market("liquidate_to_backstop"),
    "resolve_bankruptcy": _in_market("resolve_bankruptcy"),
    "touch_position": _in_market("touch_position"),
    "trigger_order": _on_order("trigger_order"),
    "update_trailing": _on_order("update_trailing"),
    "execute_slice": _on_order("execute_slice"),
    "expire_orders": _expire_orders,
    "place_orders": _place_orders,
    "cancel_orders": _cancel_orders,
    **UPKEEP,
}


def build(action: Action, keeper: Pubkey, program_id: Pubkey) -> list[Instruction]:
    """The instructions of an action's transaction, with `keeper` as its payer."""
    steps = [*action.ahead, [action.name, action.arguments]]
    return [_BUILDERS[name](keeper, program_id, arguments) for name, arguments in steps]


# What has been decided on an order hangs on its account of orders, what on a position on the account itself.
_ON_ORDERS = {"match_orders", "trigger_order", "update_trailing", "execute_slice", "expire_orders"}
_ON_USERS = {
    "liquidate_orders",
    "liquidate_with_orders",
    "liquidate_position",
    "liquidate_to_backstop",
    "liquidate_collateral",
    "resolve_bankruptcy",
}


def subjects(action: Action, program_id: Pubkey) -> set[Pubkey]:
    """Accounts whose every change asks for another look before the action is sent: another keeper may have acted."""
    found: set[Pubkey] = set()
    for name, arguments in [*action.ahead, (action.name, action.arguments)]:
        if name in _ON_ORDERS:
            user = Pubkey.from_string(arguments["taker_user" if name == "match_orders" else "user"])
            found.add(orders_address(user, program_id))
        elif name in _ON_USERS:
            found.add(Pubkey.from_string(arguments["user"]))
    return found
