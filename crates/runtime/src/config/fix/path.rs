//! The way to a value: keys and positions, in the document's own words.

use std::fmt;

use crate::config::table::child_path;
use crate::config::tree::{Entry, Node, Place, Value};

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list, from 0.
    Item(usize),
}

/// The way from the top of the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// One key further.
    pub(super) fn key(&self, key: &str) -> Path {
        self.with(Step::Key(key.to_owned()))
    }

    /// Along several keys.
    pub(super) fn keys<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Path {
        keys.into_iter().fold(self.clone(), |path, key| path.key(key))
    }

    /// One item further.
    pub(super) fn item(&self, position: usize) -> Path {
        self.with(Step::Item(position))
    }

    fn with(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// The last step and the way to it; none at the top.
    pub(super) fn split(&self) -> Option<(Path, &Step)> {
        let (last, before) = self.0.split_last()?;
        Some((Path(before.to_vec()), last))
    }

    /// What stands there.
    pub(super) fn find<'n>(&self, root: &'n Node) -> Option<&'n Node> {
        self.0.iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Item(position) => node.items().get(*position),
        })
    }

    /// The same, to change it.
    pub(super) fn find_mut<'n>(&self, root: &'n mut Node) -> Option<&'n mut Node> {
        self.0.iter().try_fold(root, |node, step| match (step, &mut node.value) {
            (Step::Key(key), Value::Map(entries)) => {
                entries.iter_mut().find(|e| e.key == *key).map(|e| &mut e.node)
            }
            (Step::Item(position), Value::List(items)) => items.get_mut(*position),
            _ => None,
        })
    }

    /// Where it stands: the key of a mapping, the item of a list.
    pub(super) fn place(&self, root: &Node) -> Option<Place> {
        let (before, last) = self.split()?;
        let node = before.find(root)?;
        match last {
            Step::Key(key) => entry(node, key)?.place,
            Step::Item(position) => node.items().get(*position)?.place,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.iter().fold(String::new(), |path, step| match step {
            Step::Key(key) => child_path(&path, key),
            Step::Item(position) => format!("{path}[{position}]"),
        });
        f.write_str(&words)
    }
}

/// The entry of a mapping.
pub(super) fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    node.entries().iter().find(|e| e.key == key)
}

/// The way to what stands at a place, this many steps long.
pub(super) fn at_place(root: &Node, place: Place, steps: usize) -> Option<Path> {
    let mut open = vec![(root, Path::default())];
    while let Some((node, path)) = open.pop() {
        if path.0.len() == steps {
            let found = node.place == Some(place) || path.place(root) == Some(place);
            if found {
                return Some(path);
            }
            continue;
        }
        open.extend(node.entries().iter().map(|e| (&e.node, path.key(&e.key))));
        open.extend(node.items().iter().enumerate().map(|(i, item)| (item, path.item(i))));
    }
    None
}
