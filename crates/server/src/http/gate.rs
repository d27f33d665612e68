//! The way in and out of every route: whose request, who asks, and what an answer must look like.
//!
//! In: Host and Origin, then the token. Out: a panic becomes a 500, every refusal that is not a problem
//! document yet becomes one (a framework has its own plain ones), and nothing is guessed about types.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use fw_api::{Code, Problem};

use super::{App, answer, ofrep, origin};
use crate::auth;

/// Who asks, as the log will name them.
#[derive(Debug, Clone)]
pub(super) struct Actor(pub(super) String);

/// Passes a request on if it may pass, and makes its answer fit to be sent.
pub(super) async fn gate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if ofrep::is_ofrep(request.uri().path()) {
        return gate_of_flags(&app, request, next).await;
    }
    let response = match admit(&app, &mut request) {
        Err(problem) => answer::problem(&problem),
        Ok(()) => unwound(next.run(request)).await,
    };
    finish(response)
}

/// The same for OFREP, whose refusals have a form of their own, and which pages of listed origins may ask.
async fn gate_of_flags(app: &App, mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match admit(app, &mut request) {
        // A page of an origin that may ask has to learn that it needs a token. Who was refused for anything else is
        // told no more than that.
        Err(problem) if problem.status != 401 => return ofrep::refused(&problem, ""),
        Err(problem) => ofrep::refused(&problem, ""),
        Ok(()) => match ofrep::over(app, &request) {
            Some(refusal) => refusal,
            None => unwound(next.run(request)).await,
        },
    };
    if response.status().is_server_error() && is_problem(&response) {
        response = ofrep::refused(&plain(response.status()), "");
    }
    let headers = response.headers_mut();
    ofrep::allow(origin, headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admit(app: &App, request: &mut Request) -> Result<(), Problem> {
    let (uri, settings) = (request.uri(), &app.settings);
    let tokens = !settings.tokens.is_empty();
    origin::check(request.method(), uri, request.headers(), &settings.hosts, tokens)?;
    if let Some(need) = auth::need_of(request.method(), uri.path()) {
        let actor = auth::actor(&settings.tokens, request.headers(), need)?;
        request.extensions_mut().insert(Actor(actor));
    }
    Ok(())
}

/// The answer, or a 500 for a panic. The panic's text went to stderr and goes no further.
async fn unwound(answering: impl Future<Output = Response>) -> Response {
    match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(target: "fw_server", "a request failed by a defect of this server");
            answer::problem(&Problem::new(Code::Internal, "a defect of this server; its log has more"))
        }
    }
}

fn finish(mut response: Response) -> Response {
    if (response.status().is_client_error() || response.status().is_server_error()) && !is_problem(&response)
    {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = answer::problem(&plain(response.status()));
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_problem(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == fw_api::problem::CONTENT_TYPE.as_bytes())
}

/// A problem for a status that came without words.
pub(super) fn plain(status: StatusCode) -> Problem {
    let code = Code::ALL.iter().find(|code| code.status() == status.as_u16());
    let code =
        code.copied().unwrap_or(if status.is_server_error() { Code::Internal } else { Code::BadRequest });
    Problem::new(code, "see /openapi.json for what this server takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(response: Response) -> serde_json::Value {
        let bytes = axum::body::to_bytes(response.into_body(), 65_536).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_its_text() {
        let secret = std::hint::black_box("the inside");
        let response = finish(unwound(async { panic!("{secret}") }).await);
        assert_eq!(response.status(), 500);
        let body = read(response).await;
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("the inside"), "{body}");
    }

    #[tokio::test]
    async fn a_plain_refusal_is_made_a_problem() {
        let mut response = Response::new("plain words".into());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        let response = finish(response);
        assert_eq!(response.headers()[header::ALLOW], "GET");
        let body = read(response).await;
        assert_eq!((body["code"].as_str(), body["status"].as_u64()), (Some("method_not_allowed"), Some(405)));
    }
}
