//! `flags[n]`: feature flags, bound to the rollout or split by fixed weights.
//!
//! The list is replaced as a whole by an environment, as every list is.

use std::collections::HashSet;

use fw_flags::targeting::{Condition, ConditionError};
use fw_model::Weight;
use fw_model::flag::{
    Assign, FLAG_FORCED_MAX, FLAG_RULES_MAX, FLAG_VARIANTS_MAX, FLAGS_MAX, Flag, Forced, Rule, Slice,
    Weighted,
};
use fw_model::plan::METRICS_MAX;
use fw_model::split::trim_key;
use serde_json::{Number, Value};

use super::Rules;
use crate::config::format;
use crate::config::service::FlagConfig;
use crate::config::table::{Key, Kind, Range, Section};
use crate::config::tree::{View, to_json};

/// An item of the list.
static FLAG_KIND: Kind = Kind::Section(&FLAG);
static VARIANT_KIND: Kind = Kind::Section(&VARIANT);
static FORCE_KIND: Kind = Kind::Section(&FORCE);
static KEY_KIND: Kind = Kind::Text(format::TARGETING_KEY);
static RULE_KIND: Kind = Kind::Section(&RULE);
static SEGMENT_KIND: Kind = Kind::Section(&SEGMENT);
static METRIC_KIND: Kind = Kind::Text(format::METRIC);
/// Most segments of a service.
const SEGMENTS_MAX: usize = 256;
/// Weights may miss 100 by this: they are rounded to thousandths.
const ROUNDING_UNITS: u32 = FLAG_VARIANTS_MAX as u32;

/// The list.
pub(super) const FLAGS: Key = Key::optional(
    "flags",
    Kind::List { of: &FLAG_KIND, min: 0, max: FLAGS_MAX },
    "[]",
    "Feature flags, evaluated through OpenFeature (OFREP).",
);

/// The segments that rules may name.
pub(super) const SEGMENTS: Key = Key::optional(
    "segments",
    Kind::List { of: &SEGMENT_KIND, min: 0, max: SEGMENTS_MAX },
    "[]",
    "Groups of users by their attributes, for the rules of flags.",
);

/// One segment.
pub(super) static SEGMENT: Section = Section {
    title: "segments[n]",
    doc: "Users for whom a condition holds, by name.",
    keys: &[
        Key::required("name", Kind::Text(format::FLAG), "What rules call it."),
        Key::required("if", Kind::Any, IF),
    ],
    exclusive: &[],
};

/// One rule of a flag.
pub(super) static RULE: Section = Section {
    title: "flags[n].rules[n]",
    doc: "What becomes of users for whom a condition holds. The first rule that holds decides; where none does, the split.",
    keys: &[
        Key::optional("segment", Kind::Text(format::FLAG), "= everybody", "A name of `segments`."),
        Key::optional("if", Kind::Any, "= always", IF),
        Key::optional(
            "variant",
            Kind::Text(format::FLAG),
            "= by the split",
            "`stable`, `canary`, or a name of `variants`.",
        ),
    ],
    exclusive: &[],
};

/// A part of all users.
pub(super) static EXCLUSIVE: Section = Section {
    title: "flags[n].exclusive",
    doc: "The part of all users that may take part, so that experiments do not meet: flags of one group cut the same users, and their parts may not overlap. Everybody else has the code's default.",
    keys: &[
        Key::required("group", Kind::Text(format::FLAG), "The group's name."),
        Key::required(
            "from",
            Kind::Number(Range::new(0.0, 100.0, "percent")),
            "Users from here on, percent.",
        ),
        Key::required("to", Kind::Number(Range::new(0.0, 100.0, "percent")), "Users up to here, percent."),
    ],
    exclusive: &[],
};

const IF: &str = "JsonLogic over the attributes of whoever asks, such as `{ \"==\": [{ var: plan }, pro] }`; with flagd's `starts_with`, `ends_with`, `sem_ver` and `fractional`.";

/// One flag.
pub(super) static FLAG: Section = Section {
    title: "flags[n]",
    doc: "A feature flag: `stable` and `canary` bind it to the rollout of this service, so that whoever gets the canary gets its value; `variants` splits by weights that stay. All values of a flag are of one type.",
    keys: &[
        Key::required("key", Kind::Text(format::FLAG), "Its name in OpenFeature."),
        Key::optional(
            "enabled",
            Kind::Bool,
            "true",
            "`false` is the kill switch: everybody gets the default that the code has.",
        ),
        Key::optional("stable", Kind::Any, "= none", "What users of the stable version get."),
        Key::optional("canary", Kind::Any, "= none", "What users of the canary get."),
        Key::optional(
            "variants",
            Kind::List { of: &VARIANT_KIND, min: 1, max: FLAG_VARIANTS_MAX },
            "= none: bound to the rollout",
            "Variants with fixed weights, which sum to 100.",
        ),
        Key::optional(
            "force",
            Kind::List { of: &FORCE_KIND, min: 0, max: FLAG_VARIANTS_MAX },
            "[]",
            "Who gets a variant whatever the split says: testers.",
        ),
        Key::optional(
            "rules",
            Kind::List { of: &RULE_KIND, min: 0, max: FLAG_RULES_MAX },
            "[]",
            "What some users get by their attributes; after `force`, before the split.",
        ),
        Key::optional(
            "exclusive",
            Kind::Section(&EXCLUSIVE),
            "= everybody",
            "With `variants`: which part of all users takes part.",
        ),
        Key::optional(
            "metrics",
            Kind::List { of: &METRIC_KIND, min: 0, max: METRICS_MAX },
            "= all of `metrics`",
            "With `variants`: names of `metrics` that its read-out compares.",
        ),
    ],
    exclusive: &[
        &["stable", "variants"],
        &["canary", "variants"],
        &["stable", "exclusive"],
        &["stable", "metrics"],
    ],
};

/// One variant of a flag with weights.
pub(super) static VARIANT: Section = Section {
    title: "flags[n].variants[n]",
    doc: "A variant of a flag that is not bound to the rollout.",
    keys: &[
        Key::required("name", Kind::Text(format::FLAG), "Its name."),
        Key::required("value", Kind::Any, "What its users get."),
        Key::required("weight", Kind::Number(Range::new(0.0, 100.0, "percent")), "Share of users, percent."),
    ],
    exclusive: &[],
};

/// Forced keys.
pub(super) static FORCE: Section = Section {
    title: "flags[n].force[n]",
    doc: "Targeting keys that get one variant for certain.",
    keys: &[
        Key::required("variant", Kind::Text(format::FLAG), "`stable`, `canary`, or a name of `variants`."),
        Key::required(
            "keys",
            Kind::List { of: &KEY_KIND, min: 1, max: FLAG_FORCED_MAX },
            "Targeting keys, such as user ids.",
        ),
    ],
    exclusive: &[],
};

/// The flags, in order. Conditions that make no sense are left out: [`check`] names them.
pub(super) fn read(root: View<'_>) -> Vec<FlagConfig> {
    let segments = segments(root);
    let metrics = || root.get("metrics").items().iter();
    let all = metrics().filter_map(|node| View(Some(node)).get("name").text().map(str::to_owned));
    let all: Vec<String> = all.collect();
    root.get("flags").items().iter().map(|node| configured(View(Some(node)), &segments, &all)).collect()
}

fn configured(view: View<'_>, segments: &[(String, Value)], all_metrics: &[String]) -> FlagConfig {
    let rules = view.get("rules");
    let conditions = rules.items().iter().map(|node| condition(View(Some(node)), segments));
    let metrics = view.get("metrics");
    let named = || metrics.items().iter().filter_map(|node| View(Some(node)).text().map(str::to_owned));
    let flag = one(view);
    let metrics = match (&flag.assign, metrics.exists()) {
        // What the code behind the rollout does is judged by the rollout.
        (Assign::Rollout { .. }, _) => vec![],
        (Assign::Weights(_), true) => named().collect(),
        (Assign::Weights(_), false) => all_metrics.to_vec(),
    };
    FlagConfig { flag, conditions: conditions.filter_map(Result::ok).collect(), metrics }
}

/// Names and conditions of the segments.
fn segments(root: View<'_>) -> Vec<(String, Value)> {
    let of = |view: View<'_>| (text(view.get("name")), view.get("if").0.map_or(Value::Null, to_json));
    root.get("segments").items().iter().map(|node| of(View(Some(node)))).collect()
}

/// The condition of a rule: its segment's, its own, or both.
fn condition(rule: View<'_>, segments: &[(String, Value)]) -> Result<Condition, ConditionError> {
    let segment = rule.get("segment");
    let named = segment.text().and_then(|name| segments.iter().find(|(known, _)| known == name));
    let own = rule.get("if").0.map(to_json);
    let parts: Vec<&Value> = named.map(|(_, condition)| condition).into_iter().chain(&own).collect();
    if parts.is_empty() { Condition::compile(&Value::Bool(true)) } else { Condition::all(&parts) }
}

/// A value as it was written: `1.0` stays a number with a point, which typed clients ask for.
fn value(view: View<'_>) -> Value {
    let Some(node) = view.0 else { return Value::Null };
    let json = to_json(node);
    let has_point = view.text().is_some_and(|text| text.contains(['.', 'e', 'E']));
    match json.as_f64().filter(|_| has_point && json.is_number()).and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None => json,
    }
}

/// Where one number of a flag has a point, all have.
fn with_points(flag: &mut Flag<Value>) {
    let mut values: Vec<&mut Value> = match &mut flag.assign {
        Assign::Rollout { stable, canary } => vec![stable, canary],
        Assign::Weights(weighted) => weighted.iter_mut().map(|one| &mut one.value).collect(),
    };
    if values.iter().any(|value| value.is_f64()) {
        for value in &mut values {
            if let Some(number) = value.as_f64().and_then(Number::from_f64) {
                **value = Value::Number(number);
            }
        }
    }
}

fn text(view: View<'_>) -> String {
    view.text().unwrap_or_default().to_owned()
}

fn one(view: View<'_>) -> Flag<Value> {
    let variants = view.get("variants");
    let assign = if variants.exists() {
        Assign::Weights(variants.items().iter().map(|node| weighted(View(Some(node)))).collect())
    } else {
        Assign::Rollout { stable: value(view.get("stable")), canary: value(view.get("canary")) }
    };
    let keys = |view: View<'_>| {
        let trimmed = |key: &str| String::from_utf8_lossy(trim_key(key.as_bytes())).into_owned();
        view.get("keys").items().iter().filter_map(|node| View(Some(node)).text().map(trimmed)).collect()
    };
    let forced = |view: View<'_>| Forced { variant: text(view.get("variant")), keys: keys(view) };
    let mut flag = Flag {
        key: text(view.get("key")),
        enabled: view.get("enabled").boolean().unwrap_or(true),
        assign,
        forced: view.get("force").items().iter().map(|node| forced(View(Some(node)))).collect(),
        rules: view.get("rules").items().iter().map(|node| rule(View(Some(node)))).collect(),
        exclusive: view.get("exclusive").exists().then(|| slice(view.get("exclusive"))),
    };
    with_points(&mut flag);
    flag
}

fn rule(view: View<'_>) -> Rule {
    Rule { variant: view.get("variant").text().map(str::to_owned) }
}

fn slice(view: View<'_>) -> Slice {
    Slice { group: text(view.get("group")), from: percent(view.get("from")), to: percent(view.get("to")) }
}

fn percent(view: View<'_>) -> Weight {
    let units = 1000.0 * view.number().unwrap_or(0.0);
    Weight::new(units.round() as u32).unwrap_or(Weight::ZERO)
}

fn weighted(view: View<'_>) -> Weighted<Value> {
    let weight = percent(view.get("weight"));
    Weighted { name: text(view.get("name")), value: value(view.get("value")), weight }
}

/// A type as people say it; numbers are one, however they are written.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        Value::Null => "nothing",
    }
}

/// What must hold between values: names once, all values of one type, weights that sum to 100, conditions that can be
/// worked out, parts of a group that do not overlap.
pub(super) fn check(rules: &mut Rules<'_>) {
    let root = rules.view();
    let segments = segments(root);
    check_segments(rules, &segments);
    let flags: Vec<Flag<Value>> =
        root.get("flags").items().iter().map(|node| one(View(Some(node)))).collect();
    let mut keys = HashSet::new();
    for (i, flag) in flags.iter().enumerate() {
        let path = format!("flags[{i}]");
        if !flag.key.is_empty() && !keys.insert(flag.key.as_str()) {
            rules.fault(&format!("{path}.key"), format!("{:?} is the key of another flag too", flag.key));
        }
        check_values(rules, flag, &path);
        if let Assign::Weights(weighted) = &flag.assign {
            check_weights(rules, weighted, &path);
        }
        for (n, forced) in flag.forced.iter().enumerate() {
            check_variant(rules, flag, &forced.variant, &format!("{path}.force[{n}].variant"));
        }
        check_rules(rules, flag, &segments, i);
        check_slice(rules, &flags, i);
    }
    check_metrics(rules);
}

fn check_variant(rules: &mut Rules<'_>, flag: &Flag<Value>, variant: &str, path: &str) {
    let names: Vec<&str> = flag.variants().into_iter().map(|(name, _)| name).collect();
    if !variant.is_empty() && !names.contains(&variant) {
        rules.fault(path, format!("{variant:?} is no variant of this flag: {}", names.join(", ")));
    }
}

fn check_segments(rules: &mut Rules<'_>, segments: &[(String, Value)]) {
    let mut names = HashSet::new();
    for (i, (name, condition)) in segments.iter().enumerate() {
        if !name.is_empty() && !names.insert(name) {
            rules.fault(
                &format!("segments[{i}].name"),
                format!("{name:?} is the name of another segment too"),
            );
        }
        // A condition that is missing was reported.
        if !condition.is_null()
            && let Err(error) = Condition::compile(condition)
        {
            rules.fault(&format!("segments[{i}].if"), error.to_string());
        }
    }
}

fn check_rules(rules: &mut Rules<'_>, flag: &Flag<Value>, segments: &[(String, Value)], i: usize) {
    let root = rules.view();
    let flags = root.get("flags");
    let Some(node) = flags.items().get(i) else { return };
    for (n, node) in View(Some(node)).get("rules").items().iter().enumerate() {
        let (view, path) = (View(Some(node)), format!("flags[{i}].rules[{n}]"));
        if let Some(variant) = view.get("variant").text() {
            check_variant(rules, flag, variant, &format!("{path}.variant"));
        }
        if let Some(name) = view.get("segment").text()
            && !segments.iter().any(|(known, _)| known == name)
        {
            let known: Vec<&str> = segments.iter().map(|(name, _)| name.as_str()).collect();
            let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            rules.fault(&format!("{path}.segment"), format!("{name:?} is no segment: {known}"));
        }
        if let Some(own) = view.get("if").0
            && let Err(error) = Condition::compile(&to_json(own))
        {
            rules.fault(&format!("{path}.if"), error.to_string());
        }
    }
}

fn check_slice(rules: &mut Rules<'_>, flags: &[Flag<Value>], i: usize) {
    let Some(own) = &flags[i].exclusive else { return };
    let path = format!("flags[{i}].exclusive");
    if own.from >= own.to {
        return rules.fault(&format!("{path}.to"), "must be above `from`");
    }
    let other =
        flags[..i].iter().find(|flag| flag.exclusive.as_ref().is_some_and(|slice| slice.overlaps(own)));
    if let Some(other) = other {
        let text = format!("overlaps the part of {:?} in the group {:?}", other.key, own.group);
        rules.fault(&path, text);
    }
}

fn check_metrics(rules: &mut Rules<'_>) {
    let root = rules.view();
    let known: HashSet<&str> =
        root.get("metrics").items().iter().filter_map(|node| View(Some(node)).get("name").text()).collect();
    for (i, flag) in root.get("flags").items().iter().enumerate() {
        for (n, metric) in View(Some(flag)).get("metrics").items().iter().enumerate() {
            if let Some(name) = View(Some(metric)).text().filter(|name| !known.contains(name)) {
                let text = format!("{name:?} stands not in `metrics`: what it is must be said there");
                rules.fault(&format!("flags[{i}].metrics[{n}]"), text);
            }
        }
    }
}

fn check_values(rules: &mut Rules<'_>, flag: &Flag<Value>, path: &str) {
    if let Assign::Rollout { stable, canary } = &flag.assign
        && (stable.is_null() || canary.is_null())
    {
        let text = "needs `stable` and `canary` (bound to the rollout) or `variants` (fixed weights)";
        return rules.fault(path, text);
    }
    let variants = flag.variants();
    let Some((_, first)) = variants.first() else { return };
    for (name, value) in &variants {
        let (found, wanted) = (type_of(value), type_of(first));
        if value.is_null() || value.is_array() {
            let text = format!(
                "the value of {name:?} must be true or false, a number, a text or a mapping, not {found}"
            );
            return rules.fault(path, text);
        }
        if found != wanted {
            let text =
                format!("all values of a flag are of one type: {name:?} is {found}, the first is {wanted}");
            return rules.fault(path, text);
        }
    }
}

fn check_weights(rules: &mut Rules<'_>, weighted: &[Weighted<Value>], path: &str) {
    let mut names = HashSet::new();
    for (n, one) in weighted.iter().enumerate() {
        if !one.name.is_empty() && !names.insert(one.name.as_str()) {
            let text = format!("{:?} is the name of another variant too", one.name);
            rules.fault(&format!("{path}.variants[{n}].name"), text);
        }
    }
    let sum: u32 = weighted.iter().map(|one| one.weight.units()).sum();
    if sum.abs_diff(Weight::FULL.units()) > ROUNDING_UNITS {
        let text = format!("the weights sum to {} %, not to 100 %", f64::from(sum) / 1000.0);
        rules.fault(&format!("{path}.variants"), text);
    }
}
