//! Reading a tree whose faults were already found: everything wrong or missing is simply absent.
//!
//! The table reports what is wrong; sections read on with defaults, so that the rules between
//! values (growing phases, two versions with one URL) are checked in the same run.

use std::time::Duration;

use super::{Node, Resolved, Value};
use crate::config::duration::{self, Per};

/// A node that may be absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a>(pub(crate) Option<&'a Node>);

impl<'a> View<'a> {
    /// The value of a key.
    pub(crate) fn get(self, key: &str) -> View<'a> {
        View(self.0.and_then(|node| node.get(key)))
    }

    /// Whether anything is there.
    pub(crate) fn exists(self) -> bool {
        self.0.is_some()
    }

    /// The items of a list.
    pub(crate) fn items(self) -> &'a [Node] {
        self.0.map_or(&[], Node::items)
    }

    /// A text; a number as it was written.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self.scalar()? {
            (text, Resolved::Text | Resolved::Number(_)) => Some(text),
            (_, Resolved::Null | Resolved::Bool(_)) => None,
        }
    }

    /// A finite number.
    pub(crate) fn number(self) -> Option<f64> {
        match self.scalar()? {
            (_, Resolved::Number(n)) if n.is_finite() => Some(n),
            _ => None,
        }
    }

    /// A truth value.
    pub(crate) fn boolean(self) -> Option<bool> {
        match self.scalar()? {
            (_, Resolved::Bool(b)) => Some(b),
            _ => None,
        }
    }

    /// A duration; a bare number counts in the given unit.
    pub(crate) fn duration(self, per: Per) -> Option<Duration> {
        match self.scalar()? {
            (_, Resolved::Number(n)) => duration::from_number(n, per),
            (text, Resolved::Text) => duration::parse(text),
            (_, Resolved::Null | Resolved::Bool(_)) => None,
        }
    }

    fn scalar(self) -> Option<(&'a str, Resolved)> {
        match &self.0?.value {
            Value::Scalar(scalar) => Some((&scalar.text, scalar.resolved)),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// The deepest node on the way to a path such as `rollout.phases[1].percentage`.
pub(crate) fn locate<'a>(root: &'a Node, path: &str) -> &'a Node {
    let mut node = root;
    for step in path.split(['.', '[']) {
        let next = match step.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|i| node.items().get(i)),
            None => node.get(step),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}
