//! From text or JSON to a [`ServiceConfig`], or to every fault at once.
//!
//! The order: text, tree, table (each value by itself), environments merged, rules between values.
//! The chosen environment is read in full; the others are read too, and the faults that stand in
//! them are reported, so that `--env staging` does not first fail on the day it is used.

use std::path::Path;

use super::fault::{Fault, Faults};
use super::section::{ELSEWHERE, ENVIRONMENTS, ROLLOUT, ROOT, Rules, read};
use super::service::ServiceConfig;
use super::suggest::nearest;
use super::table::{Checker, Section, child_path, rivals};
use super::text;
use super::tree::{Entry, NESTING_MAX, Node, Origin, Value, from_json, from_yaml, merge, shown, too_deep};

/// Reads a config file, YAML or JSON, for an environment or none.
///
/// Relative paths in it (TLS files, files with secrets) are taken from the file's folder.
///
/// # Errors
/// Every fault, also a file that can't be read.
pub fn load_file(path: &Path, env: Option<&str>) -> Result<ServiceConfig, Faults> {
    let name = path.display().to_string();
    let mut config = load_str(&name, &read_file(path)?, env)?;
    let regions = config.regions.iter_mut().map(|region| &mut region.config.traffic);
    for traffic in std::iter::once(&mut config.traffic).chain(regions) {
        let files = traffic.tls.iter_mut().flat_map(|tls| [&mut tls.cert, &mut tls.key]);
        for file in files.chain(&mut traffic.upstream_ca) {
            *file = path.parent().unwrap_or(Path::new("")).join(&*file);
        }
    }
    for file in config.notifications.iter_mut().flat_map(|sink| sink.files()) {
        *file = path.parent().unwrap_or(Path::new("")).join(&*file);
    }
    Ok(config)
}

/// The text of a config file, of at most [`text::DOCUMENT_BYTES_MAX`] bytes, byte for byte.
///
/// # Errors
/// One fault: it can't be read, is too large, or is not UTF-8.
pub fn read_file(path: &Path) -> Result<String, Faults> {
    let name = path.display().to_string();
    let bytes = read_bounded(path).map_err(|e| {
        let message = match e.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; name one with -c, or write it (`fw config schema` lists every key)"
                    .to_owned()
            }
            _ => format!("can't be read: {e}"),
        };
        Faults::one(&name, "", Fault::new(None, "", message))
    })?;
    text::decode(&name, &bytes).map(str::to_owned)
}

/// Reads at most one byte more than a config may have, so that a huge file costs nothing.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = vec![];
    let limit = text::DOCUMENT_BYTES_MAX as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a config text, YAML or JSON; `name` is what reports call it.
///
/// # Errors
/// Every fault, with line and column.
pub fn load_str(name: &str, text: &str, env: Option<&str>) -> Result<ServiceConfig, Faults> {
    let text = text::check(name, text)?;
    let mut faults = vec![];
    let tree = from_yaml(text, &mut faults);
    let tree = tree.map_err(|last| {
        faults.push(last);
        Faults::new(name, text, std::mem::take(&mut faults))
    })?;
    load_tree(tree, env, faults).map_err(|list| Faults::new(name, text, list))
}

/// Reads a config that is JSON already: the body of `POST /api/v1/rollouts`.
///
/// # Errors
/// Every fault, with paths and without places.
pub fn load_json(value: &serde_json::Value, env: Option<&str>) -> Result<ServiceConfig, Faults> {
    if depth(value) > NESTING_MAX {
        return Err(Faults::one(JSON_NAME, "", too_deep(None)));
    }
    load_tree(from_json(value), env, vec![]).map_err(|list| Faults::new(JSON_NAME, "", list))
}

/// What reports call a config that came as a JSON value.
const JSON_NAME: &str = "config";

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Everything after the text: the same for YAML and JSON.
fn load_tree(tree: Node, env: Option<&str>, mut faults: Vec<Fault>) -> Result<ServiceConfig, Vec<Fault>> {
    let bare = is_bare(&tree);
    let root = if bare { wrap(tree) } else { tree };
    Checker { faults: &mut faults, elsewhere: ELSEWHERE }.section(&ROOT, &root, "");
    let (base, environments) = split(root);
    let names: Vec<String> = environments.iter().map(|e| e.key.clone()).collect();
    let chosen = env.and_then(|name| names.iter().position(|n| n == name));
    if let (Some(name), None) = (env, chosen) {
        faults.push(unknown_environment(name, &names, &environments));
    }
    let config = read_merged(&base, &environments, chosen, bare, &names, &mut faults);
    for other in (0..environments.len()).filter(|i| Some(*i) != chosen) {
        let mut found = vec![];
        read_merged(&base, &environments, Some(other), bare, &names, &mut found);
        let own = format!("{}.", child_path(ENVIRONMENTS, &names[other]));
        faults.extend(found.into_iter().filter(|f| f.path.starts_with(&own)));
    }
    if faults.is_empty() { Ok(config) } else { Err(tidy(faults, bare)) }
}

/// Reads the document with one environment laid over it; faults are those between values.
fn read_merged(
    base: &Node,
    environments: &[Entry],
    chosen: Option<usize>,
    bare: bool,
    names: &[String],
    faults: &mut Vec<Fault>,
) -> ServiceConfig {
    let merged = match chosen {
        None => base.clone(),
        Some(i) => merge(base, &environments[i].node, &|key| rivals(&ROOT, key)),
    };
    let prefixes: Vec<String> = names.iter().map(|name| child_path(ENVIRONMENTS, name)).collect();
    let mut rules = Rules::new(&merged, &prefixes);
    let config = read(&mut rules, bare);
    // What the table said about a value stands; a second complaint about it only adds noise.
    let known = |f: &Fault, faults: &[Fault]| faults.iter().any(|k| k.path == f.path && k.place == f.place);
    let fresh: Vec<Fault> = rules.into_faults().into_iter().filter(|f| !known(f, faults)).collect();
    faults.extend(fresh);
    config
}

/// Whether the document is the rollout mapping alone, as in the seed.
pub(super) fn is_bare(tree: &Node) -> bool {
    let has = |section: &'static Section| tree.entries().iter().any(|e| section.key(&e.key).is_some());
    has(&ROLLOUT) && !has(&ROOT)
}

fn wrap(tree: Node) -> Node {
    let place = tree.place;
    let entry = Entry { key: "rollout".into(), place, node: tree };
    Node { place, origin: Origin::default(), value: Value::Map(vec![entry]) }
}

/// Parts the document from its environments, which are marked with their number.
fn split(mut root: Node) -> (Node, Vec<Entry>) {
    let Value::Map(entries) = &mut root.value else {
        return (root, vec![]);
    };
    let position = entries.iter().position(|e| e.key == ENVIRONMENTS);
    let taken = position.map(|i| entries.remove(i).node.value);
    let mut environments = match taken {
        Some(Value::Map(environments)) => environments,
        _ => vec![],
    };
    for (i, entry) in environments.iter_mut().enumerate() {
        entry.node.set_origin(Origin(i + 1));
    }
    (root, environments)
}

fn unknown_environment(name: &str, names: &[String], environments: &[Entry]) -> Fault {
    let place = environments.first().and_then(|e| e.place);
    let name = shown(name);
    if names.is_empty() {
        return Fault::new(
            place,
            ENVIRONMENTS,
            format!("there is no environment {name:?}: this config has none"),
        );
    }
    let known = names.iter().map(|n| shown(n)).collect::<Vec<_>>().join(", ");
    let near = nearest(&name, names.iter().map(String::as_str));
    Fault::new(place, ENVIRONMENTS, format!("there is no environment {name:?}; known: {known}"))
        .hint(near.map(|n| format!("did you mean `{n}`?")))
}

/// Drops repetitions, and the `rollout.` that the reader of a bare config never wrote.
fn tidy(faults: Vec<Fault>, bare: bool) -> Vec<Fault> {
    let mut tidied: Vec<Fault> = vec![];
    for mut fault in faults {
        if bare && let Some(path) = fault.path.strip_prefix("rollout") {
            fault.path = path.trim_start_matches('.').to_owned();
        }
        if !tidied.contains(&fault) {
            tidied.push(fault);
        }
    }
    tidied
}
