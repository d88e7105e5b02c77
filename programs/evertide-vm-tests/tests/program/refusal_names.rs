//! Names for the records of the generated attacks: of accounts, of errors, and which errors name an attack.

use evertide_vm_tests::{exchange::market, idl::idl, traders::Trader, way_down::backstop, world::key};
use solana_address::Address;
use solana_instruction::error::InstructionError;
use solana_transaction_error::TransactionError;

use crate::security::others;

/// Names of well-known keys, traders and backstops.
pub fn names() -> Vec<(String, Address)> {
    const KEYS: [&str; 11] = [
        "root",
        "risk",
        "guardian",
        "treasury",
        "oracle",
        "keeper",
        "upgrade authority",
        "funder",
        "stranger",
        "treasury token",
        "funder token",
    ];
    let mut names: Vec<(String, Address)> = KEYS.iter().map(|name| (name.to_string(), key(name))).collect();
    let traders = ["alice", "bob", "carol"].map(|name| (name.to_string(), Trader::named(name)));
    for (name, own) in traders.into_iter().chain((0..4).map(|index| (format!("backstop {index}"), backstop(index)))) {
        let parts = ["user", "orders", "usdc", "sol", "key"].map(|part| format!("{part} of {name}"));
        names.extend(parts.into_iter().zip([own.user, own.orders, own.tokens[0], own.tokens[1], own.authority]));
    }
    // Before the markets, which are the authorities of their backstops.
    names.splice(0..0, others().into_iter().map(|(name, known)| (name.to_string(), known)));
    names.splice(0..0, (2..4).map(|index| (format!("market {index}"), market(index))));
    names
}

/// What an address is called in the files.
pub fn label(address: &Address) -> String {
    let known = names().into_iter().find(|(_, known)| known == address).map(|(name, _)| name);
    known.unwrap_or_else(|| address.to_string()[..6].to_string())
}

/// Errors of Anchor and of the token program by their code.
const FRAMEWORK: [(u32, &str); 10] = [
    (3, "TokenMintMismatch"),
    (4, "TokenOwnerMismatch"),
    (2_000, "ConstraintMut"),
    (2_001, "ConstraintHasOne"),
    (2_003, "ConstraintRaw"),
    (2_007, "ConstraintExecutable"),
    (2_012, "ConstraintAddress"),
    (2_013, "ConstraintZero"),
    (2_020, "ConstraintAccountIsNone"),
    (2_040, "ConstraintDuplicateMutableAccount"),
];

pub fn error_text(error: &TransactionError) -> String {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            let framework = FRAMEWORK.iter().find(|(known, _)| known == code);
            framework.map_or_else(|| idl().error_name(*code), |(_, name)| (*name).to_string())
        }
        TransactionError::InstructionError(_, other) => format!("{other:?}"),
        other => format!("{other:?}"),
    }
}

/// Errors that name an account, or who signed.
pub const IDENTITY: &[&str] = &[
    "BankruptcyMarketWrong",
    "ChangeNotYours",
    "ChangeTargetWrong",
    "ConstraintAddress",
    "ConstraintDuplicateMutableAccount",
    "InvalidSeeds",
    "LocalPriceNotSigned",
    "NotAuthority",
    "NotAuthorityOrDelegate",
    "NotBackstopOfMarket",
    "NotQuoteAsset",
    "NotRoot",
    "NotSuccessor",
    "NotTreasury",
    "NotUpgradeAuthority",
    "OrderMarketMismatch",
    "OrdersOfAnotherUser",
    "QuoteDecimalsWrong",
    "RemainingAccountInvalid",
    "RewardOfAnother",
    "RoleForbids",
    "TokenOwnerMismatch",
    "UserRepeated",
    "WrongMint",
    "WrongTokenMint",
    "WrongVault",
    "DestinationOfAnother",
    "TransferToAnotherAuthority",
];

/// Errors of what anyone may run for any account, where this account is not in a state for it.
pub const STATE: &[&str] = &[
    "EvidenceInvalid",
    // Of an asset of which the account holds nothing; token accounts that are swapped in hold plenty.
    "InsufficientBalance",
    "LiquidationNotStarted",
    "NothingToCure",
    "PositionNotFound",
    // Of a market that owes nobody.
    "RewardNotOwed",
    "SeasonOver",
    "SequenceAssertionFailed",
    "TakerNotLive",
    "UserSolvent",
    "AccountUpToDate",
    "MarketNotSettling",
    "WithdrawNotRequested",
];

/// Refused as a repetition, or before that as an account of another type.
pub const DUPLICATE: [&str; 5] = [
    "AccountDataTooSmall",
    "ConstraintDuplicateMutableAccount",
    "InvalidAccountData",
    "RemainingAccountInvalid",
    "UserRepeated",
];

/// Refused by the program, or by the runtime when the program calls another one to write; a payer that cannot be written did
/// not sign as one.
pub const READ_ONLY: [&str; 4] =
    ["ConstraintMut", "MissingRequiredSignature", "PrivilegeEscalation", "RemainingAccountInvalid"];

pub const REMAINING: [&str; 5] = [
    "ConstraintDuplicateMutableAccount",
    "OrderMarketMismatch",
    "OrdersOfAnotherUser",
    "RemainingAccountInvalid",
    "UserRepeated",
];
