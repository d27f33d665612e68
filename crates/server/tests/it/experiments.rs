//! Rules, experiments and what users did, over the wire.

use fw_runtime::config::{Role, TokenConfig};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Reply, Setup, World, config, raw, request};

const TRACK: &str = "/ofrep/v1/track";

fn shop() -> Value {
    let mut shop = config("checkout");
    shop["metrics"] = json!([
        { "name": "purchase", "kind": "proportion" },
        { "name": "revenue", "kind": "amount", "cap": 100, "unit": "EUR" },
    ]);
    shop["segments"] =
        json!([{ "name": "staff", "if": { "ends_with": [{ "var": "email" }, "@example.org"] } }]);
    let half = |name: &str| json!({ "name": name, "value": name, "weight": 50 });
    shop["flags"] = json!([
        { "key": "colour", "variants": [half("blue"), half("green")], "force": [{ "variant": "green", "keys": ["tester"] }],
          "rules": [{ "segment": "staff", "variant": "green" }] },
        { "key": "page", "variants": [half("a"), half("b")], "exclusive": { "group": "g", "from": 0, "to": 40 }, "metrics": [] },
        { "key": "new-checkout", "stable": false, "canary": true, "rules": [
            { "if": { "==": [{ "var": "plan" }, "free"] }, "variant": "stable" },
            { "if": { "sem_ver": [{ "var": "app" }, ">=", "2.0.0"] } },
            { "variant": "stable" } ] },
    ]);
    shop
}

fn setup() -> Setup {
    Setup { services: vec![shop()], ..Setup::default() }
}

async fn one(world: &World, key: &str, context: Value) -> Value {
    let path = format!("/ofrep/v1/evaluate/flags/{key}");
    world.post(&path, &json!({ "context": context })).await.json()
}

async fn seen(world: &World, key: &str, users: std::ops::Range<u32>) -> Vec<String> {
    let mut variants = vec![];
    for n in users {
        let answer = one(world, key, json!({ "targetingKey": format!("user-{n}") })).await;
        variants.push(answer["variant"].as_str().unwrap().to_owned());
    }
    variants
}

fn event(name: &str, n: u32, value: f64) -> Value {
    json!({
        "trackingEventName": name, "context": { "targetingKey": format!("user-{n}") },
        "trackingEventDetails": { "value": value },
    })
}

async fn track(world: &World, events: Vec<Value>) -> Value {
    let reply = world.post(TRACK, &json!({ "events": events })).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn rules_decide_by_attributes_before_the_split() {
    let world = World::with(setup()).await;
    let _plane = world.run("checkout").await;
    world.act("checkout", "advance", &json!({})).await;
    world.act("checkout", "advance", &json!({})).await;
    // Everybody is at 100 %: who has stable has it by a rule.
    let of = async |context: Value| {
        let answer = one(&world, "new-checkout", context).await;
        (answer["variant"].as_str().unwrap().to_owned(), answer["reason"].as_str().unwrap().to_owned())
    };
    let wanted = |variant: &str, reason: &str| (variant.to_owned(), reason.to_owned());
    let free = json!({ "targetingKey": "ann", "plan": "free", "app": "2.1.0" });
    assert_eq!(of(free).await, wanted("stable", "TARGETING_MATCH"));
    assert_eq!(of(json!({ "targetingKey": "ann", "app": "2.1.0" })).await, wanted("canary", "STATIC"));
    assert_eq!(
        of(json!({ "targetingKey": "ann", "app": "1.9.9" })).await,
        wanted("stable", "TARGETING_MATCH")
    );
    assert_eq!(of(json!({ "app": { "odd": [1] } })).await, wanted("stable", "TARGETING_MATCH"));
    let staff = one(&world, "colour", json!({ "targetingKey": "u", "email": "a@example.org" })).await;
    assert_eq!((&staff["value"], &staff["reason"]), (&json!("green"), &json!("TARGETING_MATCH")));
}

#[tokio::test]
async fn users_outside_a_slice_have_the_codes_default() {
    let world = World::with(setup()).await;
    let variants = seen(&world, "page", 0..500).await;
    let outside = variants.iter().filter(|variant| variant.is_empty()).count();
    assert!((240..=360).contains(&outside), "{outside} of 500 are outside 40 %");
    let answer = one(&world, "page", json!({})).await;
    assert_eq!(answer["errorCode"], "TARGETING_KEY_MISSING");
    let place = variants.iter().position(String::is_empty).unwrap();
    let answer = one(&world, "page", json!({ "targetingKey": format!("user-{place}") })).await;
    assert_eq!(
        (answer.get("value"), &answer["reason"], &answer["variant"]),
        (None, &json!("DEFAULT"), &json!(""))
    );
}

#[tokio::test]
async fn an_experiment_counts_users_once_and_what_they_did_after_they_saw_it() {
    let world = World::with(setup()).await;
    let variants = seen(&world, "colour", 0..300).await;
    seen(&world, "colour", 0..100).await;
    // Not by chance: neither counts as a user of the experiment.
    one(&world, "colour", json!({ "targetingKey": "tester" })).await;
    one(&world, "colour", json!({ "targetingKey": "s", "email": "s@example.org" })).await;
    let is_green = |n: &u32| variants[*n as usize] == "green";
    let mut events: Vec<Value> = (0..300).filter(is_green).map(|n| event("purchase", n, 1.0)).collect();
    let greens = events.len() as u64;
    events.extend([event("revenue", 0, 250.0), event("revenue", 0, 30.0), event("purchase", 999, 1.0)]);
    let answer = track(&world, events).await;
    assert_eq!((&answer["events"], &answer["counted"]), (&json!(greens + 3), &json!(greens + 2)));

    let flag = world.get("/api/v1/flags/colour").await.json();
    let shown = &flag["experiment"];
    let users: Vec<u64> = (0..2).map(|place| shown["variants"][place]["users"].as_u64().unwrap()).collect();
    assert_eq!(users, [300 - greens, greens]);
    assert_eq!((&shown["sampleRatio"]["alarm"], &shown["approximate"]), (&json!(false), &json!(true)));
    let [blue, green] = [0, 1].map(|place| &shown["metrics"][0]["variants"][place]);
    assert_eq!(
        (&blue["mean"], &green["mean"], &green["verdict"]),
        (&json!(0.0), &json!(1.0), &json!("better"))
    );
    assert!(green["interval"][0].as_f64().unwrap() > 0.5, "{green}");
    let revenue = &shown["metrics"][1];
    let place = usize::from(is_green(&0));
    let mean = revenue["variants"][place]["mean"].as_f64().unwrap();
    // 250 counts as 100, the cap of a single value.
    assert!((mean - 130.0 / users[place] as f64).abs() < 1e-9, "{revenue}");
    assert_eq!((&revenue["unit"], &revenue["variants"][1]["verdict"]), (&json!("EUR"), &json!("open")));
    let evaluations = flag["variants"][1]["evaluations"].as_u64().unwrap();
    assert!(evaluations > greens, "{flag}");
    let line = "fw_flag_evaluations_total{service=\"checkout\",flag=\"colour\",variant=\"green\"}";
    assert_eq!(world.metric(line).await, Some(evaluations as f64));

    let other = world.get("/api/v1/flags/new-checkout").await.json();
    assert_eq!((&other["experiment"], &other["boundToRollout"]), (&Value::Null, &json!(true)));
    assert_eq!(world.get("/api/v1/flags/no-such").await.status, 404);
}

#[tokio::test]
async fn an_event_told_twice_counts_once_for_the_experiment_and_for_the_rollout() {
    let world = World::with(setup()).await;
    let _plane = world.run("checkout").await;
    seen(&world, "colour", 0..20).await;
    let told: Vec<Value> = (0..20)
        .map(|n| {
            let mut event = event("purchase", n, 1.0);
            event["id"] = json!(format!("order-{n}"));
            event
        })
        .collect();
    for _ in 0..3 {
        let answer = track(&world, told.clone()).await;
        assert_eq!(answer["refused"], json!([]), "{answer}");
    }
    let shown = world.get("/api/v1/flags/colour").await.json()["experiment"].clone();
    let sum: f64 = (0..2)
        .map(|place| {
            let users = shown["variants"][place]["users"].as_f64().unwrap();
            users * shown["metrics"][0]["variants"][place]["mean"].as_f64().unwrap()
        })
        .sum();
    assert!((sum - 20.0).abs() < 1e-9, "{shown}");
    let mut told_of_other = told[0].clone();
    told_of_other["trackingEventDetails"]["value"] = json!(0.5);
    let answer = track(&world, vec![told_of_other]).await;
    assert!(answer["refused"][0]["errorDetails"].as_str().unwrap().contains("Idempotency-Key"), "{answer}");
    let counted = |detail: &Value| -> f64 {
        let of = |variant: &str| detail["metrics"][variant]["purchase"]["count"].as_f64().unwrap_or(0.0);
        of("canary") + of("stable")
    };
    let mut found = 0.0;
    for _ in 0..100 {
        found = counted(&world.get("/api/v1/rollouts/checkout").await.json());
        if found >= 20.0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(found, 20.0);
}

#[tokio::test]
async fn events_that_make_no_sense_are_named_and_the_others_count() {
    let world = World::with(setup()).await;
    seen(&world, "colour", 0..2).await;
    let keyless = json!({ "trackingEventName": "purchase", "context": {} });
    let events = vec![
        event("purchase", 0, 1.0),
        event("purchase", 0, 7.0),
        keyless,
        event("clicks", 0, 1.0),
        event("revenue", 1, -1.0),
        json!({ "trackingEventName": "purchase", "context": { "targetingKey": "user-1" } }),
    ];
    let answer = track(&world, events).await;
    assert_eq!((&answer["counted"], &answer["unknown"]), (&json!(2), &json!(["clicks"])));
    let refused: Vec<u64> =
        answer["refused"].as_array().unwrap().iter().map(|one| one["event"].as_u64().unwrap()).collect();
    assert_eq!(refused, [1, 2, 4], "{answer}");
    let single = world.post(TRACK, &event("purchase", 1, 1.0)).await;
    assert_eq!((single.status, &single.json()["counted"]), (202, &json!(1)));

    let headers = [("content-type", "application/json")];
    let send = async |method: &str, body: &str| {
        raw(world.addr, &request(world.addr, method, TRACK, &headers, body.as_bytes())).await
    };
    let code = |reply: &Reply| (reply.status, reply.json()["errorCode"].as_str().unwrap().to_owned());
    for body in ["{", "[]", "7", r#"{"events": 3}"#, r#"{"events": [{}]}"#, r#"{"trackingEventName": 7}"#] {
        assert_eq!(code(&send("POST", body).await), (400, "PARSE_ERROR".into()), "{body}");
    }
    let many = json!({ "events": vec![event("purchase", 0, 1.0); 1001] }).to_string();
    assert!(send("POST", &many).await.text().contains("at most 1000"));
    assert_eq!(send("POST", &"x".repeat(300_000)).await.status, 413);
    assert_eq!(send("GET", "").await.status, 405);
}

#[tokio::test]
async fn only_a_reporter_may_tell_what_users_did() {
    let sha256 = |secret: &str| Sha256::digest(secret).iter().map(|b| format!("{b:02x}")).collect();
    let token = |name: &str, role| TokenConfig { name: name.into(), sha256: sha256(name), roles: vec![role] };
    let tokens = vec![token("viewer", Role::Viewer), token("reporter", Role::Reporter)];
    let world = World::with(Setup { tokens, ..setup() }).await;
    let as_who = async |name: &str| {
        let header = format!("Bearer {name}");
        world.post_with(TRACK, &[("authorization", &header)], &event("purchase", 0, 1.0)).await.status
    };
    assert_eq!((as_who("viewer").await, as_who("reporter").await, as_who("nobody").await), (403, 202, 401));
}
