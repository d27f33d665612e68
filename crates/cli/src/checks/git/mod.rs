//! What the version control system knows: whether all is committed, what is tagged, how much changed.
//!
//! Only git is asked, and only by commands that read. Without git, or outside of a checkout, that is said and nothing else.

mod command;

use std::path::{Path, PathBuf};

use fw_model::release::{ChangeSize, Finding};

use command::{GitError, git};

/// Names of the checks.
const TREE: &str = "working-tree";
const TAG: &str = "tag";
const CHANGE: &str = "change-size";
/// Files that are named when the working tree is not clean.
const NAMED_MAX: usize = 5;
/// Where `fw` itself keeps its state: of no interest here.
const OWN_STATE: &str = ".factory-wager/";
/// Letters of a commit's id that are shown.
const SHORT: usize = 10;

/// The top folder of the checkout a folder is in.
pub(super) fn top(folder: &Path) -> Option<PathBuf> {
    let path = git(folder, &["rev-parse", "--show-toplevel"]).ok()?;
    Some(PathBuf::from(path.trim_end_matches('\n'))).filter(|top| !top.as_os_str().is_empty())
}

/// What git says of the checkout a folder is in, about the stable version and the canary.
pub(super) fn check(folder: &Path, stable: &str, canary: &str) -> (Vec<Finding>, Option<ChangeSize>) {
    let head = match commit(folder, "HEAD") {
        Ok(Some(head)) => head,
        Ok(None) => return (vec![Finding::info(TREE, "this checkout has no commit yet")], None),
        Err(error) => return (vec![Finding::info(TREE, error.to_string())], None),
    };
    let mut findings = working_tree(folder);
    let (tagged, said) = tag(folder, canary, &head);
    findings.extend(said);
    let to = tagged.unwrap_or(head);
    match change(folder, stable, &to) {
        Ok(change) => (findings, Some(change)),
        Err(why) => {
            findings.push(Finding::info(CHANGE, why));
            (findings, None)
        }
    }
}

/// A warning with names when something is not committed.
fn working_tree(folder: &Path) -> Vec<Finding> {
    let text =
        match git(folder, &["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"]) {
            Ok(text) => text,
            Err(error) => return vec![Finding::info(TREE, error.to_string())],
        };
    // `XY name`, each ended by a NUL; names are then never quoted.
    let names = text.split('\0').filter_map(|entry| entry.get(3..));
    let names: Vec<&str> = names.filter(|name| !name.contains(OWN_STATE)).collect();
    if names.is_empty() {
        return vec![];
    }
    let shown = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "not everything is committed: {shown}{rest}. What is released can't be found again by its commit"
    );
    vec![Finding::warning(TREE, message)]
}

/// The commit of the canary's tag, and a warning when there is none or when it is not what is checked out.
fn tag(folder: &Path, version: &str, head: &str) -> (Option<String>, Vec<Finding>) {
    let (name, at) = match tagged(folder, version) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let message = format!("there is no tag v{version} or {version}: tag what is released");
            return (None, vec![Finding::warning(TAG, message)]);
        }
        Err(why) => return (None, vec![Finding::info(TAG, why)]),
    };
    if at == head {
        return (Some(at), vec![]);
    }
    let message = format!(
        "the tag {name} is the commit {}, but {} is checked out: is this config the one of {version}?",
        short(&at),
        short(head)
    );
    (Some(at), vec![Finding::warning(TAG, message)])
}

/// A version's tag and its commit.
fn tagged(folder: &Path, version: &str) -> Result<Option<(String, String)>, String> {
    if !is_tag_name(version) {
        return Err(format!("{version:?} can't be the name of a tag, so none is looked for"));
    }
    for name in [format!("v{version}"), version.to_owned()] {
        let found = commit(folder, &format!("refs/tags/{name}")).map_err(|e| e.to_string())?;
        if let Some(at) = found {
            return Ok(Some((name, at)));
        }
    }
    Ok(None)
}

/// Letters that mean nothing but themselves where git reads a revision.
fn is_tag_name(version: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-' | '/');
    !version.is_empty() && version.chars().all(is_plain) && !version.contains("..")
}

/// The commit a name stands for; none when there is no such name.
fn commit(folder: &Path, name: &str) -> Result<Option<String>, GitError> {
    match git(folder, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| !id.is_empty())),
        // `--quiet` says nothing and ends with 1 for a name that is not there.
        Err(GitError::Refused { said, .. }) if said.is_empty() => Ok(None),
        Err(error) => Err(error),
    }
}

/// How much changed from the stable version's tag to a commit; or why that can't be told.
fn change(folder: &Path, stable: &str, to: &str) -> Result<ChangeSize, String> {
    let Some((_, from)) = tagged(folder, stable)? else {
        return Err(format!("how much changed is not known: there is no tag v{stable} or {stable}"));
    };
    let ask = |arguments: &[&str]| git(folder, arguments).map_err(|e| e.to_string());
    let count = ask(&["rev-list", "--count", &format!("{from}..{to}"), "--"])?;
    let commits =
        count.trim().parse().map_err(|_| "git counts commits in a way that is not understood".to_owned())?;
    let lines =
        ask(&["diff", "--numstat", "--no-ext-diff", "--no-textconv", "--no-renames", "-z", &from, to, "--"])?;
    Ok(numbers(commits, &lines))
}

/// Sums of `added TAB removed TAB name`, each ended by a NUL; a binary file has dashes.
fn numbers(commits: u64, numstat: &str) -> ChangeSize {
    let mut change = ChangeSize { commits, files: 0, insertions: 0, deletions: 0 };
    for entry in numstat.split('\0').filter(|entry| !entry.is_empty()) {
        let mut fields = entry.splitn(3, '\t').map(|field| field.parse::<u64>().unwrap_or(0));
        change.files += 1;
        change.insertions += fields.next().unwrap_or(0);
        change.deletions += fields.next().unwrap_or(0);
    }
    change
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

#[cfg(test)]
mod tests;
