//! What is rolled out over which regions, in which order, and what happens to the others when one goes wrong.

use std::time::Duration;

use fw_model::{Region, ServiceName};

/// Most regions of one plan.
pub const REGIONS_MAX: usize = 32;
/// Share of α's wealth that is put on the pooled test; the regions share the rest.
///
/// Source: docs/adr/0080-waves-under-one-alpha.md.
const POOLED_WEIGHT: f64 = 0.5;

/// The plan of a regional rollout; it keeps the one it began with.
#[derive(Debug, Clone, PartialEq)]
pub struct WavesPlan {
    /// What is released.
    pub service: ServiceName,
    /// The version that is served now.
    pub stable: String,
    /// The version that is rolled out.
    pub canary: String,
    /// In order; every region stands in exactly one.
    pub waves: Vec<Wave>,
    /// What the others do when one region went back or is degraded.
    pub halt_others: HaltOthers,
    /// What the others do while one region can't be reached.
    pub on_unreachable: OnUnreachable,
    /// What follows when all regions together show that the canary is worse.
    pub pooled: OnPooled,
    /// Probability that anything goes back falsely, over all regions together, above 0 and at most 0.5.
    pub alpha: f64,
}

/// The regions that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// At least one.
    pub regions: Vec<Region>,
    /// What must hold before they begin, all of it; empty for the first wave.
    pub after: Vec<Condition>,
}

/// What must hold before a wave begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Their rollouts are complete.
    Completed(Of),
    /// Shown to be healthy now, and nothing spoke against them for this long (watched time).
    Healthy {
        /// Which.
        of: Of,
        /// How long.
        span: Duration,
    },
    /// The wave before began this long ago, and nothing is wrong anywhere.
    Stagger(Duration),
}

/// Which regions a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Those of the wave before.
    Previous,
    /// This one.
    Region(Region),
}

impl std::fmt::Display for Of {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Of::Previous => f.write_str("previous"),
            Of::Region(region) => region.fmt(f),
        }
    }
}

/// What the other regions do when one went back or is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HaltOthers {
    /// Running regions hold, none begins, until a person says so.
    #[default]
    Hold,
    /// All go back to stable.
    Rollback,
    /// They go on without it.
    None,
}

/// What the others do while one region can't be reached; that region itself is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnreachable {
    /// No region begins.
    #[default]
    Hold,
    /// Waves go on without it.
    Continue,
}

/// What follows when all regions together show that the canary is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPooled {
    /// All go back to stable.
    #[default]
    Rollback,
    /// All hold until a person says so.
    Hold,
    /// Nothing is pooled: the regions have all of α.
    Off,
}

/// A rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFault {
    /// The wave's place, from 0; none when it is about the whole.
    pub wave: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl WavesPlan {
    /// Every region, in the order they begin.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.waves.iter().flat_map(|wave| &wave.regions)
    }

    /// The pooled test's share of the wealth, 0 to 1.
    pub fn pooled_weight(&self) -> f64 {
        if self.pooled == OnPooled::Off || self.regions().count() < 2 { 0.0 } else { POOLED_WEIGHT }
    }

    /// One region's share of the wealth, above 0 and at most 1; with the pooled test's they sum to 1.
    pub fn region_weight(&self) -> f64 {
        (1.0 - self.pooled_weight()) / self.regions().count().max(1) as f64
    }

    /// The α of one region's own rollout: its share of the whole's.
    pub fn region_alpha(&self) -> f64 {
        self.alpha * self.region_weight()
    }

    /// Every rule that is broken.
    ///
    /// # Errors
    /// All faults, at least one.
    pub fn check(&self) -> Result<(), Vec<PlanFault>> {
        let mut faults = vec![];
        let mut fault = |wave: Option<usize>, message: String| faults.push(PlanFault { wave, message });
        let count = self.regions().count();
        if count == 0 || count > REGIONS_MAX {
            fault(None, format!("needs 1 to {REGIONS_MAX} regions, has {count}"));
        }
        if !(self.alpha > 0.0 && self.alpha <= 0.5) {
            fault(None, format!("alpha must be above 0 and at most 0.5, not {}", self.alpha));
        }
        let mut before: Vec<&Region> = vec![];
        for (place, wave) in self.waves.iter().enumerate() {
            if wave.regions.is_empty() {
                fault(Some(place), "names no region".into());
            }
            if place == 0 && !wave.after.is_empty() {
                fault(
                    Some(place),
                    "the first wave begins at once: it takes no `after` and no `stagger`".into(),
                );
            }
            if place > 0 && wave.after.is_empty() {
                fault(Some(place), "needs a condition: `after` or `stagger`".into());
            }
            for named in wave.after.iter().filter_map(Condition::named) {
                if !before.contains(&named) {
                    fault(Some(place), format!("waits for {named}, which is in no earlier wave"));
                }
            }
            for (i, region) in wave.regions.iter().enumerate() {
                if before.contains(&region) || wave.regions[..i].contains(region) {
                    fault(Some(place), format!("{region} stands in two waves: each region begins once"));
                }
            }
            before.extend(&wave.regions);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

impl Condition {
    /// The region it names, if it names one.
    pub fn named(&self) -> Option<&Region> {
        match self {
            Condition::Completed(Of::Region(region)) | Condition::Healthy { of: Of::Region(region), .. } => {
                Some(region)
            }
            Condition::Completed(Of::Previous)
            | Condition::Healthy { of: Of::Previous, .. }
            | Condition::Stagger(_) => None,
        }
    }
}

/// Waves of one region each, in order, each after the one before is complete: what holds where nothing is said.
pub fn wave_by_wave(regions: impl IntoIterator<Item = Region>) -> Vec<Wave> {
    let after = |place| if place == 0 { vec![] } else { vec![Condition::Completed(Of::Previous)] };
    let wave = |(place, region)| Wave { regions: vec![region], after: after(place) };
    regions.into_iter().enumerate().map(wave).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn region(name: &str) -> Region {
        Region::new(name).unwrap()
    }

    fn plan(waves: Vec<Wave>) -> WavesPlan {
        WavesPlan {
            service: ServiceName::new("checkout").unwrap(),
            stable: "1.4.2".into(),
            canary: "1.5.0".into(),
            waves,
            halt_others: HaltOthers::Hold,
            on_unreachable: OnUnreachable::Hold,
            pooled: OnPooled::Rollback,
            alpha: 0.01,
        }
    }

    #[test]
    fn the_wealth_is_shared_out_whole() {
        let three = plan(wave_by_wave(["a", "b", "c"].map(region)));
        assert_eq!(three.check(), Ok(()));
        assert!((3.0 * three.region_weight() + three.pooled_weight() - 1.0).abs() < 1e-12);
        let off = WavesPlan { pooled: OnPooled::Off, ..three };
        assert_eq!((off.pooled_weight(), off.region_weight()), (0.0, 1.0 / 3.0));
        let one = plan(wave_by_wave([region("a")]));
        assert_eq!((one.pooled_weight(), one.region_alpha()), (0.0, 0.01));
    }

    #[test]
    fn every_broken_rule_is_named() {
        let wave = |names: &[&str], after: Vec<Condition>| Wave {
            regions: names.iter().map(|name| region(name)).collect(),
            after,
        };
        let broken = plan(vec![
            wave(&["a"], vec![Condition::Stagger(Duration::ZERO)]),
            wave(&[], vec![]),
            wave(&["b", "a"], vec![Condition::Completed(Of::Region(region("b")))]),
        ]);
        let texts: Vec<String> = broken.check().unwrap_err().into_iter().map(|f| f.message).collect();
        assert_eq!(
            texts,
            [
                "the first wave begins at once: it takes no `after` and no `stagger`",
                "names no region",
                "needs a condition: `after` or `stagger`",
                "waits for b, which is in no earlier wave",
                "a stands in two waves: each region begins once",
            ]
        );
        assert!(plan(vec![]).check().is_err());
    }
}
