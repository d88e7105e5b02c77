//! Attacks generated from the IDL, with the exact error of each: signatures dropped, accounts swapped for their twins, owned by
//! another program, with forged discriminators, in two places at once, or given read-only. A new instruction is attacked as
//! soon as it has a specimen.
//!
//! What is due stands in `tests/generated/refusals_*.txt`, one line for each instruction, account and error; `EVERTIDE_WRITE=1`
//! rewrites them. Each file is also held to a rule: only errors that name the attack may stand in it, so that none is
//! refused by chance. A refusal changes no account, and what works has to be meant to (`security::MEANT`, `security::FREE`).

use std::collections::{BTreeMap, BTreeSet};

use evertide_vm_tests::{
    call::{program_id, Call, TOKEN_PROGRAM},
    idl::workspace,
    tests,
    world::{key, World},
};
use solana_account::{Account, ReadableAccount};
use solana_address::Address;
use solana_instruction::AccountMeta;

use crate::{
    refusal_names::{error_text, label, names, DUPLICATE, IDENTITY, READ_ONLY, REMAINING, STATE},
    security::{others, FREE, MEANT},
    specimens::{specimens, Specimen},
};

tests!(
    v01_a_signature_dropped,
    v02_v33_an_account_swapped_for_its_twin,
    v03_an_account_of_another_program,
    v04_a_forged_discriminator,
    v07_an_account_in_two_places,
    v07_an_account_given_read_only,
    v33_remaining_accounts_left_out_or_swapped,
);

/// Bytes of a token account; a mint has 82.
const TOKEN_BYTES: usize = 165;
const PLENTY_ATOMS: u64 = 1 << 50;

/// One attack on a specimen: which account, what was done to it, and the world and call that result.
struct Attack {
    account: String,
    done: String,
    world: World,
    call: Call,
}

impl Attack {
    fn new(specimen: &Specimen, row: usize, done: impl Into<String>) -> Self {
        let (world, call) = (specimen.world.clone(), specimen.call.clone());
        Self { account: place(&call, row), done: done.into(), world, call }
    }
}

/// Name of the account in this row; those after the declared ones are numbered.
fn place(call: &Call, row: usize) -> String {
    call.names.get(row).cloned().unwrap_or_else(|| format!("remaining {}", row - call.names.len()))
}

/// Number of accounts of a call, declared and remaining.
fn rows(call: &Call) -> usize {
    call.metas.len() + call.remaining.len()
}

fn meta(call: &Call, row: usize) -> &AccountMeta {
    call.metas.get(row).unwrap_or_else(|| &call.remaining[row - call.metas.len()])
}

fn meta_mut(call: &mut Call, row: usize) -> &mut AccountMeta {
    let declared = call.metas.len();
    match row < declared {
        true => &mut call.metas[row],
        false => &mut call.remaining[row - declared],
    }
}

/// Rows that name a real account: an optional one that is left out names the program itself.
fn named_rows(call: &Call) -> Vec<usize> {
    (0..rows(call)).filter(|row| meta(call, *row).pubkey != program_id()).collect()
}

/// Discriminator of an account of the program, or what else marks its type; none for wallets, programs and sysvars.
fn kind_of(account: &Account) -> Option<Vec<u8>> {
    match account.owner {
        owner if owner == program_id() && account.data.len() >= 8 => Some(account.data[..8].to_vec()),
        TOKEN_PROGRAM => Some(vec![account.data.len() as u8]),
        _ => None,
    }
}

/// Every other account of the same type that there is; for a signer every other wallet with a name.
fn twins(world: &World, of: &AccountMeta) -> Vec<Address> {
    let account = world.vm.get_account(&of.pubkey).unwrap_or_default();
    let kind = kind_of(&account);
    let wallet = |known: &Account| known.owner == Address::default() && known.data.is_empty() && known.lamports > 0;
    if kind.is_none() && !(of.is_signer && wallet(&account)) {
        return Vec::new();
    }
    let inner = &world.vm.accounts_db().inner;
    let named: BTreeSet<Address> = names().into_iter().map(|(_, address)| address).collect();
    let same = inner.iter().filter(|(address, known)| {
        let known = Account::from((*known).clone());
        let alike = match &kind {
            Some(kind) => kind_of(&known).as_ref() == Some(kind),
            None => wallet(&known) && named.contains(*address),
        };
        **address != of.pubkey && known.lamports > 0 && !known.executable && alike
    });
    same.map(|(address, _)| *address).collect()
}

fn is_meant(instruction: &str, account: &str) -> bool {
    MEANT.iter().any(|known| (known.0, known.1) == (instruction, account)) || FREE.contains(&(instruction, account))
}

/// Runs the attacks on every specimen; each must be refused with one of `allowed` and nothing changed. Compares what was
/// refused how with the file of this name.
fn judge(name: &str, allowed: &[&str], attacks: impl Fn(&Specimen) -> Vec<Attack>) {
    let mut due: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    let (mut worked, mut strange) = (BTreeSet::new(), BTreeSet::new());
    for specimen in specimens() {
        for mut attack in attacks(&specimen) {
            let before = attack.world.snapshot();
            let (instruction, account) = (attack.call.name.clone(), attack.account.clone());
            let what = format!("{instruction} with {account} {}", attack.done);
            match attack.world.send(&attack.call) {
                Ok(_) if is_meant(&instruction, &account) => {}
                Ok(_) => drop(worked.insert(what)),
                Err(failed) => {
                    attack.world.assert_unchanged(&before, &what);
                    let error = error_text(&failed.err);
                    if !allowed.contains(&error.as_str()) {
                        strange.insert(format!("{what}: {error}"));
                    }
                    due.entry((instruction, account, error)).or_default().insert(attack.done);
                }
            }
        }
    }
    assert!(worked.is_empty(), "attacks that worked: {worked:#?}");
    assert!(strange.is_empty(), "refused by an error that does not name the attack: {strange:#?}");
    let line = |((instruction, account, error), done): (&(String, String, String), &BTreeSet<String>)| {
        let done: Vec<&str> = done.iter().map(String::as_str).collect();
        format!("{instruction} | {account} | {error} | {}\n", done.join(", "))
    };
    compare(name, &due.iter().map(line).collect::<String>());
}

fn compare(name: &str, now: &str) {
    let path = workspace().join(format!("tests/generated/refusals_{name}.txt"));
    if std::env::var_os("EVERTIDE_WRITE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of generated files");
        std::fs::write(&path, now).expect("a writable file");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> = now.lines().filter(|line| !kept.lines().any(|old| old == *line)).collect();
    assert!(kept == now, "refusals_{name}.txt is out of date; read what changed, then EVERTIDE_WRITE=1: {changed:#?}");
}

/// V-01.
fn v01_a_signature_dropped() {
    judge("signer", &["LocalPriceNotSigned", "MissingRequiredSignature"], |specimen| {
        let signers = named_rows(&specimen.call).into_iter().filter(|row| meta(&specimen.call, *row).is_signer);
        let drop_of = |row| {
            let mut attack = Attack::new(specimen, row, "unsigned");
            meta_mut(&mut attack.call, row).is_signer = false;
            attack
        };
        signers.map(drop_of).collect()
    });
}

/// A token account that is swapped in holds plenty, so that it is refused for what it is.
fn swapped(specimen: &Specimen, row: usize, other: Address) -> Attack {
    let mut attack = Attack::new(specimen, row, label(&other));
    meta_mut(&mut attack.call, row).pubkey = other;
    let token = attack.world.vm.get_account(&other);
    if token.is_some_and(|account| account.owner == TOKEN_PROGRAM && account.data.len() == TOKEN_BYTES) {
        attack.world.forge(other, |data| data[64..72].copy_from_slice(&PLENTY_ATOMS.to_le_bytes()));
    }
    attack
}

/// V-02, V-33.
fn v02_v33_an_account_swapped_for_its_twin() {
    judge("twin", &[IDENTITY, STATE].concat(), |specimen| {
        let all = named_rows(&specimen.call).into_iter();
        let of_row = |row| twins(&specimen.world, meta(&specimen.call, row)).into_iter().map(move |twin| (row, twin));
        all.flat_map(of_row).map(|(row, twin)| swapped(specimen, row, twin)).collect()
    });
}

/// Rows of accounts that the program or the token program owns.
fn owned_rows(specimen: &Specimen) -> Vec<usize> {
    let owned = |row: &usize| {
        let account = specimen.world.vm.get_account(&meta(&specimen.call, *row).pubkey);
        account.is_some_and(|account| kind_of(&account).is_some())
    };
    named_rows(&specimen.call).into_iter().filter(owned).collect()
}

/// V-03: the same bytes at the same address.
fn v03_an_account_of_another_program() {
    judge("owner", &["IllegalOwner", "RemainingAccountInvalid"], |specimen| {
        let forge = |row| {
            let mut attack = Attack::new(specimen, row, "of another program");
            let address = meta(&attack.call, row).pubkey;
            let account = attack.world.vm.get_account(&address).expect("it exists");
            attack.world.set(address, Account { owner: key("another program"), ..account });
            attack
        };
        owned_rows(specimen).into_iter().map(forge).collect()
    });
}

/// V-04: a bit flipped, all zero as after closing, or one byte short.
fn v04_a_forged_discriminator() {
    type Forgery = (&'static str, fn(&mut Vec<u8>));
    const FORGERIES: [Forgery; 4] = [
        ("first bit flipped", |data| data[0] ^= 1),
        ("last bit flipped", |data| data[7] ^= 128),
        ("zeroed", |data| data[..8].fill(0)),
        ("cut short", |data| data.truncate(data.len() - 1)),
    ];
    judge("discriminator", &["InvalidAccountData", "AccountDataTooSmall", "RemainingAccountInvalid"], |specimen| {
        let own = |row: &usize| {
            let account = specimen.world.vm.get_account(&meta(&specimen.call, *row).pubkey);
            account.is_some_and(|account| *account.owner() == program_id())
        };
        let mut attacks = Vec::new();
        for row in owned_rows(specimen).into_iter().filter(own) {
            // Cut short is what extend_account is for.
            let extends = specimen.call.name == "extend_account";
            for (done, forge) in FORGERIES.into_iter().filter(|(done, _)| !extends || *done != "cut short") {
                let mut attack = Attack::new(specimen, row, done);
                let address = meta(&attack.call, row).pubkey;
                attack.world.forge(address, forge);
                attacks.push(attack);
            }
        }
        attacks
    });
}

/// V-07: one account in the place of another, for each ordered pair of writable ones.
fn v07_an_account_in_two_places() {
    judge("duplicate", &DUPLICATE, |specimen| {
        let call = &specimen.call;
        let writable: Vec<usize> = named_rows(call).into_iter().filter(|row| meta(call, *row).is_writable).collect();
        let mut attacks = Vec::new();
        for row in &writable {
            for other in writable.iter().filter(|other| *other != row) {
                let mut attack = Attack::new(specimen, *row, place(call, *other));
                meta_mut(&mut attack.call, *row).pubkey = meta(call, *other).pubkey;
                attacks.push(attack);
            }
        }
        attacks
    });
}

/// What the program writes must be given writable, or it is refused before anything else.
fn v07_an_account_given_read_only() {
    judge("read_only", &READ_ONLY, |specimen| {
        let call = &specimen.call;
        let writable = named_rows(call).into_iter().filter(|row| meta(call, *row).is_writable);
        let drop_of = |row| {
            let mut attack = Attack::new(specimen, row, "read-only");
            meta_mut(&mut attack.call, row).is_writable = false;
            attack
        };
        writable.map(drop_of).collect()
    });
}

/// V-33: accounts after the declared ones are left out, swapped with each other, or any account there is.
fn v33_remaining_accounts_left_out_or_swapped() {
    judge("remaining", &REMAINING, |specimen| {
        let (declared, count) = (specimen.call.metas.len(), specimen.call.remaining.len());
        let mut attacks = Vec::new();
        for row in declared..declared + count {
            let mut attack = Attack::new(specimen, row, "left out");
            attack.call.remaining.remove(row - declared);
            attacks.push(attack);
            let present = meta(&specimen.call, row).pubkey;
            let all = others().into_iter().map(|(_, address)| address);
            let own = specimen.call.metas.iter().chain(&specimen.call.remaining).map(|meta| meta.pubkey);
            let all: BTreeSet<Address> = all.chain(own).filter(|address| *address != present).collect();
            attacks.extend(all.into_iter().map(|other| swapped(specimen, row, other)));
        }
        for row in 1..count {
            let mut attack = Attack::new(specimen, declared + row, "swapped with the one before");
            attack.call.remaining.swap(row - 1, row);
            attacks.push(attack);
        }
        attacks
    });
}
