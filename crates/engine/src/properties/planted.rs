//! Seven planted bugs: the invariant of the same number catches each; without one, nothing is caught.

use super::coverage::Coverage;
use super::run::{live, seed_of};
use crate::plant::{self, Bug};

/// Lives within which a planted bug must show.
const LIVES_MAX: u64 = 200;

/// The numbers of the rules that the first bad step within `LIVES_MAX` lives breaks, with a bug switched
/// on (or none).
fn first_broken(bug: Option<Bug>) -> Vec<u8> {
    plant::with(bug, || {
        (0..LIVES_MAX)
            .map(|n| live(seed_of(n), &mut Coverage::default()).1)
            .find(|problems| !problems.is_empty())
            .map_or(vec![], |problems| problems.into_iter().map(|p| p.number).collect())
    })
}

/// Within a bounded number of lives the first bad step of the bug breaks the invariant of this number.
fn caught(bug: Bug, invariant: u8) {
    let broken = first_broken(Some(bug));
    assert!(broken.contains(&invariant), "{bug:?} broke {broken:?}, not {invariant}");
}

#[test]
fn without_a_planted_bug_the_same_lives_are_sound() {
    assert_eq!(first_broken(None), Vec::<u8>::new());
}

#[test]
fn an_advance_without_proof_breaks_invariant_1() {
    caught(Bug::AdvanceUnproven, 1);
}

#[test]
fn a_reused_epoch_breaks_invariant_2() {
    caught(Bug::EpochReused, 2);
}

#[test]
fn a_raise_after_a_rollback_breaks_invariant_3() {
    caught(Bug::RaiseAfterRollback, 3);
}

#[test]
fn an_early_completion_breaks_invariant_4() {
    caught(Bug::EarlyCompletion, 4);
}

#[test]
fn a_redrawn_salt_breaks_invariant_5() {
    caught(Bug::SaltRedrawn, 5);
}

#[test]
fn an_unexplained_hold_breaks_invariant_6() {
    caught(Bug::UnexplainedHold, 6);
}

#[test]
fn a_hidden_state_breaks_invariant_7() {
    caught(Bug::HiddenState, 7);
}
