use evertide_vm_tests::exchange::Target;
use evertide_vm_tests::terms::{ticks, PRICES};
use evertide_vm_tests::traders::{limit, market_order, post_only};
use evertide_vm_tests::world::World;

fn main() {
    let mut w = World::open();
    for i in 0..3 { let c = w.accrue_market(i); let o = w.ok(&c); println!("accrue {}", o.units()); }
    let a = w.funded("a", 100_000);
    let b = w.funded("b", 100_000);
    let px = ticks(0, PRICES[0]);
    let (id, o) = w.place_outcome(&a, post_only(0, false, px, 100));
    println!("place 1 {} {:?}", o.units(), o.events());
    w.advance_slots(1);
    let (tid, o) = w.place_outcome(&b, limit(0, true, px, 60));
    println!("place 2 {}", o.units());
    let c = w.match_orders(0, &b, tid, &[(&a, id)]);
    let o = w.ok(&c);
    println!("match {} {:?}", o.units(), o.events());
    println!("pos a {:?}", w.position(&a, 0));
    println!("pos b {:?}", w.position(&b, 0));
    w.advance_slots(12);
    let ask = w.place(&b, post_only(0, true, px + 40, 200));
    let bid2 = w.place(&a, post_only(0, false, px - 20, 200));
    w.advance_slots(12);
    let c = w.update_mark(0, &[(&a, id), (&a, bid2)], &[(&b, ask)]);
    let o = w.ok(&c);
    println!("mark {} {:?}", o.units(), o.events());
    w.pass(20, &PRICES);
    let c = w.update_mark(0, &[(&a, id), (&a, bid2)], &[(&b, ask)]);
    let o = w.ok(&c);
    println!("mark {} {:?}", o.units(), o.events());
    for u in [&a, &b] {
        let c = w.settle_pnl(0, u.user);
        let o = w.ok(&c);
        println!("settle {} {:?} ret {:?}", o.units(), o.events(), o.meta.return_data);
    }
    w.pass(3700, &PRICES);
    w.pass(1, &PRICES);
    println!("rate {}", w.market(0).funding_rate_e9);
    let c = w.touch_position(0, a.user);
    let o = w.ok(&c);
    println!("touch {} {:?}", o.units(), o.events());
    w.pass(1, &PRICES);
    let c = w.cancel_ids(&a, &[bid2]);
    println!("cancel {}", w.ok(&c).units());
    // markets 1, 2
    let (m1, o) = w.place_outcome(&a, limit(1, true, ticks(1, PRICES[1]), 10));
    println!("place other market {}", o.units());
    w.advance_slots(1);
    let (t1, o) = w.place_outcome(&b, market_order(1, false, 10));
    println!("market order {}", o.units());
    let c = w.match_orders(1, &b, t1, &[(&a, m1)]);
    println!("match2 {}", w.ok(&c).units());
    let _ = Target::Market(0);
    for n in [2usize, 4, 8] {
        let mut makers = Vec::new();
        for i in 0..n {
            let t = w.funded(&format!("m{n}{i}"), 10_000);
            let id = w.place(&t, post_only(1, true, ticks(1, PRICES[1]) + i as u64, 10));
            makers.push((t, id));
        }
        w.advance_slots(1);
        let t = w.place(&b, limit(1, false, ticks(1, PRICES[1]) + 10, 10 * n as u64));
        let refs: Vec<_> = makers.iter().map(|(t, i)| (t, *i)).collect();
        let c = w.match_orders(1, &b, t, &refs);
        let o = w.ok(&c);
        println!("match {n} makers {}", o.units());
    }
    let o = w.place_outcome(&b, limit(1, false, ticks(1, PRICES[1]) - 10, 10)).1;
    println!("place with {} positions {}", w.user(&b).position_count, o.units());
}
