//! `traffic`: what moves requests, what they are told apart by, what counts as an error.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use fw_model::split::{DeadMan, ErrorRule, Stickiness};
use fw_model::{Plan, Variant, plan::RouterKind};

use super::{Rules, limits, word};
use crate::config::duration::Per;
use crate::config::format;
use crate::config::service::{ServerConfig, TlsFiles, TrafficConfig};
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::{Value, View};

/// Where the proxy listens when the config does not say.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Most ranges or codes in `errors`.
const CODES_MAX: usize = 64;

/// Most worker threads.
const WORKERS_MAX: f64 = 1024.0;

const HTTP_CODE: Range = Range::new(100.0, 599.0, "HTTP status");

/// The section.
pub(crate) static TRAFFIC: Section = Section {
    title: "traffic",
    doc: "What moves traffic.",
    keys: &[
        Key::optional(
            "router",
            Kind::Choice(ROUTERS),
            "= `proxy` when a version has a URL, else `sdk`",
            "What moves traffic.",
        ),
        Key::optional(
            "listen",
            Kind::Text(format::ADDRESS),
            r#""127.0.0.1:8080""#,
            "Where the proxy takes requests. Only for the router `proxy`.",
        ),
        Key::optional(
            "tls",
            Kind::Section(&TLS),
            "= plain HTTP",
            "Certificate and key of the proxy's listener.",
        ),
        Key::optional(
            "stickiness",
            Kind::Or(STICKINESS),
            r#""none""#,
            "Where the key of a request is; the same key stays on the same version. `{ cookie: NAME }`: the proxy sets it where it is missing. `{ header: NAME }`. `none`: each request by itself.",
        ),
        Key::optional(
            "errors",
            Kind::Section(&ERRORS),
            "= defaults of its keys",
            "What counts as an error, beside failed connections, time-outs and bodies cut short, which always do.",
        ),
        Key::optional(
            "forcedVariantHeader",
            Kind::Text(format::HEADER),
            "= none",
            "A request header, such as `X-FW-Variant`, whose value `stable` or `canary` chooses the version; taken from loopback or with a token only, and not counted in the analysis.",
        ),
        Key::optional(
            "exposeVariant",
            Kind::Bool,
            "false",
            "Whether answers name the version in a header `X-FW-Variant`.",
        ),
        Key::optional(
            "upstreamCa",
            Kind::Text(format::FILE),
            "= the web's public roots",
            "PEM file of certificate authorities for `https://` upstreams.",
        ),
        Key::optional(
            "workers",
            Kind::Integer(Range::new(1.0, WORKERS_MAX, "threads")),
            "= as many as cores",
            "Worker threads of the proxy.",
        ),
        Key::optional(
            "limits",
            Kind::Section(&limits::LIMITS),
            "= defaults of its keys",
            "Sizes beyond which a request is refused.",
        ),
        Key::optional(
            "timeouts",
            Kind::Section(&limits::TIMEOUTS),
            "= defaults of its keys",
            "Times after which waiting ends.",
        ),
        Key::optional(
            "deadMan",
            Kind::Section(&DEAD_MAN),
            "= keep the last split",
            "What a data plane does when it has lost the control plane for long.",
        ),
    ],
    exclusive: &[],
};

const ROUTERS: &[Choice] = &[
    Choice::now("proxy", "the built-in proxy"),
    Choice::now("sdk", "the SDK in the application"),
    Choice::later("envoy", "Envoy"),
    Choice::later("haproxy", "HAProxy"),
    Choice::later("nginx", "nginx"),
];

static TLS: Section = Section {
    title: "traffic.tls",
    doc: "PEM files; a path that is not absolute begins at the config's folder.",
    keys: &[
        Key::required("cert", Kind::Text(format::FILE), "Certificate chain, PEM."),
        Key::required("key", Kind::Text(format::FILE), "Private key, PEM."),
    ],
    exclusive: &[],
};

const STICKINESS: &[Kind] =
    &[Kind::Section(&STICKY), Kind::Choice(&[Choice::now("none", "each request by itself")])];

static STICKY: Section = Section {
    title: "traffic.stickiness",
    doc: "One of the two, or the word `none` instead of the mapping.",
    keys: &[
        Key::optional("cookie", Kind::Text(format::COOKIE), "= none", "Name of a cookie."),
        Key::optional("header", Kind::Text(format::HEADER), "= none", "Name of a request header."),
    ],
    exclusive: &[&["cookie", "header"]],
};

static HTTP_RULE: Kind =
    Kind::Or(&[Kind::Integer(HTTP_CODE), Kind::List { of: &Kind::Integer(HTTP_CODE), min: 2, max: 2 }]);

static ERRORS: Section = Section {
    title: "traffic.errors",
    doc: "Which answers are errors.",
    keys: &[
        Key::optional(
            "http",
            Kind::List { of: &HTTP_RULE, min: 0, max: CODES_MAX },
            "[[500, 599]]",
            "HTTP statuses: single ones, or `[from, to]` with both ends included.",
        ),
        Key::optional(
            "grpc",
            Kind::List { of: &Kind::Integer(Range::new(1.0, 16.0, "gRPC status")), min: 0, max: CODES_MAX },
            "[2, 4, 8, 13, 14, 15]",
            "gRPC statuses (unknown, deadline exceeded, resource exhausted, internal, unavailable, data loss).",
        ),
    ],
    exclusive: &[],
};

static DEAD_MAN: Section = Section {
    title: "traffic.deadMan",
    doc: "Without it a data plane keeps its last split for ever, and says so.",
    keys: &[
        Key::required(
            "after",
            Kind::Duration {
                per: Per::Minute,
                min: Duration::from_secs(10),
                max: Duration::from_secs(366 * 86_400),
            },
            "How long without the control plane; a bare number is minutes.",
        ),
        Key::required(
            "then",
            Kind::Choice(&[
                Choice::now("stable", "all to stable"),
                Choice::now("canary", "all to the canary"),
            ]),
            "Which version then takes all traffic.",
        ),
    ],
    exclusive: &[],
};

/// The router, if it is named.
pub(super) fn router(traffic: View<'_>) -> Option<RouterKind> {
    word(traffic.get("router"))
}

/// What belongs to the plan.
pub(super) fn read_plan(traffic: View<'_>, plan: &mut Plan) {
    let sticky = traffic.get("stickiness");
    if let Some(name) = sticky.get("cookie").text() {
        plan.stickiness = Stickiness::Cookie(name.to_owned());
    } else if let Some(name) = sticky.get("header").text() {
        plan.stickiness = Stickiness::Header(name.to_owned());
    }
    plan.errors = errors(traffic.get("errors"));
    let dead_man = traffic.get("deadMan");
    if let (Some(after), Some(then)) =
        (dead_man.get("after").duration(Per::Minute), word::<Variant>(dead_man.get("then")))
    {
        plan.dead_man = Some(DeadMan { after, then });
    }
}

fn errors(view: View<'_>) -> ErrorRule {
    let code = |view: View<'_>| view.number().filter(|n| (0.0..=599.0).contains(n)).map(|n| n as u16);
    let mut rule = ErrorRule::default();
    if view.get("http").exists() {
        let range = |node| {
            let view = View(Some(node));
            match (view.items(), code(view)) {
                ([from, to], _) => Some((code(View(Some(from)))?, code(View(Some(to)))?)),
                (_, Some(one)) => Some((one, one)),
                _ => None,
            }
        };
        rule.http = view.get("http").items().iter().filter_map(range).collect();
    }
    if view.get("grpc").exists() {
        rule.grpc = view.get("grpc").items().iter().filter_map(|node| code(View(Some(node)))).collect();
    }
    rule
}

/// What belongs to the proxy.
pub(super) fn read(traffic: View<'_>, router: RouterKind) -> TrafficConfig {
    let tls = traffic.get("tls");
    let files = tls.get("cert").text().zip(tls.get("key").text());
    let listen = || traffic.get("listen").text().and_then(|text| text.parse().ok()).unwrap_or(LISTEN_DEFAULT);
    TrafficConfig {
        listen: (router == RouterKind::Proxy).then(listen),
        tls: files.map(|(cert, key)| TlsFiles { cert: PathBuf::from(cert), key: PathBuf::from(key) }),
        forced_variant_header: traffic.get("forcedVariantHeader").text().map(str::to_owned),
        expose_variant: traffic.get("exposeVariant").boolean().unwrap_or(false),
        upstream_ca: traffic.get("upstreamCa").text().map(PathBuf::from),
        // In range by the filter, so the cast can't truncate.
        workers: traffic
            .get("workers")
            .number()
            .filter(|n| (1.0..=WORKERS_MAX).contains(n))
            .map(|n| n as usize),
        limits: limits::limits(traffic.get("limits")),
        timeouts: limits::timeouts(traffic.get("timeouts")),
    }
}

/// Listeners that collide, a proxy in front of itself, ranges that run backwards.
pub(super) fn check(rules: &mut Rules<'_>, plan: &Plan, traffic: &TrafficConfig, server: &ServerConfig) {
    let sticky = rules.view().get("traffic").get("stickiness");
    if sticky.0.is_some_and(|node| matches!(&node.value, Value::Map(entries) if entries.is_empty())) {
        rules
            .fault("traffic.stickiness", "names neither `cookie` nor `header`; write one of them, or `none`");
    }
    for (i, node) in rules.view().get("traffic").get("errors").get("http").items().iter().enumerate() {
        if let [from, to] = node.items()
            && let (Some(from), Some(to)) = (View(Some(from)).number(), View(Some(to)).number())
            && from > to
        {
            rules.fault(
                &format!("traffic.errors.http[{i}]"),
                format!("runs from {from} down to {to}; write [{to}, {from}]"),
            );
        }
    }
    let Some(listen) = traffic.listen else {
        return;
    };
    if server.port == Some(listen.port())
        && listen.port() != 0
        && (listen.ip().is_loopback() || listen.ip().is_unspecified())
    {
        rules.fault(
            "rollout.port",
            format!("the API's port {} is the one the proxy listens on (traffic.listen)", listen.port()),
        );
    }
    for (name, version) in [("stable", &plan.stable), ("canary", &plan.canary)] {
        if version.urls.iter().any(|url| points_at(url, listen)) {
            rules.fault(
                &format!("versions.{name}.url"),
                format!("points at the proxy itself ({listen}, traffic.listen): requests would go round"),
            );
        }
    }
}

/// Whether a URL is the listener's own address. Names are not looked up.
fn points_at(url: &str, listen: SocketAddr) -> bool {
    let Some((scheme, authority)) = url.split_once("://") else {
        return false;
    };
    let own_port = if scheme == "https" { 443 } else { 80 };
    let full = if authority.ends_with(']') || !authority.contains(':') {
        format!("{authority}:{own_port}")
    } else {
        authority.to_owned()
    };
    let full = full.replacen("localhost:", "127.0.0.1:", 1);
    full.parse::<SocketAddr>().is_ok_and(|at| {
        at.port() == listen.port()
            && (at.ip() == listen.ip() || (listen.ip().is_unspecified() && at.ip().is_loopback()))
    })
}
