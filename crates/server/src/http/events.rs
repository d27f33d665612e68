//! `GET /events`: every published event, in order, none twice, also across restarts.
//!
//! A client that names the last event it has seen goes on after it; any other begins with an
//! `initial_state`, which carries the id of the newest event, so that it can go on from there next time.
//! An id that can't be gone on from (no longer kept, or of another log) is told by `gap: true`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use fw_api::events::EventBody;
use fw_api::{Code, Problem, StreamEvent};
use fw_model::{Region, RunId, ServiceKey};
use fw_runtime::Refusal;
use serde::Deserialize;
use tokio::sync::watch;

use super::answer::Refused;
use super::feed::{self, Feed, Rendered};
use super::read::{Which, status_of};
use super::{App, body, sse};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EventsQuery {
    rollout: Option<String>,
    region: Option<String>,
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
}

/// Which events a client wants.
#[derive(Debug, Clone)]
enum Filter {
    All,
    Region(Region),
    Service(ServiceKey),
    Run(RunId),
}

impl Filter {
    fn wants(&self, event: &Rendered) -> bool {
        match self {
            Filter::All => true,
            Filter::Region(region) => event.key.region.as_ref() == Some(region),
            Filter::Service(key) => {
                event.key.service == key.service && (key.region.is_none() || event.key.region == key.region)
            }
            Filter::Run(run) => event.run == *run,
        }
    }
}

pub(super) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    closing: Option<Extension<sse::Closing>>,
) -> Result<Response, Refused> {
    if !app.settings.sse_enabled {
        return Err(Problem::new(Code::NotFound, "sseEnabled is false, so there is no event stream").into());
    }
    let query: EventsQuery = body::query(query.as_deref())?;
    let asked = asked(&headers, query.last_event_id.as_deref());
    let which = Which { rollout: query.rollout, region: query.region };
    let filter = filter_of(&app, &which).await?;
    // The newest id before the state: what is published in between is sent, and tells nothing wrong.
    let last = *app.feed.newest().borrow();
    let (cursor, first) = match begin(&app, asked, last).await? {
        Begin::After(id) => (id, None),
        Begin::Now { gap } => (last, Some(initial(&app, &which, last, gap).await?)),
    };
    let opening = sse::Opening {
        limits: app.limits,
        counters: app.feed.counters.clone(),
        closing: closing.map(|Extension(closing)| closing),
    };
    let feed = app.feed.clone();
    Ok(sse::stream(opening, move |out| follow(feed, cursor, filter, first, out)))
}

/// The last event the client has seen: what a browser sends when it comes back, else the query (a page
/// that begins anew can't set a header). What is no number is no id of ours.
fn asked(headers: &HeaderMap, query: Option<&str>) -> Option<u64> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    header.into_iter().chain(query).find_map(|text| text.trim().parse().ok())
}

/// Where a stream begins.
#[derive(Debug, PartialEq, Eq)]
enum Begin {
    /// After an event; 0 is before the first.
    After(u64),
    /// With the state.
    Now { gap: bool },
}

async fn begin(app: &App, asked: Option<u64>, last: u64) -> Result<Begin, Refused> {
    let Some(id) = asked else { return Ok(Begin::Now { gap: false }) };
    let kept = app.handle.events_kept().await?;
    let oldest = kept.map_or(last + 1, |(oldest, _)| oldest);
    Ok(begin_after(id, oldest, last))
}

/// Zero asks for all that is kept; any other id goes on if the one after it is kept or still to come.
fn begin_after(id: u64, oldest: u64, last: u64) -> Begin {
    if id == 0 || (id <= last && id + 1 >= oldest) { Begin::After(id) } else { Begin::Now { gap: true } }
}

async fn filter_of(app: &App, which: &Which) -> Result<Filter, Refused> {
    let bad = |e: fw_model::IdError| Problem::new(Code::BadRequest, e.to_string());
    let region = which.region.as_deref().map(Region::new).transpose().map_err(bad)?;
    let Some(name) = &which.rollout else { return Ok(region.map_or(Filter::All, Filter::Region)) };
    let views = app.handle.views();
    if let Ok(mut key) = name.parse::<ServiceKey>() {
        key.region = key.region.or_else(|| region.clone());
        let named =
            |k: &ServiceKey| k.service == key.service && (key.region.is_none() || k.region == key.region);
        if views.services.keys().any(named) {
            return Ok(Filter::Service(key));
        }
    }
    // A run over all regions: the events of each of them.
    if let (Some(_), Ok(run)) = (app.regional(name), name.parse::<RunId>()) {
        return Ok(Filter::Service(ServiceKey { service: run.key.service, region }));
    }
    let run: RunId = name.parse().map_err(|_| Refusal::UnknownRollout(name.clone()))?;
    app.handle.detail(name, None).await?;
    Ok(Filter::Run(run))
}

/// The first frame of a new connection: how it stands, under the newest id.
async fn initial(app: &App, which: &Which, newest: u64, gap: bool) -> Result<Bytes, Refused> {
    let status = status_of(app, which).await?;
    let timestamp = fw_runtime::view::rfc3339(app.handle.now());
    let body = EventBody::InitialState { gap };
    let event = StreamEvent { status, body, timestamp, plan_hash: None };
    Ok(feed::frame(newest, &event.to_value().to_string()))
}

async fn follow(feed: Arc<Feed>, cursor: u64, filter: Filter, first: Option<Bytes>, out: sse::Out) {
    let newest = feed.newest();
    if let Some(frame) = first
        && out.send(frame).await.is_err()
    {
        return;
    }
    // Whoever is gone or too slow is gone; the stream ends either way.
    let _ = pump(&feed, newest, cursor, &filter, &out).await;
}

async fn pump(
    feed: &Feed,
    mut newest: watch::Receiver<u64>,
    mut cursor: u64,
    filter: &Filter,
    out: &sse::Out,
) -> Result<(), sse::Gone> {
    // Only at the beginning may it go on at an event later than the next: where the log begins.
    let mut begun = cursor != 0;
    loop {
        while cursor < *newest.borrow_and_update() {
            let page = match feed.after(cursor).await {
                Ok(page) => page,
                Err(refusal) => {
                    tracing::warn!(target: "fw_server", %refusal, "an event stream ends");
                    return Ok(());
                }
            };
            let Some(last) = page.last().map(|event| event.id) else { break };
            // The log was compacted past this client: it comes back and is told of the gap.
            if begun && page[0].id != cursor + 1 {
                return Ok(());
            }
            begun = true;
            for event in page.iter().filter(|event| filter.wants(event)) {
                out.send(event.frame.clone()).await?;
            }
            cursor = last;
        }
        if newest.changed().await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_that_can_be_gone_on_from_is_gone_on_from() {
        let gap = Begin::Now { gap: true };
        for (id, oldest, last, want) in [
            (0, 1, 0, Begin::After(0)),
            (0, 1, 9, Begin::After(0)),
            (0, 5, 9, Begin::After(0)),
            (4, 5, 9, Begin::After(4)),
            (9, 5, 9, Begin::After(9)),
            // Nothing is kept, and nothing was missed.
            (9, 10, 9, Begin::After(9)),
        ] {
            assert_eq!(begin_after(id, oldest, last), want, "{id} of {oldest} to {last}");
        }
        for (id, oldest, last) in [(3, 5, 9), (1, 5, 9), (10, 5, 9), (1, 1, 0), (u64::MAX, 1, 9), (8, 10, 9)]
        {
            assert_eq!(begin_after(id, oldest, last), gap, "{id} of {oldest} to {last}");
        }
    }

    #[test]
    fn a_header_comes_before_the_query_and_nonsense_is_no_id() {
        let with = |value: &'static str| -> HeaderMap {
            [("last-event-id".parse().unwrap(), value.parse().unwrap())].into_iter().collect()
        };
        assert_eq!(asked(&with("7"), Some("3")), Some(7));
        assert_eq!(asked(&with("what"), Some(" 3 ")), Some(3));
        assert_eq!(asked(&HeaderMap::new(), Some("3")), Some(3));
        for none in ["", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(asked(&HeaderMap::new(), Some(none)), None, "{none}");
        }
    }
}
