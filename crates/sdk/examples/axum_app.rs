//! An axum application with two code paths: the layer assigns and records, a handler picks the path.
//!
//! Start a server with a service `shop` whose router is `sdk`, then
//! `FW_SERVER=http://127.0.0.1:3002 cargo run -p fw-sdk --features tower --example axum_app` and ask
//! `curl -i -H 'X-User-Id: ann' http://127.0.0.1:8080/checkout`.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::routing::get;
use fw_sdk::{AssignLayer, Assigned, Rollout};

/// The old path, and the new one. What a handler answers decides what is counted.
async fn checkout(Extension(assigned): Extension<Assigned>) -> (StatusCode, String) {
    if assigned.is_canary() {
        (StatusCode::OK, format!("new checkout, at {} %\n", assigned.percentage))
    } else {
        (StatusCode::OK, "old checkout\n".to_owned())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = std::env::var("FW_SERVER").unwrap_or_else(|_| "http://127.0.0.1:3002".into());
    let rollout = Rollout::builder(&server, "shop").state_dir(".factory-wager").connect()?;
    let layer = AssignLayer::new(rollout.clone());
    // Health checks stand outside the layer: nobody's experience, not to be counted.
    let app = Router::new()
        .route("/checkout", get(checkout))
        .layer(layer)
        .route("/healthz", get(|| async { "ok" }));
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener =
        tokio::net::TcpListener::bind(&address).await.with_context(|| format!("listening on {address}"))?;
    println!("listening on {}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    // The last second of counts goes out before the process ends.
    tokio::task::spawn_blocking(move || rollout.shutdown(Duration::from_secs(5))).await??;
    Ok(())
}
