//! Who may do what: tokens with roles.
//!
//! Without tokens only loopback is served, and everybody there may do everything. With tokens every
//! request but the probes names one, and what a request needs follows from its method and path in one
//! place ([`need_of`]), so that a new route is closed until somebody opens it. Tokens are known by
//! their SHA-256, compared in constant time, and never logged.
//!
//! Which hosts and pages may talk to this server is in `http/origin.rs`.

use std::net::SocketAddr;
use std::sync::OnceLock;

use axum::http::{HeaderMap, Method, header};
use fw_api::{Code, Problem};
use fw_runtime::config::{Role, TokenConfig};
use sha2::{Digest, Sha256};

use crate::http::ofrep::{is_ofrep, is_track};

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Read: viewer, operator or approver.
    View,
    /// Start and steer rollouts: operator.
    Operate,
    /// Answer gates: approver.
    Approve,
    /// Report observations and metrics, follow splits: reporter.
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

/// What a request needs; none for the probes and the dashboard's own files, which say nothing about rollouts.
///
/// Everything that is not named here needs a viewer to read and an operator for all else.
pub(crate) fn need_of(method: &Method, path: &str) -> Option<Need> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let of_service = path.strip_prefix("/api/v1/services/").and_then(|rest| rest.split_once('/'));
    match (path, of_service.map(|(_, rest)| rest)) {
        ("/healthz" | "/readyz" | "/", _) if reads => None,
        _ if reads && path.starts_with("/assets/") => None,
        (_, Some("split")) if reads => Some(Need::Report),
        (_, Some("observations" | "metrics")) if !reads => Some(Need::Report),
        // A browser asks without a token what it may send; an evaluation of flags is a read, although it is a POST.
        _ if is_ofrep(path) && method == Method::OPTIONS => None,
        // What users did is told, not asked.
        _ if is_track(path) => Some(Need::Report),
        _ if is_ofrep(path) => Some(Need::View),
        _ if reads => Some(Need::View),
        _ if is_answer(path) => Some(Need::Approve),
        _ => Some(Need::Operate),
    }
}

/// Whether a path answers a gate: of a rollout, or of a release.
fn is_answer(path: &str) -> bool {
    let of = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.split_once('/'));
    let action = of("/api/v1/rollouts/").or_else(|| of("/api/v1/releases/")).map(|(_, action)| action);
    matches!(action, Some("approve" | "reject"))
}

/// The actor of a request that may do what it wants: the token's name, or `local:USER` without tokens.
///
/// # Errors
/// 401 without a known token; 403 names the role that is missing.
pub(crate) fn actor(tokens: &[TokenConfig], headers: &HeaderMap, need: Need) -> Result<String, Problem> {
    if tokens.is_empty() {
        return Ok(local_actor().to_owned());
    }
    let given = bearer(headers).or_else(|| api_key(headers)).ok_or_else(|| {
        Problem::new(Code::Unauthorized, "send Authorization: Bearer TOKEN (fw reads it from $FW_TOKEN)")
    })?;
    let digest = hex(&Sha256::digest(given.as_bytes()));
    // Every token is compared, so that the time does not tell which one came close.
    let matching = |found, token| if same(&token_digest(token), &digest) { Some(token) } else { found };
    let token = tokens.iter().fold(None, matching);
    let token = token.ok_or_else(|| {
        Problem::new(Code::Unauthorized, "no token of the config matches: fw token new makes one")
    })?;
    let roles = roles_for(need);
    if token.roles.iter().any(|role| roles.contains(role)) {
        return Ok(token.name.clone());
    }
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let text = format!("the token {:?} lacks the role {}", token.name, names.join(" or "));
    Err(Problem::new(Code::Forbidden, text))
}

fn token_digest(token: &TokenConfig) -> String {
    token.sha256.to_ascii_lowercase()
}

/// The credential of a single `Authorization: Bearer`.
///
/// Source: RFC 6750 section 2.1.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The token in `X-API-Key`, as OFREP clients may send it.
fn api_key(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("x-api-key").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    value.to_str().ok().map(str::trim).filter(|token| !token.is_empty())
}

fn roles_for(need: Need) -> &'static [Role] {
    match need {
        Need::View => &[Role::Viewer, Role::Operator, Role::Approver],
        Need::Operate => &[Role::Operator],
        Need::Approve => &[Role::Approver],
        Need::Report => &[Role::Reporter],
    }
}

/// `local:USER`, by the name of the user who runs the server, else by the number.
fn local_actor() -> &'static str {
    static ACTOR: OnceLock<String> = OnceLock::new();
    ACTOR.get_or_init(|| {
        let named = |key| std::env::var(key).ok().filter(|name| !name.is_empty());
        let user = named("USER").or_else(|| named("LOGNAME")).or_else(uid);
        format!("local:{}", user.unwrap_or_else(|| "unknown".into()))
    })
}

/// The owner of this process, where the system has `/proc`.
fn uid() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid().to_string())
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares without telling by its time where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    fn token(name: &str, secret: &str, roles: &[Role]) -> TokenConfig {
        TokenConfig {
            name: name.into(),
            sha256: hex(&Sha256::digest(secret.as_bytes())).to_ascii_uppercase(),
            roles: roles.to_vec(),
        }
    }

    #[test]
    fn roles_deny_by_default_and_name_what_is_missing() {
        let tokens = [token("ci", "s1", &[Role::Operator]), token("eye", "s2", &[Role::Viewer])];
        assert_eq!(actor(&tokens, &with("Bearer s1"), Need::Operate).unwrap(), "ci");
        assert_eq!(actor(&tokens, &with("bearer  s1"), Need::View).unwrap(), "ci");
        let refused = actor(&tokens, &with("Bearer s2"), Need::Operate).unwrap_err();
        assert_eq!(refused.code, "forbidden");
        assert!(refused.detail.contains("operator"), "{}", refused.detail);
        assert_eq!(actor(&tokens, &with("Bearer s1"), Need::Report).unwrap_err().code, "forbidden");
    }

    #[test]
    fn what_is_no_known_token_is_unauthorized() {
        let tokens = [token("ci", "s1", &[Role::Operator])];
        for bad in ["Bearer nope", "Bearer", "Bearer ", "Basic s1", "s1", "Bearer s1x", "Bearer S1"] {
            assert_eq!(actor(&tokens, &with(bad), Need::View).unwrap_err().code, "unauthorized", "{bad}");
        }
        assert_eq!(actor(&tokens, &HeaderMap::new(), Need::View).unwrap_err().code, "unauthorized");
        let mut twice = with("Bearer nope");
        twice.append(header::AUTHORIZATION, "Bearer s1".parse().unwrap());
        assert_eq!(actor(&tokens, &twice, Need::View).unwrap_err().code, "unauthorized");
        assert!(actor(&[], &HeaderMap::new(), Need::Operate).unwrap().starts_with("local:"));
    }

    #[test]
    fn what_nobody_named_is_closed() {
        assert_eq!(need_of(&Method::GET, "/healthz"), None);
        assert_eq!(need_of(&Method::POST, "/healthz"), Some(Need::Operate));
        assert_eq!(need_of(&Method::GET, "/"), None);
        assert_eq!(need_of(&Method::GET, "/assets/app.js"), None);
        assert_eq!(need_of(&Method::GET, "/assets"), Some(Need::View));
        assert_eq!(need_of(&Method::POST, "/assets/app.js"), Some(Need::Operate));
        assert_eq!(need_of(&Method::GET, "/something/new"), Some(Need::View));
        assert_eq!(need_of(&Method::POST, "/something/new"), Some(Need::Operate));
        assert_eq!(need_of(&Method::GET, "/api/v1/notifications"), Some(Need::View));
        assert_eq!(need_of(&Method::POST, "/api/v1/notifications/ops/test"), Some(Need::Operate));
        assert_eq!(need_of(&Method::DELETE, "/api/v1/services/a/split"), Some(Need::Operate));
        assert_eq!(need_of(&Method::POST, "/api/v1/services/a/observations"), Some(Need::Report));
        assert_eq!(need_of(&Method::POST, "/api/v1/services/a/other"), Some(Need::Operate));
        assert_eq!(need_of(&Method::POST, "/ofrep/v1/evaluate/flags/track"), Some(Need::View));
        assert_eq!(need_of(&Method::POST, "//ofrep/v1//track/"), Some(Need::Report));
        assert_eq!(need_of(&Method::OPTIONS, "/ofrep/v1/track"), None);
    }

    #[test]
    fn only_loopback_is_bound_without_tokens() {
        assert!(check_bind("127.0.0.1:1".parse().unwrap(), &[]).is_ok());
        assert!(check_bind("[::1]:1".parse().unwrap(), &[]).is_ok());
        assert!(check_bind("0.0.0.0:1".parse().unwrap(), &[]).is_err());
        assert!(check_bind("0.0.0.0:1".parse().unwrap(), &[token("a", "b", &[])]).is_ok());
    }
}
