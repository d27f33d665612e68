//! `fw demo`: a whole rollout on this machine, everything real but the shop.
//!
//! Two versions of a small shop service on free ports, a load generator that is a client like any
//! other, and the same server, proxy and engine as `fw serve`, in one process. What is printed is
//! the event stream and what the client itself counted.

mod expect;
mod load;
mod plan;
mod reports;
mod shop;
mod summary;

use std::time::Duration;

use fw_api::Status;
use fw_runtime::{Handle, StartRequest};
use fw_server::{ServeOptions, Server, StoreChoice};
use tokio::time::Instant;

use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output::{Moment, Out, Paint, StreamedEvent, event_line, say};
use crate::{logging, stop};

use expect::End;

/// A hold that lasts this long beyond its phase's time is an end, too.
const HOLD_MAX: Duration = Duration::from_secs(30);
/// Longest demo with phases of seconds.
const FAST_MAX: Duration = Duration::from_secs(180);
/// Longest demo with phases of minutes.
const SLOW_MAX: Duration = Duration::from_secs(45 * 60);
/// Time for connections to be made before the rollout begins.
const WARM_UP: Duration = Duration::from_secs(1);
/// Traffic goes on for this long after the end, to see that nothing more reaches the canary.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Runs the demo to its end; fails when it did not end as the fault foretells.
pub(super) fn run(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    logging::init("warn");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(format!("can't start: {e}")))?;
    let result = runtime.block_on(demo(args, out));
    runtime.shutdown_background();
    result
}

async fn demo(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    let cannot = |what: &str| {
        let what = what.to_owned();
        move |e: std::io::Error| Failure::Failed(format!("{what}: {e}"))
    };
    let stopped = stop::on_signal().map_err(cannot("signals can't be had"))?;
    let stable =
        shop::start("1.4.2", crate::args::Fault::None).await.map_err(cannot("the shop can't listen"))?;
    let canary = shop::start("1.5.0", args.fault).await.map_err(cannot("the shop can't listen"))?;
    let config = plan::config(stable, canary, args.fast)?;
    let foretold = expect::foretell(&config.plan, args.fault);
    let request = StartRequest {
        plan: config.plan.clone(),
        plan_hash: config.plan_hash.clone(),
        actor: "demo".into(),
        reason: None,
        idempotency: None,
    };
    let options = ServeOptions {
        configs: vec![config],
        listen: Some(([127, 0, 0, 1], 0).into()),
        store: StoreChoice::Memory,
    };
    let server = Server::start(options).await.map_err(|e| Failure::Failed(e.to_string()))?;
    let Some((_, proxy)) = server.proxy_addrs().into_iter().next() else {
        return Err(Failure::Failed("the demo's config asks for no proxy".into()));
    };
    introduce(args, &server, proxy, foretold);
    let load = load::start(proxy);
    tokio::time::sleep(WARM_UP).await;
    server.handle.start(request).await.map_err(|e| Failure::Failed(e.to_string()))?;
    let max = if args.fast { FAST_MAX } else { SLOW_MAX };
    let end = tokio::select! {
        end = follow(&server.handle, max, out) => end?,
        () = stopped => End::Interrupted,
    };
    tokio::time::sleep(AFTERMATH).await;
    let sent = load.stop().await;
    if let Some(folder) = &args.reports {
        reports::write(server.addr(), folder).await?;
    }
    let detail = server.handle.latest(None, None).ok().flatten().map(|run| run.detail.clone());
    server.stop().await;
    summary::print(&summary::Summary { fault: args.fault, foretold, end, sent, detail }, out)?;
    if end == foretold {
        Ok(())
    } else {
        Err(Failure::Failed(format!("it ended {}, where {} was foretold", end.words(), foretold.words())))
    }
}

fn introduce(args: &DemoArgs, server: &Server, proxy: std::net::SocketAddr, foretold: End) {
    say(&format!(
        "shop 1.4.2 (stable) and 1.5.0 (canary, fault: {}) behind http://{proxy}/",
        expect::fault_words(args.fault)
    ));
    say(&format!(
        "page, API and events: http://{}/   {} requests/s from {} users",
        server.addr(),
        load::RATE,
        load::USERS
    ));
    say(&format!("foretold: {}", foretold.words()));
}

/// Prints events until the rollout is over, or stands still for good.
async fn follow(handle: &Handle, max: Duration, out: &mut Out) -> Result<End, Failure> {
    let mut newest = handle.newest_event();
    let (mut cursor, began) = (0, Instant::now());
    let mut held_since: Option<Instant> = None;
    let paint = if out.is_json() { Paint::plain() } else { out.paint };
    loop {
        // Asked before the events are read, so that the one that ended it is among them.
        let run = handle.latest(None, None).map_err(|e| Failure::Failed(e.to_string()))?;
        let events =
            handle.events_after(cursor, None, 500).await.map_err(|e| Failure::Failed(e.to_string()))?;
        for row in events {
            cursor = row.id;
            let json = serde_json::from_str(&row.data).unwrap_or_default();
            let Some(event) = StreamedEvent::read(Some(row.id), json) else { continue };
            if out.is_json() {
                out.json_line(&event.json_with_id())?;
            } else {
                out.line(&event_line(&event, &Moment::here(), paint))?;
            }
        }
        let Some(run) = run else { continue };
        if let Some(end) = expect::end_of(&run.status) {
            return Ok(end);
        }
        held_since = if holds(&run.status) { held_since.or(Some(Instant::now())) } else { None };
        if held_since.is_some_and(|since| since.elapsed() > HOLD_MAX) {
            return Ok(End::Held);
        }
        if began.elapsed() > max {
            return Ok(End::TooLong);
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), newest.changed()).await;
    }
}

/// Whether it waits for something that more time alone may not bring.
fn holds(status: &Status) -> bool {
    status.status == "running" && status.waiting_on.iter().any(|w| w.kind != "duration")
}
