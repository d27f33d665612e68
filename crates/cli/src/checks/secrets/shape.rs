//! Secrets by what they look like: prefixes their makers gave them, keys between armour lines, passwords in URLs.
//!
//! Prefixes and lengths are those that the makers document, as of 2026; what only looks a little like one is left alone.

use std::ops::Range;

use fw_model::release::Severity;

/// A kind of token: how it begins, how many letters follow at least, what it is.
struct Kind {
    prefix: &'static str,
    more: usize,
    what: &'static str,
}

const fn kind(prefix: &'static str, more: usize, what: &'static str) -> Kind {
    Kind { prefix, more, what }
}

const KINDS: &[Kind] = &[
    kind("whsec_", 16, "a signing key of webhooks"),
    kind("xoxb-", 10, "a token of Slack"),
    kind("xoxp-", 10, "a token of Slack"),
    kind("xoxa-", 10, "a token of Slack"),
    kind("xoxs-", 10, "a token of Slack"),
    kind("xapp-", 10, "a token of Slack"),
    kind("hooks.slack.com/services/", 20, "a webhook of Slack"),
    kind("discord.com/api/webhooks/", 20, "a webhook of Discord"),
    kind("ghp_", 36, "a token of GitHub"),
    kind("gho_", 36, "a token of GitHub"),
    kind("ghu_", 36, "a token of GitHub"),
    kind("ghs_", 36, "a token of GitHub"),
    kind("ghr_", 36, "a token of GitHub"),
    kind("github_pat_", 40, "a token of GitHub"),
    kind("glpat-", 20, "a token of GitLab"),
    kind("AKIA", 16, "an access key of AWS"),
    kind("ASIA", 16, "an access key of AWS"),
    kind("AIza", 35, "an API key of Google"),
    kind("sk_live_", 20, "an API key of Stripe"),
    kind("rk_live_", 20, "an API key of Stripe"),
    kind("npm_", 36, "a token of npm"),
    kind("fw_", 64, "a token of FactoryWager"),
    kind("eyJ", 40, "a JSON Web Token"),
    kind("Bearer ", 16, "a bearer token"),
    kind("Basic ", 12, "a user's name and password"),
];

/// A secret: its bytes, what it is, how sure that is.
type Hit = (Range<usize>, &'static str, Severity);

/// Longest first line of an armoured key, bytes.
const ARMOUR_MAX: usize = 80;

/// Each such secret of a text.
pub(super) fn find(text: &str) -> Vec<Hit> {
    let mut found = vec![];
    for kind in KINDS {
        each(text, kind.prefix, &mut found, |at| token(text, at, kind));
    }
    each(text, "-----BEGIN ", &mut found, |at| private_key(text, at));
    each(text, "://", &mut found, |at| password(text, at));
    found.sort_by_key(|(span, ..)| (span.start, span.end));
    found
}

/// Looks at each place where a text stands. What was looked at once is not looked at again, so that no text costs
/// more than its length: `look` says how far it read.
fn each(text: &str, begin: &str, found: &mut Vec<Hit>, look: impl Fn(usize) -> (usize, Option<Hit>)) {
    let mut until = 0;
    for (at, _) in text.match_indices(begin) {
        if at >= until {
            let (end, hit) = look(at);
            until = end;
            found.extend(hit);
        }
    }
}

fn token(text: &str, at: usize, kind: &Kind) -> (usize, Option<Hit>) {
    let start = at + kind.prefix.len();
    let before = text[..at].chars().next_back();
    // In the middle of a word it is none: `riskghp_…`.
    let is_path = kind.prefix.contains('.');
    if !is_path && before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
        return (start, None);
    }
    let rest = &text[start..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '=');
    let more = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let token = &rest[..more];
    let is_upper = !matches!(kind.prefix, "AKIA" | "ASIA")
        || token.chars().take(kind.more).all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let is_jwt = kind.prefix != "eyJ" || token.matches('.').count() == 2;
    let is_stand_in = token.chars().all(|c| matches!(c, 'x' | 'X' | '.' | '0' | '-'));
    let is_hit = more >= kind.more && is_upper && is_jwt && !is_stand_in;
    (start + more, is_hit.then_some((at..start + more, kind.what, Severity::Error)))
}

/// A private key, from its first armour line to its last, or as far as there is anything.
fn private_key(text: &str, at: usize) -> (usize, Option<Hit>) {
    let line: String = text[at..].chars().take(ARMOUR_MAX).take_while(|c| *c != '\n').collect();
    if !line.contains("PRIVATE KEY-----") {
        return (at + 1, None);
    }
    let end = text[at..].find("-----END ").and_then(|end| {
        let last = at + end + "-----END ".len();
        Some(last + text[last..].find("-----")? + "-----".len())
    });
    let end = end.unwrap_or(text.len());
    (end, Some((at..end, "a private key", Severity::Error)))
}

/// `user:password@` of a URL.
fn password(text: &str, at: usize) -> (usize, Option<Hit>) {
    let start = at + "://".len();
    let rest = &text[start..];
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | ',' | '}' | ']'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    (start + authority.len(), user(authority, start))
}

fn user(authority: &str, start: usize) -> Option<Hit> {
    let user = &authority[..authority.rfind('@')?];
    let (severity, what) = match user.split_once(':') {
        Some((_, password)) if !password.is_empty() && !password.starts_with("${") => {
            (Severity::Error, "a password in a URL")
        }
        Some(_) => return None,
        None => (Severity::Warning, "a user in a URL, which may be a token,"),
    };
    Some((start..start + user.len(), what, severity))
}
