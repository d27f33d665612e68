//! Quarantine: an invariant was violated. Traffic stays where it is until a person acts.

use fw_model::Timestamp;

use crate::rollout::moves::Draft;
use crate::rollout::{Rollout, Transition};

pub(in crate::rollout) fn quarantine(rollout: &Rollout, reason: &str, now: Timestamp) -> Transition {
    let mut draft = Draft::new(rollout, now);
    draft.next.quarantine = Some(reason.to_owned());
    draft.material = true;
    draft.finish(None)
}
