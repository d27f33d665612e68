//! The rules: each finds one kind of fault that has one obvious remedy, and says what to do about it.
//!
//! A rule reads the tree and writes nothing. It proposes only what a person would do without having to choose: a
//! fault with two remedies is not fixable, and stays for a person.

mod durations;
mod keys;
mod lists;
mod numbers;
mod phases;
mod stretch;
mod texts;
mod words;

use super::Facts;
use super::op::Op;
use super::path::Path;
use crate::config::tree::Node;

/// What rules look at.
pub(super) struct Look<'a> {
    /// The document.
    pub(super) tree: &'a Node,
    /// Whether it is the rollout mapping alone.
    pub(super) bare: bool,
    /// The environment the config is wanted for.
    pub(super) env: Option<&'a str>,
    /// What is known beside the text.
    pub(super) facts: &'a Facts,
}

/// One fix.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    /// The rule's name, a word or two.
    pub(super) rule: &'static str,
    /// What it is about.
    pub(super) at: Path,
    /// What it does, for people.
    pub(super) message: String,
    /// What it does, in order.
    pub(super) ops: Vec<Op>,
}

/// Every rule. Keys come before values, and values before the order of phases, which needs both.
pub(super) const RULES: &[fn(&Look<'_>) -> Vec<Proposal>] = &[
    keys::misspelt,
    keys::misplaced,
    words::truth,
    words::choices,
    numbers::written_as_text,
    durations::in_words,
    texts::written_as_number,
    lists::single_value,
    keys::without_value,
    lists::doubled_urls,
    lists::reversed_range,
    phases::order,
    phases::doubled,
    phases::full,
    stretch::too_short,
];
