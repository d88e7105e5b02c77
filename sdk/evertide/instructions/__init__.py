"""One builder per instruction of the program, same names, keyword-only, integers in base units.

Each returns a solders `Instruction`. Addresses that the program derives are filled in; `program_id` is for another
deployment of the same program. Raises `UsageError` (`UnitError` for numbers) before anything is sent.
"""

from __future__ import annotations

from ._admin import collect_fees, fund_insurance, initialize_exchange, list_collateral, list_market, open_exchange
from ._auction import commit_order, fill_auction, reveal_order
from ._changes import EXCHANGE, ChangeTarget, advance_season, apply_ramp, cancel_change, execute_change, propose_change
from ._guard import assert_health, assert_position, assert_sequence, view_health, view_market
from ._keeper import (
    accrue_debt,
    accrue_market,
    match_orders,
    settle_pnl,
    touch_position,
    update_mark,
    update_oracle,
)
from ._kinds import cancel_all_after, execute_slice, expire_orders, trigger_order, update_trailing
from ._liquidation import (
    NO_LIMIT,
    liquidate_collateral,
    liquidate_orders,
    liquidate_position,
    liquidate_to_backstop,
    liquidate_with_orders,
    resolve_bankruptcy,
)
from ._money import (
    claim_unstake,
    claim_withdraw,
    request_unstake,
    request_withdraw,
    set_delegate,
    stake_insurance,
    transfer,
)
from ._rewards import pay_builder, pay_referrer
from ._roles import (
    claim_role,
    gate_disable,
    gate_enable,
    lift_pause,
    name_successor,
    pause,
    set_market_status,
)
from ._signed import cancel_nonce, place_signed_orders
from ._trader import (
    WHOLE_ACCOUNT,
    cancel_orders,
    close_user,
    create_user,
    deposit,
    modify_order,
    place_orders,
    set_limits,
    withdraw,
)
from ._upkeep import check_invariants, extend_account, settle_market

__all__ = [
    "EXCHANGE",
    "NO_LIMIT",
    "WHOLE_ACCOUNT",
    "ChangeTarget",
    "accrue_debt",
    "accrue_market",
    "advance_season",
    "apply_ramp",
    "assert_health",
    "assert_position",
    "assert_sequence",
    "cancel_all_after",
    "cancel_change",
    "cancel_nonce",
    "cancel_orders",
    "check_invariants",
    "claim_role",
    "claim_unstake",
    "claim_withdraw",
    "close_user",
    "collect_fees",
    "commit_order",
    "create_user",
    "deposit",
    "execute_change",
    "execute_slice",
    "expire_orders",
    "extend_account",
    "fill_auction",
    "fund_insurance",
    "gate_disable",
    "gate_enable",
    "initialize_exchange",
    "lift_pause",
    "liquidate_collateral",
    "liquidate_orders",
    "liquidate_position",
    "liquidate_to_backstop",
    "liquidate_with_orders",
    "list_collateral",
    "list_market",
    "match_orders",
    "modify_order",
    "name_successor",
    "open_exchange",
    "pause",
    "pay_builder",
    "pay_referrer",
    "place_orders",
    "place_signed_orders",
    "propose_change",
    "request_unstake",
    "request_withdraw",
    "resolve_bankruptcy",
    "reveal_order",
    "set_delegate",
    "set_limits",
    "set_market_status",
    "settle_market",
    "settle_pnl",
    "stake_insurance",
    "touch_position",
    "transfer",
    "trigger_order",
    "update_mark",
    "update_oracle",
    "update_trailing",
    "view_health",
    "view_market",
    "withdraw",
]
