//! A JSON value as a tree; it has no places.

use serde_json::Value as Json;

use super::{Entry, Node, Resolved, Scalar, Value};

/// The tree of a JSON value.
///
/// Recursion is as deep as the value; `serde_json` reads at most 128 levels.
pub(crate) fn from_json(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Scalar(Scalar { text: "null".into(), resolved: Resolved::Null }),
        Json::Bool(b) => Value::Scalar(Scalar::boolean(*b)),
        Json::Number(n) => {
            let number = n.as_f64().unwrap_or(f64::NAN);
            Value::Scalar(Scalar { text: n.to_string(), resolved: Resolved::Number(number) })
        }
        Json::String(text) => Value::Scalar(Scalar::text(text.as_str())),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(object) => Value::Map(
            object
                .iter()
                .map(|(key, value)| Entry { key: key.clone(), place: None, node: from_json(value) })
                .collect(),
        ),
    };
    Node::built(value)
}

/// The tree as a JSON value. Numbers that JSON does not have (`.inf`) become null.
pub(crate) fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(scalar) => match scalar.resolved {
            Resolved::Null => Json::Null,
            Resolved::Bool(b) => Json::Bool(b),
            Resolved::Number(n) => number(n),
            Resolved::Text => Json::String(scalar.text.clone()),
        },
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|e| (e.key.clone(), to_json(&e.node))).collect(),
    }
}

fn number(n: f64) -> Json {
    // Whole numbers without a point, as people write them: 5, not 5.0. 2^53 bounds exactness.
    if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 {
        return Json::from(n as i64);
    }
    serde_json::Number::from_f64(n).map_or(Json::Null, Json::Number)
}
