//! Fixing a config in its own text: what has one obvious remedy is done, all else is said with its place.
//!
//! Text in, text out. Rules find faults in the tree and propose operations; an operation is done on the tree and on
//! the text, and counts only when the changed text reads as exactly the changed tree. Comments, order and style of
//! everything else stay. At the end the text is loaded as any other: it is sound, or nothing is changed at all.
//! Nothing is read or written here.

mod edit;
mod layout;
mod op;
mod outline;
mod path;
mod rules;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod work;

use std::time::Duration;

use super::fault::{FAULTS_MAX, Fault, Faults};
use super::load::{is_bare, load_str};
use super::text::check;
use super::tree::{Node, Place, from_yaml};
use op::same;
use outline::Twig;
use path::Path;
use rules::{Look, Proposal, RULES};
use work::{Work, offset_of, place_of};

pub use values::{WrittenValue, values};

/// Most fixes of one text; as many as faults are reported.
const FIXES_MAX: usize = FAULTS_MAX;

/// What is known beside the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How long each phase of the environment's plan needs at least to prove anything, in plan order; none where the
    /// traffic is not known. Of another length than the phases of the text, it counts for nothing.
    pub min_durations: Option<Vec<Duration>>,
}

/// One thing that was fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The rule, such as `phase-order`; stable, for programs.
    pub rule: &'static str,
    /// What it was about, in the config's words, such as `rollout.phases[1].percentage`; empty for the text as a whole.
    pub path: String,
    /// Where that stood in the text as it was given.
    pub place: Option<Place>,
    /// What was done, for people, without the path.
    pub message: String,
}

/// A text that is sound now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The text; the one that was given, when nothing was to be done.
    pub text: String,
    /// What was done, in order. Empty when nothing was.
    pub applied: Vec<Applied>,
}

/// A text that has faults only a person can mend. Nothing of it is changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{faults}")]
pub struct Refused {
    /// What a person must mend first, with places in the text as it was given.
    pub faults: Faults,
    /// What could be fixed once that is done.
    pub fixable: Vec<Applied>,
}

/// Fixes a config text, YAML or JSON, for an environment or none; `name` is what reports call it.
///
/// # Errors
/// [`Refused`] when faults stay that have no obvious remedy.
pub fn fix(name: &str, text: &str, env: Option<&str>, facts: &Facts) -> Result<Fixed, Box<Refused>> {
    let refuse = |faults, fixable| Box::new(Refused { faults, fixable });
    // What no text of a config may have is nothing to work on.
    check(name, text).map_err(|faults| refuse(faults, vec![]))?;
    let mut bench = Bench { first: text, tree: read(text), work: Work::new(text), applied: vec![] };
    bench.layout();
    bench.rules(env, facts);
    match load_str(name, bench.work.text(), env) {
        Ok(_) => Ok(Fixed { text: bench.work.text().to_owned(), applied: bench.applied }),
        Err(faults) => Err(refuse(bench.in_the_first_text(&faults), bench.applied)),
    }
}

/// A text being worked on.
struct Bench<'t> {
    first: &'t str,
    /// The first text's tree, if it could be read at all.
    tree: Option<Node>,
    work: Work,
    applied: Vec<Applied>,
}

impl Bench<'_> {
    fn layout(&mut self) {
        for rule in layout::RULES {
            let Some(found) = rule(self.work.text()) else { continue };
            let made = self.work.made_of(&found.parts);
            let is_same = match (read(self.work.text()), read(made.text())) {
                (Some(before), Some(after)) => same(&before, &after),
                // What can't be read yet says nothing that could change; it must not become worse either.
                (None, _) => true,
                (Some(_), None) => false,
            };
            if is_same {
                let place = place_of(self.first, self.work.origin(found.at));
                self.applied.push(Applied {
                    rule: found.rule,
                    path: String::new(),
                    place: Some(place),
                    message: found.message,
                });
                self.work = made;
            }
        }
    }

    /// One fix at a time, until no rule has one that can be done.
    fn rules(&mut self, env: Option<&str>, facts: &Facts) {
        let mut refused: Vec<(&'static str, Path)> = vec![];
        for _ in 0..FIXES_MAX {
            let Some(tree) = read(self.work.text()) else { return };
            let look = Look { tree: &tree, bare: is_bare(&tree), env, facts };
            let mut done = false;
            for proposal in RULES.iter().flat_map(|rule| rule(&look)) {
                let known = (proposal.rule, proposal.at.clone());
                if refused.contains(&known) {
                    continue;
                }
                match carry_out(&self.work, &tree, &proposal) {
                    Some(made) => {
                        self.note(proposal, &tree);
                        self.work = made;
                        done = true;
                        break;
                    }
                    None => refused.push(known),
                }
            }
            if !done {
                return;
            }
        }
    }

    fn note(&mut self, proposal: Proposal, tree: &Node) {
        let place = proposal.at.place(tree).map(|place| self.first_place(place));
        let steps = proposal.at.0.len();
        let path = self.first_path(place, steps).unwrap_or(proposal.at);
        self.applied.push(Applied {
            rule: proposal.rule,
            path: path.to_string(),
            place,
            message: proposal.message,
        });
    }

    /// The place in the first text of a place in the present one.
    fn first_place(&self, place: Place) -> Place {
        place_of(self.first, self.work.origin(offset_of(self.work.text(), place)))
    }

    fn first_path(&self, place: Option<Place>, steps: usize) -> Option<Path> {
        path::at_place(self.tree.as_ref()?, place?, steps)
    }

    /// Faults of the present text, said of the first one: that is what the reader has before them.
    fn in_the_first_text(&self, faults: &Faults) -> Faults {
        let tree = read(self.work.text());
        let said = faults.list().iter().map(|fault| {
            let place = fault.place.map(|place| self.first_place(place));
            let steps = tree.as_ref().and_then(|tree| steps(tree, fault));
            let path = steps.and_then(|steps| self.first_path(place, steps));
            Fault { place, path: path.map_or(fault.path.clone(), |path| path.to_string()), ..fault.clone() }
        });
        Faults::new(faults.name(), self.first, said.collect())
    }
}

/// How many steps deep a fault's path is; none when it is not the way to what stands at its place.
fn steps(tree: &Node, fault: &Fault) -> Option<usize> {
    let steps = fault.path.split(['.', '[']).count();
    path::at_place(tree, fault.place?, steps).filter(|path| path.to_string() == fault.path)?;
    Some(steps)
}

/// The text after a proposal; none unless it reads as exactly what was meant.
fn carry_out(work: &Work, tree: &Node, proposal: &Proposal) -> Option<Work> {
    let mut work = work.clone();
    let mut tree = tree.clone();
    for op in &proposal.ops {
        let meant = op.on_tree(&tree)?;
        let outline = Twig::of(work.text())?;
        let before = comments(work.text());
        work = work.made_of(&edit::parts(op, work.text(), &outline)?);
        // The tree has no comments: that none is lost is counted.
        let is_drop = matches!(op, op::Op::Drop { .. });
        (is_drop || comments(work.text()) == before).then_some(())?;
        tree = read(work.text()).filter(|read| same(read, &meant))?;
    }
    Some(work)
}

/// How many marks of comments a text has, whether they begin one or stand in a text.
fn comments(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'#').count()
}

/// The tree of a text, whatever else is wrong with it; none when it can't be read.
fn read(text: &str) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    from_yaml(text, &mut vec![]).ok()
}
