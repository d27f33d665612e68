//! The tree beside the table: each single value with what its key takes, each key the table does not know.

use super::path::Path;
use crate::config::section::{ROLLOUT, ROOT};
use crate::config::table::{Checker, Kind, Section, has_shape};
use crate::config::tree::{Entry, Node, Value};

/// Something a rule may look at.
pub(super) enum Found<'n> {
    /// A value that its key does not take: a single value, or one that stands for a list.
    Wrong { kind: &'static Kind, node: &'n Node, at: Path, required: bool },
    /// A key that its mapping does not have.
    Unknown { section: &'static Section, mapping: &'n Node, entry: &'n Entry, at: Path },
}

/// The section of a document's top: the rollout alone may be a whole config.
pub(super) fn top(bare: bool) -> &'static Section {
    if bare { &ROLLOUT } else { &ROOT }
}

/// Everything to look at, in written order.
pub(super) fn walk(root: &Node, bare: bool) -> Vec<Found<'_>> {
    let mut found = vec![];
    section(top(bare), root, &Path::default(), &mut found);
    found
}

fn section<'n>(section: &'static Section, node: &'n Node, at: &Path, found: &mut Vec<Found<'n>>) {
    for entry in node.entries() {
        let at = at.key(&entry.key);
        match section.key(&entry.key) {
            Some(key) => value(&key.kind, &entry.node, at, key.required, found),
            None => found.push(Found::Unknown { section, mapping: node, entry, at }),
        }
    }
}

fn value<'n>(kind: &'static Kind, node: &'n Node, at: Path, required: bool, found: &mut Vec<Found<'n>>) {
    match (kind, &node.value) {
        (Kind::Or(kinds), _) => match kinds.iter().find(|kind| has_shape(kind, node)) {
            Some(fitting) if !matches!(node.value, Value::Scalar(_)) => {
                value(fitting, node, at, required, found);
            }
            _ => single(kind, node, at, required, found),
        },
        (Kind::Section(below), Value::Map(_)) => section(below, node, &at, found),
        (Kind::List { of, .. }, Value::List(items)) => {
            for (i, item) in items.iter().enumerate() {
                value(of, item, at.item(i), true, found);
            }
        }
        (Kind::Overlays { of, .. }, Value::Map(entries)) => {
            entries.iter().for_each(|entry| section(of, &entry.node, &at.key(&entry.key), found));
        }
        (_, Value::Scalar(_)) => single(kind, node, at, required, found),
        _ => {}
    }
}

fn single<'n>(kind: &'static Kind, node: &'n Node, at: Path, required: bool, found: &mut Vec<Found<'n>>) {
    if !fits(kind, node) {
        found.push(Found::Wrong { kind, node, at, required });
    }
}

/// Whether the table takes a value as it is.
pub(super) fn fits(kind: &Kind, node: &Node) -> bool {
    let mut faults = vec![];
    Checker { faults: &mut faults, elsewhere: &[] }.kind(kind, node, "");
    faults.is_empty()
}
