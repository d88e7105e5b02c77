//! Writes the constants of the arithmetic as the Python module that the SDK and the engine import.
//!
//! `cargo run -p evertide-math --example export_constants -- <file>...`

mod table;

fn main() -> std::io::Result<()> {
    let text = table::python();
    for path in std::env::args().skip(1) {
        std::fs::write(&path, &text)?;
    }
    Ok(())
}
