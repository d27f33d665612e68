//! The loop of one service: ask regions what is open, look at all that have begun, every second and whenever somebody
//! asked for something.
//!
//! Regions are asked and looked at all at once, without the lock, so that one that does not answer delays no command.
//! After a crash open asks stand in the state, and are asked again under their old keys.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use fw_engine::waves::{Action, Ask, Event, Looked, RegionalRollout};
use fw_model::Region;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::backend::{Asking, Backend};
use super::whole::{NotTaken, Whole};
use super::{Service, Waves};

/// It looks this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A longer time between looks was not watched.
const GAP_MAX: Duration = Duration::from_secs(5);

/// Runs until told to stop.
pub(super) async fn drive(waves: Arc<Waves>, service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.wake.notified() => {}
            _ = stopping.changed() => {}
        }
        if *stopping.borrow() {
            return;
        }
        perform(&waves, &service).await;
        look(&waves, &service, &mut looked).await;
        // What the look asked for need not wait for the next one.
        perform(&waves, &service).await;
    }
}

/// Asks every region what is open.
async fn perform(waves: &Waves, service: &Service) {
    let (run, open) = {
        let latest = service.whole.lock().await;
        let Some(whole) = latest.as_ref() else { return };
        (whole.state.run.clone(), open(waves, service, whole))
    };
    let answers = open.into_iter().map(|(ask, backend, asking)| async move {
        let answer = backend.ask(&asking).await;
        (ask, answer)
    });
    for (ask, answer) in join_all(answers).await {
        let Some(answer) = answer else { continue };
        let mut latest = service.whole.lock().await;
        let Some(whole) = latest.as_mut().filter(|whole| whole.state.run == run) else { return };
        let event = Event::Answered { region: ask.region, ask: ask.ordinal, answer };
        let taken = whole.event(&waves.journal, event, None, waves.handle.now()).await;
        say(&run, taken);
    }
}

/// Open asks, with who is asked and what.
fn open(waves: &Waves, service: &Service, whole: &Whole) -> Vec<(Ask, Backend, Asking)> {
    let asking = |ask: &Ask, region_run: Option<String>| {
        let config = whole.config.regions.iter().find(|region| region.name == ask.region)?;
        let asking = Asking {
            action: ask.action,
            key: format!("{}/{}/{}", whole.subject, ask.region, ask.ordinal),
            run: region_run,
            actor: format!("waves:{}", whole.state.run),
            reason: reason(&whole.state, ask),
            config: config.config.clone(),
        };
        Some((ask.clone(), waves.backend(service, &ask.region), asking))
    };
    let regions = whole.state.regions.iter();
    regions.filter_map(|region| asking(region.ask.as_ref()?, region.run.clone())).collect()
}

/// Why a region is asked, for its own log: one line of bounded length.
fn reason(whole: &RegionalRollout, ask: &Ask) -> String {
    let halt = whole.halt.as_ref().map(|halt| halt.why.as_str());
    let wave = whole.region(&ask.region).map_or(0, |region| region.wave + 1);
    let text = match ask.action {
        Action::Start => format!("wave {wave} of {}", whole.run),
        Action::Pause => format!("held: {}", halt.unwrap_or("all regions are paused")),
        Action::Resume => "all regions go on".to_owned(),
        Action::Rollback => format!("all regions go back: {}", halt.unwrap_or("a person asked for it")),
        Action::Abort => "all regions are ended".to_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Looks at every region that has begun.
async fn look(waves: &Waves, service: &Service, looked: &mut Instant) {
    let (run, begun) = {
        let latest = service.whole.lock().await;
        let Some(whole) = latest.as_ref().filter(|whole| whole.state.ended_at.is_none()) else { return };
        let begun = whole.state.regions.iter().filter_map(|region| {
            Some((region.region.clone(), region.run.clone()?, waves.backend(service, &region.region)))
        });
        (whole.state.run.clone(), begun.collect::<Vec<(Region, String, Backend)>>())
    };
    let sights = begun.into_iter().map(|(region, run, backend)| async move {
        let sight = backend.look(&run).await;
        (region, sight)
    });
    let sights = join_all(sights).await;
    let now = Instant::now();
    let passed = now.duration_since(std::mem::replace(looked, now));
    // Whole milliseconds, as the journal keeps them; time in which nobody looked is not watched.
    let passed = if passed > GAP_MAX { Duration::ZERO } else { passed };
    let watched = Duration::from_millis(u64::try_from(passed.as_millis()).unwrap_or(0));
    let mut latest = service.whole.lock().await;
    let Some(whole) = latest.as_mut().filter(|whole| whole.state.run == run) else { return };
    let taken = whole.look(&waves.journal, Looked { watched, sights }, waves.handle.now()).await;
    say(&run, taken);
}

/// What can't be taken is tried again with the next look.
fn say(run: &fw_model::RunId, taken: Result<(), NotTaken>) {
    match taken {
        Ok(()) => {}
        Err(NotTaken::Rejected(rejection)) => {
            tracing::error!(target: "fw_server::waves", %run, %rejection, "an event was not allowed");
        }
        Err(NotTaken::Failed(why)) => {
            tracing::error!(target: "fw_server::waves", %run, %why, "nothing was changed; it is tried again");
        }
    }
}
