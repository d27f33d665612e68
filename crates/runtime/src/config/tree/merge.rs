//! An environment laid over the document: mappings merge key by key, all else is replaced.
//!
//! Where two keys exclude each other (`url` and `urls`), naming one in the environment takes the
//! other of the document away; otherwise an environment could never switch.

use super::{Entry, Node, Value};

/// `base` with `overlay` laid over it.
///
/// `rivals` names the keys that a key pushes out, wherever both could stand.
pub(crate) fn merge(base: &Node, overlay: &Node, rivals: &dyn Fn(&str) -> &'static [&'static str]) -> Node {
    let (Value::Map(below), Value::Map(above)) = (&base.value, &overlay.value) else {
        return overlay.clone();
    };
    let pushed_out = |key: &str| above.iter().any(|e| e.key != key && rivals(&e.key).contains(&key));
    let mut entries: Vec<Entry> = below.iter().filter(|e| !pushed_out(&e.key)).cloned().collect();
    for entry in above {
        match entries.iter_mut().find(|e| e.key == entry.key) {
            Some(kept) => {
                kept.node = merge(&kept.node, &entry.node, rivals);
                kept.place = entry.place;
            }
            None => entries.push(entry.clone()),
        }
    }
    Node { place: base.place, origin: base.origin, value: Value::Map(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::{from_json, to_json};
    use serde_json::json;

    #[test]
    fn mappings_merge_lists_are_replaced_and_rivals_go() {
        let base = from_json(&json!({"a": {"b": 1, "url": "x"}, "list": [1, 2]}));
        let over = from_json(&json!({"a": {"c": 2, "urls": []}, "list": [3], "new": true}));
        let rivals = |key: &str| -> &'static [&'static str] {
            match key {
                "url" | "urls" => &["url", "urls"],
                _ => &[],
            }
        };
        let merged = to_json(&merge(&base, &over, &rivals));
        assert_eq!(merged, json!({"a": {"b": 1, "c": 2, "urls": []}, "list": [3], "new": true}));
    }
}
