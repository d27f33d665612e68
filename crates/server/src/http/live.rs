//! `GET /api/v1/rollouts/{name}/live`: a rollout's detail and measurements as they change, for a page that shows them.
//!
//! The first frame comes at once with everything; later ones, at most one a second, bring the detail and new points. A
//! client that comes back begins anew, so frames carry no id. Without anything new there is only the heartbeat.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use fw_model::RunId;
use fw_runtime::{Handle, Refusal, RunView};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::answer::Refused;
use super::body::At;
use super::{App, sse};
use crate::stories::Stories;

/// How often it looks for something new.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn live(
    State(app): State<App>,
    At(name): At<String>,
    closing: Option<Extension<sse::Closing>>,
) -> Result<Response, Refused> {
    // A name that means nothing is refused before the stream begins.
    app.handle.run_of(&name).await?;
    let opening = sse::Opening {
        limits: app.limits,
        counters: app.feed.counters.clone(),
        closing: closing.map(|Extension(closing)| closing),
    };
    let watcher = Watcher { handle: app.handle.clone(), stories: app.stories.clone(), name, told: None };
    Ok(sse::stream(opening, move |out| follow(watcher, out)))
}

/// What a client has been told.
struct Told {
    run: RunId,
    view: Option<Arc<RunView>>,
    /// Length of a step and the beginning of the last point.
    last: Option<(f64, i64)>,
}

struct Watcher {
    handle: Handle,
    stories: Arc<Stories>,
    name: String,
    told: Option<Told>,
}

async fn follow(mut watcher: Watcher, out: sse::Out) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let frame = match watcher.frame().await {
            Ok(frame) => frame,
            Err(refusal) => {
                tracing::warn!(target: "fw_server", name = %watcher.name, %refusal, "a live stream ends");
                return;
            }
        };
        let Some(frame) = frame else { continue };
        if out.send(frame).await.is_err() {
            return;
        }
    }
}

impl Watcher {
    /// What is new; none where nothing is.
    async fn frame(&mut self) -> Result<Option<Bytes>, Refusal> {
        let view = self.handle.latest(Some(&self.name), None).ok().flatten();
        // What is no service's latest run stays the run it is: it is looked up once.
        let run = match (&view, &self.told) {
            (Some(view), _) => view.run.clone(),
            (None, Some(told)) => told.run.clone(),
            (None, None) => self.handle.run_of(&self.name).await?,
        };
        let same_run = self.told.as_ref().filter(|told| told.run == run);
        let is_news = |told: &Told| match (&told.view, &view) {
            (Some(before), Some(now)) => !Arc::ptr_eq(before, now),
            (None, None) => false,
            _ => true,
        };
        if same_run.is_some_and(|told| !is_news(told)) {
            return Ok(None);
        }
        let detail = match &view {
            Some(view) => view.detail.clone(),
            None => self.handle.detail(&self.name, None).await?,
        };
        let last = same_run.and_then(|told| told.last);
        let (series, last) = match self.stories.news(&run, last).await {
            Ok(news) => {
                let series =
                    json!({ "stepSeconds": news.step_seconds, "reset": news.is_all, "points": news.points });
                (series, news.points.last().map(|point| (news.step_seconds, point.at)).or(last))
            }
            // Its events are no longer kept: the story has what there is.
            Err(Refusal::Gone(_)) => (self.shelved().await?, None),
            Err(refusal) => return Err(refusal),
        };
        self.told = Some(Told { run, view, last });
        let data = json!({ "detail": detail, "series": series });
        Ok(Some(format!("data: {data}\n\n").into()))
    }

    async fn shelved(&self) -> Result<Value, Refusal> {
        let series = match self.stories.story(&self.name).await {
            Ok(story) => story.series,
            Err(Refusal::Gone(_)) => fw_reports::Series::default(),
            Err(refusal) => return Err(refusal),
        };
        Ok(json!({ "stepSeconds": series.step_seconds, "reset": true, "points": series.points }))
    }
}
