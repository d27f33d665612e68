//! Programs a test needs but this repository does not bring: nginx, haproxy, sqlite3 …
//!
//! In CI a missing one fails the test, because a skipped test there is a test nobody runs. On a
//! person's machine it is skipped, and says so.

use std::path::PathBuf;

/// Finds a program, or says that the test is skipped: `let Some(nginx) = require("nginx") else { return };`
///
/// # Panics
/// With `CI=true` in the environment, when the program is missing.
pub fn require(program: &str) -> Option<PathBuf> {
    let found = find_program(program);
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    match decide(program, found, in_ci) {
        Ok(path) => Some(path),
        Err(Missing::Skip(message)) => {
            eprintln!("{message}");
            None
        }
        Err(Missing::Fail(message)) => panic!("{message}"),
    }
}

/// Where a program is on the PATH, if it is.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(is_program)
}

fn is_program(path: &PathBuf) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// What to do about a missing program, with the words to say.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Skip(String),
    Fail(String),
}

fn decide(program: &str, found: Option<PathBuf>, in_ci: bool) -> Result<PathBuf, Missing> {
    match (found, in_ci) {
        (Some(path), _) => Ok(path),
        (None, true) => Err(Missing::Fail(format!("CI=true, but {program} is not installed"))),
        (None, false) => Err(Missing::Skip(format!(
            "SKIPPED: this test needs {program}, which is not on the PATH; it proves nothing now"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_not() {
        assert!(find_program("sh").unwrap().is_absolute());
        assert_eq!(find_program("no-such-program-anywhere"), None);
        // A folder is no program.
        assert_eq!(find_program("."), None);
    }

    #[test]
    fn a_missing_program_fails_in_ci_and_skips_loudly_elsewhere() {
        assert!(matches!(decide("x", None, true), Err(Missing::Fail(text)) if text.contains('x')));
        assert!(matches!(decide("x", None, false), Err(Missing::Skip(text)) if text.contains("SKIPPED")));
        assert_eq!(decide("x", Some("/bin/x".into()), true), Ok("/bin/x".into()));
    }
}
