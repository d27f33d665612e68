//! Tables of what was measured, with ratios.
//!
//! Ratios are taken within a round, another proxy's figure divided by ours, then their median: above 1 the
//! proxy in that row is the cheaper one. A slow minute of the machine is in both numbers of a round, and
//! falls out.

use std::collections::BTreeMap;

use super::case::Case;
use super::load::Load;
use super::subject::Subject;
use crate::bench::process::CpuTime;
use crate::bench::spread::{Spread, Table};

/// One subject in one round of one case.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// What the load generator counted.
    pub(crate) load: Load,
    /// CPU time of the proxy meanwhile.
    pub(crate) cpu: CpuTime,
    /// Resident KiB after a fresh start and under load; for [`Case::Rss`] only.
    pub(crate) resident_kib: Option<(u64, u64)>,
}

/// Samples by subject, one a round, in order of rounds.
pub(crate) type Samples = BTreeMap<Subject, Vec<Sample>>;

impl Sample {
    /// The figure that ratios are made of: CPU µs a request, or KiB under load. Smaller is better.
    fn figure(&self) -> f64 {
        match self.resident_kib {
            Some((_, loaded)) => loaded as f64,
            None => self.micros(self.cpu.user + self.cpu.system),
        }
    }

    fn micros(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.load.requests
    }
}

/// The table of one case.
pub(crate) fn table(case: Case, samples: &Samples) -> String {
    let body = if case == Case::Rss { memory_table(samples) } else { cpu_table(samples) };
    format!("\n{}\n{body}{}", case.title(), goal_line(case, samples))
}

fn cpu_table(samples: &Samples) -> Table {
    let mut table = Table::new(&[
        "proxy",
        "CPU µs/request",
        "user",
        "system",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "vs haproxy",
        "vs nginx",
        "errors",
    ]);
    for (subject, rounds) in samples {
        let spread = |value: &dyn Fn(&Sample) -> f64| Spread::of(rounds.iter().map(value));
        let middle = |value: &dyn Fn(&Sample) -> f64| match spread(value).median() {
            Some(median) => format!("{median:.1}"),
            None => "–".to_owned(),
        };
        let proxy = *subject != Subject::Direct;
        let cpu = |value: String| if proxy { value } else { "–".to_owned() };
        let errors: f64 = rounds.iter().map(|round| round.load.errors).sum();
        table.row(vec![
            subject.name().to_owned(),
            cpu(spread(&Sample::figure).shown(1, "")),
            cpu(middle(&|sample| sample.micros(sample.cpu.user))),
            cpu(middle(&|sample| sample.micros(sample.cpu.system))),
            spread(&|sample| sample.load.rate).shown(0, ""),
            spread(&|sample| sample.load.p50_ms.unwrap_or(f64::NAN)).shown(2, ""),
            spread(&|sample| sample.load.p99_ms.unwrap_or(f64::NAN)).shown(2, ""),
            cpu(ratio(samples, Subject::Haproxy, *subject).shown(2, "x")),
            cpu(ratio(samples, Subject::Nginx, *subject).shown(2, "x")),
            format!("{errors:.0}"),
        ]);
    }
    table
}

fn memory_table(samples: &Samples) -> Table {
    let mut table = Table::new(&[
        "proxy",
        "fresh MiB",
        "1000 connections MiB",
        "KiB a connection",
        "vs haproxy",
        "errors",
    ]);
    for (subject, rounds) in samples {
        let kib = |pick: &dyn Fn((u64, u64)) -> f64| {
            Spread::of(rounds.iter().filter_map(|sample| sample.resident_kib).map(pick))
        };
        let errors: f64 = rounds.iter().map(|round| round.load.errors).sum();
        table.row(vec![
            subject.name().to_owned(),
            kib(&|(fresh, _)| fresh as f64 / 1024.0).shown(1, ""),
            kib(&|(_, loaded)| loaded as f64 / 1024.0).shown(1, ""),
            kib(&|(fresh, loaded)| loaded.saturating_sub(fresh) as f64 / f64::from(Case::Rss.connections()))
                .shown(1, ""),
            ratio(samples, Subject::Haproxy, *subject).shown(2, "x"),
            format!("{errors:.0}"),
        ]);
    }
    table
}

/// `base`'s figure divided by `subject`'s, round by round.
fn ratio(samples: &Samples, base: Subject, subject: Subject) -> Spread {
    let none = Vec::new();
    let [base, subject] = [base, subject].map(|which| samples.get(&which).unwrap_or(&none));
    Spread::of(base.iter().zip(subject).map(|(base, subject)| base.figure() / subject.figure()))
}

fn goal_line(case: Case, samples: &Samples) -> String {
    let mut text = String::new();
    if samples.contains_key(&Subject::Before) {
        let change = ratio(samples, Subject::Before, Subject::Fw);
        text = format!("before / now: {}\n", change.shown(2, "x"));
    }
    let ours = ratio(samples, Subject::Haproxy, Subject::Fw);
    match (case.goal(), ours.median()) {
        (Some(goal), Some(median)) => {
            let word = if median >= goal { "met" } else { "not met" };
            text + &format!("goal: fw at least {goal:.2}x haproxy: {word} ({})\n", ours.shown(2, "x"))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(seconds: f64) -> Sample {
        let load = Load { requests: 1000.0, rate: 500.0, p50_ms: Some(1.0), p99_ms: None, errors: 1.0 };
        Sample { load, cpu: CpuTime { user: seconds / 4.0, system: seconds * 0.75 }, resident_kib: None }
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // The second round is twice as slow for everybody.
        let samples = Samples::from([
            (Subject::Fw, vec![cpu(0.02), cpu(0.04)]),
            (Subject::Haproxy, vec![cpu(0.03), cpu(0.06)]),
        ]);
        assert_eq!(ratio(&samples, Subject::Haproxy, Subject::Fw).shown(2, "x"), "1.50x [1.50..1.50]");
        let text = table(Case::Small, &samples);
        assert!(text.contains("30.0 [20.0..40.0]"), "{text}");
        assert!(text.contains("goal: fw at least 1.15x haproxy: met (1.50x [1.50..1.50])"), "{text}");
        let fw = text.lines().find(|line| line.starts_with("fw")).unwrap();
        assert!(fw.ends_with('2') && fw.contains("–"), "{fw}");
    }

    #[test]
    fn memory_is_compared_under_load() {
        let memory = |fresh, loaded| Sample { resident_kib: Some((fresh, loaded)), ..Sample::default() };
        let samples = Samples::from([
            (Subject::Fw, vec![memory(5 << 10, 30 << 10)]),
            (Subject::Haproxy, vec![memory(15 << 10, 27 << 10)]),
        ]);
        let text = table(Case::Rss, &samples);
        assert!(text.contains("30.0 [30.0..30.0]") && text.contains("25.6 [25.6..25.6]"), "{text}");
        assert!(text.contains("goal: fw at least 1.00x haproxy: not met (0.90x"), "{text}");
    }
}
