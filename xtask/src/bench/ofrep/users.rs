//! The users who ask: their keys, the tags of what they were answered, and the scripts that ask for them.
//!
//! Requests are made before the load begins and sent in turn, so that wrk spends as little as without a script.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::http;

/// Where all flags are asked for.
pub(super) const ALL: &str = "/ofrep/v1/evaluate/flags";
/// Where one is.
pub(super) const ONE: &str = "/ofrep/v1/evaluate/flags/new-checkout";
/// How many there are.
const USERS: usize = 1000;
/// Fewest and most who may get the canary: 25 % is 250, and 5 standard errors are 68.
const CANARIES: std::ops::RangeInclusive<usize> = 182..=318;

/// A user.
pub(super) struct User {
    body: String,
    tag: String,
}

/// Asks for each user's flags once, and checks what they are given.
pub(super) fn ask(address: SocketAddr) -> Result<Vec<User>> {
    let mut canaries = 0;
    let mut users = Vec::new();
    for n in 0..USERS {
        let body = format!(
            r#"{{"context":{{"targetingKey":"user-{n}","country":"DE","plan":"pro","sessions":{n},"beta":false}}}}"#
        );
        let answer = http::post(address, ALL, "", &body)?;
        let tag = answer.header("etag").context("no ETag")?.to_owned();
        let flags: Value = serde_json::from_slice(&answer.body)?;
        let flags = flags["flags"].as_array().context("no flags")?;
        ensure!(answer.status == 200 && flags.len() == 5, "{} {flags:?}", answer.head);
        ensure!(flags.iter().all(|flag| flag["reason"] == "SPLIT"), "not all are split: {flags:?}");
        canaries += usize::from(flags[0]["value"] == true);
        let again = http::post(address, ALL, &format!("If-None-Match: {tag}\r\n"), &body)?;
        ensure!(again.status == 304, "the tag is not known: {}", again.head);
        users.push(User { body, tag });
    }
    ensure!(CANARIES.contains(&canaries), "{canaries} of {USERS} got the canary");
    Ok(users)
}

/// A script that asks for each in turn, with the tag of the answer they had, or without.
pub(super) fn script(users: &[User], path: &str, with_tag: bool) -> String {
    let mut text = "local requests, at = {}, 0\nfunction init(args)\n".to_owned();
    text.push_str("  local function add(body, tag)\n");
    text.push_str(
        "    local headers = { [\"Content-Type\"] = \"application/json\", [\"If-None-Match\"] = tag }\n",
    );
    let _ = writeln!(
        text,
        "    requests[#requests + 1] = wrk.format(\"POST\", \"{path}\", headers, body)\n  end"
    );
    for User { body, tag } in users {
        // Neither keys nor tags hold what ends a long bracket.
        let tag = if with_tag { format!("[[{tag}]]") } else { "nil".to_owned() };
        let _ = writeln!(text, "  add([[{body}]], {tag})");
    }
    text.push_str("end\nfunction request()\n  at = at % #requests + 1\n  return requests[at]\nend\n");
    text
}
