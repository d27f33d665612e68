//! Why a command did not do what was asked, and the exit code that says so.
//!
//! Exit codes (contract section 2): 0 done, 1 the thing asked for failed, 2 bad usage or config,
//! 3 the server cannot be reached.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use fw_api::Problem;
use fw_runtime::config::{Faults, report};

use crate::client::ClientError;
use crate::output::{Paint, clean};

/// Why a command ended without doing what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was tried and failed (exit 1). What, and what to do.
    Failed(String),
    /// It could not be tried as asked (exit 2).
    Usage(String),
    /// The config has faults (exit 2).
    Config(Box<Faults>),
    /// The server refused (exit 1; 2 when it says that the request itself is at fault).
    Problem(Box<Problem>),
    /// The server cannot be reached (exit 3).
    Unreachable(String),
    /// Everything was said already; only the code is left.
    Silent(u8),
    /// Nobody reads stdout any more (exit 0): `fw … | head` is no failure.
    Closed,
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Closed => 0,
            Failure::Failed(_) => 1,
            Failure::Problem(problem) => match problem.code.as_str() {
                "invalid_config" | "bad_request" => 2,
                _ => 1,
            },
            Failure::Usage(_) | Failure::Config(_) => 2,
            Failure::Unreachable(_) => 3,
            Failure::Silent(code) => *code,
        }
    }

    /// Says it on stderr.
    pub(crate) fn print(&self) {
        let text = self.text(Paint::stderr());
        if !text.is_empty() {
            // Nothing is left to be done when stderr is gone too.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// What `print` says.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let error = paint.red("error:");
        match self {
            Failure::Failed(text) | Failure::Usage(text) | Failure::Unreachable(text) => {
                format!("{error} {}", clean(text))
            }
            Failure::Config(faults) => report(faults, &|part, text| paint.config(part, text)),
            Failure::Problem(problem) => format!("{error} {}", problem_text(problem)),
            Failure::Silent(_) | Failure::Closed => String::new(),
        }
    }
}

fn problem_text(problem: &Problem) -> String {
    let mut text = format!("{} ({})", clean(&problem.title), clean(&problem.code));
    if !problem.detail.is_empty() {
        let _ = write!(text, "\n  {}", clean(&problem.detail));
    }
    for fault in &problem.errors {
        let _ = write!(text, "\n  {}: {}", clean(&fault.path), clean(&fault.message));
    }
    match problem.code.as_str() {
        "unauthorized" => {
            text.push_str("\n  set $FW_TOKEN to a token of this server (`fw token new` makes one)")
        }
        "unknown_rollout" => text.push_str("\n  `fw rollout list` shows the rollouts this server knows"),
        _ => {}
    }
    text
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Unreachable { .. } => Failure::Unreachable(error.advice()),
            ClientError::Problem(problem) => Failure::Problem(problem),
            ClientError::Protocol(_) => Failure::Failed(error.to_string()),
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        Failure::Config(Box::new(faults))
    }
}

impl From<io::Error> for Failure {
    /// For writing to stdout; other input and output is reported where it happens.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(format!("can't write to stdout: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_api::Code;

    #[test]
    fn exit_codes_are_the_contracts() {
        let problem = |code| Failure::Problem(Box::new(Problem::new(code, "")));
        let cases = [
            (Failure::Closed, 0),
            (Failure::Failed(String::new()), 1),
            (problem(Code::IllegalTransition), 1),
            (problem(Code::UnknownRollout), 1),
            (problem(Code::InvalidConfig), 2),
            (Failure::Usage(String::new()), 2),
            (Failure::Unreachable(String::new()), 3),
        ];
        for (failure, code) in cases {
            assert_eq!(failure.exit_code(), code, "{failure:?}");
        }
    }

    #[test]
    fn what_the_server_says_can_not_steer_the_terminal() {
        let problem = Problem::new(Code::Internal, "a\u{1b}[2Jb");
        assert!(!Failure::Problem(Box::new(problem)).text(Paint::plain()).contains('\u{1b}'));
    }
}
