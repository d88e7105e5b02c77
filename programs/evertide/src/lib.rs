//! Evertide: perpetual futures on Solana. Orders rest on chain in an account of their owner; anyone matches them.
//! The table of contents: `instructions`, one per file; `engine` and `guards`, what they share; `state`, accounts.

use anchor_lang::prelude::*;
use solana_compiler_builtins as _;

pub mod engine;
pub mod error;
pub mod events;
pub mod guards;
pub mod instructions;
#[cfg(test)]
mod layouts;
pub mod state;

pub use error::EvertideError;
use instructions::*;
use state::{CollateralTerms, ExchangeTerms, MarketTerms};

declare_id!("33482aS1pZC5YetQmAV25wGs6FXmgwXtxLJ5MCqSrjfF");

#[program]
pub mod evertide {
    use super::*;

    /// Creates the exchange, once. The program's upgrade authority. `local` allows local price feeds and a zero
    /// withdrawal floor, and can never be set later; `genesis_hash` is the cluster's, which signed orders are bound to.
    pub fn initialize_exchange(
        ctx: &mut Context<InitializeExchange>,
        local: bool,
        terms: ExchangeTerms,
        roles: [Address; 4],
        genesis_hash: [u8; 32],
    ) -> Result<()> {
        instructions::initialize_exchange(ctx, local, terms, roles, genesis_hash)
    }

    /// Lists a deposit asset, first the quote asset. Root; after opening as a change of sha256(mint, terms) allows.
    pub fn list_collateral(ctx: &mut Context<ListCollateral>, terms: CollateralTerms) -> Result<()> {
        instructions::list_collateral(ctx, terms)
    }

    /// Lists a market inside the solvency envelope. Root; after opening as a change allows, at 1 % of its limit.
    pub fn list_market(ctx: &mut Context<ListMarket>, terms: MarketTerms) -> Result<()> {
        instructions::list_market(ctx, terms)
    }

    /// Opens the exchange for good. Root. Unless local, the upgrade authority must be none or the timelock named.
    pub fn open_exchange(ctx: &mut Context<OpenExchange>) -> Result<()> {
        instructions::open_exchange(ctx)
    }

    /// Makes a market reduce-only at once; every other status waits in a change. Root, risk or guardian.
    pub fn set_market_status(ctx: &mut Context<SetMarketStatus>, status: u8) -> Result<()> {
        instructions::set_market_status(ctx, status)
    }

    /// Closes a gate at once, and takes back a request to open it. Root, risk or guardian.
    pub fn gate_disable(ctx: &mut Context<GateDisable>, gate: u8) -> Result<()> {
        instructions::gate_disable(ctx, gate)
    }

    /// Asks for a closed gate to open: root or risk. 72 h later, within 7 days: opens it, by anyone.
    pub fn gate_enable(ctx: &mut Context<GateEnable>, gate: u8) -> Result<()> {
        instructions::gate_enable(ctx, gate)
    }

    /// Stops new risk for 30 min, at most three times in any 24 h. Root, risk or guardian.
    pub fn pause(ctx: &mut Context<Pause>) -> Result<()> {
        instructions::pause(ctx)
    }

    /// Ends a pause: the guardian at any time, anyone after its end.
    pub fn lift_pause(ctx: &mut Context<LiftPause>) -> Result<()> {
        instructions::lift_pause(ctx)
    }

    /// Names who may claim a role (0 root, 1 risk, 2 guardian, 3 treasury) after 72 h; zero withdraws the one named. Root.
    pub fn name_successor(ctx: &mut Context<NameSuccessor>, role: u8, successor: Address) -> Result<()> {
        instructions::name_successor(ctx, role, successor)
    }

    /// The named successor takes its role, from 72 h after it was named and for 7 days.
    pub fn claim_role(ctx: &mut Context<ClaimRole>, role: u8) -> Result<()> {
        instructions::claim_role(ctx, role)
    }

    /// Proposes another value of a parameter (`key`: of a 32-byte one), at once or for 72 h later. Root; risk for some.
    pub fn propose_change(ctx: &mut Context<ProposeChange>, field: u32, value: i64, key: [u8; 32]) -> Result<()> {
        instructions::propose_change(ctx, field, value, key)
    }

    /// Cancels a change that waits, or stops a ramp where it is. The guardian or its proposer.
    pub fn cancel_change(ctx: &mut Context<CancelChange>) -> Result<()> {
        instructions::cancel_change(ctx)
    }

    /// Lets a change take effect, or begin its ramp, from 72 h after its proposal and for 7 days. Anyone.
    pub fn execute_change(ctx: &mut Context<ExecuteChange>) -> Result<()> {
        instructions::execute_change(ctx)
    }

    /// Takes a market or an asset listed after opening one step further, once a day: its limit doubles. Anyone.
    pub fn advance_season(ctx: &mut Context<AdvanceSeason>) -> Result<()> {
        instructions::advance_season(ctx)
    }

    /// Moves a parameter along its ramp of 24 h to where it is now. Anyone.
    pub fn apply_ramp(ctx: &mut Context<ApplyRamp>) -> Result<()> {
        instructions::apply_ramp(ctx)
    }

    /// Pays quote atoms into the insurance fund, of which `tranche_atoms` go to the exchange-wide tranche. Anyone.
    pub fn fund_insurance(ctx: &mut Context<FundInsurance>, amount_atoms: u64, tranche_atoms: u64) -> Result<()> {
        instructions::fund_insurance(ctx, amount_atoms, tranche_atoms)
    }

    /// Repays a market's recorded deficit, then pays its pending fees to the insurance fund and the treasury. Anyone.
    pub fn collect_fees(ctx: &mut Context<CollectFees>) -> Result<()> {
        instructions::collect_fees(ctx)
    }

    /// Closes every position of a settling market at the mark's 1 h TWAP; once all are folded, closes the market. Anyone.
    pub fn settle_market(ctx: &mut Context<SettleMarket>) -> Result<()> {
        instructions::settle_market(ctx)
    }

    /// Pays a builder (entry of the table) what a market owes it; the last market frees a retired one's entry. Anyone.
    pub fn pay_builder(ctx: &mut Context<PayBuilder>, entry: u8) -> Result<()> {
        instructions::pay_builder(ctx, entry)
    }

    /// Pays the referrer of a taker's account what it is owed, out of one market. Anyone.
    pub fn pay_referrer(ctx: &mut Context<PayReferrer>) -> Result<()> {
        instructions::pay_referrer(ctx)
    }

    /// Compares the totals of a market, an asset and the fund; a false one makes the market reduce-only. Anyone.
    pub fn check_invariants(ctx: &mut Context<CheckInvariants>) -> Result<bool> {
        instructions::check_invariants(ctx)
    }

    /// Grows an account of an older layout to the present one. Anyone.
    pub fn extend_account(ctx: &mut Context<ExtendAccount>) -> Result<()> {
        instructions::extend_account(ctx)
    }

    /// Creates the sub-account `sub_id` of the signer and its orders, with its referrer for good.
    pub fn create_user(ctx: &mut Context<CreateUser>, sub_id: u16) -> Result<()> {
        instructions::create_user(ctx, sub_id)
    }

    /// Closes a sub-account without balance, position, order or debt; its rent returns to the owner.
    pub fn close_user(ctx: &mut Context<CloseUser>) -> Result<()> {
        instructions::close_user(ctx)
    }

    /// Sets the owner's own least initial ratio and cap on notional (market 65,535), or the ratio in one market.
    pub fn set_limits(
        ctx: &mut Context<SetLimits>,
        user_ratio_bps: u16,
        notional_cap_atoms: u64,
        market_index: u16,
        market_ratio_bps: u16,
    ) -> Result<()> {
        instructions::set_limits(ctx, user_ratio_bps, notional_cap_atoms, market_index, market_ratio_bps)
    }

    /// Names a delegate with permission bits (1 place, 2 cancel, 4 liquidate, 8 transfer) and expiry, or with zero none.
    pub fn set_delegate(
        ctx: &mut Context<SetDelegate>,
        delegate: Address,
        permissions: u32,
        expiry_ms: i64,
    ) -> Result<()> {
        instructions::set_delegate(ctx, delegate, permissions, expiry_ms)
    }

    /// Moves a balance between sub-accounts of one authority; the payer stays at initial margin, profits as nothing.
    pub fn transfer(ctx: &mut Context<Transfer>, amount_atoms: u64) -> Result<()> {
        instructions::transfer(ctx, amount_atoms)
    }

    /// Moves tokens from the signer into a sub-account; a deposit of quote first repays its debt.
    pub fn deposit(ctx: &mut Context<Deposit>, amount_atoms: u64) -> Result<()> {
        instructions::deposit(ctx, amount_atoms)
    }

    /// Moves tokens out of a sub-account of the signer, never into debt, at initial margin with profits as nothing.
    pub fn withdraw(ctx: &mut Context<Withdraw>, amount_atoms: u64) -> Result<()> {
        instructions::withdraw(ctx, amount_atoms)
    }

    /// Takes an amount out of the balance into the asset's queue, which pays in order when the floor allows.
    pub fn request_withdraw(ctx: &mut Context<RequestWithdraw>, amount_atoms: u64) -> Result<()> {
        instructions::request_withdraw(ctx, amount_atoms)
    }

    /// Pays the first request of an asset's queue as far as the floor allows. Anyone.
    pub fn claim_withdraw(ctx: &mut Context<ClaimWithdraw>) -> Result<()> {
        instructions::claim_withdraw(ctx)
    }

    /// Stakes quote in the insurance fund for shares of it. Anyone.
    pub fn stake_insurance(ctx: &mut Context<StakeInsurance>, amount_atoms: u64) -> Result<()> {
        instructions::stake_insurance(ctx, amount_atoms)
    }

    /// Asks shares of the insurance fund out, in the place of an earlier request; 0 takes it back. Due after 13 days.
    pub fn request_unstake(ctx: &mut Context<RequestUnstake>, shares: u64) -> Result<()> {
        instructions::request_unstake(ctx, shares)
    }

    /// Pays a due unstake request: what the shares are worth now, at most what they were worth when it was made.
    pub fn claim_unstake(ctx: &mut Context<ClaimUnstake>) -> Result<()> {
        instructions::claim_unstake(ctx)
    }

    /// Places 1 to 8 orders with one margin check. `kind_args` holds what only some kinds have; an order names its entry.
    pub fn place_orders(
        ctx: &mut Context<PlaceOrders>,
        orders: Vec<OrderArgs>,
        kind_args: Vec<KindArgs>,
    ) -> Result<()> {
        instructions::place_orders(ctx, orders, kind_args)
    }

    /// Cancels orders by id, client id, market, side, or all.
    pub fn cancel_orders(ctx: &mut Context<CancelOrders>, selector: CancelArgs) -> Result<()> {
        instructions::cancel_orders(ctx, selector)
    }

    /// Uses up the nonce of a signed order that was not placed yet, so that nobody can place it.
    pub fn cancel_nonce(ctx: &mut Context<CancelNonce>, nonce_ms: i64) -> Result<()> {
        instructions::cancel_nonce(ctx, nonce_ms)
    }

    /// Puts the hash of an order into a slot: the order that `reveal_order` makes of it within 60 s has its place in time.
    pub fn commit_order(ctx: &mut Context<CommitOrder>, hash: [u8; 32]) -> Result<()> {
        instructions::commit_order(ctx, hash)
    }

    /// Places the limit or market order that a commitment is the hash of, with the commitment's id and place in time.
    pub fn reveal_order(ctx: &mut Context<RevealOrder>, order_id: u64, order: OrderArgs, salt: [u8; 32]) -> Result<()> {
        instructions::reveal_order(ctx, order_id, order, salt)
    }

    /// Replaces one order in one step; it keeps its priority when only its size shrinks.
    pub fn modify_order(
        ctx: &mut Context<ModifyOrder>,
        order_id: u64,
        replacement: OrderArgs,
        kind_args: Vec<KindArgs>,
    ) -> Result<()> {
        instructions::modify_order(ctx, order_id, replacement, kind_args)
    }

    /// Sets the dead-man's deadline, unix ms, from which all orders are dead; 0 turns it off.
    pub fn cancel_all_after(ctx: &mut Context<CancelAllAfter>, deadline_ms: i64) -> Result<()> {
        instructions::cancel_all_after(ctx, deadline_ms)
    }

    /// Takes out a user's dead orders: void, expired, past the dead-man's deadline, exits without entry. Anyone.
    pub fn expire_orders(ctx: &mut Context<ExpireOrders>) -> Result<()> {
        instructions::expire_orders(ctx)
    }

    /// Makes an order live whose time or trigger has come; it is checked as a new one, or cancelled. Anyone.
    pub fn trigger_order(ctx: &mut Context<TriggerOrder>, order_id: u64) -> Result<()> {
        instructions::trigger_order(ctx, order_id)
    }

    /// Moves a trailing stop's trigger after the price, only in its order's favour. Anyone.
    pub fn update_trailing(ctx: &mut Context<UpdateTrailing>, order_id: u64) -> Result<()> {
        instructions::update_trailing(ctx, order_id)
    }

    /// Places the slice of a TWAP that its schedule says is due, once in each interval. Anyone.
    pub fn execute_slice(ctx: &mut Context<ExecuteSlice>, order_id: u64) -> Result<()> {
        instructions::execute_slice(ctx, order_id)
    }

    /// Takes a price from Pyth, Switchboard or a local signer into a market or an asset, with its row. Anyone.
    pub fn update_oracle(ctx: &mut Context<UpdateOracle>, price: LocalPrice) -> Result<()> {
        instructions::update_oracle(ctx, price)
    }

    /// Shows the best resting orders as evidence and computes the mark price. Anyone.
    pub fn update_mark(ctx: &mut Context<UpdateMark>, bid: EvidenceArgs, ask: EvidenceArgs) -> Result<()> {
        instructions::update_mark(ctx, bid, ask)
    }

    /// Accrues premium, funding and TWAPs of a market up to now, and writes its cache row. Anyone.
    pub fn accrue_market(ctx: &mut Context<AccrueMarket>) -> Result<()> {
        instructions::accrue_market(ctx)
    }

    /// Accrues interest on all debts up to now. Anyone.
    pub fn accrue_debt(ctx: &mut Context<AccrueDebt>) -> Result<()> {
        instructions::accrue_debt(ctx)
    }

    /// Fills one taker order against up to 8 resting orders; the program trusts nothing and checks everything. Anyone.
    pub fn match_orders(ctx: &mut Context<MatchOrders>, taker_order_id: u64, makers: Vec<MakerRef>) -> Result<()> {
        instructions::match_orders(ctx, taker_order_id, makers)
    }

    /// Fills an order in its taker phase at its effective limit or better, up to `size_max_lots`: the maker answers.
    pub fn fill_auction(
        ctx: &mut Context<FillAuction>,
        taker_order_id: u64,
        price_ticks: u64,
        size_max_lots: u64,
    ) -> Result<()> {
        instructions::fill_auction(ctx, taker_order_id, price_ticks, size_max_lots)
    }

    /// Places 1 to 4 orders signed off chain, which the Ed25519 instruction `instruction_index` verified. Anyone.
    pub fn place_signed_orders(
        ctx: &mut Context<PlaceSignedOrders>,
        instruction_index: u8,
        orders: Vec<SignedRef>,
    ) -> Result<()> {
        instructions::place_signed_orders(ctx, instruction_index, orders)
    }

    /// Settles a position's losses into its market's pool, its profits out of it; returns the signed amount. Anyone.
    pub fn settle_pnl(ctx: &mut Context<SettlePnl>) -> Result<i64> {
        instructions::settle_pnl(ctx)
    }

    /// Below cancel margin takes orders out, below maintenance begins a liquidation, at maintenance ends it. Anyone.
    pub fn liquidate_orders(ctx: &mut Context<LiquidateOrders>) -> Result<()> {
        instructions::liquidate_orders(ctx)
    }

    /// Takes over, at mark and for a fee, up to `size_max_lots` of a position of an account in liquidation.
    pub fn liquidate_position(ctx: &mut Context<LiquidatePosition>, size_max_lots: u64) -> Result<()> {
        instructions::liquidate_position(ctx, size_max_lots)
    }

    /// Closes up to `size_max_lots` of a position of an account in liquidation against up to 8 resting orders. Anyone.
    pub fn liquidate_with_orders(
        ctx: &mut Context<LiquidateWithOrders>,
        size_max_lots: u64,
        makers: Vec<MakerRef>,
    ) -> Result<()> {
        instructions::liquidate_with_orders(ctx, size_max_lots, makers)
    }

    /// Buys, with the liquidator's quote balance, collateral of an account in liquidation or of one with an old debt.
    pub fn liquidate_collateral(ctx: &mut Context<LiquidateCollateral>, amount_max_atoms: u64) -> Result<()> {
        instructions::liquidate_collateral(ctx, amount_max_atoms)
    }

    /// Moves a position below backstop margin to its market's backstop; the rest is deleveraged at mark. Anyone.
    pub fn liquidate_to_backstop(ctx: &mut Context<LiquidateToBackstop>) -> Result<()> {
        instructions::liquidate_to_backstop(ctx)
    }

    /// Lets one market bear its share of a bankrupt account's deficit: fees, insurance, deleveraging, record. Anyone.
    pub fn resolve_bankruptcy(ctx: &mut Context<ResolveBankruptcy>) -> Result<()> {
        instructions::resolve_bankruptcy(ctx)
    }

    /// Folds a position against its market's indices. Anyone.
    pub fn touch_position(ctx: &mut Context<TouchPosition>) -> Result<()> {
        instructions::touch_position(ctx)
    }

    /// Fails unless equity exceeds the requirement by so much; kind 0 initial, 1 maintenance.
    pub fn assert_health(ctx: &mut Context<AssertHealth>, minimum_excess_atoms: i64, kind: u8) -> Result<()> {
        instructions::assert_health(ctx, minimum_excess_atoms, kind)
    }

    /// Fails unless the user's next event has this sequence number.
    pub fn assert_sequence(ctx: &mut Context<AssertSequence>, sequence: u64) -> Result<()> {
        instructions::assert_sequence(ctx, sequence)
    }

    /// Fails unless the user's folded position in a market lies within `least_lots` and `most_lots`.
    pub fn assert_position(
        ctx: &mut Context<AssertPosition>,
        market_index: u16,
        least_lots: i64,
        most_lots: i64,
    ) -> Result<()> {
        instructions::assert_position(ctx, market_index, least_lots, most_lots)
    }

    /// Returns equity, requirements, free collateral and liquidation prices (`HealthView`) as return data.
    pub fn view_health(ctx: &mut Context<ViewHealth>) -> Result<HealthView> {
        instructions::view_health(ctx)
    }

    /// Returns prices, funding, 24 h change and open interest (`MarketView`) as return data.
    pub fn view_market(ctx: &mut Context<ViewMarket>) -> Result<MarketView> {
        instructions::view_market(ctx)
    }
}
