"""Where every instruction of the program is reached on the command line; a test holds it to the IDL."""

from __future__ import annotations

COMMAND_OF: dict[str, str] = {
    "initialize_exchange": "admin initialize-exchange",
    "list_collateral": "admin list-collateral",
    "list_market": "admin list-market",
    "open_exchange": "admin open-exchange",
    "fund_insurance": "admin fund-insurance",
    "collect_fees": "admin collect-fees",
    "accrue_debt": "admin accrue-debt",
    "create_user": "account create",
    "close_user": "account close",
    "set_limits": "account set-limits",
    "deposit": "account deposit",
    "withdraw": "account withdraw",
    "view_health": "account health",
    "place_orders": "order place",
    "cancel_orders": "order cancel",
    "modify_order": "order modify",
    "match_orders": "keeper match",
    "update_oracle": "keeper oracle",
    "update_mark": "keeper mark",
    "accrue_market": "keeper accrue",
    "settle_pnl": "position settle",
    "touch_position": "position touch",
    "assert_health": "guard assert-health",
    "assert_sequence": "guard assert-sequence",
    "view_market": "market show",
}
