//! What can be judged only after all tests ran.

use std::collections::BTreeSet;

use evertide_vm_tests::{hits, idl::idl, tests};

tests!(the_errors_hit_equal_the_idls, every_instruction_has_its_file);

/// Where each instruction is tested; those that belong together share a file.
const FILES: &[(&str, &[&str])] = &[
    ("initialize_exchange", &["initialize_exchange"]),
    ("list_collateral", &["list_collateral"]),
    ("list_market", &["list_market"]),
    ("open_exchange", &["open_exchange"]),
    ("set_market_status", &["set_market_status"]),
    ("gates", &["gate_disable", "gate_enable"]),
    ("pauses", &["pause", "lift_pause"]),
    ("changes", &["propose_change", "cancel_change", "execute_change", "apply_ramp"]),
    ("parameters", &["propose_change", "execute_change", "apply_ramp"]),
    ("seasons", &["advance_season", "list_market", "list_collateral"]),
    ("successors", &["name_successor", "claim_role"]),
    ("create_user", &["create_user", "close_user"]),
    ("deposit", &["deposit"]),
    ("withdraw", &["withdraw"]),
    ("place_orders", &["place_orders"]),
    ("place_signed_orders", &["place_signed_orders"]),
    ("commitments", &["commit_order", "reveal_order"]),
    ("signatures", &["place_signed_orders"]),
    ("cancel_nonce", &["cancel_nonce"]),
    ("cancel_orders", &["cancel_orders", "modify_order"]),
    ("cancel_all_after", &["cancel_all_after", "expire_orders"]),
    ("trigger_order", &["trigger_order"]),
    ("update_trailing", &["update_trailing"]),
    ("groups", &["place_orders", "match_orders"]),
    ("maker_kinds", &["match_orders"]),
    ("execute_slice", &["execute_slice"]),
    ("match_orders", &["match_orders"]),
    ("fill_auction", &["fill_auction"]),
    ("match_refusals", &["match_orders"]),
    ("update_oracle", &["update_oracle"]),
    ("update_mark", &["update_mark"]),
    ("accruals", &["accrue_market", "accrue_debt", "settle_pnl", "touch_position"]),
    ("insurance", &["fund_insurance", "collect_fees"]),
    ("liquidate_orders", &["liquidate_orders"]),
    ("liquidate_position", &["liquidate_position"]),
    ("liquidate_with_orders", &["liquidate_with_orders"]),
    ("liquidate_collateral", &["liquidate_collateral"]),
    ("liquidate_to_backstop", &["liquidate_to_backstop"]),
    ("resolve_bankruptcy", &["resolve_bankruptcy"]),
    ("bankruptcies", &["resolve_bankruptcy", "collect_fees", "settle_pnl"]),
    ("epochs", &["touch_position", "accrue_market"]),
    ("balances", &["set_delegate", "transfer", "assert_position"]),
    ("builders", &["pay_builder", "propose_change"]),
    ("referrals", &["pay_referrer", "create_user"]),
    ("queue", &["request_withdraw", "claim_withdraw"]),
    ("stakes", &["stake_insurance", "request_unstake", "claim_unstake"]),
    ("settling", &["settle_market"]),
    ("invariant_checks", &["check_invariants", "extend_account"]),
    ("guards", &["set_limits", "assert_health", "assert_sequence", "view_health", "view_market"]),
];

fn every_instruction_has_its_file() {
    let tested: BTreeSet<&str> = FILES.iter().flat_map(|(_, instructions)| instructions.iter().copied()).collect();
    let known: BTreeSet<&str> = idl().instructions.keys().map(String::as_str).collect();
    assert_eq!(tested, known);
    let cases = crate::all();
    for (file, _) in FILES {
        assert!(cases.iter().any(|(name, _)| name.starts_with(&format!("{file}::"))), "no test runs in {file}");
    }
}

/// First code of the program; Anchor's own and other programs' lie below.
const FIRST_CODE: u32 = 6_000;

fn the_errors_hit_equal_the_idls() {
    let hit: BTreeSet<u32> = hits::errors().into_iter().filter(|code| *code >= FIRST_CODE).collect();
    let known: BTreeSet<u32> = idl().errors.values().copied().collect();
    let missing: Vec<String> =
        known.difference(&hit).map(|code| format!("{} {code}", idl().error_name(*code))).collect();
    assert!(missing.is_empty(), "{} errors that no test hit: {}", missing.len(), missing.join(", "));
    assert_eq!(hit, known, "a code that the IDL does not know");
}
