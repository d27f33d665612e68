//! Lists: a single value where a list is wanted, a URL twice, a range that runs backwards.

use super::{Look, Proposal};
use crate::config::fix::op::Op;
use crate::config::fix::path::{Path, Step};
use crate::config::fix::walk::{Found, fits, walk};
use crate::config::section::ENVIRONMENTS;
use crate::config::table::Kind;
use crate::config::tree::{Node, Resolved, Value, View};
use crate::config::url;

/// A value that would be right as the only item of a list.
pub(super) fn single_value(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind: kind @ Kind::List { .. }, node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let list = Node::built(Value::List(vec![node.clone()]));
        (scalar.resolved != Resolved::Null && fits(kind, &list)).then(|| Proposal {
            rule: "single-value",
            message: "stands in brackets now: a list of one".to_owned(),
            ops: vec![Op::Wrap { at: at.clone() }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

/// A URL that stands twice in the list of one version: the later goes.
pub(super) fn doubled_urls(look: &Look<'_>) -> Vec<Proposal> {
    let mut proposals = vec![];
    for top in tops(look) {
        for version in ["stable", "canary"] {
            let list = top.keys(["versions", version, "urls"]);
            let items = list.find(look.tree).map_or(&[][..], Node::items);
            let read = |node| View(Some(node)).text().and_then(|text| url::normalise(text).ok());
            let urls: Vec<Option<String>> = items.iter().map(read).collect();
            let doubled = (1..urls.len()).find(|i| urls[*i].is_some() && urls[..*i].contains(&urls[*i]));
            proposals.extend(doubled.map(|i| Proposal {
                rule: "doubled-url",
                at: list.item(i),
                message: "stands twice in this list: the later one goes".to_owned(),
                ops: vec![Op::Drop { at: list.item(i) }],
            }));
        }
    }
    proposals
}

/// `[599, 500]` in `traffic.errors.http`.
pub(super) fn reversed_range(look: &Look<'_>) -> Vec<Proposal> {
    let mut proposals = vec![];
    for top in tops(look) {
        let list = top.keys(["traffic", "errors", "http"]);
        for (i, node) in list.find(look.tree).map_or(&[][..], Node::items).iter().enumerate() {
            if let [from, to] = node.items()
                && let (Some(from), Some(to)) = (View(Some(from)).number(), View(Some(to)).number())
                && from > to
            {
                proposals.push(Proposal {
                    rule: "reversed-range",
                    at: list.item(i),
                    message: format!("runs from {to} to {from} now"),
                    ops: vec![Op::Order { at: list.item(i), order: vec![1, 0] }],
                });
            }
        }
    }
    proposals
}

/// The ways to where `versions` and `traffic` can stand: the top, and each environment.
fn tops(look: &Look<'_>) -> Vec<Path> {
    if look.bare {
        return vec![];
    }
    let environments = look.tree.get(ENVIRONMENTS).map_or(&[][..], Node::entries);
    let below = |entry: &crate::config::tree::Entry| {
        Path(vec![Step::Key(ENVIRONMENTS.to_owned()), Step::Key(entry.key.clone())])
    };
    std::iter::once(Path::default()).chain(environments.iter().map(below)).collect()
}
