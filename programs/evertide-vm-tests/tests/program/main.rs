//! Every instruction of the built program: the happy path, and each error by its exact code with every account unchanged.
//!
//! One binary with its own end: when all tests ran (no filter given), the set of error codes hit must equal the IDL's, and
//! the compute units measured must equal `docs/compute-units.md` and stay below the ceilings. `EVERTIDE_WRITE=1` rewrites
//! that page.

use evertide_vm_tests::runner::{filters, run, Case};

mod accruals;
mod attacks;
mod attacks_keys;
mod attacks_net;
mod attacks_way_down;
mod bad_input;
mod balances;
mod bankruptcies;
mod builders;
mod cancel_all_after;
mod cancel_nonce;
mod cancel_orders;
mod changes;
mod commitments;
mod compute;
mod compute_falls;
mod compute_kinds;
mod compute_margin;
mod compute_page;
mod compute_rewards;
mod compute_signed;
mod coverage;
mod create_user;
mod deposit;
mod disasters_backstop;
mod disasters_collateral;
mod disasters_profit;
mod disasters_restart;
mod downfall;
mod epochs;
mod execute_slice;
mod fill_auction;
mod gates;
mod groups;
mod groups_hit;
mod guards;
mod initialize_exchange;
mod insurance;
mod invariant_checks;
mod ledger;
mod liquidate_collateral;
mod liquidate_orders;
mod liquidate_position;
mod liquidate_to_backstop;
mod liquidate_with_orders;
mod list_collateral;
mod list_market;
mod maker_kinds;
mod margin_rules;
mod match_orders;
mod match_refusals;
mod one_block;
mod open_exchange;
mod parameters;
mod pauses;
mod place_orders;
mod place_signed_orders;
mod queue;
mod referrals;
mod refusal_names;
mod refusals;
mod resolve_bankruptcy;
mod roles;
mod schema;
mod seasons;
mod security;
mod set_market_status;
mod settling;
mod signatures;
mod signed_vectors;
mod silences;
mod specimens;
mod stakes;
mod successors;
mod trigger_order;
mod update_mark;
mod update_oracle;
mod update_trailing;
mod wild_prints;
mod withdraw;

/// Every test but the last judgement.
fn all() -> Vec<Case> {
    [trading(), falling()].concat()
}

/// The instructions up to the way down.
fn trading() -> Vec<Case> {
    [
        schema::tests(),
        initialize_exchange::tests(),
        list_collateral::tests(),
        list_market::tests(),
        open_exchange::tests(),
        set_market_status::tests(),
        gates::tests(),
        pauses::tests(),
        successors::tests(),
        changes::tests(),
        seasons::tests(),
        roles::tests(),
        parameters::tests(),
        create_user::tests(),
        deposit::tests(),
        withdraw::tests(),
        place_orders::tests(),
        place_signed_orders::tests(),
        commitments::tests(),
        signatures::tests(),
        signed_vectors::tests(),
        cancel_nonce::tests(),
        cancel_orders::tests(),
        cancel_all_after::tests(),
        trigger_order::tests(),
        update_trailing::tests(),
        groups::tests(),
        groups_hit::tests(),
        maker_kinds::tests(),
        execute_slice::tests(),
        match_orders::tests(),
        match_refusals::tests(),
        fill_auction::tests(),
        update_oracle::tests(),
        update_mark::tests(),
        accruals::tests(),
        insurance::tests(),
        guards::tests(),
        balances::tests(),
        builders::tests(),
        referrals::tests(),
        queue::tests(),
        stakes::tests(),
        wild_prints::tests(),
        settling::tests(),
        invariant_checks::tests(),
    ]
    .concat()
}

/// The way down, what everything costs, and the attacks.
fn falling() -> Vec<Case> {
    [
        liquidate_orders::tests(),
        liquidate_position::tests(),
        liquidate_to_backstop::tests(),
        liquidate_with_orders::tests(),
        liquidate_collateral::tests(),
        resolve_bankruptcy::tests(),
        bankruptcies::tests(),
        one_block::tests(),
        margin_rules::tests(),
        epochs::tests(),
        compute::tests(),
        compute_kinds::tests(),
        compute_falls::tests(),
        compute_margin::tests(),
        compute_rewards::tests(),
        compute_signed::tests(),
        security::tests(),
        refusals::tests(),
        disasters_profit::tests(),
        disasters_collateral::tests(),
        disasters_restart::tests(),
        silences::tests(),
        disasters_backstop::tests(),
        attacks::tests(),
        attacks_keys::tests(),
        attacks_way_down::tests(),
        attacks_net::tests(),
        bad_input::tests(),
    ]
    .concat()
}

fn main() {
    let wanted = filters();
    let chosen: Vec<Case> = all()
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| name.contains(word)))
        .collect();
    let mut failed = run(&chosen);
    if wanted.is_empty() {
        failed.extend(run(&[coverage::tests(), compute_page::tests()].concat()));
    }
    println!("{} tests, {} failed", chosen.len(), failed.len());
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
        std::process::exit(1);
    }
}
