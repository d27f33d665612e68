//! What texts of the config must look like: names, URLs, addresses, digests.
//!
//! Each format is a constant of the table: words for messages, a pattern for editors, a function that decides.

use std::net::SocketAddr;

use fw_model::flag::FLAG_NAME_BYTES_MAX;
use fw_model::plan::{METRIC_NAME_BYTES_MAX, MetricSpec};
use fw_model::release::Window;
use fw_model::{NAME_BYTES_MAX, Region, ServiceKey, ServiceName};

use super::table::Format;
use super::tree::shown;
use super::url;

/// Longest free text, characters.
const TEXT_MAX: usize = 500;
/// Longest unit, characters.
const UNIT_MAX: usize = 32;
/// Longest version name, characters.
const VERSION_MAX: usize = 128;
/// Longest URL of a receiver, bytes.
const URL_MAX: usize = 2048;
/// Longest name of an environment variable, bytes.
const ENV_MAX: usize = 128;
/// Longest address of e-mail, bytes (RFC 5321 section 4.5.3.1.3).
const MAILBOX_MAX: usize = 254;
/// Longest file path, bytes.
const PATH_MAX: usize = 4096;

/// A service name.
pub(super) const SERVICE: Format = Format {
    expected: "a service name such as checkout",
    numbers: true,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    check: |text| ServiceName::new(text).map(drop).map_err(|_| name_rule(text)),
};

/// A region name.
pub(super) const REGION: Format = Format {
    expected: "a region name such as eu-west-1",
    numbers: true,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    check: |text| Region::new(text).map(drop).map_err(|_| name_rule(text)),
};

/// A token's name, which becomes the actor of what it does.
pub(super) const TOKEN_NAME: Format = Format {
    expected: "a name such as ci",
    numbers: false,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    check: |text| ServiceName::new(text).map(drop).map_err(|_| name_rule(text)),
};

/// A version's name. Unquoted numbers are taken as written: `version: 1.10` is `1.10`.
pub(super) const VERSION: Format = Format {
    expected: "a version such as \"1.4.2\"",
    numbers: true,
    pattern: None,
    check: |text| bounded(text, VERSION_MAX),
};

/// Free text.
pub(super) const DESCRIPTION: Format =
    Format { expected: "a text", numbers: true, pattern: None, check: |text| bounded(text, TEXT_MAX) };

/// A custom metric's name.
pub(super) const METRIC: Format = Format {
    expected: "a metric's name such as conversion_rate",
    numbers: false,
    pattern: Some("^[A-Za-z0-9_.-]{1,64}$"),
    check: |text| {
        let rule = || {
            format!(
                "must be 1 to {METRIC_NAME_BYTES_MAX} of a-z, A-Z, 0-9, '_', '-' and '.', not {:?}",
                shown(text)
            )
        };
        MetricSpec::is_name(text).then_some(()).ok_or_else(rule)
    },
};

/// A flag's key, or a variant's name.
pub(super) const FLAG: Format = Format {
    expected: "a name such as new-checkout",
    numbers: false,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"),
    check: |text| {
        let is_name = |text: &str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
            text.bytes().all(good) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let rule = || {
            format!(
                "must be 1 to {FLAG_NAME_BYTES_MAX} of a-z, A-Z, 0-9, '.', '_', ':' and '-', beginning with a letter or digit, not {:?}",
                shown(text)
            )
        };
        (text.len() <= FLAG_NAME_BYTES_MAX && is_name(text)).then_some(()).ok_or_else(rule)
    },
};

/// A targeting key: who asks for a flag.
pub(super) const TARGETING_KEY: Format = Format {
    expected: "a targeting key such as user-42",
    numbers: true,
    pattern: None,
    check: |text| bounded(text, TEXT_MAX),
};

/// A service, in one region or in all.
pub(super) const SERVICE_KEY: Format = Format {
    expected: "a service such as checkout, or checkout@eu-west-1",
    numbers: true,
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(@[A-Za-z0-9][A-Za-z0-9._-]{0,62})?$"),
    check: |text| {
        let rule =
            |_| format!("must be a service such as checkout, or checkout@eu-west-1, not {:?}", shown(text));
        text.parse::<ServiceKey>().map(drop).map_err(rule)
    },
};

/// The name of an environment variable. The text is not repeated: it may be the secret itself.
pub(super) const ENV: Format = Format {
    expected: "the name of an environment variable such as FW_WEBHOOK_SECRET (not the secret itself)",
    numbers: false,
    pattern: Some("^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
    check: |text| {
        let letters = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let sound = letters && (1..=ENV_MAX).contains(&text.len()) && !text.as_bytes()[0].is_ascii_digit();
        let rule =
            "must be the name of an environment variable such as FW_WEBHOOK_SECRET, not the secret itself";
        sound.then_some(()).ok_or_else(|| rule.to_owned())
    },
};

/// A file that has a secret. Its check repeats nothing: it may be the secret itself.
pub(super) const SECRET_FILE: Format = Format {
    expected: "the path of a file that has the secret (not the secret itself)",
    numbers: false,
    pattern: None,
    check: |text| {
        if text.contains("://") {
            return Err("must be the path of a file that has the URL, not the URL itself".into());
        }
        bounded(text, PATH_MAX)
    },
};

/// The whole URL of a receiver, or of a page. The text is not repeated: it may hold a secret.
pub(super) const WEBHOOK_URL: Format = Format {
    expected: "a URL such as https://example.org/hooks/releases",
    numbers: false,
    pattern: Some("^https?://[^/?#@]+([/?][^#]*)?$"),
    check: |text| {
        let scheme = text.split_once("://").filter(|(s, _)| *s == "http" || *s == "https");
        let (_, rest) = scheme.ok_or("must begin with http:// or https://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if text.contains('#')
            || text.contains(|c: char| c.is_whitespace() || c.is_control())
            || !text.is_ascii()
        {
            return Err("must not hold white space, letters beyond ASCII or a `#`".into());
        }
        if rest[..end].contains('@') {
            return Err(
                "must not hold a user name or password; send them in `headers`, from `valueEnv`".into()
            );
        }
        if text.len() > URL_MAX {
            return Err(format!("has {} bytes; at most {URL_MAX} are allowed", text.len()));
        }
        url::normalise(&text[..text.len() - rest.len() + end]).map(drop)
    },
};

/// A value of a header field. RFC 9110 section 5.5, without bytes beyond ASCII.
pub(super) const HEADER_VALUE: Format = Format {
    expected: "a value of a header field",
    numbers: true,
    pattern: None,
    check: |text| {
        let visible = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if visible { bounded(text, TEXT_MAX) } else { Err("must be of visible ASCII characters".into()) }
    },
};

/// A mail server's host.
pub(super) const MAIL_HOST: Format = Format {
    expected: "a host such as smtp.example.org",
    numbers: false,
    pattern: Some("^[^/?#@\\s]+$"),
    check: |text| {
        let bracketed = if text.contains(':') { format!("[{text}]") } else { text.to_owned() };
        let rule =
            |_| format!("must be a host such as smtp.example.org, without a port, not {:?}", shown(text));
        url::normalise(&format!("http://{bracketed}")).map(drop).map_err(rule)
    },
};

/// An address of e-mail, without a name before it.
pub(super) const MAILBOX: Format = Format {
    expected: "an address such as team@example.org",
    numbers: false,
    pattern: Some("^[^@\\s<>]+@[^@\\s<>]+$"),
    check: |text| {
        let plain =
            |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !c.is_control());
        let sound = text.split_once('@').is_some_and(|(user, host)| {
            plain(user) && plain(host) && !host.contains('@') && !text.contains(['<', '>', ',', ';', '"'])
        });
        let rule = || format!("must be an address such as team@example.org, not {:?}", shown(text));
        (sound && text.len() <= MAILBOX_MAX).then_some(()).ok_or_else(rule)
    },
};

/// The unit of a custom metric.
pub(super) const UNIT: Format = Format {
    expected: "a unit such as EUR",
    numbers: false,
    pattern: None,
    check: |text| bounded(text, UNIT_MAX),
};

/// The base URL of an instance.
pub(super) const URL: Format = Format {
    expected: "a URL such as http://127.0.0.1:8081",
    numbers: false,
    pattern: Some("^(http|https|h2c)://[^/?#@]+/?$"),
    check: |text| url::normalise(text).map(drop),
};

/// An address to listen on.
pub(super) const ADDRESS: Format = Format {
    expected: "an address and port such as 127.0.0.1:8080",
    numbers: false,
    pattern: Some("^.+:[0-9]{1,5}$"),
    check: |text| {
        let rule = || {
            format!(
                "must be an IP address and port such as 127.0.0.1:8080 or [::1]:8080, not {:?}",
                shown(text)
            )
        };
        text.parse::<SocketAddr>().map(drop).map_err(|_| rule())
    },
};

/// A host that writes may be addressed to.
pub(super) const HOST: Format = Format {
    expected: "a host such as fw.example.com or fw.example.com:3002",
    numbers: false,
    pattern: Some("^[^/?#@\\s]+$"),
    check: |text| {
        let rule = || {
            format!("must be a host such as fw.example.com, with a port if it has one, not {:?}", shown(text))
        };
        url::normalise(&format!("http://{text}")).map(drop).map_err(|_| rule())
    },
};

/// The name of a request header. RFC 9110 section 5.6.2: token.
pub(super) const HEADER: Format = Format {
    expected: "a header name such as X-User-Id",
    numbers: false,
    pattern: Some(TOKEN_PATTERN),
    check: |text| token("a header name such as X-User-Id", text),
};

/// The name of a cookie. RFC 6265 section 4.1.1: token.
pub(super) const COOKIE: Format = Format {
    expected: "a cookie name such as fw_key",
    numbers: false,
    pattern: Some(TOKEN_PATTERN),
    check: |text| token("a cookie name such as fw_key", text),
};

/// An argument of a command. Whatever it is, but for NUL, which no system takes.
pub(super) const ARGUMENT: Format = Format {
    expected: "an argument",
    numbers: true,
    pattern: None,
    check: |text| {
        if text.contains('\0') { Err("must not hold a NUL".into()) } else { sized(text, PATH_MAX) }
    },
};

/// A variable of a command.
pub(super) const VARIABLE: Format = Format {
    expected: "a variable such as LOG_LEVEL=info",
    numbers: false,
    pattern: Some("^[A-Za-z_][A-Za-z0-9_]{0,127}=.*$"),
    check: |text| {
        let (name, value) = text.split_once('=').ok_or("must be NAME=value")?;
        (ENV.check)(name).map_err(|_| "must be NAME=value; a name is of letters, digits and _".to_owned())?;
        (ARGUMENT.check)(value)
    },
};

/// Hours of the week.
pub(super) const WINDOW: Format = Format {
    expected: "hours such as \"Mon-Thu 09:00-16:00 Europe/Berlin\"",
    numbers: false,
    pattern: None,
    check: |text| text.parse::<Window>().map(drop).map_err(|e| e.to_string()),
};

/// A day of the calendar.
pub(super) const DATE: Format = Format {
    expected: "a day such as 2026-12-20",
    numbers: true,
    pattern: Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    check: |text| {
        let sound = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
        sound.then_some(()).ok_or_else(|| format!("must be a day such as 2026-12-20, not {:?}", shown(text)))
    },
};

/// A time zone.
pub(super) const ZONE: Format = Format {
    expected: "a time zone such as Europe/Berlin",
    numbers: false,
    pattern: None,
    check: |text| bounded(text, NAME_BYTES_MAX),
};

/// A path of a URL.
pub(super) const URL_PATH: Format = Format {
    expected: "a path such as /healthz",
    numbers: false,
    pattern: Some("^/[!-~]*$"),
    check: |text| {
        let sound = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic());
        let rule = || format!("must be a path such as /healthz, not {:?}", shown(text));
        if sound { bounded(text, URL_MAX) } else { Err(rule()) }
    },
};

/// A JSON pointer. RFC 6901.
pub(super) const POINTER: Format = Format {
    expected: "a JSON pointer such as /version",
    numbers: false,
    pattern: Some("^/.+$"),
    check: |text| {
        let rule = || format!("must be a JSON pointer such as /version, not {:?}", shown(text));
        if text.starts_with('/') { bounded(text, TEXT_MAX) } else { Err(rule()) }
    },
};

/// A path of a file.
pub(super) const FILE: Format =
    Format { expected: "a file path", numbers: false, pattern: None, check: |text| bounded(text, PATH_MAX) };

/// A SHA-256 digest, as `fw token new` prints it.
pub(super) const SHA256: Format = Format {
    expected: "64 hex digits (`fw token new` prints them)",
    numbers: true,
    pattern: Some("^[0-9a-fA-F]{64}$"),
    check: |text| {
        let sound = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        // The text itself is not repeated: it may be the token, pasted into the wrong place.
        let rule = || {
            format!(
                "must be 64 hex digits (`fw token new` prints them), not {} characters",
                text.chars().count()
            )
        };
        sound.then_some(()).ok_or_else(rule)
    },
};

const TOKEN_PATTERN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$";
/// Longest header or cookie name, bytes.
const TOKEN_MAX: usize = 128;

fn name_rule(text: &str) -> String {
    format!(
        "must be 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit, not {:?}",
        shown(text)
    )
}

fn bounded(text: &str, max: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("must not be empty".into());
    }
    let length = text.chars().count();
    if length > max { Err(format!("has {length} characters; at most {max} are allowed")) } else { Ok(()) }
}

/// As [`bounded`], but empty is fine.
fn sized(text: &str, max: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length > max { Err(format!("has {length} characters; at most {max} are allowed")) } else { Ok(()) }
}

fn token(expected: &str, text: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("must be {expected}, not {:?}", shown(text)))
    }
}
