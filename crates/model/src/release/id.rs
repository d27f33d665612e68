//! Names of releases: the service and the how-manieth release of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{IdError, ServiceKey};

/// One release of a service, from 1. Written `checkout.r3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId {
    /// Service, and region where it is of one.
    pub key: ServiceKey,
    /// Counts the releases of this service, from 1.
    pub number: u64,
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.r{}", self.key, self.number)
    }
}

impl std::str::FromStr for ReleaseId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Release(text.to_owned());
        let (key, number) = text.rsplit_once(".r").ok_or_else(bad)?;
        let number = number.parse::<u64>().ok().filter(|&n| n > 0).ok_or_else(bad)?;
        Ok(ReleaseId { key: key.parse().map_err(|_| bad())?, number })
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_they_are_written() {
        for text in ["checkout.r7", "checkout@eu-west-1.r12", "a.r2.r3"] {
            assert_eq!(text.parse::<ReleaseId>().unwrap().to_string(), text);
        }
        for bad in ["checkout", "checkout.7", "checkout.r0", "checkout.rx", ".r1", ""] {
            assert!(bad.parse::<ReleaseId>().is_err(), "{bad:?}");
        }
    }
}
