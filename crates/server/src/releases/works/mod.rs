//! What a release has done, a file each. Each may be done twice: by a retry, or by a server that came back.

mod check;
mod deploy;
mod facts;
mod health;
mod probe;
mod rollout;
mod traffic;

use fw_engine::release::{Outcome, Release, TaskId, Work};
use tokio::sync::watch;

use super::Releases;

/// Which work of which release.
pub(super) struct Place {
    /// As it was when the work began.
    pub(super) release: Release,
    /// Which work.
    pub(super) task: TaskId,
    /// From 1.
    pub(super) attempt: u32,
    /// Turns true when it should stop.
    pub(super) stopped: watch::Receiver<bool>,
}

impl Place {
    /// Ends when the work should.
    async fn stop(&self) {
        let mut stopped = self.stopped.clone();
        // Dropped at once: nothing may hold it while something else is waited for.
        drop(stopped.wait_for(|stop| *stop).await);
    }

    /// Names this attempt and no other: the name of its order.
    fn order(&self) -> String {
        format!("{}-{}-{}", self.release.id, self.task, self.attempt)
    }
}

/// Does a work to its end.
pub(super) async fn perform(releases: &Releases, place: &Place, work: &Work) -> Outcome {
    match work {
        Work::Facts => facts::gather(releases, place),
        Work::Probe => unless_stopped(place, probe::probe(releases, place)).await,
        Work::CheckCommand(at) => check::command(releases, place, *at).await,
        Work::CheckWebhook(at) => unless_stopped(place, check::webhook(releases, place, *at)).await,
        Work::Deploy { from, to } => deploy::deploy(releases, place, *from, *to).await,
        Work::Ready { from, to } => unless_stopped(place, health::ready(releases, place, *from, *to)).await,
        Work::Try => unless_stopped(place, traffic::try_out(releases, place)).await,
        Work::StartRollout => rollout::start(releases, place).await,
        Work::OpenGate(phase) => rollout::open_gate(releases, place, *phase).await,
        Work::RollBack => rollout::roll_back(releases, place).await,
        Work::Abort => rollout::abort(releases, place).await,
        Work::Undeploy => deploy::undeploy(releases, place).await,
        Work::Retire => deploy::retire(releases, place).await,
    }
}

/// A work that leaves nothing behind when it is dropped.
async fn unless_stopped(place: &Place, work: impl Future<Output = Outcome>) -> Outcome {
    tokio::select! {
        outcome = work => outcome,
        () = place.stop() => Outcome::Failed { why: "it was stopped".into(), again: false },
    }
}
