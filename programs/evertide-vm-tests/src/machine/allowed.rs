//! Which refusals each rule may meet. Anything else is a finding.

use super::Rule;
use crate::idl::idl;

/// What an honest keeper's match may meet: the state moved on, or a party cannot trade.
const MATCH: &[&str] = &[
    "NothingFilled",
    "FillOrKillNotFilled",
    "TakerMarginTooLow",
    "TakerNotLive",
    "OracleValidityForbids",
    "MarketCannotMatch",
    "MarketStatusForbids",
    "RowTooOld",
    "PriceOutsideBand",
    "MakerPriorityViolated",
    "ReduceOnlyWouldIncrease",
];

/// What a hostile keeper's match meets besides.
const HOSTILE: &[&str] = &["MakerCountOutOfRange", "OrderMarketMismatch", "UserRepeated", "RemainingAccountInvalid"];

/// What every step against an account may meet: it is well, below zero, not started, or its market has no usable price.
const LIQUIDATE: &[&str] = &[
    "AccountHealthy",
    "UserBankrupt",
    "LiquidationNotStarted",
    "NothingToLiquidate",
    "PositionNotFound",
    "OracleValidityForbids",
];

/// What the beginning and the end of a liquidation meet.
const BEGIN: &[&str] =
    &["AccountHealthy", "OrderNotFound", "LiquidationUnderWay", "ExchangeSilent", "LiquidationInGrace"];

/// What the liquidator of a position or of collateral may meet besides, by itself or by a bad choice.
const LIQUIDATOR: &[&str] = &[
    "SelfLiquidation",
    "AmountZero",
    "UserInLiquidation",
    "LiquidatorMarginTooLow",
    "RowTooOld",
    "PositionLimitExceeded",
    "MarketStatusForbids",
];

const PLACE: &[&str] = &[
    "InitialMarginTooLow",
    "ClientOrderIdInUse",
    "OrderSlotsFull",
    "ReduceOnlyWouldIncrease",
    "RowTooOld",
    "UserNotionalCapExceeded",
    "PostOnlyWouldCross",
    "OracleValidityForbids",
    "SlippageLimitExceeded",
    "TakerPhaseInvalid",
    "TimeInForceInvalid",
    "ModifyChangesMarketOrSide",
    "OrderPriceOutOfRange",
    "MarketStatusForbids",
    "OrderExpired",
    "LossesExceedQuote",
    "OrderNotFound",
    "UserInLiquidation",
    "GateClosed",
    "CancelAllAfterReached",
    "PositionLimitExceeded",
];

/// What an order of a kind meets besides, or a group.
const KINDS: &[&str] = &[
    "KindArgsForeign",
    "KindArgsMissing",
    "TriggerSourceUnknown",
    "TriggerPriceOutOfRange",
    "TrailOutOfRange",
    "TwapScheduleInvalid",
    "IcebergDisplayInvalid",
    "GroupKindForbidden",
    "GroupExitInvalid",
    "GroupMarketDiffers",
    "OrderSizeTooSmall",
    "OrderSizeTooLarge",
    "AuctionStartInvalid",
    "OrderKindUnknown",
    "SelfTradeRuleUnknown",
    "BuilderInvalid",
    "MarketHasNoPrice",
    "OutOfRange",
    "Overflow",
];

/// What waking an order meets: it is not due, not what it was called, or the market takes no such order now.
const WAKE: &[&str] = &[
    "OrderNotFound",
    "OrderMarketMismatch",
    "OrderKindMismatch",
    "OrderNotDue",
    "ExitWaitsForEntry",
    "OracleValidityForbids",
    "MarketHasNoPrice",
    "MarketStatusForbids",
    "GateClosed",
    "RowTooOld",
    "UserInLiquidation",
    "PostOnlyWouldCross",
];

/// What hidden orders meet: committed, signed, in an auction.
const HIDDEN: &[&str] = &[
    "NotACommitment",
    "CommitmentExpired",
    "CommitmentMismatch",
    "OrderExpired",
    "NonceUsed",
    "NonceFromFuture",
    "SignedOrderExpired",
    "SignedWindowInvalid",
    "SignedMarketPriceMissing",
    "SignedForAnother",
    "AuctionOver",
    "AuctionPriceWorse",
    "AuctionOfOneself",
    "AuctionMarginTooLow",
    "OrderSizeTooSmall",
    "OrderPriceOutOfRange",
];

/// What bringing tokens meets.
const DEPOSIT: &[&str] = &[
    "AmountZero",
    "InsufficientBalance",
    "DepositCapExceeded",
    "UserDepositCapExceeded",
    "DepositsClosed",
    "OutOfRange",
    "Overflow",
];

/// What moving a balance between two accounts meets.
const TRANSFER: &[&str] = &[
    "TransferToAnotherAuthority",
    "UserDepositCapExceeded",
    "AmountZero",
    "InsufficientBalance",
    "InitialMarginTooLow",
    "LossesExceedQuote",
    "RowTooOld",
    "OutOfRange",
    "OracleValidityForbids",
];

/// What leaving the insurance fund meets.
const UNSTAKE: &[&str] =
    &["StakeSharesExceeded", "UnstakeNotRequested", "UnstakeNotDue", "UnstakeLapsed", "InsuranceHeldBack"];

/// What a request of a withdrawal and its payment meet.
const QUEUE: &[&str] = &[
    "AmountZero",
    "WithdrawPending",
    "WithdrawTooSmall",
    "WithdrawNotRequested",
    "WithdrawNotFirst",
    "WithdrawalFloorReached",
    "InsufficientBalance",
    "InitialMarginTooLow",
    "LossesExceedQuote",
    "RowTooOld",
    "OutOfRange",
    "OracleValidityForbids",
];

/// What a change of a parameter meets, and a season.
const CHANGE: &[&str] = &[
    "RoleForbids",
    "ChangeUnchanged",
    "ChangeValueUnfit",
    "ChangeNotPending",
    "TimelockNotOver",
    "RampUnmoved",
    "ChangeNotRamping",
    "NotAccrued",
    "MarketTermsOutOfBounds",
    "ExchangeTermsOutOfBounds",
    "CollateralTermsOutOfBounds",
    "OracleRulesOutOfBounds",
    "FeeSharesTooLarge",
    "FeeTiersNotMonotone",
    "WithdrawalFloorTooLow",
    "MarginTiersNotMonotone",
    "SolvencyEnvelopeViolated",
    "SeasonOver",
    "SeasonNotDue",
    "SeasonUnsound",
    "MarketHasNoPrice",
    "OracleNotNewer",
    "OutOfRange",
    "Overflow",
];

/// What a key meets that tries an instruction of the roles.
const ROLES: &[&str] = &[
    "RoleForbids",
    "NotRoot",
    "PauseRunning",
    "PauseUsedUp",
    "PauseNotSet",
    "PauseNotOver",
    "GateUnchanged",
    "TimelockNotOver",
    "TimelockExpired",
    "StatusNeedsTimelock",
    "StatusNotTighter",
    "SuccessorMissing",
    "NotSuccessor",
];

/// Names of the errors that a rule's own dice can provoke.
fn names(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::Deposit | Rule::Donate => DEPOSIT,
        Rule::Withdraw => &[
            "WithdrawalFloorReached",
            "LaneOfSubAccount",
            "GateClosed",
            "AmountZero",
            "InsufficientBalance",
            "InitialMarginTooLow",
            "LossesExceedQuote",
            "RowTooOld",
            "OutOfRange",
            "OracleValidityForbids",
        ],
        Rule::Place | Rule::Modify => PLACE,
        Rule::Cancel => &["OrderNotFound", "CancelSelectorInvalid"],
        Rule::Match | Rule::HostileMatch => MATCH,
        Rule::OracleMove | Rule::OracleGap | Rule::Crash | Rule::Refresh | Rule::Accrue => &["OracleNotNewer"],
        Rule::UpdateMark => &[
            "EvidenceInvalid",
            "EvidenceInsufficient",
            "OracleValidityForbids",
            "MarketCannotMatch",
            "RowTooOld",
            "PriceOutsideBand",
        ],
        Rule::Settle => &["PositionNotFound", "OracleValidityForbids", "RowTooOld"],
        Rule::Touch => &["PositionNotFound", "NothingToFold", "OracleValidityForbids"],
        Rule::Limits => &["UserRatioOutOfRange", "InitialMarginTooLow", "RowTooOld", "OracleValidityForbids"],
        Rule::CollectFees => &["NothingToCollect"],
        Rule::CloseUser => &["UserNotEmpty", "ReferralUnpaid"],
        Rule::Transfer => TRANSFER,
        Rule::Stake => &["StakeTooSmall", "InsufficientBalance", "InsuranceDepleted", "OutOfRange", "Overflow"],
        Rule::Unstake => UNSTAKE,
        Rule::Queue => QUEUE,
        Rule::Change => CHANGE,
        Rule::Reward => super::rewards::REFUSALS,
        Rule::Delegate => &["DelegateInvalid", "DelegateExpiryPassed"],
        Rule::Roles => ROLES,
        Rule::Fund => &["AmountZero", "InsufficientBalance", "TrancheTooLarge"],
        Rule::CreateUser => &["GateClosed"],
        Rule::PlaceKind | Rule::Trigger | Rule::Slice | Rule::Trail | Rule::Expire | Rule::DeadMan => waiting(rule),
        Rule::Auction => MATCH,
        Rule::Commit | Rule::Signed => PLACE,
        Rule::TimeWarp | Rule::Whale | Rule::Read | Rule::Steal | Rule::Audit | Rule::Mangle => &[],
        Rule::LiquidateOrders => BEGIN,
        Rule::LiquidatePosition => LIQUIDATOR,
        Rule::LiquidateWithOrders => &[
            "AmountZero",
            "NothingFilled",
            "PriceOutsideBand",
            "MakerPriorityViolated",
            "MakerCountOutOfRange",
            "HealthNotImproved",
        ],
        Rule::LiquidateToBackstop => &["BackstopFull", "NotBackstopOfMarket"],
        Rule::LiquidateCollateral => {
            &["DebtWithinGrace", "NothingToCure", "LiquidatorQuoteTooLow", "InsufficientBalance"]
        }
        Rule::ResolveBankruptcy => &[
            "UserSolvent",
            "CollateralRemains",
            "BankruptcyMarketWrong",
            "LiquidationNotStarted",
            "OracleValidityForbids",
        ],
    }
}

/// As `names`, of the rules of orders that wait.
fn waiting(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::PlaceKind => KINDS,
        Rule::Trigger => &["TriggerNotReached"],
        Rule::Slice => &["SliceNotDue", "OrderSlotsFull"],
        Rule::Trail => &["TrailingNotMoved"],
        Rule::Expire => &["NothingExpired"],
        _ => &["DeadlineNotInFuture"],
    }
}

/// What a rule may meet besides its own.
fn shared(rule: Rule) -> [&'static [&'static str]; 2] {
    match rule {
        Rule::HostileMatch => [HOSTILE, &[]],
        Rule::LiquidatePosition | Rule::LiquidateToBackstop => [LIQUIDATE, &[]],
        Rule::LiquidateWithOrders => [LIQUIDATE, HOSTILE],
        Rule::LiquidateCollateral => [LIQUIDATE, LIQUIDATOR],
        Rule::PlaceKind => [PLACE, &[]],
        Rule::Trigger | Rule::Slice | Rule::Trail => [WAKE, &[]],
        Rule::Auction => [PLACE, HIDDEN],
        Rule::Commit | Rule::Signed => [HIDDEN, KINDS],
        Rule::Modify => [KINDS, &[]],
        _ => [&[], &[]],
    }
}

/// Anchor's refusal of one account in two writable places: an account against itself.
const ACCOUNT_TWICE: u32 = 2_040;

/// Whether the running rule may be refused with this code. SPL token's code 1 is insufficient funds of the source.
pub fn is_allowed(rule: Rule, code: u32) -> bool {
    let itself =
        [Rule::Transfer, Rule::LiquidatePosition, Rule::LiquidateCollateral, Rule::LiquidateToBackstop, Rule::Auction]
            .contains(&rule);
    let token_refusal =
        ([Rule::Deposit, Rule::Donate].contains(&rule) && code == 1) || (itself && code == ACCOUNT_TWICE);
    let all = names(rule).iter().chain(shared(rule).into_iter().flatten());
    token_refusal || all.into_iter().any(|name| idl().errors.get(*name) == Some(&code))
}
