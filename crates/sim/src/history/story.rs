//! What a rollout decided, in order: the chapters of its story.

use fw_engine::{Effect, Notice, Rollout, Transition};
use fw_model::Timestamp;
use serde::Serialize;

/// Something that was decided or done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chapter {
    /// Seconds since the rollout began.
    pub seconds: f64,
    /// started, advanced, held, released, paused, resumed, rolled_back, completed or aborted.
    pub kind: &'static str,
    /// The phase it is in afterwards; null at stable.
    pub phase: Option<usize>,
    /// The canary's share afterwards, percent.
    pub percentage: f64,
    /// Why, in words; empty where there is nothing to say.
    pub text: String,
}

/// How a rollout went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// Status at its end.
    pub status: String,
    /// What was decided.
    pub chapters: Vec<Chapter>,
    /// Canary requests over it.
    pub canary_requests: u64,
    /// Of them, errors.
    pub canary_errors: u64,
}

impl Story {
    /// A story without a chapter.
    pub(super) fn new() -> Story {
        Story { status: String::new(), chapters: vec![], canary_requests: 0, canary_errors: 0 }
    }

    /// Writes down what a step decided at this time.
    pub(super) fn tell(&mut self, transition: &Transition, at: Timestamp) {
        let next = &transition.next;
        let notices = transition.effects.iter().filter_map(|(_, effect)| match effect {
            Effect::Publish(notice) => Some(notice),
            Effect::SetSplit { .. } | Effect::SetCurrentVersion { .. } => None,
        });
        for notice in notices {
            if let Some((kind, text)) = words(notice, transition) {
                self.chapters.push(Chapter {
                    seconds: at.since(next.started_at).as_secs_f64(),
                    kind,
                    phase: next.position,
                    percentage: next.canary.percent(),
                    text,
                });
            }
        }
        self.close(next);
    }

    fn close(&mut self, rollout: &Rollout) {
        self.status = rollout.status.as_str().into();
        self.canary_requests = rollout.totals.requests;
        self.canary_errors = rollout.totals.errors;
    }
}

fn words(notice: &Notice, transition: &Transition) -> Option<(&'static str, String)> {
    Some(match notice {
        Notice::Started => ("started", String::new()),
        Notice::Advanced { forced, .. } => {
            let text = forced.as_ref().map(|forced| match forced.overrode.is_empty() {
                true => format!("by {}", forced.actor),
                false => format!("by {}, over: {}", forced.actor, forced.overrode.join("; ")),
            });
            ("advanced", text.unwrap_or_default())
        }
        Notice::Held => {
            let reasons = transition.report.waiting_on.iter().map(|waiting| waiting.text.clone());
            ("held", reasons.collect::<Vec<_>>().join("; "))
        }
        Notice::Released { .. } => ("released", String::new()),
        Notice::Paused { actor, .. } => ("paused", format!("by {actor}")),
        Notice::Resumed { actor, .. } => ("resumed", format!("by {actor}")),
        Notice::RollbackStarted { trigger, evidence, .. } => {
            ("rolled_back", format!("{}: {}", trigger.as_str(), evidence.join("; ")))
        }
        Notice::GateAnswered { gate, answer, actor, .. } => {
            ("gate", format!("{gate}: {} by {actor}", answer.as_str()))
        }
        Notice::Completed => ("completed", String::new()),
        Notice::Aborted { actor, .. } => ("aborted", format!("by {actor}")),
        Notice::Metrics { .. } | Notice::RiskAlert { .. } | Notice::RollbackCompleted { .. } => return None,
    })
}
