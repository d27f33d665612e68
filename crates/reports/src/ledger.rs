//! The fold over the events of one run: what a [`Story`] is made from.
//!
//! Fed with every event in order, with the state before and the transition after it, as the log replays them.
//! Counts are put to the split they were assigned under, also late ones, so that visits add up to the run's totals.

use std::collections::BTreeMap;

use fw_engine::analysis::{self, Judgement, Strength};
use fw_engine::rollout::{Look, probe};
use fw_engine::{Effect, Event, Notice, Report, Rollout, Started, Status, Transition, Trigger};
use fw_model::plan::{Better, MetricPer};
use fw_model::{Counts, Epoch, Timestamp, Variant};

use crate::figures::Figures;
use crate::moments::{millis, moment};
use crate::series::{Stand, Steps};
use crate::story::{Answer, MetricPlan, Moment, PhasePlan, Rollback, Said, Story, Users, Visit};
use crate::words::span;

/// Most moments that are kept: the first half and the newest.
const MOMENTS_MAX: usize = 2000;
/// Most visits that are kept apart; later ones are refused by nobody, but only the newest are told of.
const VISITS_MAX: usize = 1000;
/// Most rollbacks that are told of.
const ROLLBACKS_MAX: usize = 200;

/// A stay in the making.
#[derive(Debug, Clone)]
struct Stay {
    visit: Visit,
    canary: Counts,
    stable: Counts,
}

/// The least evidence of a test since it began anew, and when: where its last climb started.
#[derive(Debug, Clone, Copy)]
struct Least {
    log: f64,
    at: i64,
}

/// The fold.
#[derive(Debug, Clone)]
pub struct Ledger {
    started: Started,
    at: Timestamp,
    /// The state after the newest event.
    rollout: Rollout,
    report: Report,
    stays: Vec<Stay>,
    moments: Vec<Moment>,
    moments_left_off: u64,
    rollbacks: Vec<Rollback>,
    full_at: Option<i64>,
    steps: Steps,
    climbs: BTreeMap<String, Least>,
    /// The epoch whose requests a rollback wants to end: those counted after it are named.
    leaving: Option<Epoch>,
}

impl Ledger {
    /// Begins with the first event of a run. None when it is not the beginning.
    pub fn begin(event: &Event, transition: &Transition, at: Timestamp) -> Option<Ledger> {
        let Event::Started(started) = event else { return None };
        let mut ledger = Ledger {
            started: started.clone(),
            at,
            rollout: transition.next.clone(),
            report: transition.report.clone(),
            stays: vec![],
            moments: vec![],
            moments_left_off: 0,
            rollbacks: vec![],
            full_at: None,
            steps: Steps::new(at.as_millis()),
            climbs: BTreeMap::new(),
            leaving: None,
        };
        ledger.enter(&transition.next, at);
        ledger.notices(event, transition, at);
        Some(ledger)
    }

    /// The state after the newest event: what the next one is stepped from.
    pub fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// Takes in the next event.
    pub fn take(&mut self, event: &Event, transition: Transition, at: Timestamp) {
        let look = if let Event::Looked(look) = event { Some(look) } else { None };
        let moved = transition.next.epoch != self.rollout.epoch;
        // What is decided is decided from what was seen until then, before the tests begin anew.
        let decided = (moved || transition.next.status == Status::Completed).then(|| {
            let seen = look.map(|look| probe(&self.rollout, look));
            let before = seen.as_ref().unwrap_or(&self.rollout);
            (analysis::judge(before), before.watched.as_secs_f64())
        });
        if let Some(look) = look {
            // The step in which it was decided shows the evidence that decided.
            let judgement = decided.as_ref().map_or(&transition.report.judgement, |(judgement, _)| judgement);
            self.count(look, at, &transition, judgement.log_total);
        }
        self.notices(event, &transition, at);
        if let Some((judgement, watched)) = decided {
            self.leave(&judgement, watched, ended(event, &transition), at);
        }
        if moved {
            self.climbs.clear();
            self.enter(&transition.next, at);
        } else if look.is_some() {
            self.climb(&transition.report.judgement, at);
        }
        self.at = at;
        self.rollout = transition.next;
        self.report = transition.report;
    }

    fn count(&mut self, look: &Look, at: Timestamp, transition: &Transition, log_evidence: f64) {
        let (mut canary, mut stable) = (Counts::default(), Counts::default());
        let own = self.rollout.first_epoch..=self.rollout.epoch;
        // As the engine counts: of this rollout, and of no split that is not out yet.
        for delta in look.deltas.iter().filter(|delta| own.contains(&delta.epoch)) {
            let fresh = if delta.variant == Variant::Canary { &mut canary } else { &mut stable };
            fresh.merge(&delta.counts);
            let leaves = delta.variant == Variant::Canary && self.leaving == Some(delta.epoch);
            if let Some(rollback) = self.rollbacks.last_mut().filter(|_| leaves) {
                rollback.counted_after += delta.counts.requests;
            }
            let Some(stay) = self.stays.iter_mut().rev().find(|stay| stay.visit.epoch == delta.epoch.0)
            else {
                continue;
            };
            match delta.variant {
                Variant::Canary => stay.canary.merge(&delta.counts),
                Variant::Stable => stay.stable.merge(&delta.counts),
            }
        }
        let (next, report) = (&transition.next, &transition.report);
        let stand = Stand {
            phase: next.position.map(|p| p as u64),
            share: next.canary.percent(),
            health: report.health.map(|health| health.score),
            risk: report.risk.score,
            log_evidence,
        };
        self.steps.add(at.as_millis(), stand, &canary, &stable);
    }

    fn climb(&mut self, judgement: &Judgement, at: Timestamp) {
        for finding in &judgement.findings {
            let now = Least { log: finding.log_evidence, at: at.as_millis() };
            match self.climbs.get_mut(finding.name.as_ref()) {
                Some(least) if now.log <= least.log => *least = now,
                Some(_) => {}
                None => _ = self.climbs.insert(finding.name.to_string(), now),
            }
        }
    }

    fn enter(&mut self, rollout: &Rollout, at: Timestamp) {
        if rollout.is_full() && self.full_at.is_none() {
            self.full_at = Some(at.as_millis());
        }
        let visit = Visit {
            phase: rollout.position.map(|p| p as u64),
            description: rollout
                .phase()
                .map_or_else(|| "at stable".into(), |phase| phase.description.clone()),
            share: rollout.canary.percent(),
            epoch: rollout.epoch.0,
            attempt: rollout.attempt,
            entered_at: at.as_millis(),
            left_at: None,
            watched_seconds: 0.0,
            canary: Figures::default(),
            stable: Figures::default(),
            verdict: "inconclusive".into(),
            findings: vec![],
            questions: vec![],
            ended: None,
        };
        if self.stays.len() >= VISITS_MAX {
            self.stays.remove(0);
        }
        self.stays.push(Stay { visit, canary: Counts::default(), stable: Counts::default() });
    }

    fn leave(&mut self, judgement: &Judgement, watched: f64, how: String, at: Timestamp) {
        let Some(stay) = self.stays.last_mut() else { return };
        stay.visit.left_at = Some(at.as_millis());
        stay.visit.ended = Some(how);
        said(&mut stay.visit, judgement, watched);
    }

    fn notices(&mut self, event: &Event, transition: &Transition, at: Timestamp) {
        for (_, effect) in &transition.effects {
            let Effect::Publish(notice) = effect else { continue };
            let told = moment(notice, &transition.next, &transition.report, at);
            if let Some(mut told) = told {
                if let Notice::RollbackStarted { .. } = notice
                    && let Event::RollbackRequested { by, .. } | Event::AbortRequested(by) = event
                {
                    (told.actor, told.reason) = (Some(by.actor.clone()), by.reason.clone());
                }
                if let Notice::Started = notice {
                    (told.actor, told.reason) =
                        (Some(self.started.actor.clone()), self.started.reason.clone());
                }
                self.tell(told);
            }
            match notice {
                Notice::RollbackStarted { .. } => self.rollback(event, notice, transition, at),
                Notice::RollbackCompleted { unconfirmed, .. } => {
                    if let Some(rollback) = self.rollbacks.last_mut() {
                        rollback.confirmed_at = Some(at.as_millis());
                        rollback.unconfirmed = unconfirmed.iter().map(ToString::to_string).collect();
                    }
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, told: Moment) {
        if self.moments.len() >= MOMENTS_MAX {
            self.moments.remove(MOMENTS_MAX / 2);
            self.moments_left_off += 1;
        }
        self.moments.push(told);
    }

    fn rollback(&mut self, event: &Event, notice: &Notice, transition: &Transition, at: Timestamp) {
        let Notice::RollbackStarted { from, to, trigger, evidence } = notice else { return };
        let share = |p: Option<usize>| {
            p.and_then(|p| transition.next.plan.phases.get(p)).map_or(0.0, |phase| phase.percentage.value())
        };
        let by = if let Event::RollbackRequested { by, .. } = event { Some(by) } else { None };
        self.leaving = Some(self.rollout.epoch);
        if self.rollbacks.len() >= ROLLBACKS_MAX {
            self.rollbacks.remove(0);
        }
        let began_at = self.began(*trigger);
        self.rollbacks.push(Rollback {
            trigger: trigger.as_str().into(),
            evidence: evidence.clone(),
            from: from.map(|p| p as u64),
            from_share: share(*from),
            to: to.map(|p| p as u64),
            to_share: share(*to),
            began_at,
            decided_at: at.as_millis(),
            confirmed_at: None,
            unconfirmed: vec![],
            counted_after: 0,
            actor: by.map(|by| by.actor.clone()),
            reason: by.and_then(|by| by.reason.clone()),
        });
    }

    /// When the evidence of the rule's strongest test was least for the last time: its climb began there.
    ///
    /// The evidence is a likelihood ratio that is summed up, so this is the change point that CUSUM charts name.
    /// Source: Page (1954), "Continuous inspection schemes"; Basseville & Nikiforov (1993), section 2.6.
    fn began(&self, trigger: Trigger) -> Option<i64> {
        let of_rule = |f: &&analysis::Finding| f.trigger == trigger && trigger != Trigger::Manual;
        let findings = self.report.judgement.findings.iter().filter(of_rule);
        let lead = findings
            .max_by(|a, b| (a.weight.ln() + a.log_evidence).total_cmp(&(b.weight.ln() + b.log_evidence)));
        Some(self.climbs.get(lead?.name.as_ref())?.at)
    }

    /// The story so far. `users`: different users of stable and of the canary, where known.
    pub fn story(&self, users: [Option<u64>; 2]) -> Story {
        let (rollout, plan) = (&self.rollout, &self.rollout.plan);
        let [stable, canary] = users;
        Story {
            run: rollout.run.to_string(),
            service: rollout.run.key.service.to_string(),
            region: rollout.run.key.region.as_ref().map(ToString::to_string),
            stable: plan.stable.version.clone(),
            canary: plan.canary.version.clone(),
            plan_hash: rollout.plan_hash.to_string(),
            started_at: rollout.started_at.as_millis(),
            actor: self.started.actor.clone(),
            reason: self.started.reason.clone(),
            ended_at: rollout.ended_at.map(Timestamp::as_millis),
            full_at: self.full_at,
            as_of: self.at.as_millis(),
            status: rollout.status.as_str().into(),
            share: rollout.canary.percent(),
            phases: plan.phases.iter().map(phase_plan).collect(),
            alpha: plan.analysis.alpha,
            visits: self.visits(),
            rollbacks: self.rollbacks.clone(),
            moments: self.moments.clone(),
            moments_left_off: self.moments_left_off,
            health: self.stays.iter().rev().find_map(|stay| Figures::of(&stay.canary).health()),
            users: Users { stable, canary },
            series: self.steps.series_from(i64::MIN),
            metrics: plan.metrics.iter().map(metric_plan).collect(),
            business: plan.business.clone(),
        }
    }

    /// Measurements from a moment on (ms since 1970 UTC), without the rest of the story.
    pub fn series_from(&self, at: i64) -> crate::Series {
        self.steps.series_from(at)
    }

    /// Length of a step of the series, seconds.
    pub fn step_seconds(&self) -> f64 {
        self.steps.step_seconds()
    }

    fn visits(&self) -> Vec<Visit> {
        let shown = |stay: &Stay| {
            let mut visit = stay.visit.clone();
            (visit.canary, visit.stable) = (Figures::of(&stay.canary), Figures::of(&stay.stable));
            if visit.left_at.is_none() {
                said(&mut visit, &self.report.judgement, self.rollout.watched.as_secs_f64());
                visit.left_at = self.rollout.ended_at.map(Timestamp::as_millis);
            }
            visit
        };
        self.stays.iter().map(shown).collect()
    }
}

fn said(visit: &mut Visit, judgement: &Judgement, watched: f64) {
    visit.watched_seconds = watched;
    visit.verdict = judgement.verdict.as_str().into();
    let strength = |strength| match strength {
        Strength::Quiet => "quiet",
        Strength::Warning => "warning",
        Strength::Shown => "shown",
    };
    let finding = |f: &analysis::Finding| Said {
        name: f.name.to_string(),
        strength: strength(f.strength).into(),
        evidence: (f.weight.ln() + f.log_evidence).min(690.0).exp(),
        text: f.text(),
    };
    visit.findings = judgement.findings.iter().map(finding).collect();
    let question =
        |q: &analysis::Question| Answer { name: q.name.to_string(), answered: q.answered, text: q.text() };
    visit.questions = judgement.questions.iter().map(question).collect();
}

/// How a stay ended, in words.
fn ended(event: &Event, transition: &Transition) -> String {
    let notices = transition.effects.iter().filter_map(|(_, effect)| match effect {
        Effect::Publish(notice) => Some(notice),
        Effect::SetSplit { .. } | Effect::SetCurrentVersion { .. } => None,
    });
    for notice in notices {
        match notice {
            Notice::Advanced { forced: None, .. } => {
                return "advanced: everything asked for was shown".into();
            }
            Notice::Advanced { forced: Some(by), .. } => return format!("advanced by {}", by.actor),
            Notice::RollbackStarted { trigger: Trigger::Manual, .. } => {
                return "rolled back by a person".into();
            }
            Notice::RollbackStarted { trigger, .. } => return format!("rolled back by {}", trigger.as_str()),
            Notice::Completed => return "completed: everything asked for was shown".into(),
            Notice::Aborted { actor, .. } => return format!("ended by {actor}"),
            Notice::Resumed { actor, .. } => return format!("resumed by {actor}"),
            _ => {}
        }
    }
    match event {
        Event::Superseded { by } => format!("{by} began"),
        _ => "ended".into(),
    }
}

fn phase_plan(phase: &fw_model::Phase) -> PhasePlan {
    PhasePlan {
        id: phase.id,
        description: phase.description.clone(),
        percentage: phase.percentage.value(),
        duration_seconds: phase.duration.as_secs_f64(),
    }
}

fn metric_plan(spec: &fw_model::plan::MetricSpec) -> (String, MetricPlan) {
    let plan = MetricPlan {
        unit: spec.unit.clone(),
        higher_is_better: spec.better == Better::Higher,
        per_request: spec.per == MetricPer::Request,
    };
    (spec.name.clone(), plan)
}

impl Rollback {
    /// From the decision to the last confirmation; none before it.
    pub fn recovery(&self) -> Option<std::time::Duration> {
        Some(millis(self.confirmed_at? - self.decided_at))
    }

    /// From about when the trouble began to the decision; none where that is not known.
    pub fn detection(&self) -> Option<std::time::Duration> {
        Some(millis(self.decided_at - self.began_at?))
    }

    /// Both in words.
    pub(crate) fn times(&self) -> String {
        let detected = self.detection().map(|time| format!("decided about {} after it began", span(time)));
        let away = self.recovery().map(|time| format!("traffic was away {} later", span(time)));
        [detected, away].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
