//! The reference page `docs/reference/config.md`, made from the table.

use std::fmt::Write;

use super::{Kind, Section, list_words};
use crate::config::section::ROOT;

const HEAD: &str = "\
# Reference: factory-wager.yaml

<!-- Generated from the table of keys in `crates/runtime/src/config`; a test keeps it true. -->

YAML 1.2 or JSON. At most 1 MiB, nested at most 64 deep, one document. Unknown keys are refused.
`fw config validate` reports every fault with line and column; `fw config show` prints a config with
every default written out; `fw config schema` prints a JSON Schema for editors.

Durations are texts such as `90s`, `10m`, `1h30m`, `500ms`, or a bare number in the unit the key names.
";

/// The page.
pub(crate) fn reference_markdown() -> String {
    let mut out = HEAD.to_owned();
    let mut seen: Vec<&str> = vec![];
    page(&ROOT, &mut seen, &mut out);
    out
}

fn page(section: &'static Section, seen: &mut Vec<&'static str>, out: &mut String) {
    if seen.contains(&section.title) {
        return;
    }
    seen.push(section.title);
    // Writing into a String can't fail.
    let _ = write!(
        out,
        "\n## {}\n\n{}\n\n| key | takes | default | what |\n|---|---|---|---|\n",
        title(section),
        section.doc
    );
    for key in section.keys {
        let default = match key.default {
            None => "*must stand*".to_owned(),
            Some(default) => match default.strip_prefix("= ") {
                Some(words) => words.to_owned(),
                None => format!("`{}`", default.trim_matches('"')),
            },
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {} |",
            key.name,
            takes(&key.kind),
            key.doc.replace('|', "\\|")
        );
    }
    for group in section.exclusive {
        let words = list_words(group.iter().copied());
        let _ = write!(out, "\nOne of {words} at most.\n");
    }
    section.keys.iter().for_each(|key| below(&key.kind, seen, out));
}

fn below(kind: &'static Kind, seen: &mut Vec<&'static str>, out: &mut String) {
    match kind {
        Kind::Section(section) => page(section, seen, out),
        Kind::List { of, .. } => below(of, seen, out),
        Kind::Or(kinds) => kinds.iter().for_each(|k| below(k, seen, out)),
        _ => {}
    }
}

fn title(section: &Section) -> String {
    if section.title.contains(' ') && !section.title.contains('.') {
        section.title.to_owned()
    } else {
        section.title.split(", ").map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ")
    }
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Choice(choices) => {
            let words = choices.iter().map(|c| match c.later {
                true => format!("`{}`: {} (later)", c.word, c.doc),
                false => format!("`{}`: {}", c.word, c.doc),
            });
            words.collect::<Vec<_>>().join("; ")
        }
        Kind::Section(_) => "mapping".into(),
        Kind::List { of, max, .. } => match of {
            Kind::Section(_) => format!("list of mappings, at most {max}"),
            _ => format!("list: {}", takes(of)),
        },
        Kind::Overlays { max, .. } => format!("mapping of names, at most {max}"),
        Kind::Or(kinds) => kinds.iter().map(takes).collect::<Vec<_>>().join(" or "),
        Kind::Duration { per, .. } => format!("duration, or number of {}", per.unit()),
        Kind::Number(range) => format!("number, {}", range.words()),
        Kind::Integer(range) => format!("whole number, {}", range.words()),
        Kind::Text(_) | Kind::Bool | Kind::Any | Kind::Null => kind.expected(),
    }
}
