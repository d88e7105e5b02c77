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
    "RowTooOld",
    "PriceOutsideBand",
    "MakerPriorityViolated",
    "ReduceOnlyWouldIncrease",
];

/// What a hostile keeper's match meets besides.
const HOSTILE: &[&str] = &["MakerCountOutOfRange", "OrderMarketMismatch", "UserRepeated", "RemainingAccountInvalid"];

/// Names of the errors that a rule's own dice can provoke.
fn names(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::Deposit => &[
            "AmountZero",
            "InsufficientBalance",
            "DepositCapExceeded",
            "UserDepositCapExceeded",
            "OutOfRange",
            "Overflow",
        ],
        Rule::Withdraw => &[
            "AmountZero",
            "InsufficientBalance",
            "InitialMarginTooLow",
            "LossesExceedQuote",
            "RowTooOld",
            "OutOfRange",
            "OracleValidityForbids",
        ],
        Rule::Place | Rule::Modify => &[
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
        ],
        Rule::Cancel => &["OrderNotFound", "CancelSelectorInvalid"],
        Rule::Match | Rule::HostileMatch => MATCH,
        Rule::OracleMove | Rule::OracleGap | Rule::Refresh | Rule::Accrue => &["OracleNotNewer"],
        Rule::UpdateMark => &[
            "EvidenceInvalid",
            "EvidenceInsufficient",
            "OracleValidityForbids",
            "MarketCannotMatch",
            "RowTooOld",
            "PriceOutsideBand",
        ],
        Rule::Settle => &["PositionNotFound", "OracleValidityForbids", "RowTooOld"],
        Rule::Touch => &["PositionNotFound", "NothingToFold"],
        Rule::Limits => &["UserRatioOutOfRange", "InitialMarginTooLow", "RowTooOld"],
        Rule::CollectFees => &["NothingToCollect"],
        Rule::CloseUser => &["UserNotEmpty"],
        Rule::TimeWarp | Rule::CreateUser => &[],
    }
}

/// Whether the running rule may be refused with this code. SPL token's code 1 is insufficient funds of the source.
pub fn is_allowed(rule: Rule, code: u32) -> bool {
    let token_refusal = rule == Rule::Deposit && code == 1;
    let more = if rule == Rule::HostileMatch { HOSTILE } else { &[] };
    token_refusal || names(rule).iter().chain(more).any(|name| idl().errors.get(*name) == Some(&code))
}
