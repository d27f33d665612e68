//! OFREP: every form of answer, over the wire, beside a rollout that moves.

use fw_model::split::variant_of_key;
use fw_runtime::config::{EvaluationRate, Role, TokenConfig};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{DEADLINE, Reply, Setup, World, config, raw, request};

const ALL: &str = "/ofrep/v1/evaluate/flags";

fn flagged() -> Setup {
    let mut shop = config("checkout");
    shop["flags"] = json!([
        { "key": "new-checkout", "stable": false, "canary": true, "force": [{ "variant": "canary", "keys": ["tester"] }] },
        { "key": "title", "stable": "old", "canary": "new" },
        { "key": "limits", "stable": { "items": 3 }, "canary": { "items": 5 } },
        { "key": "factor", "variants": [
            { "name": "one", "value": 1, "weight": 100 }, { "name": "half", "value": 0.5, "weight": 0 } ] },
        { "key": "off", "enabled": false, "stable": 1, "canary": 2 },
    ]);
    Setup { services: vec![shop], ..Setup::default() }
}

async fn one(world: &World, key: &str, context: Value) -> Reply {
    world.post(&format!("{ALL}/{key}"), &json!({ "context": context })).await
}

fn user(key: &str) -> Value {
    json!({ "targetingKey": key })
}

/// As every known client needs it.
fn assert_form(answer: &Value) {
    assert!(answer["key"].is_string(), "{answer}");
    if answer.get("errorCode").is_some() {
        assert!(answer["errorCode"].is_string() && answer["errorDetails"].is_string(), "{answer}");
        return;
    }
    let reasons = ["STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED"];
    assert!(reasons.contains(&answer["reason"].as_str().unwrap()), "{answer}");
    assert!(answer["variant"].is_string() && answer["metadata"].is_object(), "{answer}");
}

#[tokio::test]
async fn each_type_of_value_comes_with_everything_clients_need() {
    let world = World::with(flagged()).await;
    let wanted = [
        ("new-checkout", json!(false), "stable"),
        ("title", json!("old"), "stable"),
        ("limits", json!({ "items": 3 }), "stable"),
        ("factor", json!(1.0), "one"),
    ];
    for (key, value, variant) in wanted {
        let reply = one(&world, key, user("ann")).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/json".into()), "{key}");
        let answer = reply.json();
        assert_form(&answer);
        assert_eq!((&answer["value"], answer["variant"].as_str()), (&value, Some(variant)), "{key}");
        assert_eq!(answer["reason"], "STATIC");
    }
    assert!(one(&world, "factor", user("ann")).await.text().contains("\"value\":1.0"));
    let off = one(&world, "off", user("ann")).await.json();
    assert_form(&off);
    assert_eq!((off.get("value"), &off["reason"]), (None, &json!("DISABLED")));
    let forced = one(&world, "new-checkout", user("tester")).await.json();
    assert_eq!((&forced["value"], &forced["reason"]), (&json!(true), &json!("TARGETING_MATCH")));
}

#[tokio::test]
async fn while_a_rollout_runs_a_key_gets_what_the_proxy_would_give_it() {
    let world = World::with(flagged()).await;
    let _plane = world.run("checkout").await;
    let split = world.handle.split(&"checkout".parse().unwrap()).unwrap().borrow().clone();
    let mut canaries = 0;
    for n in 0..200 {
        let key = format!("user-{n}@example.org");
        let answer = one(&world, "new-checkout", user(&key)).await.json();
        let wanted = variant_of_key(&split.salt, key.as_bytes(), split.canary).as_str();
        assert_eq!((answer["variant"].as_str(), &answer["reason"]), (Some(wanted), &json!("SPLIT")), "{key}");
        assert_eq!(answer["metadata"]["rollout"], "checkout.1", "{answer}");
        canaries += u32::from(wanted == "canary");
    }
    assert!(canaries > 0);
    for context in [json!({}), user(""), Value::Null] {
        let reply = one(&world, "new-checkout", context).await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (400, &json!("TARGETING_KEY_MISSING")));
    }
}

#[tokio::test]
async fn all_flags_come_with_a_tag_of_config_split_and_asker() {
    let world = World::with(flagged()).await;
    let ask = async |key: &str, tag: &str| {
        world.post_with(ALL, &[("if-none-match", tag)], &json!({ "context": user(key) })).await
    };
    let first = ask("ann", "").await;
    let whole = first.json();
    whole["flags"].as_array().unwrap().iter().for_each(assert_form);
    assert_eq!((first.status, whole["flags"].as_array().unwrap().len()), (200, 5));
    assert_eq!(whole["eventStreams"][0]["endpoint"]["requestUri"], "/ofrep/v1/events");
    let tag = first.header("etag");
    for given in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let again = ask("ann", &given).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.clone()), "{given}");
    }
    assert_eq!(ask("tester", &tag).await.status, 200, "another asker gets other values");
    let _plane = world.run("checkout").await;
    let moved = ask("ann", &tag).await;
    assert!(moved.status == 200 && moved.header("etag") != tag, "{}", moved.head);
}

#[tokio::test]
async fn what_cannot_be_evaluated_says_so_in_the_form_clients_read() {
    let world = World::with(flagged()).await;
    let unknown = one(&world, "no%20such", user("ann")).await;
    let json_of = |reply: &Reply| {
        assert_form(&reply.json());
        (reply.status, reply.json()["errorCode"].as_str().unwrap().to_owned())
    };
    assert_eq!(json_of(&unknown), (404, "FLAG_NOT_FOUND".into()));
    assert_eq!(unknown.json()["key"], "no such");
    for path in ["a/b", "a%2Fb"] {
        assert_eq!(json_of(&one(&world, path, user("ann")).await), (404, "FLAG_NOT_FOUND".into()), "{path}");
    }
    let headers = [("content-type", "application/json; charset=utf-8")];
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        raw(world.addr, &request(world.addr, method, path, headers, body.as_bytes())).await
    };
    let title = format!("{ALL}/title");
    for (body, code) in [
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ("\"x\"", "PARSE_ERROR"),
        ("{\"context\": 3}", "INVALID_CONTEXT"),
        ("{\"context\": {\"targetingKey\": 3}}", "INVALID_CONTEXT"),
    ] {
        assert_eq!(json_of(&send("POST", &title, &headers, body).await), (400, code.into()), "{body}");
    }
    assert_eq!(json_of(&send("POST", &format!("{ALL}/%ff"), &headers, "{}").await).0, 400);
    let large = format!("{{\"context\": {{\"a\": \"{}\"}}}}", "x".repeat(70_000));
    assert_eq!(json_of(&send("POST", ALL, &headers, &large).await).0, 413);
    assert_eq!(json_of(&send("POST", ALL, &[("content-type", "text/plain")], "{}").await).0, 415);
    assert_eq!(json_of(&send("GET", ALL, &[], "").await).0, 405);
    assert_eq!(json_of(&send("POST", "/ofrep/v1/configuration", &headers, "{}").await).0, 404);
    for path in [&*format!("{title}/"), "//ofrep/v1//evaluate/flags/title", &*format!("{ALL}/")] {
        for body in ["", "{}", "{\"context\": null}"] {
            assert_eq!(send("POST", path, &headers, body).await.status, 200, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_others_may_not() {
    let world = World::with(flagged()).await;
    let ask = async |method: &str, origin: &str| {
        let headers = [("origin", origin), ("content-type", "application/json")];
        raw(world.addr, &request(world.addr, method, ALL, &headers, b"{}")).await
    };
    let preflight = ask("OPTIONS", "http://localhost:5173").await;
    assert_eq!(preflight.status, 204, "{}", preflight.head);
    assert!(preflight.header("access-control-allow-headers").contains("if-none-match"));
    for origin in ["http://localhost:5173", "https://fw.example"] {
        let reply = ask("POST", origin).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, origin.into()));
        assert!(reply.header("access-control-expose-headers").contains("etag"));
    }
    for method in ["OPTIONS", "POST"] {
        let reply = ask(method, "https://evil.example").await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, String::new()));
        assert_form(&reply.json());
    }
}

#[tokio::test]
async fn a_token_comes_in_either_header_and_without_one_it_is_401() {
    let sha256 = Sha256::digest(b"secret").iter().map(|b| format!("{b:02x}")).collect();
    let tokens = vec![TokenConfig { name: "web".into(), sha256, roles: vec![Role::Viewer] }];
    let world = World::with(Setup { tokens, ..flagged() }).await;
    let body = json!({ "context": user("ann") });
    for header in [("authorization", "Bearer secret"), ("x-api-key", "secret")] {
        let reply = world.post_with(ALL, &[header], &body).await;
        assert_eq!(reply.status, 200, "{header:?}");
        assert_eq!(reply.json().get("eventStreams"), None, "a browser could not follow it");
    }
    for headers in [&[][..], &[("x-api-key", "wrong")]] {
        let reply = world.post_with(&format!("{ALL}/title"), headers, &body).await;
        assert_form(&reply.json());
        assert_eq!((reply.status, reply.header("www-authenticate").is_empty()), (401, false));
    }
    let from = async |origin: &str| world.post_with(ALL, &[("origin", origin)], &body).await;
    let told = from("https://fw.example").await;
    let may_read = |reply: &Reply| reply.header("access-control-allow-origin");
    assert_eq!((told.status, may_read(&told)), (401, "https://fw.example".into()), "a page must learn why");
    let foreign = from("https://evil.example").await;
    assert_eq!((foreign.status, may_read(&foreign)), (403, String::new()));
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_ask_again_and_nobody_else_pays_for_it() {
    let token = |name: &str| {
        let sha256 = Sha256::digest(name).iter().map(|b| format!("{b:02x}")).collect();
        TokenConfig { name: name.into(), sha256, roles: vec![Role::Viewer] }
    };
    let rate = EvaluationRate { per_second: 1, burst: 2 };
    let tokens = vec![token("web"), token("app")];
    let world = World::with(Setup { tokens, evaluation_rate: Some(rate), ..flagged() }).await;
    let title = format!("{ALL}/title");
    let ask = async |path: &str, token: &str, key: &str| {
        let headers = [("x-api-key", token), ("origin", "https://fw.example")];
        world.post_with(path, &headers, &json!({ "context": user(key) })).await
    };
    // On a slow machine one may come back between two requests.
    let mut refused = vec![];
    for _ in 0..50 {
        refused = [ask(ALL, "web", "ann").await, ask(&title, "web", "ann").await].into();
        if refused.iter().all(|reply| reply.status == 429) {
            break;
        }
    }
    for (reply, key) in refused.iter().zip(["", "title"]) {
        assert_eq!(reply.status, 429, "{}", reply.head);
        let answer = reply.json();
        assert_form(&answer);
        assert_eq!((&answer["key"], &answer["errorCode"]), (&json!(key), &json!("GENERAL")));
        assert_eq!(reply.header("retry-after"), "1");
        assert_eq!(reply.header("access-control-allow-origin"), "https://fw.example", "a page may read it");
    }
    assert_eq!(ask(&title, "app", "ann").await.status, 200, "another token has a burst of its own");
    assert_eq!(ask(&title, "none", "ann").await.status, 401);
    for path in ["/status", "/api/v1/flags", "/api/v1/rollouts"] {
        let request = request(world.addr, "GET", path, &[("x-api-key", "web")], b"");
        assert_eq!(raw(world.addr, &request).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_change_of_the_split_is_told_to_those_who_listen() {
    let world = World::with(flagged()).await;
    let mut stream = world.stream("/ofrep/v1/events", None).await;
    let _plane = world.run("checkout").await;
    let frame = stream.next(DEADLINE).await.unwrap();
    let data: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!((frame.event.as_str(), &data["type"]), ("message", &json!("refetchEvaluation")));
    world.act("checkout", "advance", &json!({})).await;
    let next = stream.next(DEADLINE).await.unwrap();
    assert_ne!(next.id, frame.id);
}

#[tokio::test]
async fn where_streams_are_off_none_is_offered() {
    let world = World::with(Setup { sse_enabled: false, ..flagged() }).await;
    assert_eq!(world.post(ALL, &json!({})).await.json().get("eventStreams"), None);
    let reply = world.get("/ofrep/v1/events").await;
    assert_eq!((reply.status, &reply.json()["errorCode"]), (404, &json!("GENERAL")));
}

#[tokio::test]
async fn flags_are_listed_for_people() {
    let world = World::with(flagged()).await;
    let flags = world.get("/api/v1/flags").await.json();
    assert_eq!(flags["flags"].as_array().unwrap().len(), 5);
    assert_eq!(
        flags["flags"][0]["variants"][1],
        json!({ "name": "canary", "value": true, "evaluations": 0 })
    );
    assert_eq!(
        (&flags["flags"][3]["boundToRollout"], &flags["flags"][4]["enabled"]),
        (&json!(false), &json!(false))
    );
}
