//! `fw plan simulate --replay NAME`: a past rollout's observations under another plan, next to what was.

use std::path::PathBuf;

use fw_runtime::config;
use fw_sim::history::{Chapter, Replay, Story, replay};

use super::past::Past;
use super::words::span;
use crate::args::{DEFAULT_CONFIG, SimulateArgs};
use crate::failure::Failure;
use crate::output::{Out, clean, plain_number, thousands};

pub(super) fn run(name: &str, args: &SimulateArgs, out: &mut Out) -> Result<(), Failure> {
    let file = args.config().unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    let plan = config::load_file(&file, args.env.as_deref())?.plan;
    let past = Past::open(&args.store)?;
    let row = past.find(name)?;
    let events = past.events(&row.run)?;
    let mut replay = replay(&events, &plan)
        .map_err(|e| Failure::Failed(format!("{} can't be replayed: {}", row.run, e.told())))?;
    if replay.recorded.status != row.status {
        replay.notes.push(format!(
            "this version of fw decides otherwise than the one that ran it: there it ended {}, made again {}",
            row.status, replay.recorded.status
        ));
    }
    if out.is_json() {
        return Ok(out.json(&replay)?);
    }
    for line in lines(&replay, &file.display().to_string()) {
        out.line(&clean(&line))?;
    }
    Ok(())
}

fn lines(replay: &Replay, file: &str) -> Vec<String> {
    let mut lines = vec![format!("{} as it was:", replay.run)];
    lines.extend(story(&replay.recorded));
    lines.push(String::new());
    lines.push(format!("Under the plan of {file}:"));
    lines.extend(story(&replay.replayed));
    lines.push(String::new());
    let saved = replay.canary_requests_saved;
    if saved != 0 {
        let what = if saved > 0 { "fewer" } else { "more" };
        lines.push(format!("{} {what} canary requests judged.", thousands(saved.unsigned_abs())));
    }
    lines.extend(replay.notes.iter().map(|note| format!("note: {note}")));
    lines
}

fn story(story: &Story) -> Vec<String> {
    let mut lines: Vec<String> = story.chapters.iter().map(chapter).collect();
    lines.push(format!(
        "  end: {}, {} canary requests, {} errors",
        story.status.replace('_', " "),
        thousands(story.canary_requests),
        thousands(story.canary_errors)
    ));
    lines
}

/// `  3.5 min   advanced to phase 1 (25 %)`.
fn chapter(chapter: &Chapter) -> String {
    let place = match chapter.phase {
        Some(phase) => format!("phase {phase} ({} %)", plain_number(chapter.percentage)),
        None => "stable".to_owned(),
    };
    let what = match chapter.kind {
        "started" => format!("began with {place}"),
        "advanced" => format!("advanced to {place}"),
        "rolled_back" => format!("rolled back to {place}"),
        "held" => format!("held in {place}"),
        "released" => format!("hold over in {place}"),
        other => other.to_owned(),
    };
    let text = if chapter.text.is_empty() { String::new() } else { format!(": {}", chapter.text) };
    format!("  {:>8}   {what}{text}", span(chapter.seconds))
}
