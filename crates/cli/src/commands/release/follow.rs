//! `--wait`: what happens to a release, as it happens, until its end; and the summary for a CI job.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::show::{card, moment_line};
use super::{detail, text};
use crate::client::{Client, ClientError, escape};
use crate::failure::Failure;
use crate::output::{Out, Paint, clean, say};

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How long a server that is gone is waited for: it may be on its way back.
const GONE_MAX: Duration = Duration::from_secs(60);
/// The file that GitHub Actions shows on the page of a job. Source: docs.github.com, "Adding a job summary".
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Follows it to its end; exit 1 when it did not succeed.
pub(super) async fn to_the_end(client: &Client, id: &str, out: &mut Out) -> Result<(), Failure> {
    let paint = Paint::stderr();
    let mut told = Told::default();
    let mut gone = Duration::ZERO;
    let last = loop {
        match detail(client, id).await {
            Ok(release) => {
                gone = Duration::ZERO;
                told.tell(&release, paint);
                if release["overallStatus"].is_string() {
                    break release;
                }
            }
            Err(Failure::Unreachable(text)) if gone < GONE_MAX => {
                if gone.is_zero() {
                    say(&paint.yellow("the server does not answer; the release goes on when it is back"));
                }
                gone += ASK_EVERY;
                let _ = text;
            }
            Err(other) => return Err(other),
        }
        sleep(ASK_EVERY).await;
    };
    summarise(client, id).await;
    if out.is_json() {
        out.json(&last)?;
    } else {
        // What happened was told; here is how it ended.
        let mut short = last.clone();
        short["timeline"] = Value::Array(vec![]);
        short["findings"] = Value::Array(vec![]);
        for line in card(&short, out.paint) {
            out.line(&line)?;
        }
    }
    match text(&last, "overallStatus") {
        "success" => Ok(()),
        other => Err(Failure::Failed(format!("{} ended: {}", clean(id), clean(other)))),
    }
}

/// What was told already.
#[derive(Default)]
struct Told {
    moments: usize,
    waits: String,
}

impl Told {
    fn tell(&mut self, release: &Value, paint: Paint) {
        let moments = release["timeline"].as_array().map_or(&[][..], Vec::as_slice);
        for moment in moments.iter().skip(self.moments) {
            say(&moment_line(moment, paint));
        }
        self.moments = moments.len().max(self.moments);
        // A gate or a person is worth a line; works and the rollout tell of themselves.
        let waits = &release["waitingOn"][0];
        let worth = matches!(text(waits, "kind"), "gate" | "person");
        let now = if worth {
            text(waits, "text").split(';').next().unwrap_or_default().to_owned()
        } else {
            String::new()
        };
        if now != self.waits && worth {
            say(&paint.yellow(&format!("          waits: {}", clean(text(waits, "text")))));
        }
        self.waits = now;
    }
}

/// The report as the summary of a job, where there is a place for it. A summary that can't be written fails nothing.
async fn summarise(client: &Client, id: &str) {
    let Some(file) = std::env::var_os(SUMMARY).filter(|file| !file.is_empty()) else { return };
    let text: Result<String, ClientError> =
        client.get_text(&format!("/api/v1/releases/{}/report", escape(id))).await;
    let Ok(text) = text else { return };
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(&file);
    if let Err(error) = opened.and_then(|mut file| writeln!(file, "{text}")) {
        say(&format!("the summary could not be written to ${SUMMARY}: {error}"));
    }
}
