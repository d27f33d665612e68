//! E-mail over SMTP: one message an event, in plain text and in HTML.
//!
//! The `Message-ID` follows from the event's id, so a message that is sent twice is one to mail programs. Source: RFC
//! 5321 (250 = taken), RFC 5322 section 3.6.4, RFC 3834 (`Auto-Submitted`).

use std::path::PathBuf;

use fw_model::Secret;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::words::{Words, clean, cut};
use super::{Event, Outcome, SettingError, TRY_TIME_MAX};

/// Longest subject, characters.
const SUBJECT_CHARS_MAX: usize = 200;
/// Longest piece of a mail server's answer that is repeated, characters.
const ANSWER_CHARS_MAX: usize = 200;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpProtection {
    /// TLS from the first byte.
    Required,
    /// TLS after STARTTLS, which must be there.
    Starttls,
    /// In the clear.
    None,
}

/// A mail server, and who gets mail.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// The mail server's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpProtection,
    /// Who we are to it.
    pub login: Option<(String, Secret)>,
    /// PEM file of certificate authorities; none = the web's public roots.
    pub ca: Option<PathBuf>,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
    /// Under which people reach the dashboard.
    pub dashboard_url: Option<String>,
}

/// People who get e-mail.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    dashboard_url: Option<String>,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Email {
    /// Reads the settings; connects to nothing yet.
    ///
    /// # Errors
    /// In words without a secret: what of them can't be used.
    pub fn new(settings: &EmailSettings) -> Result<Email, SettingError> {
        let mailbox = |text: &String| {
            text.parse::<Mailbox>()
                .map_err(|e| SettingError(format!("the address {text:?} can't be used: {e}")))
        };
        let tls = match settings.tls {
            SmtpProtection::None => Tls::None,
            SmtpProtection::Required => Tls::Wrapper(tls(settings)?),
            SmtpProtection::Starttls => Tls::Required(tls(settings)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(TRY_TIME_MAX));
        if let Some((name, password)) = &settings.login {
            builder = builder.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
        }
        Ok(Email {
            transport: builder.build(),
            host: format!("{}:{}", settings.host, settings.port),
            from: mailbox(&settings.from)?,
            to: settings.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            dashboard_url: settings.dashboard_url.clone(),
        })
    }

    pub(super) fn host(&self) -> String {
        self.host.clone()
    }

    /// Hands an event's message over once.
    pub(super) async fn send(&self, event: &Event) -> Outcome {
        let message = match self.message(event) {
            Ok(message) => message,
            Err(error) => return Outcome::failed(format!("the message can't be written: {error}")),
        };
        match self.transport.send(message).await {
            Ok(_) => Outcome::Done,
            Err(error) => {
                let mut why = format!("the mail server at {}: {error}", self.host);
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    // The library already repeats the first cause in its own text.
                    if !why.contains(&cause.to_string()) {
                        why = format!("{why}: {cause}");
                    }
                    source = cause.source();
                }
                Outcome::failed(cut(&clean(&why), ANSWER_CHARS_MAX))
            }
        }
    }

    fn message(&self, event: &Event) -> Result<Message, lettre::error::Error> {
        let words = Words::of(event, self.dashboard_url.as_deref());
        let subject = cut(&format!("[FactoryWager] {}", words.title), SUBJECT_CHARS_MAX);
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .message_id(Some(format!("<{}@{}>", event.id, self.from.email.domain())))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ))
            .date_now();
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.multipart(MultiPart::alternative_plain_html(words.plain(), html(&words)))
    }
}

fn tls(settings: &EmailSettings) -> Result<TlsParameters, SettingError> {
    let fail = |what: String| SettingError(format!("TLS to the mail server: {what}"));
    let mut builder = TlsParameters::builder(settings.host.clone());
    match &settings.ca {
        None => builder = builder.certificate_store(CertificateStore::WebpkiRoots),
        Some(path) => {
            let shown = path.display();
            let pem = std::fs::read(path).map_err(|e| fail(format!("{shown}: {e}")))?;
            let certificate = Certificate::from_pem(&pem).map_err(|e| fail(format!("{shown}: {e}")))?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|e| fail(e.to_string()))
}

/// The same as the plain text, as a table; nothing is loaded from anywhere.
fn html(words: &Words) -> String {
    let row = |(name, value): &(&str, String)| {
        format!(
            "<tr><th align=\"left\" style=\"padding-right:1em\">{}</th><td>{}</td></tr>",
            escape(name),
            escape(value)
        )
    };
    let facts: String = words.facts.iter().map(row).collect();
    let lines: String = words.why.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    let why = if lines.is_empty() { String::new() } else { format!("<p>Why:</p><ul>{lines}</ul>") };
    let link =
        words.link.as_ref().map(|url| format!("<p><a href=\"{}\">Open the dashboard</a></p>", escape(url)));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body style=\"font-family:sans-serif\"><h2>{sign} {title}</h2><table>{facts}</table>{why}{}<p><small>{}</small></p></body></html>",
        link.unwrap_or_default(),
        escape(&words.time),
        sign = words.tone.sign(),
        title = escape(&words.title),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
