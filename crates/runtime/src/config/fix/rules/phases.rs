//! Phases: shares that grow, none twice, and the last one at 100 %.
//!
//! Nothing here is done while a share is missing or out of range: what it should be decides the order.

use fw_model::plan::PHASES_MAX;
use fw_model::{Percent, Weight};

use super::{Look, Proposal};
use crate::config::fix::op::Op;
use crate::config::fix::path::{Path, Step};
use crate::config::section::ENVIRONMENTS;
use crate::config::tree::{Node, Resolved, Scalar, Value, View};

/// Phases whose shares do not grow are put in the order of their shares.
pub(super) fn order(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |list: Path, items: &[Node], shares: &[Weight]| {
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by_key(|i| shares[*i]);
        let first = (1..order.len()).find(|i| shares[*i] < shares[i - 1])?;
        let moved: Vec<&Node> = order.iter().filter_map(|i| items.get(*i)).collect();
        let mut ops = vec![Op::Order { at: list.clone(), order: order.clone() }];
        ops.extend(renumber(&list, items, &moved));
        let words: Vec<String> = order.iter().map(|i| share(shares[*i])).collect();
        Some(Proposal {
            rule: "phase-order",
            at: list.item(first),
            message: format!("phases must grow: they stand in the order {} % now", words.join(", ")),
            ops,
        })
    };
    each(look, propose)
}

/// Of two phases with one share the later goes.
pub(super) fn doubled(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |list: Path, items: &[Node], shares: &[Weight]| {
        let later = (1..shares.len()).find(|i| shares[*i] == shares[i - 1])?;
        let left: Vec<&Node> =
            items.iter().enumerate().filter(|(i, _)| *i != later).map(|(_, node)| node).collect();
        let mut ops = vec![Op::Drop { at: list.item(later) }];
        ops.extend(renumber(&list, items, &left));
        Some(Proposal {
            rule: "doubled-phase",
            at: list.item(later),
            message: format!("a second phase at {} %: the later one goes", share(shares[later])),
            ops,
        })
    };
    each(look, propose)
}

/// A rollout ends with all traffic: a phase at 100 % is added, as long as the last one.
pub(super) fn full(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |list: Path, items: &[Node], shares: &[Weight]| {
        let last = shares.len().checked_sub(1)?;
        let grows = shares.windows(2).all(|pair| pair[0] < pair[1]);
        if shares[last] == Weight::FULL || !grows || items.len() >= PHASES_MAX {
            return None;
        }
        let Value::Scalar(duration) = &items[last].get("duration")?.value else { return None };
        let mut entries = vec![];
        entries.extend(next_id(items).map(|id| ("id".to_owned(), id)));
        entries.push(("percentage".to_owned(), Scalar::plain("100")));
        entries.push(("duration".to_owned(), duration.clone()));
        Some(Proposal {
            rule: "full-phase",
            at: list.item(last),
            message: format!(
                "the last phase has {} %: one at 100 % is added, for {} as the one before",
                share(shares[last]),
                duration.text
            ),
            ops: vec![Op::Append { at: list, entries }],
        })
    };
    each(look, propose)
}

/// Each list of phases whose shares are all sound, with what a rule says of it.
fn each(look: &Look<'_>, propose: impl Fn(Path, &[Node], &[Weight]) -> Option<Proposal>) -> Vec<Proposal> {
    let one = |list: Path| {
        let items = list.find(look.tree)?.items();
        let shares = items.iter().map(weight).collect::<Option<Vec<Weight>>>()?;
        propose(list, items, &shares)
    };
    lists(look).into_iter().filter_map(one).collect()
}

/// The ways to every list of phases.
pub(super) fn lists(look: &Look<'_>) -> Vec<Path> {
    if look.bare {
        return vec![Path::default().key("phases")];
    }
    let environments = look.tree.get(ENVIRONMENTS).map_or(&[][..], Node::entries);
    let tops = environments.iter().map(|e| Path::default().keys([ENVIRONMENTS, &e.key]));
    std::iter::once(Path::default()).chain(tops).map(|top| top.keys(["rollout", "phases"])).collect()
}

/// A phase's share, if it is sound.
fn weight(phase: &Node) -> Option<Weight> {
    let number = View(Some(phase)).get("percentage").number()?;
    let weight = Percent::new(number).ok()?.weight();
    (weight > Weight::ZERO).then_some(weight)
}

fn share(weight: Weight) -> String {
    weight.percent().to_string()
}

/// The ids of phases as written, if every one has a whole number.
fn ids(items: &[Node]) -> Option<Vec<i64>> {
    let id = |node: &Node| {
        let number = View(Some(node)).get("id").number()?;
        // Within what every reader keeps exactly, so the cast loses nothing.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    };
    items.iter().map(id).collect()
}

/// The first id, if the ids are nothing but positions counted from it.
fn positions(items: &[Node]) -> Option<i64> {
    let ids = ids(items)?;
    let first = *ids.first()?;
    ids.iter().zip(first..).all(|(id, position)| *id == position).then_some(first)
}

/// New ids for phases that moved, where ids were positions; names of one's own stay with their phase.
fn renumber(list: &Path, before: &[Node], after: &[&Node]) -> Vec<Op> {
    let Some(first) = positions(before) else { return vec![] };
    let change = |(i, node): (usize, &&Node)| {
        let id = Scalar::plain((first + i as i64).to_string());
        let at = Path([list.item(i).0, vec![Step::Key("id".to_owned())]].concat());
        let is_other = View(Some(node)).get("id").number() != Scalar::plain(id.text.as_str()).as_number();
        is_other.then_some(Op::Set { at, to: id })
    };
    after.iter().enumerate().filter_map(change).collect()
}

/// The id of one more phase, where every phase has one: the largest and one.
fn next_id(items: &[Node]) -> Option<Scalar> {
    let largest = ids(items)?.into_iter().max()?;
    let written = items.iter().all(|node| {
        matches!(node.get("id"), Some(Node { value: Value::Scalar(s), .. }) if s.resolved != Resolved::Text)
    });
    written.then(|| Scalar::plain((largest + 1).to_string()))
}
