//! `docs/roles.md`: every cell of its table is tried, by who holds the role and nobody else.

use evertide_vm_tests::{
    admin::{role_keys, TIMELOCK_S},
    call::Call,
    changes::{allowed_by, Subject},
    exchange::exchange,
    idl::{idl, repository},
    state::{Exchange, MarketStatus},
    terms::{exchange_terms, market_terms, sol_terms},
    tests,
    world::{custom_code, key, World},
};
use solana_address::Address;
use solana_instruction::error::InstructionError;
use solana_transaction_error::TransactionError;

tests!(every_cell_holds, every_instruction_of_a_role_has_its_row);

/// Errors that say that somebody else may, or that the time has not come.
const REFUSALS: [&str; 7] = [
    "RoleForbids",
    "NotRoot",
    "NotSuccessor",
    "ChangeNotYours",
    "PauseNotOver",
    "NotUpgradeAuthority",
    "TimelockNotOver",
];

/// A row of the table: what is done, and what stands in the columns of root, risk, guardian, treasury, anyone.
struct Row {
    action: String,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(repository().join("docs/roles.md")).expect("docs/roles.md");
    let lines = page.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_string());
            let action = cells.next().expect("an action");
            Row { action, cells: cells.take(5).collect() }
        })
        .collect()
}

/// The world in which an action is tried, and its call by a signer.
type Scene = (World, Action);
type Action = Box<dyn Fn(&World, Address) -> Call>;

fn scene(action: &str) -> Scene {
    let mut world = match action {
        "`initialize_exchange`" => World::deployed(),
        "`open_exchange`" | "`list_market`, before opening" | "`list_collateral`, before opening" => World::listed(),
        _ => World::open(),
    };
    for signer in role_keys(&world).into_iter().chain([key("former holder"), key("anyone")]) {
        world.fund(signer);
    }
    let known = birth(&mut world, action).or_else(|| brake(&mut world, action));
    let known = known.or_else(|| succession(&mut world, action)).or_else(|| change(&mut world, action));
    let call = known.unwrap_or_else(|| panic!("docs/roles.md names {action}, which no scene plays"));
    (world, call)
}

/// Birth of the exchange, and listing.
fn birth(world: &mut World, action: &str) -> Option<Action> {
    let asset = key("asset");
    if action.starts_with("`list_collateral`") {
        world.set(asset, evertide_vm_tests::token::mint_account(9, None));
    }
    Some(match action {
        "`initialize_exchange`" => {
            Box::new(|w, by| w.initialize_exchange(true, &exchange_terms()).with("authority", by))
        }
        "`open_exchange`" => Box::new(|w, by| w.open_exchange().with("root", by)),
        "`list_market`, before opening" => {
            Box::new(|w, by| w.list_market(3, &market_terms(0, w.oracle)).with("root", by))
        }
        "`list_market`, after opening" => {
            world.ok(&world.propose_market(world.root, &market_terms(0, world.oracle)));
            Box::new(|w, by| allowed_by(w.list_market(3, &market_terms(0, w.oracle)).with("root", by), 0))
        }
        "`list_collateral`, before opening" => {
            Box::new(move |w, by| w.list_collateral(2, asset, &sol_terms(w.oracle)).with("root", by))
        }
        "`list_collateral`, after opening" => {
            world.ok(&world.propose_collateral(world.root, asset, &sol_terms(world.oracle)));
            Box::new(move |w, by| allowed_by(w.list_collateral(2, asset, &sol_terms(w.oracle)).with("root", by), 0))
        }
        _ => return None,
    })
}

/// What stops new risk, and lets it go on.
fn brake(world: &mut World, action: &str) -> Option<Action> {
    let guardian = key("guardian");
    Some(match action {
        "`set_market_status`" => Box::new(|w, by| w.set_market_status(by, 0, MarketStatus::ReduceOnly as u8)),
        "`gate_disable`" => Box::new(|w, by| w.gate_disable(by, 0)),
        "`gate_enable`, asking" => {
            world.ok(&world.gate_disable(guardian, 0));
            Box::new(|w, by| w.gate_enable(by, 0))
        }
        "`gate_enable`, opening what was asked" => {
            world.ok(&world.gate_disable(guardian, 0));
            world.ok(&world.gate_enable(world.root, 0));
            Box::new(|w, by| w.gate_enable(by, 0))
        }
        "`pause`" => Box::new(|w, by| w.pause(by)),
        "`lift_pause`, while it runs" => {
            world.ok(&world.pause(guardian));
            Box::new(|w, by| w.lift_pause(by))
        }
        "`lift_pause`, after its end" => {
            world.ok(&world.pause(guardian));
            world.advance(1_800);
            Box::new(|w, by| w.lift_pause(by))
        }
        _ => return None,
    })
}

/// Roles that pass on.
fn succession(world: &mut World, action: &str) -> Option<Action> {
    let heir = key("heir");
    Some(match action {
        "`name_successor`, of any role" => Box::new(move |w, by| w.name_successor(by, 2, heir)),
        "`name_successor`, withdrawing one of root, risk or treasury" => {
            world.ok(&world.name_successor(world.root, 1, heir));
            Box::new(|w, by| w.name_successor(by, 1, Address::default()))
        }
        "`name_successor`, withdrawing the guardian's" => {
            world.ok(&world.name_successor(world.root, 2, heir));
            Box::new(|w, by| w.name_successor(by, 2, Address::default()))
        }
        "`claim_role`, not being named" => {
            world.ok(&world.name_successor(world.root, 1, heir));
            world.advance(TIMELOCK_S);
            Box::new(|w, by| w.claim_role(by, 1))
        }
        _ => return None,
    })
}

/// Changes of parameters.
fn change(world: &mut World, action: &str) -> Option<Action> {
    let market = Subject::Market(0);
    Some(match action {
        "`propose_change`, of the exchange" => Box::new(|w, by| w.propose(by, Subject::Exchange, "lane_atoms", 0)),
        "`propose_change`, of a listing" => Box::new(|w, by| w.propose_market(by, &market_terms(0, w.oracle))),
        "`propose_change`, of a market or an asset" => Box::new(move |w, by| w.propose(by, market, "band_bps", 400)),
        "`cancel_change`, of another's" => {
            let (root, former) = (world.root, key("former holder"));
            world.edit::<Exchange>(exchange(), |state| state.roles[0] = former);
            world.ok(&world.propose(former, market, "band_bps", 400));
            world.edit::<Exchange>(exchange(), |state| state.roles[0] = root);
            Box::new(|w, by| w.cancel_change(by, 0))
        }
        "`execute_change`" => {
            world.ok(&world.propose(world.root, market, "band_bps", 400));
            Box::new(move |w, by| w.execute_change(by, 0, market))
        }
        _ => return None,
    })
}

fn refused(world: &mut World, call: &Call, what: &str) {
    let before = world.snapshot();
    let failed = world.send(call).err().unwrap_or_else(|| panic!("{what} worked"));
    let name = match failed.err {
        TransactionError::InstructionError(_, InstructionError::Custom(_)) => {
            idl().error_name(custom_code(&failed).expect("a code"))
        }
        ref other => panic!("{what}: {other:?}"),
    };
    assert!(REFUSALS.contains(&name.as_str()), "{what}: {name}");
    world.assert_unchanged(&before, what);
}

fn every_cell_holds() {
    let mut tried = 0;
    for row in rows() {
        for (column, cell) in row.cells.iter().enumerate() {
            let (mut world, call) = scene(&row.action);
            let signer = role_keys(&world).get(column).copied().unwrap_or_else(|| key("anyone"));
            let what = format!("{} by {}", row.action, ["root", "risk", "guardian", "treasury", "anyone"][column]);
            match cell.as_str() {
                "yes" => {
                    world.ok(&call(&world, signer));
                }
                "no" => {
                    let call = call(&world, signer);
                    refused(&mut world, &call, &what);
                    // Nor does waiting help; what a listing waited for is due by then.
                    world.advance(TIMELOCK_S);
                    if !row.action.contains("while it runs") {
                        refused(&mut world, &call, &format!("{what}, 72 h later"));
                    }
                }
                "72 h" => {
                    let call = call(&world, signer);
                    world.advance(TIMELOCK_S - 1);
                    world.fails(&call, "TimelockNotOver");
                    world.advance(1);
                    world.ok(&call);
                }
                other => panic!("{what}: a cell of docs/roles.md says {other}"),
            }
            tried += 1;
        }
    }
    assert!(tried >= 100, "{tried} cells");
}

/// Whatever refuses a durable nonce is an instruction of a role.
fn every_instruction_of_a_role_has_its_row() {
    let rows = rows();
    for (name, spec) in &idl().instructions {
        let of_role =
            spec.accounts.iter().any(|account| account.name == "instructions") && name != "place_signed_orders";
        let row = rows.iter().any(|row| row.action.starts_with(&format!("`{name}`")));
        assert_eq!(of_role, row, "{name}: its row in docs/roles.md");
    }
}
