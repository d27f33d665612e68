//! Who may do what: tokens with roles, and the rules that keep web pages of others out.
//!
//! Without tokens only loopback is served, and everybody there may do everything. With tokens every
//! request names one; roles deny by default. Tokens are compared by SHA-256 in constant time and
//! never logged.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use fw_api::{Code, Problem};
use fw_runtime::config::{Role, TokenConfig};
use sha2::{Digest, Sha256};

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Read.
    View,
    /// Start and steer rollouts.
    Operate,
    /// Report observations; follow splits.
    Report,
}

/// An address that may not be bound without tokens.
#[derive(Debug, thiserror::Error)]
#[error(
    "{addr} is not a loopback address, and without auth.tokens anybody who reaches it could move traffic: \
     add a token (fw token new) or listen on 127.0.0.1"
)]
pub struct BindError {
    addr: SocketAddr,
}

/// Whether this address may be listened on with these tokens.
///
/// # Errors
/// [`BindError`] for a non-loopback address without tokens.
pub fn check_bind(addr: SocketAddr, tokens: &[TokenConfig]) -> Result<(), BindError> {
    if addr.ip().is_loopback() || !tokens.is_empty() { Ok(()) } else { Err(BindError { addr }) }
}

/// The actor of a request that may do what it wants.
pub(crate) fn actor(tokens: &[TokenConfig], headers: &HeaderMap, need: Need) -> Result<String, Problem> {
    if tokens.is_empty() {
        return Ok(local_actor());
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let Some(given) = given else {
        return Err(Problem::new(
            Code::Unauthorized,
            "send Authorization: Bearer TOKEN (fw reads it from $FW_TOKEN)",
        ));
    };
    let digest = hex(&Sha256::digest(given.as_bytes()));
    let token = tokens
        .iter()
        .fold(None, |found, token| if same(&token.sha256, &digest) { Some(token) } else { found });
    let Some(token) = token else {
        return Err(Problem::new(Code::Unauthorized, "no token of the config matches"));
    };
    let needed = roles_for(need);
    if token.roles.iter().any(|role| needed.contains(role)) {
        return Ok(token.name.clone());
    }
    let names: Vec<&str> = needed.iter().map(|role| role.as_str()).collect();
    let text = format!("the token {:?} lacks the role {}", token.name, names.join(" or "));
    Err(Problem::new(Code::Forbidden, text))
}

fn roles_for(need: Need) -> &'static [Role] {
    match need {
        Need::View => &[Role::Viewer, Role::Operator, Role::Approver],
        Need::Operate => &[Role::Operator],
        Need::Report => &[Role::Reporter],
    }
}

fn local_actor() -> String {
    let user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".into());
    format!("local:{user}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares without telling by its time where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x.to_ascii_lowercase() ^ y)) == 0
}

/// Host and Origin must be this machine's loopback or listed; else any web page could read or move things.
pub(crate) fn own_origin(
    headers: &HeaderMap,
    uri_host: Option<&str>,
    listed: &[String],
) -> Result<(), Problem> {
    let foreign = |what: &str, value: &str| {
        let text = format!("{what} {value:?} is neither loopback nor listed: add it to auth.hosts");
        Problem::new(Code::ForeignOrigin, text)
    };
    let host = headers.get(header::HOST).map(|h| h.to_str().unwrap_or("?")).or(uri_host);
    if let Some(host) = host.filter(|host| !allowed(host, listed)) {
        return Err(foreign("Host", host));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("?");
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        if !allowed(host, listed) {
            return Err(foreign("Origin", origin));
        }
    }
    Ok(())
}

fn allowed(host: &str, listed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback || listed.iter().any(|own| own.eq_ignore_ascii_case(host) || own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn token(name: &str, secret: &str, roles: &[Role]) -> TokenConfig {
        TokenConfig {
            name: name.into(),
            sha256: hex(&Sha256::digest(secret.as_bytes())),
            roles: roles.to_vec(),
        }
    }

    #[test]
    fn roles_deny_by_default_and_name_what_is_missing() {
        let tokens = [token("ci", "s1", &[Role::Operator]), token("eye", "s2", &[Role::Viewer])];
        let with = |secret: &str| headers(&[(header::AUTHORIZATION, &format!("Bearer {secret}"))]);
        assert_eq!(actor(&tokens, &with("s1"), Need::Operate).unwrap(), "ci");
        assert_eq!(actor(&tokens, &with("s1"), Need::View).unwrap(), "ci");
        let refused = actor(&tokens, &with("s2"), Need::Operate).unwrap_err();
        assert_eq!(refused.code, "forbidden");
        assert!(refused.detail.contains("operator"), "{}", refused.detail);
        assert_eq!(actor(&tokens, &with("s1"), Need::Report).unwrap_err().code, "forbidden");
        assert_eq!(actor(&tokens, &with("nope"), Need::View).unwrap_err().code, "unauthorized");
        assert_eq!(actor(&tokens, &HeaderMap::new(), Need::View).unwrap_err().code, "unauthorized");
        assert!(actor(&[], &HeaderMap::new(), Need::Operate).unwrap().starts_with("local:"));
    }

    #[test]
    fn foreign_hosts_and_origins_are_refused() {
        for good in ["127.0.0.1:3002", "localhost:3002", "[::1]:3002", "LOCALHOST"] {
            assert!(own_origin(&headers(&[(header::HOST, good)]), None, &[]).is_ok(), "{good}");
        }
        for bad in ["evil.example", "127.0.0.1.evil.example:3002", "localhost.evil.example"] {
            assert!(own_origin(&headers(&[(header::HOST, bad)]), None, &[]).is_err(), "{bad}");
        }
        let listed = ["fw.example".to_owned()];
        let both = headers(&[(header::HOST, "fw.example:3002"), (header::ORIGIN, "https://fw.example")]);
        assert!(own_origin(&both, None, &listed).is_ok());
        let page = headers(&[(header::HOST, "127.0.0.1:3002"), (header::ORIGIN, "https://evil.example")]);
        assert_eq!(own_origin(&page, None, &listed).unwrap_err().code, "foreign_origin");
    }

    #[test]
    fn only_loopback_is_bound_without_tokens() {
        assert!(check_bind("127.0.0.1:1".parse().unwrap(), &[]).is_ok());
        assert!(check_bind("0.0.0.0:1".parse().unwrap(), &[]).is_err());
        assert!(check_bind("0.0.0.0:1".parse().unwrap(), &[token("a", "b", &[])]).is_ok());
    }
}
