//! The one bucketing rule: what the SDK says of a key is what every other router says.

use fw_model::split::variant_of_key;
use fw_model::{Epoch, LogId, Plan, Salt, Split, Variant, Weight};
use fw_plane::follow::state;
use fw_sdk::Rollout;

/// A rollout that serves by a split of its own: nobody listens at its server's port.
fn serving(split: &Split) -> (tempfile::TempDir, Rollout) {
    let dir = tempfile::tempdir().unwrap();
    state::save(&state::file(dir.path(), &split.key), split).unwrap();
    let rollout = Rollout::builder("http://127.0.0.1:9", split.key.service.as_str());
    let rollout = rollout.state_dir(dir.path()).connect().unwrap();
    assert!(rollout.wait_for_split(std::time::Duration::ZERO));
    (dir, rollout)
}

fn split(bits: u128, units: u32) -> Split {
    let plan = Plan::seed("shop".parse().unwrap());
    let mut split = Split::resting(&plan, LogId("log".into()), Epoch(3), Salt::from_bits(bits));
    split.canary = Weight::new(units).unwrap();
    split
}

#[test]
fn a_hundred_thousand_keys_get_what_the_shared_rule_says_at_every_share() {
    let mut before = vec![false; 100_000];
    for units in [100, 1_000, 5_000, 25_000, 50_000, 100_000] {
        let split = split(0xfeed, units);
        let (_dir, rollout) = serving(&split);
        let mut chosen = 0_u32;
        for (i, before) in before.iter_mut().enumerate() {
            let key = format!("user-{i}@example.com");
            let canary = variant_of_key(&split.salt, key.as_bytes(), split.canary) == Variant::Canary;
            assert_eq!(rollout.should_serve_for(&key), canary, "{key} at {units}");
            assert!(canary || !*before, "{key} was in at a smaller share and is out at {units}");
            (*before, chosen) = (canary, chosen + u32::from(canary));
        }
        let (n, p) = (100_000.0, f64::from(units) / 100_000.0);
        let error = (f64::from(chosen) - n * p).abs();
        assert!(error <= 4.0 * (n * p * (1.0 - p)).sqrt(), "{chosen} at {units}");
    }
}

#[test]
fn assignments_agree_with_the_question_and_a_blank_key_is_none() {
    let (_dir, rollout) = serving(&split(3, 30_000));
    for i in 0..1000 {
        let key = format!(" user-{i}\t");
        let assignment = rollout.assign(&key);
        assert_eq!(assignment.is_canary(), rollout.should_serve_for(key.trim()));
        assert_eq!((assignment.epoch(), assignment.percentage()), (3, 30.0));
        assignment.record(true, std::time::Duration::ZERO);
    }
    let chosen = (0..20_000).filter(|_| rollout.should_serve_for("  ")).count();
    let at_random = (0..20_000).filter(|_| rollout.should_serve()).count();
    for chosen in [chosen, at_random] {
        // 30 % of 20 000, within 6 standard errors.
        assert!((5_611..=6_389).contains(&chosen), "{chosen}");
    }
}

#[test]
fn names_and_addresses_that_make_no_sense_are_refused_with_a_reason() {
    let why = |url: &str, name: &str| Rollout::connect(url, name).unwrap_err().to_string();
    assert!(why("http://127.0.0.1:9", "a b").contains("\"a b\""));
    assert!(why("127.0.0.1:9", "shop").contains("http://"));
    assert!(why("h2c://127.0.0.1:9", "shop").contains("http:// or https://"));
    let token = Rollout::builder("http://127.0.0.1:9", "shop").token("a\nb").connect();
    assert!(token.unwrap_err().to_string().contains("token"));
}

#[test]
fn one_rollout_is_the_processs_own() {
    assert!(fw_sdk::get().is_none());
    let (_dir, rollout) = serving(&split(5, 100_000));
    let own = fw_sdk::install(rollout.clone()).unwrap();
    assert!(own.should_serve() && fw_sdk::get().is_some());
    assert!(fw_sdk::install(rollout).is_err());
}
