use evertide_vm_tests::exchange::{market, Target};
use evertide_vm_tests::state::Market;
use evertide_vm_tests::terms::PRICES;
use evertide_vm_tests::world::World;

fn main() {
    let mut w = World::open();
    w.pass(1, &PRICES);
    w.edit::<Market>(market(0), |m| m.funding_rate_e9 = 12345);
    w.advance(1);
    let c = w.update_oracle(Target::Market(0), PRICES[0] + 5_000_000);
    println!("rate nonzero {}", w.ok(&c).units());
    w.edit::<Market>(market(0), |m| for e in 0..2 { m.evidence[e].order_id = 5; m.evidence[e].impact_ticks = 500_000; m.evidence[e].shown_ms = 1_700_000_000_000 + 900_000_000 });
    w.advance(1);
    let c = w.update_oracle(Target::Market(0), PRICES[0] + 6_000_000);
    println!("evidence {}", w.ok(&c).units());
    w.advance(3600);
    let c = w.update_oracle(Target::Market(0), PRICES[0] + 7_000_000);
    println!("hour {}", w.ok(&c).units());
}
