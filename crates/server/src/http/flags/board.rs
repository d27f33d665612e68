//! All flags of a server with their counts, and the book of their experiments.
//!
//! A flag with weights is an experiment: who gets a variant by its split is noted in the book. Those for whom a variant
//! is forced, or a rule names one, did not get it by chance and are not. One that was turned off still shows what it found.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fw_flags::book::{Book, BookError, Experiment, Outcome, Reply, Taken, User};
use fw_flags::counts::Counts;
use fw_flags::readout::{self, Tally};
use fw_flags::targeting::{Attributes, Condition};
use fw_model::flag::{Asker, Assign, Flag, KeyMissing, Reason, Weighted};
use fw_model::plan::MetricSpec;
use fw_model::{ServiceKey, Split};
use fw_runtime::config::ServiceConfig;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::http::ofrep::Fragments;

/// A flag and the service whose rollout moves it.
#[derive(Debug, Clone)]
pub struct ServedFlag {
    /// The service.
    pub service: ServiceKey,
    /// The flag.
    pub flag: Flag<Value>,
    /// For whom each of its rules holds, in their order.
    pub conditions: Vec<Condition>,
    /// The metrics that its read-out compares.
    pub metrics: Vec<MetricSpec>,
}

impl ServedFlag {
    /// Every flag of a service.
    pub fn of(config: &ServiceConfig) -> impl Iterator<Item = ServedFlag> + '_ {
        let metrics = &config.plan.metrics;
        config.flags.iter().map(move |one| ServedFlag {
            service: config.plan.key.clone(),
            flag: one.flag.clone(),
            conditions: one.conditions.clone(),
            metrics: metrics.iter().filter(|metric| one.metrics.contains(&metric.name)).cloned().collect(),
        })
    }
}

/// A flag with its counts.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) served: ServedFlag,
    pub(crate) fragments: Fragments,
    counts: Counts,
    /// Its place in the book, if it is an experiment.
    experiment: Option<usize>,
}

/// All flags of a server.
#[derive(Debug, Default)]
pub struct FlagBoard {
    entries: Vec<Entry>,
    by_key: HashMap<String, usize>,
    /// Metrics by service, whatever flags it has.
    metrics: BTreeMap<ServiceKey, Vec<MetricSpec>>,
    /// Open while there are experiments.
    book: Option<Book>,
}

/// Who asks: the evaluation context.
#[derive(Debug)]
pub(crate) struct Who {
    key: Option<String>,
    user: Option<User>,
    context: Map<String, Value>,
    now_seconds: i64,
}

impl Who {
    pub(crate) fn new(key: Option<String>, context: Map<String, Value>) -> Who {
        let user = key.as_deref().and_then(User::of);
        let now_seconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        Who { key, user, context, now_seconds }
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl FlagBoard {
    /// The flags of all services, each service's metrics, and the file of the book; none = in memory.
    ///
    /// # Errors
    /// When the book can't be opened. Without experiments it is not.
    pub fn open(
        flags: Vec<ServedFlag>,
        metrics: BTreeMap<ServiceKey, Vec<MetricSpec>>,
        file: Option<&Path>,
    ) -> Result<FlagBoard, BookError> {
        let mut experiments = vec![];
        let mut entries = vec![];
        for served in flags {
            let variants = served.flag.variants().len();
            let experiment = match &served.flag.assign {
                Assign::Weights(weighted) if weighted.len() > 1 => {
                    experiments.push(Experiment {
                        service: served.service.to_string(),
                        flag: served.flag.key.clone(),
                        fingerprint: fingerprint(&served.flag, weighted),
                        variants,
                    });
                    Some(experiments.len() - 1)
                }
                Assign::Weights(_) | Assign::Rollout { .. } => None,
            };
            let fragments = Fragments::new(&served.flag, &served.service);
            entries.push(Entry { served, fragments, counts: Counts::new(variants), experiment });
        }
        let by_key =
            entries.iter().enumerate().map(|(i, entry)| (entry.served.flag.key.clone(), i)).collect();
        let book = if experiments.is_empty() { None } else { Some(Book::open(file, experiments)?) };
        Ok(FlagBoard { entries, by_key, metrics, book })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key).and_then(|place| self.entries.get(*place))
    }

    /// Which variant whoever asks gets (none = no value), and why. It is counted, and noted where the flag is an
    /// experiment.
    pub(crate) fn evaluate(
        &self,
        entry: &Entry,
        split: &Split,
        who: &Who,
    ) -> Result<(Option<usize>, Reason), KeyMissing> {
        let ServedFlag { flag, conditions, .. } = &entry.served;
        let rule = if conditions.is_empty() || !flag.enabled {
            None
        } else {
            Attributes::new(&who.context, &flag.key, who.now_seconds).first_of(conditions)
        };
        let evaluation = flag.evaluate(split, Asker { key: who.key(), rule })?;
        let place = evaluation.value.and_then(|_| flag.place_of(evaluation.variant));
        entry.counts.add(place);
        if let (Some(book), Some(experiment), Some(user), Some(place), Reason::Split) =
            (&self.book, entry.experiment, who.user, place, evaluation.reason)
        {
            book.seen(experiment, user, place);
        }
        Ok((place, evaluation.reason))
    }

    /// Services with a metric of this name, with what it is.
    pub(crate) fn services_with<'a>(
        &'a self,
        metric: &'a str,
    ) -> impl Iterator<Item = (&'a ServiceKey, &'a MetricSpec)> {
        self.metrics.iter().filter_map(move |(service, specs)| {
            Some((service, specs.iter().find(|spec| spec.name == metric)?))
        })
    }

    /// Experiments that compare a metric of this name, with what it is there.
    pub(crate) fn experiments_with<'a>(
        &'a self,
        metric: &'a str,
    ) -> impl Iterator<Item = (usize, &'a MetricSpec)> {
        self.entries.iter().filter_map(move |entry| {
            let spec = entry.served.metrics.iter().find(|spec| spec.name == metric)?;
            Some((entry.experiment?, spec))
        })
    }

    /// Writes what users did; nothing to do without experiments.
    pub(crate) async fn track(&self, outcomes: Vec<Outcome>) -> Result<Vec<Taken>, BookError> {
        match &self.book {
            Some(book) => answered(|reply| book.track(outcomes, reply)).await,
            None => Ok(vec![Taken::Counted(0); outcomes.len()]),
        }
    }

    /// The numbers of a flag that is an experiment.
    pub(crate) async fn tally(&self, entry: &Entry) -> Result<Option<Tally>, BookError> {
        let (Some(book), Some(experiment)) = (&self.book, entry.experiment) else { return Ok(None) };
        let metrics = entry.served.metrics.iter();
        let metrics = metrics.map(|spec| (spec.name.clone(), readout::is_capped(spec))).collect();
        answered(|reply| book.tally(experiment, metrics, reply)).await.map(Some)
    }

    /// Whether there is no room in the book for more users.
    pub(crate) fn is_full(&self) -> bool {
        self.book.as_ref().is_some_and(Book::is_full)
    }
}

impl Entry {
    /// How often a variant was handed out since this server began; none = no value.
    pub(crate) fn evaluations(&self, variant: Option<usize>) -> u64 {
        self.counts.of(variant)
    }

    /// Weights of the variants of a flag that has some.
    pub(crate) fn weights(&self) -> Option<Vec<f64>> {
        match &self.served.flag.assign {
            Assign::Weights(weighted) => Some(weighted.iter().map(|one| one.weight.percent()).collect()),
            Assign::Rollout { .. } => None,
        }
    }
}

/// The answer of the book's own thread.
async fn answered<T: Send + 'static>(call: impl FnOnce(Reply<T>)) -> Result<T, BookError> {
    let (sender, receiver) = oneshot::channel();
    call(Box::new(move |result| drop(sender.send(result))));
    receiver.await.unwrap_or(Err(BookError::Closed))
}

/// Names, weights and slice: what decides who gets which variant. Values may change without a new experiment.
fn fingerprint(flag: &Flag<Value>, weighted: &[Weighted<Value>]) -> u64 {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for one in weighted {
        put(one.name.as_bytes());
        put(&one.weight.units().to_be_bytes());
    }
    if let Some(slice) = &flag.exclusive {
        put(slice.group.as_bytes());
        put(&slice.from.units().to_be_bytes());
        put(&slice.to.units().to_be_bytes());
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use fw_model::Weight;
    use fw_model::flag::Slice;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_experiment_is_its_variants_weights_and_slice_and_not_their_values() {
        let of = |names: [&str; 2], units: u32, value: i64, slice: Option<u32>| {
            let weighted = names.map(|name| Weighted {
                name: name.into(),
                value: json!(value),
                weight: Weight::new(units).unwrap(),
            });
            let exclusive =
                slice.map(|to| Slice { group: "g".into(), from: Weight::ZERO, to: Weight::new(to).unwrap() });
            let assign = Assign::Weights(weighted.to_vec());
            let flag =
                Flag { key: "f".into(), enabled: true, assign, forced: vec![], rules: vec![], exclusive };
            fingerprint(&flag, &weighted)
        };
        let one = of(["a", "b"], 50_000, 1, None);
        assert_eq!(one, of(["a", "b"], 50_000, 2, None));
        let others = [
            of(["a", "c"], 50_000, 1, None),
            of(["ab", ""], 50_000, 1, None),
            of(["a", "b"], 40_000, 1, None),
            of(["a", "b"], 50_000, 1, Some(10)),
            of(["a", "b"], 50_000, 1, Some(20)),
        ];
        for (i, other) in others.iter().enumerate() {
            assert!(*other != one && !others[..i].contains(other), "{i}");
        }
    }
}
