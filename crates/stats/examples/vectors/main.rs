//! Compares this crate with reference vectors: `cargo run --release -p fw-stats --example vectors -- FILE.json`.
//!
//! Prints the worst error of each section and fails above 1e-9 · max(1, |want|). The file's sections are those of
//! `tests/vectors/analysis.json` and `clustering.json`; a section that is not known is a failure, not a skip.

use std::process::ExitCode;

use serde_json::Value;

mod sections;

/// Allowed error, relative to max(1, |want|).
pub(crate) const TOLERANCE: f64 = 1e-9;

/// The worst error of a section, and how many numbers were compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Worst {
    /// Largest |got − want| / max(1, |want|); infinite for a NaN or a wrong word.
    pub(crate) error: f64,
    /// Numbers compared.
    pub(crate) compared: u64,
}

impl Worst {
    /// Compares a number.
    pub(crate) fn number(&mut self, got: f64, want: f64) {
        self.compared += 1;
        let error = (got - want).abs() / want.abs().max(1.0);
        self.error = self.error.max(if error.is_nan() { f64::INFINITY } else { error });
    }

    /// Compares anything else.
    pub(crate) fn same<T: PartialEq>(&mut self, got: T, want: T) {
        self.number(f64::from(u8::from(got == want)), 1.0);
        if got != want {
            self.error = f64::INFINITY;
        }
    }
}

/// Every section of a file with its worst error.
pub(crate) fn compare(file: &Value) -> Vec<(String, Worst)> {
    let sections = file.as_object().into_iter().flatten().filter(|(name, _)| *name != "meta");
    sections.map(|(name, rows)| (name.clone(), sections::compare(name, rows))).collect()
}

#[allow(clippy::disallowed_methods)] // A program, unlike the crate, may read its arguments.
fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: vectors FILE.json");
        return ExitCode::from(2);
    };
    let file = match std::fs::read_to_string(&path)
        .map_err(|e| e.to_string())
        .and_then(|t| serde_json::from_str::<Value>(&t).map_err(|e| e.to_string()))
    {
        Ok(file) => file,
        Err(why) => {
            eprintln!("{path}: {why}");
            return ExitCode::from(2);
        }
    };
    let results = compare(&file);
    for (name, worst) in &results {
        let mark = if worst.error <= TOLERANCE && worst.compared > 0 { "ok  " } else { "FAIL" };
        println!("{mark} {name:24} worst error {:9.2e} over {} numbers", worst.error, worst.compared);
    }
    let sound = !results.is_empty() && results.iter().all(|(_, w)| w.error <= TOLERANCE && w.compared > 0);
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
