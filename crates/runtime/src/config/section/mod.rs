//! The sections of the config, one file each: their keys, and how they become model values.
//!
//! A section's reader takes a tree whose single values were checked by the table and adds the
//! rules between values. It never stops at a fault: what is wrong or missing is read as its default.

mod analysis;
mod auth;
mod business;
mod deploy;
mod flags;
mod gate;
mod limits;
mod metrics;
mod notifications;
mod ofrep;
mod phase;
mod regions;
mod release;
mod rollout;
mod root;
mod traffic;
mod versions;
mod waves;

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::fault::Fault;
use super::table::Section;
use super::tree::{Node, View, locate};

pub(super) use regions::REGIONS_KEY;
pub(super) use rollout::ROLLOUT;
pub(super) use root::{ENVIRONMENTS, ROOT, read};
pub(super) use waves::write_after;

/// Where a key belongs that stands in the wrong mapping.
pub(super) const ELSEWHERE: &[(&str, &Section)] = &[
    ("rollout", &rollout::ROLLOUT),
    ("rollout.analysis", &analysis::ANALYSIS),
    ("traffic", &traffic::TRAFFIC),
    ("traffic.limits", &limits::LIMITS),
    ("traffic.timeouts", &limits::TIMEOUTS),
    ("versions", &versions::VERSIONS),
    ("auth", &auth::AUTH),
    ("rollout.phases[n].successCriteria", &phase::CRITERIA),
    ("rollout.phases[n]", &phase::PHASE),
    ("metrics[n]", &metrics::METRIC),
    ("flags[n]", &flags::FLAG),
    ("flags[n].rules[n]", &flags::RULE),
    ("flags[n].exclusive", &flags::EXCLUSIVE),
    ("segments[n]", &flags::SEGMENT),
    ("business", &business::BUSINESS),
    ("ofrep", &ofrep::OFREP),
    ("notifications[n]", &notifications::SINK),
    ("release", &release::RELEASE),
    ("release.deploy.process", &deploy::PROCESS),
    ("gates[n]", &gate::GATE),
    ("regions[n]", &regions::REGION),
    ("waves", &waves::SECTION),
    ("waves.order[n]", &waves::WAVE),
    ("the top level", &root::ROOT),
];

/// Collects what is wrong between values of one merged tree.
pub(super) struct Rules<'a> {
    root: &'a Node,
    prefixes: &'a [String],
    faults: Vec<Fault>,
}

/// Keys that a key of the config pushes out where something is laid over it.
fn rivals(key: &str) -> &'static [&'static str] {
    super::table::rivals(&ROOT, key)
}

impl<'a> Rules<'a> {
    /// For a merged tree; the paths of what was laid over it, such as `environments.production`, by origin.
    pub(super) fn new(root: &'a Node, prefixes: &'a [String]) -> Rules<'a> {
        Rules { root, prefixes, faults: vec![] }
    }

    /// The tree's root.
    pub(super) fn root(&self) -> &'a Node {
        self.root
    }

    /// The same paths with one more: that of a node that is laid over the tree.
    pub(super) fn prefixes_with(&self, node: &Node, path: &str) -> Vec<String> {
        let mut prefixes = self.prefixes.to_vec();
        prefixes.push(self.full(node, path));
        prefixes
    }

    /// Takes faults over that have their full paths.
    pub(super) fn take(&mut self, faults: Vec<Fault>) {
        self.faults.extend(faults);
    }

    /// The tree.
    pub(super) fn view(&self) -> View<'a> {
        View(Some(self.root))
    }

    /// A fault at a path of the merged tree.
    pub(super) fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.fault_at(locate(self.root, path), path, message.into());
    }

    /// A fault at a node; its path gets the environment it came from in front.
    pub(super) fn fault_at(&mut self, node: &Node, path: &str, message: String) {
        let full = self.full(node, path);
        self.faults.push(Fault::new(node.place, full, message));
    }

    /// A path with that of what the node came from in front.
    fn full(&self, node: &Node, path: &str) -> String {
        match node.origin.0.checked_sub(1).and_then(|i| self.prefixes.get(i)) {
            Some(prefix) => format!("{prefix}.{path}"),
            None => path.to_owned(),
        }
    }

    /// What was found.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}

/// A word as one of an enum's names.
fn word<'de, T: serde::Deserialize<'de>>(view: View<'de>) -> Option<T> {
    let text = view.text()?;
    let reader: StrDeserializer<'de, Error> = text.into_deserializer();
    T::deserialize(reader).ok()
}
