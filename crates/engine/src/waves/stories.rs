//! Stories: `tests/stories/waves-*.txt`, run through the real state machine. Lines that begin with `>` are what people
//! and the world do; what follows each is what is decided. `UPDATE_EXPECT=1 cargo test -p fw-engine stories` writes
//! what is decided anew.
//!
//! What can be written: `> plan OLD to NEW: REGION… | REGION… after CONDITION | REGION… stagger TIME`,
//! `> policy KEY VALUE…`, `> start by WHO: WHY`, `> in TIME` (looks every second), `> REGION is WORD… : WHY`,
//! `> COMMAND by WHO: WHY`, `> status`.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect_file;
use fw_model::{Region, ServiceName};

use super::world::{World, run};
use super::{
    Brake, Condition, Event, HaltOthers, Notice, Of, OnPooled, OnUnreachable, Rejection, Standing, Started,
    Wave, WavesPlan, report_of,
};
use crate::rollout::{Requested, Status as Life};

#[test]
fn rollback_in_wave_2() {
    tell(expect_file!["../../../../tests/stories/waves-rollback-in-wave-2.txt"]);
}

#[test]
fn staggered_with_a_region_away() {
    tell(expect_file!["../../../../tests/stories/waves-region-away.txt"]);
}

#[test]
fn slightly_worse_everywhere() {
    tell(expect_file!["../../../../tests/stories/waves-worse-everywhere.txt"]);
}

fn tell(file: expect_test::ExpectFile) {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/waves").join(&file.path),
    )
    .expect("the story is there");
    let mut teller = Teller::default();
    let mut told = vec![];
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("> ") {
            told.push(line.to_owned());
            told.extend(teller.hear(said).into_iter().map(|line| format!("  {line}")));
        } else if line.is_empty() || line.starts_with('#') {
            told.push(line.to_owned());
        }
    }
    file.assert_eq(&(told.join("\n") + "\n"));
}

struct Teller {
    world: World,
    plan: WavesPlan,
}

impl Default for Teller {
    fn default() -> Teller {
        let plan = WavesPlan {
            service: ServiceName::new("checkout").unwrap(),
            stable: String::new(),
            canary: String::new(),
            waves: vec![],
            halt_others: HaltOthers::Hold,
            on_unreachable: OnUnreachable::Hold,
            pooled: OnPooled::Rollback,
            alpha: 0.01,
        };
        Teller { world: World::new(), plan }
    }
}

impl Teller {
    fn hear(&mut self, said: &str) -> Vec<String> {
        let (first, rest) = said.split_once(' ').unwrap_or((said, ""));
        let by = || requested(rest);
        match first {
            "plan" => self.plan(rest),
            "policy" => self.policy(rest),
            "start" => {
                let started = Started { run: run(), plan: Arc::new(self.plan.clone()), by: by() };
                let begun = self.world.begin(started);
                self.answer(begun)
            }
            "in" => self.pass(span(rest)),
            "status" => self.status(),
            "pause" => self.command(Event::Paused(by())),
            "resume" => self.command(Event::Resumed(by())),
            "advance" => self.command(Event::Advanced(by())),
            "rollback" => self.command(Event::RollbackRequested(by())),
            "abort" => self.command(Event::AbortRequested(by())),
            region => self.is(region, rest),
        }
    }

    fn plan(&mut self, text: &str) -> Vec<String> {
        let (versions, waves) = text.split_once(": ").expect("plan OLD to NEW: WAVES");
        let (old, new) = versions.split_once(" to ").expect("OLD to NEW");
        (self.plan.stable, self.plan.canary) = (old.into(), new.into());
        self.plan.waves =
            waves.split(" | ").enumerate().map(|(place, wave)| read_wave(place, wave)).collect();
        self.plan.check().expect("a sound plan");
        vec![]
    }

    fn policy(&mut self, text: &str) -> Vec<String> {
        for pair in text.split(", ") {
            match pair {
                "haltOthers hold" => self.plan.halt_others = HaltOthers::Hold,
                "haltOthers rollback" => self.plan.halt_others = HaltOthers::Rollback,
                "haltOthers none" => self.plan.halt_others = HaltOthers::None,
                "onUnreachable hold" => self.plan.on_unreachable = OnUnreachable::Hold,
                "onUnreachable continue" => self.plan.on_unreachable = OnUnreachable::Continue,
                "pooled rollback" => self.plan.pooled = OnPooled::Rollback,
                "pooled hold" => self.plan.pooled = OnPooled::Hold,
                "pooled off" => self.plan.pooled = OnPooled::Off,
                other => panic!("no policy: {other}"),
            }
        }
        vec![]
    }

    /// A region is as the story says.
    fn is(&mut self, region: &str, rest: &str) -> Vec<String> {
        let words = rest.strip_prefix("is ").unwrap_or_else(|| panic!("{region} {rest}: what is it?"));
        let (words, why) = words.split_once(": ").unwrap_or((words, ""));
        let region = self.world.regions.get_mut(&Region::new(region).unwrap()).expect("a region of the plan");
        let mut words = words.split(' ').peekable();
        while let Some(word) = words.next() {
            match word {
                "away" => region.away = Some(why.to_owned()),
                "back" => region.away = None,
                _ => {
                    let seen = region.seen.as_mut().expect("it has begun");
                    why.clone_into(&mut seen.why);
                    let mut number = || words.next().and_then(|n| n.parse::<f64>().ok()).expect("a number");
                    match word {
                        "healthy" => seen.standing = Standing::Healthy,
                        "open" => seen.standing = Standing::Open,
                        "doubtful" => seen.standing = Standing::Against,
                        "degraded" => {
                            (seen.standing, seen.status) = (Standing::Degraded, Life::RollingBack);
                            (seen.phase, seen.canary_percent) = (None, 0.0);
                            seen.attempt += 1;
                        }
                        "completed" => {
                            (seen.standing, seen.status) = (Standing::Healthy, Life::Completed);
                            seen.canary_percent = 100.0;
                        }
                        "phase" => seen.phase = Some(number() as usize),
                        "evidence" => {
                            let evidence = &mut seen.evidence[0];
                            evidence.log = number().ln();
                            (evidence.requests, evidence.bad) = (1000.0, 20.0);
                        }
                        other => panic!("how is {other}?"),
                    }
                }
            }
        }
        vec![]
    }

    fn command(&mut self, event: Event) -> Vec<String> {
        let done = self.world.event(event);
        self.answer(done)
    }

    fn answer(&mut self, done: Result<(), Rejection>) -> Vec<String> {
        match done {
            Ok(()) => self.news(),
            Err(refused) => vec![format!("refused: {refused}")],
        }
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        let mut lines = vec![];
        for _ in 0..time.as_secs() {
            self.world.look(Duration::from_secs(1));
            lines.extend(self.news());
        }
        assert_eq!(self.world.replayed(), self.world.whole, "the journal gives the state");
        lines
    }

    fn status(&self) -> Vec<String> {
        let Some(whole) = &self.world.shown else { return vec!["nothing has begun".into()] };
        let report = report_of(whole, self.world.now);
        let mut lines = vec![format!("{} {}", whole.run, whole.status.as_str())];
        lines.extend(report.waiting_on.iter().map(|w| format!("  waits ({}): {}", w.kind.as_str(), w.text)));
        for region in &report.regions {
            let waits: Vec<&str> = region.waiting_on.iter().map(|w| w.text.as_str()).collect();
            let waits = if waits.is_empty() { String::new() } else { format!(": {}", waits.join("; ")) };
            lines.push(format!("  {} {}{waits}", region.region, region.state));
        }
        lines
    }

    /// What people were told, and what was asked of regions.
    fn news(&mut self) -> Vec<String> {
        let seconds = self.world.now.as_millis() / 1000;
        let time = format!("{:02}:{:02}", seconds / 60, seconds % 60);
        let told = std::mem::take(&mut self.world.told).into_iter().map(|notice| words(&notice));
        let asked = std::mem::take(&mut self.world.asked).into_iter();
        let asked = asked.map(|ask| format!("→ {}: {}", ask.region, ask.action.as_str()));
        told.chain(asked).map(|line| format!("{time}  {line}")).collect()
    }
}

fn words(notice: &Notice) -> String {
    let by = |by: &Requested| {
        let why = by.reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        format!("by {}{why}", by.actor)
    };
    let list = |regions: &[Region]| regions.iter().map(Region::to_string).collect::<Vec<_>>().join(", ");
    match notice {
        Notice::Started { by: who } => format!("begun {}", by(who)),
        Notice::WaveBegan { wave, regions, forced: None } => {
            format!("wave {} begins: {}", wave + 1, list(regions))
        }
        Notice::WaveBegan { wave, regions, forced: Some((who, overrode)) } => {
            format!("wave {} begins {}, over: {}: {}", wave + 1, by(who), overrode.join("; "), list(regions))
        }
        Notice::RegionRefused { region, action, why } => {
            format!("{region} will not {}: {why}", action.as_str())
        }
        Notice::RegionFell { region: _, why } => why.clone(),
        Notice::RegionAway { region, why } => format!("{region} does not answer: {why}"),
        Notice::RegionBack { region, away } => format!("{region} answers again after {} s", away.as_secs()),
        Notice::RegionEnded { region, status } => format!("{region} is {}", status.as_str()),
        Notice::Halted(halt) => {
            let others = match halt.brake {
                Brake::Starts => "none begins",
                Brake::Hold => "the others hold, none begins",
                Brake::Back => "all go back",
            };
            format!("HALT, {others}: {}", halt.why)
        }
        Notice::Asked { what, by: who } => format!("{what} {}", by(who)),
        Notice::Ended { status } => format!("the rollout over all regions is {}", status.as_str()),
    }
}

/// `by WHO: WHY`.
fn requested(text: &str) -> Requested {
    let (who, why) = text.split_once(": ").map_or((text, None), |(who, why)| (who, Some(why.to_owned())));
    Requested { actor: who.trim_start_matches("by ").to_owned(), reason: why }
}

fn read_wave(place: usize, text: &str) -> Wave {
    let (regions, after) = match (text.split_once(" after "), text.split_once(" stagger ")) {
        (Some((regions, condition)), _) => (regions, vec![read_condition(condition)]),
        (None, Some((regions, gap))) => (regions, vec![Condition::Stagger(span(gap))]),
        (None, None) if place == 0 => (text, vec![]),
        (None, None) => (text, vec![Condition::Completed(Of::Previous)]),
    };
    Wave { regions: regions.split(", ").map(|name| Region::new(name).unwrap()).collect(), after }
}

fn read_condition(text: &str) -> Condition {
    let (of, rest) = text.split_once(' ').expect("REGION completed, or REGION healthy for TIME");
    let of = if of == "previous" { Of::Previous } else { Of::Region(Region::new(of).unwrap()) };
    match rest.strip_prefix("healthy for ") {
        Some(time) => Condition::Healthy { of, span: span(time) },
        None => Condition::Completed(of),
    }
}

/// `30s` or `10m`.
fn span(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("{text} is no time"));
    Duration::from_secs(number * if unit == "m" { 60 } else { 1 })
}
