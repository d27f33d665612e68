//! What the `notifications` section comes to: who is told, how, of what.
//!
//! Secrets are named here, not held: which environment variable or file has them. The server reads them when it
//! starts. The one secret that may stand in the config itself, a plain webhook's URL, is a [`Secret`].

use std::path::PathBuf;
use std::time::Duration;

use fw_model::{Secret, ServiceKey};

/// One receiver of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkConfig {
    /// Its name: its cursor in the store, its label in metrics, what people call it.
    pub name: String,
    /// Where and how it is told.
    pub to: SinkTarget,
    /// Types of events it gets, such as `rollback_started`; never empty.
    pub events: Vec<String>,
    /// Services it hears of; empty = all. One without a region means all its regions.
    pub services: Vec<ServiceKey>,
    /// An event older than this is given up when it can't be delivered.
    pub give_up_after: Duration,
    /// Base URL under which people reach the dashboard; none = no links.
    pub dashboard_url: Option<String>,
}

/// Where and how a receiver is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// One POST an event.
    Http(HttpTarget),
    /// One message an event.
    Email(EmailTarget),
}

/// A receiver that takes a POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// What it understands.
    pub format: HttpFormat,
    /// Its URL.
    pub url: SecretFrom,
    /// Key of the signature, `whsec_` and base64; none = unsigned. Only of a webhook.
    pub signing: Option<SecretFrom>,
    /// Further header fields.
    pub headers: Vec<(String, SecretFrom)>,
    /// PEM file of certificate authorities; none = the web's public roots.
    pub ca: Option<PathBuf>,
}

/// What a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFormat {
    /// CloudEvents 1.0, signed as Standard Webhooks says.
    Webhook,
    /// Slack's incoming webhook.
    Slack,
    /// A Microsoft Teams workflow that takes adaptive cards.
    Teams,
    /// Discord's webhook.
    Discord,
}

impl HttpFormat {
    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpFormat::Webhook => "webhook",
            HttpFormat::Slack => "slack",
            HttpFormat::Teams => "teams",
            HttpFormat::Discord => "discord",
        }
    }
}

/// People who get e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailTarget {
    /// The mail server's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Who we are to it; none = it asks nobody.
    pub login: Option<(String, SecretFrom)>,
    /// PEM file of certificate authorities; none = the web's public roots.
    pub ca: Option<PathBuf>,
    /// Sender.
    pub from: String,
    /// Receivers; never empty.
    pub to: Vec<String>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte (RFC 8314).
    Required,
    /// TLS after STARTTLS (RFC 3207); without it nothing is sent.
    Starttls,
    /// In the clear; loopback only.
    None,
}

impl SmtpTls {
    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            SmtpTls::Required => "required",
            SmtpTls::Starttls => "starttls",
            SmtpTls::None => "none",
        }
    }

    /// The port that servers listen on for it.
    pub fn port(self) -> u16 {
        match self {
            SmtpTls::Required => 465,
            SmtpTls::Starttls => 587,
            SmtpTls::None => 25,
        }
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// In the config: a plain webhook's URL, or a header's value that is none.
    Inline(Secret),
    /// In this environment variable of the server.
    Env(String),
    /// The first line of this file.
    File(PathBuf),
}

impl SinkConfig {
    /// Every file it names, to be taken from the config's folder.
    pub(super) fn files<'a>(&'a mut self) -> Vec<&'a mut PathBuf> {
        let secrets: Vec<&'a mut SecretFrom>;
        let ca = match &mut self.to {
            SinkTarget::Http(http) => {
                let headers = http.headers.iter_mut().map(|(_, value)| value);
                secrets = headers.chain([&mut http.url]).chain(&mut http.signing).collect();
                &mut http.ca
            }
            SinkTarget::Email(email) => {
                secrets = email.login.iter_mut().map(|(_, password)| password).collect();
                &mut email.ca
            }
        };
        let file = |from: &'a mut SecretFrom| match from {
            SecretFrom::File(path) => Some(path),
            SecretFrom::Inline(_) | SecretFrom::Env(_) => None,
        };
        secrets.into_iter().filter_map(file).chain(ca).collect()
    }
}
