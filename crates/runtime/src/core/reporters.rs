//! Reporters of custom metrics: sums of a source, and single values.
//!
//! A reporter is no data plane: nothing waits for it, it confirms nothing, it never holds a phase. Kept of it is
//! what tells a repeat from news (for each series the newest `seq` and its sums) and what no look has
//! consumed yet. Both are durable before a report is answered, and consumed with the look that saw them, so
//! each value counts once, also over a crash.

use std::collections::{BTreeMap, BTreeSet};

use fw_model::{Counts, Epoch, MetricSums, ServiceKey, SourceId, Timestamp, Variant};
use fw_store::SourceRow;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::sources::SOURCE_FORMAT;

/// Before the name of a reporter in its source id; no data plane may be named so.
pub(super) const PREFIX: &str = "metrics:";
/// Most reporters of one service.
pub(super) const REPORTERS_MAX: usize = 256;
/// Most metrics of one service, over all reporters.
pub(super) const NAMES_MAX: usize = 64;
/// A reporter unheard of for this long is forgotten when no rollout is under way; the store keeps it as long.
pub(super) const FORGET_AFTER: std::time::Duration = std::time::Duration::from_secs(86_400);
/// Most epochs that are kept apart; the oldest are closed.
const EPOCHS_MAX: usize = 8;

/// What counts up in a source: one metric of one variant, over all epochs or of a named one.
type Series = (String, Variant, Option<Epoch>);

/// One reporter as last heard of.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) heard: Instant,
    /// Grows with every change: the store keeps the higher.
    revision: u64,
    /// Nothing of an older epoch is counted any more.
    floor: Epoch,
    /// The newest report of each series.
    series: BTreeMap<Series, (u64, MetricSums)>,
    /// What no look has consumed.
    pending: BTreeMap<(Epoch, Variant), BTreeMap<String, MetricSums>>,
}

/// What a report is about, the epoch resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) name: &'a str,
    pub(super) variant: Variant,
    /// Where it counts.
    pub(super) epoch: Epoch,
    /// Whether the reporter named that epoch.
    pub(super) named: bool,
}

/// Cumulative sums went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WentBack {
    /// Values reported before.
    pub(super) from: u64,
}

/// What is stored of a reporter.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ReporterRecord {
    floor: u64,
    series: Vec<SeriesRecord>,
    pending: Vec<PendingRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SeriesRecord {
    name: String,
    variant: Variant,
    epoch: Option<u64>,
    seq: u64,
    sums: (u64, f64, f64),
}

#[derive(Debug, Serialize, Deserialize)]
struct PendingRecord {
    name: String,
    variant: Variant,
    epoch: u64,
    sums: (u64, f64, f64),
}

/// The id of a reporter, by the name it gives itself; without one, the server's own, of single values.
pub(super) fn id_of(name: Option<&str>) -> SourceId {
    SourceId(format!("{PREFIX}{}", name.unwrap_or_default()))
}

impl Reporter {
    pub(super) fn new(now: Instant) -> Reporter {
        Reporter {
            heard: now,
            revision: 0,
            floor: Epoch(0),
            series: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Counts one value. False when its epoch is closed.
    pub(super) fn add_value(&mut self, about: About<'_>, value: f64) -> bool {
        self.add(about, MetricSums { count: 1, sum: value, sum_squares: value * value })
    }

    /// Counts what is new in the sums of a source. False for a repeated or older report, or a closed epoch.
    ///
    /// Without a named epoch the difference to the report before counts where it is heard.
    pub(super) fn add_sums(
        &mut self,
        about: About<'_>,
        seq: u64,
        sums: MetricSums,
    ) -> Result<bool, WentBack> {
        if about.epoch < self.floor {
            return Ok(false);
        }
        let key = (about.name.to_owned(), about.variant, about.named.then_some(about.epoch));
        let before = self.series.get(&key).copied();
        if before.is_some_and(|(newest, _)| seq <= newest) {
            return Ok(false);
        }
        let was = before.map_or(MetricSums::default(), |(_, sums)| sums);
        if sums.count < was.count {
            return Err(WentBack { from: was.count });
        }
        let fresh = MetricSums {
            count: sums.count - was.count,
            sum: sums.sum - was.sum,
            sum_squares: (sums.sum_squares - was.sum_squares).max(0.0),
        };
        self.series.insert(key, (seq, sums));
        if fresh.count > 0 {
            self.add(about, fresh);
        } else {
            self.revision += 1;
        }
        Ok(true)
    }

    fn add(&mut self, about: About<'_>, fresh: MetricSums) -> bool {
        if about.epoch < self.floor {
            return false;
        }
        let sums = self
            .pending
            .entry((about.epoch, about.variant))
            .or_default()
            .entry(about.name.to_owned())
            .or_default();
        sums.count = sums.count.saturating_add(fresh.count);
        sums.sum += fresh.sum;
        sums.sum_squares += fresh.sum_squares;
        self.revision += 1;
        let epochs: BTreeSet<Epoch> =
            self.pending.keys().map(|(epoch, _)| *epoch).chain(self.named_epochs()).collect();
        if let Some(oldest) = epochs.iter().rev().nth(EPOCHS_MAX - 1) {
            self.close(*oldest);
        }
        true
    }

    fn named_epochs(&self) -> impl Iterator<Item = Epoch> + '_ {
        self.series.keys().filter_map(|(_, _, epoch)| *epoch)
    }

    /// Closes all epochs before `first`: what they hold is forgotten, and nothing more is taken for them.
    pub(super) fn close(&mut self, first: Epoch) {
        if first <= self.floor {
            return;
        }
        self.floor = first;
        self.series.retain(|(_, _, epoch), _| epoch.is_none_or(|epoch| epoch >= first));
        self.pending.retain(|(epoch, _), _| *epoch >= first);
    }

    /// What no look has consumed, of epochs from `first`.
    pub(super) fn fresh(&self, first: Epoch) -> impl Iterator<Item = (Epoch, Variant, Counts)> + '_ {
        let pending = self.pending.iter().filter(move |((epoch, _), _)| *epoch >= first);
        pending.map(|((epoch, variant), metrics)| {
            (*epoch, *variant, Counts { metrics: metrics.clone(), ..Counts::default() })
        })
    }

    /// Whether a look has something to consume.
    pub(super) fn has_fresh(&self) -> bool {
        !self.pending.is_empty()
    }

    /// A look has seen it all.
    pub(super) fn consume(&mut self) {
        self.pending.clear();
        self.revision += 1;
    }

    /// The names of its metrics.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let pending = self.pending.values().flat_map(BTreeMap::keys);
        self.series.keys().map(|(name, _, _)| name).chain(pending).map(String::as_str)
    }

    pub(super) fn to_row(&self, id: &SourceId, key: &ServiceKey, at: Timestamp) -> SourceRow {
        let plain = |sums: &MetricSums| (sums.count, sums.sum, sums.sum_squares);
        let series = self.series.iter().map(|((name, variant, epoch), (seq, sums))| SeriesRecord {
            name: name.clone(),
            variant: *variant,
            epoch: epoch.map(|epoch| epoch.0),
            seq: *seq,
            sums: plain(sums),
        });
        let pending = self.pending.iter().flat_map(|((epoch, variant), metrics)| {
            metrics.iter().map(move |(name, sums)| PendingRecord {
                name: name.clone(),
                variant: *variant,
                epoch: epoch.0,
                sums: plain(sums),
            })
        });
        let record =
            ReporterRecord { floor: self.floor.0, series: series.collect(), pending: pending.collect() };
        SourceRow {
            key: key.clone(),
            source: id.clone(),
            seq: self.revision,
            at,
            format: SOURCE_FORMAT,
            // Serialising plain structs of finite numbers and strings can't fail.
            payload: serde_json::to_vec(&record).unwrap_or_default(),
        }
    }

    /// A reporter as it was stored.
    pub(super) fn from_row(row: &SourceRow, now: Instant) -> Result<Reporter, String> {
        if row.format != SOURCE_FORMAT {
            return Err(format!(
                "source {} has format {}; this version reads {SOURCE_FORMAT}",
                row.source, row.format
            ));
        }
        let record: ReporterRecord =
            serde_json::from_slice(&row.payload).map_err(|e| format!("source {}: {e}", row.source))?;
        let sums = |(count, sum, sum_squares): (u64, f64, f64)| MetricSums { count, sum, sum_squares };
        let mut reporter = Reporter { revision: row.seq, floor: Epoch(record.floor), ..Reporter::new(now) };
        for s in record.series {
            reporter.series.insert((s.name, s.variant, s.epoch.map(Epoch)), (s.seq, sums(s.sums)));
        }
        for p in record.pending {
            let metrics = reporter.pending.entry((Epoch(p.epoch), p.variant)).or_default();
            metrics.insert(p.name, sums(p.sums));
        }
        Ok(reporter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(epoch: u64, named: bool) -> About<'static> {
        About { name: "m", variant: Variant::Canary, epoch: Epoch(epoch), named }
    }

    fn sums(count: u64) -> MetricSums {
        MetricSums { count, sum: count as f64, sum_squares: count as f64 }
    }

    fn counted(reporter: &Reporter) -> Vec<(u64, u64)> {
        reporter.fresh(Epoch(0)).map(|(epoch, _, counts)| (epoch.0, counts.metrics["m"].count)).collect()
    }

    #[test]
    fn sums_count_once_wherever_they_are_heard() {
        let mut reporter = Reporter::new(Instant::now());
        assert_eq!(reporter.add_sums(about(4, false), 1, sums(10)), Ok(true));
        assert_eq!(reporter.add_sums(about(4, false), 3, sums(15)), Ok(true));
        assert_eq!(reporter.add_sums(about(4, false), 2, sums(12)), Ok(false), "older");
        assert_eq!(reporter.add_sums(about(5, false), 3, sums(15)), Ok(false), "repeated");
        assert_eq!(reporter.add_sums(about(5, false), 4, sums(18)), Ok(true));
        assert_eq!(counted(&reporter), [(4, 15), (5, 3)]);
        assert_eq!(reporter.add_sums(about(5, false), 5, sums(17)), Err(WentBack { from: 18 }));
        reporter.consume();
        assert_eq!(reporter.add_sums(about(5, false), 6, sums(18)), Ok(true));
        assert!(!reporter.has_fresh());
    }

    #[test]
    fn what_is_stored_is_what_is_known() {
        let (mut reporter, now) = (Reporter::new(Instant::now()), Instant::now());
        assert!(reporter.add_value(about(4, false), 2.5));
        assert_eq!(reporter.add_sums(about(4, true), 9, sums(10)), Ok(true));
        let row = reporter.to_row(&id_of(Some("a")), &"checkout".parse().unwrap(), Timestamp(0));
        let mut again = Reporter::from_row(&row, now).unwrap();
        assert_eq!(counted(&again), [(4, 11)]);
        assert_eq!(again.add_sums(about(4, true), 9, sums(10)), Ok(false), "a repeat after a restart");
        again.consume();
        let later = again.to_row(&id_of(Some("a")), &row.key, Timestamp(1));
        assert!(later.seq > row.seq, "the store keeps the higher");
    }

    #[test]
    fn old_epochs_are_closed_and_their_late_reports_change_nothing() {
        let mut reporter = Reporter::new(Instant::now());
        for epoch in 1..=20 {
            assert_eq!(reporter.add_sums(about(epoch, true), 1, sums(1)), Ok(true));
        }
        assert_eq!((reporter.series.len(), reporter.pending.len()), (EPOCHS_MAX, EPOCHS_MAX));
        assert_eq!(reporter.add_sums(about(2, true), 2, sums(5)), Ok(false));
        assert!(!reporter.add_value(about(2, true), 1.0));
        reporter.close(Epoch(20));
        assert_eq!(counted(&reporter), [(20, 1)]);
    }
}
