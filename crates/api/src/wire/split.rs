//! The split as JSON: `GET /api/v1/services/{service}/split`, the answer to a report, a proxy's state file.
//!
//! Shape of contract section 6, plus `errors` and `apdexTargetMs`, which a data plane needs to
//! count as the plan says. Unknown keys are ignored, so that an older data plane reads a newer server.

use std::time::Duration;

use fw_model::split::{DeadMan, ErrorRule, Stickiness};
use fw_model::{Epoch, LogId, Region, Salt, ServiceKey, ServiceName, Split, Variant, Weight};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WireError;

/// What a data plane needs to assign the requests of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplitMessage {
    /// The service.
    pub service: String,
    /// Its region, if regions are used.
    pub region: Option<String>,
    /// The run, such as `checkout.3`; null before the first rollout.
    pub rollout: Option<String>,
    /// Which log the epoch counts in.
    pub log_id: String,
    /// Grows with every change of the split.
    pub epoch: u64,
    /// 32 hex characters hashed before every key.
    pub salt: String,
    /// Shares in 1/100 000.
    pub weights: WeightsWire,
    /// Base URLs by variant.
    pub upstreams: UpstreamsWire,
    /// Where the key is: `{"cookie": NAME}`, `{"header": NAME}` or `"none"`.
    #[serde(default)]
    pub stickiness: StickinessWire,
    /// What to do when the control plane is lost for long; null = keep the last split.
    #[serde(default)]
    pub dead_man: Option<DeadManWire>,
    /// Apdex target T, ms.
    #[serde(default = "apdex_default")]
    pub apdex_target_ms: f64,
    /// What counts as an error: `{"http": [[500, 599]], "grpc": [2, 4, 8, 13, 14, 15]}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub errors: ErrorRule,
}

fn apdex_default() -> f64 {
    500.0
}

/// Shares in 1/100 000; they sum to 100 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightsWire {
    /// Stable's share.
    pub stable: u32,
    /// The canary's share.
    pub canary: u32,
}

/// Base URLs by variant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct UpstreamsWire {
    /// Instances of stable.
    #[serde(default)]
    pub stable: Vec<String>,
    /// Instances of the canary.
    #[serde(default)]
    pub canary: Vec<String>,
}

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum StickinessWire {
    /// No key.
    #[default]
    None,
    /// The value of this cookie.
    Cookie(String),
    /// The value of this header.
    Header(String),
}

/// What to do when the control plane is lost for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadManWire {
    /// After this many ms.
    pub after_ms: u64,
    /// All traffic to this variant.
    #[schema(value_type = String)]
    pub then: Variant,
}

impl From<&Split> for SplitMessage {
    fn from(split: &Split) -> SplitMessage {
        SplitMessage {
            service: split.key.service.to_string(),
            region: split.key.region.as_ref().map(Region::to_string),
            rollout: split.rollout.clone(),
            log_id: split.log_id.0.clone(),
            epoch: split.epoch.0,
            salt: split.salt.to_string(),
            weights: WeightsWire { stable: split.canary.complement().units(), canary: split.canary.units() },
            upstreams: UpstreamsWire { stable: split.stable_urls.clone(), canary: split.canary_urls.clone() },
            stickiness: match &split.stickiness {
                Stickiness::None => StickinessWire::None,
                Stickiness::Cookie(name) => StickinessWire::Cookie(name.clone()),
                Stickiness::Header(name) => StickinessWire::Header(name.clone()),
            },
            dead_man: split.dead_man.map(|d| DeadManWire {
                after_ms: u64::try_from(d.after.as_millis()).unwrap_or(u64::MAX),
                then: d.then,
            }),
            apdex_target_ms: split.apdex_target_ms,
            errors: split.errors.clone(),
        }
    }
}

impl TryFrom<SplitMessage> for Split {
    type Error = WireError;

    fn try_from(message: SplitMessage) -> Result<Split, WireError> {
        let WeightsWire { stable, canary } = message.weights;
        if u64::from(stable) + u64::from(canary) != u64::from(Weight::FULL.units()) {
            return Err(WireError::new("weights", format!("must sum to 100000, not {stable} + {canary}")));
        }
        let service =
            ServiceName::new(message.service).map_err(|e| WireError::new("service", e.to_string()))?;
        let region = message.region.map(Region::new).transpose();
        Ok(Split {
            key: ServiceKey { service, region: region.map_err(|e| WireError::new("region", e.to_string()))? },
            rollout: message.rollout,
            log_id: LogId(message.log_id),
            epoch: Epoch(message.epoch),
            salt: Salt::try_from(message.salt).map_err(|e| WireError::new("salt", e.to_string()))?,
            canary: Weight::new(canary).map_err(|e| WireError::new("weights.canary", e.to_string()))?,
            stable_urls: message.upstreams.stable,
            canary_urls: message.upstreams.canary,
            stickiness: match message.stickiness {
                StickinessWire::None => Stickiness::None,
                StickinessWire::Cookie(name) => Stickiness::Cookie(name),
                StickinessWire::Header(name) => Stickiness::Header(name),
            },
            dead_man: message
                .dead_man
                .map(|d| DeadMan { after: Duration::from_millis(d.after_ms), then: d.then }),
            apdex_target_ms: message.apdex_target_ms,
            errors: message.errors,
        })
    }
}

#[cfg(test)]
mod tests {
    use fw_model::Plan;

    use super::*;

    fn split() -> Split {
        let plan = Plan::seed("checkout@eu".parse().unwrap());
        let mut split = Split::resting(&plan, LogId("log".into()), Epoch(4), Salt::from_bits(7));
        split.canary = Weight::new(25_000).unwrap();
        split.stickiness = Stickiness::Cookie("fw_key".into());
        split.dead_man = Some(DeadMan { after: Duration::from_secs(300), then: Variant::Stable });
        split
    }

    #[test]
    fn a_split_comes_back_as_it_went() {
        let text = serde_json::to_string(&SplitMessage::from(&split())).unwrap();
        assert!(text.contains(r#""weights":{"stable":75000,"canary":25000}"#), "{text}");
        let message: SplitMessage = serde_json::from_str(&text).unwrap();
        assert_eq!(Split::try_from(message), Ok(split()));
    }

    #[test]
    fn weights_that_do_not_sum_up_are_refused() {
        let mut message = SplitMessage::from(&split());
        message.weights.stable = 1;
        assert_eq!(Split::try_from(message).unwrap_err().field, "weights");
    }
}
