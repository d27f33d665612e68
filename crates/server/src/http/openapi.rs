//! `GET /openapi.json`: OpenAPI 3.1. Schemas come from the wire types, operations from one table.
//!
//! The table stands beside the router and not on the handlers, so that it reads as the contract does; a
//! test asks the router for every operation in it, so that none is promised that is not there.

use axum::response::Response;
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::answer;

mod shapes;

pub(super) async fn openapi() -> Response {
    answer::json(200, &document())
}

/// The document as text, as `GET /openapi.json` answers, laid out for people.
///
/// The page of `dashboard/` gets its types from it.
pub fn openapi_text() -> String {
    // A value of strings and numbers always serialises.
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}

/// What a body is.
#[derive(Clone, Copy)]
enum Content {
    /// A JSON object of a schema.
    Json(&'static str),
    /// A JSON object described elsewhere.
    AnyJson,
    /// Server-sent events.
    Events,
    /// Text of this type.
    Text(&'static str),
}

struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Role that is needed where tokens are configured; empty = none.
    role: &'static str,
    query: &'static [(&'static str, &'static str, &'static str)],
    body: Option<Content>,
    status: &'static str,
    answer: Content,
}

const fn get(path: &'static str, summary: &'static str, answer: Content) -> Operation {
    Operation { method: "get", path, summary, role: "viewer", query: &[], body: None, status: "200", answer }
}

const fn post(path: &'static str, summary: &'static str, body: Content, answer: Content) -> Operation {
    Operation {
        method: "post",
        path,
        summary,
        role: "operator",
        query: &[],
        body: Some(body),
        status: "200",
        answer,
    }
}

const ROLLOUT: (&str, &str, &str) = ("rollout", "string", "A service, service@region, or a run");
const REGION: (&str, &str, &str) = ("region", "string", "A region");

const RELEASE_ACTION: &str = "/api/v1/releases/{name}/{action}";
const METRICS: &str = "/api/v1/services/{service}/metrics";

const OPERATIONS: &[Operation] = &[
    Operation { role: "", ..get("/healthz", "Whether the process lives", Content::Text("text/plain")) },
    Operation {
        role: "",
        ..get(
            "/readyz",
            "Whether the log is replayed and the listeners are bound",
            Content::Text("text/plain"),
        )
    },
    Operation {
        role: "",
        ..get("/", "The dashboard; it holds no data and asks for a token", Content::Text("text/html"))
    },
    get("/openapi.json", "This description", Content::AnyJson),
    get("/metrics", "Prometheus text format 0.0.4", Content::Text("text/plain")),
    Operation {
        query: &[ROLLOUT, REGION],
        ..get("/status", "Status of the most recently started rollout, or of one", Content::Json("Status"))
    },
    Operation {
        query: &[
            ROLLOUT,
            REGION,
            ("lastEventId", "integer", "As the header Last-Event-ID, for clients that can't set one"),
        ],
        ..get(
            "/events",
            "Events as server-sent events; goes on after Last-Event-ID, and begins with the state without one",
            Content::Events,
        )
    },
    Operation {
        query: &[
            ("limit", "integer", "At most so many, 1 to 1000"),
            ("unended", "boolean", "Only those under way"),
        ],
        ..get("/api/v1/rollouts", "Rollouts, newest first", Content::Json("RunList"))
    },
    Operation {
        query: &[
            ("env", "string", "The environment of the config to use"),
            ("reason", "string", "Why, for the log"),
        ],
        status: "201",
        ..post(
            "/api/v1/rollouts",
            "Start a rollout; the body is the config as JSON, and with `regions` begins one over all of them",
            Content::AnyJson,
            Content::Json("Status"),
        )
    },
    get(
        "/api/v1/rollouts/{name}",
        "The status with verdicts and evidence; for a service with regions all of them (RegionalRollout)",
        Content::Json("Detail"),
    ),
    Operation {
        query: &[
            ("after", "integer", "Only events after this id"),
            ("limit", "integer", "At most so many, 1 to 1000"),
        ],
        ..get(
            "/api/v1/rollouts/{name}/history",
            "Published events of a run, oldest first",
            Content::Json("History"),
        )
    },
    get(
        "/api/v1/rollouts/{name}/live",
        "Detail and measurements as server-sent events: all at once, then what is new, at most once a second",
        Content::Events,
    ),
    Operation {
        query: &[("format", "string", "json (default), md or html")],
        ..get(
            "/api/v1/rollouts/{name}/reports/{kind}",
            "A report: completion, rollback, performance or business",
            Content::AnyJson,
        )
    },
    Operation {
        query: &[(
            "days",
            "integer",
            "Rollouts that began in the last so many days, 1 to 3660; 30 where nothing is said",
        )],
        ..get("/api/v1/kpis", "Key numbers over the rollouts of this server", Content::Json("Kpis"))
    },
    post(
        "/api/v1/rollouts/{name}/{action}",
        "pause, resume, advance, rollback or abort; the body may give a reason, and where to roll back to",
        Content::Json("Action"),
        Content::Json("Detail"),
    ),
    Operation {
        role: "reporter",
        query: &[REGION],
        ..get(
            "/api/v1/services/{service}/split",
            "The split as server-sent events named split, the present one at once",
            Content::Events,
        )
    },
    Operation {
        role: "reporter",
        query: &[REGION],
        status: "202",
        ..post(
            "/api/v1/services/{service}/observations",
            "Cumulative counters of one data plane; the answer has the split now",
            Content::Json("Report"),
            Content::Json("ReportAnswer"),
        )
    },
    Operation {
        role: "reporter",
        query: &[REGION],
        status: "202",
        ..post(
            METRICS,
            "A value of a custom metric, under an Idempotency-Key, or the cumulative sums of a source",
            Content::Json("MetricReport"),
            Content::Json("MetricAnswer"),
        )
    },
    Operation {
        query: &[
            ("service", "string", "Only those of this service"),
            ("limit", "integer", "At most so many, up to 1000; 50 where nothing is said"),
        ],
        ..get("/api/v1/releases", "Releases, the one that began last first", Content::Json("ReleaseList"))
    },
    Operation {
        status: "201",
        ..post(
            "/api/v1/releases",
            "Begin a release; with `dryRun` nothing is written or run, and the answer (200) is what it would find",
            Content::Json("ReleaseStart"),
            Content::Json("ReleaseDetail"),
        )
    },
    get(
        "/api/v1/releases/{name}",
        "A release (checkout.r3), or the latest one of a service: risk, findings, works, timeline",
        Content::Json("ReleaseDetail"),
    ),
    get(
        "/api/v1/releases/{name}/report",
        "What it tells people, as a page of Markdown",
        Content::Text("text/markdown"),
    ),
    post(
        RELEASE_ACTION,
        "cancel, undo or resolve (operator), approve or reject (approver); the body may give a reason",
        Content::Json("ReleaseAction"),
        Content::Json("ReleaseDetail"),
    ),
    get("/api/v1/notifications", "Who is told of events, and how far each was told", Content::AnyJson),
    post(
        "/api/v1/notifications/{name}/test",
        "Send a receiver a test now; the answer says whether it took it",
        Content::AnyJson,
        Content::AnyJson,
    ),
    get(
        "/api/v1/flags",
        "Feature flags as they are configured, and what was handed out",
        Content::Json("FlagList"),
    ),
    get("/api/v1/flags/{key}", "One flag, with the read-out of its experiment", Content::Json("FlagDetail")),
    Operation {
        role: "viewer",
        ..post(
            "/ofrep/v1/evaluate/flags/{key}",
            "OpenFeature (OFREP 0.3.0): one flag for a context",
            Content::AnyJson,
            Content::AnyJson,
        )
    },
    Operation {
        role: "viewer",
        ..post(
            "/ofrep/v1/evaluate/flags",
            "OpenFeature: every flag for a context, with an ETag",
            Content::AnyJson,
            Content::AnyJson,
        )
    },
    Operation {
        role: "reporter",
        status: "202",
        ..post(
            "/ofrep/v1/track",
            "What users did, as OpenFeature's track tells it: one event, or `events`",
            Content::AnyJson,
            Content::AnyJson,
        )
    },
    get("/ofrep/v1/events", "OpenFeature: when to ask again, as server-sent events", Content::Events),
];

fn content(content: Content) -> Value {
    match content {
        Content::Json(schema) => json!({ "application/json": { "schema": reference(schema) } }),
        Content::AnyJson => json!({ "application/json": { "schema": { "type": "object" } } }),
        Content::Events => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        Content::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let of_path = names.map(|name| {
        let schema = match name {
            "action" if operation.path == RELEASE_ACTION => {
                json!({ "type": "string", "enum": ["approve", "reject", "cancel", "undo", "resolve"] })
            }
            "action" => {
                json!({ "type": "string", "enum": ["pause", "resume", "advance", "rollback", "abort", "approve", "reject"] })
            }
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let of_query = operation.query.iter().map(|(name, kind, text)| {
        json!({ "name": name, "in": "query", "description": text, "schema": { "type": kind } })
    });
    let of_head = (operation.role == "operator" || operation.path == METRICS).then(|| {
        json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Makes it safe to send the request twice: 1 to 255 visible ASCII characters",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        })
    });
    of_path.chain(of_query).chain(of_head).collect()
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": {
            operation.status: { "description": operation.summary, "content": content(operation.answer) },
            "default": {
                "description": "A refusal (RFC 9457)",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            },
        },
    });
    described["security"] = match operation.role {
        "" => json!([]),
        // The empty object: a server on loopback may have no tokens.
        role => json!([{ "token": [role] }, {}]),
    };
    if let Some(body) = operation.body {
        // An action may come without a body.
        let required = !matches!(body, Content::Json("Action" | "ReleaseAction"));
        described["requestBody"] = json!({ "required": required, "content": content(body) });
    }
    described
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        entry[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FactoryWager",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
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
    add!(fw_api::wire::MetricReport, fw_api::wire::MetricAnswer);
    let value = |schema| serde_json::to_value(schema).unwrap_or(Value::Null);
    let mut schemas: Map<String, Value> = all.into_iter().map(|(name, s)| (name, value(s))).collect();
    schemas.extend(shapes::all().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    let to = json!({
        "description": "With rollback: previous (the default), stable, or the position of a phase from 0",
        "oneOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }],
    });
    schemas.insert(
        "Action".into(),
        json!({
            "type": "object", "additionalProperties": false,
            "properties": { "reason": { "type": "string", "maxLength": 1000 }, "to": to },
        }),
    );
    Value::Object(schemas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_path_is_described_and_every_operation_answers() {
        let document = document();
        for (path, item) in document["paths"].as_object().unwrap() {
            let parts = path.matches('{').count();
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().unwrap();
                let described = parameters.iter().filter(|p| p["in"] == "path").count();
                assert_eq!(described, parts, "{method} {path}");
                assert_eq!(operation["responses"].as_object().unwrap().len(), 2, "{method} {path}");
                assert_eq!(operation["requestBody"].is_object(), method == "post", "{method} {path}");
            }
        }
        // Every operation of the table has its own place.
        let placed: usize =
            document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum();
        assert_eq!(placed, OPERATIONS.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
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
