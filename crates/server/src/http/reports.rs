//! Reports of a run, and key numbers over many (contract section 4): what `crate::stories` tells, in the form asked for.
//!
//! A page of a report runs no script and asks for nothing, and its policy says so.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine;
use fw_api::{Code, Problem};
use fw_reports::{Kind, Rendered};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::answer::Refused;
use super::body::At;
use super::{App, answer, body};
use crate::stories::kpis;

/// Days that key numbers are of, where nothing is said.
const DAYS_DEFAULT: u32 = 30;
/// Most days they may be of: ten years.
const DAYS_MAX: u32 = 3660;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportQuery {
    format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KpiQuery {
    days: Option<u32>,
}

pub(super) async fn report(
    State(app): State<App>,
    At((name, kind)): At<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let query: ReportQuery = body::query(query.as_deref())?;
    let kind = Kind::from_word(&kind).ok_or_else(|| {
        let text = format!("{kind:?} is no report: completion, rollback, performance and business are");
        Problem::new(Code::NotFound, text)
    })?;
    let format = query.format.unwrap_or_else(|| "json".into());
    if !matches!(format.as_str(), "json" | "md" | "html") {
        let text = format!("format: expected json, md or html, not {format:?}");
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    let (run, rendered) = match app.regional(&name) {
        Some(waves) if kind == Kind::Completion => {
            let told = waves.story(&name).await?;
            (told.run.clone(), fw_reports::regional(&told))
        }
        Some(_) => {
            let text = format!(
                "over all regions there is a completion report; {} reports are of one: name it, SERVICE@REGION",
                kind.as_str()
            );
            return Err(Problem::new(Code::NotFound, text).into());
        }
        None => {
            let story = app.stories.story(&name).await?;
            let rendered = fw_reports::report(&story, kind);
            (story.run.clone(), rendered.map_err(|text| Problem::new(Code::NotFound, text))?)
        }
    };
    Ok(match format.as_str() {
        "md" => file(&run, kind, "md", "text/markdown; charset=utf-8", rendered.markdown()),
        "html" => page(&run, kind, &rendered),
        _ => answer::json(200, rendered.json()),
    })
}

fn page(run: &str, kind: Kind, rendered: &Rendered) -> Response {
    let html = rendered.html();
    let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let digest = Sha256::digest(style.map_or("", |(style, _)| style));
    let digest = base64::engine::general_purpose::STANDARD.encode(digest);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = file(run, kind, "html", "text/html; charset=utf-8", html);
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A document with a name to save it under.
fn file(run: &str, kind: Kind, ending: &str, content: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Names of runs are letters, digits, '-', '_', '.' and '@'.
    let name = format!("inline; filename=\"{run}-{}.{ending}\"", kind.as_str());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

pub(super) async fn key_numbers(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let query: KpiQuery = body::query(query.as_deref())?;
    let days = query.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        let text = format!("days: expected 1 to {DAYS_MAX}, not {days}");
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    Ok(answer::json(200, &kpis(&app.stories, days).await?))
}
