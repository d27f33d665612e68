//! What is wrong with this version, as its environment says: `FAULT=error-rate=5%`, `latency=+300ms` or `unhealthy`.
//!
//! Failures come evenly, not by chance: of each hundred answers exactly so many fail, so that a test may count them.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ten thousand of these are all.
const ALL_BP: u64 = 10_000;
/// Longest latency that may be added.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// A fault; the default is none.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    /// Share of answers that fail, in hundredths of a percent.
    error_rate_bp: u64,
    /// So much longer each answer takes.
    pub(crate) latency: Duration,
    /// `/healthz` says so.
    pub(crate) unhealthy: bool,
    answered: AtomicU64,
}

impl Fault {
    /// Whether the next answer fails.
    pub(crate) fn fails(&self) -> bool {
        let before = self.answered.fetch_add(1, Ordering::Relaxed) % ALL_BP;
        (before + 1) * self.error_rate_bp / ALL_BP > before * self.error_rate_bp / ALL_BP
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let unknown = || format!("FAULT={text} is none of error-rate=5%, latency=+300ms, unhealthy");
        match text.split_once('=') {
            None if text == "unhealthy" => Ok(Fault { unhealthy: true, ..Fault::default() }),
            Some(("error-rate", rate)) => {
                let percent = rate.strip_suffix('%').and_then(|rate| rate.parse::<f64>().ok());
                let percent =
                    percent.filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(unknown)?;
                Ok(Fault { error_rate_bp: (percent * 100.0).round() as u64, ..Fault::default() })
            }
            Some(("latency", more)) => {
                let ms = more.strip_prefix('+').and_then(|more| more.strip_suffix("ms")?.parse().ok());
                let latency = ms.map(Duration::from_millis).filter(|latency| *latency <= LATENCY_MAX);
                Ok(Fault { latency: latency.ok_or_else(unknown)?, ..Fault::default() })
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_so_many_answers_fail() {
        for (text, of_thousand) in
            [("error-rate=5%", 50), ("error-rate=0.1%", 1), ("error-rate=100%", 1000), ("unhealthy", 0)]
        {
            let fault: Fault = text.parse().unwrap();
            assert_eq!((0..1000).filter(|_| fault.fails()).count(), of_thousand, "{text}");
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_is_one() {
        let fault: Fault = "latency=+300ms".parse().unwrap();
        assert_eq!(fault.latency, Duration::from_millis(300));
        for text in
            ["", "error-rate=5", "error-rate=101%", "error-rate=nan%", "latency=300ms", "latency=+1h", "slow"]
        {
            assert!(text.parse::<Fault>().is_err_and(|e| e.contains("error-rate=5%")), "{text}");
        }
    }
}
