//! The run rule: of consecutive failures of one key, the first counts.
//!
//! A client that retries, or a user for whom nothing ever works, is one failure and not a hundred. A canary failure
//! counts if the same key's previous canary request succeeded, or it had none. The data plane decides that as requests
//! end (one bit for each of 4096 cells of key hashes: set by a failure, cleared by a success; a shared cell only lowers
//! or restores a count) and reports the failures that don't count as repeats; here is what becomes of them.
//!
//! What the caller feeds: errors and repeats of one canary source in one look, and the distinct canary keys seen so
//! far. Not counted failures are *successes* to a harm test (`test::Look::counted`), which is valid on every path; to
//! the tests of health, to stable, and to people they are failures. Flaky keys (every other request fails) are not
//! merged.

/// Distinct keys below which every failure counts: a smoke test with one client must still be able to roll back.
pub const KEYS_MIN: u64 = 10;

/// Failures that count among `errors` of a look, of which `repeats` follow a failure of the same key.
///
/// `keys`: distinct canary keys seen so far, in all of the rollout. 0..=`errors`.
pub fn counted(errors: u64, repeats: u64, keys: u64) -> u64 {
    if keys < KEYS_MIN { errors } else { errors.saturating_sub(repeats) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_failures_of_one_key_count_once_where_there_are_many_keys() {
        assert_eq!(counted(100, 99, 10), 1);
        assert_eq!(counted(100, 99, 9), 100);
        assert_eq!(counted(3, 5, 1000), 0);
    }

    proptest! {
        #[test]
        fn counting_only_lowers(errors: u64, repeats: u64, keys: u64) {
            prop_assert!(counted(errors, repeats, keys) <= errors);
        }
    }
}
