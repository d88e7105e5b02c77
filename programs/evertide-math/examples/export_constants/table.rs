//! Every constant that another language needs.

use std::fmt::Write;

use evertide_math::margin::MarginKind;
use evertide_math::oracle::OracleAction;
use evertide_math::{
    bands, collateral, debt, fees, funding, index, liquidation, margin, mark, oracle, priority, units,
};
use evertide_math::{MathError, Side};

macro_rules! constants {
    ($($module:ident: $($name:ident)+;)+) => {
        vec![$((stringify!($module), vec![$((String::from(stringify!($name)), $module::$name as i128)),+])),+]
    };
}

macro_rules! variants {
    ($prefix:literal, $kind:ident: $($name:ident)+) => {
        vec![$((format!("{}_{}", $prefix, upper(stringify!($name))), $kind::$name as i128)),+]
    };
}

/// `StaleForFills` to `STALE_FOR_FILLS`.
fn upper(name: &str) -> String {
    let mut result = String::new();
    for (position, letter) in name.chars().enumerate() {
        if position > 0 && letter.is_ascii_uppercase() {
            result.push('_');
        }
        result.push(letter.to_ascii_uppercase());
    }
    result
}

type Section = (&'static str, Vec<(String, i128)>);

fn sections() -> Vec<Section> {
    let mut all = constants! {
        units: MAX_LOTS MAX_OPEN_INTEREST_LOTS TICKS_LIMIT MAX_ATOMS MAX_NOTIONAL_ATOMS PRICE_LIMIT_Q32
            MAX_ATOMS_PER_LOT_TICK PRICE_BITS COLLATERAL_PRICE_BITS BPS_ONE MAX_BPS RATE_ONE_E9 MAX_RATE_E9 MAX_MILLIS
            ATOMS_PER_USD;
        index: INDEX_BITS INDEX_ONE DROPPED_BITS DRAIN_ONLY_BELOW MAX_CASH_INDEX MAX_CHARGE FUNDING_DIVISOR MAX_ACCRUAL_MS;
        margin: CANCEL_FRACTION_BPS MAINTENANCE_FRACTION_BPS BACKSTOP_FRACTION_BPS AUTO_DELEVERAGE_FRACTION_BPS;
        collateral: WEIGHT_SCALE_BITS;
        funding: INTEREST_RATE_E9 INTEREST_CLAMP_E9 RATE_CAP_FACTOR FUNDING_PERIOD_HOURS RATE_E9_PER_BPS MAX_AVERAGE_MS;
        mark: BASIS_WINDOW_MS TWAP_WINDOW_MS;
        oracle: QUOTE_DECIMALS MAX_POWER_OF_TEN NOT_POSITIVE TOO_VOLATILE TOO_UNCERTAIN STALE_FOR_MARGIN FEW_SAMPLES
            STALE_FOR_FILLS ALL_VALIDITY_BITS ORACLE_ACTIONS;
        bands: TAKER_PHASE_START_BPS TAKER_PHASE_DEFAULT_MS TAKER_PHASE_MAX_MS MARKET_ORDER_SLIPPAGE_BPS BAND_SCALE_LIMIT;
        fees: SHARES_CAP_BPS KEEPER_SHARE_BPS KEEPER_AGE_MS KEEPER_AGE_FACTOR PPM_ONE FEE_TIERS VOLUME_WINDOW_MS;
        liquidation: BUFFER_BPS FIRST_STEP_BPS FULL_AFTER_MS SMALL_SHORTAGE_ATOMS SMALL_POSITION_ATOMS FEE_RISE_MS;
        debt: DEBT_INDEX_BITS DEBT_INDEX_ONE MAX_DEBT_INDEX DEBT_OF_COLLATERAL_BPS MAX_USER_DEBT_ATOMS DEBT_OF_VAULT_BPS
            RATE_HOUR;
        priority: HASH_SEED HASH_MULTIPLIER_1 HASH_MULTIPLIER_2;
    };
    all.push(("Side", variants!("SIDE", Side: Bid Ask)));
    all.push((
        "MarginKind",
        variants!("MARGIN_KIND", MarginKind: Initial Fill Cancel Maintenance Backstop AutoDeleverage Withdrawal),
    ));
    all.push((
        "OracleAction",
        variants!("ORACLE_ACTION", OracleAction:
            Fill Margin PeggedOrder FundingOrSettle Trigger Liquidate UpdateTwap UpdateMark),
    ));
    all.push((
        "MathError",
        variants!("MATH_ERROR", MathError: Overflow OutOfRange DivisionByZero NotPositive EpochMismatch SideStillHeld
            NotMonotone ExceedsOpenInterest),
    ));
    all
}

/// The Python module, the same for the SDK and the engine.
pub fn python() -> String {
    let mut text = String::from(
        "# Generated from evertide-math by `cargo run -p evertide-math --example export_constants`. Do not edit.\n\
         \"\"\"Constants of the exchange's arithmetic, as the program has them.\"\"\"\n\n\
         from __future__ import annotations\n\nfrom typing import Final\n",
    );
    for (section, values) in sections() {
        write!(text, "\n# {section}\n").expect("a string takes every write");
        for (name, value) in values {
            writeln!(text, "{name}: Final = {value}").expect("a string takes every write");
        }
    }
    writeln!(text, "\n# oracle: refused validity bits by action").expect("a string takes every write");
    writeln!(text, "DEFAULT_ACTION_MATRIX: Final = {:?}", oracle::DEFAULT_ACTION_MATRIX)
        .expect("a string takes every write");
    text.replace(" = [", " = (").replace("]\n", ")\n")
}
