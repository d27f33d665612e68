//! Holding a tree against the table: unknown keys, wrong types, values out of range.
//!
//! Each value is checked by itself; what must hold between values is checked where sections are
//! read. Nothing stops at the first fault.

use super::{Choice, Kind, OVERLAYS_EXPECTED, Section, list_words};
use crate::config::duration;
use crate::config::fault::Fault;
use crate::config::suggest::nearest;
use crate::config::tree::{Entry, Node, Resolved, Scalar, Value, shown};

/// Keys that exclude each other, by the table: naming one in an environment takes the others away.
pub(crate) fn rivals(section: &'static Section, key: &str) -> &'static [&'static str] {
    let own = section.exclusive.iter().find(|group| group.contains(&key)).copied();
    own.or_else(|| {
        section.keys.iter().find_map(|k| {
            let found = rivals_of_kind(&k.kind, key);
            (!found.is_empty()).then_some(found)
        })
    })
    .unwrap_or(&[])
}

fn rivals_of_kind(kind: &'static Kind, key: &str) -> &'static [&'static str] {
    match kind {
        Kind::Section(section) => rivals(section, key),
        Kind::Or(kinds) => {
            kinds.iter().map(|k| rivals_of_kind(k, key)).find(|r| !r.is_empty()).unwrap_or(&[])
        }
        _ => &[],
    }
}

/// `parent.key`, or `parent["odd key"]`.
pub(crate) fn child_path(parent: &str, key: &str) -> String {
    let simple = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match (parent.is_empty(), simple) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{parent}.{key}"),
        (_, false) => format!("{parent}[{:?}]", shown(key)),
    }
}

/// Collects the faults of a tree.
pub(crate) struct Checker<'f> {
    /// Where faults go.
    pub(crate) faults: &'f mut Vec<Fault>,
    /// Sections in which a key that is unknown in one place may belong, as path and section.
    pub(crate) elsewhere: &'static [(&'static str, &'static Section)],
}

impl Checker<'_> {
    /// Checks a value against what its key takes.
    pub(crate) fn kind(&mut self, kind: &Kind, node: &Node, path: &str) {
        match kind {
            Kind::Section(section) => self.section(section, node, path),
            Kind::List { of, min, max } => self.list(of, *min, *max, node, path),
            Kind::Overlays { of, max } => self.overlays(of, *max, node, path),
            Kind::Or(kinds) => match kinds.iter().find(|k| has_shape(k, node)) {
                Some(kind) => self.kind(kind, node, path),
                None => self.unexpected(kind, node, path),
            },
            // The sections that have such values say what they may be.
            Kind::Any => {}
            Kind::Text(_)
            | Kind::Bool
            | Kind::Number(_)
            | Kind::Integer(_)
            | Kind::Duration { .. }
            | Kind::Choice(_)
            | Kind::Null => match &node.value {
                Value::Scalar(scalar) => self.scalar(kind, scalar, node, path),
                Value::List(_) | Value::Map(_) => self.unexpected(kind, node, path),
            },
        }
    }

    /// Checks a mapping against its section.
    pub(crate) fn section(&mut self, section: &Section, node: &Node, path: &str) {
        let Value::Map(entries) = &node.value else {
            return self.unexpected_words(
                &format!("a mapping with {}", list_words(section.names().take(4))),
                node,
                path,
            );
        };
        for entry in entries {
            match section.key(&entry.key) {
                Some(key) => self.kind(&key.kind, &entry.node, &child_path(path, &entry.key)),
                None => self.unknown_key(section, entry, path),
            }
        }
        for group in section.exclusive {
            self.exclusive(group, entries, path);
        }
    }

    fn exclusive(&mut self, group: &[&str], entries: &[Entry], path: &str) {
        let mut present = entries.iter().filter(|e| group.contains(&e.key.as_str()));
        if let (Some(first), Some(second)) = (present.next(), present.next()) {
            let message = format!("write either `{}` or `{}`, not both", first.key, second.key);
            self.faults.push(Fault::new(second.place, child_path(path, &second.key), message));
        }
    }

    fn unknown_key(&mut self, section: &Section, entry: &Entry, path: &str) {
        let hint = if entry.key == "<<" {
            Some("YAML 1.2 has no merge keys; write the values out or use `environments`".to_owned())
        } else if let Some(near) = nearest(&entry.key, section.names()) {
            Some(format!("did you mean `{near}`?"))
        } else {
            let home = self.elsewhere.iter().find(|(_, s)| s.key(&entry.key).is_some());
            home.map(|(place, _)| format!("`{}` belongs under `{place}`", entry.key))
        };
        let mut message = "unknown key".to_owned();
        if hint.is_none() {
            message = format!("unknown key; known here: {}", section.names().collect::<Vec<_>>().join(", "));
        }
        self.faults.push(Fault::new(entry.place, child_path(path, &entry.key), message).hint(hint));
    }

    fn list(&mut self, of: &Kind, min: usize, max: usize, node: &Node, path: &str) {
        let Value::List(items) = &node.value else {
            let expected = match of {
                Kind::Section(_) => "a list of mappings".to_owned(),
                _ => format!("a list; each item {}", of.expected()),
            };
            return self.unexpected_words(&expected, node, path);
        };
        if items.len() < min || items.len() > max {
            let wanted = match (min, max) {
                (min, max) if min == max => format!("exactly {min}"),
                (_, max) if items.len() > max => format!("at most {max}"),
                (min, _) => format!("at least {min}"),
            };
            let message = format!("needs {wanted} of these, has {}", items.len());
            self.faults.push(Fault::new(node.place, path, message));
        }
        for (i, item) in items.iter().take(max).enumerate() {
            self.kind(of, item, &format!("{path}[{i}]"));
        }
    }

    fn overlays(&mut self, of: &Section, max: usize, node: &Node, path: &str) {
        let Value::Map(entries) = &node.value else {
            return self.unexpected_words(OVERLAYS_EXPECTED, node, path);
        };
        if entries.len() > max {
            let message = format!("has {} environments; at most {max} are allowed", entries.len());
            self.faults.push(Fault::new(node.place, path, message));
        }
        for entry in entries.iter().take(max) {
            self.section(of, &entry.node, &child_path(path, &entry.key));
        }
    }

    fn scalar(&mut self, kind: &Kind, scalar: &Scalar, node: &Node, path: &str) {
        let wrong = match (kind, scalar.resolved) {
            (Kind::Null, Resolved::Null) | (Kind::Bool, Resolved::Bool(_)) => None,
            (Kind::Number(range), Resolved::Number(n)) => {
                (!range.holds(n)).then(|| format!("must be {}, not {}", range.words(), shown(&scalar.text)))
            }
            (Kind::Integer(range), Resolved::Number(n)) => (!range.holds(n) || n.fract() != 0.0)
                .then(|| format!("must be a whole number, {}, not {}", range.words(), shown(&scalar.text))),
            (Kind::Duration { per, min, max }, Resolved::Number(n)) => {
                let read = duration::from_number(n, *per);
                (!read.is_some_and(|d| (*min..=*max).contains(&d)))
                    .then(|| out_of_range(*min, *max, &format!("{} {}", shown(&scalar.text), per.unit())))
            }
            (Kind::Duration { min, max, .. }, Resolved::Text) => match duration::parse(&scalar.text) {
                None => return self.unexpected(kind, node, path),
                Some(d) => (!(*min..=*max).contains(&d)).then(|| out_of_range(*min, *max, &scalar.text)),
            },
            (Kind::Choice(choices), Resolved::Text) => return self.choice(choices, &scalar.text, node, path),
            (Kind::Text(format), Resolved::Text) => (format.check)(&scalar.text).err(),
            (Kind::Text(format), Resolved::Number(_)) if format.numbers => (format.check)(&scalar.text).err(),
            _ => return self.unexpected(kind, node, path),
        };
        if let Some(message) = wrong {
            self.faults.push(Fault::new(node.place, path, message));
        }
    }

    fn choice(&mut self, choices: &[Choice], word: &str, node: &Node, path: &str) {
        let known = || choices.iter().filter(|c| !c.later).map(|c| c.word);
        let fault = match choices.iter().find(|c| c.word == word) {
            Some(choice) if !choice.later => return,
            Some(choice) => {
                let message =
                    format!("`{}` comes with a later version; now: {}", choice.word, list_words(known()));
                Fault::new(node.place, path, message)
            }
            None => {
                let message = format!("must be {}, not {:?}", list_words(known()), shown(word));
                let near = nearest(word, choices.iter().map(|c| c.word));
                Fault::new(node.place, path, message).hint(near.map(|w| format!("did you mean `{w}`?")))
            }
        };
        self.faults.push(fault);
    }

    fn unexpected(&mut self, kind: &Kind, node: &Node, path: &str) {
        let hint = match (kind, &node.value) {
            (Kind::Bool, Value::Scalar(s)) if is_yaml_1_1_bool(&s.text) => {
                Some("YAML 1.2 takes only true and false".to_owned())
            }
            (_, Value::Scalar(s)) if s.resolved == Resolved::Null => {
                Some("leave the key out for the default".to_owned())
            }
            (Kind::Number(_) | Kind::Integer(_), Value::Scalar(s)) => {
                let bare = s.text.trim_end_matches(['%', 's', 'm', ' ']);
                let is_number = matches!(Scalar::plain(bare).resolved, Resolved::Number(_));
                is_number.then(|| format!("write the bare number {bare}"))
            }
            _ => None,
        };
        let message = format!("expected {}, found {}", kind.expected(), node.found());
        self.faults.push(Fault::new(node.place, path, message).hint(hint));
    }

    fn unexpected_words(&mut self, expected: &str, node: &Node, path: &str) {
        let message = format!("expected {expected}, found {}", node.found());
        self.faults.push(Fault::new(node.place, path, message));
    }
}

/// Calls `found` with each mapping that lacks a key it must have: its path, itself, what is missing.
///
/// Apart from the other checks because it holds only for the merged tree: an environment may say less.
pub(crate) fn missing(kind: &Kind, node: &Node, path: &str, found: &mut dyn FnMut(&str, &Node, String)) {
    match kind {
        Kind::Section(section) => missing_in(section, node, path, found),
        Kind::List { of, .. } => {
            for (i, item) in node.items().iter().enumerate() {
                missing(of, item, &format!("{path}[{i}]"), found);
            }
        }
        Kind::Or(kinds) => {
            kinds.iter().filter(|k| has_shape(k, node)).for_each(|k| missing(k, node, path, found))
        }
        _ => {}
    }
}

/// The same for a section.
pub(crate) fn missing_in(
    section: &Section,
    node: &Node,
    path: &str,
    found: &mut dyn FnMut(&str, &Node, String),
) {
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    for key in section.keys {
        match node.get(key.name) {
            Some(below) => missing(&key.kind, below, &child_path(path, key.name), found),
            None if key.required && !is_mistyped(section, node, key.name) => {
                let message = format!("`{}` is missing: expected {}", key.name, key.kind.expected());
                found(path, node, message);
            }
            None => {}
        }
    }
}

/// Whether an unknown key of the mapping is most likely this one: then that is said, not that it is missing.
fn is_mistyped(section: &Section, node: &Node, key: &str) -> bool {
    let unknown = node.entries().iter().filter(|e| section.key(&e.key).is_none());
    unknown.into_iter().any(|e| nearest(&e.key, section.names()) == Some(key))
}

fn out_of_range(min: std::time::Duration, max: std::time::Duration, found: &str) -> String {
    format!("must be {} to {}, not {}", duration::write(min), duration::write(max), shown(found))
}

fn is_yaml_1_1_bool(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "true" | "false")
}

/// Whether a value looks like what a kind takes, leaving its range aside: chooses among alternatives.
pub(crate) fn has_shape(kind: &Kind, node: &Node) -> bool {
    match (&node.value, kind) {
        (Value::List(_), Kind::List { .. }) | (Value::Map(_), Kind::Section(_) | Kind::Overlays { .. }) => {
            true
        }
        (Value::Scalar(s), kind) => match (kind, s.resolved) {
            (Kind::Null, Resolved::Null)
            | (Kind::Bool, Resolved::Bool(_))
            | (Kind::Number(_) | Kind::Integer(_) | Kind::Duration { .. }, Resolved::Number(_))
            | (Kind::Text(_) | Kind::Choice(_) | Kind::Duration { .. }, Resolved::Text) => true,
            (Kind::Text(format), Resolved::Number(_)) => format.numbers,
            _ => false,
        },
        (Value::List(_) | Value::Map(_), _) => false,
    }
}

/// Keys that stand twice in one section of the table, or defaults that are not JSON: for tests.
#[cfg(test)]
pub(crate) fn table_faults(section: &'static Section) -> std::collections::BTreeSet<String> {
    let mut faults = std::collections::BTreeSet::new();
    for (i, key) in section.keys.iter().enumerate() {
        if section.keys[..i].iter().any(|k| k.name == key.name) {
            faults.insert(format!("{}.{} stands twice", section.title, key.name));
        }
        let sound = key
            .default
            .is_none_or(|d| d.starts_with('=') || serde_json::from_str::<serde_json::Value>(d).is_ok());
        if !sound {
            faults.insert(format!("{}.{}: default is not JSON", section.title, key.name));
        }
        if let Kind::Section(below) = &key.kind {
            faults.extend(table_faults(below));
        }
    }
    faults
}
