//! Names and numbers that identify things: services, regions, runs, sources, logs.
//!
//! Each is its own type, so that a service name can't be passed where a region is meant.
//! Names travel in URLs and labels, so their alphabet is small and checked on entry.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest service or region name, in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// A name broke the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, too long, or a character outside `a-z A-Z 0-9 . _ -`, or not starting with a letter or digit.
    #[error(
        "{what} {name:?} must be 1 to 63 characters of a-z, A-Z, 0-9, '.', '_' or '-' and start with a letter or digit"
    )]
    Name {
        /// Which kind of name.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// Not of the form `service.7` or `service@region.7`.
    #[error("a run is written service.NUMBER or service@region.NUMBER, not {0:?}")]
    Run(String),
    /// Not of the form `service.r7` or `service@region.r7`.
    #[error("a release is written service.rNUMBER or service@region.rNUMBER, not {0:?}")]
    Release(String),
}

fn check(what: &'static str, name: &str) -> Result<(), IdError> {
    let ok = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if ok { Ok(()) } else { Err(IdError::Name { what, name: name.to_owned() }) }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks and takes a name.
            ///
            /// # Errors
            /// [`IdError::Name`] when a rule is broken.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                let name = name.into();
                check($what, &name)?;
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

name_type!(
    /// What is being released, such as `checkout`.
    ServiceName,
    "the service name"
);
name_type!(
    /// Where it runs, such as `eu-west-1`.
    Region,
    "the region name"
);

/// A service in a region (or without one): the unit that has at most one rollout under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The service.
    pub service: ServiceName,
    /// Its region, if regions are used.
    pub region: Option<Region>,
}

impl fmt::Display for ServiceKey {
    /// `checkout` or `checkout@eu-west-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            None => write!(f, "{}", self.service),
            Some(region) => write!(f, "{}@{region}", self.service),
        }
    }
}

impl std::str::FromStr for ServiceKey {
    type Err = IdError;
    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (service, region) = match text.split_once('@') {
            None => (text, None),
            Some((service, region)) => (service, Some(Region::new(region)?)),
        };
        Ok(ServiceKey { service: ServiceName::new(service)?, region })
    }
}

/// One execution of a plan: the service and the how-manieth rollout of it, from 1. Written `checkout.7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId {
    /// Service and region.
    pub key: ServiceKey,
    /// Counts the rollouts of this service and region, from 1.
    pub number: u64,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.number)
    }
}

impl std::str::FromStr for RunId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Run(text.to_owned());
        let (key, number) = text.rsplit_once('.').ok_or_else(bad)?;
        let number = number.parse::<u64>().ok().filter(|&n| n > 0).ok_or_else(bad)?;
        Ok(RunId { key: key.parse().map_err(|_| bad())?, number })
    }
}

impl TryFrom<String> for RunId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        run.to_string()
    }
}

/// One start of one data-plane process: a UUID it makes when it starts. At most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(pub String);

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which event log a split comes from. A store makes one when it is created; epochs compare only inside one log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogId(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_they_are_written() {
        for text in ["checkout.7", "checkout@eu-west-1.12", "a.b.3"] {
            let run: RunId = text.parse().unwrap();
            assert_eq!(run.to_string(), text);
        }
    }

    #[test]
    fn odd_names_are_refused() {
        for bad in ["", "-x", "a b", "a/b", "ü", &"x".repeat(64)] {
            assert!(ServiceName::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["checkout", "checkout.0", "checkout.x", ".1", "a@.1"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
    }
}
