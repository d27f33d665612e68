//! `GET /ofrep/v1/events`: says that values may have changed, and nothing about them.
//!
//! A frame for each new split of a service with flags. A client that was away asks anew anyway, so nothing is replayed.

use std::collections::BTreeSet;

use axum::response::Response;
use bytes::Bytes;
use futures_util::future::select_all;
use fw_model::ServiceKey;
use serde_json::json;

use super::super::{App, sse};
use super::refused;

/// A stream of changes.
pub(super) async fn events(app: &App, closing: Option<sse::Closing>) -> Response {
    let services: BTreeSet<&ServiceKey> =
        app.board.entries().iter().map(|entry| &entry.served.service).collect();
    let mut splits = vec![];
    for service in services {
        match app.handle.split(service) {
            Ok(split) => splits.push(split),
            Err(refusal) => return refused(&(&refusal).into(), ""),
        }
    }
    let opening = sse::Opening { limits: app.limits, counters: app.feed.counters.clone(), closing };
    sse::stream(opening, move |out| async move {
        if splits.is_empty() {
            return std::future::pending().await;
        }
        // What is there now, the client has asked for already or will; so does one that comes back.
        splits.iter_mut().for_each(|split| drop(split.borrow_and_update()));
        loop {
            let waits = splits.iter_mut().map(|split| Box::pin(split.changed()));
            let (changed, place, _) = select_all(waits).await;
            if changed.is_err() {
                return;
            }
            let epoch = splits[place].borrow_and_update().epoch.0;
            if out.send(frame(place, epoch)).await.is_err() {
                return;
            }
        }
    })
}

fn frame(place: usize, epoch: u64) -> Bytes {
    let data = json!({ "type": "refetchEvaluation" });
    format!("id: {place}.{epoch}\nevent: message\ndata: {data}\n\n").into()
}
