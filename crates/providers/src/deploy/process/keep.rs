//! The keeper of one instance: starts its process, starts it again when it ends, ends it in order when told.
//!
//! It runs in a process of its own and outlives the server. When a keeper itself is killed, the process goes on, and the
//! next keeper
//! takes it over: it reads on in the same pipe, and starts the next process when this one ends.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::place::{self, KeepEnd, KeepSpec, STATE, State};
use crate::deploy::command::RunError;
use crate::deploy::folder::{self, EXIT, SPEC};
use crate::deploy::os::{self, Identity};
use crate::deploy::program::MARK;
use crate::deploy::tend::{Cause, Output, Stopper, Tended, Terms, kill_marked, tend};

/// Keeps the instance of a life, unless another keeper has claimed it: the body of the hidden subcommand. Returns when
/// it was told to stop
/// and its process is gone.
///
/// # Errors
/// [`RunError`]; before the claim nothing has run.
pub fn keep(life: &Path) -> Result<(), RunError> {
    let failed = |what| move |source| RunError::System { what, source };
    let spec: KeepSpec = folder::read(&life.join(SPEC))
        .map_err(failed("the life can't be read"))?
        .ok_or_else(|| RunError::NoOrder(life.display().to_string()))?;
    let instance = life.parent().ok_or_else(|| RunError::NoOrder(life.display().to_string()))?;
    os::own_session().map_err(failed("the session can't be left"))?;
    if !folder::claim(life).map_err(failed("the life can't be claimed"))? {
        return Ok(());
    }
    let stopper = Stopper::listen(life).map_err(failed("signals can't be had"))?;
    let output = Output::open(instance, true).map_err(failed("the log can't be written"))?;
    let mut keeper = Keeper {
        state: State { process: None, since_ms: folder::now_ms(), restarts: 0, last_end: None },
        life: life.to_owned(),
        instance: instance.to_owned(),
        spec,
        stopper,
        output,
    };
    let result = keeper.run();
    if let Err(e) = &result {
        keeper.output.say(&format!("the keeper gives up: {e}"));
        keeper.state.last_end = Some(format!("the keeper gave up: {e}"));
    }
    let end = KeepEnd { ended_ms: folder::now_ms(), last_end: keeper.state.last_end };
    folder::write(&life.join(EXIT), &end).map_err(failed("the end can't be written"))?;
    result.map_err(failed("the instance can't be kept"))
}

struct Keeper {
    life: PathBuf,
    instance: PathBuf,
    spec: KeepSpec,
    stopper: Stopper,
    output: Output,
    state: State,
}

impl Keeper {
    fn run(&mut self) -> io::Result<()> {
        let mut next = self.left_behind()?;
        let mut pause = self.pause_first();
        while !self.stopper.is_asked() || next.is_some() {
            let begun = Instant::now();
            let tended = match next.take() {
                Some(left) => Ok(left),
                None => self.start(),
            };
            let end = match tended {
                Ok(mut tended) => {
                    let (cause, status) = self.tend(&mut tended)?;
                    let words = words(status);
                    if cause == Cause::Asked {
                        self.output.say(&format!("stopped: {words}"));
                        self.state.last_end = Some(words);
                        return Ok(());
                    }
                    words
                }
                Err(e) => format!("could not be started: {e}"),
            };
            if begun.elapsed() >= Duration::from_millis(self.spec.steady_ms) {
                pause = self.pause_first();
            }
            self.output.say(&format!("the process {end}; started again in {} ms", pause.as_millis()));
            self.state.restarts = self.state.restarts.saturating_add(1);
            self.note(None, Some(end));
            self.pause(pause)?;
            pause = (pause * 2).min(Duration::from_millis(self.spec.pause_max_ms)).max(self.pause_first());
        }
        Ok(())
    }

    fn pause_first(&self) -> Duration {
        Duration::from_millis(self.spec.pause_first_ms)
    }

    /// What a killed keeper left: its process, if that is known; of all else nothing may stay, or the port is never free.
    fn left_behind(&mut self) -> io::Result<Option<Tended>> {
        let before = match place::before(&self.life)? {
            Some(before) => folder::read::<State>(&before.join(STATE))?,
            None => None,
        };
        if let Some(process) = before.and_then(|state| state.process).filter(Identity::is_alive) {
            self.output.say(&format!("taken over from a keeper that was killed: pid {}", process.pid));
            self.note(Some(process.clone()), None);
            return Ok(Some(Tended::TakenOver(process, self.instance.clone())));
        }
        kill_marked(&self.instance);
        Ok(None)
    }

    fn start(&mut self) -> io::Result<Tended> {
        let mut command = self.spec.program.command(&self.instance);
        self.output.attach(&mut command)?;
        let child = command.spawn()?;
        let process = os::identity(child.id())?;
        let tended = Tended::Own(child);
        let last_end = self.state.last_end.clone();
        // None when it ended at once: that is seen a moment later.
        self.note(process, last_end);
        Ok(tended)
    }

    fn tend(&mut self, tended: &mut Tended) -> io::Result<(Cause, Option<ExitStatus>)> {
        let terms =
            Terms { timeout: None, grace: Duration::from_millis(self.spec.grace_ms), whole_group: true };
        let end = tend(tended, &mut self.output, &self.stopper, terms)?;
        // What left the group of the process as well.
        if !os::marked(MARK, &self.instance).is_empty() {
            kill_marked(&self.instance);
        }
        Ok(end)
    }

    /// Writes down what is so now. A full disk must not end the service: then the note is old, and the process still has
    /// its mark.
    fn note(&mut self, process: Option<Identity>, last_end: Option<String>) {
        self.state = State { process, since_ms: folder::now_ms(), restarts: self.state.restarts, last_end };
        if let Err(e) = folder::write(&self.life.join(STATE), &self.state) {
            self.output.say(&format!("the state can't be written: {e}"));
        }
    }

    /// Waits, unless it is told to stop.
    fn pause(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.stopper.is_asked() {
            self.output.pump()?;
        }
        Ok(())
    }
}

fn words(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("ended with exit code {code}"),
        Some((None, Some(signal))) => format!("was ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}
