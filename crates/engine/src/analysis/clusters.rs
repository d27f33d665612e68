//! Failures that come in clusters: how much evidence is discounted for them, and which of the canary's failures count.
//!
//! Evidence of a test is divided by φ, how clustered stable's own failures are between its instances in the same
//! seconds, as it was known when the block opened. Of the canary's failures those that repeat a key's last one, and
//! those of one instance alone, count no more than a few. Both only lower evidence, so the promise stays as it is.
//! Questions of health and what people are shown take all failures.

use fw_model::plan::OnConcentrated;
use fw_model::{Batches, Counts, Histogram, Plan, Variant};
use fw_stats::balance::Balance;
use fw_stats::batch::{self, Countable};
use fw_stats::clustering::{Clustering, Phi};
use fw_stats::dispersion::{BETWEEN_GROUPS_MIN, Dispersion};
use fw_stats::groups::{GROUPS_MAX, Group, Groups, Slots};
use fw_stats::numbers::{Numbers, listed, unlisted};
use fw_stats::raw::Raw;
use fw_stats::runs;

use super::past::{Edge, above};
use super::tests::discounts;
use super::{tests, words};
use crate::rollout::Delta;

/// Longest name of an instance that is kept, bytes.
const NAME_BYTES_MAX: usize = 128;
/// Share of the uncounted failures from which on one instance is named for them.
const NAMED_SHARE: f64 = 0.5;

/// A source of stable that reports nothing for this long while others do is gone, seconds.
const GONE_SECONDS: f64 = 600.0;

/// Canary requests before which it can't be told that there are few keys.
const FEW_KEYS_FROM: f64 = 30.0;

/// What is remembered of sources.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Clusters {
    stable: Slots,
    canary: Slots,
    /// Names of the sources by slot: stable's, the canary's.
    names: [Vec<String>; 2],
    /// Time since each source of stable reported, by slot, seconds.
    silent: [f64; GROUPS_MAX],
    /// Time and requests of stable that were learnt from, seconds.
    pub(crate) watched: (f64, f64),
    pub(crate) errors: Clustering,
    /// Of batches of requests, bad when one of them failed.
    pub(crate) batches: Clustering,
    pub(crate) client_errors: Clustering,
    pub(crate) apdex: Clustering,
    pub(crate) mean: Dispersion,
    pub(crate) latency: [Clustering; tests::QUANTILES.len()],
    balance: Balance,
    countable: Countable,
    /// Evidence as if all failures counted: errors and bad batches against stable, errors against the limit.
    pub(crate) errors_raw: Raw,
    pub(crate) batches_raw: Raw,
    pub(crate) limit_raw: Raw,
    /// Distinct canary keys, and requests, so far.
    keys: f64,
    requests: f64,
    /// The canary's failures of this attempt, by slot, and those of them that count.
    failures: [f64; GROUPS_MAX],
    counting: [f64; GROUPS_MAX],
    /// Failures of this visit to the phase that don't count.
    pub(crate) held_back: f64,
    /// Largest φ of errors, times and satisfaction that was known before a look of this visit.
    largest: [f64; 3],
}

/// The sources of one look.
pub(crate) struct Sources<'a> {
    /// Stable's, with their slots.
    stable: Vec<(usize, &'a Counts)>,
    /// Stable's slots that reported nothing this time.
    silent: Vec<usize>,
    /// Stable's errors.
    pub(crate) errors: Groups,
    /// Failures of the canary that count as evidence of harm, and those that don't.
    pub(crate) counted: f64,
    pub(crate) held_back: f64,
    /// Bad batches of the canary that count.
    pub(crate) bad_batches: f64,
}

/// Failures of a batch up to which it is a good one: the data planes count so.
pub(super) const BAD_ABOVE: u32 = 0;

impl Clusters {
    /// Sorts a look's deltas by source and finds out which of the canary's failures count.
    pub(crate) fn sources<'a>(
        &mut self,
        plan: &Plan,
        deltas: &[&'a Delta],
        seconds: f64,
        phase_began: bool,
    ) -> Sources<'a> {
        let known = [self.errors.phi_careful().value, self.mean.phi_careful(), self.phi_of_apdex().value];
        self.largest.iter_mut().zip(known).for_each(|(largest, phi)| *largest = largest.max(phi));
        let mut stable = vec![];
        let mut canary = Groups::default();
        self.keys += of(deltas, Variant::Canary).map(|delta| delta.counts.units as f64).sum::<f64>();
        let requests = of(deltas, Variant::Canary).map(|delta| delta.counts.requests as f64);
        self.requests += requests.sum::<f64>();
        let keys = if self.requests < FEW_KEYS_FROM { runs::KEYS_MIN } else { self.keys as u64 };
        for delta in of(deltas, Variant::Stable) {
            let slot = self.stable.slot(&delta.instance);
            name(&mut self.names[0], slot, &delta.instance);
            self.watched.1 += delta.counts.requests as f64;
            stable.push((slot, &delta.counts));
        }
        if !stable.is_empty() {
            self.watched.0 += seconds;
            self.part(&stable, seconds);
        }
        let mut bad = [0.0; GROUPS_MAX];
        for delta in of(deltas, Variant::Canary) {
            let slot = self.canary.slot(&delta.instance);
            name(&mut self.names[1], slot, &delta.instance);
            bad[slot] += batches(&delta.counts).s;
            let Counts { requests, errors, repeat_errors, .. } = delta.counts;
            let errors = errors.min(requests);
            let counting = runs::counted(errors, repeat_errors, keys);
            canary.add(slot, Group::failures(requests as f64, counting as f64));
            self.failures[slot] += errors as f64;
        }
        self.canary.taken().for_each(|slot| canary.add(slot, Group::default()));
        let counted = self.balance.look(&canary, seconds, phase_began);
        self.counting.iter_mut().zip(counted.by_slot).for_each(|(sum, counted)| *sum += counted);
        let all: f64 =
            of(deltas, Variant::Canary).map(|d| d.counts.errors.min(d.counts.requests) as f64).sum();
        let counts_all = !discounts(plan) || plan.analysis.on_concentrated == OnConcentrated::Rollback;
        let mut bad_batches = bad.iter().sum();
        if !counts_all {
            let look = |(slot, bad): (usize, &f64)| {
                self.countable.look(slot, *bad, counted.by_slot[slot], BAD_ABOVE)
            };
            bad_batches = bad.iter().enumerate().map(look).sum();
        }
        let counted = if counts_all { all } else { counted.total() };
        let held_back = (all - counted).max(0.0);
        self.held_back += held_back;
        let silent =
            self.stable.taken().filter(|slot| stable.iter().all(|(known, _)| known != slot)).collect();
        let errors = Groups::default();
        let mut sources = Sources { stable, silent, errors, counted, held_back, bad_batches };
        sources.errors = sources.groups(|counts| {
            Group::failures(counts.requests as f64, counts.errors.min(counts.requests) as f64)
        });
        sources
    }

    /// Parts with stable's sources that are gone.
    fn part(&mut self, reported: &[(usize, &Counts)], seconds: f64) {
        for (slot, silent) in self.silent.iter_mut().enumerate() {
            let reports = reported.iter().any(|(known, _)| *known == slot);
            *silent = if reports { 0.0 } else { *silent + seconds };
            if *silent > GONE_SECONDS {
                *silent = 0.0;
                self.stable.release(slot);
                self.names[0].get_mut(slot).map(String::clear).unwrap_or_default();
            }
        }
    }

    /// φ of errors.
    pub(crate) fn phi(&self) -> Phi {
        self.errors.phi_careful()
    }

    /// φ of dissatisfaction: a failure is one, so it is discounted no less.
    pub(crate) fn phi_of_apdex(&self) -> Phi {
        let (own, errors) = (self.apdex.phi_careful(), self.errors.phi_careful());
        if errors.value > own.value { errors } else { own }
    }

    /// Instances of the canary that reported requests, at most [`GROUPS_MAX`].
    pub(crate) fn sources_of_canary(&self) -> usize {
        self.canary.taken().count()
    }

    /// Whether some of the canary's failures of this attempt don't count.
    pub(crate) fn holds_back(&self) -> bool {
        self.failures.iter().sum::<f64>() > self.counting.iter().sum::<f64>()
    }

    /// Where the failures come from that don't count.
    pub(crate) fn words(&self) -> String {
        let (all, counting) = (self.failures.iter().sum::<f64>(), self.counting.iter().sum::<f64>());
        let sources = self.canary.taken().count();
        let worst =
            (0..GROUPS_MAX).max_by(|a, b| self.failures[*a].total_cmp(&self.failures[*b])).unwrap_or(0);
        let share = self.failures[worst] / all.max(1.0);
        let counted = format!(
            "{} failures counted as {}: a sick node or user can't be told from a sick version, so a person decides",
            words::count(all as u64),
            words::count(counting as u64),
        );
        if sources > 1 && share >= NAMED_SHARE {
            let name = self.names[1].get(worst).map_or("", String::as_str);
            let share = words::percent(100.0 * share);
            format!("{share} of the canary's failures come from instance {name} (of {sources}); {counted}")
        } else {
            format!("the canary's failures come from few keys; {counted}")
        }
    }

    /// What the health score of this visit is discounted by: errors, times, satisfaction.
    ///
    /// The score takes a visit's requests together, so no single block's φ will do. The largest so far never says more
    /// than the one the visit began with, where evidence speaks against the canary.
    pub(crate) fn of_health(&self, plan: &Plan) -> [f64; 3] {
        if discounts(plan) { self.largest.map(|phi| phi.max(1.0)) } else { [1.0; 3] }
    }

    /// A new visit to a phase counts anew.
    pub(crate) fn enter_phase(&mut self) {
        self.held_back = 0.0;
        self.largest = [1.0; 3];
    }

    /// A new attempt shows harm anew.
    pub(crate) fn enter_attempt(&mut self) {
        (self.errors_raw, self.batches_raw, self.limit_raw) = Default::default();
        self.balance = Balance::default();
        (self.failures, self.counting) = ([0.0; GROUPS_MAX], [0.0; GROUPS_MAX]);
    }

    /// φ of mean response times, which have no placebo.
    pub(crate) fn phi_of_mean(&self) -> Phi {
        let (value, window_seconds) = (self.mean.phi_careful(), self.mean.phi().1);
        Phi { value, variance: value, window_seconds, placebo: 1.0, accused: None }
    }

    /// Why evidence is discounted, in words.
    pub(crate) fn discount(&self, phi: Phi) -> String {
        let by = format!("discounted {:.1}x", phi.value);
        if let Some(accused) = phi.accused.filter(|_| phi.placebo > phi.variance) {
            let name = self.names[0].get(accused.slot).map_or("", String::as_str);
            let (odds, ago) = (words::ratio(accused.log), words::time(accused.since_seconds));
            return format!(
                "{by}: stable's instance {name} alone would have been accused by {odds} {ago} ago"
            );
        }
        let (instances, watched) = (self.stable.taken().count(), words::time(self.watched.0));
        let few =
            if instances < BETWEEN_GROUPS_MIN { "; with so few, incidents they share count too" } else { "" };
        let what = if instances == 1 { "1 instance".to_owned() } else { format!("{instances} instances") };
        format!(
            "{by}: stable's own failures come in clusters, as seen over {:.0} s windows, {what}, {watched}{few}",
            phi.window_seconds,
        )
    }

    /// What was learnt of stable, and nothing of a canary.
    pub(crate) fn begun_anew(&self) -> Clusters {
        Clusters {
            canary: Slots::default(),
            names: [self.names[0].clone(), vec![]],
            balance: Balance::default(),
            countable: Countable::default(),
            errors_raw: Raw::default(),
            batches_raw: Raw::default(),
            limit_raw: Raw::default(),
            keys: 0.0,
            requests: 0.0,
            failures: [0.0; GROUPS_MAX],
            counting: [0.0; GROUPS_MAX],
            held_back: 0.0,
            largest: [1.0; 3],
            ..self.clone()
        }
    }

    /// As lists of numbers, by name.
    pub(crate) fn parts(&self) -> Vec<(String, Vec<f64>)> {
        let [stable, canary] = self.names.each_ref().map(|names| {
            names
                .iter()
                .flat_map(|name| std::iter::once(name.len() as f64).chain(name.bytes().map(f64::from)))
                .collect()
        });
        let mut parts = vec![
            ("sources".to_owned(), listed(self)),
            ("stableNames".to_owned(), stable),
            ("canaryNames".to_owned(), canary),
            ("clustersOf errors".to_owned(), listed(&self.errors)),
            ("clustersOf batches".to_owned(), listed(&self.batches)),
            ("clustersOf clientErrors".to_owned(), listed(&self.client_errors)),
            ("clustersOf apdex".to_owned(), listed(&self.apdex)),
            ("clustersOf mean".to_owned(), listed(&self.mean)),
        ];
        let latency = self.latency.iter().zip(tests::QUANTILES);
        parts.extend(latency.map(|(state, (_, name))| (format!("clustersOf {name}"), listed(state))));
        parts
    }

    /// Of its lists; none where one is missing or not as this version keeps it.
    pub(crate) fn from_parts(mut part: impl FnMut(&str) -> Option<Vec<f64>>) -> Option<Clusters> {
        let mut clusters: Clusters = unlisted(&part("sources")?)?;
        clusters.names = [names(&part("stableNames")?)?, names(&part("canaryNames")?)?];
        clusters.errors = unlisted(&part("clustersOf errors")?)?;
        clusters.batches = unlisted(&part("clustersOf batches")?)?;
        clusters.client_errors = unlisted(&part("clustersOf clientErrors")?)?;
        clusters.apdex = unlisted(&part("clustersOf apdex")?)?;
        clusters.mean = unlisted(&part("clustersOf mean")?)?;
        for (state, (_, name)) in clusters.latency.iter_mut().zip(tests::QUANTILES) {
            *state = unlisted(&part(&format!("clustersOf {name}"))?)?;
        }
        Some(clusters)
    }
}

/// Keeps the first name that a slot is known by.
fn name(names: &mut Vec<String>, slot: usize, name: &str) {
    if names.len() <= slot {
        names.resize(slot + 1, String::new());
    }
    if names[slot].is_empty() {
        let end = (0..=name.len().min(NAME_BYTES_MAX)).rev().find(|&end| name.is_char_boundary(end));
        names[slot] = name[..end.unwrap_or(0)].to_owned();
    }
}

fn names(numbers: &[f64]) -> Option<Vec<String>> {
    let (mut names, mut rest) = (vec![], numbers);
    while let Some((length, after)) = rest.split_first() {
        let length = *length as usize;
        if length > NAME_BYTES_MAX || names.len() >= GROUPS_MAX {
            return None;
        }
        let bytes = after.get(..length)?.iter().map(|byte| *byte as u8).collect();
        names.push(String::from_utf8(bytes).ok()?);
        rest = &after[length..];
    }
    Some(names)
}

/// Batches of a source and bad ones among them; none where it cuts them otherwise.
pub(super) fn batches(counts: &Counts) -> Group {
    let Batches { size, total, bad } = counts.batches;
    if size == u64::from(batch::SIZE) {
        Group::failures(total as f64, bad.min(total) as f64)
    } else {
        Group::default()
    }
}

/// Deltas of a variant that tell of requests: those of custom metrics come without.
fn of<'a, 'b>(deltas: &'b [&'a Delta], variant: Variant) -> impl Iterator<Item = &'a Delta> + 'b {
    let tells = |delta: &Delta| delta.counts.requests > 0 || !delta.instance.is_empty();
    deltas.iter().copied().filter(move |delta| delta.variant == variant && tells(delta))
}

impl Sources<'_> {
    fn groups(&self, of: impl Fn(&Counts) -> Group) -> Groups {
        let mut groups = Groups::default();
        self.silent.iter().for_each(|slot| groups.add(*slot, Group::default()));
        self.stable.iter().for_each(|(slot, counts)| groups.add(*slot, of(counts)));
        groups
    }

    /// Stable's batches.
    pub(crate) fn batches(&self) -> Groups {
        self.groups(batches)
    }

    /// Stable's 4xx answers.
    pub(crate) fn client_errors(&self) -> Groups {
        self.groups(|counts| {
            let n = counts.requests;
            Group::failures(n as f64, counts.client_errors.min(n) as f64)
        })
    }

    /// Stable's dissatisfaction: 1 − Apdex, summed over requests.
    pub(crate) fn dissatisfied(&self) -> Groups {
        self.groups(|counts| {
            let n = counts.requests as f64;
            Group::failures(n, (n * (1.0 - counts.apdex_score().unwrap_or(1.0))).clamp(0.0, n))
        })
    }

    /// Stable's response times as shares of a cap.
    pub(crate) fn times(&self, cap_ms: f64) -> Groups {
        self.groups(|counts| Group::values(super::feed::capped(&counts.duration.histogram, cap_ms)))
    }

    /// Stable's response times above an edge.
    pub(crate) fn slow(&self, edge: Edge) -> Groups {
        self.groups(|counts| {
            let times: &Histogram = &counts.duration.histogram;
            let late = above(times, edge.stable);
            Group::exceedances(times.total() as f64, late, above(times, edge.canary).min(late))
        })
    }
}

impl Numbers for Clusters {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.stable.give(put);
        self.canary.give(put);
        self.balance.give(put);
        self.countable.give(put);
        self.errors_raw.give(put);
        self.batches_raw.give(put);
        self.limit_raw.give(put);
        put(self.watched.0);
        put(self.watched.1);
        self.silent.iter().for_each(|seconds| put(*seconds));
        put(self.keys);
        put(self.requests);
        put(self.held_back);
        self.largest.iter().for_each(|phi| put(*phi));
        self.failures.iter().chain(&self.counting).for_each(|sum| put(*sum));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Clusters {
            stable: Slots::take(next),
            canary: Slots::take(next),
            balance: Balance::take(next),
            countable: Countable::take(next),
            errors_raw: Raw::take(next),
            batches_raw: Raw::take(next),
            limit_raw: Raw::take(next),
            watched: (next(), next()),
            silent: std::array::from_fn(|_| next()),
            keys: next(),
            requests: next(),
            held_back: next(),
            largest: std::array::from_fn(|_| next()),
            failures: std::array::from_fn(|_| next()),
            counting: std::array::from_fn(|_| next()),
            ..Clusters::default()
        }
    }
}
