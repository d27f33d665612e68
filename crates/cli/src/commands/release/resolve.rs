//! Which release is meant when no NAME is given: the only one under way, else the latest of the only service.

use serde_json::Value;

use super::text;
use crate::client::{Client, ClientError};
use crate::failure::Failure;
use crate::output::clean;

/// The releases of the server, the one that began last first.
pub(super) async fn list(client: &Client) -> Result<Vec<Value>, ClientError> {
    let answer = client.get("/api/v1/releases").await?;
    let list = answer["releases"].as_array().cloned();
    list.ok_or_else(|| ClientError::Protocol("the answer lists no releases".into()))
}

/// The name that was given, or the only one that can be meant.
pub(super) async fn name(client: &Client, given: Option<String>) -> Result<String, Failure> {
    match given {
        Some(name) => Ok(name),
        None => only(&list(client).await?),
    }
}

fn only(releases: &[Value]) -> Result<String, Failure> {
    let under_way: Vec<&Value> =
        releases.iter().filter(|release| text(release, "status") == "running").collect();
    if let [one] = under_way.as_slice() {
        return Ok(text(one, "id").to_owned());
    }
    let Some(latest) = releases.first() else {
        return Err(Failure::Failed("the server has no release yet; `fw release` begins one".into()));
    };
    let one_service = releases.iter().all(|release| release["service"] == latest["service"]);
    if under_way.is_empty() && one_service {
        return Ok(text(latest, "id").to_owned());
    }
    let candidates = if under_way.is_empty() { releases.iter().collect() } else { under_way };
    let names: Vec<String> = candidates.iter().take(10).map(|release| clean(text(release, "id"))).collect();
    Err(Failure::Usage(format!("several releases can be meant; name one of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_only_one_that_can_be_meant_is_found() {
        let release =
            |id: &str, service: &str, status: &str| json!({ "id": id, "service": service, "status": status });
        let of = |list: &[Value]| only(list).map_err(|failure| failure.exit_code());
        assert_eq!(of(&[]), Err(1));
        let done = [release("a.r2", "a", "success"), release("a.r1", "a", "failed")];
        assert_eq!(of(&done), Ok("a.r2".into()));
        let one = [release("b.r1", "b", "success"), release("a.r2", "a", "running")];
        assert_eq!(of(&one), Ok("a.r2".into()));
        assert_eq!(of(&[release("b.r1", "b", "success"), release("a.r1", "a", "failed")]), Err(2));
        assert_eq!(of(&[release("b.r1", "b", "running"), release("a.r1", "a", "running")]), Err(2));
    }
}
