//! A recorded run, followed event by event as it was.

use fw_engine::{Event, Rollout, Transition, begin, step};
use fw_model::Timestamp;

use super::{HistoryError, Recorded};

/// Follows a run from its first event and shows each one, with the state before it (none before the first) and
/// what followed. Returns the last state.
pub(super) fn follow(
    events: &[Recorded],
    mut show: impl FnMut(Option<&Rollout>, &Recorded, &Transition),
) -> Result<Rollout, HistoryError> {
    let mut rest = events.iter();
    let first = rest.next().ok_or(HistoryError::Incomplete)?;
    let Event::Started(started) = &first.event else { return Err(HistoryError::Incomplete) };
    let begun =
        begin(started, first.at).map_err(|source| HistoryError::Refused { seq: first.seq, source })?;
    show(None, first, &begun);
    let mut rollout = begun.next;
    for recorded in rest {
        let transition = step(&rollout, &recorded.event, recorded.at)
            .map_err(|source| HistoryError::Refused { seq: recorded.seq, source })?;
        show(Some(&rollout), recorded, &transition);
        rollout = transition.next;
    }
    Ok(rollout)
}

/// Seconds between two moments.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64()
}
