//! Probes, metrics, the page and the description of the API.

use serde_json::Value;

use crate::support::{Setup, World, config, raw, request};

#[tokio::test]
async fn probes_answer() {
    let world = World::new().await;
    assert_eq!(
        (world.get("/healthz").await.status, world.get("/healthz").await.text()),
        (200, "ok\n".into())
    );
    assert_eq!(world.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn every_operation_that_is_described_is_there() {
    let world = World::new().await;
    let reply = world.get("/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json".into()));
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let described: Vec<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|m| (m.to_uppercase(), path.clone())))
        .collect();
    for (method, template) in &described {
        // Names that nobody has: a route that is there refuses them by its own code.
        let path = template.replace("{name}", "nobody").replace("{service}", "nobody");
        let action = if template.starts_with("/api/v1/releases") { "cancel" } else { "pause" };
        let path = path.replace("{action}", action).replace("{kind}", "completion");
        let headers = [("content-type", "application/json"), ("last-event-id", "0")];
        if template == "/events" {
            assert_eq!(world.get("/events?rollout=nobody").await.problem().code, "unknown_rollout");
            continue;
        }
        if template == "/ofrep/v1/events" {
            continue; // A stream without an end; it has a test of its own.
        }
        let reply = raw(world.addr, &request(world.addr, method, &path, &headers, b"")).await;
        if template.starts_with("/ofrep/") {
            let refused = if template == "/ofrep/v1/track" { "PARSE_ERROR" } else { "FLAG_NOT_FOUND" };
            let there = reply.status == 200 || reply.json()["errorCode"] == refused;
            assert!(there, "{method} {path}: {}", reply.text());
        } else if reply.status >= 400 {
            let code = reply.problem().code;
            assert!(!["not_found", "method_not_allowed"].contains(&code.as_str()), "{method} {path}: {code}");
        }
    }
    // And what the contract lists is described.
    for (method, path) in [
        ("GET", "/status"),
        ("GET", "/events"),
        ("GET", "/api/v1/rollouts"),
        ("POST", "/api/v1/rollouts"),
        ("GET", "/api/v1/rollouts/{name}"),
        ("POST", "/api/v1/rollouts/{name}/{action}"),
        ("GET", "/api/v1/rollouts/{name}/history"),
        ("GET", "/api/v1/rollouts/{name}/reports/{kind}"),
        ("GET", "/api/v1/kpis"),
        ("GET", "/api/v1/services/{service}/split"),
        ("POST", "/api/v1/services/{service}/observations"),
        ("GET", "/metrics"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/openapi.json"),
        ("GET", "/"),
    ] {
        assert!(described.contains(&(method.into(), path.into())), "{method} {path}");
    }
}

#[tokio::test]
async fn metrics_are_well_formed_and_tell_the_rollout() {
    let mut regional = config("search");
    regional["region"] = "eu".into();
    let services = vec![config("checkout"), regional];
    let world = World::with(Setup { services, ..Setup::default() }).await;
    let mut plane = world.run("checkout").await;
    plane.report(&world, 100, 3).await;
    let requests = "fw_rollout_canary_requests_total{service=\"checkout\",region=\"\"}";
    let end = tokio::time::Instant::now() + crate::support::DEADLINE;
    while world.metric(requests).await != Some(100.0) {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let reply = world.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = reply.text();
    check_exposition(&text);
    for line in [
        "fw_canary_share_ratio{service=\"checkout\",region=\"\"} 0.05",
        "fw_canary_share_ratio{service=\"search\",region=\"eu\"} 0",
        "fw_rollout_phase{service=\"checkout\",region=\"\"} 0",
        "fw_rollout_canary_errors_total{service=\"checkout\",region=\"\"} 3",
        "fw_phase_errors{service=\"checkout\",region=\"\",variant=\"canary\"} 3",
        "fw_data_planes{service=\"checkout\",region=\"\"} 1",
        "fw_streams_open 0",
        "fw_extra 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    assert!(
        text.contains(
            "fw_rollout_info{service=\"checkout\",region=\"\",run=\"checkout.1\",status=\"running\""
        )
    );
    assert!(text.contains("fw_build_info{version=\""));
}

/// Every sample belongs to the family named last, families come once, counters end in `_total`.
fn check_exposition(text: &str) {
    assert!(text.ends_with('\n'));
    let (mut seen, mut family, mut kind) = (vec![], String::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(!seen.contains(&family), "{family} twice");
            seen.push(family.clone());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert_eq!(name, family);
            kind = of.to_owned();
            assert!(matches!(of, "gauge" | "counter"), "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            assert_eq!(name, family, "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let value = line.rsplit_once(' ').unwrap().1;
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
}

#[tokio::test]
async fn the_page_runs_only_its_own_script() {
    let world = World::new().await;
    let page = world.get("/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let html = page.text();
    assert_eq!(html.matches("<script").count(), 1);
    for forbidden in ["</style", " onclick=", " style=", "src=\"http", "href=\"http"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let parts = html.split(['"', ' ']).filter(|part| part.starts_with("/assets/"));
    let mut loaded = 0;
    for path in parts {
        assert_eq!(world.get(path).await.status, 200, "{path}");
        loaded += 1;
    }
    assert_eq!(loaded, 2, "a script and a style sheet: {html}");
    assert_eq!(world.get("/assets/page.rs").await.status, 404);
}

#[tokio::test]
async fn the_page_is_sent_small_and_once() {
    let world = World::new().await;
    let ask = |headers: &'static [(&'static str, &'static str)]| {
        let bytes = request(world.addr, "GET", "/assets/app.js", headers, b"");
        async move { raw(world.addr, &bytes).await }
    };
    let plain = ask(&[]).await;
    let gzip = ask(&[("accept-encoding", "gzip, br")]).await;
    assert_eq!(
        (plain.header("content-encoding"), gzip.header("content-encoding")),
        (String::new(), "gzip".into())
    );
    assert!(gzip.body.len() * 2 < plain.body.len() && gzip.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(
        (gzip.header("vary"), gzip.header("cache-control")),
        ("accept-encoding".into(), "no-cache".into())
    );
    let tag = gzip.header("etag");
    assert_eq!(plain.header("etag"), tag);
    let again = request(world.addr, "GET", "/assets/app.js", &[("if-none-match", &tag)], b"");
    let again = raw(world.addr, &again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn a_head_is_a_get_without_a_body() {
    let world = World::new().await;
    let get = world.get("/status").await;
    let head = raw(world.addr, &request(world.addr, "HEAD", "/status", &[], b"")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(get.header("x-content-type-options"), "nosniff");
    assert_eq!(get.json()["status"], Value::from("none"));
}
