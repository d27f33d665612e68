//! Which header fields belong to one hop, and what a proxy adds.
//!
//! RFC 9110 section 7.6.1: `Connection`, what it names, and the fields that are always per hop go no
//! further. `X-Forwarded-For` is appended to; `-Proto` and `-Host` are set, since what a client
//! says of them can't be trusted here. Each section is walked once.

use crate::accept::ConnCtx;
use crate::h1::{Asked, Fields};

/// Fields that `Connection` must not take away, whatever a client writes: they frame or route the message.
/// TE and Upgrade are seen to by themselves.
const NEVER_NAMED: [&[u8]; 5] = [b"host", b"content-length", b"transfer-encoding", b"te", b"upgrade"];

/// What the `Connection` fields of a message say.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// Fields that go no further. Nearly always none, and then no list is made.
    named: Vec<Vec<u8>>,
}

impl Options {
    fn read(&mut self, value: &[u8]) {
        for token in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.upgrade |= token.eq_ignore_ascii_case(b"upgrade");
                let name = token.to_ascii_lowercase();
                if !name.is_empty() && !NEVER_NAMED.contains(&name.as_slice()) {
                    self.named.push(name);
                }
            }
        }
    }

    fn take_named(&self, fields: &mut Fields) {
        self.named.iter().for_each(|name| fields.remove(name));
    }
}

/// What of a request's fields concerns the client's connection.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) connection: Options,
    /// `Expect: 100-continue`.
    pub(crate) expect: bool,
}

/// Makes a client's header section fit for an upstream. Sets `upgrade` where the request leads out of HTTP and
/// `may_upgrade` allows it; `h2c` does not lead out, and is not taken up (RFC 9113 section 3.1).
pub(crate) fn to_upstream(asked: &mut Asked, ctx: &ConnCtx, may_upgrade: bool) -> Wishes {
    let fields = &mut asked.fields;
    let mut wishes = Wishes::default();
    let (mut trailers, mut upgrade, mut cookies) = (false, None, 0);
    let mut chain = Vec::new();
    fields.retain(|name, value| {
        match name {
            b"connection" => wishes.connection.read(value),
            b"keep-alive" | b"proxy-connection" | b"transfer-encoding" => {}
            // The proxy itself answers 100 when the upstream's turn to read has come.
            b"expect" => wishes.expect |= value.eq_ignore_ascii_case(b"100-continue"),
            // Per hop, but this hop passes trailers on, and gRPC asks for them (RFC 9110 section 10.1.4).
            b"te" => {
                let mut codings = value.split(|&b| b == b',').map(<[u8]>::trim_ascii);
                trailers |= codings.any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
            }
            b"upgrade" => upgrade = Some(!value.eq_ignore_ascii_case(b"h2c")),
            b"x-forwarded-for" => {
                chain.extend_from_slice(value);
                chain.extend_from_slice(b", ");
            }
            b"x-forwarded-proto" | b"x-forwarded-host" => {}
            b"cookie" => {
                cookies += 1;
                return true;
            }
            _ => return true,
        }
        name == b"upgrade"
    });
    wishes.connection.take_named(fields);
    if trailers {
        fields.push(b"te", b"trailers");
    }
    if upgrade.is_some() {
        asked.upgrade = may_upgrade && wishes.connection.upgrade && upgrade == Some(true);
        if asked.upgrade {
            fields.push(b"connection", b"upgrade");
        } else {
            fields.remove(b"upgrade");
        }
    }
    if cookies > 1 && ctx.h2 {
        join_cookies(fields);
    }
    let peer = ctx.peer_text.as_bytes();
    if chain.is_empty() {
        fields.push(b"x-forwarded-for", peer);
    } else {
        chain.extend_from_slice(peer);
        fields.push(b"x-forwarded-for", &chain);
    }
    fields.push(b"x-forwarded-proto", if ctx.tls { b"https" } else { b"http" });
    fields.push_copy(b"host", b"x-forwarded-host");
    wishes
}

/// HTTP/2 may send one field a cookie; HTTP/1.1 takes only one field (RFC 9113 section 8.2.3).
fn join_cookies(fields: &mut Fields) {
    let joined = fields.all(b"cookie").collect::<Vec<_>>().join(b"; ".as_slice());
    fields.remove(b"cookie");
    fields.push(b"cookie", &joined);
}

/// What of a response's fields matters on its way to a client.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The upstream closes the connection.
    pub(crate) closes: bool,
    pub(crate) date: bool,
    pub(crate) length: bool,
    pub(crate) grpc: bool,
}

/// Makes an upstream's header section fit for a client.
pub(crate) fn to_client(fields: &mut Fields, upgraded: bool) -> Told {
    let mut told = Told::default();
    let mut connection = Options::default();
    fields.retain(|name, value| {
        match name {
            b"connection" => connection.read(value),
            b"keep-alive" | b"proxy-connection" | b"transfer-encoding" => {}
            b"upgrade" if !upgraded => {}
            b"date" => {
                told.date = true;
                return true;
            }
            b"content-length" => {
                told.length = true;
                return true;
            }
            b"content-type" => {
                told.grpc |= value.starts_with(b"application/grpc");
                return true;
            }
            _ => return true,
        }
        false
    });
    connection.take_named(fields);
    told.closes = connection.close;
    if upgraded {
        fields.push(b"connection", b"upgrade");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        list.iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
        fields
    }

    #[test]
    fn what_connection_names_goes_no_further_but_framing_and_host_do() {
        let mut fields = section(&[
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
        assert!(to_client(&mut fields, false).closes);
        let left: Vec<&[u8]> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(left, [b"host".as_slice(), b"content-length", b"x-kept"]);
    }

    #[test]
    fn cookies_of_several_fields_become_one() {
        let mut fields = section(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut fields);
        assert_eq!(fields.all(b"cookie").collect::<Vec<_>>(), [b"a=1; b=2"]);
    }
}
