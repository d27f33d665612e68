//! `fw rollout pause | resume | advance | rollback | abort`.

use serde_json::{Map, Value, json};

use super::{resolve, status_of};
use crate::args::{Steer, Target};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Out, one_line};

pub(super) async fn run(
    client: &Client,
    action: &str,
    args: Steer,
    to: Option<Target>,
    out: &mut Out,
) -> Result<(), Failure> {
    let name = resolve::name(client, args.name).await?;
    let path = format!("/api/v1/rollouts/{}/{action}", escape(&name));
    // A key for this one call: a repetition by something in between changes nothing.
    let key = uuid::Uuid::new_v4().to_string();
    let answer = client.post(&path, &body(args.reason, to), Some(&key)).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    Ok(out.line(&one_line(&status_of(&answer)?))?)
}

fn body(reason: Option<String>, to: Option<Target>) -> Value {
    let mut body = Map::new();
    if let Some(reason) = reason {
        body.insert("reason".into(), reason.into());
    }
    if let Some(to) = to {
        let to = match to {
            Target::Previous => json!("previous"),
            Target::Stable => json!("stable"),
            Target::Phase(position) => json!(position),
        };
        body.insert("to".into(), to);
    }
    Value::Object(body)
}
