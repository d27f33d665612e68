//! What to run: arguments, a clean environment, a folder; never a shell.
//!
//! Nothing of the server's environment reaches a program but PATH, HOME and LANG, what is written here, and what is
//! passed on by name. Values that are passed on are taken when the program's wrapper starts and never written to a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Arguments of one program.
pub const ARGS_MAX: usize = 256;
/// Bytes of all arguments, names and values of one program.
pub const PROGRAM_BYTES_MAX: usize = 128 << 10;
/// Variables every program gets, if the server has them.
const ALWAYS: [&str; 3] = ["PATH", "HOME", "LANG"];
/// Holds the folder of the order in whatever an order starts, so that what got away can be found.
pub(super) const MARK: &str = "FW_ORDER_DIR";

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// The program, by path or by name on the PATH, and its arguments, as they are: nothing is split, replaced or expanded.
    pub argv: Vec<String>,
    /// Variables with their values. They are written to the disk: nothing secret belongs here.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Names of variables whose values are taken from the server's environment and passed on.
    #[serde(default)]
    pub pass: Vec<String>,
    /// The folder it runs in, as an absolute path.
    pub cwd: PathBuf,
}

/// Why a program can't be run as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Its text can't be used.
    #[error("{0}")]
    Unfit(String),
    /// A variable that is to be passed on is not set.
    #[error(
        "the variable {0} is to be passed on, and is not set in the environment of the server: set it there, or take it off the list"
    )]
    NotSet(String),
    /// The folder is not there.
    #[error("its folder {0} is not there")]
    NoFolder(PathBuf),
}

impl Program {
    /// Looks at what can be known before it is run.
    ///
    /// # Errors
    /// All of [`ProgramError`].
    pub fn check(&self) -> Result<(), ProgramError> {
        let unfit = |text: String| Err(ProgramError::Unfit(text));
        if self.argv.first().is_none_or(String::is_empty) {
            return unfit("a command needs a program: its first argument is empty".into());
        }
        if self.argv.len() > ARGS_MAX {
            return unfit(format!("{} arguments, {ARGS_MAX} allowed", self.argv.len()));
        }
        let variables = self.env.iter().flat_map(|(name, value)| [name, value]);
        let texts = || self.argv.iter().chain(variables.clone()).chain(&self.pass);
        let bytes: usize = texts().map(String::len).sum();
        if bytes > PROGRAM_BYTES_MAX {
            return unfit(format!("arguments and variables of {bytes} bytes, {PROGRAM_BYTES_MAX} allowed"));
        }
        if texts().any(|text| text.contains('\0')) {
            return unfit("an argument or a variable holds a zero byte".into());
        }
        if let Some(name) =
            self.env.keys().chain(&self.pass).find(|name| name.is_empty() || name.contains('='))
        {
            return unfit(format!("{name:?} is no name of a variable"));
        }
        if !self.cwd.is_absolute() {
            return unfit(format!("the folder {} must be an absolute path", self.cwd.display()));
        }
        if let Some(name) = self.pass.iter().find(|name| std::env::var_os(name).is_none()) {
            return Err(ProgramError::NotSet(name.clone()));
        }
        if self.cwd.is_dir() { Ok(()) } else { Err(ProgramError::NoFolder(self.cwd.clone())) }
    }

    /// The variables a wrapper of this program gets: those that are always there, and those passed on.
    pub(super) fn inherited(&self) -> Vec<(OsString, OsString)> {
        let names = ALWAYS.iter().copied().chain(self.pass.iter().map(String::as_str));
        names.filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect()
    }

    /// The command, in a group of its own, marked with the folder of its order.
    pub(super) fn command(&self, mark: &Path) -> Command {
        use std::os::unix::process::CommandExt as _;
        let (program, args) = self.argv.split_first().map_or(("", &[][..]), |(p, args)| (p.as_str(), args));
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(self.inherited()).envs(&self.env).env(MARK, mark);
        command.current_dir(&self.cwd).process_group(0);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        let argv = vec!["true".to_owned()];
        Program { argv, env: BTreeMap::new(), pass: Vec::new(), cwd: "/".into() }
    }

    #[test]
    fn what_can_not_be_run_is_refused_in_words() {
        assert_eq!(program().check(), Ok(()));
        type Change = fn(&mut Program);
        let cases: [(Change, &str); 8] = [
            (|p| p.argv.clear(), "needs a program"),
            (|p| p.argv = vec!["a".into(); ARGS_MAX + 1], "257 arguments, 256 allowed"),
            (|p| p.argv.push("x".repeat(PROGRAM_BYTES_MAX)), "bytes, 131072 allowed"),
            (|p| p.argv.push("a\0b".into()), "zero byte"),
            (|p| drop(p.env.insert("A=B".into(), String::new())), "\"A=B\" is no name"),
            (|p| p.cwd = "here".into(), "must be an absolute path"),
            (|p| p.pass.push("FW_NOT_SET_ANYWHERE".into()), "FW_NOT_SET_ANYWHERE is to be passed on"),
            (|p| p.cwd = "/no/such/folder".into(), "/no/such/folder is not there"),
        ];
        for (change, text) in cases {
            let mut unfit = program();
            change(&mut unfit);
            let error = unfit.check().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_environment_is_clean() {
        let mut program = program();
        program.argv = vec!["env".into()];
        program.env.insert("GIVEN".into(), "1".into());
        let output = program.command(Path::new("/mark")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let names: Vec<&str> = text.lines().map(|line| line.split_once('=').unwrap().0).collect();
        assert!(names.contains(&"GIVEN") && names.contains(&MARK) && names.contains(&"PATH"), "{text}");
        let known = ["PATH", "HOME", "LANG", "GIVEN", MARK];
        assert!(names.iter().all(|name| known.contains(name)), "{text}");
    }
}
