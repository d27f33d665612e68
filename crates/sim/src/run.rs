//! One simulated rollout in virtual time: made-up traffic through the real engine, and through the rules of other tools.
//!
//! Data planes route by the split of the last look and confirm it with the next one. A look is made at fixed
//! intervals; the server's look "at once on a burst of errors" is not modelled, so a delay is at least one interval.
//! Requests are counted in the look they arrive in. Once the engine has gone back, the traffic of this world goes
//! on by the plan's durations, for the rules that have not decided yet.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::rollout::{Delta, InFlight, SourceSeen};
use fw_engine::{Effect, Event, Look, Notice, Rejection, Rollout, Started, Status, Transition};
use fw_model::{Epoch, Plan, RunId, Salt, SourceId, Timestamp, Variant, Weight};

use crate::chance::Chance;
use crate::history::Recorded;
use crate::peers::Peers;
use crate::world::{
    Circumstance, Clustered, Moment, Past, Regression, Scenario, Seen, Traffic, Watched, instance_name,
};

/// How long stable was watched before the start where requests are independent and nothing else is said.
pub const BEFORE: Duration = Duration::from_secs(600);
/// The same where failures cluster: how clustered they are is learnt from it.
pub const BEFORE_CLUSTERED: Duration = Duration::from_secs(1800);
/// When every simulated rollout begins.
const BEGIN: Timestamp = Timestamp(1_767_225_600_000);

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The plan the engine keeps.
    pub plan: Arc<Plan>,
    /// What happens.
    pub scenario: Scenario,
    /// Requests a second, both versions together, above 0.
    pub rps: f64,
    /// Error rate of stable, a fraction; what clusters add comes on top.
    pub stable_errors: f64,
    /// Time between looks, ms, above 0.
    pub look_ms: u64,
    /// Simulated time from the confirmed start, ms.
    pub horizon_ms: u64,
    /// Whether conversion and revenue are reported.
    pub metrics: bool,
    /// Instances of stable and of the canary.
    pub instances: (usize, usize),
    /// How long stable was watched before the start, second by second; zero = not at all, and none = as long as the
    /// scenario needs: [`BEFORE`], of which only the totals are drawn, or [`BEFORE_CLUSTERED`].
    pub history: Option<Duration>,
}

impl Setup {
    /// How long stable was watched before the start.
    pub fn watched_before(&self) -> Duration {
        let usual = if self.scenario.clusters.is_any() { BEFORE_CLUSTERED } else { BEFORE };
        self.history.unwrap_or(usual)
    }

    fn traffic(&self, chance: &mut Chance) -> Traffic {
        Traffic::new(chance, self.scenario, self.rps, self.stable_errors, self.metrics, self.instances)
    }

    /// Whether the time before the start is drawn second by second.
    fn has_seconds(&self) -> bool {
        self.history.is_some() || self.scenario.clusters.is_any()
    }
}

/// Where a rollout stood at the end of the simulated time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The engine decided to go back.
    RolledBack,
    /// All traffic is on the canary, for good.
    Completed,
    /// Waits for something else than the phase's time.
    Held,
    /// In a later phase than the first.
    Advanced,
    /// In the first phase, whose time is not over.
    Running,
}

/// What one rule did in one run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ruled {
    /// When it went back, seconds from the confirmed start.
    pub at: Option<f64>,
    /// Canary requests from the regression's onset to then (or to the end).
    pub exposed: u64,
    /// Of them, failed (or slow) ones above stable's rate.
    pub harmed: f64,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// The engine.
    pub ours: Ruled,
    /// What made it go back, and its first words of evidence.
    pub trigger: Option<(&'static str, String)>,
    /// The rules of other tools, in the order of [`crate::peers::NAMES`].
    pub peers: [Ruled; 4],
    /// How clustered stable was before the start; none where it was not watched second by second.
    pub clustered: Option<Clustered>,
}

/// What stable did before the start of run `number` of this seed, second by second; none where it is not watched so.
pub fn past(setup: &Setup, seed: u64, number: u64) -> Option<Past> {
    let mut chance = Chance::of(seed, number);
    let mut traffic = setup.traffic(&mut chance);
    setup.has_seconds().then(|| traffic.past(&mut chance, setup.watched_before()))
}

/// Makes run `number` of this seed.
///
/// # Errors
/// The engine's [`Rejection`] when the plan is unsound.
pub fn run(setup: &Setup, seed: u64, number: u64) -> Result<Ran, Rejection> {
    let mut world = World::new(setup, Chance::of(seed, number), false)?;
    let looks = setup.horizon_ms / setup.look_ms;
    for look in 1..=looks {
        world.look(look * setup.look_ms);
        if world.is_over() {
            break;
        }
    }
    Ok(world.ran())
}

/// Makes a run and keeps every event, as a server's log would.
///
/// # Errors
/// The engine's [`Rejection`] when the plan is unsound.
pub fn record(setup: &Setup, seed: u64, number: u64) -> Result<Vec<Recorded>, Rejection> {
    let mut world = World::new(setup, Chance::of(seed, number), true)?;
    for look in 1..=setup.horizon_ms / setup.look_ms {
        if !world.engaged || world.rollout.status == Status::Completed {
            break;
        }
        world.look(look * setup.look_ms);
    }
    Ok(world.log)
}

/// A run in the making.
struct World<'a> {
    setup: &'a Setup,
    chance: Chance,
    traffic: Traffic,
    source: SourceId,
    rollout: Rollout,
    /// Whether the engine still decides.
    engaged: bool,
    /// Position and time in it, ms, once the engine does not lead any more.
    course: (usize, u64),
    peers: Peers,
    /// Canary requests and harm since the onset.
    sum: (u64, f64),
    ours: Ruled,
    ruled: [Ruled; 4],
    trigger: Option<(&'static str, String)>,
    clustered: Option<Clustered>,
    keeps: bool,
    log: Vec<Recorded>,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup, mut chance: Chance, keeps: bool) -> Result<World<'a>, Rejection> {
        let mut traffic = setup.traffic(&mut chance);
        let span = setup.watched_before();
        let (before, clustered) = if setup.has_seconds() {
            let past = traffic.past(&mut chance, span);
            let history = (!past.watched.is_empty()).then(|| Box::new(past.history(&setup.plan)));
            let clustered = history.as_ref().map(|history| history.clustered());
            (history, clustered)
        } else {
            let stable = traffic.before(&mut chance, span);
            let instances = vec![(instance_name(Variant::Stable, 0), stable)];
            let whole = Watched { seconds: span.as_secs_f64(), instances };
            (Some(Box::new(Past { watched: vec![whole] }.history(&setup.plan))), None)
        };
        let started = Started {
            run: RunId { key: setup.plan.key.clone(), number: 1 },
            plan: without_gates(&setup.plan),
            plan_hash: "simulated".into(),
            salt: Salt::from_bits(u128::from(chance.bits())),
            last_epoch: Epoch(0),
            actor: "simulation".into(),
            reason: None,
            before,
        };
        let begun = fw_engine::begin(&started, BEGIN)?;
        let mut world = World {
            setup,
            chance,
            traffic,
            source: SourceId("simulated".into()),
            rollout: begun.next,
            engaged: true,
            course: (0, 0),
            peers: Peers::new(),
            sum: (0, 0.0),
            ours: Ruled::default(),
            ruled: [Ruled::default(); 4],
            trigger: None,
            clustered,
            keeps,
            log: vec![],
        };
        world.keep(Event::Started(started), 0);
        world.step(Look { sources: vec![world.seen(0.0)], ..Look::default() }, 0);
        Ok(world)
    }

    fn seen(&self, silent_for: f64) -> SourceSeen {
        SourceSeen {
            id: self.source.clone(),
            silent_for: Duration::from_secs_f64(silent_for),
            confirmed: self.rollout.epoch,
        }
    }

    fn is_over(&self) -> bool {
        self.rollout.status == Status::Completed || (!self.engaged && self.peers.all_decided())
    }

    /// The share of this look.
    fn weight(&self) -> Weight {
        if self.engaged {
            return self.rollout.canary;
        }
        self.setup.plan.phases.get(self.course.0).map_or(Weight::FULL, |phase| phase.weight())
    }

    /// One look at this time, ms from the confirmed start.
    fn look(&mut self, at_ms: u64) {
        let (at, span) = (at_ms as f64 / 1000.0, self.setup.look_ms as f64 / 1000.0);
        let moment = Moment { at, span, progress: at_ms as f64 / self.setup.horizon_ms as f64 };
        let weight = self.weight();
        let position = if self.engaged { self.rollout.position.unwrap_or(0) } else { self.course.0 };
        if let Some(phase) = self.setup.plan.phases.get(position) {
            self.traffic.aim(phase.apdex_target_ms());
        }
        let seen = self.traffic.look(&mut self.chance, moment, weight);
        self.add_up(&seen, moment);
        let silent_for = self.silent_for(at);
        let visible = if silent_for > 0.0 { Default::default() } else { seen };
        if self.engaged {
            let look = self.observed(&visible, at, silent_for);
            self.step(look, at_ms);
        } else {
            self.drift();
        }
        let fresh = self.peers.look(at_ms, &visible);
        for (ruled, _) in self.ruled.iter_mut().zip(fresh).filter(|(_, rolls_back)| *rolls_back) {
            *ruled = Ruled { at: Some(at), exposed: self.sum.0, harmed: self.sum.1 };
        }
    }

    /// How long no report has come, seconds.
    fn silent_for(&self, at: f64) -> f64 {
        if self.setup.scenario.circumstance != Circumstance::NoData {
            return 0.0;
        }
        let phase = self.setup.plan.phases.first().map_or(Duration::ZERO, |phase| phase.duration);
        (at - 0.5 * phase.as_secs_f64()).max(0.0)
    }

    /// What the engine is told.
    fn observed(&self, seen: &[Seen; 2], at: f64, silent_for: f64) -> Look {
        let mut deltas = vec![];
        for (variant, seen) in Variant::ALL.into_iter().zip(seen) {
            let counted = seen.instances.iter().enumerate().filter(|(_, counts)| counts.requests > 0);
            deltas.extend(counted.map(|(i, counts)| Delta {
                epoch: self.rollout.epoch,
                variant,
                instance: instance_name(variant, i),
                counts: counts.clone(),
            }));
        }
        Look {
            watched: Duration::from_millis(self.setup.look_ms),
            deltas,
            in_flight: InFlight { canary: self.traffic.hanging(at), ..InFlight::default() },
            sources: vec![self.seen(silent_for)],
            windows: vec![],
        }
    }

    fn step(&mut self, look: Look, at_ms: u64) {
        let now = BEGIN.plus(Duration::from_millis(at_ms));
        // A look is possible in every state.
        let event = Event::Looked(look);
        let Ok(transition) = fw_engine::step(&self.rollout, &event, now) else { return };
        debug_assert_eq!(fw_engine::invariants::check_live(&self.rollout, &event, &transition), vec![]);
        if let Some(trigger) = rollback(&transition) {
            self.trigger = Some(trigger);
            let at = at_ms as f64 / 1000.0;
            self.ours = Ruled { at: Some(at), exposed: self.sum.0, harmed: self.sum.1 };
            self.engaged = false;
            self.course = (self.rollout.position.unwrap_or(0), transition.next.watched.as_millis() as u64);
            self.traffic.merge_instances(&mut self.chance);
        }
        self.rollout = transition.next;
        self.keep(event, at_ms);
    }

    fn keep(&mut self, event: Event, at_ms: u64) {
        if self.keeps {
            let seq = self.log.len() as u64 + 1;
            self.log.push(Recorded { seq, at: BEGIN.plus(Duration::from_millis(at_ms)), event });
        }
    }

    /// Without the engine, a phase lasts its duration.
    fn drift(&mut self) {
        self.course.1 += self.setup.look_ms;
        let phase = self.setup.plan.phases.get(self.course.0);
        if phase.is_some_and(|phase| u128::from(self.course.1) >= phase.duration.as_millis()) {
            self.course = (self.course.0 + 1, 0);
        }
    }

    /// Exposure and harm since the onset.
    fn add_up(&mut self, seen: &[Seen; 2], moment: Moment) {
        let scenario = self.setup.scenario;
        if !scenario.is_on(moment.at - 0.5 * moment.span) {
            return;
        }
        let canary = &seen[1];
        let requests = canary.requests as f64;
        let (exposed, harmed) = match scenario.regression {
            Regression::None => (canary.requests, 0.0),
            Regression::Errors(_) | Regression::SlowBurn => {
                (canary.requests, canary.errors as f64 - self.traffic.usual().errors * requests)
            }
            Regression::Latency(_) => {
                (canary.requests, canary.slow as f64 - self.traffic.usual().slow * requests)
            }
            Regression::Hang => {
                let hung = self.traffic.hung(moment);
                (hung, hung as f64)
            }
        };
        self.sum.0 += exposed;
        self.sum.1 += harmed;
    }

    fn ran(self) -> Ran {
        let open = |ruled: Ruled| match ruled.at {
            Some(_) => ruled,
            None => Ruled { at: None, exposed: self.sum.0, harmed: self.sum.1 },
        };
        let outcome = match self.rollout.status {
            _ if self.ours.at.is_some() => Outcome::RolledBack,
            Status::Completed => Outcome::Completed,
            _ if self.rollout.held => Outcome::Held,
            _ if self.rollout.position > Some(0) => Outcome::Advanced,
            _ => Outcome::Running,
        };
        Ran {
            outcome,
            ours: open(self.ours),
            trigger: self.trigger,
            peers: self.ruled.map(open),
            clustered: self.clustered,
        }
    }
}

/// What made the engine go back in this step, if it did.
fn rollback(transition: &Transition) -> Option<(&'static str, String)> {
    transition.effects.iter().find_map(|(_, effect)| match effect {
        Effect::Publish(Notice::RollbackStarted { trigger, evidence, .. }) => {
            Some((trigger.as_str(), evidence.first().cloned().unwrap_or_default()))
        }
        _ => None,
    })
}

/// In a simulated world whoever is asked says yes at once: what is simulated is what measurements show.
fn without_gates(plan: &Arc<Plan>) -> Arc<Plan> {
    if plan.phases.iter().all(|phase| phase.gates.is_empty()) {
        return plan.clone();
    }
    let mut plan = Plan::clone(plan);
    plan.phases.iter_mut().for_each(|phase| phase.gates.clear());
    Arc::new(plan)
}
