//! What the API answers, held against the schemas of `/openapi.json`: every member that is promised is there, and of its kind.
//!
//! The check knows the few words of JSON Schema that the document uses, and refuses a document that uses others.

use serde_json::{Value, json};

use crate::support::{DEADLINE, Setup, World, config};

/// What is wrong with a value under a schema, with its place; none if nothing is.
pub(crate) fn fault(document: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference}")),
        None => schema,
    };
    for word in schema.as_object().unwrap().keys() {
        let known = [
            "$ref",
            "type",
            "properties",
            "required",
            "items",
            "allOf",
            "oneOf",
            "enum",
            "format",
            "minimum",
            "description",
            "additionalProperties",
            "propertyNames",
        ];
        assert!(known.contains(&word.as_str()), "{word} at {place}");
    }
    let each = |name: &str| schema[name].as_array().into_iter().flatten();
    if let Some(found) = each("allOf").find_map(|part| fault(document, part, value, place)) {
        return Some(found);
    }
    let of_one: Vec<_> = each("oneOf").map(|part| fault(document, part, value, place)).collect();
    if !of_one.is_empty() && of_one.iter().all(Option::is_some) {
        return of_one.into_iter().next().flatten();
    }
    if !is_of_type(&schema["type"], value)
        || (schema["enum"].is_array() && !each("enum").any(|one| one == value))
    {
        return Some(format!("{place} is {value}, not {}", schema["type"]));
    }
    if let Some(missing) = each("required").filter_map(Value::as_str).find(|name| value.get(name).is_none()) {
        return value.is_object().then(|| format!("{place}.{missing} is missing"));
    }
    let members = value.as_object().into_iter().flatten();
    let mut of_members = members.filter_map(|(name, member)| {
        let schema = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        fault(document, schema.filter(|schema| schema.is_object())?, member, &format!("{place}.{name}"))
    });
    let items = || value.as_array().filter(|_| schema["items"].is_object()).into_iter().flatten();
    of_members.next().or_else(|| items().find_map(|item| fault(document, &schema["items"], item, place)))
}

fn is_of_type(kind: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    match kind {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn schema_of(document: &Value, path: &str) -> Value {
    document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"].clone()
}

#[tokio::test]
async fn answers_have_the_shape_that_is_described() {
    let mut shop = config("checkout");
    shop["metrics"] = json!([{ "name": "purchase" }]);
    let half = |name: &str| json!({ "name": name, "value": name, "weight": 50 });
    shop["flags"] = json!([
        { "key": "colour", "variants": [half("blue"), half("green")], "exclusive": { "group": "g", "from": 0, "to": 40 } },
        { "key": "new-checkout", "stable": false, "canary": true },
    ]);
    let world = World::with(Setup { services: vec![shop], ..Setup::default() }).await;
    let document = world.get("/openapi.json").await.json();
    let mut plane = world.run("checkout").await;
    plane.report(&world, 30, 1).await;
    let asked = [
        ("/api/v1/rollouts", "/api/v1/rollouts"),
        ("/api/v1/rollouts/{name}", "/api/v1/rollouts/checkout"),
        ("/api/v1/rollouts/{name}/history", "/api/v1/rollouts/checkout/history"),
        ("/api/v1/flags", "/api/v1/flags"),
        ("/api/v1/flags/{key}", "/api/v1/flags/colour"),
        ("/status", "/status"),
        ("/api/v1/kpis", "/api/v1/kpis"),
    ];
    let hold = async |when: &str| {
        for (template, path) in asked {
            let answer = world.get(path).await.json();
            let found = fault(&document, &schema_of(&document, template), &answer, "");
            assert_eq!(found, None, "{when}: {path}");
        }
    };
    hold("running").await;
    let frame = world.stream("/api/v1/rollouts/checkout/live", None).await.next(DEADLINE).await.unwrap();
    let frame: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!(fault(&document, &document["components"]["schemas"]["LiveFrame"], &frame, ""), None);
    assert_ne!(frame["series"]["points"], json!([]));
    world.act("checkout", "rollback", &json!({ "to": "stable" })).await;
    hold("rolling back").await;
    plane.report(&world, 0, 0).await;
    world.until("checkout", "rolled_back").await;
    hold("rolled back").await;
}

#[test]
fn a_difference_is_found_and_named() {
    let document = json!({ "components": { "n": { "type": ["number", "null"] } } });
    let schema = json!({
        "type": "object", "required": ["a"],
        "properties": { "a": { "type": "array", "items": { "$ref": "#/components/n" } } },
    });
    let of = |value: Value| fault(&document, &schema, &value, "");
    assert_eq!(of(json!({ "a": [1, null] })), None);
    assert_eq!(of(json!({ "a": [1, "x"] })).unwrap(), ".a is \"x\", not [\"number\",\"null\"]");
    assert_eq!(of(json!({})).unwrap(), ".a is missing");
    assert!(of(json!([])).is_some());
}
