//! Whose requests are taken: this server's own hosts and pages.
//!
//! A page of any web site can make a browser send requests to `127.0.0.1`, and can give its own host
//! name that address (DNS rebinding). It can't choose the `Host` and `Origin` the browser sends. So
//! writes, and without tokens reads too, are taken only under a loopback or listed Host and Origin.
//! With tokens a read needs no such rule: a foreign page has no token.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};
use fw_api::{Code, Problem};

/// Refuses what is addressed to, or sent by a page of, a host that is neither loopback nor listed.
///
/// # Errors
/// 403 `foreign_origin`; 400 without exactly one Host (RFC 9112 section 3.2).
pub(super) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    listed: &[String],
    tokens: bool,
) -> Result<(), Problem> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if matches!(uri.path(), "/healthz" | "/readyz") || (reads && tokens) {
        return Ok(());
    }
    let mut named: Vec<&str> = headers.get_all(header::HOST).iter().map(text).collect();
    if named.len() > 1 {
        return Err(Problem::new(Code::BadRequest, "several Host headers"));
    }
    // HTTP/2 names the host in `:authority`, an absolute request target in itself.
    named.extend(uri.authority().map(Authority::as_str));
    if named.is_empty() {
        return Err(Problem::new(Code::BadRequest, "the Host header is missing"));
    }
    if let Some(host) = named.into_iter().find(|host| !own(host, listed)) {
        return Err(foreign("Host", host));
    }
    for origin in headers.get_all(header::ORIGIN).iter().map(text) {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !own(host, listed) {
            return Err(foreign("Origin", origin));
        }
    }
    Ok(())
}

/// A header as text; what is none is nobody's host.
fn text(value: &axum::http::HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}

fn foreign(what: &str, value: &str) -> Problem {
    let text = format!("{what} {value:?} is neither loopback nor listed: add it to auth.hosts");
    Problem::new(Code::ForeignOrigin, text)
}

/// Whether `host` or `host:port` is loopback or listed, with or without its port.
fn own(host: &str, listed: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    // The parser passes over user names, and over what follows an address in brackets.
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let whole = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(digits);
    if !host.strip_prefix(name).is_some_and(whole) {
        return false;
    }
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    let loopback = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback
        || listed.iter().any(|own| [host, name, bare].iter().any(|given| own.eq_ignore_ascii_case(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, host: &str, origin: Option<&str>, listed: &[&str]) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let listed: Vec<String> = listed.iter().map(|host| (*host).to_owned()).collect();
        check(&method, &Uri::from_static("/status"), &headers, &listed, false).map_err(|p| p.code)
    }

    #[test]
    fn loopback_and_listed_hosts_are_taken() {
        let listed = ["fw.example", "other.example:8443"];
        for good in ["127.0.0.1:3002", "localhost:3002", "[::1]:3002", "LOCALHOST", "127.9.9.9", "[::1]"] {
            assert_eq!(asked(Method::POST, good, None, &[]), Ok(()), "{good}");
        }
        for good in ["fw.example", "FW.example:3002", "other.example:8443"] {
            assert_eq!(asked(Method::POST, good, None, &listed), Ok(()), "{good}");
        }
        assert!(asked(Method::POST, "other.example:1", None, &listed).is_err());
    }

    #[test]
    fn a_name_that_only_looks_like_loopback_is_foreign() {
        let bad = [
            "evil.example",
            "127.0.0.1.evil.example:3002",
            "localhost.evil.example",
            "[::1].evil.example",
            "[::1]evil.example",
            "[::1]123",
            "[::1]:x",
            "127.0.0.1@evil.example",
            "evil@127.0.0.1",
            "localhost/",
            "0.0.0.0",
            "10.0.0.1",
            "",
        ];
        for host in bad {
            for method in [Method::GET, Method::POST] {
                assert_eq!(asked(method, host, None, &[]), Err("foreign_origin".into()), "{host}");
            }
        }
    }

    #[test]
    fn foreign_pages_are_refused() {
        for good in ["http://localhost:5173", "http://127.0.0.1:3002", "https://fw.example"] {
            assert_eq!(asked(Method::POST, "127.0.0.1", Some(good), &["fw.example"]), Ok(()), "{good}");
        }
        for bad in ["https://evil.example", "null", "", "file://", "https://127.0.0.1.evil.example"] {
            let code = asked(Method::GET, "127.0.0.1", Some(bad), &["fw.example"]);
            assert_eq!(code, Err("foreign_origin".into()), "{bad}");
        }
    }

    #[test]
    fn one_host_is_needed_and_tokens_guard_reads() {
        let (uri, none) = (Uri::from_static("/status"), HeaderMap::new());
        let code =
            |method: Method, uri: &Uri, tokens| check(&method, uri, &none, &[], tokens).map_err(|p| p.code);
        assert_eq!(code(Method::GET, &uri, false), Err("bad_request".into()));
        assert_eq!(code(Method::POST, &uri, true), Err("bad_request".into()));
        assert_eq!(code(Method::GET, &uri, true), Ok(()));
        assert_eq!(code(Method::GET, &Uri::from_static("/healthz"), false), Ok(()));
        let h2 = Uri::from_static("http://evil.example/status");
        assert_eq!(code(Method::POST, &h2, true), Err("foreign_origin".into()));
    }
}
