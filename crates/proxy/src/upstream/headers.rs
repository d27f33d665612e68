//! Which header fields belong to one hop, and what a proxy adds.
//!
//! RFC 9110 section 7.6.1: `Connection`, what it names, and the fields that are always per hop go no
//! further. `X-Forwarded-For` is appended to; `-Proto` and `-Host` are set, since what a client
//! says of them can't be trusted here.

use http::header::Entry;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::accept::ConnCtx;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Fields that `Connection` must not take away, whatever a client writes: they frame or route the message.
/// TE and Upgrade are seen to by themselves.
const NEVER_NAMED: [HeaderName; 5] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TE, UPGRADE];

/// Takes out what belongs to the hop the message came over. True if that hop is to be closed after it.
fn strip_hop(headers: &mut HeaderMap) -> bool {
    let mut close = false;
    if let Entry::Occupied(fields) = headers.entry(CONNECTION) {
        // Nearly always one field that names nothing: then no list is made.
        let mut named: Vec<HeaderName> = Vec::new();
        for value in fields.remove_entry_mult().1 {
            close |= options(value.as_bytes(), &mut named);
        }
        named.into_iter().for_each(|name| _ = headers.remove(name));
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    close
}

/// Reads one Connection field: adds the fields it names; true if it says `close`.
fn options(value: &[u8], named: &mut Vec<HeaderName>) -> bool {
    let mut close = false;
    for token in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
        if token.eq_ignore_ascii_case(b"close") {
            close = true;
        } else if !token.eq_ignore_ascii_case(b"keep-alive")
            && let Ok(name) = HeaderName::from_bytes(token)
            && !NEVER_NAMED.contains(&name)
        {
            named.push(name);
        }
    }
    close
}

/// Makes a client's header section fit for an upstream. `upgrade` keeps the wish to leave HTTP.
pub(crate) fn to_upstream(headers: &mut HeaderMap, ctx: &ConnCtx, version: Version, upgrade: bool) {
    strip_hop(headers);
    if headers.contains_key(TE) {
        keep_te_trailers(headers);
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else {
        headers.remove(UPGRADE);
    }
    // The proxy itself answers 100 when the upstream's turn to read has come.
    headers.remove(EXPECT);
    if version == Version::HTTP_2 {
        join_cookies(headers);
    }
    forwarded(headers, ctx);
}

/// `TE` is per hop, but this hop passes trailers on, and gRPC asks for them (RFC 9110 section 10.1.4).
fn keep_te_trailers(headers: &mut HeaderMap) {
    let trailers = headers
        .get_all(TE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    headers.remove(TE);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// HTTP/2 may send one field a cookie; HTTP/1.1 takes only one field (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let parts: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Parts that are values make a value when joined by "; ".
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(b"; ".as_slice())) {
        headers.insert(COOKIE, joined);
    }
}

fn forwarded(headers: &mut HeaderMap, ctx: &ConnCtx) {
    let chain = headers.get(FORWARDED_FOR).map(|_| {
        let mut parts: Vec<&[u8]> =
            headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
        parts.push(ctx.peer_text.as_bytes());
        parts.join(b", ".as_slice())
    });
    // Values joined by ", " make a value.
    let value = chain.and_then(|chain| HeaderValue::from_bytes(&chain).ok());
    headers.insert(FORWARDED_FOR, value.unwrap_or_else(|| ctx.peer_text.clone()));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if ctx.tls { "https" } else { "http" }));
    match headers.get(HOST).cloned() {
        Some(host) => _ = headers.insert(FORWARDED_HOST, host),
        None => _ = headers.remove(FORWARDED_HOST),
    }
}

/// Makes an upstream's header section fit for a client. True if the upstream will close the connection.
pub(crate) fn to_client(headers: &mut HeaderMap, upgraded: bool) -> bool {
    let close = strip_hop(headers);
    if upgraded {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else {
        headers.remove(UPGRADE);
    }
    close
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn what_connection_names_goes_no_further_but_framing_and_host_do() {
        let mut headers = map(&[
            ("connection", "close, X-Secret"),
            ("connection", "host,content-length, keep-alive"),
            ("x-secret", "1"),
            ("host", "a"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("x-kept", "1"),
        ]);
        assert!(to_client(&mut headers, false));
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-kept"]);
    }

    #[test]
    fn te_is_kept_as_far_as_trailers_go() {
        let mut headers = map(&[("te", "gzip, Trailers")]);
        keep_te_trailers(&mut headers);
        assert_eq!(headers[TE], "trailers");
        let mut headers = map(&[("te", "gzip")]);
        keep_te_trailers(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn cookies_of_several_fields_become_one() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
