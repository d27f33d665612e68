//! `versions`: the one that runs and the one being rolled out, each with the URLs of its instances.

use fw_model::Plan;
use fw_model::plan::{RouterKind, Version};

use super::Rules;
use crate::config::format;
use crate::config::table::{Key, Kind, Section};
use crate::config::tree::View;
use crate::config::url;

/// Most instances of a version.
const URLS_MAX: usize = 256;

/// The section.
pub(crate) static VERSIONS: Section = Section {
    title: "versions",
    doc: "The router `proxy` needs both with URLs; for `sdk` only the names matter.",
    keys: &[
        Key::optional("stable", Kind::Section(&VERSION), "= named stable", "The version that runs today."),
        Key::optional("canary", Kind::Section(&VERSION), "= named canary", "The version being rolled out."),
    ],
    exclusive: &[],
};

static URL: Kind = Kind::Text(format::URL);

static VERSION: Section = Section {
    title: "versions.stable, versions.canary",
    doc: "A version: its name and where its instances answer.",
    keys: &[
        Key::optional(
            "version",
            Kind::Text(format::VERSION),
            "= stable or canary",
            "What people call it, such as `1.4.2`.",
        ),
        Key::optional(
            "url",
            Kind::Text(format::URL),
            "= needed for the proxy",
            "Base URL of its one instance: `http://`, `https://` or `h2c://` (HTTP/2 without TLS), host, port, no path.",
        ),
        Key::optional(
            "urls",
            Kind::List { of: &URL, min: 1, max: URLS_MAX },
            "= `url`",
            "Base URLs of its instances, where there are several.",
        ),
    ],
    exclusive: &[&["url", "urls"]],
};

/// Both versions, stable first.
pub(super) fn read(versions: View<'_>) -> (Version, Version) {
    (version(versions.get("stable"), "stable"), version(versions.get("canary"), "canary"))
}

fn version(view: View<'_>, default: &str) -> Version {
    let one = view.get("url").text();
    let many = view.get("urls").items().iter().filter_map(|node| View(Some(node)).text());
    let urls = one.into_iter().chain(many).filter_map(|text| url::normalise(text).ok()).collect();
    Version { version: view.get("version").text().unwrap_or(default).to_owned(), urls }
}

/// The proxy needs URLs, and no version the same one twice.
pub(super) fn check(rules: &mut Rules<'_>, plan: &Plan) {
    for name in ["stable", "canary"] {
        let at = format!("versions.{name}");
        let view = rules.view().get("versions").get(name);
        let written = view.get("url").exists() || view.get("urls").exists();
        if plan.router == RouterKind::Proxy && !written {
            rules.fault(
                &at,
                format!("the router `proxy` needs {at}.url (or `urls`): where {name} answers, such as http://127.0.0.1:8081"),
            );
        }
        let read = |node| View(Some(node)).text().and_then(|text| url::normalise(text).ok());
        let urls: Vec<Option<String>> = view.get("urls").items().iter().map(read).collect();
        for (i, own) in urls.iter().enumerate() {
            if let Some(url) = own.as_ref().filter(|_| urls[..i].contains(own)) {
                rules.fault(&format!("{at}.urls[{i}]"), format!("{url} stands twice in this list"));
            }
        }
    }
}
