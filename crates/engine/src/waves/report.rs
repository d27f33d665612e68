//! How a regional rollout stands, and why it stands still: as a whole and region by region.
//!
//! API, CLI and stories show these same words.

use std::time::Duration;

use fw_model::{Region, Timestamp};

use super::wanted::{Shall, shall};
use super::{
    Brake, Condition, Of, OnUnreachable, Pooled, RegionState, RegionalRollout, Standing, Status, Wanted,
    pooled,
};
use crate::rollout::{Status as Life, Waiting, WaitingKind};

/// How it stands after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Why the whole stands still; empty when it is over.
    pub waiting_on: Vec<Waiting>,
    /// One for each region, in the order of the plan.
    pub regions: Vec<RegionReport>,
    /// What all regions together have against the canary.
    pub pooled: Pooled,
}

/// How one region stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionReport {
    /// Which.
    pub region: Region,
    /// In a word: `waiting`, `starting`, `unreachable`, or the status of its rollout.
    pub state: &'static str,
    /// Why it does not begin or go on; empty when it is over.
    pub waiting_on: Vec<Waiting>,
}

/// A reason for standing still, before it has a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reason {
    pub(super) kind: WaitingKind,
    pub(super) text: String,
    pub(super) eta: Option<Duration>,
}

impl Reason {
    fn new(kind: WaitingKind, text: impl Into<String>) -> Reason {
        Reason { kind, text: text.into(), eta: None }
    }
}

/// How a state stands by itself, at a moment.
pub fn report_of(whole: &RegionalRollout, now: Timestamp) -> Report {
    explain(whole, now)
}

/// Where it is in its life, from everything else that is known.
pub(super) fn status_of(whole: &RegionalRollout) -> Status {
    let regions = &whole.regions;
    let rests = regions.iter().all(RegionState::is_at_rest);
    let completed = regions.iter().filter(|r| r.is_completed()).count();
    let over = |none: Status| if completed > 0 { Status::Partial } else { none };
    let halt = whole.halt.as_ref();
    match whole.wanted {
        Wanted::Abort if completed == regions.len() => Status::Completed,
        Wanted::Abort if rests => over(Status::Aborted),
        Wanted::Abort => Status::Aborting,
        Wanted::Back if rests && regions.iter().all(|r| !r.is_completed() || r.refused.is_some()) => {
            over(Status::RolledBack)
        }
        Wanted::Back => Status::RollingBack,
        Wanted::Run | Wanted::Hold if halt.is_none() && completed == regions.len() => Status::Completed,
        Wanted::Run | Wanted::Hold => match halt {
            Some(halt) if rests && completed == 0 && any_went_back(whole) && halt.brake != Brake::Starts => {
                Status::RolledBack
            }
            Some(halt) if halt.brake == Brake::Back && !rests => Status::RollingBack,
            Some(_) => Status::Halted,
            None if rests && whole.next_wave().is_none() => {
                over(if any_went_back(whole) { Status::RolledBack } else { Status::Aborted })
            }
            None if whole.wanted == Wanted::Hold => Status::Paused,
            None if regions.iter().all(|r| matches!(r.status(), None | Some(Life::Pending))) => {
                Status::Pending
            }
            None => Status::Running,
        },
    }
}

fn any_went_back(whole: &RegionalRollout) -> bool {
    whole.regions.iter().any(|r| r.status() == Some(Life::RolledBack))
}

/// Explains a state at a moment.
pub(super) fn explain(whole: &RegionalRollout, now: Timestamp) -> Report {
    let reasons = match whole.status {
        Status::RolledBack | Status::Completed | Status::Partial | Status::Aborted => vec![],
        Status::Paused => vec![Reason::new(WaitingKind::Person, "paused: resume, roll back or abort")],
        Status::Halted => halted(whole),
        Status::RollingBack | Status::Aborting => settling(whole),
        Status::Pending | Status::Running => running(whole, now),
    };
    let since = |kind| whole.waiting.iter().find(|w| w.kind == kind).map_or(now, |w| w.since);
    let timed = |reasons: Vec<Reason>, since: &dyn Fn(WaitingKind) -> Timestamp| {
        let timed = |Reason { kind, text, eta }| Waiting { kind, text, since: since(kind), eta };
        reasons.into_iter().map(timed).collect::<Vec<_>>()
    };
    let region = |r: &RegionState| RegionReport {
        region: r.region.clone(),
        state: word(r),
        waiting_on: timed(of_region(whole, r, now), &|_| r.began_at.unwrap_or(whole.started_at)),
    };
    Report {
        waiting_on: timed(reasons, &since),
        regions: whole.regions.iter().map(region).collect(),
        pooled: pooled::pooled(whole),
    }
}

fn word(region: &RegionState) -> &'static str {
    match region.status() {
        _ if region.is_unreachable() => "unreachable",
        None if region.run.is_some() || region.ask.is_some() => "starting",
        None if region.refused.is_some() => "refused",
        None => "waiting",
        Some(status) => status.as_str(),
    }
}

/// `eu-west-1 and eu-central-1`.
fn names<'a>(regions: impl IntoIterator<Item = &'a RegionState>) -> String {
    let names: Vec<&str> = regions.into_iter().map(|r| r.region.as_str()).collect();
    match names.split_last() {
        None => "no region".into(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

/// `45 s`, `10 min` or `3 min 20 s`.
pub(super) fn span(duration: Duration) -> String {
    let s = duration.as_millis().div_ceil(1000);
    match (s / 60, s % 60) {
        (0 | 1, _) if s < 120 => format!("{s} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn halted(whole: &RegionalRollout) -> Vec<Reason> {
    let Some(halt) = &whole.halt else { return vec![] };
    let others = match halt.brake {
        Brake::Starts => "no region begins",
        Brake::Hold => "the other regions hold and none begins",
        Brake::Back => "all regions are back",
    };
    let text = format!("{}; {others} until a person resumes, rolls back or aborts", halt.why);
    let mut reasons = vec![Reason::new(WaitingKind::Person, text)];
    reasons.extend(missing(whole));
    reasons
}

/// What is not yet so as it shall be: open asks, and regions that don't answer.
fn missing(whole: &RegionalRollout) -> Vec<Reason> {
    whole.regions.iter().filter_map(at_odds).collect()
}

fn at_odds(region: &RegionState) -> Option<Reason> {
    let name = &region.region;
    if let Some(away) = &region.away {
        let text = format!("{name} does not answer ({})", away.why);
        return Some(Reason::new(WaitingKind::Source, text));
    }
    if let Some(ask) = &region.ask {
        let text = format!("{name} is asked to {}", ask.action.as_str());
        return Some(Reason::new(WaitingKind::Router, text));
    }
    let (action, _, why) = region.refused.as_ref()?;
    let text = format!("{name} will not {}: {why}", action.as_str());
    Some(Reason::new(WaitingKind::Person, text))
}

fn settling(whole: &RegionalRollout) -> Vec<Reason> {
    let moving = whole.regions.iter().filter(|r| !r.is_at_rest() && at_odds(r).is_none());
    let mut reasons = missing(whole);
    let moving: Vec<&RegionState> = moving.collect();
    if !moving.is_empty() || reasons.is_empty() {
        let text = format!("traffic moves back in {}", names(moving));
        reasons.push(Reason::new(WaitingKind::Router, text));
    }
    reasons
}

fn running(whole: &RegionalRollout, now: Timestamp) -> Vec<Reason> {
    let Some(wave) = whole.next_wave() else { return all_begun(whole) };
    // A region that is away is told of once: by the wave that waits for it, if it does.
    let told = |r: &&RegionState| r.away.is_none() || !blocks(whole, r);
    let mut reasons: Vec<Reason> = whole.regions.iter().filter(told).filter_map(at_odds).collect();
    reasons.extend(open_conditions(whole, wave, now).into_iter().map(|reason| {
        let text = format!("wave {} ({}) waits: {}", wave + 1, members(whole, wave), reason.text);
        Reason { text, ..reason }
    }));
    or_next_look(reasons)
}

/// Every wave has begun: what its regions do.
fn all_begun(whole: &RegionalRollout) -> Vec<Reason> {
    let mut reasons = missing(whole);
    let open = whole.regions.iter().filter(|r| !r.is_completed() && !r.is_out());
    let open: Vec<&RegionState> = open.collect();
    if !open.is_empty() {
        let text = format!("the rollouts of {} are under way", names(open));
        reasons.push(Reason::new(WaitingKind::Duration, text));
    }
    or_next_look(reasons)
}

fn or_next_look(reasons: Vec<Reason>) -> Vec<Reason> {
    match reasons.is_empty() {
        true => vec![Reason::new(WaitingKind::Duration, "nothing more: the next look goes on")],
        false => reasons,
    }
}

/// Whether a region that is away keeps waves from beginning. Until it counts as unreachable nobody knows how it
/// stands, whatever the policy is.
fn blocks(whole: &RegionalRollout, region: &RegionState) -> bool {
    let counts = region.has_begun() && !region.is_out() && region.away.is_some();
    counts && (!region.is_unreachable() || whole.plan.on_unreachable == OnUnreachable::Hold)
}

fn members(whole: &RegionalRollout, wave: usize) -> String {
    names(whole.regions.iter().filter(|r| r.wave == wave))
}

/// Why one region does not begin or go on.
fn of_region(whole: &RegionalRollout, region: &RegionState, now: Timestamp) -> Vec<Reason> {
    if let Some(reason) = at_odds(region) {
        return vec![reason];
    }
    let halt = whole.halt.as_ref();
    let held = || match halt {
        Some(halt) => format!("held: {}", halt.why),
        None => "held: all regions are paused".to_owned(),
    };
    match region.status() {
        None if region.has_begun() => vec![Reason::new(WaitingKind::Router, "its rollout begins")],
        None if whole.status.is_final() => vec![],
        None if halt.is_some() => {
            let why = halt.map_or("", |halt| halt.why.as_str());
            vec![Reason::new(WaitingKind::Person, format!("does not begin: {why}"))]
        }
        None if whole.wanted != Wanted::Run => {
            vec![Reason::new(WaitingKind::Person, format!("does not begin: {}", whole.status.as_str()))]
        }
        None => open_conditions(whole, region.wave, now),
        Some(Life::Paused) if region.held => vec![Reason::new(WaitingKind::Person, held())],
        Some(Life::Paused) => vec![Reason::new(WaitingKind::Person, "paused by a person")],
        Some(Life::RollingBack) => vec![Reason::new(WaitingKind::Router, "traffic is moving back")],
        Some(Life::Pending) => vec![Reason::new(WaitingKind::Router, "its first split is not confirmed")],
        Some(Life::Running) if shall(whole, region) == Shall::Hold && region.freed => {
            vec![Reason::new(WaitingKind::Duration, "a person let it go on; its own rollout is under way")]
        }
        Some(Life::Running) => {
            let phase = region.seen.as_ref().and_then(|seen| seen.phase);
            let text = match phase {
                Some(phase) => format!("its own rollout is in phase {phase}"),
                None => "its own rollout is at stable".to_owned(),
            };
            vec![Reason::new(WaitingKind::Duration, text)]
        }
        Some(Life::RolledBack) if whole.status == Status::Halted => {
            let text = "it went back: resume begins it anew, abort ends it";
            vec![Reason::new(WaitingKind::Person, text)]
        }
        Some(Life::RolledBack) if region.again => {
            let text = "it went back, and begins anew when all go on";
            vec![Reason::new(WaitingKind::Person, text)]
        }
        Some(Life::RolledBack | Life::Completed | Life::Aborted) => vec![],
    }
}

/// Which of a wave's conditions do not hold. Empty = it begins.
pub(super) fn open_conditions(whole: &RegionalRollout, wave: usize, now: Timestamp) -> Vec<Reason> {
    let mut reasons = vec![];
    if wave > 0 && whole.waves.get(wave - 1).copied().flatten().is_none() {
        let text = format!("wave {wave} ({}) comes first", members(whole, wave - 1));
        return vec![Reason::new(WaitingKind::Duration, text)];
    }
    for region in whole.regions.iter().filter(|r| blocks(whole, r)) {
        let why = region.away.as_ref().map_or("", |away| away.why.as_str());
        let text = format!("{} does not answer ({why})", region.region);
        reasons.push(Reason::new(WaitingKind::Source, text));
    }
    let conditions = whole.plan.waves.get(wave).map_or(&[][..], |wave| &wave.after);
    for condition in conditions {
        match condition {
            Condition::Completed(of) => {
                let open = targets(whole, wave, of).into_iter().filter(|r| !r.is_completed());
                let open: Vec<&RegionState> = open.collect();
                if !open.is_empty() {
                    let text = format!("{} must be complete", names(open));
                    reasons.push(Reason::new(WaitingKind::Evidence, text));
                }
            }
            Condition::Healthy { of, span } => {
                let targets = targets(whole, wave, of);
                reasons.extend(targets.into_iter().filter_map(|r| not_healthy(r, *span)));
            }
            Condition::Stagger(gap) => reasons.extend(staggered(whole, wave, *gap, now)),
        }
    }
    reasons
}

/// The regions a condition is about; those that are out are passed over, unless they are named.
fn targets<'a>(whole: &'a RegionalRollout, wave: usize, of: &Of) -> Vec<&'a RegionState> {
    let passed_over = |r: &RegionState| {
        r.is_out() || (r.is_unreachable() && whole.plan.on_unreachable == OnUnreachable::Continue)
    };
    match of {
        Of::Region(region) => whole.region(region).into_iter().collect(),
        Of::Previous => (0..wave)
            .rev()
            .map(|before| {
                let of_wave = whole.regions.iter().filter(|r| r.wave == before && !passed_over(r));
                of_wave.collect::<Vec<_>>()
            })
            .find(|regions| !regions.is_empty())
            .unwrap_or_default(),
    }
}

fn not_healthy(region: &RegionState, wanted: Duration) -> Option<Reason> {
    let name = &region.region;
    let open = |text: String| Some(Reason::new(WaitingKind::Evidence, text));
    let Some(seen) = &region.seen else { return open(format!("{name} has not begun")) };
    if !region.is_good() {
        let why = if seen.why.is_empty() { String::new() } else { format!(": {}", seen.why) };
        return open(format!("{name} must be healthy{why}"));
    }
    if let Some(left) = wanted.checked_sub(region.good_for).filter(|left| !left.is_zero()) {
        let text = format!("{name} must be healthy for {} more", span(left));
        return Some(Reason { kind: WaitingKind::Duration, text, eta: Some(left) });
    }
    if seen.standing != Standing::Healthy || !matches!(seen.status, Life::Running | Life::Completed) {
        return open(format!("{name} is not yet shown to be healthy"));
    }
    None
}

fn staggered(whole: &RegionalRollout, wave: usize, gap: Duration, now: Timestamp) -> Option<Reason> {
    let began = whole.waves.get(wave.checked_sub(1)?).copied().flatten()?;
    let from = whole.resumed_at.map_or(began, |resumed| began.max(resumed));
    // A clock that went back counts as no time passed.
    if let Some(left) = gap.checked_sub(now.since(from)).filter(|left| !left.is_zero()) {
        let text = format!("{} left of the stagger", span(left));
        return Some(Reason { kind: WaitingKind::Duration, text, eta: Some(left) });
    }
    let judged = whole.regions.iter().filter(|r| r.has_begun() && !r.is_out() && r.away.is_none());
    let judged: Vec<&RegionState> = judged.collect();
    if let Some(unseen) = judged.iter().find(|r| r.seen.is_none()) {
        return Some(Reason::new(WaitingKind::Router, format!("the rollout of {} begins", unseen.region)));
    }
    let wrong: Vec<&RegionState> = judged.into_iter().filter(|r| !r.is_good()).collect();
    if wrong.is_empty() {
        return None;
    }
    let why = wrong.iter().filter_map(|r| r.seen.as_ref()).find(|seen| !seen.why.is_empty());
    let why = why.map_or(String::new(), |seen| format!(": {}", seen.why));
    Some(Reason::new(WaitingKind::Evidence, format!("something is wrong in {}{why}", names(wrong))))
}
