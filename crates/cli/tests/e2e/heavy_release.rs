//! Real releases of a real service: every strategy under load, a broken version, an undo, and a server that is killed.

use std::time::Duration;

use fw_testkit::{Load, LoadSpec};

use super::shop::Shop;

/// Requests a second.
const RATE: u32 = 250;
/// Connections of the load.
const CONNECTIONS: usize = 16;

/// A good version, then a broken one, with load from before the first step until after the last.
async fn good_then_broken(strategy: &str, instances: usize) {
    let mut shop = Shop::open(instances, "1h").await;
    let load = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let next = shop.next("2.0.0");
    let (code, said) = shop.release(strategy).await;
    assert_eq!(code, 0, "{said}\n{}", shop.server.last_lines());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}\n{said}");
    assert!(tally.ok > u64::from(RATE) * 3, "{tally:?}");
    for url in &next {
        assert_eq!(shop.version_at(url).await.as_deref(), Some("2.0.0"));
    }
    // The old version is kept, whoever started it.
    for url in &shop.now.1 {
        assert_eq!(shop.version_at(url).await.as_deref(), Some("1.0.0"));
    }
    shop.end_first();
    shop.now = ("2.0.0".into(), next);

    let load = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    let broken = shop.next("3.0.0-bad");
    let (code, said) = shop.release(strategy).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("rolled-back"), "{said}");
    let tally = load.stop().await;
    assert!(tally.ok > 100, "{tally:?}");
    for url in &broken {
        shop.gone(url).await;
    }
    for url in &shop.now.1 {
        assert_eq!(shop.version_at(url).await.as_deref(), Some("2.0.0"), "the old version is still there");
    }
    let after = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = after.stop().await;
    assert_eq!(tally.not_ok(), 0, "all traffic is on the old version again: {tally:?}");
    let (code, report, err) = shop.fw(&["release", "report", "shop.r2"]);
    assert_eq!(code, 0, "{err}");
    for part in [
        "# ↩️ shop.r2: 2.0.0 → 3.0.0-bad, rolled back",
        "## Risk",
        "## Checks",
        "## Rollout shop.2",
        "## Works",
    ] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let list = shop.get("/api/v1/releases").await;
    assert_eq!(list["releases"][0]["overallStatus"], "rolled-back");
    assert_eq!(list["releases"][1]["overallStatus"], "success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canary_serves_every_request_and_goes_back_from_a_broken_version() {
    good_then_broken("canary", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blue_green_serves_every_request_and_goes_back_from_a_broken_version() {
    good_then_broken("blue-green", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_serves_every_request_and_goes_back_from_a_broken_version() {
    good_then_broken("rolling", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_at_once_serves_every_request_and_goes_back_from_a_broken_version() {
    good_then_broken("all-at-once", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_release_is_undone_at_once_also_by_a_server_that_did_not_make_it() {
    let mut shop = Shop::open(1, "1h").await;
    let second = shop.next("2.0.0");
    let load = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    let (code, said) = shop.release("blue-green").await;
    assert_eq!(code, 0, "{said}");
    load.stop().await;
    shop.kill_and_restart();
    let load = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    let (code, out, err) = shop.fw(&["release", "undo", "shop", "--reason", "customers complain", "--wait"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("rolled-back") && err.contains("customers complain"), "{out}{err}");
    shop.gone(&second[0]).await;
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
    assert_eq!(shop.version_at(&shop.now.1[0]).await.as_deref(), Some("1.0.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_version_goes_when_its_time_is_over_and_no_request_notices() {
    let mut shop = Shop::open(1, "1s").await;
    let load = Load::open(LoadSpec::get(shop.proxy, "/"), RATE, CONNECTIONS);
    for version in ["2.0.0", "3.0.0"] {
        let next = shop.next(version);
        let (code, said) = shop.release("all-at-once").await;
        assert_eq!(code, 0, "{said}");
        let old = std::mem::replace(&mut shop.now, (version.to_owned(), next));
        if old.0 == "1.0.0" {
            // Whoever started it ends it.
            let said = shop.until_told("shop.r1", "was not started by FactoryWager").await;
            assert_eq!(shop.version_at(&old.1[0]).await.as_deref(), Some("1.0.0"), "{said}");
        } else {
            shop.gone(&old.1[0]).await;
        }
    }
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
    let (code, _, err) = shop.fw(&["release", "undo", "shop"]);
    assert!(code == 1 && err.contains("was retired"), "{err}");
}
