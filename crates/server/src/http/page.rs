//! The dashboard: `GET /` and what it loads, from bytes that are built into the binary.
//!
//! They are made from `dashboard/` by `cargo xtask dashboard` and committed, so building this needs no Node. They hold no
//! data: whoever may reach the server may load them, and the page asks for a token when the API wants one. A browser
//! keeps them and asks each time whether they are still the same. The policy lets the page run its one script and talk
//! to this server, and nothing else: whatever an event brings stays text.

use std::io::Write;
use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use fw_api::{Code, Problem};
use sha2::{Digest, Sha256};

use super::answer::Refused;
use super::body::At;
use crate::auth::hex;

/// What the page may load, and from where.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file of the bundle.
struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    made: OnceLock<Made>,
}

/// What is worked out once, when somebody asks.
struct Made {
    /// The same for both forms: a weak tag, which says that they mean the same.
    tag: HeaderValue,
    /// None where it would not be smaller.
    gzip: Option<Bytes>,
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            plain: include_bytes!(concat!("dashboard/", $name)),
            made: OnceLock::new(),
        }
    };
}

static PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");
static ASSETS: [Asset; 3] = [
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("app.css", "text/css; charset=utf-8"),
    asset!("inter.woff2", "font/woff2"),
];

impl Asset {
    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let digest = hex(&Sha256::digest(self.plain));
            let tag = HeaderValue::from_str(&format!("W/\"{}\"", &digest[..16]));
            // Hexadecimal digits always make a header value.
            let tag = tag.unwrap_or(HeaderValue::from_static("W/\"\""));
            let gzip = compressed(self.plain).filter(|gzip| gzip.len() < self.plain.len());
            Made { tag, gzip: gzip.map(Bytes::from) }
        })
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let Made { tag, gzip } = self.made();
        let mut response = match gzip {
            _ if names(headers, tag) => StatusCode::NOT_MODIFIED.into_response(),
            Some(gzip) if takes_gzip(headers) => {
                let mut response = gzip.clone().into_response();
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                response
            }
            _ => Bytes::from_static(self.plain).into_response(),
        };
        let head = response.headers_mut();
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        head.insert(header::ETAG, tag.clone());
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        head.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        head.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

pub(super) async fn page(headers: HeaderMap) -> Response {
    PAGE.answer(&headers)
}

pub(super) async fn asset(At(name): At<String>, headers: HeaderMap) -> Result<Response, Refused> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Problem::new(Code::NotFound, "the page at / has no such file"))?;
    Ok(asset.answer(&headers))
}

/// None when it fails, which writing into memory does not.
fn compressed(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Whether the client has what this tag stands for.
///
/// Source: RFC 9110 section 13.1.2, by the weak comparison.
fn names(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = opaque(tag.to_str().unwrap_or_default());
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|one| one.trim() == "*" || opaque(one) == own)
}

/// Whether the client takes gzip; a weight of nothing says no.
///
/// Source: RFC 9110 section 12.5.3.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.trim().parse::<f64>().is_ok_and(|q| q > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (value, want) in [
            ("gzip, deflate, br", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
            ("gzipped", false),
        ] {
            assert_eq!(takes_gzip(&with(header::ACCEPT_ENCODING, value)), want, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_known_tag_is_known_in_every_form() {
        let tag = HeaderValue::from_static("W/\"abc\"");
        for (value, want) in [
            ("W/\"abc\"", true),
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("", false),
        ] {
            assert_eq!(names(&with(header::IF_NONE_MATCH, value), &tag), want, "{value}");
        }
    }

    #[test]
    fn the_whole_page_is_small() {
        let sent = |asset: &Asset| asset.made().gzip.as_ref().map_or(asset.plain.len(), Bytes::len);
        let total = sent(&PAGE) + ASSETS.iter().map(sent).sum::<usize>();
        assert!(total < 200 * 1024, "{total} bytes");
    }
}
