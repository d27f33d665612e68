//! Of φ as a whole: what raises it and what does not, that a block can't see itself, sizes and round trips.

use proptest::prelude::*;

use super::*;
use crate::discount::PHI_MAX;
use crate::groups::{GROUPS_MAX, Group};
use crate::numbers::{listed, unlisted};
use crate::relative::{Margin, Pair};
use crate::test::Side;

const MARGIN: Margin = Margin { ratio: 1.1, delta: 0.0001 };
const ASK: Ask = Ask { side: Side::Harm, margin: MARGIN, safe: None, tau_seconds: 900.0 };

/// A fixed sequence of numbers in [0, 1).
fn draws() -> impl FnMut() -> f64 {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn groups(counts: impl IntoIterator<Item = (f64, f64)>) -> Groups {
    let mut groups = Groups::default();
    counts.into_iter().enumerate().for_each(|(slot, (n, s))| groups.add(slot, Group::failures(n, s)));
    groups
}

/// φ after ten minutes of `sources` groups of 25 requests a second, with this failure rate of a group at a second.
fn learnt(sources: usize, rate: impl Fn(usize, u32) -> f64) -> Phi {
    watched(sources, rate).phi()
}

fn watched(sources: usize, rate: impl Fn(usize, u32) -> f64) -> Clustering {
    let (mut clustering, mut draw) = (Clustering::default(), draws());
    for second in 0..600 {
        let look = groups((0..sources).map(|slot| {
            let failures = (0..25).filter(|_| draw() < rate(slot, second)).count();
            (25.0, failures as f64)
        }));
        clustering.observe(&ASK, &look, 0.002, 1.0);
    }
    clustering
}

#[test]
fn independent_failures_pay_nothing() {
    let phi = learnt(19, |_, _| 0.002);
    assert!(phi.value < 1.2, "{phi:?}");
    let shared_trend = learnt(19, |_, second| if second / 60 % 2 == 0 { 0.05 } else { 0.001 });
    assert!(shared_trend.value < 1.5, "incidents that all sources share are no clusters: {shared_trend:?}");
}

#[test]
fn bursts_of_single_sources_raise_both_parts() {
    let burst = |slot: usize, second: u32| second / 20 % 10 == 3 && second as usize / 200 == slot;
    let phi = learnt(19, |slot, second| if burst(slot, second) { 0.4 } else { 0.001 });
    assert!(phi.variance > 10.0 && phi.window_seconds >= 8.0, "{phi:?}");
    assert!(phi.placebo > 3.0, "{phi:?}");
    assert_eq!(phi.accused.map(|accused| accused.slot < 3), Some(true), "{phi:?}");
}

#[test]
fn a_careful_phi_adds_nothing_to_independence_and_most_where_clusters_are_few() {
    let independent = watched(19, |_, _| 0.002);
    assert!(independent.phi_careful().value < 1.2, "{:?}", independent.phi_careful());
    // The same burst lengths, ten times as often: about as clustered, and better known.
    let bursts = |every: u32| {
        let burst = move |slot: usize, second: u32| {
            second / 20 % every == 3 && second as usize / 200 % 19 == slot % 3
        };
        let seen = watched(19, move |slot, second| if burst(slot, second) { 0.4 } else { 0.0 });
        seen.phi_careful().variance / seen.phi().variance
    };
    let (few, many) = (bursts(30), bursts(4));
    assert!(few > many && many > 1.02 && few < 2.5, "{few} {many}");
}

#[test]
fn clusters_longer_than_the_windows_are_led_on_to() {
    // Each source fails for two minutes of twenty, which no window of a minute sees whole.
    let seen = watched(19, |slot, second| if (second as usize / 120) % 19 == slot { 0.2 } else { 0.0 });
    let (known, careful) = (seen.phi(), seen.phi_careful());
    assert!(careful.variance > 1.3 * known.variance, "{known:?} {careful:?}");
}

#[test]
fn with_few_groups_shared_incidents_count() {
    let phi = learnt(3, |_, second| if second / 60 % 2 == 0 { 0.05 } else { 0.001 });
    assert!(phi.variance > 3.0 && phi.placebo == 1.0 && phi.accused.is_none(), "{phi:?}");
}

/// Ten minutes of history and twelve of rollout: 19 stable sources and one canary, 25 requests a second each, a burst of
/// 20 to 50 % errors for 5 to 20 seconds in each of them every ten minutes. Second at which evidence reaches 100, at face
/// value and discounted; `u32::MAX` for never.
fn burst_world(seed: u64, canary_rate: f64) -> [u32; 2] {
    let mut draw = draws();
    for _ in 0..seed * 1000 {
        draw();
    }
    let mut clustering = Clustering::default();
    let (mut plain, mut test) = (Comparison::default(), Comparison::default());
    let mut bursts = [(0.0, 0.0); 20];
    let mut found = [u32::MAX; 2];
    for second in 0..600 + 720_u32 {
        let mut counts = bursts.iter_mut().enumerate().map(|(source, (left, rate))| {
            *left -= 1.0;
            if *left <= 0.0 && draw() < 1.0 / 600.0 {
                (*left, *rate) = (5.0 + 15.0 * draw(), 0.2 + 0.3 * draw());
            }
            let usual = if source == 0 { canary_rate } else { 0.001 };
            let rate = if *left > 0.0 { *rate } else { usual };
            (25.0, (0..25).filter(|_| draw() < rate).count() as f64)
        });
        let (n_t, s_t) = counts.next().unwrap_or_default();
        let stable = groups(counts);
        let (n_c, s_c) = (stable.total().n, stable.total().s);
        if second < 600 {
            clustering.observe(&ASK, &stable, 0.001, 1.0);
            continue;
        }
        let look =
            Look { counts: Pair { n_t, s_t, n_c, s_c }, counted: s_t, seconds: 1.0, ..Look::default() };
        plain.take_in(&ASK, &look, 1.0);
        clustering.look(&mut test, &ASK, &look, &stable);
        for (found, test) in found.iter_mut().zip([&plain, &test]) {
            if test.log_harm() >= 100_f64.ln() {
                *found = (*found).min(second - 600);
            }
        }
    }
    found
}

#[test]
fn identical_versions_with_bursts_are_not_accused_and_a_regression_is() {
    let same: Vec<_> = (1..=12).map(|seed| burst_world(seed, 0.001)).collect();
    let accused = |which: usize| same.iter().filter(|found| found[which] < u32::MAX).count();
    assert!(accused(0) >= 6 && accused(1) == 0, "{same:?}");
    let mut worse: Vec<_> = (1..=9).map(|seed| burst_world(seed, 0.2)[1]).collect();
    worse.sort_unstable();
    assert!((20..200).contains(&worse[4]), "{worse:?}");
}

#[test]
fn another_set_of_groups_begins_new_windows() {
    let mut clustering = Clustering::default();
    for second in 0..63 {
        clustering.observe(&ASK, &groups([(25.0, f64::from(second % 2)); 5]), 0.02, 1.0);
    }
    let before = clustering.dispersion.phi();
    let mut changed = clustering;
    changed.observe(&ASK, &groups([(25.0, 0.0); 6]), 0.02, 1.0);
    assert_eq!(before, changed.dispersion.phi());
    clustering.observe(
        &ASK,
        &groups([(25.0, 25.0), (25.0, 0.0), (25.0, 0.0), (25.0, 0.0), (25.0, 0.0)]),
        0.02,
        1.0,
    );
    assert_ne!(before, clustering.dispersion.phi());
}

#[test]
fn a_look_of_several_seconds_teaches_no_shorter_scale_and_a_late_one_is_no_longer_one() {
    let learnt = |seconds: f64| {
        let mut clustering = Clustering::default();
        for look in 0..300 {
            let failures = |slot| if slot == look % 7 { 6.0 } else { 0.0 };
            clustering.observe(&ASK, &groups((0..7).map(|slot| (25.0, failures(slot)))), 0.03, seconds);
        }
        clustering.phi()
    };
    let (exact, late, long, longest) = (learnt(1.0), learnt(1.2), learnt(5.0), learnt(500.0));
    assert_eq!((exact.window_seconds, late.window_seconds), (1.0, 1.0));
    assert!((exact.variance - late.variance).abs() < 0.1, "{exact:?} {late:?}");
    assert_eq!((long.window_seconds, longest.window_seconds), (8.0, 64.0));
}

#[test]
fn the_states_are_small_and_constant() {
    assert!(size_of::<Clustering>() < 5000, "{}", size_of::<Clustering>());
    assert!(size_of::<Dispersion>() < 4096, "{}", size_of::<Dispersion>());
    assert!(size_of::<Placebo>() < 1024, "{}", size_of::<Placebo>());
}

/// A look of any soundness.
fn any_look() -> impl Strategy<Value = (Vec<[f64; 4]>, f64, f64)> {
    let sound = (0_u64..1 << 53, 0.0_f64..=1.0).prop_map(|(n, x)| {
        let s = (n as f64 * x).floor();
        [n as f64, s, s, s]
    });
    let small = (0_u32..60, 0.0_f64..=0.2).prop_map(|(n, x)| {
        let s = (f64::from(n) * x).floor();
        [f64::from(n), s, s, s]
    });
    let group = prop_oneof![4 => small, 2 => sound, 1 => any::<[f64; 4]>()];
    let seconds = prop_oneof![6 => Just(1.0), 2 => 0.0_f64..100.0, 1 => any::<f64>()];
    (prop::collection::vec(group, 0..GROUPS_MAX + 4), seconds, any::<f64>())
}

fn gathered(look: &[[f64; 4]]) -> Groups {
    let mut groups = Groups::default();
    for (slot, [n, s, s2, accused]) in look.iter().enumerate() {
        groups.add(slot, Group { n: *n, s: *s, s2: *s2, accused: *accused });
    }
    groups
}

proptest! {
    #[test]
    fn whatever_is_fed_phi_is_a_discount_and_the_state_comes_back(looks in prop::collection::vec(any_look(), 0..80)) {
        let mut clustering = Clustering::default();
        for (look, seconds, base) in looks {
            clustering.observe(&ASK, &gathered(&look), base, seconds);
            let phi = clustering.phi();
            let sound = [phi.value, phi.variance, phi.placebo].iter().all(|phi| (1.0..=PHI_MAX).contains(phi));
            prop_assert!(sound, "{:?}", phi);
        }
        prop_assert_eq!(unlisted(&listed(&clustering)), Some(clustering));
    }

    #[test]
    fn damaged_numbers_give_a_state_that_works(numbers in prop::collection::vec(any::<f64>(), 700)) {
        let mut at = 0;
        let mut clustering = Clustering::take(&mut || {
            at += 1;
            numbers[at % numbers.len()]
        });
        clustering.observe(&ASK, &groups([(25.0, 1.0); 5]), 0.02, 1.0);
        prop_assert!((1.0..=PHI_MAX).contains(&clustering.phi().value));
    }
}
