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

/// Panics are told in one line with their place, not with a backtrace: a failing test is one thing to read.
fn tell_panics_shortly() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload().downcast_ref::<String>().cloned();
        let text = text.or_else(|| info.payload().downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("{place}: {text}");
    }));
}

/// Runs the cases on as many threads as there are processors. Returns the names of those that failed.
pub fn run(cases: &[Case]) -> Vec<String> {
    tell_panics_shortly();
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
