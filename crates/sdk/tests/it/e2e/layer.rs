//! The tower layer in front of a service: requests are tagged, answers counted, cookies kept.

use std::convert::Infallible;
use std::future::{Future, Ready, pending, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{Request, Response};
use fw_sdk::{AssignLayer, Assigned, Rollout};
use fw_testkit::wait_until;
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

use crate::support::{Control, DEADLINE};

/// Answers with the status that the path names and says which version it was, or never answers.
#[derive(Clone)]
struct Named;

type Answer = Result<Response<Option<Assigned>>, Infallible>;

impl Service<Request<()>> for Named {
    type Response = Response<Option<Assigned>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let assigned = request.extensions().get::<Assigned>().copied();
        let Ok(status) = request.uri().path()[1..].parse::<u16>() else { return Box::pin(pending()) };
        let answer: Ready<Answer> = ready(Ok(Response::builder().status(status).body(assigned).unwrap()));
        Box::pin(answer)
    }
}

async fn ask(rollout: &Rollout, path: &str, cookie: Option<&str>) -> Response<Option<Assigned>> {
    let mut request = Request::builder().uri(path);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    AssignLayer::new(rollout.clone()).layer(Named).call(request.body(()).unwrap()).await.unwrap()
}

#[test]
fn requests_are_tagged_by_their_cookie_and_answers_counted() {
    let control = Control::start(&json!({ "stickiness": { "cookie": "fw_key" } }));
    let rollout = control.sdk().connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for i in 0..100 {
            let status = if i < 3 {
                "/503"
            } else if i < 7 {
                "/404"
            } else {
                "/200"
            };
            let answer = ask(&rollout, status, Some(&format!("a=b; fw_key=user-{i}"))).await;
            let assigned = answer.body().unwrap();
            assert_eq!(assigned.is_canary(), rollout.should_serve_for(format!("user-{i}")));
            assert_eq!(assigned.percentage, 50.0);
            assert!(!answer.headers().contains_key("set-cookie"));
        }
        // A visitor without a cookie gets one, and with it the same version again.
        let first = ask(&rollout, "/200", None).await;
        let cookie = first.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("fw_key=") && cookie.contains("; HttpOnly"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let again = ask(&rollout, "/200", Some(pair)).await;
        assert_eq!(again.body().unwrap().variant, first.body().unwrap().variant);
        // One that leaves before it is answered is no error.
        let never = ask(&rollout, "/never", Some("fw_key=gone"));
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), never).await.is_err());
    });
    rollout.shutdown(DEADLINE).unwrap();
    assert!(wait_until(DEADLINE, || control.counts().requests == 102), "{}", control.counts().requests);
    let counts = control.counts();
    assert_eq!((counts.errors, counts.client_errors, counts.client_aborts), (3, 4, 1));
    assert_eq!(counts.units, 102, "each of 100 users, the visitor, and the one who left");
}
