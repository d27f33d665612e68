//! The dependency edges that ARCHITECTURE.md allows, against those that Cargo.toml files have.
//!
//! The table between the markers `tidy:edges` is the law: a crate that is not in it, an edge it does not
//! list, an edge that points to a higher layer, or an outside crate that a closed list does not name is a
//! fault. Features and versions are not looked at; cargo-deny does licences and duplicates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::rules::Fault;
use crate::sh;

/// The file that holds the table.
pub(crate) const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// `cargo metadata --no-deps` reads a few files; this is generous.
const METADATA_TIME_MAX: Duration = Duration::from_secs(60);

/// What one workspace crate may depend on, or does depend on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Layer, 0 lowest; `None` for tools, which nothing but tests may depend on.
    pub(crate) layer: Option<u8>,
    /// Workspace crates.
    pub(crate) inner: BTreeSet<String>,
    /// Workspace crates for tests, examples and benchmarks.
    pub(crate) dev: BTreeSet<String>,
    /// Crates from outside; `None` in the table means any.
    pub(crate) outer: Option<BTreeSet<String>>,
}

/// Crate name to its edges.
pub(crate) type Graph = BTreeMap<String, Edges>;

/// Reads the table: `| crate | layer | why | holds | may use | tests may use | outside crates |`.
pub(crate) fn allowed(architecture: &str) -> Result<Graph> {
    let rows = block(architecture, "edges").context("ARCHITECTURE.md has no `tidy:edges` block")?;
    let mut graph = Graph::new();
    for row in rows.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, layer, _why, _holds, inner, dev, outer] = cells[..] else {
            anyhow::bail!("ARCHITECTURE.md: a row with {} cells, 7 expected: {row}", cells.len());
        };
        let edges = Edges {
            layer: layer.parse().ok(),
            inner: names(inner),
            dev: names(dev),
            outer: (outer != "any").then(|| names(outer)),
        };
        graph.insert(name.trim_matches('`').to_owned(), edges);
    }
    Ok(graph)
}

/// The text between `<!-- tidy:NAME -->` and `<!-- /tidy:NAME -->`.
pub(crate) fn block<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<!-- tidy:{name} -->"))?;
    Some(rest.split_once(&format!("<!-- /tidy:{name} -->"))?.0)
}

/// The names in backticks of a cell or list.
pub(crate) fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What the Cargo.toml files say, with each crate's manifest path.
pub(crate) fn actual() -> Result<Vec<(String, String, Edges)>> {
    let mut command = sh::cargo();
    command.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
    let text = sh::capture(&mut command, METADATA_TIME_MAX)?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata did not write JSON")?;
    let root = sh::root().to_string_lossy().into_owned();
    let empty = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&empty);
    Ok(packages.iter().map(|package| read_package(package, &root)).collect())
}

fn read_package(package: &Value, root: &str) -> (String, String, Edges) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut edges = Edges { outer: Some(BTreeSet::new()), ..Edges::default() };
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let name = text(&dependency["name"]);
        let dev = dependency["kind"] == "dev";
        match (dependency["path"].is_string(), dev) {
            (true, false) => drop(edges.inner.insert(name)),
            // A crate may name itself, to switch on a feature for its own tests.
            (true, true) if dependency["name"] == package["name"] => {}
            (true, true) => drop(edges.dev.insert(name)),
            // Tests may use what helps them.
            (false, true) => {}
            (false, false) => drop(edges.outer.get_or_insert_default().insert(name)),
        }
    }
    let manifest = text(&package["manifest_path"]);
    let manifest = manifest.strip_prefix(root).unwrap_or(&manifest).trim_start_matches('/').to_owned();
    (text(&package["name"]), manifest, edges)
}

/// Compares the two.
pub(crate) fn faults(allowed: &Graph, actual: &[(String, String, Edges)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, manifest, edges) in actual {
        let mut fault = |message: String| faults.push(Fault::new(manifest, 0, message));
        let Some(law) = allowed.get(name) else {
            fault(format!(
                "{name} is not in {ARCHITECTURE}: a crate needs a reason (F, S or C) and a row there"
            ));
            continue;
        };
        for to in edges.inner.difference(&law.inner) {
            fault(format!("{name} must not depend on {to}: {ARCHITECTURE} does not list that edge"));
        }
        let dev_law: BTreeSet<String> = law.dev.union(&law.inner).cloned().collect();
        for to in edges.dev.difference(&dev_law) {
            fault(format!("tests of {name} must not depend on {to}: {ARCHITECTURE} does not list that edge"));
        }
        if let (Some(law), Some(outer)) = (&law.outer, &edges.outer) {
            for to in outer.difference(law) {
                fault(format!("{name} must not depend on {to}: its list of outside crates is closed"));
            }
        }
    }
    faults.extend(table_faults(allowed, actual));
    faults
}

/// Faults of the table itself: crates that are gone, edges that point up.
fn table_faults(allowed: &Graph, actual: &[(String, String, Edges)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |message: String| faults.push(Fault::new(ARCHITECTURE, 0, message));
    for (name, law) in allowed {
        if !actual.iter().any(|(there, _, _)| there == name) {
            fault(format!("{name} is in the table but not in the workspace"));
        }
        for to in &law.inner {
            let up = match (law.layer, allowed.get(to).map(|edges| edges.layer)) {
                (_, None) => true,
                (Some(from), Some(Some(to))) => to > from,
                (Some(_), Some(None)) => true,
                (None, Some(_)) => false,
            };
            if up {
                fault(format!("{name} may not list {to}: it is in no layer at or below its own"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "<!-- tidy:edges -->\n| crate | layer | why | holds | may use | tests may use | outside crates |\n|---|---|---|---|---|---|---|\n\
        | `a` | 0 | F | words | – | `kit` | `serde` |\n| `b` | 1 | F | more | `a` | – | any |\n| `kit` | tool | – | kit | – | – | any |\n<!-- /tidy:edges -->\n";

    fn package(name: &str, inner: &[&str], dev: &[&str], outer: &[&str]) -> (String, String, Edges) {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let edges = Edges { layer: None, inner: set(inner), dev: set(dev), outer: Some(set(outer)) };
        (name.to_owned(), format!("crates/{name}/Cargo.toml"), edges)
    }

    fn messages(packages: &[(String, String, Edges)]) -> Vec<String> {
        let all = faults(&allowed(TABLE).unwrap(), packages);
        all.into_iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
    }

    fn good() -> Vec<(String, String, Edges)> {
        vec![
            package("a", &[], &["kit"], &["serde"]),
            package("b", &["a"], &["a"], &["tokio"]),
            package("kit", &[], &[], &[]),
        ]
    }

    #[test]
    fn what_is_listed_is_allowed() {
        assert_eq!(messages(&good()), [""; 0]);
    }

    #[test]
    fn an_edge_that_is_not_listed_is_a_fault() {
        let mut packages = good();
        packages[0].2.inner.insert("b".to_owned());
        packages[1].2.dev.insert("kit".to_owned());
        assert_eq!(
            messages(&packages),
            [
                "crates/a/Cargo.toml: a must not depend on b: ARCHITECTURE.md does not list that edge",
                "crates/b/Cargo.toml: tests of b must not depend on kit: ARCHITECTURE.md does not list that edge",
            ]
        );
    }

    #[test]
    fn closed_lists_and_unknown_and_lost_crates_are_faults() {
        let packages =
            [package("a", &[], &[], &["tokio"]), package("b", &[], &[], &[]), package("new", &[], &[], &[])];
        let found = messages(&packages);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("a must not depend on tokio"));
        assert!(found[1].contains("new is not in ARCHITECTURE.md"));
        assert!(found[2].contains("kit is in the table but not in the workspace"));
    }

    #[test]
    fn the_table_may_not_point_up() {
        let table = TABLE.replace("| words | – |", "| words | `b` |");
        let found = faults(&allowed(&table).unwrap(), &good());
        assert!(found.iter().any(|fault| fault.message.contains("a may not list b")), "{found:?}");
    }

    #[test]
    fn the_repository_has_a_table() {
        let text = std::fs::read_to_string(sh::root().join(ARCHITECTURE)).unwrap();
        let graph = allowed(&text).unwrap();
        assert!(graph.contains_key("fw-engine"));
        assert_eq!(graph["fw-stats"].inner.len(), 0);
    }
}
