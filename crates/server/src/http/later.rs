//! Routes that come with later versions: refused by name, never half there.

use axum::response::Response;
use fw_api::{Code, Problem};

use super::answer;

fn later(what: &str) -> Response {
    let text =
        format!("{what} come with a later version of FactoryWager; /openapi.json lists what this one has");
    answer::problem(&Problem::new(Code::NotYet, text))
}

pub(super) async fn releases() -> Response {
    later("releases")
}
