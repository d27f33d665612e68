//! What a person may do to all regions at once. What may be done to one region is the table of its own rollout.

use fw_model::Timestamp;

use super::moves::Draft;
use super::report::open_conditions;
use super::{Notice, RegionalRollout, Rejection, Status, Transition, Wanted, pooled};
use crate::rollout::{Requested, Status as Life};

/// A refusal that says what is possible instead.
fn not_now(whole: &RegionalRollout, what: &'static str) -> Rejection {
    let hint = match whole.status {
        Status::Pending | Status::Running => "pause, advance, rollback and abort are possible",
        Status::Paused => "resume, rollback and abort are possible",
        Status::Halted => "resume, rollback and abort are possible",
        Status::RollingBack => "abort is possible; it will be rolled back in a moment",
        Status::RolledBack => "resume, abort or a new start are possible",
        Status::Aborting => "it will be over in a moment",
        Status::Completed => "a rollback to stable or a new start are possible",
        Status::Partial | Status::Aborted => {
            "a new start is possible; each region takes commands by its name"
        }
    };
    Rejection::NotNow { what, status: whole.status, hint }
}

pub(super) fn pause(
    whole: &RegionalRollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if !matches!(whole.status, Status::Pending | Status::Running) {
        return Err(not_now(whole, "pause"));
    }
    let mut draft = Draft::new(whole, now);
    draft.want(Wanted::Hold);
    draft.next.regions.iter_mut().for_each(|r| r.freed = false);
    draft.publish(Notice::Asked { what: "pause", by: by.clone() });
    draft.reconcile();
    Ok(draft.finish())
}

pub(super) fn resume(
    whole: &RegionalRollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if !matches!(whole.status, Status::Paused | Status::Halted | Status::RolledBack) {
        return Err(not_now(whole, "resume"));
    }
    let mut draft = Draft::new(whole, now);
    draft.want(Wanted::Run);
    if whole.halt.is_some() || whole.status == Status::RolledBack {
        let shown = pooled::pooled(whole).is_shown();
        let next = &mut draft.next;
        next.attempt += 1;
        next.resumed_at = Some(now);
        next.halt = None;
        next.regions.iter_mut().for_each(pooled::begin_attempt);
        // What all show together stays shown where no region begins anew: the person has seen it.
        next.pooled_overridden = shown;
    }
    for region in &mut draft.next.regions {
        let back = matches!(region.status(), Some(Life::RollingBack | Life::RolledBack));
        region.again |= back;
        if region.status() != Some(Life::Aborted) {
            region.fallen = false;
        }
        region.freed = false;
        region.refused = None;
    }
    draft.publish(Notice::Asked { what: "resume", by: by.clone() });
    draft.reconcile();
    Ok(draft.finish())
}

pub(super) fn advance(
    whole: &RegionalRollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let Some(wave) = whole.next_wave().filter(|_| matches!(whole.status, Status::Pending | Status::Running))
    else {
        if whole.next_wave().is_none() && whole.status == Status::Running {
            let hint = "every wave has begun; a region advances by its name, SERVICE@REGION";
            return Err(Rejection::NotNow { what: "advance", status: whole.status, hint });
        }
        return Err(not_now(whole, "advance"));
    };
    let mut draft = Draft::new(whole, now);
    let overrode = open_conditions(whole, wave, now).into_iter().map(|reason| reason.text).collect();
    draft.begin_wave(wave, Some((by.clone(), overrode)));
    Ok(draft.finish())
}

pub(super) fn roll_back(
    whole: &RegionalRollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let possible =
        matches!(whole.status, Status::Pending | Status::Running | Status::Paused | Status::Halted)
            || whole.status == Status::Completed;
    if !possible {
        return Err(not_now(whole, "rollback"));
    }
    let mut draft = Draft::new(whole, now);
    draft.want(Wanted::Back);
    draft.next.ended_at = None;
    draft.publish(Notice::Asked { what: "rollback", by: by.clone() });
    draft.reconcile();
    Ok(draft.finish())
}

pub(super) fn abort(
    whole: &RegionalRollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if whole.status.is_final() || whole.status == Status::Aborting {
        return Err(not_now(whole, "abort"));
    }
    let mut draft = Draft::new(whole, now);
    draft.want(Wanted::Abort);
    draft.publish(Notice::Asked { what: "abort", by: by.clone() });
    draft.reconcile();
    Ok(draft.finish())
}
