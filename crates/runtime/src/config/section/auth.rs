//! `auth`: tokens by their digests, and hosts that writes may be addressed to.
//!
//! A token itself is never in the config; `fw token new` prints it once together with its digest.

use super::{Rules, word};
use crate::config::format;
use crate::config::service::TokenConfig;
use crate::config::table::{Choice, Key, Kind, Section};
use crate::config::tree::View;

/// Most tokens.
const TOKENS_MAX: usize = 1000;
/// Most hosts.
const HOSTS_MAX: usize = 64;
/// How many roles there are.
const ROLES_MAX: usize = 4;

static TOKEN_KIND: Kind = Kind::Section(&TOKEN);
static HOST: Kind = Kind::Text(format::HOST);
static ROLE: Kind = Kind::Choice(&[
    Choice::now("viewer", "may read"),
    Choice::now("operator", "may read, start and steer rollouts"),
    Choice::now("approver", "may read and approve gates"),
    Choice::now("reporter", "may report observations and metrics"),
]);

/// The section.
pub(super) static AUTH: Section = Section {
    title: "auth",
    doc: "With tokens, every request needs one; without, the server listens on loopback only.",
    keys: &[
        Key::optional(
            "tokens",
            Kind::List { of: &TOKEN_KIND, min: 0, max: TOKENS_MAX },
            "[]",
            "Who may talk to the API.",
        ),
        Key::optional(
            "hosts",
            Kind::List { of: &HOST, min: 0, max: HOSTS_MAX },
            "[]",
            "Names under which this server is reached, beside loopback: writes whose Host or Origin is neither are refused, else any web page could roll back.",
        ),
    ],
    exclusive: &[],
};

static TOKEN: Section = Section {
    title: "auth.tokens[n]",
    doc: "A token, known by its digest only.",
    keys: &[
        Key::required(
            "name",
            Kind::Text(format::TOKEN_NAME),
            "Who it is; becomes the actor of what it does.",
        ),
        Key::required(
            "sha256",
            Kind::Text(format::SHA256),
            "SHA-256 of the token, 64 hex digits, as `fw token new` prints it.",
        ),
        Key::required(
            "roles",
            Kind::List { of: &ROLE, min: 1, max: ROLES_MAX },
            "What it may do: viewer, operator, approver, reporter.",
        ),
    ],
    exclusive: &[],
};

/// The tokens.
pub(super) fn read(auth: View<'_>) -> Vec<TokenConfig> {
    let token = |node| {
        let view = View(Some(node));
        Some(TokenConfig {
            name: view.get("name").text()?.to_owned(),
            sha256: view.get("sha256").text()?.to_ascii_lowercase(),
            roles: view.get("roles").items().iter().filter_map(|role| word(View(Some(role)))).collect(),
        })
    };
    auth.get("tokens").items().iter().filter_map(token).collect()
}

/// The hosts, in lower case.
pub(super) fn hosts(auth: View<'_>) -> Vec<String> {
    let host = |node| View(Some(node)).text().map(str::to_ascii_lowercase);
    auth.get("hosts").items().iter().filter_map(host).collect()
}

/// No two tokens share a name or a digest.
pub(super) fn check(rules: &mut Rules<'_>) {
    let items = rules.view().get("auth").get("tokens").items();
    let twice = |i: usize, key: &str| {
        let of = |node| View(Some(node)).get(key).text().map(str::to_ascii_lowercase);
        of(&items[i]).is_some_and(|own| items[..i].iter().any(|other| of(other).as_deref() == Some(&own)))
    };
    for i in 0..items.len() {
        if twice(i, "name") {
            rules.fault(&format!("auth.tokens[{i}].name"), "another token has this name; each needs its own");
        }
        if twice(i, "sha256") {
            rules.fault(
                &format!("auth.tokens[{i}].sha256"),
                "another token has this digest; each needs its own",
            );
        }
    }
}
