//! Where an instance has its files, and what they say of it now.
//!
//! ```text
//! ROOT/SERVICE/VERSION/127.0.0.1_8082/     an instance: its pipe, its log
//!     life-000001/                         one keeper: spec, claim, state, stop, exit
//! ```
//! Only the newest life counts. A keeper is claimed for its life as a wrapper is for its order, so a life has one keeper
//! at most, and a new one begins only when the last is over.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::deploy::folder::{self, CLAIM, Claim, EXIT, SPEC};
use crate::deploy::order::file_name;
use crate::deploy::os::Identity;
use crate::deploy::program::Program;

/// Lives whose files are kept.
const LIVES_MAX: usize = 20;
/// What a keeper says of its process.
pub(super) const STATE: &str = "state.json";

/// What a keeper is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeepSpec {
    #[serde(flatten)]
    pub(super) program: Program,
    /// Milliseconds, all of them.
    pub(super) grace_ms: u64,
    pub(super) pause_first_ms: u64,
    pub(super) pause_max_ms: u64,
    pub(super) steady_ms: u64,
}

/// What a keeper says of its process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    /// The process; none while it waits to start the next.
    pub(super) process: Option<Identity>,
    /// Since when that is so, milliseconds since 1970.
    pub(super) since_ms: u64,
    /// Processes of this life that ended by themselves.
    pub(super) restarts: u32,
    /// How the last one ended, in words.
    pub(super) last_end: Option<String>,
}

/// The end of a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeepEnd {
    pub(super) ended_ms: u64,
    /// How its last process ended, in words; or why the keeper gave up.
    pub(super) last_end: Option<String>,
}

/// What is true of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Now {
    /// It never ran here, or it was stopped.
    Over,
    /// A life that no keeper has claimed: the server ended in the middle of starting it.
    Unclaimed(PathBuf),
    /// A keeper lives.
    Kept { life: PathBuf, keeper: Identity, state: Option<State> },
    /// The keeper was killed. Its process may live on.
    Orphaned { life: PathBuf, process: Option<Identity> },
}

/// The folder of an instance.
pub(super) fn instance(root: &Path, service: &str, version: &str, at: SocketAddr) -> PathBuf {
    let host = at.to_string().replace([':', '[', ']'], "_");
    root.join(file_name(service)).join(file_name(version)).join(file_name(&host))
}

/// Its lives with their numbers, oldest first.
fn lives(instance: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(instance) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("life-")?.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// The life before one, if there is one.
pub(super) fn before(life: &Path) -> io::Result<Option<PathBuf>> {
    let Some(instance) = life.parent() else { return Ok(None) };
    Ok(lives(instance)?.into_iter().map(|(_, path)| path).take_while(|path| path != life).last())
}

/// What is true of an instance now.
pub(super) fn now(instance: &Path) -> io::Result<Now> {
    let Some((_, life)) = lives(instance)?.pop() else { return Ok(Now::Over) };
    let is_over = || Ok::<_, io::Error>(folder::read::<KeepEnd>(&life.join(EXIT))?.is_some());
    if is_over()? {
        return Ok(Now::Over);
    }
    let Some(claim) = folder::read::<Claim>(&life.join(CLAIM))? else {
        // One that is to stop before it began is over: nobody starts it any more.
        let stopped = folder::is_asked_to_stop(&life);
        return Ok(if stopped { Now::Over } else { Now::Unclaimed(life) });
    };
    let state: Option<State> = folder::read(&life.join(STATE))?;
    if claim.by.is_alive() {
        return Ok(Now::Kept { life, keeper: claim.by, state });
    }
    // It may have written its end between the two looks.
    if is_over()? {
        return Ok(Now::Over);
    }
    let process = state.and_then(|state| state.process).filter(Identity::is_alive);
    Ok(Now::Orphaned { life, process })
}

/// Makes the next life, with its spec; none when another server made one at the same moment.
pub(super) fn next_life(instance: &Path, spec: &KeepSpec) -> io::Result<Option<PathBuf>> {
    folder::make(instance)?;
    let before = lives(instance)?;
    let number = before.last().map_or(1, |(number, _)| number + 1);
    let life = instance.join(format!("life-{number:06}"));
    match fs::create_dir(&life) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(e) => return Err(e),
    }
    folder::create(&life.join(SPEC), spec)?;
    let extra = (before.len() + 1).saturating_sub(LIVES_MAX);
    for (_, old) in before.iter().take(extra) {
        fs::remove_dir_all(old)?;
    }
    Ok(Some(life))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> KeepSpec {
        let program =
            Program { argv: vec!["x".into()], env: Default::default(), pass: Vec::new(), cwd: "/".into() };
        KeepSpec { program, grace_ms: 1, pause_first_ms: 1, pause_max_ms: 1, steady_ms: 1 }
    }

    #[test]
    fn the_newest_life_counts_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let at = instance(dir.path(), "shop/eu", "1.0", "127.0.0.1:80".parse().unwrap());
        assert_eq!(now(&at).unwrap(), Now::Over);
        let first = next_life(&at, &spec()).unwrap().unwrap();
        assert_eq!(now(&at).unwrap(), Now::Unclaimed(first.clone()));
        for _ in 0..LIVES_MAX {
            next_life(&at, &spec()).unwrap().unwrap();
        }
        assert_eq!(lives(&at).unwrap().len(), LIVES_MAX);
        assert!(!first.exists());
        let (_, newest) = lives(&at).unwrap().pop().unwrap();
        assert_eq!(before(&newest).unwrap().unwrap(), lives(&at).unwrap()[LIVES_MAX - 2].1);
        folder::ask_to_stop(&newest).unwrap();
        assert_eq!(now(&at).unwrap(), Now::Over);
    }

    #[test]
    fn a_claim_of_another_boot_is_an_orphan_without_a_process() {
        let dir = tempfile::tempdir().unwrap();
        let life = next_life(dir.path(), &spec()).unwrap().unwrap();
        let gone = Identity { boot_id: "before".into(), ..Identity::own().unwrap() };
        folder::write(&life.join(CLAIM), &Claim { by: gone.clone(), at_ms: 1 }).unwrap();
        let state = State { process: Some(gone), since_ms: 1, restarts: 0, last_end: None };
        folder::write(&life.join(STATE), &state).unwrap();
        assert_eq!(now(dir.path()).unwrap(), Now::Orphaned { life, process: None });
    }
}
