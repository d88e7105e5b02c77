//! Constants that readers outside Rust need, each with its meaning.

use evertide_math::{bands, debt, funding, index, liquidation, margin, mark, oracle, signed, units};

use super::Constant;
use crate::engine::{
    bankruptcy::BankruptcyStep, change, dormant::WakeOutcome, groups::LinkedChange, invariants::Invariant,
    kinds as order_kinds, liquidation::LiquidationRung, margin as valuation, oracle as prices, quote, season, silence,
    stake, twap,
};
use crate::guards::{bounds, clock, gate, timelock, Gate};
use crate::instructions::{
    admin::list_collateral, guard::assert_health, keeper, trader::deposit, trader::request_withdraw,
    trader::set_limits, way_down::liquidate_collateral,
};
use crate::state::*;

macro_rules! constants {
    ($($name:ident = $value:expr, $doc:literal;)*) => {
        vec![$(Constant { name: stringify!($name), value: $value as i128, doc: $doc }),*]
    };
}

/// All constants.
pub fn constants() -> Vec<Constant> {
    let parts = [sizes(), kinds(), orders(), oracles(), limits(), arithmetic()];
    parts.into_iter().flatten().collect()
}

fn sizes() -> Vec<Constant> {
    constants! {
        LAYOUT_VERSION = LAYOUT_VERSION, "Version byte of every account.";
        MARKETS_MAX = MARKETS_MAX, "Markets that one exchange can hold.";
        COLLATERALS_MAX = COLLATERALS_MAX, "Collateral assets that one exchange can hold, the quote asset included.";
        POSITIONS_MAX = POSITIONS_MAX, "Position slots of a user.";
        USER_COLLATERALS_MAX = USER_COLLATERALS_MAX, "Collateral slots of a user, the quote balance not included.";
        ORDERS_MAX = ORDERS_MAX, "Order slots of a user.";
        FEE_TIERS_MAX = FEE_TIERS_MAX, "Steps of the fee ladder.";
        BUILDERS_MAX = BUILDERS_MAX, "Entries of the builder table.";
        QUOTE_INDEX = quote::QUOTE_INDEX, "Collateral index of the quote asset.";
        QUOTE_DECIMALS = list_collateral::QUOTE_DECIMALS, "Decimals of the quote asset.";
        COLLATERAL_DECIMALS_MAX = list_collateral::DECIMALS_MAX, "Greatest decimals of a collateral mint.";
        WHOLE_ACCOUNT = set_limits::WHOLE_ACCOUNT, "market_index of set_limits that means the whole account.";
    }
}

fn kinds() -> Vec<Constant> {
    constants! {
        ROLE_ROOT = Role::Root, "Index of the root role.";
        ROLE_RISK = Role::Risk, "Index of the risk role.";
        ROLE_GUARDIAN = Role::Guardian, "Index of the guardian role.";
        ROLE_TREASURY = Role::Treasury, "Index of the treasury role.";
        MARKET_STATUS_ACTIVE = MarketStatus::Active, "Trades without restriction.";
        MARKET_STATUS_POST_ONLY = MarketStatus::PostOnly, "Takes resting orders, matches nothing.";
        MARKET_STATUS_REDUCE_ONLY = MarketStatus::ReduceOnly, "Positions only shrink.";
        MARKET_STATUS_HALTED = MarketStatus::Halted, "Neither orders nor fills.";
        MARKET_STATUS_SETTLING = MarketStatus::Settling, "Closes at its TWAP.";
        MARKET_STATUS_CLOSED = MarketStatus::Closed, "Closed for good.";
        MARKET_FLAG_ISOLATED_ONLY = 1, "Bit of MarketTerms.flags: positions live in a sub-account of their own.";
        COLLATERAL_STATUS_ACTIVE = 0, "Takes deposits.";
        COLLATERAL_STATUS_NO_DEPOSITS = deposit::STATUS_NO_DEPOSITS, "Takes no new deposits.";
        GATE_CREATE_USER = Gate::CreateUser, "Bit number in gates_closed: creating users.";
        GATE_PLACE_ORDERS = Gate::PlaceOrders, "Bit number in gates_closed: orders that are not reduce-only.";
        GATE_MATCH_ORDERS = Gate::MatchOrders, "Bit number in gates_closed: fills that increase a position.";
        GATE_OPEN_LANE = Gate::OpenLane, "Bit number in gates_closed: withdrawals through the open lane.";
        TIMELOCK_MS = timelock::TIMELOCK_MS, "From asking for what could hurt to its earliest execution, ms.";
        SEASON_STEPS = season::SEASON_STEPS, "Steps of a season.";
        SEASON_STEP_MS = season::SEASON_STEP_MS, "Least time between two steps, ms.";
        SEASON_CAP_ATOMS = season::SEASON_CAP_ATOMS, "Cap of an asset's deposits at its first step, atoms of quote.";
        CHANGE_RAMP_MS = change::CHANGE_RAMP_MS, "Length of a ramp, ms.";
        TIMELOCK_WINDOW_MS = timelock::TIMELOCK_WINDOW_MS, "Time in which it can then be executed, ms.";
        LIQUIDATION_RUNG_CANCEL = LiquidationRung::Cancel, "OrdersLiquidated.rung: risk-increasing orders taken out.";
        LIQUIDATION_RUNG_VOID = LiquidationRung::Void, "OrdersLiquidated.rung: all orders void.";
        LIQUIDATION_RUNG_ENDED = LiquidationRung::Ended, "OrdersLiquidated.rung: the liquidation ended.";
        BANKRUPTCY_STEP_CLOSED = BankruptcyStep::Closed, "BankruptcyResolved.step: solvent again.";
        BANKRUPTCY_STEP_OPENED = BankruptcyStep::Opened, "BankruptcyResolved.step: detected, collateral left.";
        BANKRUPTCY_STEP_RESOLVED = BankruptcyStep::Resolved, "BankruptcyResolved.step: the market bore its share.";
        BANKRUPTCY_OPEN = Bankruptcy::Open, "Position.bankruptcy: its market is latched reduce-only.";
        BANKRUPTCY_RESOLVED = Bankruptcy::Resolved, "Position.bankruptcy: its market has borne its share.";
        PERMISSION_PLACE = permissions::PLACE, "Bit of User.delegate_permissions: places and modifies orders.";
        PERMISSION_CANCEL = permissions::CANCEL, "Bit of User.delegate_permissions: cancels orders.";
        PERMISSION_LIQUIDATE = permissions::LIQUIDATE, "Same: liquidates and earns keepers' rewards for the account.";
        PERMISSION_TRANSFER = permissions::TRANSFER, "Same: moves balances between sub-accounts of the authority.";
        SILENCE_MS = silence::SILENCE_MS, "Without any new price for longer than this nobody's liquidation starts, ms.";
        LIQUIDATION_GRACE_MS = silence::LIQUIDATION_GRACE_MS, "Nor for so long after such a silence, above backstop margin, ms.";
        DEBT_GRACE_MS = liquidate_collateral::DEBT_GRACE_MS, "Grace of a debt before collateral is sold, ms.";
        DEBT_DISCOUNT_RISE_MS = liquidate_collateral::DEBT_DISCOUNT_RISE_MS, "Rise of the discount after it, ms.";
        INVARIANT_OPEN_INTEREST = Invariant::OpenInterest, "InvariantBroken.invariant: the sides differ.";
        INVARIANT_FRACTIONS = Invariant::Fractions, "Same: more fractions dropped than open, or a size factor grew.";
        INVARIANT_BOOKS = Invariant::Books, "Same: pool and deficit do not cover claims and fees.";
        INVARIANT_FEES = Invariant::Fees, "Same: the fund's part of the fees exceeds them.";
        INVARIANT_LATCH = Invariant::Latch, "Same: the latch does not follow the open bankruptcies.";
        INVARIANT_VAULT = Invariant::Vault, "Same: the vault holds less than is owed out of it.";
        INVARIANT_QUEUE = Invariant::Queue, "Same: more waits than was deposited.";
        INVARIANT_TRANCHE = Invariant::Tranche, "Same: the tranche exceeds the fund.";
        INVARIANT_BOUNTY_ATOMS = keeper::check_invariants::BOUNTY_ATOMS, "Most that a broken invariant pays, atoms.";
        HEALTH_INITIAL = assert_health::HEALTH_INITIAL, "Kind of assert_health: initial margin.";
        HEALTH_MAINTENANCE = assert_health::HEALTH_MAINTENANCE, "Kind of assert_health: maintenance margin.";
    }
}

fn orders() -> Vec<Constant> {
    constants! {
        ORDER_KIND_LIMIT = OrderKind::Limit, "Limit order.";
        ORDER_KIND_MARKET = OrderKind::Market, "Market order, with a worst price.";
        ORDER_KIND_STOP_MARKET = OrderKind::StopMarket, "Fires on an adverse price, as a market order.";
        ORDER_KIND_STOP_LIMIT = OrderKind::StopLimit, "Fires on an adverse price, as a limit order.";
        ORDER_KIND_TAKE_PROFIT_MARKET = OrderKind::TakeProfitMarket, "Fires on a better price, as a market order.";
        ORDER_KIND_TAKE_PROFIT_LIMIT = OrderKind::TakeProfitLimit, "Fires on a better price, as a limit order.";
        ORDER_KIND_TRAILING_STOP = OrderKind::TrailingStop, "A market stop whose trigger follows the price.";
        ORDER_KIND_PEGGED = OrderKind::Pegged, "Rests as maker at index plus an offset.";
        ORDER_KIND_TWAP = OrderKind::Twap, "Placed in slices over time.";
        ORDER_KIND_ICEBERG = OrderKind::Iceberg, "Displays a part of its size.";
        ORDER_KIND_COMMIT = OrderKind::Commit, "The hash of an order that reveal_order places.";
        TRIGGER_SOURCE_MARK = TriggerSource::Mark, "The mark price fires a conditional order.";
        TRIGGER_SOURCE_INDEX = TriggerSource::Index, "The index price fires it.";
        TRIGGER_SOURCE_LAST = TriggerSource::Last, "The last fill's price fires it.";
        TIME_IN_FORCE_GOOD_TILL_CANCELLED = TimeInForce::GoodTillCancelled, "Rests until cancelled or expired.";
        TIME_IN_FORCE_IMMEDIATE_OR_CANCEL = TimeInForce::ImmediateOrCancel, "Fills within its deadline.";
        TIME_IN_FORCE_FILL_OR_KILL = TimeInForce::FillOrKill, "Fills whole in one instruction or not at all.";
        TIME_IN_FORCE_POST_ONLY = TimeInForce::PostOnly, "Rests as maker only, rejected where it would cross.";
        TIME_IN_FORCE_POST_ONLY_SLIDE = TimeInForce::PostOnlySlide, "Rests as maker only, slides to where it does not.";
        SELF_TRADE_CANCEL_NEWEST = SelfTradeRule::CancelNewest, "The newer of two own orders is cancelled.";
        SELF_TRADE_CANCEL_OLDEST = SelfTradeRule::CancelOldest, "The older of two own orders is cancelled.";
        SELF_TRADE_DECREMENT = SelfTradeRule::Decrement, "Both shrink by the smaller.";
        ORDER_FLAG_ASK = order_flags::ASK, "Bit of Order.flags: ask; clear: bid.";
        ORDER_FLAG_REDUCE_ONLY = order_flags::REDUCE_ONLY, "Bit of Order.flags: may only reduce the position.";
        ORDER_FLAG_COUNTED = order_flags::COUNTED, "Bit of Order.flags: counted in the position's aggregates.";
        ORDER_FLAG_REVEALED = order_flags::REVEALED, "Bit of Order.flags: placed by reveal_order, no evidence.";
        ORDER_FLAG_DORMANT = order_flags::DORMANT, "Bit of Order.flags: waits for trigger_order.";
        ORDER_FLAG_SLICE = order_flags::SLICE, "Bit of Order.flags: a slice of the TWAP whose id is its group.";
        LINKED_GROWN = LinkedChange::Grown, "LinkedOrder.change: an exit grew with its entry's fill.";
        LINKED_SHRUNK = LinkedChange::Shrunk, "LinkedOrder.change: shrank by what another order of its group filled.";
        LINKED_CANCELLED = LinkedChange::Cancelled, "LinkedOrder.change: cancelled by another order of its group.";
        LINKED_REFILLED = LinkedChange::Refilled, "LinkedOrder.change: an iceberg displays its next part.";
        LINKED_REFILL_FAILED = LinkedChange::RefillFailed, "LinkedOrder.change: an iceberg's rest was cancelled.";
        LINKED_PARENT_FILLED = LinkedChange::ParentFilled, "LinkedOrder.change: a TWAP counted its slice's fill.";
        WAKE_LIVE = WakeOutcome::Live, "Outcome of a triggered order or slice: live.";
        WAKE_INITIAL_MARGIN = WakeOutcome::InitialMargin, "Cancelled: below initial margin with it.";
        WAKE_NOTHING_TO_REDUCE = WakeOutcome::NothingToReduce, "Cancelled: nothing to reduce.";
        WAKE_POSITION_LIMIT = WakeOutcome::PositionLimit, "Cancelled: the market's limit on positions.";
        WAKE_NOTIONAL_CAP = WakeOutcome::NotionalCap, "Cancelled: the caps on the user's notional.";
        WAKE_POST_ONLY_WOULD_CROSS = WakeOutcome::PostOnlyWouldCross, "Cancelled: post-only and would cross.";
        TRAIL_MAX_BPS = order_kinds::TRAIL_MAX_BPS, "Greatest distance of a trailing stop, bps.";
        TWAP_SLICES_MIN = order_kinds::SLICES_MIN, "Fewest slices of a TWAP.";
        TWAP_SLICES_MAX = order_kinds::SLICES_MAX, "Most slices of a TWAP.";
        TWAP_MAX_MS = order_kinds::TWAP_MAX_MS, "Longest life of a TWAP, ms.";
        TWAP_CATCH_UP_SLICES = twap::CATCH_UP_SLICES, "Most slices that one order catches up with.";
        MATCH_DEADLINE_SLOTS = MATCH_DEADLINE_SLOTS, "Longest life of a market, IOC or FOK order, slots.";
        TAKER_PHASE_MAX_MS = bands::TAKER_PHASE_MAX_MS, "Longest taker phase, ms.";
        TAKER_PHASE_DEFAULT_MS = bands::TAKER_PHASE_DEFAULT_MS, "Usual taker phase, ms.";
        TAKER_PHASE_START_BPS = bands::TAKER_PHASE_START_BPS, "Where a taker's limit starts, bps from index.";
        SIGNED_ORDERS_MAX = keeper::place_signed_orders::SIGNED_ORDERS_MAX, "Most signed orders of one instruction.";
        SIGNED_ORDER_BYTES = signed::SIGNED_ORDER_BYTES, "Bytes of a signed order's message.";
        SIGNED_DOMAIN_BYTES = signed::SIGNED_DOMAIN_BYTES, "Of these, first: the hash of what it is bound to.";
        SIGNED_WINDOW_MAX_S = signed::SIGNED_WINDOW_MAX_S, "Longest time to place a signed order after its nonce, s.";
        SIGNED_MARKET_WINDOW_MAX_S = signed::SIGNED_MARKET_WINDOW_MAX_S, "The same for a market order, s.";
        NONCE_AHEAD_MAX_MS = signed::NONCE_AHEAD_MAX_MS, "How far a nonce may lie ahead of the chain's clock, ms.";
        NONCES_MAX = signed::NONCES_MAX, "Used nonces that an Orders account remembers one by one.";
    }
}

fn oracles() -> Vec<Constant> {
    constants! {
        ORACLE_KIND_PYTH = OracleKind::Pyth, "Pyth PriceUpdateV2.";
        ORACLE_KIND_SWITCHBOARD = OracleKind::Switchboard, "Switchboard On-Demand PullFeedAccountData.";
        ORACLE_KIND_LOCAL = OracleKind::Local, "Price signed by the key of the rules; local exchanges only.";
        VALIDITY_NOT_POSITIVE = oracle::NOT_POSITIVE, "Validity bit: the price is not positive.";
        VALIDITY_TOO_VOLATILE = oracle::TOO_VOLATILE, "Validity bit: too far from its TWAP.";
        VALIDITY_TOO_UNCERTAIN = oracle::TOO_UNCERTAIN, "Validity bit: confidence too wide.";
        VALIDITY_STALE_FOR_MARGIN = oracle::STALE_FOR_MARGIN, "Validity bit: too old to value accounts.";
        VALIDITY_FEW_SAMPLES = oracle::FEW_SAMPLES, "Validity bit: too few samples.";
        VALIDITY_STALE_FOR_FILLS = oracle::STALE_FOR_FILLS, "Validity bit: too old to fill orders.";
        VALIDITY_WILD_PRINT = valuation::WILD_PRINT, "Bits of a print that no account is judged by: its TWAP stands for it.";
        ORACLE_ACTION_FILL = oracle::OracleAction::Fill, "Row of the matrix of refusals.";
        ORACLE_ACTION_MARGIN = oracle::OracleAction::Margin, "Row of the matrix of refusals.";
        ORACLE_ACTION_PEGGED_ORDER = oracle::OracleAction::PeggedOrder, "Row of the matrix of refusals.";
        ORACLE_ACTION_FUNDING_OR_SETTLE = oracle::OracleAction::FundingOrSettle, "Row of the matrix of refusals.";
        ORACLE_ACTION_TRIGGER = oracle::OracleAction::Trigger, "Row of the matrix of refusals.";
        ORACLE_ACTION_LIQUIDATE = oracle::OracleAction::Liquidate, "Row of the matrix of refusals.";
        ORACLE_ACTION_UPDATE_TWAP = oracle::OracleAction::UpdateTwap, "Row of the matrix of refusals.";
        ORACLE_ACTION_UPDATE_MARK = oracle::OracleAction::UpdateMark, "Row of the matrix of refusals.";
        ORACLE_REFUSED_FILL = oracle::DEFAULT_ACTION_MATRIX[0], "Usual validity bits that refuse a fill.";
        ORACLE_REFUSED_MARGIN = oracle::DEFAULT_ACTION_MATRIX[1], "Usual bits that refuse new risk.";
        ORACLE_REFUSED_PEGGED_ORDER = oracle::DEFAULT_ACTION_MATRIX[2], "Usual bits that refuse pegged orders.";
        ORACLE_REFUSED_FUNDING_OR_SETTLE = oracle::DEFAULT_ACTION_MATRIX[3], "Usual bits that refuse settling.";
        ORACLE_REFUSED_TRIGGER = oracle::DEFAULT_ACTION_MATRIX[4], "Usual bits that refuse triggers.";
        ORACLE_REFUSED_LIQUIDATE = oracle::DEFAULT_ACTION_MATRIX[5], "Usual bits that refuse liquidations.";
        ORACLE_REFUSED_UPDATE_TWAP = oracle::DEFAULT_ACTION_MATRIX[6], "Usual bits that keep a price out of TWAPs.";
        ORACLE_REFUSED_UPDATE_MARK = oracle::DEFAULT_ACTION_MATRIX[7], "Usual bits that refuse a mark update.";
        ORACLE_FUTURE_MAX_MS = prices::FUTURE_MAX_MS, "How far a publish time may lie ahead of the chain, ms.";
        ROW_AGE_MAX_MS = valuation::ROW_AGE_MAX_MS, "Rows must be younger for new risk and withdrawals, ms.";
        LOT_WORTH_MAX_ATOMS = prices::LOT_WORTH_MAX_ATOMS, "Greatest worth of a lot at a market's first price, atoms.";
        TWAP_WINDOW_MS = mark::TWAP_WINDOW_MS, "Window of the 5-minute TWAPs, ms.";
        BASIS_WINDOW_MS = mark::BASIS_WINDOW_MS, "Window of the mark's basis average, ms.";
    }
}

fn limits() -> Vec<Constant> {
    constants! {
        FEE_MAX_TENTH_BPS = bounds::FEE_MAX_TENTH_BPS, "Greatest fee or rebate, tenths of a bp.";
        FEE_SHARES_MAX_BPS = bounds::FEE_SHARES_MAX_BPS, "Greatest sum of keeper's and referrer's shares, bps.";
        WITHDRAWAL_FLOOR_MAX_BPS = bounds::WITHDRAWAL_FLOOR_MAX_BPS, "Greatest withdrawal floor, bps.";
        LANE_SHARE_MAX_BPS = bounds::LANE_SHARE_MAX_BPS, "Greatest open lane of all users a day, bps of deposits.";
        LANE_MAX_ATOMS = bounds::LANE_MAX_ATOMS, "Greatest open lane of one user a day, atoms.";
        DEBT_CAP_MAX_BPS = bounds::DEBT_CAP_MAX_BPS, "Greatest cap of all debt, bps of the quote vault.";
        DEBT_INTEREST_MAX_BPS = bounds::DEBT_INTEREST_MAX_BPS, "Greatest interest on debt, bps a year.";
        KEEPER_REWARD_MAX_ATOMS = bounds::KEEPER_REWARD_MAX_ATOMS, "Greatest keeper reward of a fill, atoms.";
        LIQUIDATION_DISCOUNT_MAX_BPS = bounds::DISCOUNT_MAX_BPS, "Greatest discount on sold collateral, bps.";
        COLLATERAL_WEIGHT_MAX_BPS = bounds::COLLATERAL_WEIGHT_MAX_BPS, "Greatest weight of collateral, bps.";
        STALE_MIN_MS = bounds::STALE_MIN_MS, "Least age from which rules may call a price stale, ms.";
        STALE_MAX_MS = bounds::STALE_MAX_MS, "Greatest such age, ms.";
        CONFIDENCE_MAX_BPS = bounds::CONFIDENCE_MAX_BPS, "Greatest confidence that rules may accept, bps.";
        INITIAL_RATIO_MIN_BPS = bounds::INITIAL_RATIO_MIN_BPS, "Least initial margin ratio of a market, bps.";
        USER_RATIO_MAX_BPS = set_limits::USER_RATIO_MAX_BPS, "Greatest ratio of a user's own limits, bps.";
        TIME_LOCK_MIN_S = timelock::TIME_LOCK_MIN_S, "Least time lock of the upgrade authority, s.";
        STAKE_MIN_ATOMS = stake::STAKE_MIN_ATOMS, "Least stake in the insurance fund, atoms.";
        UNSTAKE_MS = stake::UNSTAKE_MS, "Time from asking for a stake to claiming it, ms.";
        UNSTAKE_WINDOW_MS = stake::UNSTAKE_WINDOW_MS, "Time in which a due request may be claimed, ms.";
        HOLD_BACK_MS = stake::HOLD_BACK_MS, "Longest time that open bankruptcies hold their amount back, ms.";
        STAKE_VIRTUAL_SHARES = stake::VIRTUAL_SHARES, "Shares of the fund that nobody holds and that count.";
        STAKE_VIRTUAL_ATOMS = stake::VIRTUAL_ATOMS, "Atoms that count for them.";
        WITHDRAW_REQUEST_MIN_PART = request_withdraw::REQUEST_MIN_PART, "Least request: deposits divided by this.";
        PAUSE_MS = gate::PAUSE_MS, "Longest pause, ms.";
        DAY_MS = clock::DAY_MS, "A day, ms.";
        HOUR_MS = clock::HOUR_MS, "An hour, ms.";
        DEBT_OF_COLLATERAL_BPS = debt::DEBT_OF_COLLATERAL_BPS, "New debt is at most this part of weighted collateral.";
        DEBT_OF_VAULT_BPS = debt::DEBT_OF_VAULT_BPS, "All debt is at most this part of the quote vault.";
        MAX_USER_DEBT_ATOMS = debt::MAX_USER_DEBT_ATOMS, "New debt of one user is at most this, atoms.";
        CANCEL_FRACTION_BPS = margin::CANCEL_FRACTION_BPS, "Cancel margin, share of the size-tier ratio, bps.";
        MAINTENANCE_FRACTION_BPS = margin::MAINTENANCE_FRACTION_BPS, "Maintenance margin, same share, bps.";
        BACKSTOP_FRACTION_BPS = margin::BACKSTOP_FRACTION_BPS, "Backstop margin, same share, bps.";
        AUTO_DELEVERAGE_FRACTION_BPS = margin::AUTO_DELEVERAGE_FRACTION_BPS, "ADL margin, same share, bps.";
        LIQUIDATION_BUFFER_BPS = liquidation::BUFFER_BPS, "Buffer above maintenance of a liquidation, bps.";
    }
}

fn arithmetic() -> Vec<Constant> {
    constants! {
        ATOMS_PER_USD = units::ATOMS_PER_USD, "Quote atoms of a dollar.";
        BPS_ONE = units::BPS_ONE, "Basis points of a whole.";
        RATE_ONE_E9 = units::RATE_ONE_E9, "A whole in units of rates.";
        PRICE_BITS = units::PRICE_BITS, "Fractional bits of a market price.";
        COLLATERAL_PRICE_BITS = units::COLLATERAL_PRICE_BITS, "Fractional bits of a collateral price.";
        INDEX_BITS = index::INDEX_BITS, "Fractional bits of A and J.";
        DEBT_INDEX_BITS = debt::DEBT_INDEX_BITS, "Fractional bits of the debt index.";
        MAX_LOTS = units::MAX_LOTS, "Greatest size of a position or order, lots.";
        TICKS_LIMIT = units::TICKS_LIMIT, "Prices of orders are below this, ticks.";
        MAX_ATOMS = units::MAX_ATOMS, "Greatest absolute balance, atoms.";
        MAX_NOTIONAL_ATOMS = units::MAX_NOTIONAL_ATOMS, "Greatest notional of a position or fill, atoms.";
        PRICE_LIMIT_Q32 = units::PRICE_LIMIT_Q32, "Market prices are below this.";
        MAX_ATOMS_PER_LOT_TICK = units::MAX_ATOMS_PER_LOT_TICK, "Greatest worth of a tick for a lot, atoms.";
        INTEREST_RATE_E9 = funding::INTEREST_RATE_E9, "Interest component of funding, 1e-9 per 8 h.";
        INTEREST_CLAMP_E9 = funding::INTEREST_CLAMP_E9, "Clamp of the interest pull, 1e-9 per 8 h.";
        FUNDING_RATE_CAP_FACTOR = funding::RATE_CAP_FACTOR, "Funding per 8 h is at most this times IM - MM.";
    }
}
