//! Defaults that stand in two crates, held equal here, in the one that knows both.

use fw_proxy::ProxySettings;
use fw_runtime::config;

#[test]
fn the_config_says_what_the_proxy_does_by_itself() {
    let service = config::load_str(
        "x",
        "service: a\ntraffic: { router: proxy }\nversions: { stable: { url: \"http://a\" }, canary: { url: \"http://b\" } }\n",
        None,
    );
    let traffic = service.expect("a sound config").traffic;
    let proxy = ProxySettings::default();
    assert_eq!(traffic.listen, Some(proxy.listen));
    assert_eq!(traffic.expose_variant, proxy.expose_variant);
    assert_eq!((traffic.upstream_ca, traffic.workers), (proxy.upstream_ca, proxy.workers));
    let (ours, theirs) = (traffic.limits, proxy.limits);
    assert_eq!(ours.header_bytes_max, theirs.header_bytes_max);
    assert_eq!(ours.header_count_max, theirs.header_count_max);
    assert_eq!(ours.uri_bytes_max, theirs.uri_bytes_max);
    assert_eq!(ours.body_bytes_max, theirs.body_bytes_max);
    assert_eq!(ours.connections_max, theirs.connections_max);
    assert_eq!(ours.idle_upstream_max, theirs.idle_upstream_max);
    let (ours, theirs) = (traffic.timeouts, proxy.timeouts);
    assert_eq!(ours.header_read, theirs.header_read);
    assert_eq!(ours.connect, theirs.connect);
    assert_eq!(ours.response_head, theirs.response_head);
    assert_eq!(ours.idle_keep_alive, theirs.idle_keep_alive);
    assert_eq!(ours.idle_upstream, theirs.idle_upstream);
    assert_eq!(ours.upgrade_idle, theirs.upgrade_idle);
    assert_eq!(ours.body_idle, theirs.body_idle);
}
