use evertide_vm_tests::exchange::Target;
use evertide_vm_tests::terms::{PRICES, SOL, USD};
use evertide_vm_tests::world::World;

fn main() {
    let mut w = World::open();
    let a = w.funded("a", 100_000);
    let c = w.deposit(&a, 0, 1_000 * USD);
    println!("deposit quote {}", w.ok(&c).units());
    let c = w.deposit(&a, 1, 10 * SOL);
    let o = w.ok(&c);
    println!("deposit sol {} {:?}", o.units(), o.events());
    let c = w.withdraw(&a, 0, 500 * USD);
    println!("withdraw quote {}", w.ok(&c).units());
    w.pass(1, &PRICES);
    for t in [Target::Market(0), Target::Market(2), Target::Collateral(1)] {
        w.advance(1);
        let c = w.update_oracle(t, PRICES[if t == Target::Market(0) { 0 } else { 2 }]);
        println!("oracle {:?} {}", t, w.ok(&c).units());
    }
    let c = w.withdraw(&a, 1, 1 * SOL);
    let o = w.ok(&c);
    println!("withdraw sol {} {:?}", o.units(), o.events());
    let c = w.accrue_debt();
    println!("accrue_debt {}", w.ok(&c).units());
    let c = w.set_limits(&a, 2000, 5, 65535, 0);
    println!("limits {}", w.ok(&c).units());
    let c = w.view_health(a.user);
    let o = w.ok(&c);
    println!("health {} {:?}", o.units(), o.meta.return_data);
}
