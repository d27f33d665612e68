//! `GET /`: a small page without a build step, and `GET /openapi.json`.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::App;
use super::answer::{self, Refused};
use crate::auth::{self, Need};

const PAGE: &str = include_str!("page.html");

pub(super) async fn page(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let html = PAGE.replace("NONCE", &nonce);
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((head, html).into_response())
}

pub(super) async fn openapi() -> Response {
    answer::json(200, &document())
}

/// Method, path, what it does, body schema, status and schema of the answer.
type Operation =
    (&'static str, &'static str, &'static str, Option<&'static str>, (&'static str, Option<&'static str>));

const OPERATIONS: &[Operation] = &[
    ("get", "/status", "The most recently started rollout", None, ("200", Some("Status"))),
    ("get", "/events", "Server-sent events of all rollouts; resumes by Last-Event-ID", None, ("200", None)),
    ("get", "/api/v1/rollouts", "Rollouts, newest first", None, ("200", None)),
    (
        "post",
        "/api/v1/rollouts",
        "Start a rollout; the body is the config as JSON",
        None,
        ("201", Some("Status")),
    ),
    ("get", "/api/v1/rollouts/{name}", "Everything about a rollout", None, ("200", Some("Status"))),
    ("get", "/api/v1/rollouts/{name}/history", "Published events of a run", None, ("200", None)),
    (
        "post",
        "/api/v1/rollouts/{name}/{action}",
        "pause, resume, advance, rollback or abort",
        None,
        ("200", Some("Status")),
    ),
    ("get", "/api/v1/services/{service}/split", "The split as server-sent events", None, ("200", None)),
    (
        "post",
        "/api/v1/services/{service}/observations",
        "Cumulative counters of one data plane",
        Some("Report"),
        ("202", Some("ReportAnswer")),
    ),
    ("get", "/metrics", "Prometheus text", None, ("200", None)),
    ("get", "/healthz", "Whether the process lives", None, ("200", None)),
    ("get", "/readyz", "Whether the log is replayed and the listeners are bound", None, ("200", None)),
];

fn document() -> Value {
    let mut paths = serde_json::Map::new();
    for (method, path, summary, body, (status, answer)) in OPERATIONS {
        let parameters: Vec<Value> = path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let content = |schema: &str| json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } });
        let mut operation = json!({
            "summary": summary,
            "parameters": parameters,
            "responses": {
                *status: { "description": summary },
                "default": { "description": "A refusal (RFC 9457)", "content": {
                    "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } },
            },
        });
        if let Some(schema) = answer {
            operation["responses"][*status]["content"] = content(schema);
        }
        if let Some(schema) = body {
            operation["requestBody"] = json!({ "required": true, "content": content(schema) });
        }
        let entry = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        entry[*method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "FactoryWager", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0 OR MIT" } },
        "paths": paths,
        "components": { "schemas": schemas() },
    })
}

fn schemas() -> Value {
    let mut all: Vec<(String, RefOr<Schema>)> = vec![];
    macro_rules! add {
        ($($type:ty),*) => { $(
            <$type>::schemas(&mut all);
            all.push((<$type>::name().into_owned(), <$type>::schema()));
        )* };
    }
    add!(fw_api::Status, fw_api::Report, fw_api::ReportAnswer, fw_api::SplitMessage, fw_api::Problem);
    all.into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or(Value::Null)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        let names: Vec<&str> =
            text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() > 10);
        for name in names {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
