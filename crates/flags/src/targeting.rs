//! Conditions over attributes: for whom a rule of a flag holds.
//!
//! A condition is JsonLogic with flagd's additions (`starts_with`, `ends_with`, `sem_ver`, `fractional`), compiled once
//! and asked with the attributes of whoever asks. An attribute that is absent is null. A condition that can't be worked
//! out (text where a number is needed) does not hold: nobody gets a variant by accident.
//!
//! Source: jsonlogic.com; flagd.dev, custom operations.

use std::fmt;
use std::sync::{Arc, OnceLock};

use datalogic_rs::bumpalo::Bump;
use datalogic_rs::{DataValue, Engine, Logic};
use serde_json::{Map, Value, json};

/// Longest condition as JSON text, bytes.
pub const CONDITION_BYTES_MAX: usize = 16 * 1024;

/// Every operator of a condition.
pub const OPERATORS: [&str; 40] = [
    "var",
    "val",
    "missing",
    "missing_some",
    "if",
    "and",
    "or",
    "!",
    "!!",
    "==",
    "===",
    "!=",
    "!==",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "cat",
    "substr",
    "starts_with",
    "ends_with",
    "length",
    "upper",
    "lower",
    "trim",
    "split",
    "+",
    "-",
    "*",
    "/",
    "%",
    "min",
    "max",
    "all",
    "some",
    "none",
    "filter",
    "sem_ver",
    "fractional",
];

/// A compiled condition. Cheap to clone.
#[derive(Clone)]
pub struct Condition {
    source: Value,
    logic: Arc<Logic>,
}

/// A condition that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.source)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.source == other.source
    }
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::new)
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// When it is no JsonLogic, names an operator that is not there, or is too long.
    pub fn compile(source: &Value) -> Result<Condition, ConditionError> {
        let bytes = source.to_string().len();
        if bytes > CONDITION_BYTES_MAX {
            let text = format!("is {bytes} bytes of JSON; the longest is {CONDITION_BYTES_MAX}");
            return Err(ConditionError(text));
        }
        if !source.is_object() && !source.is_boolean() {
            let text = r#"must be JsonLogic, such as { "==": [{ "var": "plan" }, "pro"] }"#;
            return Err(ConditionError(text.into()));
        }
        known(source)?;
        let logic = engine().compile_arc(source).map_err(|e| ConditionError(e.to_string()))?;
        Ok(Condition { source: source.clone(), logic })
    }

    /// One that holds where all of these do.
    ///
    /// # Errors
    /// As [`Condition::compile`].
    pub fn all(sources: &[&Value]) -> Result<Condition, ConditionError> {
        match sources {
            [one] => Condition::compile(one),
            many => Condition::compile(&json!({ "and": many })),
        }
    }

    /// As it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }
}

/// Whether every mapping is an operator with its arguments: the library takes other names for operators of one's own,
/// and would fail only when asked.
fn known(part: &Value) -> Result<(), ConditionError> {
    match part {
        Value::Object(mapping) => {
            let mut entries = mapping.iter();
            let (Some((name, arguments)), None) = (entries.next(), entries.next()) else {
                let text =
                    format!("{part} must be one operator with its arguments, not {} keys", mapping.len());
                return Err(ConditionError(text));
            };
            if !OPERATORS.contains(&name.as_str()) {
                let text = format!("{name:?} is no operator; there are {}", OPERATORS.join(" "));
                return Err(ConditionError(text));
            }
            known(arguments)
        }
        Value::Array(parts) => parts.iter().try_for_each(known),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Attributes of whoever asks about one flag, read once for all conditions.
#[derive(Debug)]
pub struct Attributes {
    arena: Bump,
    text: String,
}

impl Attributes {
    /// The evaluation context as it came: `targetingKey` and whatever else. `now_seconds` since 1970 and the flag's key
    /// stand at `$flagd.timestamp` and `$flagd.flagKey`, as in flagd.
    pub fn new(context: &Map<String, Value>, flag: &str, now_seconds: i64) -> Attributes {
        let mut all = context.clone();
        all.insert("$flagd".into(), json!({ "flagKey": flag, "timestamp": now_seconds }));
        Attributes { arena: Bump::new(), text: Value::Object(all).to_string() }
    }

    /// Position of the first condition that holds.
    pub fn first_of<'a>(&self, conditions: impl IntoIterator<Item = &'a Condition>) -> Option<usize> {
        let mut conditions = conditions.into_iter().peekable();
        conditions.peek()?;
        let data = &*self.arena.alloc(DataValue::from_str(&self.text, &self.arena).ok()?);
        conditions.position(|condition| {
            engine().evaluate(&condition.logic, data, &self.arena).is_ok_and(|result| engine().truthy(result))
        })
    }
}

#[cfg(test)]
mod tests {
    use datalogic_rs::ErrorKind;

    use super::*;

    fn holds(condition: Value, context: Value) -> bool {
        let condition = Condition::compile(&condition).unwrap();
        let attributes = Attributes::new(context.as_object().unwrap(), "colour", 1_700_000_000);
        attributes.first_of([&condition]) == Some(0)
    }

    #[test]
    fn conditions_of_jsonlogic_and_of_flagd_hold_for_whom_they_should() {
        let pro = json!({ "==": [{ "var": "plan" }, "pro"] });
        assert!(holds(pro.clone(), json!({ "plan": "pro" })));
        assert!(!holds(pro.clone(), json!({ "plan": "free" })));
        assert!(!holds(pro, json!({})), "an absent attribute is null");
        assert!(holds(json!({ "!=": [{ "var": "plan" }, "pro"] }), json!({})));
        assert!(holds(json!({ "in": [{ "var": "country" }, ["DE", "AT"]] }), json!({ "country": "AT" })));
        assert!(holds(
            json!({ "ends_with": [{ "var": "email" }, "@example.org"] }),
            json!({ "email": "a@example.org" })
        ));
        assert!(!holds(
            json!({ "ends_with": [{ "var": "email" }, "@example.org"] }),
            json!({ "email": "a@example.com" })
        ));
        assert!(holds(json!({ "sem_ver": [{ "var": "app" }, ">=", "2.1.0"] }), json!({ "app": "2.10.3" })));
        assert!(!holds(json!({ "sem_ver": [{ "var": "app" }, ">=", "2.1.0"] }), json!({ "app": "2.0.9" })));
        assert!(holds(json!({ ">": [{ "var": "user.age" }, 17] }), json!({ "user": { "age": 18 } })));
        assert!(holds(json!({ "==": [{ "var": "$flagd.flagKey" }, "colour"] }), json!({})));
        assert!(holds(json!({ ">=": [{ "var": "$flagd.timestamp" }, 1_700_000_000] }), json!({})));
        assert!(holds(json!(true), json!({})) && !holds(json!(false), json!({})));
    }

    #[test]
    fn the_first_that_holds_is_found_and_one_that_fails_does_not() {
        let compile = |source: Value| Condition::compile(&source).unwrap();
        let conditions = [
            compile(json!({ "sem_ver": [{ "var": "app" }, ">=", 7] })),
            compile(json!({ "==": [{ "var": "a" }, 2] })),
            compile(json!({ "==": [{ "var": "a" }, 1] })),
            compile(json!(true)),
        ];
        let of = |context: Value| Attributes::new(context.as_object().unwrap(), "f", 0).first_of(&conditions);
        assert_eq!(of(json!({ "a": 1, "app": "no version" })), Some(2));
        assert_eq!(of(json!({ "a": 9 })), Some(3));
        assert_eq!(Attributes::new(&Map::new(), "f", 0).first_of(&conditions[..2]), None);
        assert_eq!(Attributes::new(&Map::new(), "f", 0).first_of([]), None);
    }

    #[test]
    fn every_operator_that_is_named_is_there() {
        let is_unknown = |logic: &Logic| {
            let failed = engine().evaluate(logic, "{}", &Bump::new()).map(|_| ()).err();
            failed.is_some_and(|e| matches!(e.kind, ErrorKind::InvalidOperator(_)))
        };
        for name in OPERATORS {
            let condition = Condition::compile(&json!({ name: [1, 1, 1] })).unwrap();
            assert!(!is_unknown(&condition.logic), "{name}");
        }
        assert!(is_unknown(&engine().compile(r#"{ "no_such": [1] }"#).unwrap()));
    }

    #[test]
    fn all_is_and_and_nonsense_is_refused() {
        let (a, b) = (json!({ "==": [{ "var": "a" }, 1] }), json!({ "==": [{ "var": "b" }, 2] }));
        let both = Condition::all(&[&a, &b]).unwrap();
        let of = |context: Value| Attributes::new(context.as_object().unwrap(), "f", 0).first_of([&both]);
        assert_eq!((of(json!({ "a": 1, "b": 2 })), of(json!({ "a": 1 }))), (Some(0), None));
        assert_eq!(Condition::all(&[&a]).unwrap(), Condition::compile(&a).unwrap());
        for bad in [
            json!("plan"),
            json!(7),
            json!(null),
            json!({ "endswith": [1, 2] }),
            json!({ "==": [1], "!=": [2] }),
        ] {
            let refused = Condition::compile(&bad);
            assert!(refused.is_err(), "{bad} is no condition, but {refused:?}");
        }
        let long = json!({ "==": [{ "var": "a" }, "x".repeat(CONDITION_BYTES_MAX)] });
        assert!(Condition::compile(&long).unwrap_err().to_string().contains("longest"));
    }
}
