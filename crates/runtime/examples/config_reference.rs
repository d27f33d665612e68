//! Writes what is known about the configuration: `config_reference markdown` or `config_reference schema`.
//!
//! `cargo xtask gen` puts the two into `docs/reference`, and CI compares them. It knows nothing itself: both come from
//! the one table that the loader checks against.

use fw_runtime::config;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("markdown") => print!("{}", config::reference_markdown()),
        Some("schema") => println!("{:#}", config::schema()),
        other => {
            eprintln!("usage: config_reference markdown|schema, not {other:?}");
            std::process::exit(2);
        }
    }
}
