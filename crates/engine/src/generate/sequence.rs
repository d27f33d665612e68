//! One event after the other: looks, people, new rollouts, a clock that sometimes steps back.

use std::time::Duration;

use fw_model::release::Answer;
use fw_model::{Epoch, RunId, Salt, ServiceKey, ServiceName, Timestamp};

use super::world::World;
use super::{Rng, is_over, sound_plan};
use crate::rollout::{Event, Requested, Rollout, Started, Status, Target};

/// Makes the life of one service, event by event, from a seed.
#[derive(Debug, Clone)]
pub struct Generator {
    rng: Rng,
    world: World,
    now: Timestamp,
    runs: u64,
}

impl Generator {
    /// The life that a seed determines (together with the answers of the engine).
    pub fn new(seed: u64) -> Generator {
        let mut rng = Rng::new(seed);
        let world = World::new(&mut rng);
        Generator { rng, world, now: Timestamp(1_767_225_600_000), runs: 0 }
    }

    /// What happens next to the service whose last rollout is this one, and when.
    pub fn next(&mut self, rollout: Option<&Rollout>) -> (Event, Timestamp) {
        let passed = self.pass();
        let event = match rollout {
            None => self.start(Epoch(0)),
            Some(rollout) if self.rng.chance(command_percent(rollout)) => self.command(rollout),
            Some(rollout) => Event::Looked(self.world.look(&mut self.rng, rollout, passed)),
        };
        (event, self.now)
    }

    /// Lets time pass, by the clock and (as the watched time) really; the clock sometimes steps back.
    fn pass(&mut self) -> Duration {
        let secs = self.rng.pick(&[0, 1, 1, 1, 1, 1, 2, 2, 5, 5, 15, 60]);
        let passed = Duration::from_millis(1000 * secs + self.rng.below(3));
        self.now = match self.rng.below(200) {
            0 => Timestamp(self.now.0 - self.rng.below(600_000) as i64),
            1 => self.now.plus(Duration::from_secs(86_400)),
            _ => self.now.plus(passed),
        };
        if self.rng.below(2000) == 0 { Duration::MAX } else { passed }
    }

    fn start(&mut self, last_epoch: Epoch) -> Event {
        self.runs += 1;
        let service = ServiceName::new("checkout").expect("a sound name");
        let key = ServiceKey { service, region: None };
        let mut plan = sound_plan(&mut self.rng, key.clone());
        if self.rng.chance(2.0) {
            plan.phases.clear();
        }
        let bits = (u128::from(self.rng.bits()) << 64) | u128::from(self.rng.bits());
        Event::Started(Started {
            run: RunId { key, number: self.runs },
            plan: plan.into(),
            plan_hash: "0123456789abcdef".into(),
            salt: Salt::from_bits(bits),
            last_epoch,
            actor: "local:ann".into(),
            reason: self.rng.chance(30.0).then(|| "new checkout".into()),
            before: None,
        })
    }

    /// Something a person or the shell does: mostly what is possible now, sometimes anything.
    fn command(&mut self, rollout: &Rollout) -> Event {
        let anything = self.rng.chance(12.0);
        let sensible: &[Do] = match rollout.status {
            _ if anything => &Do::ALL,
            _ if is_over(rollout) && rollout.status != Status::Completed => &[Do::Start],
            Status::Pending => &[Do::Abort],
            Status::Running if rollout.phase().is_some_and(|phase| !phase.gates.is_empty()) => {
                &[Do::Answer, Do::Answer, Do::Answer, Do::Pause, Do::RollBack]
            }
            Status::Running => &[Do::Pause, Do::Pause, Do::Advance, Do::RollBack, Do::RollBack],
            Status::Paused => &[Do::Resume, Do::Resume, Do::Resume, Do::Advance, Do::RollBack],
            Status::RollingBack => &[Do::Abort],
            Status::RolledBack => &[Do::Resume, Do::Resume, Do::Resume, Do::Advance, Do::Supersede],
            Status::Completed => &[Do::RollBack, Do::Start],
            Status::Aborted => &[Do::Start],
        };
        let chosen = self.rng.pick(sensible);
        self.event(chosen, rollout)
    }

    fn event(&mut self, what: Do, rollout: &Rollout) -> Event {
        let by =
            Requested { actor: "local:ann".into(), reason: self.rng.chance(50.0).then(|| "because".into()) };
        match what {
            Do::Start => self.start(rollout.epoch),
            Do::Pause => Event::Paused(by),
            Do::Resume => Event::Resumed(by),
            Do::Advance => Event::Advanced(by),
            Do::RollBack => {
                let phase = self.rng.below(rollout.plan.phases.len() as u64 + 1) as usize;
                let to = self.rng.pick(&[
                    Target::Previous,
                    Target::Stable,
                    Target::Phase(0),
                    Target::Phase(phase),
                ]);
                Event::RollbackRequested { to, by }
            }
            Do::Abort => Event::AbortRequested(by),
            Do::Answer => {
                let actor = self.rng.pick(&["local:ann", "local:bob", "local:cleo"]).to_owned();
                let phase = rollout.position.unwrap_or(0) + usize::from(self.rng.chance(3.0));
                let answer = if self.rng.chance(85.0) { Answer::Approve } else { Answer::Reject };
                let gate = self.rng.below(2) as usize;
                Event::GateAnswered { phase, gate, answer, by: Requested { actor, ..by } }
            }
            Do::Supersede => {
                Event::Superseded { by: RunId { key: rollout.run.key.clone(), number: self.runs + 1 } }
            }
            Do::Quarantine => Event::Quarantined { reason: "invariant 9 violated: a test".into() },
        }
    }
}

/// What a person or the shell does.
#[derive(Debug, Clone, Copy)]
enum Do {
    Start,
    Pause,
    Resume,
    Advance,
    RollBack,
    Abort,
    Answer,
    Supersede,
    Quarantine,
}

impl Do {
    const ALL: [Do; 9] = [
        Do::Start,
        Do::Pause,
        Do::Resume,
        Do::Advance,
        Do::RollBack,
        Do::Abort,
        Do::Answer,
        Do::Supersede,
        Do::Quarantine,
    ];
}

/// How often somebody acts between two looks, percent: more often where nothing moves by itself.
fn command_percent(rollout: &Rollout) -> f64 {
    match rollout.status {
        Status::Pending => 3.0,
        Status::Running => 7.0,
        Status::Paused => 15.0,
        Status::RollingBack => 4.0,
        Status::RolledBack => 30.0,
        Status::Completed | Status::Aborted => 60.0,
    }
}
