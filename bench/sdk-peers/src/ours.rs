//! Our own calls, on a rollout whose split comes from a state folder.
//!
//! No server is there: the kept split stays in force, and calls cost what they cost beside one. More cases of ours,
//! such as long keys and errors, are in the example `cost` of `fw-sdk`.

use std::path::Path;

use anyhow::ensure;
use fw_model::{Epoch, LogId, Plan, Salt, Split, Weight};
use fw_plane::follow::state;
use fw_sdk::{Outcome, Rollout};

use crate::measure::{Case, Group, KEYS, SHARE, elapsed, key};

/// The four calls. `dir` keeps the split.
pub(crate) fn cases(dir: &Path) -> anyhow::Result<Vec<Case>> {
    let plan = Plan::seed("checkout".parse()?);
    let mut split = Split::resting(&plan, LogId("bench".into()), Epoch(1), Salt::from_bits(7));
    split.canary = Weight::new(25_000)?;
    state::save(&state::file(dir, &plan.key), &split)?;
    // Nobody listens there.
    let rollout = Rollout::builder("http://127.0.0.1:9", "checkout").state_dir(dir).connect()?;
    ensure!(rollout.current_phase().percentage == 100.0 * SHARE, "the kept split is not in force");

    let (serve, serve_for, record) = (rollout.clone(), rollout.clone(), rollout.clone());
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    Ok(vec![
        Case::plain("should_serve", Group::Ours, move |_| serve.should_serve()),
        Case::keyed("should_serve_for", Group::Ours, |key| key, move |key| serve_for.should_serve_for(key))?,
        Case::plain("assign+record", Group::Ours, move |i| {
            rollout.assign(&keys[i as usize % KEYS]).record(Outcome::Success, elapsed(i));
            true
        }),
        Case::plain("record_request", Group::Ours, move |i| {
            record.record_request(true, elapsed(i));
            true
        }),
    ])
}
