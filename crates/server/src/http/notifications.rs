//! Who is told of events: the list, and a test of one receiver.
//!
//! Nothing here shows a secret: a receiver is a name, a kind and a host.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use fw_api::{Code, Problem};
use serde_json::json;

use super::answer::{self, Refused};
use super::body::{At, Bounds};
use super::{App, CONTROL_BODY_BYTES_MAX, body};

pub(super) async fn list(State(app): State<App>) -> Response {
    let newest = *app.handle.newest_event().borrow();
    answer::json(200, &json!({ "notifications": app.notifier.shown(newest) }))
}

pub(super) async fn test(
    State(app): State<App>,
    At(name): At<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let bounds = Bounds { bytes_max: CONTROL_BODY_BYTES_MAX, within: app.limits.body_within };
    // Nothing in it counts, but a write must say that it is JSON, or any web page could send it.
    body::bytes(&headers, body, bounds).await?;
    let Some(tested) = app.notifier.test(&name).await else {
        let known = app.notifier.names().join(", ");
        let known = if known.is_empty() { "the config has none".into() } else { format!("known: {known}") };
        return Err(Problem::new(
            Code::UnknownNotification,
            format!("no notification is called {name:?}; {known}"),
        )
        .into());
    };
    let value = json!({
        "name": name, "delivered": tested.delivered, "detail": tested.detail, "tookMs": tested.took_ms,
    });
    Ok(answer::json(200, &value))
}
