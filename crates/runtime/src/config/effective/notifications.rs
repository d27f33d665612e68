//! Receivers as the config writes them: where their secrets are, never what they are.

use super::Node;
use crate::config::duration;
use crate::config::notification::{EmailTarget, HttpTarget, SecretFrom, SinkConfig, SinkTarget};

/// One receiver.
pub(super) fn sink(config: &SinkConfig) -> Node {
    let kind = match &config.to {
        SinkTarget::Http(http) => http.format.as_str(),
        SinkTarget::Email(_) => "email",
    };
    let mut entries = vec![("name", Node::text(&config.name)), ("kind", Node::text(kind))];
    match &config.to {
        SinkTarget::Http(http) => entries.extend(http_entries(http)),
        SinkTarget::Email(email) => entries.extend(email_entries(email)),
    }
    entries.push(("events", Node::list(config.events.iter().map(Node::text))));
    if !config.services.is_empty() {
        entries.push(("services", Node::list(config.services.iter().map(|key| Node::text(key.to_string())))));
    }
    entries.push(("giveUpAfter", Node::text(duration::write(config.give_up_after))));
    entries.extend(config.dashboard_url.iter().map(|url| ("dashboardUrl", Node::text(url))));
    Node::map(entries)
}

fn http_entries(http: &HttpTarget) -> Vec<(&'static str, Node)> {
    let mut entries = vec![secret(&http.url, ["url", "urlEnv", "urlFile"])];
    entries.extend(http.signing.iter().map(|from| secret(from, ["secret", "secretEnv", "secretFile"])));
    let header = |(name, value): &(String, SecretFrom)| {
        Node::map([("name", Node::text(name)), secret(value, ["value", "valueEnv", "valueFile"])])
    };
    if !http.headers.is_empty() {
        entries.push(("headers", Node::list(http.headers.iter().map(header))));
    }
    entries.extend(http.ca.iter().map(|file| ("ca", Node::text(file.display().to_string()))));
    entries
}

fn email_entries(email: &EmailTarget) -> Vec<(&'static str, Node)> {
    let mut smtp = vec![
        ("host", Node::text(&email.host)),
        ("port", Node::number(f64::from(email.port))),
        ("tls", Node::text(email.tls.as_str())),
    ];
    if let Some((username, password)) = &email.login {
        smtp.push(("username", Node::text(username)));
        smtp.push(secret(password, ["password", "passwordEnv", "passwordFile"]));
    }
    let mut entries = vec![
        ("smtp", Node::map(smtp)),
        ("from", Node::text(&email.from)),
        ("to", Node::list(email.to.iter().map(Node::text))),
    ];
    entries.extend(email.ca.iter().map(|file| ("ca", Node::text(file.display().to_string()))));
    entries
}

/// Under which of the three keys a secret is: in the config, in the environment, in a file.
fn secret(from: &SecretFrom, keys: [&'static str; 3]) -> (&'static str, Node) {
    match from {
        SecretFrom::Inline(text) => (keys[0], Node::text(text.expose())),
        SecretFrom::Env(name) => (keys[1], Node::text(name)),
        SecretFrom::File(path) => (keys[2], Node::text(path.display().to_string())),
    }
}
