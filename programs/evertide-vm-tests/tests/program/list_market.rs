//! `list_market`.

use evertide_vm_tests::{
    exchange::{exchange, market},
    state::{Exchange, MarketTerms, MARKETS_MAX},
    terms::{market_terms, quote_terms, USD},
    tests,
    way_down::backstop,
    world::World,
};

tests!(
    lists_a_market,
    refuses_a_stranger,
    refuses_before_the_quote_asset,
    refuses_after_opening,
    refuses_more_than_fit,
    refuses_terms_beyond_bounds,
    refuses_tiers_out_of_order,
    refuses_an_envelope_that_fails,
    refuses_inexact_units,
    refuses_a_bad_symbol,
    refuses_a_local_feed_unless_local,
);

fn ready() -> World {
    let mut world = World::initialized();
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    world
}

fn lists_a_market() {
    let mut world = ready();
    let outcome = world.ok(&world.list_market(0, &market_terms(0, world.oracle)));
    let [(first, created), (second, listed)] = &outcome.events()[..] else {
        panic!("two events: {:?}", outcome.events())
    };
    assert_eq!((first.as_str(), second.as_str()), ("UserCreated", "MarketListed"));
    assert_eq!(listed["atoms_per_lot_tick"], 10);
    // The backstop is the sub-account 0 of the market's own address, for which nobody signs.
    let own = backstop(0);
    assert_eq!(created["user"].as_str(), Some(own.user.to_string().as_str()));
    assert_eq!((world.user(&own).authority, world.user(&own).sub_id), (market(0), 0));
    assert_eq!(world.orders(&own).user, own.user);
    let market = world.market(0);
    assert_eq!((market.index, market.atoms_per_lot_tick, market.a), (0, 10, [1 << 48; 2]));
    assert_eq!(market.terms, market_terms(0, world.oracle));
    let row = world.cache().markets[0];
    assert_eq!((row.market_plus_one, row.tier_ratio_bps[0], row.index_price_q32), (1, 1_000, 0));
    assert_eq!(world.exchange().market_count, 1);
}

fn refuses_a_stranger() {
    let mut world = ready();
    let call = world.list_market(0, &market_terms(0, world.oracle)).with("root", world.treasury);
    world.fails(&call, "NotRoot");
}

fn refuses_before_the_quote_asset() {
    let mut world = World::initialized();
    world.fails(&world.list_market(0, &market_terms(0, world.oracle)), "QuoteNotListed");
}

fn refuses_after_opening() {
    let mut world = World::open();
    world.fails(&world.list_market(3, &market_terms(0, world.oracle)), "ExchangeAlreadyOpen");
}

fn refuses_more_than_fit() {
    let mut world = ready();
    for index in 0..MARKETS_MAX as u16 {
        world.ok(&world.list_market(index, &market_terms(2, world.oracle)));
    }
    world.fails(&world.list_market(MARKETS_MAX as u16, &market_terms(2, world.oracle)), "TooManyMarkets");
}

fn refused(changes: &[fn(&mut MarketTerms)], error: &str) {
    let mut world = ready();
    for change in changes {
        let mut terms = market_terms(0, world.oracle);
        change(&mut terms);
        world.fails(&world.list_market(0, &terms), error);
    }
}

fn refuses_terms_beyond_bounds() {
    refused(
        &[
            |terms| terms.order_size_min_lots = 0,
            |terms| terms.position_max_lots = 1 << 41,
            |terms| terms.open_interest_max_lots = terms.position_max_lots - 1,
            |terms| terms.impact_notional_atoms = USD - 1,
            |terms| terms.profit_weight_bps = 10_001,
            |terms| terms.mark_radius_bps = 501,
            |terms| terms.band_bps = 0,
            |terms| terms.breaker_bps = 5_001,
            |terms| terms.breaker_window_s = 0,
            |terms| terms.market_slippage_bps = 1_001,
            |terms| terms.flags = 2,
            |terms| terms.liquidation_fee_bps = 24,
            |terms| terms.tier_ratio_bps[0] = 199,
            |terms| terms.open_interest_upper_usd = terms.open_interest_lower_usd,
        ],
        "MarketTermsOutOfBounds",
    );
}

fn refuses_tiers_out_of_order() {
    refused(
        &[
            |terms| terms.tier_bound_usd[2] = terms.tier_bound_usd[1],
            |terms| terms.tier_ratio_bps[2] = terms.tier_ratio_bps[1] - 1,
        ],
        "MarginTiersNotMonotone",
    );
}

fn refuses_an_envelope_that_fails() {
    let aged: fn(&mut MarketTerms) = |terms| (terms.stress_move_bps, terms.liquidation_fee_bps) = (100, 250);
    refused(
        &[|terms| terms.stress_move_bps = 400, |terms| terms.tier_ratio_bps[0] = 600, aged],
        "SolvencyEnvelopeViolated",
    );
}

fn refuses_inexact_units() {
    refused(&[|terms| terms.lot_size_e9 = 100_001], "TickLotNotExact");
}

fn refuses_a_bad_symbol() {
    refused(
        &[|terms| terms.symbol = [0; 16], |terms| terms.symbol[1] = 0, |terms| terms.symbol[0] = 200],
        "SymbolInvalid",
    );
}

fn refuses_a_local_feed_unless_local() {
    let mut world = ready();
    world.edit::<Exchange>(exchange(), |state| state.local = 0);
    world.fails(&world.list_market(0, &market_terms(0, world.oracle)), "LocalOracleForbidden");
}
