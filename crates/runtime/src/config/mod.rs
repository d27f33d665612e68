//! Reading `factory-wager.yaml`: every fault at once, with its place.
//!
//! A text (YAML or JSON) becomes a tree that knows places, the tree is held against one table of
//! keys, environments are merged, and the sections read what is left into a [`ServiceConfig`]. The
//! same table gives the JSON Schema and the reference page. Nothing is opened or bound here.

mod duration;
mod effective;
mod fault;
mod fix;
mod format;
mod load;
mod notification;
mod report;
mod section;
mod service;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod url;

pub use effective::{effective_json, effective_yaml, request_json};
pub use fault::{FAULTS_MAX, Fault, Faults};
pub use fix::{Applied, Facts, Fixed, Refused, WrittenValue, fix, values};
pub use load::{load_file, load_json, load_str, read_file};
pub use notification::{EmailTarget, HttpFormat, HttpTarget, SecretFrom, SinkConfig, SinkTarget, SmtpTls};
pub use report::{Part, report};
pub use service::{
    EvaluationRate, FlagConfig, RegionConfig, RemoteServer, Role, ServerConfig, ServiceConfig, TlsFiles,
    TokenConfig, TrafficConfig, TrafficLimits, TrafficTimeouts, plan_hash,
};
pub use text::DOCUMENT_BYTES_MAX;
pub use tree::Place;

/// The JSON Schema (draft 2020-12) of a config, for editors.
pub fn schema() -> serde_json::Value {
    table::schema()
}

/// The reference page of every key, in Markdown.
pub fn reference_markdown() -> String {
    table::reference_markdown()
}
