//! What a fix does, said of the tree: the one thing a rule hands out.
//!
//! Each operation has two forms: here, on the tree, which says what must come out; and in `edit`, on the text. A
//! changed text is taken only when reading it gives exactly the changed tree, so no edit can go wrong unseen.

use super::path::{Path, Step};
use crate::config::tree::{Entry, Node, Origin, Scalar, Value};

/// One change.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// A single value becomes another.
    Set { at: Path, to: Scalar },
    /// A single value becomes a list of that one value.
    Wrap { at: Path },
    /// A key gets another name.
    Rename { at: Path, to: String },
    /// A key, with its value, goes into another mapping, which is made where it is missing.
    Move { at: Path, to: Path },
    /// A key, with its value, or an item of a list goes.
    Drop { at: Path },
    /// The items of a list in another order: what stands first is the item `order[0]` of before.
    Order { at: Path, order: Vec<usize> },
    /// One more item at the end of a list: a mapping of single values.
    Append { at: Path, entries: Vec<(String, Scalar)> },
}

impl Op {
    /// The tree after it; none when it has nothing to work on, or would overwrite something.
    pub(super) fn on_tree(&self, root: &Node) -> Option<Node> {
        let mut root = root.clone();
        match self {
            Op::Set { at, to } => {
                let node = at.find_mut(&mut root)?;
                matches!(node.value, Value::Scalar(_)).then(|| node.value = Value::Scalar(to.clone()))?;
            }
            Op::Wrap { at } => {
                let node = at.find_mut(&mut root)?;
                let one = node.clone();
                matches!(one.value, Value::Scalar(_)).then(|| node.value = Value::List(vec![one]))?;
            }
            Op::Rename { at, to } => {
                let (mapping, key) = parent(at, &mut root)?;
                let free = mapping.iter().all(|e| e.key != *to);
                let entry = mapping.iter_mut().find(|e| e.key == key).filter(|_| free)?;
                entry.key = to.clone();
            }
            Op::Move { at, to } => {
                let (mapping, key) = parent(at, &mut root)?;
                let entry = mapping.remove(mapping.iter().position(|e| e.key == key)?);
                insert(&mut root, to, entry)?;
            }
            Op::Drop { at } => match at.split()? {
                (list, Step::Item(position)) => {
                    let items = items(&list, &mut root)?;
                    (*position < items.len()).then(|| items.remove(*position))?;
                }
                (_, Step::Key(_)) => {
                    let (mapping, key) = parent(at, &mut root)?;
                    mapping.remove(mapping.iter().position(|e| e.key == key)?);
                }
            },
            Op::Order { at, order } => {
                let items = items(at, &mut root)?;
                *items = order.iter().map(|i| items.get(*i).cloned()).collect::<Option<_>>()?;
            }
            Op::Append { at, entries } => {
                let pairs = entries.iter().map(|(key, value)| (key.as_str(), scalar(value)));
                let item = Node::map(pairs);
                items(at, &mut root)?.push(item);
            }
        }
        Some(root)
    }
}

fn scalar(value: &Scalar) -> Node {
    Node::built(Value::Scalar(value.clone()))
}

fn items<'n>(at: &Path, root: &'n mut Node) -> Option<&'n mut Vec<Node>> {
    match &mut at.find_mut(root)?.value {
        Value::List(items) => Some(items),
        Value::Scalar(_) | Value::Map(_) => None,
    }
}

/// The mapping a key stands in, and the key.
fn parent<'n>(at: &Path, root: &'n mut Node) -> Option<(&'n mut Vec<Entry>, String)> {
    let (mapping, Step::Key(key)) = at.split()? else { return None };
    match &mut mapping.find_mut(root)?.value {
        Value::Map(entries) => Some((entries, key.clone())),
        Value::Scalar(_) | Value::List(_) => None,
    }
}

/// Puts an entry at the end of a mapping, and makes the mappings on the way that are missing.
fn insert(root: &mut Node, to: &Path, entry: Entry) -> Option<()> {
    let mut node = root;
    for step in &to.0 {
        let (Value::Map(entries), Step::Key(key)) = (&mut node.value, step) else { return None };
        if entries.iter().all(|e| e.key != *key) {
            let made = Node { place: None, origin: Origin::default(), value: Value::Map(vec![]) };
            entries.push(Entry { key: key.clone(), place: None, node: made });
        }
        node = entries.iter_mut().find(|e| e.key == *key).map(|e| &mut e.node)?;
    }
    let Value::Map(entries) = &mut node.value else { return None };
    entries.iter().all(|e| e.key != entry.key).then(|| entries.push(entry))
}

/// Whether two trees say the same, whatever their places.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            // NaN is not itself; its text is.
            a.text == b.text && (a.resolved == b.resolved || a.found() == b.found())
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && same(&a.node, &b.node))
        }
        _ => false,
    }
}
