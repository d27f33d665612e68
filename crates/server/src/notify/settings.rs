//! From the config to receivers that are ready: secrets are read here, once, when the server starts.
//!
//! Every receiver that can't be used is reported, all at once, and none of the texts holds a secret.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use fw_model::{Secret, ServiceKey};
use fw_providers::notify::{
    Email, EmailSettings, Format, Http, HttpSettings, Receiver, SettingError, SmtpProtection,
};
use fw_runtime::config::{
    EmailTarget, HttpFormat, HttpTarget, SecretFrom, ServiceConfig, SinkConfig, SinkTarget, SmtpTls,
};

/// Longest secret, bytes.
const SECRET_BYTES_MAX: usize = 8 << 10;

/// Receivers can't be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Some can't be used; a line each.
    #[error("notifications can't be sent as the config has them:\n{}", .0.join("\n"))]
    Settings(Vec<String>),
    /// Their places in the log can't be read or written.
    #[error(transparent)]
    Store(#[from] fw_store::Error),
}

/// A receiver that is ready.
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) receiver: Receiver,
    pub(super) events: BTreeSet<String>,
    pub(super) services: Vec<ServiceKey>,
    pub(super) give_up_after: Duration,
}

/// All receivers of all configs, in order.
pub(super) fn ready(configs: &[ServiceConfig]) -> Result<Vec<Ready>, NotifyError> {
    let (mut found, mut faults): (Vec<Ready>, Vec<String>) = (vec![], vec![]);
    for sink in configs.iter().flat_map(|config| &config.notifications) {
        let name = &sink.name;
        if found.iter().any(|other| other.name == *name) {
            faults.push(format!(
                "  {name}: stands in two configs; one is enough, as it hears of all services of this server"
            ));
            continue;
        }
        match receiver(sink) {
            Ok(receiver) => found.push(Ready {
                name: name.clone(),
                receiver,
                events: sink.events.iter().cloned().collect(),
                services: sink.services.clone(),
                give_up_after: sink.give_up_after,
            }),
            Err(SettingFault(why)) => faults.push(format!("  {name}: {why}")),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(NotifyError::Settings(faults)) }
}

struct SettingFault(String);

impl From<SettingError> for SettingFault {
    fn from(error: SettingError) -> SettingFault {
        SettingFault(error.to_string())
    }
}

fn receiver(sink: &SinkConfig) -> Result<Receiver, SettingFault> {
    let dashboard_url = sink.dashboard_url.clone();
    match &sink.to {
        SinkTarget::Http(target) => Ok(Receiver::Http(Http::new(&http(target, dashboard_url)?)?)),
        SinkTarget::Email(target) => Ok(Receiver::Email(Email::new(&email(target, dashboard_url)?)?)),
    }
}

fn http(target: &HttpTarget, dashboard_url: Option<String>) -> Result<HttpSettings, SettingFault> {
    let header = |(name, from): &(String, SecretFrom)| Ok((name.clone(), read(from, "the header field")?));
    Ok(HttpSettings {
        format: match target.format {
            HttpFormat::Webhook => Format::Webhook,
            HttpFormat::Slack => Format::Slack,
            HttpFormat::Teams => Format::Teams,
            HttpFormat::Discord => Format::Discord,
        },
        url: read(&target.url, "the URL")?,
        signing: target.signing.as_ref().map(|from| read(from, "the signing secret")).transpose()?,
        headers: target.headers.iter().map(header).collect::<Result<_, SettingFault>>()?,
        ca: target.ca.clone(),
        dashboard_url,
    })
}

fn email(target: &EmailTarget, dashboard_url: Option<String>) -> Result<EmailSettings, SettingFault> {
    let login = match &target.login {
        Some((name, from)) => Some((name.clone(), read(from, "the password")?)),
        None => None,
    };
    Ok(EmailSettings {
        host: target.host.clone(),
        port: target.port,
        tls: match target.tls {
            SmtpTls::Required => SmtpProtection::Required,
            SmtpTls::Starttls => SmtpProtection::Starttls,
            SmtpTls::None => SmtpProtection::None,
        },
        login,
        ca: target.ca.clone(),
        from: target.from.clone(),
        to: target.to.clone(),
        dashboard_url,
    })
}

/// The secret itself, without white space around it; `what` it is, for errors.
fn read(from: &SecretFrom, what: &str) -> Result<Secret, SettingFault> {
    let text = match from {
        SecretFrom::Inline(secret) => return Ok(secret.clone()),
        SecretFrom::Env(name) => std::env::var(name).map_err(|_| {
            SettingFault(format!("{what} is to come from the environment variable {name}, which is not set"))
        })?,
        SecretFrom::File(path) => first_line(path)
            .map_err(|e| SettingFault(format!("{what} is to come from the file {}: {e}", path.display())))?,
    };
    match text.trim() {
        "" => Err(SettingFault(match from {
            SecretFrom::File(path) => format!("{what}: the file {} is empty", path.display()),
            _ => format!("{what} is empty"),
        })),
        text => Ok(Secret::new(text)),
    }
}

fn first_line(path: &Path) -> std::io::Result<String> {
    let mut bytes = vec![];
    std::fs::File::open(path)?.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is no text"))?;
    if text.len() > SECRET_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {SECRET_BYTES_MAX} bytes")));
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use fw_runtime::config;
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_is_missing_is_said_at_once_and_no_secret_with_it() {
        let folder = std::env::temp_dir();
        let empty = folder.join(format!("fw-notify-empty-{}", std::process::id()));
        std::fs::write(&empty, "\n\n").unwrap();
        let first = json!({ "service": "shop", "notifications": [
            { "name": "a", "kind": "webhook", "url": "http://127.0.0.1:1/hidden", "secretEnv": "FW_TEST_NOT_SET_A" },
            { "name": "b", "kind": "slack", "urlFile": "/nowhere/url" },
            { "name": "c", "kind": "teams", "urlFile": empty },
            { "name": "d", "kind": "webhook", "url": "http://127.0.0.1:1/hidden" },
        ]});
        let second = json!({ "service": "search", "notifications": [
            { "name": "d", "kind": "webhook", "url": "http://127.0.0.1:1/hidden" },
        ]});
        let configs = [first, second].map(|config| config::load_json(&config, None).unwrap());
        let Err(NotifyError::Settings(faults)) = ready(&configs) else { panic!("must be refused") };
        let text = faults.join("\n");
        std::fs::remove_file(&empty).unwrap();
        for why in [
            "a: the signing secret is to come from the environment variable FW_TEST_NOT_SET_A, which is not set",
            "b: the URL is to come from the file /nowhere/url: No such file",
            "c: the URL: the file ",
            "d: stands in two configs",
        ] {
            assert!(text.contains(why), "{why}\n{text}");
        }
        assert!(!text.contains("hidden"), "{text}");
        assert_eq!(faults.len(), 4);
    }
}
