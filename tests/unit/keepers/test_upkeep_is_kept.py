"""Every instruction of the program is somebody's: a keeper's where anyone may send it, else a role's or an owner's."""

from __future__ import annotations

import json
from pathlib import Path

from evertide_keepers.actions import _BUILDERS
from evertide_keepers.keeper import KINDS

IDL = Path(__file__).resolve().parents[3] / "idl" / "evertide.json"

UPKEEP = {
    "accrue_debt": "funding",
    "accrue_market": "cache",
    "advance_season": "janitor",
    "check_invariants": "guardian",
    "apply_ramp": "janitor",
    "claim_withdraw": "janitor",
    "collect_fees": "janitor",
    "execute_change": "janitor",
    "execute_slice": "trigger",
    "expire_orders": "janitor",
    "gate_enable": "janitor",
    "lift_pause": "janitor",
    "liquidate_collateral": "collateral",
    "liquidate_orders": "liquidator",
    "liquidate_position": "liquidator",
    "liquidate_to_backstop": "liquidator",
    "liquidate_with_orders": "liquidator",
    "match_orders": "matcher",
    "pay_builder": "janitor",
    "pay_referrer": "janitor",
    "resolve_bankruptcy": "bankruptcy",
    "settle_market": "janitor",
    "settle_pnl": "settler",
    "touch_position": "bankruptcy",
    "trigger_order": "trigger",
    "update_mark": "mark",
    "update_oracle": "oracle",
    "update_trailing": "trigger",
}
"""What anyone may send and the exchange needs, and the keeper that does."""

EXEMPT = {
    "extend_account": "every layout so far has version 1: the program refuses each account as up to date",
    "place_signed_orders": "whoever was given the signed orders sends them: they are nowhere on chain",
    "assert_health": "a guard in a transaction of one's own",
    "assert_position": "a guard in a transaction of one's own",
    "assert_sequence": "a guard in a transaction of one's own",
    "view_health": "a view",
    "view_market": "a view",
    "fund_insurance": "a gift of one's own money",
}
"""What anyone may send and no keeper does, and why."""

OF_ROLES = {
    "cancel_change",
    "claim_role",
    "gate_disable",
    "initialize_exchange",
    "list_collateral",
    "list_market",
    "name_successor",
    "open_exchange",
    "pause",
    "propose_change",
    "set_market_status",
}
OF_OWNERS = {
    "cancel_all_after",
    "cancel_nonce",
    "cancel_orders",
    "claim_unstake",
    "close_user",
    "commit_order",
    "create_user",
    "deposit",
    "fill_auction",
    "modify_order",
    "place_orders",
    "request_unstake",
    "request_withdraw",
    "reveal_order",
    "set_delegate",
    "set_limits",
    "stake_insurance",
    "transfer",
    "withdraw",
}


def test_each_instruction_is_kept_or_is_somebodys_own() -> None:
    parts = [set(UPKEEP), set(EXEMPT), OF_ROLES, OF_OWNERS]
    names = {entry["name"] for entry in json.loads(IDL.read_text())["instructions"]}
    assert set.union(*parts) == names and sum(map(len, parts)) == len(names) == 66


def test_what_needs_no_signature_is_upkeep_or_exempt() -> None:
    unsigned = {
        entry["name"]
        for entry in json.loads(IDL.read_text())["instructions"]
        if not any(account.get("signer") and not account.get("optional") for account in entry["accounts"])
    }
    assert unsigned - {"update_oracle"} <= set(UPKEEP) | set(EXEMPT)


def test_the_keeper_of_each_declares_it_and_can_build_it() -> None:
    for name, keeper in UPKEEP.items():
        assert name in KINDS[keeper].sends, name
    for name, kind in KINDS.items():
        assert kind.sends and set(kind.sends) <= set(_BUILDERS), name
