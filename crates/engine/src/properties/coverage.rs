//! Counts what the lives of a test saw, so that a generator that goes blind fails the test.

use std::collections::BTreeMap;

use crate::rollout::{Effect, Event, Notice, Rejection, Status, Transition, Trigger, WaitingKind};

/// How often each thing was seen.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    seen: BTreeMap<String, u64>,
}

impl Coverage {
    fn count(&mut self, what: String) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(super) fn note(&mut self, event: &Event, result: &Result<Transition, Rejection>) {
        self.count("event".into());
        match result {
            Err(rejection) => self.count(format!("rejection {}", rejection_name(rejection))),
            Ok(transition) => {
                if let Event::RollbackRequested { to, .. } = event {
                    self.count(format!("target {to:?}").chars().take_while(|c| *c != '(').collect());
                }
                self.note_state(transition);
            }
        }
    }

    fn note_state(&mut self, transition: &Transition) {
        self.count(format!("status {}", transition.next.status.as_str()));
        let kinds: std::collections::BTreeSet<_> =
            transition.report.waiting_on.iter().map(|w| w.kind).collect();
        kinds.iter().for_each(|kind| self.count(format!("waiting {}", kind.as_str())));
        for (_, effect) in &transition.effects {
            match effect {
                Effect::Publish(notice) => self.note_notice(notice),
                Effect::SetSplit { .. } => self.count("effect split".into()),
                Effect::SetCurrentVersion { .. } => self.count("effect version".into()),
            }
        }
        if transition.next.quarantine.is_some() {
            self.count("quarantine".into());
        }
    }

    fn note_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::RollbackStarted { trigger, to, .. } => {
                self.count(format!("trigger {}", trigger.as_str()));
                self.count(format!("back to {}", if to.is_some() { "a phase" } else { "stable" }));
            }
            Notice::RiskAlert { trigger, .. } => self.count(format!("alert {}", trigger.as_str())),
            Notice::RollbackCompleted { unconfirmed, .. } if !unconfirmed.is_empty() => {
                self.count("unconfirmed".into());
            }
            Notice::Advanced { forced: Some(_), .. } => self.count("forced".into()),
            _ => {}
        }
        self.count(format!("notice {}", notice_name(notice)));
    }

    /// Panics unless everything the engine can do was seen at least `least` times.
    pub(super) fn demand(&self, least: u64) {
        let mut expected: Vec<String> = vec![];
        expected.extend(Status::ALL.iter().map(|s| format!("status {}", s.as_str())));
        expected.extend(Trigger::ALL.iter().map(|t| format!("trigger {}", t.as_str())));
        expected.extend(WaitingKind::ALL.iter().map(|k| format!("waiting {}", k.as_str())));
        expected.extend(NOTICES.iter().map(|n| format!("notice {n}")));
        expected.extend(REJECTIONS.iter().map(|r| format!("rejection {r}")));
        let more = [
            "alert errorRate",
            "alert responseTime",
            "back to a phase",
            "back to stable",
            "effect split",
            "effect version",
            "forced",
            "quarantine",
            "target Phase",
            "target Previous",
            "target Stable",
            "unconfirmed",
        ];
        expected.extend(more.map(String::from));
        let of = |what: &String| self.seen.get(what).copied().unwrap_or(0);
        let rare: Vec<_> = expected.iter().filter(|what| of(what) < least).collect();
        assert!(rare.is_empty(), "seen less than {least} times: {rare:?} of {:#?}", self.seen);
    }

    /// How many events were tried.
    pub(super) fn events(&self) -> u64 {
        self.seen.get("event").copied().unwrap_or(0)
    }
}

const NOTICES: [&str; 13] = [
    "Started",
    "Advanced",
    "Metrics",
    "Held",
    "Released",
    "Paused",
    "Resumed",
    "RiskAlert",
    "RollbackStarted",
    "RollbackCompleted",
    "GateAnswered",
    "Completed",
    "Aborted",
];

fn notice_name(notice: &Notice) -> &'static str {
    match notice {
        Notice::Started => "Started",
        Notice::Advanced { .. } => "Advanced",
        Notice::Metrics { .. } => "Metrics",
        Notice::Held => "Held",
        Notice::Released { .. } => "Released",
        Notice::Paused { .. } => "Paused",
        Notice::Resumed { .. } => "Resumed",
        Notice::RiskAlert { .. } => "RiskAlert",
        Notice::RollbackStarted { .. } => "RollbackStarted",
        Notice::RollbackCompleted { .. } => "RollbackCompleted",
        Notice::GateAnswered { .. } => "GateAnswered",
        Notice::Completed => "Completed",
        Notice::Aborted { .. } => "Aborted",
    }
}

const REJECTIONS: [&str; 11] = [
    "pause",
    "resume",
    "advance",
    "rollback",
    "abort",
    "superseding",
    "an answer to a gate",
    "NoSuchPhase",
    "NoSuchGate",
    "AlreadyStarted",
    "UnsoundPlan",
];

fn rejection_name(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::NotNow { what, .. } => what,
        Rejection::NoSuchPhase { .. } => "NoSuchPhase",
        Rejection::NoSuchGate { .. } => "NoSuchGate",
        Rejection::AlreadyStarted(_) => "AlreadyStarted",
        Rejection::UnsoundPlan(_) => "UnsoundPlan",
    }
}
