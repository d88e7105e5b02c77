//! Every refusal of the program: one rule, one code, in blocks of 100 by cause, from 6000.
//!
//! A check that compares numbers logs `evertide: <found> <bound>` before it returns (see `guards`), so that the
//! client puts both into its own error.

use anchor_lang::prelude::*;

mod or_refuse;

pub use or_refuse::OrRefuse;

#[error_code]
#[derive(Debug, PartialEq, Eq)]
pub enum EvertideError {
    // 60xx: authority and state of the exchange.
    #[msg("only the program's upgrade authority may initialize the exchange")]
    NotUpgradeAuthority = 0,
    #[msg("only the root role may do this")]
    NotRoot = 1,
    #[msg("the treasury token account does not belong to the treasury role")]
    NotTreasury = 2,
    #[msg("only the user's authority may do this")]
    NotAuthority = 3,
    #[msg("only the user's authority or its live delegate may do this")]
    NotAuthorityOrDelegate = 4,
    #[msg("the exchange is already open: listing needs the timelock")]
    ExchangeAlreadyOpen = 5,
    #[msg("the exchange is not open yet")]
    ExchangeNotOpen = 6,
    #[msg("this instruction is closed by its gate or by a pause")]
    GateClosed = 7,
    #[msg("a role must be a key, not the zero address")]
    RoleMissing = 8,
    #[msg("the exchange terms lie outside their compile-time bounds")]
    ExchangeTermsOutOfBounds = 9,
    #[msg(
        "fee tiers must start at volume 0, rise in volume and never rise in fee, with taker fee at least the rebate"
    )]
    FeeTiersNotMonotone = 10,
    #[msg("the shares of keeper, referrer and builder together exceed 90 % of the taker fee")]
    FeeSharesTooLarge = 11,
    #[msg("only a local exchange may have a zero withdrawal floor")]
    WithdrawalFloorTooLow = 12,
    #[msg("an exchange that is not local needs an upgrade authority of none or a timelock")]
    UpgradeAuthorityNotTimelocked = 13,
    #[msg("the quote asset must be listed before the exchange opens")]
    QuoteNotListed = 14,
    #[msg("no market is listed")]
    NoMarketListed = 15,
    #[msg("the program data account does not belong to this program")]
    WrongProgramData = 16,
    #[msg("an admin instruction refuses a transaction that starts with AdvanceNonceAccount")]
    DurableNonceRefused = 17,
    #[msg("the signer holds no role that may do this")]
    RoleForbids = 18,
    #[msg("the role is unknown")]
    RoleUnknown = 19,
    #[msg("no successor is named for this role")]
    SuccessorMissing = 20,
    #[msg("only the named successor may claim the role")]
    NotSuccessor = 21,
    #[msg("the 72 h of the timelock are not over")]
    TimelockNotOver = 22,
    #[msg("the 7 days in which this could be done after its timelock are over")]
    TimelockExpired = 23,
    #[msg("the gate is unknown")]
    GateUnknown = 24,
    #[msg("the gate already is as asked")]
    GateUnchanged = 25,
    #[msg("a pause runs already")]
    PauseRunning = 26,
    #[msg("three pauses of 30 min within 24 h are used up")]
    PauseUsedUp = 27,
    #[msg("there is no pause to lift")]
    PauseNotSet = 28,
    #[msg("only the guardian lifts a pause before its end")]
    PauseNotOver = 29,
    #[msg("no field has this number")]
    ChangeFieldUnknown = 30,
    #[msg("the change is of another account's field")]
    ChangeTargetWrong = 31,
    #[msg("the field already holds this value")]
    ChangeUnchanged = 32,
    #[msg("the value does not fit its field")]
    ChangeValueUnfit = 33,
    #[msg("the change is not pending")]
    ChangeNotPending = 34,
    #[msg("the opening of the exchange voided this change")]
    ChangeVoidedByOpening = 35,
    #[msg("only the guardian or the proposer cancels a change")]
    ChangeNotYours = 36,
    #[msg("a listing is executed by list_market or list_collateral with the terms proposed")]
    ChangeIsListing = 37,
    #[msg("the change does not ramp")]
    ChangeNotRamping = 38,
    #[msg("the ramp has not moved since it was applied last")]
    RampUnmoved = 39,
    #[msg("interest or funding must be accrued up to now before this change")]
    NotAccrued = 40,
    // 61xx: accounts, tokens and balances.
    #[msg("the orders account does not belong to the user account")]
    OrdersOfAnotherUser = 100,
    #[msg("the vault is not the vault of this asset")]
    WrongVault = 101,
    #[msg("the mint is not the mint of this asset")]
    WrongMint = 102,
    #[msg("the token account holds another mint")]
    WrongTokenMint = 103,
    #[msg("the collateral account is not the quote asset")]
    NotQuoteAsset = 105,
    #[msg("the quote asset must have 6 decimals")]
    QuoteDecimalsWrong = 106,
    #[msg("collateral mints have at most 12 decimals")]
    TooManyDecimals = 107,
    #[msg("the mint is already listed")]
    MintAlreadyListed = 108,
    #[msg("the exchange holds the greatest number of collateral assets")]
    TooManyCollaterals = 109,
    #[msg("the exchange holds the greatest number of markets")]
    TooManyMarkets = 110,
    #[msg("the amount must be positive")]
    AmountZero = 111,
    #[msg("the amount exceeds the balance")]
    InsufficientBalance = 112,
    #[msg("deposits into this asset are closed")]
    DepositsClosed = 113,
    #[msg("the deposit would exceed the asset's cap")]
    DepositCapExceeded = 114,
    #[msg("the deposit would exceed the user's cap for this asset")]
    UserDepositCapExceeded = 115,
    #[msg("the user has no free collateral slot")]
    CollateralSlotsFull = 116,
    #[msg("the user still holds a balance, a position, an order or a debt")]
    UserNotEmpty = 118,
    #[msg("the collateral terms lie outside their compile-time bounds")]
    CollateralTermsOutOfBounds = 119,
    #[msg("the user has no free position slot")]
    PositionSlotsFull = 120,
    #[msg("exactly one of market and collateral must be given")]
    TargetAmbiguous = 121,
    #[msg("the user account is closed to this action while it is being liquidated")]
    UserInLiquidation = 122,
    #[msg("the same user account is given in two roles")]
    UserRepeated = 123,
    #[msg("an account after the declared ones is missing, wrong or not writable")]
    RemainingAccountInvalid = 124,
    #[msg("a mint with a freeze authority is accepted only as the quote asset or on a local exchange")]
    MintFreezable = 126,
    #[msg("the tranche is more than the amount")]
    TrancheTooLarge = 127,
    #[msg("an isolated-only market needs a sub-account of its own")]
    IsolatedMarketShared = 129,
    #[msg("the delegate has not the permission for this")]
    DelegateMayNot = 130,
    #[msg("a delegate has one or more known permissions; no delegate has none and no expiry")]
    DelegateInvalid = 131,
    #[msg("the delegate's expiry has passed already")]
    DelegateExpiryPassed = 132,
    #[msg("a transfer needs another sub-account of the same authority")]
    TransferToAnotherAuthority = 133,
    #[msg("the stake is below the least stake or too small for a share")]
    StakeTooSmall = 134,
    #[msg("the request is for more shares than the stake holds")]
    StakeSharesExceeded = 135,
    #[msg("no shares are asked for")]
    UnstakeNotRequested = 136,
    #[msg("the unstake request is not due yet")]
    UnstakeNotDue = 137,
    #[msg("the unstake request was not claimed in its time: ask again")]
    UnstakeLapsed = 138,
    #[msg("the insurance fund's shares have lost nearly all: no stake joins them")]
    InsuranceDepleted = 139,
    #[msg("open bankruptcies hold back all of the insurance fund")]
    InsuranceHeldBack = 140,
    #[msg("the user waits for a withdrawal already")]
    WithdrawPending = 141,
    #[msg("the request is less than a millionth of the asset's deposits")]
    WithdrawTooSmall = 142,
    #[msg("the user waits for no withdrawal of this asset")]
    WithdrawNotRequested = 143,
    #[msg("another request is paid first")]
    WithdrawNotFirst = 144,
    #[msg("the token account does not belong to the user's owner")]
    DestinationOfAnother = 145,
    #[msg("the open lane serves sub-account 0 of an authority")]
    LaneOfSubAccount = 146,
    #[msg("the market's status is not settling")]
    MarketNotSettling = 147,
    #[msg("positions of the market wait to be folded, or a bankruptcy to be resolved")]
    MarketStillHeld = 148,
    #[msg("the account has the present layout already")]
    AccountUpToDate = 149,
    // 62xx: orders.
    #[msg("an instruction places 1 to 8 orders")]
    OrderCountOutOfRange = 200,
    #[msg("the order's size is zero or below the market's least size")]
    OrderSizeTooSmall = 201,
    #[msg("the order's size is above the market's greatest position")]
    OrderSizeTooLarge = 202,
    #[msg("the order's price is zero or beyond 2^40 ticks")]
    OrderPriceOutOfRange = 203,
    #[msg("the order kind is unknown")]
    OrderKindUnknown = 204,
    #[msg("the time in force is unknown or does not fit the order kind")]
    TimeInForceInvalid = 205,
    #[msg("the self-trade rule is unknown")]
    SelfTradeRuleUnknown = 206,
    #[msg("the taker phase lasts at most 60 s, and none for a post-only order")]
    TakerPhaseInvalid = 207,
    #[msg("the order is already expired")]
    OrderExpired = 208,
    #[msg("an open order of this user already has this client order id")]
    ClientOrderIdInUse = 209,
    #[msg("all order slots are occupied")]
    OrderSlotsFull = 210,
    #[msg("no open order matches")]
    OrderNotFound = 211,
    #[msg("the post-only order would cross the best price shown")]
    PostOnlyWouldCross = 212,
    #[msg("a reduce-only order must oppose the position")]
    ReduceOnlyWouldIncrease = 213,
    #[msg("the builder is not registered or its fee is too high")]
    BuilderInvalid = 214,
    #[msg("the cancel selector is unknown or its ids do not fit it")]
    CancelSelectorInvalid = 215,
    #[msg("the auction's start price must not be worse than the order's limit")]
    AuctionStartInvalid = 216,
    #[msg("the worst price of the market order lies beyond its slippage limit")]
    SlippageLimitExceeded = 217,
    #[msg("the market does not take this order in its present status")]
    MarketStatusForbids = 218,
    #[msg("the market account is not the one that the order names")]
    OrderMarketMismatch = 219,
    #[msg("a modified order stays in its market and on its side")]
    ModifyChangesMarketOrSide = 220,
    #[msg("the order would make the position larger than the market allows")]
    PositionLimitExceeded = 221,
    // 63xx: margin.
    #[msg("equity is below the initial margin requirement")]
    InitialMarginTooLow = 300,
    #[msg("quote plus the losses of open positions would be negative")]
    LossesExceedQuote = 302,
    #[msg("the user's own cap on total notional is exceeded")]
    UserNotionalCapExceeded = 303,
    #[msg("the exchange's cap on one user's notional is exceeded")]
    ExchangeUserNotionalExceeded = 304,
    #[msg("a ratio of the user's own limits lies outside 0 to 10,000 bps")]
    UserRatioOutOfRange = 305,
    #[msg("a row that this action reads was not refreshed within 10 s")]
    RowTooOld = 306,
    #[msg("the asserted health is not met")]
    HealthAssertionFailed = 307,
    #[msg("the asserted sequence number is not the user's")]
    SequenceAssertionFailed = 308,
    #[msg("the health kind is unknown")]
    HealthKindUnknown = 309,
    #[msg("the withdrawal would leave less than the floor of the 24 h average and the open lane is used up")]
    WithdrawalFloorReached = 310,
    #[msg("a market that holds a position was never priced")]
    MarketNotPriced = 311,
    #[msg("the asserted bounds of the position do not hold")]
    PositionAssertionFailed = 312,
    #[msg("open interest of the whole exchange would exceed its cap")]
    ExchangeNotionalExceeded = 313,
    // 64xx: oracle.
    #[msg("the oracle account is not the one of the rules")]
    OracleAccountWrong = 400,
    #[msg("the oracle account has the wrong owner program")]
    OracleOwnerWrong = 401,
    #[msg("the oracle account has the wrong discriminator or length")]
    OracleDataInvalid = 402,
    #[msg("the Pyth update is not fully verified")]
    OracleNotFullyVerified = 403,
    #[msg("the Pyth feed id is not the one of the rules")]
    OracleFeedMismatch = 404,
    #[msg("the price is not positive")]
    OraclePriceNotPositive = 405,
    #[msg("the price is beyond what the unit holds")]
    OraclePriceOutOfRange = 406,
    #[msg("the publish time does not move forward")]
    OracleNotNewer = 407,
    #[msg("the publish time lies more than 5 s in the future")]
    OracleFromFuture = 408,
    #[msg("the feed is older than its own staleness limit in slots")]
    OracleFeedStale = 409,
    #[msg("the local price is not signed by the key of the rules")]
    LocalPriceNotSigned = 410,
    #[msg("a local oracle feed is allowed on a local exchange only")]
    LocalOracleForbidden = 411,
    #[msg("the oracle rules lie outside their compile-time bounds")]
    OracleRulesOutOfBounds = 412,
    #[msg("a lot would be worth more than $100")]
    LotWorthTooMuch = 413,
    #[msg("the quote asset has no oracle")]
    QuoteHasNoOracle = 414,
    #[msg("the oracle's validity does not allow this action")]
    OracleValidityForbids = 415,
    #[msg("a new reading is older than the age from which its rules call it stale")]
    OracleTooOld = 416,

    // 65xx: matching.
    #[msg("the taker order cannot take now")]
    TakerNotLive = 500,
    #[msg("nothing was filled")]
    NothingFilled = 501,
    #[msg("a match names 1 to 8 makers")]
    MakerCountOutOfRange = 502,
    #[msg("the makers are not in priority order")]
    MakerPriorityViolated = 503,
    #[msg("a fill or kill order was not filled whole")]
    FillOrKillNotFilled = 504,
    #[msg("the taker's fill would leave its user below the margin it needs")]
    TakerMarginTooLow = 505,
    #[msg("the price lies outside the fill band")]
    PriceOutsideBand = 506,
    #[msg("the market cannot match in its present status")]
    MarketCannotMatch = 507,
    #[msg("the evidence is not a live plain order that has rested long enough")]
    EvidenceInvalid = 508,
    #[msg("the evidence does not reach the impact notional in priority order")]
    EvidenceInsufficient = 509,
    // 66xx: market.
    #[msg("the market terms lie outside their compile-time bounds")]
    MarketTermsOutOfBounds = 600,
    #[msg("margin tiers must rise in notional and in ratio")]
    MarginTiersNotMonotone = 601,
    #[msg("maintenance margin is below stress move plus fees plus funding: the solvency envelope fails")]
    SolvencyEnvelopeViolated = 602,
    #[msg("tick size times lot size is not a whole number of atoms")]
    TickLotNotExact = 603,
    #[msg("open interest would exceed the market's limit")]
    OpenInterestLimitExceeded = 604,
    #[msg("the market symbol is empty or not printable ASCII padded with zeros")]
    SymbolInvalid = 605,
    #[msg("the market was never priced")]
    MarketHasNoPrice = 606,
    #[msg("the user's own invariant failed")]
    UserInvariantViolated = 608,
    #[msg("no market has this index")]
    MarketUnknown = 609,
    #[msg("only reduce-only is instant: every other status waits in a change")]
    StatusNeedsTimelock = 610,
    #[msg("the market is reduce-only or closer already")]
    StatusNotTighter = 611,
    #[msg("a settling or closed market never goes back")]
    StatusFinal = 612,
    #[msg("the last step of the season is reached")]
    SeasonOver = 613,
    #[msg("a season's step takes a day")]
    SeasonNotDue = 614,
    #[msg(
        "a season goes on only while the market is active and owes nothing, or the asset is priced and takes deposits"
    )]
    SeasonUnsound = 615,
    // 67xx: settling, funding and collecting.
    #[msg("there is nothing to collect that the pool can pay")]
    NothingToCollect = 700,
    #[msg("the user holds no position in this market")]
    PositionNotFound = 701,
    #[msg("the position is already folded")]
    NothingToFold = 702,
    // 68xx: liquidation and bankruptcy.
    #[msg("equity is not below the margin from which this step is allowed")]
    AccountHealthy = 800,
    #[msg("liquidate_orders must void the account's orders first")]
    LiquidationNotStarted = 801,
    #[msg("the orders are void already and equity is still below maintenance margin")]
    LiquidationUnderWay = 802,
    #[msg("a liquidator must belong to another authority than the account")]
    SelfLiquidation = 803,
    #[msg("no part of the position is open to liquidation now")]
    NothingToLiquidate = 804,
    #[msg("equity is below zero: positions close only through resolve_bankruptcy")]
    UserBankrupt = 805,
    #[msg("equity is not below zero: there is no bankruptcy")]
    UserSolvent = 806,
    #[msg("the backstop account is not the one of this market")]
    NotBackstopOfMarket = 807,
    #[msg("insurance could not carry the position on the backstop through one stress move")]
    BackstopFull = 808,
    #[msg("the debt is younger than its grace of 1 h and the account is not in liquidation")]
    DebtWithinGrace = 809,
    #[msg("there is no debt and no loss beyond the quote balance that selling collateral would pay")]
    NothingToCure = 810,
    #[msg("equity of the liquidator would be below its initial margin")]
    LiquidatorMarginTooLow = 811,
    #[msg("the liquidator's quote balance does not cover the payment")]
    LiquidatorQuoteTooLow = 812,
    #[msg("this market bears no part of the deficit")]
    BankruptcyMarketWrong = 813,
    #[msg("the liquidation would not improve the account's health")]
    HealthNotImproved = 814,
    #[msg("the bankrupt account still holds collateral to be sold first")]
    CollateralRemains = 815,
    // 69xx: arithmetic.
    #[msg("a result does not fit its unit")]
    Overflow = 900,
    #[msg("an input lies outside the guard of its unit")]
    OutOfRange = 901,
    #[msg("the position's epoch is neither the side's nor the one before")]
    EpochMismatch = 904,
}
