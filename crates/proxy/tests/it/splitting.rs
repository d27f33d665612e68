//! Who gets the canary: shares, stickiness, cookies, the forced header.

use std::collections::BTreeSet;

use fw_model::split::{Stickiness, variant_of_key};
use fw_model::{Salt, Split, Variant, Weight};
use fw_proxy::{ForcedVariant, Proxy, ProxySettings};

use crate::support::*;

async fn pair() -> (Server, Server) {
    (Server::saying("stable").await, Server::saying("canary").await)
}

/// The binomial standard error of a count.
fn standard_error(n: f64, p: f64) -> f64 {
    (n * p * (1.0 - p)).sqrt()
}

#[tokio::test]
async fn shares_without_a_key_are_within_four_standard_errors() {
    let (stable, canary) = pair().await;
    let mut split = split(&stable.url(), &canary.url(), 0);
    let proxy = proxy(split.clone()).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for weight in [5_000_u32, 25_000, 50_000] {
        split = moved(&split, weight);
        proxy.apply(split.clone());
        until("the split", || proxy.report().confirmed_epoch == split.epoch.0).await;
        let before = canary.count();
        for _ in 0..10_000 {
            client.get("/", &[]).await;
        }
        let (got, p) = ((canary.count() - before) as f64, f64::from(weight) / 100_000.0);
        assert!((got - 10_000.0 * p).abs() <= 4.0 * standard_error(10_000.0, p), "{weight}: {got}");
    }
}

async fn on_canary(client: &mut Client, keys: u32) -> BTreeSet<u32> {
    let mut set = BTreeSet::new();
    for key in 0..keys {
        if client.get("/", &[("x-user", &format!("user-{key}"))]).await.text() == "canary" {
            set.insert(key);
        }
    }
    set
}

#[tokio::test]
async fn keyed_shares_grow_and_shrink_last_in_first_out() {
    let (stable, canary) = pair().await;
    let mut split = split(&stable.url(), &canary.url(), 0);
    split.stickiness = Stickiness::Header("X-User".into());
    let proxy = proxy(split.clone()).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let mut sets = Vec::new();
    for weight in [5_000, 25_000, 50_000, 25_000, 5_000, 0] {
        split = moved(&split, weight);
        proxy.apply(split.clone());
        until("the split", || proxy.report().confirmed_epoch == split.epoch.0).await;
        let keys = if sets.len() < 3 { 10_000 } else { 1_000 };
        let set = on_canary(&mut client, keys).await;
        if keys == 10_000 {
            let p = f64::from(weight) / 100_000.0;
            assert!((set.len() as f64 - 10_000.0 * p).abs() <= 4.0 * standard_error(10_000.0, p), "{weight}");
        }
        sets.push(set);
    }
    assert!(sets[0].is_subset(&sets[1]) && sets[1].is_subset(&sets[2]), "who is in stays in");
    let few = |set: &BTreeSet<u32>| set.iter().copied().filter(|key| *key < 1_000).collect::<BTreeSet<_>>();
    assert_eq!((&sets[3], &sets[4]), (&few(&sets[1]), &few(&sets[0])), "and leaves last in, first out");
    assert!(sets[5].is_empty());
}

#[tokio::test]
async fn the_proxy_sets_a_cookie_once_and_sticks_to_it() {
    let (stable, canary) = pair().await;
    let mut split = split(&stable.url(), &canary.url(), 50_000);
    split.stickiness = Stickiness::Cookie("fw_key".into());
    let proxy = proxy(split.clone()).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let mut ids = BTreeSet::new();
    for _ in 0..50 {
        let first = client.get("/", &[]).await;
        let cookie = first.header("set-cookie").to_owned();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
        let id = pair.strip_prefix("fw_key=").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert!(ids.insert(id.to_owned()), "each visitor has an own id");
        let want = variant_of_key(&split.salt, id.as_bytes(), split.canary);
        assert_eq!(first.text(), want.as_str(), "the first answer is by the rule already");
        let again = client.get("/", &[("cookie", &format!("a=b; {pair}"))]).await;
        assert_eq!((again.text(), again.header("set-cookie")), (first.text(), ""));
    }
    let empty = client.get("/", &[("cookie", "fw_key=")]).await;
    assert!(empty.header("set-cookie").starts_with("fw_key="), "an empty one is none");
}

async fn forced(settings: ProxySettings, weight: u32) -> (Server, Server, Proxy, Client) {
    let (stable, canary) = pair().await;
    let split = split(&stable.url(), &canary.url(), weight);
    let proxy = Proxy::start(settings, split).await.unwrap();
    let client = Client::connect(proxy.local_addr()).await;
    (stable, canary, proxy, client)
}

#[tokio::test]
async fn a_forced_variant_is_honoured_counted_apart_and_not_passed_on() {
    let rule = ForcedVariant { header: "X-FW-Variant".into(), token: None };
    let settings = ProxySettings { forced_variant: Some(rule), expose_variant: true, ..settings() };
    let (_stable, canary, proxy, mut client) = forced(settings, 0).await;
    let answer = client.get("/", &[("x-fw-variant", "canary")]).await;
    assert_eq!((answer.text(), answer.header("x-fw-variant")), ("canary", "canary"));
    assert_eq!(client.get("/", &[]).await.text(), "stable");
    assert_eq!(canary.count(), 1);
    assert_eq!(counts(&proxy, Variant::Canary), (0, 0, 0));
    assert_eq!(counts(&proxy, Variant::Stable), (1, 0, 0));
    assert_eq!(proxy.stats().forced, 1);
}

#[tokio::test]
async fn without_the_setting_the_header_means_nothing() {
    let (_stable, _canary, _proxy, mut client) = forced(settings(), 0).await;
    let answer = client.get("/", &[("x-fw-variant", "canary")]).await;
    assert_eq!((answer.text(), answer.header("x-fw-variant")), ("stable", ""));
}

#[tokio::test]
async fn several_instances_share_the_load_of_their_variant() {
    let (a, b) = pair().await;
    let mut split: Split = split(&a.url(), &a.url(), 0);
    split.stable_urls.push(b.url());
    split.salt = Salt::from_bits(3);
    split.canary = Weight::ZERO;
    let proxy = proxy(split).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..100 {
        client.get("/", &[]).await;
    }
    assert_eq!((a.count(), b.count()), (50, 50));
    let cells = proxy.report().cells;
    let mut instances: Vec<&str> = cells.iter().map(|cell| cell.instance.as_str()).collect();
    instances.sort_unstable();
    let mut want = [a.addr.to_string(), b.addr.to_string()];
    want.sort_unstable();
    assert_eq!(instances, want);
}
