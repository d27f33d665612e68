//! Values of options that have a shape of their own.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use fw_model::{Region, ServiceName};
use fw_runtime::config::Role;

/// A service name, or who a token is for.
pub(super) fn service(text: &str) -> Result<ServiceName, String> {
    ServiceName::new(text).map_err(|e| e.to_string())
}

/// A region name.
pub(super) fn region(text: &str) -> Result<Region, String> {
    Region::new(text).map_err(|e| e.to_string())
}

/// The store when none is named.
pub(crate) const STORE_DEFAULT: &str = "sqlite:.factory-wager/state.db";

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(StoreChoice::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => {
                Err("PostgreSQL stores come with a later version; now: sqlite:PATH".into())
            }
            _ => Err("a store is written sqlite:PATH, such as sqlite:.factory-wager/state.db".into()),
        }
    }
}

/// What is wrong with the demo's canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// This share of its answers are errors, percent, above 0 to 100.
    ErrorRate(f64),
    /// Each answer takes this much longer.
    Latency(Duration),
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a fault is error-rate=5%, latency=+800ms or none".to_owned();
        match text.split_once('=') {
            None if text == "none" => Ok(Fault::None),
            Some(("error-rate", share)) => {
                let share: f64 = share.strip_suffix('%').unwrap_or(share).parse().map_err(|_| wrong())?;
                if share > 0.0 && share <= 100.0 {
                    Ok(Fault::ErrorRate(share))
                } else {
                    Err("the error rate is above 0 and at most 100 %".into())
                }
            }
            Some(("latency", more)) => {
                let more = more.strip_prefix('+').unwrap_or(more);
                let ms: u64 = match (more.strip_suffix("ms"), more.strip_suffix('s')) {
                    (Some(ms), _) => ms.parse().map_err(|_| wrong())?,
                    (None, Some(s)) => s.parse::<u64>().map_err(|_| wrong())?.saturating_mul(1000),
                    (None, None) => return Err(wrong()),
                };
                if (1..=60_000).contains(&ms) {
                    Ok(Fault::Latency(Duration::from_millis(ms)))
                } else {
                    Err("the latency is 1ms to 60s".into())
                }
            }
            _ => Err(wrong()),
        }
    }
}

/// A role of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RoleChoice {
    /// May read
    Viewer,
    /// May read, start and steer rollouts
    Operator,
    /// May read and approve gates
    Approver,
    /// May report observations and metrics
    Reporter,
}

impl RoleChoice {
    /// The role as the config has it.
    pub(crate) fn role(self) -> Role {
        match self {
            RoleChoice::Viewer => Role::Viewer,
            RoleChoice::Operator => Role::Operator,
            RoleChoice::Approver => Role::Approver,
            RoleChoice::Reporter => Role::Reporter,
        }
    }
}
