//! `GET /events`: every published event, in order, none twice, also across restarts.
//!
//! Each client has a cursor, the id it has seen; a change of the newest id wakes it, and it reads on
//! from its cursor: from frames kept in memory for the newest events, from the log for older ones.
//! So there is no moment between catching up and following in which an event could be missed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use fw_api::events::EventBody;
use fw_api::{Code, Problem};
use fw_model::{RunId, ServiceKey};
use fw_runtime::{Handle, Refusal};
use fw_store::Published;
use serde::Deserialize;

use super::answer::Refused;
use super::read::{Which, status_of};
use super::{App, body, sse};
use crate::auth::{self, Need};

/// Frames kept in memory for all clients together.
const RING_MAX: usize = 4096;
/// Events read from the log at once.
const PAGE: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EventsQuery {
    rollout: Option<String>,
    region: Option<String>,
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
}

/// One event, rendered once for all clients.
#[derive(Clone)]
struct Rendered {
    id: u64,
    key: ServiceKey,
    run: RunId,
    frame: Bytes,
}

/// The newest frames, shared.
pub(crate) struct Feed {
    handle: Handle,
    ring: Mutex<VecDeque<Rendered>>,
}

/// Which events a client wants.
#[derive(Clone)]
enum Filter {
    All,
    Service(ServiceKey),
    Run(RunId),
}

impl Filter {
    fn wants(&self, event: &Rendered) -> bool {
        match self {
            Filter::All => true,
            Filter::Service(key) => {
                event.key.service == key.service && (key.region.is_none() || event.key.region == key.region)
            }
            Filter::Run(run) => event.run == *run,
        }
    }
}

impl Feed {
    pub(crate) fn new(handle: Handle) -> Feed {
        Feed { handle, ring: Mutex::new(VecDeque::new()) }
    }

    /// Events after `id`, ascending; a page at most. Empty only when there is none.
    async fn after(&self, id: u64) -> Result<Vec<Rendered>, Refusal> {
        if let Some(found) = self.in_ring(id) {
            return Ok(found);
        }
        let rows = self.handle.events_after(id, None, PAGE).await?;
        let rendered: Vec<Rendered> = rows.into_iter().map(render).collect();
        self.keep(&rendered);
        Ok(rendered)
    }

    /// From memory, if it reaches back to `id` without a hole.
    fn in_ring(&self, id: u64) -> Option<Vec<Rendered>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (ring.front()?.id, ring.back()?.id);
        if id + 1 < first || id >= last {
            return None;
        }
        let skip = usize::try_from(id + 1 - first).ok()?;
        Some(ring.iter().skip(skip).take(PAGE).cloned().collect())
    }

    /// Takes frames that follow the newest kept one.
    fn keep(&self, events: &[Rendered]) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let next = ring.back().map(|last| last.id + 1);
            // A jump ahead: what is between is in the log, and the newest are what is asked for most.
            if next.is_some_and(|next| event.id > next) {
                ring.clear();
            }
            let next = ring.back().map(|last| last.id + 1);
            if next.is_none_or(|next| next == event.id) {
                if ring.len() == RING_MAX {
                    ring.pop_front();
                }
                ring.push_back(event.clone());
            }
        }
    }
}

fn render(row: Published) -> Rendered {
    let frame = format!("id: {}\ndata: {}\n\n", row.id, row.data).into();
    Rendered { id: row.id, key: row.key, run: row.run, frame }
}

pub(super) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    if !app.settings.sse_enabled {
        return Err(Problem::new(Code::NotFound, "sseEnabled is false, so there is no event stream").into());
    }
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let query: EventsQuery = body::query(query.as_deref())?;
    let filter = filter_of(&app, &query)?;
    let asked =
        headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(str::to_owned).or(query.last_event_id);
    let newest = app.handle.newest_event();
    let last = *newest.borrow();
    let asked = asked.and_then(|text| text.trim().parse::<u64>().ok()).filter(|id| *id <= last);
    let kept = app.handle.events_kept().await?;
    let oldest = kept.map_or(last + 1, |(oldest, _)| oldest);
    // An id whose successors are all kept is known; zero asks for all that is kept.
    let known = asked.filter(|id| *id == 0 || id + 1 >= oldest);
    let which = Which { rollout: query.rollout, region: query.region };
    let first = match known {
        Some(_) => None,
        None => Some(initial(&app, &which, last, asked.is_some())?),
    };
    let cursor = known.unwrap_or(last);
    let feed = app.feed.clone();
    Ok(sse::stream(move |out| follow(feed, newest, cursor, filter, first, out)))
}

fn filter_of(app: &App, query: &EventsQuery) -> Result<Filter, Refused> {
    let Some(name) = &query.rollout else { return Ok(Filter::All) };
    let unknown = || Refusal::UnknownRollout(name.clone());
    let views = app.handle.views();
    if let Ok(mut key) = name.parse::<ServiceKey>()
        && views.services.keys().any(|k| k.service == key.service)
    {
        if let Some(region) = &query.region {
            key.region = Some(fw_model::Region::new(region.as_str()).map_err(|_| unknown())?);
        }
        return Ok(Filter::Service(key));
    }
    let run: RunId = name.parse().map_err(|_| unknown())?;
    if views.services.contains_key(&run.key) { Ok(Filter::Run(run)) } else { Err(unknown().into()) }
}

/// The first frame of a new connection: how it stands, and the newest id.
fn initial(app: &App, which: &Which, newest: u64, gap: bool) -> Result<Bytes, Refused> {
    let status = status_of(app, which).or_else(|refused| match which.rollout {
        // An older run is not the latest of its service; the stream still begins with how things are.
        Some(_) => status_of(app, &Which::default()),
        None => Err(refused),
    })?;
    let timestamp = fw_runtime::view::rfc3339(app.handle.now());
    let event =
        fw_api::StreamEvent { status, body: EventBody::InitialState { gap }, timestamp, plan_hash: None };
    Ok(format!("id: {newest}\ndata: {}\n\n", event.to_value()).into())
}

async fn follow(
    feed: Arc<Feed>,
    mut newest: tokio::sync::watch::Receiver<u64>,
    mut cursor: u64,
    filter: Filter,
    first: Option<Bytes>,
    out: sse::Out,
) {
    if let Some(frame) = first
        && out.send(frame).await.is_err()
    {
        return;
    }
    loop {
        while cursor < *newest.borrow_and_update() {
            let Ok(page) = feed.after(cursor).await else { return };
            let Some(last) = page.last() else { break };
            cursor = last.id;
            for event in page.iter().filter(|event| filter.wants(event)) {
                if out.send(event.frame.clone()).await.is_err() {
                    return;
                }
            }
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}
