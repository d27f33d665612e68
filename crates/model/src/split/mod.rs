//! The split: who gets the canary now, and the one rule that decides it.
//!
//! A split is a value a data plane can act on alone: weights, salt, where the versions are, how a
//! key is found. The rule in `bucket` is the same in the proxy, the SDK and OpenFeature answers.
//! How splits travel is the business of `api` and the transports.

mod bucket;
mod salted;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Epoch, LogId, Phase, Plan, ServiceKey, Weight};

pub use bucket::{bucket_of, bucket_of_random, trim_key, variant_of_bucket, variant_of_key};
pub use salted::Salted;

/// One of the two versions of a service during a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The version that ran before.
    Stable,
    /// The version being rolled out.
    Canary,
}

impl Variant {
    /// Both, stable first.
    pub const ALL: [Variant; 2] = [Variant::Stable, Variant::Canary];

    /// `stable` or `canary`.
    pub fn as_str(self) -> &'static str {
        match self {
            Variant::Stable => "stable",
            Variant::Canary => "canary",
        }
    }

    /// 0 for stable, 1 for canary: for arrays with an entry a variant.
    #[inline]
    pub fn index(self) -> usize {
        match self {
            Variant::Stable => 0,
            Variant::Canary => 1,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 32 ASCII hex characters, new for each rollout and kept through all of it, so that who was in
/// stays in as the share grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt([u8; 32]);

impl Salt {
    /// A salt from 128 random bits, which the caller supplies.
    pub fn from_bits(bits: u128) -> Salt {
        let mut salt = [0_u8; 32];
        for (place, byte) in salt.iter_mut().enumerate() {
            let nibble = (bits >> (4 * (31 - place))) & 0xf;
            *byte = b"0123456789abcdef"[nibble as usize];
        }
        Salt(salt)
    }

    /// The 32 characters as bytes, as they are hashed.
    #[inline]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&b| write!(f, "{}", char::from(b)))
    }
}

impl TryFrom<String> for Salt {
    type Error = SaltError;
    fn try_from(text: String) -> Result<Salt, SaltError> {
        match <[u8; 32]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_hexdigit) => Ok(Salt(bytes)),
            _ => Err(SaltError(text)),
        }
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> String {
        salt.to_string()
    }
}

/// A salt was not 32 hex characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a salt is 32 hex characters, not {0:?}")]
pub struct SaltError(String);

/// Where a key is found in a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stickiness {
    /// No key: random for each request.
    #[default]
    None,
    /// The value of this cookie; the proxy sets one where it is missing.
    Cookie(String),
    /// The value of this request header.
    Header(String),
}

/// Which outcomes count as errors (beside connect failures, time-outs and bodies cut short, which always do).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorRule {
    /// HTTP status ranges, both ends included. Default `[[500, 599]]`.
    #[serde(default = "default_http")]
    pub http: Vec<(u16, u16)>,
    /// gRPC status codes. Default 2, 4, 8, 13, 14, 15 (unknown, deadline exceeded, resource
    /// exhausted, internal, unavailable, data loss).
    #[serde(default = "default_grpc")]
    pub grpc: Vec<u16>,
}

fn default_http() -> Vec<(u16, u16)> {
    vec![(500, 599)]
}

fn default_grpc() -> Vec<u16> {
    vec![2, 4, 8, 13, 14, 15]
}

impl Default for ErrorRule {
    fn default() -> Self {
        ErrorRule { http: default_http(), grpc: default_grpc() }
    }
}

impl ErrorRule {
    /// Whether an answer with this HTTP status, and this gRPC status if it has one, is an error.
    #[inline]
    pub fn is_error(&self, status: u16, grpc: Option<u16>) -> bool {
        self.http.iter().any(|&(from, to)| (from..=to).contains(&status))
            || grpc.is_some_and(|code| self.grpc.contains(&code))
    }
}

/// What a data plane does when it has lost the control plane for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadMan {
    /// How long without the control plane.
    pub after: Duration,
    /// Which variant then takes all traffic.
    pub then: Variant,
}

/// Everything a data plane needs to assign requests of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// Service and region.
    pub key: ServiceKey,
    /// The run this split belongs to, as text; none before the first rollout.
    pub rollout: Option<String>,
    /// Which log the epoch counts in.
    pub log_id: LogId,
    /// Grows with every change.
    pub epoch: Epoch,
    /// What keys are hashed with.
    pub salt: Salt,
    /// The canary's share; stable gets the rest.
    pub canary: Weight,
    /// Base URLs of the stable version's instances, at least one where a proxy routes.
    pub stable_urls: Vec<String>,
    /// Base URLs of the canary's instances; may be empty while no rollout is under way.
    pub canary_urls: Vec<String>,
    /// Where the key is.
    pub stickiness: Stickiness,
    /// What to do without the control plane; none = keep the last split.
    pub dead_man: Option<DeadMan>,
    /// Apdex target T in ms: satisfied up to T, tolerating up to 4 T.
    pub apdex_target_ms: f64,
    /// What counts as an error.
    pub errors: ErrorRule,
}

impl Split {
    /// The split of a service that no rollout is moving: everything to `plan.stable`.
    pub fn resting(plan: &Plan, log_id: LogId, epoch: Epoch, salt: Salt) -> Split {
        Split {
            key: plan.key.clone(),
            rollout: None,
            log_id,
            epoch,
            salt,
            canary: Weight::ZERO,
            stable_urls: plan.stable.urls.clone(),
            canary_urls: plan.canary.urls.clone(),
            stickiness: plan.stickiness.clone(),
            dead_man: plan.dead_man,
            apdex_target_ms: plan.phases.first().map_or(500.0, Phase::apdex_target_ms),
            errors: plan.errors.clone(),
        }
    }

    /// Whether a data plane that holds `self` takes `incoming`: a newer (or the same) epoch of the
    /// same log, or any split of another log (which the caller reports as a warning).
    pub fn yields_to(&self, incoming: &Split) -> bool {
        self.log_id != incoming.log_id || incoming.epoch >= self.epoch
    }

    /// The base URLs of a variant.
    pub fn urls(&self, variant: Variant) -> &[String] {
        match variant {
            Variant::Stable => &self.stable_urls,
            Variant::Canary => &self.canary_urls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_its_hex_digits() {
        let salt = Salt::from_bits(0xcd61_3e30_d8f1_6adf_91b7_584a_2265_b1f5);
        assert_eq!(salt.to_string(), "cd613e30d8f16adf91b7584a2265b1f5");
        assert_eq!(Salt::try_from(salt.to_string()), Ok(salt));
        assert!(Salt::try_from("xyz".to_owned()).is_err());
        assert!(Salt::try_from("g".repeat(32)).is_err());
    }
}
