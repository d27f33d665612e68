//! `flags[n]`: feature flags, bound to the rollout or split by fixed weights.
//!
//! The list is replaced as a whole by an environment, as every list is.

use std::collections::HashSet;

use fw_model::Weight;
use fw_model::flag::{Assign, FLAG_FORCED_MAX, FLAG_VARIANTS_MAX, FLAGS_MAX, Flag, Forced, Weighted};
use fw_model::split::trim_key;
use serde_json::{Number, Value};

use super::Rules;
use crate::config::format;
use crate::config::table::{Key, Kind, Range, Section};
use crate::config::tree::{View, to_json};

/// An item of the list.
static FLAG_KIND: Kind = Kind::Section(&FLAG);
static VARIANT_KIND: Kind = Kind::Section(&VARIANT);
static FORCE_KIND: Kind = Kind::Section(&FORCE);
static KEY_KIND: Kind = Kind::Text(format::TARGETING_KEY);
/// Weights may miss 100 by this: they are rounded to thousandths.
const ROUNDING_UNITS: u32 = FLAG_VARIANTS_MAX as u32;

/// The list.
pub(super) const FLAGS: Key = Key::optional(
    "flags",
    Kind::List { of: &FLAG_KIND, min: 0, max: FLAGS_MAX },
    "[]",
    "Feature flags, evaluated through OpenFeature (OFREP).",
);

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
    ],
    exclusive: &[&["stable", "variants"], &["canary", "variants"]],
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

/// The flags, in order.
pub(super) fn read(flags: View<'_>) -> Vec<Flag<Value>> {
    flags.items().iter().map(|node| one(View(Some(node)))).collect()
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
    };
    with_points(&mut flag);
    flag
}

fn weighted(view: View<'_>) -> Weighted<Value> {
    let units = 1000.0 * view.get("weight").number().unwrap_or(0.0);
    let weight = Weight::new(units.round() as u32).unwrap_or(Weight::ZERO);
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

/// What must hold between values: names once, all values of one type, weights that sum to 100.
pub(super) fn check(rules: &mut Rules<'_>) {
    let flags = read(rules.view().get("flags"));
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
            let names: Vec<&str> = flag.variants().into_iter().map(|(name, _)| name).collect();
            if !forced.variant.is_empty() && !names.contains(&forced.variant.as_str()) {
                let text = format!("{:?} is no variant of this flag: {}", forced.variant, names.join(", "));
                rules.fault(&format!("{path}.force[{n}].variant"), text);
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
