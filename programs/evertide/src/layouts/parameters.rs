//! Every parameter that a change can move, with its bounds and classes.

use serde_json::{json, Value};

use crate::engine::change::fields::{named, zero_is_none};
use crate::engine::change::{field, ChangeTarget};

/// All of them by name, those of an account after its own.
pub fn parameters() -> Vec<Value> {
    let describe = |(number, name, low, high): (u32, &str, i128, i128)| {
        let known = field(number).expect("named fields have a place");
        let role = if known.target == ChangeTarget::Exchange { "root" } else { "risk" };
        json!({
            "number": number,
            "name": name,
            "target": format!("{:?}", known.target).to_lowercase(),
            "kind": format!("{:?}", known.kind).to_lowercase(),
            "minimum": low as i64,
            "maximum": i64::try_from(high).expect("a bound fits 64 bits"),
            "rising": format!("{:?}", known.rising).to_lowercase(),
            "falling": format!("{:?}", known.falling).to_lowercase(),
            "zero_is_none": zero_is_none(number),
            "role": role,
        })
    };
    named().into_iter().map(describe).collect()
}

#[test]
fn numbers_and_names_are_used_once() {
    let all = named();
    for (at, (number, name, low, high)) in all.iter().enumerate() {
        let target = |number: u32| field(number).map(|known| known.target);
        assert!(low <= high, "{name}");
        for (other, same, ..) in &all[at.saturating_add(1)..] {
            assert!(number != other, "{number} twice");
            assert!(name != same || target(*number) != target(*other), "{name} twice");
        }
    }
}
