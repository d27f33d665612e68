//! Base URLs of instances: `http://`, `https://` or `h2c://`, a host, perhaps a port, no path.
//!
//! Read by hand after RFC 3986 section 3, because so little of it is allowed. Two spellings of one
//! place (`HTTP://A:80/`, `http://a`) become one, so that two versions with one URL are noticed.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::tree::shown;

/// Longest host name, bytes (RFC 1035 section 2.3.4).
const HOST_MAX: usize = 253;

/// The URL in its one spelling: lower case, without the scheme's own port, without a slash at the end.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn normalise(url: &str) -> Result<String, String> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| format!("must be a URL such as http://127.0.0.1:8081, not {:?}", shown(url)))?;
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "http" | "h2c" => 80,
        "https" => 443,
        _ => return Err(format!("the scheme must be http, https or h2c, not {:?}", shown(&scheme))),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = authority.find(['/', '?', '#']) {
        let tail = shown(&authority[at..]);
        return Err(format!(
            "must be scheme, host and port only; leave out {tail:?} (requests bring their own path)"
        ));
    }
    if authority.contains('@') {
        return Err("must not hold a user name or password".into());
    }
    let (host, port) = split_port(authority)?;
    let port = match port {
        None => String::new(),
        Some(port) if port == own_port => String::new(),
        Some(port) => format!(":{port}"),
    };
    Ok(format!("{scheme}://{}{port}", host_name(host)?))
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let end_of_host =
        if authority.starts_with('[') { authority.find(']').map_or(authority.len(), |i| i + 1) } else { 0 };
    let Some(colon) = authority[end_of_host..].find(':').map(|i| i + end_of_host) else {
        return Ok((authority, None));
    };
    let text = &authority[colon + 1..];
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok((&authority[..colon], Some(port))),
        _ => Err(format!("the port must be 1 to 65535, not {:?}", shown(text))),
    }
}

fn host_name(host: &str) -> Result<String, String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|a| a.parse::<Ipv6Addr>().ok());
        return address
            .map(|a| format!("[{a}]"))
            .ok_or_else(|| format!("{:?} is not an IPv6 address in brackets", shown(host)));
    }
    let lower = host.to_ascii_lowercase();
    let letters = lower.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if lower.is_empty() {
        return Err("has no host".into());
    }
    if !letters
        || lower.len() > HOST_MAX
        || lower.split('.').any(|label| label.is_empty() || label.len() > 63)
    {
        return Err(format!("{:?} is not a host name", shown(host)));
    }
    // A last label of digits only means an IPv4 address (WHATWG URL, "ends in a number").
    let last_is_number = lower.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if last_is_number && lower.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{:?} is not an IPv4 address", shown(host)));
    }
    Ok(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_place_become_one() {
        let cases = [
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("HTTP://Example.COM:80/", "http://example.com"),
            ("https://a.b:443", "https://a.b"),
            ("https://a.b:80", "https://a.b:80"),
            ("h2c://[::1]:9000", "h2c://[::1]:9000"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("http://my_service", "http://my_service"),
        ];
        for (url, want) in cases {
            assert_eq!(normalise(url).as_deref(), Ok(want), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let cases = [
            ("127.0.0.1:8081", "must be a URL"),
            ("ftp://a", "scheme"),
            ("http://", "no host"),
            ("http://a/path", "leave out \"/path\""),
            ("http://a?x", "leave out"),
            ("http://u:p@a", "user name"),
            ("http://a:0", "port"),
            ("http://a:99999", "port"),
            ("http://a:", "port"),
            ("http://a:+80", "port"),
            ("http://[::g]", "IPv6"),
            ("http://[::1", "IPv6"),
            ("http://[::1]x", "IPv6"),
            ("http://a b", "host name"),
            ("http://a..b", "host name"),
            ("http://1.2.3", "IPv4"),
            ("http://300.1.1.1", "IPv4"),
            ("http://é", "host name"),
        ];
        for (url, reason) in cases {
            let error = normalise(url).unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
