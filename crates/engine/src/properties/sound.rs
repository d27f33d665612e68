//! Ten thousand lives of 110 events each, in eight parts that a test runner may run at once.

use super::run::{EVENTS, live_all};

/// Lives of one part: eight parts make ten thousand.
const LIVES: u64 = 1250;
/// Each thing the engine can do is seen at least this often in each part.
const SEEN_MIN: u64 = 10;

fn part(number: u64) {
    let coverage = live_all(number * LIVES, LIVES);
    assert_eq!(coverage.events(), LIVES * EVENTS as u64);
    coverage.demand(SEEN_MIN);
}

#[test]
fn no_life_breaks_an_invariant_part_1_of_8() {
    part(0);
}

#[test]
fn no_life_breaks_an_invariant_part_2_of_8() {
    part(1);
}

#[test]
fn no_life_breaks_an_invariant_part_3_of_8() {
    part(2);
}

#[test]
fn no_life_breaks_an_invariant_part_4_of_8() {
    part(3);
}

#[test]
fn no_life_breaks_an_invariant_part_5_of_8() {
    part(4);
}

#[test]
fn no_life_breaks_an_invariant_part_6_of_8() {
    part(5);
}

#[test]
fn no_life_breaks_an_invariant_part_7_of_8() {
    part(6);
}

#[test]
fn no_life_breaks_an_invariant_part_8_of_8() {
    part(7);
}
