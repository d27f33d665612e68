//! Whether the changelog speaks of the version that is released.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use fw_model::release::Finding;

use super::git;

/// The check's name.
const CHECK: &str = "changelog";
/// What changelogs are called, without regard to case and ending.
const NAMES: [&str; 4] = ["changelog", "changes", "history", "news"];
/// The most of a changelog that is read, bytes: new versions stand at the top.
const READ_MAX: u64 = 4 * 1024 * 1024;

/// A warning when there is a changelog that does not name the version.
pub(super) fn check(folder: &Path, version: &str) -> Vec<Finding> {
    let top = git::top(folder);
    let folders = [Some(folder), top.as_deref().filter(|top| *top != folder)];
    let Some(file) = folders.into_iter().flatten().find_map(find) else {
        return vec![Finding::info(
            CHECK,
            "there is no changelog beside the config or at the top of the checkout",
        )];
    };
    let place = file.display().to_string();
    match read(&file) {
        Ok(text) if mentions(&text, version) => vec![],
        Ok(_) => {
            let message = format!("does not name {version}: write what is new in it");
            vec![Finding::warning(CHECK, message).at(place)]
        }
        Err(e) => vec![Finding::info(CHECK, format!("can't be read: {e}")).at(place)],
    }
}

/// The changelog of a folder; of several the first by name.
fn find(folder: &Path) -> Option<PathBuf> {
    let is_one = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_ascii_lowercase();
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        NAMES.contains(&stem.as_str())
            && ["", "md", "txt", "rst", "adoc"].contains(&ending.as_str())
            && path.is_file()
    };
    let paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(is_one).min()
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut bytes = vec![];
    fs::File::open(file)?.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a text names a version, and not only a longer one that has it in it.
fn mentions(text: &str, version: &str) -> bool {
    if version.is_empty() {
        return false;
    }
    let is_part = |c: char| c.is_alphanumeric();
    text.match_indices(version).any(|(at, _)| {
        let mut before = text[..at].chars().rev();
        let mut after = text[at + version.len()..].chars();
        let starts = match before.next() {
            // `v1.5.0` is 1.5.0; `11.5.0` and `0.1.5.0` are not.
            Some('v' | 'V') => !before.next().is_some_and(is_part),
            Some('.') => !before.next().is_some_and(is_part),
            Some(c) => !is_part(c),
            None => true,
        };
        let ends = match after.next() {
            // `1.5.0.` ends a sentence; `1.5.0.1` and `1.5.0-rc1` are other versions.
            Some('.' | '-' | '+') => !after.next().is_some_and(is_part),
            Some(c) => !is_part(c),
            None => true,
        };
        starts && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_word_of_its_own() {
        for text in
            ["## [1.5.0] - 2026-01-01", "# v1.5.0", "1.5.0", "New in 1.5.0.", "x (1.5.0)", "checkout-1.5.0"]
        {
            assert!(mentions(text, "1.5.0"), "{text}");
        }
        for text in ["11.5.0", "1.5.01", "1.5.0-rc1", "1.5.0.1", "0.1.5.0", "1.50", "rev1.5.0", ""] {
            assert!(!mentions(text, "1.5.0"), "{text}");
        }
    }

    #[test]
    fn what_it_does_not_name_is_a_warning_and_no_changelog_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let found = check(folder.path(), "1.5.0");
        assert_eq!((found.len(), found[0].severity.as_str()), (1, "info"));
        fs::write(folder.path().join("Changelog.md"), "## 1.4.2\n").unwrap();
        let found = check(folder.path(), "1.5.0");
        assert_eq!((found.len(), found[0].severity.as_str()), (1, "warning"));
        assert!(found[0].place.as_ref().unwrap().ends_with("Changelog.md"));
        assert!(check(folder.path(), "1.4.2").is_empty());
    }
}
