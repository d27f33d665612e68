//! Scripts: one line, one thing that happens.
//!
//! ```text
//! plan 5/60s 100/60s:errors<1 auto=off     begins a rollout (see `settings`)
//! planes p1 p2:behind p3:silent=4s none    from now on: data planes; `behind` = the epoch before is confirmed
//! look x10 gap=2s canary=100/3@50~7 stable=900 hang=5@4000 late=50
//!                                          ten looks 2 s apart, each seeing 100 canary requests, 3 errors,
//!                                          50 ms, 7 answers 4xx; 5 under way since 4 s; 50 of the epoch before
//! look until=phase_advanced canary=100     looks until such a line is told (at most 1000)
//! approve WHO, reject WHO                  answers the first gate of the phase
//! pause, resume, advance, rollback [previous|stable|N], abort, supersede, quarantine WHY
//! clock -600s                              the wall clock steps
//! show, evidence                           how it stands; why it went back
//! ```

use std::time::Duration;

use fw_model::release::Answer;
use fw_model::{Apdex, Counts, DurationStats, Epoch, Histogram, RunId, Salt, SourceId, Timestamp, Variant};

use super::settings::{plan, seconds};
use super::telling;
use crate::invariants;
use crate::rollout::{
    Delta, Event, InFlight, Look, Rejection, Report, Requested, Rollout, SourceSeen, Started, Target,
    Transition, begin, step,
};

/// Most looks of a line with `until`.
const LOOKS_MAX: u32 = 1000;
const BEGAN: Timestamp = Timestamp(1_767_225_600_000);

#[derive(Clone)]
struct Plane {
    id: SourceId,
    behind: bool,
    silent_for: Duration,
}

struct Teller {
    now: Timestamp,
    /// Time that really passed, which is what a story is told by.
    passed: Duration,
    planes: Vec<Plane>,
    state: Option<(Rollout, Report)>,
    lines: Vec<String>,
}

/// What a look of a line sees.
struct Seen {
    gap: Duration,
    deltas: Vec<(Variant, bool, Counts, &'static str)>,
    in_flight: InFlight,
    windows: Vec<(usize, bool)>,
}

/// The story of a script.
pub(super) fn tell(script: &str) -> String {
    let prompt = Plane { id: SourceId("p1".into()), behind: false, silent_for: Duration::ZERO };
    let mut teller =
        Teller { now: BEGAN, passed: Duration::ZERO, planes: vec![prompt], state: None, lines: vec![] };
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        teller.line(words[0], &words[1..]);
    }
    teller.lines.iter().map(|l| format!("{l}\n")).collect()
}

impl Teller {
    fn line(&mut self, verb: &str, words: &[&str]) {
        match verb {
            "plan" => self.begin(words),
            "planes" => self.planes = words.iter().filter(|w| **w != "none").map(|w| plane(w)).collect(),
            "look" => self.looks(words),
            "clock" => {
                let text = words[0].trim_start_matches('-');
                let by = seconds(text).as_millis() as i64;
                self.now = Timestamp(self.now.0 + if words[0].starts_with('-') { -by } else { by });
            }
            "show" => {
                let (rollout, report) = self.state.as_ref().unwrap();
                self.lines.extend(telling::stand(rollout, report, BEGAN));
            }
            "evidence" => {
                let evidence = self.rollout().moving.as_ref().unwrap().evidence.clone();
                self.lines.extend(evidence.iter().map(|text| format!("  because {text}")));
            }
            command => {
                let event = self.command(command, words);
                if let Err(rejection) = self.take(&event) {
                    self.lines.push(format!("{command}: refused: {rejection}"));
                }
            }
        }
    }

    fn rollout(&self) -> &Rollout {
        &self.state.as_ref().unwrap().0
    }

    fn begin(&mut self, words: &[&str]) {
        let run: RunId = "checkout.7".parse().unwrap();
        let last_epoch = self.state.as_ref().map_or(Epoch(0), |(rollout, _)| rollout.epoch);
        let started = Started {
            run,
            plan: plan(words).into(),
            plan_hash: "0123456789abcdef".into(),
            salt: Salt::from_bits(7),
            last_epoch,
            actor: "ann".into(),
            reason: None,
            before: None,
        };
        let transition = begin(&started, self.now).unwrap();
        self.tell(transition);
    }

    fn command(&self, command: &str, words: &[&str]) -> Event {
        let by = Requested { actor: "ann".into(), reason: None };
        let answer = |answer: Answer| {
            let phase = self.rollout().position.unwrap_or(0);
            let who = words.first().copied().unwrap_or("ann");
            Event::GateAnswered { phase, gate: 0, answer, by: Requested { actor: who.into(), reason: None } }
        };
        match command {
            "pause" => Event::Paused(by),
            "resume" => Event::Resumed(by),
            "advance" => Event::Advanced(by),
            "rollback" => {
                let to = match words.first().copied().unwrap_or("previous") {
                    "previous" => Target::Previous,
                    "stable" => Target::Stable,
                    phase => Target::Phase(phase.parse().unwrap()),
                };
                Event::RollbackRequested { to, by }
            }
            "approve" => answer(Answer::Approve),
            "reject" => answer(Answer::Reject),
            "abort" => Event::AbortRequested(by),
            "supersede" => Event::Superseded { by: "checkout.8".parse().unwrap() },
            "quarantine" => Event::Quarantined { reason: words.join(" ") },
            other => panic!("{other:?} is no word of a script"),
        }
    }

    fn looks(&mut self, words: &[&str]) {
        let value = |name: &str| words.iter().find_map(|w| w.strip_prefix(name));
        let until = value("until=");
        let times = match (value("x"), until) {
            (Some(times), _) => times.parse().unwrap(),
            (None, Some(_)) => LOOKS_MAX,
            (None, None) => 1,
        };
        for _ in 0..times {
            let seen = seen(words);
            let told = self.lines.len();
            self.look(&seen);
            if until.is_some_and(|word| self.lines[told..].iter().any(|l| l.contains(word))) {
                return;
            }
        }
        assert!(until.is_none(), "no {} in {times} looks: {:#?}", until.unwrap_or(""), self.lines);
    }

    fn look(&mut self, seen: &Seen) {
        self.passed += seen.gap;
        self.now = self.now.plus(seen.gap);
        let epoch = self.rollout().epoch;
        let older = Epoch(epoch.0 - 1);
        let canary = 100 * u64::from(self.rollout().canary.units()) / 1000;
        let delta = |(variant, late, counts, instance): &(Variant, bool, Counts, &str)| {
            let mut counts = counts.clone();
            if counts.units == 0 && *instance == "i1" {
                // Keys follow the split, however many requests each version happens to answer.
                counts.units = if *variant == Variant::Canary { canary } else { 10_000 - canary };
            }
            let epoch = if *late { older } else { epoch };
            Delta { epoch, variant: *variant, instance: (*instance).into(), counts }
        };
        let source = |plane: &Plane| SourceSeen {
            id: plane.id.clone(),
            silent_for: plane.silent_for,
            confirmed: if plane.behind { older } else { epoch },
        };
        let look = Look {
            watched: seen.gap,
            deltas: seen.deltas.iter().map(delta).collect(),
            in_flight: seen.in_flight.clone(),
            sources: self.planes.iter().map(source).collect(),
            windows: seen.windows.clone(),
        };
        self.take(&Event::Looked(look)).unwrap();
    }

    fn take(&mut self, event: &Event) -> Result<(), Rejection> {
        let before = self.rollout().clone();
        let transition = step(&before, event, self.now)?;
        assert_eq!(invariants::check(&before, event, self.now, &transition), vec![]);
        self.tell(transition);
        Ok(())
    }

    fn tell(&mut self, transition: Transition) {
        let at = self.passed.as_secs_f64();
        self.lines.extend(
            telling::effects(&transition).iter().map(|text| format!("{:<7} {text}", format!("{at} s"))),
        );
        self.state = Some((transition.next, transition.report));
    }
}

fn plane(word: &str) -> Plane {
    let mut parts = word.split(':');
    let id = SourceId(parts.next().unwrap().into());
    let mut plane = Plane { id, behind: false, silent_for: Duration::ZERO };
    for part in parts {
        match part.split_once('=') {
            None if part == "behind" => plane.behind = true,
            Some(("silent", time)) => plane.silent_for = seconds(time),
            _ => panic!("{part:?} says nothing about a data plane"),
        }
    }
    plane
}

fn seen(words: &[&str]) -> Seen {
    let mut seen =
        Seen { gap: Duration::from_secs(1), deltas: vec![], in_flight: InFlight::default(), windows: vec![] };
    for word in words {
        match word.split_once('=') {
            None if word.starts_with('x') => {}
            Some(("until", _)) => {}
            Some(("window", open)) => seen.windows.push((0, open == "open")),
            Some(("gap", time)) => seen.gap = seconds(time),
            Some(("canary", text)) => seen.deltas.push((Variant::Canary, false, counts(text), "i1")),
            Some(("canary2", text)) => seen.deltas.push((Variant::Canary, false, counts(text), "i2")),
            Some(("stable", text)) => seen.deltas.push((Variant::Stable, false, counts(text), "i1")),
            Some(("late", text)) => seen.deltas.push((Variant::Canary, true, counts(text), "i1")),
            Some(("hang", text)) => {
                let (many, ms) = text.split_once('@').unwrap();
                (0..many.parse().unwrap()).for_each(|_| seen.in_flight.canary.record_ms(ms.parse().unwrap()));
            }
            _ => panic!("{word:?} is no word of a look"),
        }
    }
    seen
}

/// `REQUESTS[/ERRORS[!REPEATS]][@MS][~4XX][#KEYS]`; 50 ms and as many keys as the split gives it unless said otherwise.
fn counts(text: &str) -> Counts {
    let (text, units) = text.split_once('#').unwrap_or((text, "0"));
    let (text, client_errors) = text.split_once('~').unwrap_or((text, "0"));
    let (text, ms) = text.split_once('@').unwrap_or((text, "50"));
    let (requests, errors) = text.split_once('/').unwrap_or((text, "0"));
    let (errors, repeats) = errors.split_once('!').unwrap_or((errors, "0"));
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is no count"));
    let (requests, errors, ms) = (number(requests), number(errors), number(ms) as f64);
    let mut histogram = Histogram::default();
    histogram.record_ms(ms);
    histogram.counts.iter_mut().for_each(|count| *count *= requests);
    let good = requests - errors;
    Counts {
        requests,
        errors,
        repeat_errors: number(repeats),
        client_errors: number(client_errors),
        units: number(units),
        duration: DurationStats {
            sum_ms: requests as f64 * ms,
            sum_squares: requests as f64 * ms * ms,
            histogram,
        },
        apdex: match ms {
            _ if ms <= 500.0 => Apdex { satisfied: good, tolerating: 0 },
            _ if ms <= 2000.0 => Apdex { satisfied: 0, tolerating: good },
            _ => Apdex::default(),
        },
        ..Counts::default()
    }
}
