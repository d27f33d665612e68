//! What happens in a simulated rollout: what is wrong with the canary, from when on, and what else goes on.
//!
//! Written `error-rate=5%`, `onset=6m,error-rate=1%`, `trend,latency=+30%`, `bursts,error-rate=5%`: at most one
//! regression, one circumstance, one onset and one way to cluster, in any order.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::clusters::Clusters;
use super::nearest::nearest;

/// Names a part of a scenario may begin with.
const NAMES: [&str; 16] = [
    "healthy",
    "error-rate",
    "latency",
    "tail",
    "onset",
    "slow-burn",
    "hang",
    "dependency-down",
    "no-data",
    "low-traffic",
    "trend",
    "bursts",
    "retries",
    "sticky-users",
    "beta",
    "slow-instances",
];

/// Errors of the canary where only an onset is named.
const ONSET_ERRORS: f64 = 0.01;
/// Factor of a `tail` without a number.
const TAIL_FACTOR: f64 = 5.0;
/// Points of error rate a `slow-burn` adds each minute.
const BURN_PER_MINUTE: f64 = 0.002;
/// Errors of both versions while a dependency is down.
const DEPENDENCY_ERRORS: f64 = 0.3;
/// When the dependency fails, and for how long.
const DEPENDENCY_FROM: Duration = Duration::from_secs(120);
const DEPENDENCY_FOR: Duration = Duration::from_secs(120);
/// By the end of a `trend`, errors of both versions are this many times what they were …
const TREND_ERRORS: f64 = 9.0;
/// … and requests this many times.
const TREND_REQUESTS: f64 = 2.0;

/// How response times change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slower {
    /// Every request takes this many times as long.
    Factor(f64),
    /// Every request takes this much longer.
    Plus(Duration),
    /// The slowest 2 % take this many times as long.
    Tail(f64),
}

/// What is wrong with the canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regression {
    /// Nothing.
    None,
    /// Errors at this rate (a fraction), whatever stable does.
    Errors(f64),
    /// Slower answers.
    Latency(Slower),
    /// Errors grow by 0.2 points a minute.
    SlowBurn,
    /// Requests are taken and never answered.
    Hang,
}

/// What else goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circumstance {
    /// Nothing.
    Calm,
    /// 30 % of both versions' requests fail from minute 2 to minute 4.
    DependencyDown,
    /// Data planes stop reporting in the middle of the first phase.
    NoData,
    /// One request a second, where `--rps` says nothing else.
    LowTraffic,
    /// Errors of both versions grow ninefold, requests twofold, over the time simulated.
    Trend,
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// What is wrong with the canary.
    pub regression: Regression,
    /// When it begins; zero = at once.
    pub onset: Duration,
    /// What else goes on.
    pub circumstance: Circumstance,
    /// How failures of both versions cluster.
    pub clusters: Clusters,
}

impl Scenario {
    /// Nothing is wrong.
    pub const HEALTHY: Scenario = Scenario {
        regression: Regression::None,
        onset: Duration::ZERO,
        circumstance: Circumstance::Calm,
        clusters: Clusters::None,
    };

    /// Whether a rollback would be right.
    pub fn is_regression(&self) -> bool {
        self.regression != Regression::None
    }

    /// Whether the canary is bad at this time, seconds.
    pub fn is_on(&self, at: f64) -> bool {
        self.is_regression() && at >= self.onset.as_secs_f64()
    }

    /// Error rate of stable at a time, and factor on the traffic; `progress` is the part of the simulated time, 0 to 1.
    pub(crate) fn base(&self, errors: f64, at: f64, progress: f64) -> (f64, f64) {
        let from = DEPENDENCY_FROM.as_secs_f64();
        let is_down = (from..from + DEPENDENCY_FOR.as_secs_f64()).contains(&at);
        match self.circumstance {
            Circumstance::DependencyDown if is_down => (errors.max(DEPENDENCY_ERRORS), 1.0),
            Circumstance::Trend => {
                let grown = |to: f64| 1.0 + (to - 1.0) * progress;
                ((errors * grown(TREND_ERRORS)).min(1.0), grown(TREND_REQUESTS))
            }
            Circumstance::Calm
            | Circumstance::DependencyDown
            | Circumstance::NoData
            | Circumstance::LowTraffic => (errors, 1.0),
        }
    }

    /// Error rate of the canary at a time when stable's is `base`.
    pub(crate) fn canary_errors(&self, base: f64, at: f64) -> f64 {
        let since = at - self.onset.as_secs_f64();
        match self.regression {
            _ if !self.is_on(at) => base,
            // In the middle of an outage a better canary would be no regression.
            Regression::Errors(_) if base >= DEPENDENCY_ERRORS => base,
            Regression::Errors(rate) => rate,
            Regression::SlowBurn => (base + BURN_PER_MINUTE * since / 60.0).min(1.0),
            Regression::None | Regression::Latency(_) | Regression::Hang => base,
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Scenario, String> {
        let mut scenario = Scenario::HEALTHY;
        let mut has_onset = false;
        for part in text.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').map_or((part, None), |(n, v)| (n, Some(v)));
            if name == "onset" {
                let value = value.ok_or("an onset needs a time, such as onset=6m")?;
                scenario.onset = duration(value)?;
                has_onset = true;
                continue;
            }
            if let Some(regression) = regression(name, value)? {
                let twice = "a scenario has one regression: error-rate, latency, tail, slow-burn or hang";
                if scenario.regression != Regression::None {
                    return Err(twice.into());
                }
                scenario.regression = regression;
            } else if let Some(clusters) = Clusters::read(part)? {
                let twice = "a scenario has one of bursts, retries, sticky-users, beta and slow-instances";
                if scenario.clusters.is_any() {
                    return Err(twice.into());
                }
                scenario.clusters = clusters;
            } else {
                let twice = "a scenario has one of dependency-down, no-data, low-traffic and trend";
                let circumstance = circumstance(name, value, part)?;
                if scenario.circumstance != Circumstance::Calm && circumstance != Circumstance::Calm {
                    return Err(twice.into());
                }
                scenario.circumstance = circumstance;
            }
        }
        if has_onset && scenario.regression == Regression::None {
            scenario.regression = Regression::Errors(ONSET_ERRORS);
        }
        Ok(scenario)
    }
}

fn regression(name: &str, value: Option<&str>) -> Result<Option<Regression>, String> {
    Ok(Some(match (name, value) {
        ("error-rate", Some(value)) => Regression::Errors(share(value)?),
        ("error-rate", None) => return Err("an error rate needs a share, such as error-rate=5%".into()),
        ("latency", Some(value)) => Regression::Latency(latency(value)?),
        ("latency", None) => {
            return Err("a latency is written latency=+30%, latency=x2 or latency=+800ms".into());
        }
        ("tail", None) => Regression::Latency(Slower::Tail(TAIL_FACTOR)),
        ("tail", Some(value)) => Regression::Latency(Slower::Tail(factor(value)?)),
        ("slow-burn", None) => Regression::SlowBurn,
        ("hang", None) => Regression::Hang,
        _ => return Ok(None),
    }))
}

fn circumstance(name: &str, value: Option<&str>, part: &str) -> Result<Circumstance, String> {
    Ok(match (name, value) {
        ("healthy", None) => Circumstance::Calm,
        ("dependency-down", None) => Circumstance::DependencyDown,
        ("no-data", None) => Circumstance::NoData,
        ("low-traffic", None) => Circumstance::LowTraffic,
        ("trend", None) => Circumstance::Trend,
        _ => {
            let meant = name.split(':').next().and_then(|word| nearest(word, &NAMES));
            let meant = meant.map_or_else(|| ":".to_owned(), |known| format!(", did you mean {known}? All:"));
            return Err(format!(
                "`{part}` is no scenario{meant} healthy, error-rate=X%, latency=+30%|x2|+800ms, tail[=x5], onset=6m, slow-burn, \
                 dependency-down, no-data, low-traffic, hang, trend, bursts, retries[:MEAN], sticky-users[:USERS], \
                 beta:PHI:TAU, slow-instances; a comma combines an onset, a regression, a circumstance and a way to cluster"
            ));
        }
    })
}

/// `5%` or `5` as a fraction, above 0 and at most 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent: f64 = number.trim().parse().map_err(|_| format!("`{text}` is no share; written 5%"))?;
    if percent > 0.0 && percent <= 100.0 {
        Ok(percent / 100.0)
    } else {
        Err("a share is above 0 and at most 100 %".into())
    }
}

/// `x2`, a factor above 1 and at most 1000.
fn factor(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix('x').unwrap_or(text);
    let factor: f64 = number.parse().map_err(|_| format!("`{text}` is no factor; written x5"))?;
    if factor > 1.0 && factor <= 1000.0 {
        Ok(factor)
    } else {
        Err("a factor is above 1 and at most 1000".into())
    }
}

fn latency(text: &str) -> Result<Slower, String> {
    let more = text.strip_prefix('+').unwrap_or(text);
    if text.starts_with('x') {
        factor(text).map(Slower::Factor)
    } else if let Some(percent) = more.strip_suffix('%') {
        let percent: f64 = percent.parse().map_err(|_| format!("`{text}` is no latency; written +30%"))?;
        factor(&format!("{}", 1.0 + percent / 100.0)).map(Slower::Factor)
    } else {
        let plus = duration(more)?;
        if plus.is_zero() { Err("a latency is above 0".into()) } else { Ok(Slower::Plus(plus)) }
    }
}

/// Longest time anything here takes: a week.
const DURATION_MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// A time written `500ms`, `90s`, `6m`, `1h` or a number of seconds; at most a week.
///
/// # Errors
/// What is wrong with it, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time; written 500ms, 90s, 6m or 1h, a week at most");
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1.0));
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * seconds;
    if (0.0..=DURATION_MAX_SECONDS).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(wrong())
    }
}

impl fmt::Display for Scenario {
    /// In the form it is read in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![];
        if self.clusters.is_any() {
            parts.push(self.clusters.to_string());
        }
        match self.circumstance {
            Circumstance::Calm => {}
            Circumstance::DependencyDown => parts.push("dependency-down".to_owned()),
            Circumstance::NoData => parts.push("no-data".into()),
            Circumstance::LowTraffic => parts.push("low-traffic".into()),
            Circumstance::Trend => parts.push("trend".into()),
        }
        if self.is_regression() && !self.onset.is_zero() {
            parts.push(format!("onset={}s", self.onset.as_secs_f64()));
        }
        let short = |x: f64| format!("{:.4}", x).trim_end_matches('0').trim_end_matches('.').to_owned();
        match self.regression {
            Regression::None => {}
            Regression::Errors(rate) => parts.push(format!("error-rate={}%", short(100.0 * rate))),
            Regression::Latency(Slower::Factor(factor)) => parts.push(format!("latency=x{}", short(factor))),
            Regression::Latency(Slower::Plus(more)) => parts.push(format!("latency=+{}ms", more.as_millis())),
            Regression::Latency(Slower::Tail(factor)) => parts.push(format!("tail=x{}", short(factor))),
            Regression::SlowBurn => parts.push("slow-burn".into()),
            Regression::Hang => parts.push("hang".into()),
        }
        let text = if parts.is_empty() { "healthy".to_owned() } else { parts.join(",") };
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Scenario {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn scenarios_are_read_as_they_are_written() {
        for (text, shown) in [
            ("healthy", "healthy"),
            ("error-rate=5%", "error-rate=5%"),
            ("error-rate=0.5", "error-rate=0.5%"),
            ("latency=+30%", "latency=x1.3"),
            ("latency=x2", "latency=x2"),
            ("latency=+800ms", "latency=+800ms"),
            ("tail", "tail=x5"),
            ("tail=x3", "tail=x3"),
            ("onset=6m", "onset=360s,error-rate=1%"),
            ("onset=6m,error-rate=2%", "onset=360s,error-rate=2%"),
            ("error-rate=2%,onset=90s", "onset=90s,error-rate=2%"),
            ("slow-burn", "slow-burn"),
            ("dependency-down", "dependency-down"),
            ("no-data", "no-data"),
            ("low-traffic", "low-traffic"),
            ("low-traffic, error-rate=20%", "low-traffic,error-rate=20%"),
            ("hang", "hang"),
            ("trend", "trend"),
            ("bursts", "bursts"),
            ("retries", "retries:3"),
            ("retries:10", "retries:10"),
            ("sticky-users", "sticky-users:5000"),
            ("sticky-users:500,trend", "sticky-users:500,trend"),
            ("beta:5:20s", "beta:5:20s"),
            ("beta:2.5:1m,onset=6m", "beta:2.5:60s,onset=360s,error-rate=1%"),
            ("slow-instances, latency=x2", "slow-instances,latency=x2"),
            ("error-rate=5%,bursts", "bursts,error-rate=5%"),
        ] {
            assert_eq!(read(text).to_string(), shown);
            assert_eq!(read(shown), read(text));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "slow",
            "error-rate",
            "error-rate=0%",
            "error-rate=101%",
            "latency",
            "latency=x1",
            "latency=+0ms",
            "latency=fast",
            "tail=x0.5",
            "onset",
            "onset=soon",
            "hang=2",
            "error-rate=1%,hang",
            "trend,no-data",
            "onset=9999h",
            "bursts,retries",
            "bursts:3",
            "retries:0",
            "retries:a",
            "retries:1:2",
            "sticky-users:3",
            "beta",
            "beta:5",
            "beta:0.5:1s",
            "beta:25:1s",
            "beta:NaN:1s",
            "beta:5:0s",
        ] {
            assert!(text.parse::<Scenario>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_slip_is_told_the_scenario_that_was_meant() {
        for (slip, meant) in [
            ("busrts", "bursts"),
            ("sticky-user", "sticky-users"),
            ("betta:5:1s", "beta"),
            ("slow-instance", "slow-instances"),
            ("eror-rate=5%", "error-rate"),
        ] {
            let why = slip.parse::<Scenario>().unwrap_err();
            assert!(why.contains(&format!("`{slip}` is no scenario, did you mean {meant}?")), "{why}");
        }
        assert!(!"banana".parse::<Scenario>().unwrap_err().contains("did you mean"));
    }

    #[test]
    fn rates_follow_the_scenario() {
        let late = read("onset=6m,error-rate=2%");
        assert_eq!((late.canary_errors(0.001, 359.0), late.canary_errors(0.001, 360.0)), (0.001, 0.02));
        let down = read("dependency-down");
        assert_eq!(down.base(0.001, 119.0, 0.1).0, 0.001);
        assert_eq!(down.canary_errors(down.base(0.001, 130.0, 0.1).0, 130.0), 0.3);
        let trend = read("trend");
        assert!((trend.base(0.001, 900.0, 1.0).0 - 0.009).abs() < 1e-12);
        assert!((read("slow-burn").canary_errors(0.001, 300.0) - 0.011).abs() < 1e-12);
    }
}
