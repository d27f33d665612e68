//! The document as a tree of values that remember where they were written.
//!
//! YAML and JSON both become this tree, so every later stage (table, merge, sections) is written
//! once. A scalar keeps its text beside its value, so that `version: 1.10` can be read as written.
//! Nothing here knows a key of the config.

mod json;
mod merge;
mod scalar;
mod surrogate;
mod view;
mod yaml;

pub(super) use merge::merge;
pub(super) use scalar::{Resolved, Scalar, shown};
pub(super) use surrogate::plain_surrogates;
pub(super) use view::{View, locate};

pub(super) use json::{from_json, to_json};
pub(super) use yaml::{NESTING_MAX, from_yaml, too_deep};

/// Where in the text, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Which part of the document a value came from: 0 = the document itself, n = the n-th environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Origin(pub(super) usize);

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// None in JSON that came as a value, and in trees that were built.
    pub(super) place: Option<Place>,
    /// Set when environments are merged.
    pub(super) origin: Origin,
    /// What it is.
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// One word, number or text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in written order, without duplicate keys.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key as text.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Option<Place>,
    /// What it is set to.
    pub(super) node: Node,
}

impl Node {
    /// A node that was built, not read.
    pub(super) fn built(value: Value) -> Node {
        Node { place: None, origin: Origin::default(), value }
    }

    /// A built text.
    pub(super) fn text(text: impl Into<String>) -> Node {
        Node::built(Value::Scalar(Scalar::text(text)))
    }

    /// A built number.
    pub(super) fn number(number: f64) -> Node {
        Node::built(Value::Scalar(Scalar::number(number)))
    }

    /// A built truth value.
    pub(super) fn boolean(value: bool) -> Node {
        Node::built(Value::Scalar(Scalar::boolean(value)))
    }

    /// A built list.
    pub(super) fn list(items: impl IntoIterator<Item = Node>) -> Node {
        Node::built(Value::List(items.into_iter().collect()))
    }

    /// A built mapping.
    pub(super) fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
        let entries = entries.into_iter().map(|(key, node)| Entry { key: key.into(), place: None, node });
        Node::built(Value::Map(entries.collect()))
    }

    /// The value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.node)
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    /// What was found, in words, such as `the text "x"` or `a list`.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.found(),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }

    /// Marks this node and all below as coming from an environment.
    pub(super) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|n| n.set_origin(origin)),
            Value::Map(entries) => entries.iter_mut().for_each(|e| e.node.set_origin(origin)),
        }
    }
}
