//! The table of a life (contract section 7): each status with each thing a person may ask for.

use expect_test::{expect, expect_file};

use super::{check, script};

/// A script that ends in each status.
const WAYS: [(&str, &str); 9] = [
    ("pending", "plan 5/60s 50/60s 100/60s"),
    ("running", "plan 5/60s 50/60s 100/60s\nlook"),
    ("paused", "plan 5/60s 50/60s 100/60s\nlook\npause"),
    ("rolling_back", "plan 5/60s 50/60s 100/60s\nlook\nrollback stable"),
    ("rolled_back to stable", "plan 5/60s 50/60s 100/60s\nlook\nrollback stable\nlook"),
    ("rolled_back to a phase", "plan 5/60s 50/60s 100/60s\nlook\nadvance\nlook\nrollback\nlook"),
    ("rolled_back, replaced", "plan 5/60s 100/60s\nlook\nrollback stable\nlook\nsupersede"),
    ("completed", "plan 5/60s 100/60s\nlook\nadvance\nlook\nadvance"),
    ("aborted", "plan 5/60s 100/60s\nlook\nabort"),
];

const COMMANDS: [&str; 9] = [
    "pause",
    "resume",
    "advance",
    "rollback previous",
    "rollback stable",
    "rollback 0",
    "abort",
    "supersede",
    "quarantine x",
];

/// The table: what follows from each command in each status.
fn table() -> String {
    let mut table = String::new();
    for (status, way) in WAYS {
        table += &format!("{status}\n");
        let before = script::tell(way);
        for command in COMMANDS {
            let told = script::tell(&format!("{way}\n{command}\nshow"));
            let news = told.strip_prefix(&before).unwrap();
            let first = news.lines().next().unwrap();
            let stand = news.lines().find(|l| l.contains(" at ")).unwrap();
            let status = stand.split(", attempt").next().unwrap();
            let told = if first.contains("refused") { "409" } else { status };
            table += &format!("  {command:<17} {told}\n");
        }
    }
    table
}

#[test]
fn each_status_allows_what_the_table_says() {
    expect_file!["./life_table.txt"].assert_eq(&table());
}

#[test]
fn a_refusal_says_what_is_possible_instead() {
    let mut refusals = String::new();
    for (_, way) in WAYS {
        let told = script::tell(&format!("{way}\nresume\npause"));
        refusals.extend(told.lines().filter(|l| l.contains("refused")).map(|l| format!("{l}\n")));
    }
    expect![[r#"
        resume: refused: resume is not possible while the rollout is pending: abort is possible
        pause: refused: pause is not possible while the rollout is pending: abort is possible
        resume: refused: resume is not possible while the rollout is running: pause, advance, rollback and abort are possible
        resume: refused: resume is not possible while the rollout is rolling_back: abort is possible; it will be rolled back in a moment
        pause: refused: pause is not possible while the rollout is rolling_back: abort is possible; it will be rolled back in a moment
        resume: refused: resume is not possible while the rollout is rolled_back: a newer rollout took its place
        pause: refused: pause is not possible while the rollout is rolled_back: a newer rollout took its place
        resume: refused: resume is not possible while the rollout is completed: a rollback to stable or a new start are possible
        pause: refused: pause is not possible while the rollout is completed: a rollback to stable or a new start are possible
        resume: refused: resume is not possible while the rollout is aborted: a new start is possible
        pause: refused: pause is not possible while the rollout is aborted: a new start is possible
    "#]].assert_eq(&refusals);
}

#[test]
fn a_rollback_to_a_phase_that_is_not_below_is_refused() {
    check(
        "plan 5/60s 50/60s 100/60s\nlook\nrollback 0\nrollback 1\nrollback 9",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            rollback: refused: can't roll back to phase 0: the rollout is at phase 0, so a lower one (or stable) is meant
            rollback: refused: can't roll back to phase 1: the rollout is at phase 0, so a lower one (or stable) is meant
            rollback: refused: can't roll back to phase 9: the rollout is at phase 0, so a lower one (or stable) is meant
        "#]],
    );
}

#[test]
fn rollback_goes_to_the_phase_before_or_to_stable_from_the_first() {
    check(
        "plan 5/60s 25/60s 50/60s 100/60s
         look
         advance
         look
         advance
         look
         rollback
         look
         resume
         look
         rollback previous
         look
         resume
         look
         rollback previous
         look",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 25 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 60 s left of this phase | no canary request in this phase yet: nothing can be judged
            2 s     split 50 % (epoch 3)
            2 s     phase_advanced phase 1 -> phase 2 by ann, over: 59 s left of this phase | no canary request in this phase yet: nothing can be judged
            3 s     split 25 % (epoch 4)
            3 s     rollback_started phase 2 -> phase 1 by manual
            4 s     rollback_completed phase 2 -> phase 1 in 1 s
            4 s     split 25 % (epoch 5)
            4 s     rollout_resumed by ann
            5 s     split 5 % (epoch 6)
            5 s     rollback_started phase 1 -> phase 0 by manual
            6 s     rollback_completed phase 1 -> phase 0 in 1 s
            6 s     split 5 % (epoch 7)
            6 s     rollout_resumed by ann
            7 s     split 0 % (epoch 8)
            7 s     rollback_started phase 0 -> stable by manual
            8 s     rollback_completed phase 0 -> stable in 1 s
        "#]],
    );
}

#[test]
fn a_rollback_to_a_phase_goes_right_there() {
    check(
        "plan 5/60s 25/60s 50/60s 100/60s\nlook\nadvance\nadvance\nlook\nrollback 0\nlook\nshow",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 25 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 60 s left of this phase | no canary request in this phase yet: nothing can be judged
            1 s     split 50 % (epoch 3)
            1 s     phase_advanced phase 1 -> phase 2 by ann, over: 60 s left of this phase | no canary request in this phase yet: nothing can be judged
            2 s     split 5 % (epoch 4)
            2 s     rollback_started phase 2 -> phase 0 by manual
            3 s     rollback_completed phase 2 -> phase 0 in 1 s
            rolled_back at phase 0, 5 %, attempt 4, inconclusive, clock stands at 0 s
              person since 3 s, no eta: rolled back to a lower phase: resume, advance, abort or start anew
        "#]],
    );
}

#[test]
fn abort_takes_the_canary_off_from_wherever_it_is() {
    let mut told = String::new();
    for (status, way) in WAYS {
        let before = script::tell(way);
        let after = script::tell(&format!("{way}\nabort\nshow"));
        told += &format!("{status}\n{}", after.strip_prefix(&before).unwrap());
    }
    expect![[r#"
        pending
        0 s     split 0 % (epoch 2)
        0 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 1, inconclusive, clock stands at 0 s
        running
        1 s     split 0 % (epoch 2)
        1 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 1, inconclusive, clock stands at 0 s
        paused
        1 s     split 0 % (epoch 2)
        1 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 1, inconclusive, clock stands at 0 s
        rolling_back
        1 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        rolled_back to stable
        2 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        rolled_back to a phase
        3 s     split 0 % (epoch 4)
        3 s     rollout_aborted by ann
        aborted at stable, 0 %, attempt 3, inconclusive, clock stands at 0 s
        rolled_back, replaced
        abort: refused: abort is not possible while the rollout is rolled_back: a newer rollout took its place
        rolled_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        completed
        abort: refused: abort is not possible while the rollout is completed: a rollback to stable or a new start are possible
        completed at phase 1, 100 %, attempt 3, inconclusive, clock stands at 1 s
        aborted
        abort: refused: abort is not possible while the rollout is aborted: a new start is possible
        aborted at stable, 0 %, attempt 1, inconclusive, clock stands at 0 s
    "#]].assert_eq(&told);
}

#[test]
fn after_completion_a_person_may_still_go_back_to_the_old_version() {
    check(
        "plan 100/60s
         look
         advance
         show
         rollback
         look
         show
         resume
         look
         show",
        expect![[r#"
            0 s     split 100 % (epoch 1)
            0 s     rollout_started
            1 s     current version: canary
            1 s     rollout_completed
            completed at phase 0, 100 %, attempt 2, inconclusive, clock stands at 0 s
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            1 s     current version: stable
            2 s     rollback_completed phase 0 -> stable in 1 s
            rolled_back at stable, 0 %, attempt 3, inconclusive, clock stands at 0 s
            2 s     split 100 % (epoch 3)
            2 s     rollout_resumed by ann
            running at phase 0, 100 %, attempt 4, inconclusive, clock runs at 1 s
              duration since 2 s, eta 59 s: 59 s left of this phase
        "#]],
    );
}

#[test]
fn epochs_grow_on_over_a_second_rollout_of_the_service() {
    check(
        "plan 5/60s 100/60s
         look
         advance
         abort
         plan 10/60s 100/60s
         look late=40/40 canary=100
         show
         advance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 100 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 60 s left of this phase | no canary request in this phase yet: nothing can be judged
            1 s     split 0 % (epoch 3)
            1 s     rollout_aborted by ann
            1 s     split 10 % (epoch 4)
            1 s     rollout_started
            running at phase 0, 10 %, attempt 1, inconclusive, clock runs at 0 s
              duration since 2 s, eta 60 s: 60 s left of this phase
            2 s     split 100 % (epoch 5)
            2 s     phase_advanced phase 0 -> phase 1 by ann, over: 60 s left of this phase | error rate at most 1 %: 0 % errors (0/100); about 263 more requests needed to show it
        "#]],
    );
}
