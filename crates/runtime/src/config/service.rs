//! What a config comes to: one service, checked, with every default filled in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fw_engine::waves::WavesPlan;
use fw_flags::targeting::Condition;
use fw_model::flag::Flag;
use fw_model::release::ReleasePolicy;
use fw_model::{Plan, Region};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::notification::SinkConfig;

/// One service as its config describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceConfig {
    /// What is rolled out and how; sound by [`Plan::check`].
    pub plan: Plan,
    /// How the built-in proxy takes requests.
    pub traffic: TrafficConfig,
    /// How the API is reached.
    pub server: ServerConfig,
    /// Feature flags.
    pub flags: Vec<FlagConfig>,
    /// Who is told of what happens.
    pub notifications: Vec<SinkConfig>,
    /// What happens around the rollout.
    pub release: ReleasePolicy,
    /// First 16 hex digits of the SHA-256 of the plan's canonical JSON (keys sorted, no white space).
    pub plan_hash: String,
    /// Where it runs, each with a config of its own; empty where regions are not used.
    pub regions: Vec<RegionConfig>,
    /// How the canary goes from region to region; there exactly when there are regions.
    pub waves: Option<WavesPlan>,
}

impl ServiceConfig {
    /// The configs that a server of this one serves itself: those of its own regions, or this.
    pub fn served(&self) -> Vec<&ServiceConfig> {
        if self.regions.is_empty() {
            return vec![self];
        }
        self.regions.iter().filter(|region| region.server.is_none()).map(|region| &region.config).collect()
    }
}

/// One region of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionConfig {
    /// Its name.
    pub name: Region,
    /// Who runs it; none = the server that has this config.
    pub server: Option<RemoteServer>,
    /// Whether this server runs its proxy.
    pub own_proxy: bool,
    /// Everything else: a config without regions whose key is `service@region`, and whose α is its share.
    pub config: ServiceConfig,
}

/// Another `fw serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteServer {
    /// `http://` or `https://`, host and port, without a slash at the end.
    pub url: String,
    /// The environment variable that has the token; none = no token.
    pub token_env: Option<String>,
}

/// A feature flag with what it needs beside the model.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagConfig {
    /// Who gets what.
    pub flag: Flag<Value>,
    /// For whom each of its rules holds, in their order.
    pub conditions: Vec<Condition>,
    /// Names of the metrics that its read-out compares.
    pub metrics: Vec<String>,
}

/// How the built-in proxy takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrafficConfig {
    /// Where it listens; none for the router `sdk`.
    pub listen: Option<SocketAddr>,
    /// Its certificate; none = plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The header whose value chooses the variant; none = there is no such header.
    pub forced_variant_header: Option<String>,
    /// Whether answers name the variant in a header.
    pub expose_variant: bool,
    /// PEM file of certificate authorities for `https://` upstreams; none = the web's public roots.
    pub upstream_ca: Option<PathBuf>,
    /// Worker threads, 1 to 1024; none = as many as the machine has cores.
    pub workers: Option<usize>,
    /// Sizes beyond which a request or connection is refused.
    pub limits: TrafficLimits,
    /// Times after which waiting ends.
    pub timeouts: TrafficTimeouts,
}

/// Sizes beyond which the proxy refuses a request or connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficLimits {
    /// Request line and header section, bytes.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub header_count_max: usize,
    /// Request target, bytes.
    pub uri_bytes_max: usize,
    /// Request body, bytes; 0 = unlimited.
    pub body_bytes_max: u64,
    /// Client connections at once.
    pub connections_max: usize,
    /// Idle connections kept to one upstream instance, each worker.
    pub idle_upstream_max: usize,
}

impl Default for TrafficLimits {
    fn default() -> Self {
        TrafficLimits {
            header_bytes_max: 64 * 1024,
            header_count_max: 100,
            uri_bytes_max: 8 * 1024,
            body_bytes_max: 0,
            connections_max: 10_000,
            idle_upstream_max: 256,
        }
    }
}

/// Times after which the proxy stops waiting; zero is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficTimeouts {
    /// First byte of a request head until its last.
    pub header_read: Duration,
    /// TCP connect and TLS handshake to an upstream.
    pub connect: Duration,
    /// Request sent until its response head.
    pub response_head: Duration,
    /// A client connection between requests.
    pub idle_keep_alive: Duration,
    /// An unused upstream connection.
    pub idle_upstream: Duration,
    /// An upgraded connection on which neither side speaks.
    pub upgrade_idle: Duration,
    /// A body that stands still.
    pub body_idle: Duration,
}

impl Default for TrafficTimeouts {
    fn default() -> Self {
        TrafficTimeouts {
            header_read: Duration::from_secs(30),
            connect: Duration::from_secs(3),
            response_head: Duration::from_secs(60),
            idle_keep_alive: Duration::from_secs(75),
            idle_upstream: Duration::from_secs(30),
            upgrade_idle: Duration::from_secs(3600),
            body_idle: Duration::from_secs(300),
        }
    }
}

/// PEM files of a listener. Whether they exist is found out when the listener is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// How the API is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerConfig {
    /// Port on loopback, 1 to 65535; none = the config does not say.
    pub port: Option<u16>,
    /// Whether `GET /events` is there.
    pub sse_enabled: bool,
    /// Who may talk to it; empty = loopback only, no tokens.
    pub tokens: Vec<TokenConfig>,
    /// Hosts (lower case, with a port where one was written) that writes may be addressed to, beside loopback.
    pub hosts: Vec<String>,
    /// How many evaluations of flags one client may ask for; none = unlimited.
    pub evaluation_rate: Option<EvaluationRate>,
}

/// How many evaluations of flags one client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationRate {
    /// Requests per second on average, 1 to 1 000 000.
    pub per_second: u32,
    /// Requests at once after a silence, 1 to 1 000 000.
    pub burst: u32,
}

/// A token, known by its digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// Who it is: the actor of what it does.
    pub name: String,
    /// SHA-256 of the token: 64 hex digits in lower case.
    pub sha256: String,
    /// What it may do; at least one.
    pub roles: Vec<Role>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read.
    Viewer,
    /// May read, start and steer rollouts.
    Operator,
    /// May read and approve gates.
    Approver,
    /// May report observations and metrics.
    Reporter,
}

impl Role {
    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Approver => "approver",
            Role::Reporter => "reporter",
        }
    }
}

/// First 16 hex digits of the SHA-256 of a plan's canonical JSON.
pub fn plan_hash(plan: &Plan) -> String {
    let mut text = String::new();
    // A plan is plain data with text keys, which JSON always takes; were it not, the hash would say so.
    canonical(&serde_json::to_value(plan).unwrap_or(Value::Null), &mut text);
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// JSON with sorted keys and no white space, whatever order the map type keeps.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(&object[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_plan_and_nothing_else() {
        let plan = Plan::seed("checkout".parse().unwrap());
        let mut other = plan.clone();
        assert_eq!(plan_hash(&plan), plan_hash(&other));
        assert_eq!(plan_hash(&plan).len(), 16);
        other.risk_threshold = 71.0;
        assert_ne!(plan_hash(&plan), plan_hash(&other));
    }

    #[test]
    fn canonical_json_is_sorted_and_tight() {
        let mut text = String::new();
        canonical(&serde_json::json!({"b": [1, "x\""], "a": {"d": null, "c": true}}), &mut text);
        assert_eq!(text, r#"{"a":{"c":true,"d":null},"b":[1,"x\""]}"#);
    }
}
