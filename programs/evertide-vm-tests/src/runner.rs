//! A test runner for one binary with an end: when all tests ran, the set of error codes and the compute table are judged.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex,
    },
    thread,
};

/// One test: its full name and body.
pub type Case = (String, fn());

/// Lists the tests of a module: `tests!(happy_path, stale_price);`.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::runner::Case> {
            vec![$((format!("{}::{}", module_path!().rsplit("::").next().unwrap_or(""), stringify!($name)), $name as fn())),*]
        }
    };
}

/// What the command line asks for: words that must occur in a test's name; none = all.
pub fn filters() -> Vec<String> {
    std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect()
}

/// Runs the cases on as many threads as there are processors. Returns the names of those that failed.
pub fn run(cases: &[Case]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, body)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let passed = catch_unwind(AssertUnwindSafe(body)).is_ok();
                    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
                    if !passed {
                        failed.lock().expect("no panic inside").push(name.clone());
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic inside")
}
