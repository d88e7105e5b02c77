//! A virtual machine with the built program loaded through the upgradeable loader, its clock, and its accounts.

use std::{collections::HashMap, path::PathBuf, sync::OnceLock};

use litesvm::{
    types::{FailedTransactionMetadata, TransactionMetadata, TransactionResult},
    LiteSVM,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use solana_account::{Account, AccountSharedData, ReadableAccount};
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::{error::InstructionError, Instruction};
use solana_message::Message;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

use crate::{
    call::{program_id, Call},
    codec::decode_event,
    hits,
    idl::{idl, repository},
    state,
    tally::{self, Ending},
};

const LOADER: Address = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
const COMPUTE_BUDGET: Address = Address::from_str_const("ComputeBudget111111111111111111111111111111");
/// Compute units that the compute budget instruction itself takes in every transaction.
pub const BUDGET_UNITS: u64 = 150;
/// Chain time at which every world starts, unix seconds.
pub const START_S: i64 = 1_700_000_000;
/// Length of a slot, ms.
pub const SLOT_MS: i64 = 400;

/// A deterministic address that nobody holds a key for; signatures are not verified here.
pub fn key(name: &str) -> Address {
    Address::new_from_array(Sha256::digest(name.as_bytes()).into())
}

fn program_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let path = std::env::var_os("EVERTIDE_PROGRAM")
            .map_or_else(|| repository().join("programs/bin/evertide.so"), PathBuf::from);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// Every account of a machine, for comparison.
pub type Snapshot = HashMap<Address, AccountSharedData>;

/// The machine and the well-known addresses of one exchange.
#[derive(Clone)]
pub struct World {
    pub vm: LiteSVM,
    /// Pays every transaction's fee; part of nothing else.
    pub payer: Address,
    pub upgrade_authority: Address,
    pub root: Address,
    pub treasury: Address,
    /// Signer of the local feed.
    pub oracle: Address,
    pub keeper: Address,
    /// Mints by collateral index.
    pub mints: Vec<Address>,
}

impl World {
    /// Only the program, deployed under `upgrade_authority`, and funded well-known keys.
    pub fn deployed() -> Self {
        let vm = LiteSVM::new().with_sigverify(false).with_blockhash_check(false).with_transaction_history(0);
        let mut world = Self {
            vm,
            payer: key("payer"),
            upgrade_authority: key("upgrade authority"),
            root: key("root"),
            treasury: key("treasury"),
            oracle: key("oracle"),
            keeper: key("keeper"),
            mints: Vec::new(),
        };
        world.set_time(START_S, 1_000);
        world.vm.add_program(program_id(), program_bytes()).expect("the program loads");
        world.set_upgrade_authority(Some(world.upgrade_authority));
        for known in [world.payer, world.upgrade_authority, world.root, world.treasury, world.oracle, world.keeper] {
            world.fund(known);
        }
        world
    }

    /// Address of the program data account.
    pub fn program_data() -> Address {
        Address::find_program_address(&[program_id().as_ref()], &LOADER).0
    }

    /// Rewrites the upgrade authority in the program data account.
    pub fn set_upgrade_authority(&mut self, authority: Option<Address>) {
        let address = Self::program_data();
        let mut account = self.vm.get_account(&address).expect("the program data account");
        account.data[12] = u8::from(authority.is_some());
        account.data[13..45].copy_from_slice(authority.unwrap_or_default().as_ref());
        self.set(address, account);
    }

    /// Gives an address 1,000 SOL.
    pub fn fund(&mut self, address: Address) {
        let lamports = 1_000_000_000_000;
        self.set(address, Account { lamports, ..Account::default() });
    }

    /// Puts an account in place, whatever it was.
    pub fn set(&mut self, address: Address, account: Account) {
        self.vm.set_account(address, account).expect("an account can be set");
    }

    /// Changes an account's data in place.
    pub fn forge(&mut self, address: Address, change: impl FnOnce(&mut Vec<u8>)) {
        let mut account = self.vm.get_account(&address).unwrap_or_else(|| panic!("no account {address}"));
        change(&mut account.data);
        self.set(address, account);
    }

    /// Changes a typed account in place.
    pub fn edit<T: bytemuck::Pod>(&mut self, address: Address, change: impl FnOnce(&mut T)) {
        self.forge(address, |data| {
            let mut value = state::read::<T>(data);
            change(&mut value);
            state::write(data, &value);
        });
    }

    /// Leaves an account this many lamports.
    pub fn edit_lamports(&mut self, address: Address, lamports: u64) {
        let mut account = self.vm.get_account(&address).unwrap_or_else(|| panic!("no account {address}"));
        account.lamports = lamports;
        self.set(address, account);
    }

    /// Reads a typed account.
    pub fn read<T: bytemuck::Pod>(&self, address: &Address) -> T {
        let account = self.vm.accounts_db().get_account_ref(address).unwrap_or_else(|| panic!("no account {address}"));
        state::read(account.data())
    }

    /// Whether an account exists.
    pub fn exists(&self, address: &Address) -> bool {
        self.vm.accounts_db().get_account_ref(address).is_some_and(|account| account.lamports() > 0)
    }

    /// Chain time, unix ms.
    pub fn now_ms(&self) -> i64 {
        self.vm.get_sysvar::<Clock>().unix_timestamp * 1_000
    }

    /// Current slot.
    pub fn slot(&self) -> u64 {
        self.vm.get_sysvar::<Clock>().slot
    }

    /// Sets chain time and slot.
    pub fn set_time(&mut self, unix_timestamp: i64, slot: u64) {
        let mut clock = self.vm.get_sysvar::<Clock>();
        clock.unix_timestamp = unix_timestamp;
        clock.slot = slot;
        self.vm.set_sysvar(&clock);
        self.vm.expire_blockhash();
    }

    /// Moves time forward by whole seconds, slots with it.
    pub fn advance(&mut self, seconds: i64) {
        let clock = self.vm.get_sysvar::<Clock>();
        let slots = (seconds * 1_000 / SLOT_MS).max(1) as u64;
        self.set_time(clock.unix_timestamp + seconds, clock.slot + slots);
    }

    /// Moves slots forward and leaves the time alone.
    pub fn advance_slots(&mut self, slots: u64) {
        let clock = self.vm.get_sysvar::<Clock>();
        self.set_time(clock.unix_timestamp, clock.slot + slots);
    }

    /// All accounts but the fee payer's.
    pub fn snapshot(&self) -> Snapshot {
        let mut all = self.vm.accounts_db().inner.clone();
        all.remove(&self.payer);
        all
    }

    /// Sends raw instructions in one transaction with the greatest compute limit.
    #[allow(clippy::result_large_err, reason = "LiteSVM's own result; made a few times a millisecond at most")]
    pub fn send_instructions(&mut self, instructions: &[Instruction]) -> TransactionResult {
        let mut data = vec![2];
        data.extend_from_slice(&1_400_000u32.to_le_bytes());
        let mut all = vec![Instruction { program_id: COMPUTE_BUDGET, accounts: Vec::new(), data }];
        all.extend_from_slice(instructions);
        self.vm.send_transaction(Transaction::new_unsigned(Message::new(&all, Some(&self.payer))))
    }

    /// Sends one call; the outcome as it is, which is counted.
    #[allow(clippy::result_large_err, reason = "LiteSVM's own result; made a few times a millisecond at most")]
    pub fn send(&mut self, call: &Call) -> TransactionResult {
        let all: Vec<Instruction> = call.ahead.iter().cloned().chain([call.instruction()]).collect();
        let result = self.send_instructions(&all);
        let ending = match &result {
            Ok(_) => Ending::Success,
            Err(failed) => custom_code(failed).map_or(Ending::Runtime, Ending::Code),
        };
        tally::record(&call.name, ending);
        result
    }

    /// Sends calls in one transaction, all or none of which take effect; they are counted when they do.
    pub fn send_together(&mut self, calls: &[Call]) -> Option<Outcome> {
        let all: Vec<Instruction> = calls.iter().map(Call::instruction).collect();
        let meta = self.send_instructions(&all).ok()?;
        calls.iter().for_each(|call| tally::record(&call.name, Ending::Success));
        Some(Outcome { meta })
    }

    /// Sends one call that must succeed.
    pub fn ok(&mut self, call: &Call) -> Outcome {
        match self.send(call) {
            Ok(meta) => Outcome { meta },
            Err(failed) => panic!("{} failed: {}\n{}", call.name, describe(&failed), failed.meta.logs.join("\n")),
        }
    }

    /// Sends one call that must fail with the program's error `name` and change no account.
    pub fn fails(&mut self, call: &Call, name: &str) {
        self.fails_with(call, InstructionError::Custom(idl().error_code(name)));
    }

    /// Sends one call that must fail with `expected` and change no account. Returns the logs.
    pub fn fails_with(&mut self, call: &Call, expected: InstructionError) -> Vec<String> {
        let before = self.snapshot();
        let failed = match self.send(call) {
            Ok(_) => panic!("{} succeeded where {expected:?} was due", call.name),
            Err(failed) => failed,
        };
        let wanted = TransactionError::InstructionError(1 + call.ahead.len() as u8, expected.clone());
        if failed.err != wanted {
            let due = name_of(&expected);
            panic!("{}: got {}, due {due}\n{}", call.name, describe(&failed), failed.meta.logs.join("\n"));
        }
        self.assert_unchanged(&before, &call.name);
        if let InstructionError::Custom(code) = expected {
            hits::record_error(code);
        }
        failed.meta.logs
    }

    /// Sends a call behind other instructions of the same transaction; it must fail with the program's error `name`.
    pub fn fails_behind(&mut self, ahead: &[Instruction], call: &Call, name: &str) {
        let before = self.snapshot();
        let code = idl().error_code(name);
        let mut all = ahead.to_vec();
        all.push(call.instruction());
        let message = Message::new(&all, Some(&self.payer));
        let failed = self.vm.send_transaction(Transaction::new_unsigned(message)).err();
        let error = failed.map(|failed| failed.err);
        let due = TransactionError::InstructionError(ahead.len() as u8, InstructionError::Custom(code));
        assert_eq!(error, Some(due), "{} behind other instructions: {name} is due", call.name);
        self.assert_unchanged(&before, &call.name);
        hits::record_error(code);
    }

    /// Asserts that every account equals the snapshot to the byte.
    pub fn assert_unchanged(&self, before: &Snapshot, what: &str) {
        let after = &self.vm.accounts_db().inner;
        let payer = usize::from(after.contains_key(&self.payer));
        assert_eq!(before.len() + payer, after.len(), "{what}: the number of accounts changed");
        for (address, account) in before {
            let now = after.get(address).unwrap_or_else(|| panic!("{what}: {address} is gone"));
            // Accounts share their bytes until one of them is written: what is still shared did not change.
            let shared = account.data().as_ptr() == now.data().as_ptr() && account.lamports() == now.lamports();
            let same = (shared && account.owner() == now.owner()) || account == now;
            assert!(same, "{what}: {address} changed though the instruction failed");
        }
    }
}

/// The custom code of a failure by the program under test.
pub fn custom_code(failed: &FailedTransactionMetadata) -> Option<u32> {
    match failed.err {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => Some(code),
        _ => None,
    }
}

/// A failure with its error's name.
pub fn describe(failed: &FailedTransactionMetadata) -> String {
    match custom_code(failed) {
        Some(code) => format!("{} ({code})", idl().error_name(code)),
        None => format!("{:?}", failed.err),
    }
}

fn name_of(error: &InstructionError) -> String {
    match error {
        InstructionError::Custom(code) => format!("{} ({code})", idl().error_name(*code)),
        other => format!("{other:?}"),
    }
}

/// What a successful transaction left behind.
pub struct Outcome {
    pub meta: TransactionMetadata,
}

impl Outcome {
    /// Compute units of the one instruction of the transaction.
    pub fn units(&self) -> u64 {
        self.meta.compute_units_consumed - BUDGET_UNITS
    }

    /// Events sent by self-CPI, in order.
    pub fn events(&self) -> Vec<(String, Value)> {
        events(&self.meta)
    }

    /// The only event, which must be `name`.
    pub fn event(&self, name: &str) -> Value {
        let mut all = self.events();
        assert_eq!(all.len(), 1, "one event per instruction: {all:?}");
        let (found, value) = all.remove(0);
        assert_eq!(found, name, "wrong event {value}");
        value
    }
}

/// Events of a transaction, in order.
pub fn events(meta: &TransactionMetadata) -> Vec<(String, Value)> {
    let inner = meta.inner_instructions.iter().flatten();
    inner.filter_map(|inner| decode_event(&inner.instruction.data)).collect()
}
