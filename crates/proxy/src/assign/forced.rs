//! The forced-variant header: a person tries one version by hand.
//!
//! Honoured from loopback peers, else only with the token. The header is taken out either way, so an
//! upstream never sees the token, and nobody else's traffic can be steered.

use std::net::IpAddr;

use fw_model::Variant;
use http::HeaderName;

use crate::h1::Fields;

/// The header's name, read once at start, and the token.
#[derive(Debug, Clone)]
pub(crate) struct ForcedRule {
    pub(crate) header: HeaderName,
    pub(crate) token: Option<String>,
}

/// Takes the header out; the variant it asks for, if the peer may ask.
pub(crate) fn take_forced(fields: &mut Fields, rule: &ForcedRule, peer: IpAddr) -> Option<Variant> {
    let name = rule.header.as_str().as_bytes();
    let value = fields.get(name)?.to_vec();
    fields.remove(name);
    let mut parts = std::str::from_utf8(&value).ok()?.split(';').map(str::trim);
    let variant = match parts.next()? {
        "stable" => Variant::Stable,
        "canary" => Variant::Canary,
        _ => return None,
    };
    let sent = parts.find_map(|part| part.strip_prefix("token="));
    let known =
        matches!((&rule.token, sent), (Some(want), Some(sent)) if same(want.as_bytes(), sent.as_bytes()));
    (known || peer.to_canonical().is_loopback()).then_some(variant)
}

/// Compares without telling by its time where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(value: &'static str, token: Option<&str>, peer: &str) -> Option<Variant> {
        let rule =
            ForcedRule { header: HeaderName::from_static("x-fw-variant"), token: token.map(str::to_owned) };
        let mut fields = Fields::default();
        fields.push(b"x-fw-variant", value.as_bytes());
        let variant = take_forced(&mut fields, &rule, peer.parse().unwrap());
        assert_eq!(fields.len(), 0);
        variant
    }

    #[test]
    fn loopback_or_the_token() {
        assert_eq!(ask("canary", None, "127.0.0.1"), Some(Variant::Canary));
        assert_eq!(ask("stable", None, "::ffff:127.0.0.1"), Some(Variant::Stable));
        assert_eq!(ask("canary", None, "10.0.0.1"), None);
        assert_eq!(ask("canary; token=s3", Some("s3"), "10.0.0.1"), Some(Variant::Canary));
        assert_eq!(ask("canary; token=s4", Some("s3"), "10.0.0.1"), None);
        assert_eq!(ask("canary; token=", None, "10.0.0.1"), None);
        assert_eq!(ask("both", None, "127.0.0.1"), None);
    }
}
