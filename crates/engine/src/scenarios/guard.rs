//! A handful of unlucky first requests decides nothing; a canary that only fails is out at the tenth.

use expect_test::expect;

use super::check;

#[test]
fn three_errors_in_the_first_ten_requests_do_nothing() {
    check(
        "plan 5/60s 100/60s
         look
         look canary=10/3 stable=190
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 1 s
              duration since 1 s, eta 59 s: 59 s left of this phase
        "#]],
    );
}

#[test]
fn a_canary_that_only_fails_is_rolled_back_at_the_tenth_request() {
    check(
        "plan 5/60s 100/60s
         look
         look x9 canary=1/1 stable=19
         show
         look canary=1/1 stable=19
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 9 s
              duration since 1 s, eta 51 s: 51 s left of this phase
            11 s    split 0 % (epoch 2)
            11 s    rollback_started phase 0 -> stable by errorRate
              because canary 100 % errors (10/10) in this phase, limit 1 %: less than 1 in 10^15 if it were within the limit; stable 0 % errors (0/190)
              because canary 100 % errors (10/10) against stable 0 % errors (0/190) in the same seconds: 1 in 4 100 000 000 000 if it were no worse
              because health score 30.0 (between 30.0 and 49.0 at every look) over 10 requests, limit 70
        "#]],
    );
}

#[test]
fn the_first_ten_failing_at_once_are_enough() {
    check(
        "plan 5/60s 100/60s
         look
         look canary=10/10 stable=190",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}
