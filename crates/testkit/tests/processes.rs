//! Processes are waited for with their eyes open, and never outlive the test.
#![allow(clippy::unwrap_used)] // a test may fail

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fw_testkit::{LOG_LINES_SHOWN, Proc, ProcError, ProcSpec, wait_until};

/// Generous: the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

fn shell(script: &str) -> ProcSpec {
    ProcSpec::new("sh").unwrap().arg("-c").arg(script)
}

/// Whether a process runs (and is no zombie).
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

fn line_written(proc: &mut Proc) -> String {
    let dir = proc.dir().to_owned();
    let read = || std::fs::read_to_string(dir.join("sh.stdout")).unwrap_or_default();
    proc.ready(DEADLINE, || read().ends_with('\n')).unwrap();
    read().trim().to_owned()
}

#[test]
fn what_it_writes_is_kept_and_its_end_is_seen() {
    let mut proc = shell("echo out; echo err >&2; exit 3").spawn().unwrap();
    assert_eq!(proc.wait(DEADLINE).unwrap().code(), Some(3));
    assert_eq!((proc.stdout().unwrap(), proc.stderr().unwrap()), ("out\n".to_owned(), "err\n".to_owned()));
    // Again, and after the end, without harm.
    assert_eq!(proc.kill().unwrap().code(), Some(3));
}

#[test]
fn waiting_for_readiness_ends_when_the_process_does() {
    let mut proc = shell("echo cannot bind >&2; exit 1").spawn().unwrap();
    let error = proc.ready(DEADLINE, || false).unwrap_err();
    assert!(matches!(error, ProcError::Exited { .. }));
    assert!(error.to_string().contains("cannot bind"), "{error}");
}

#[test]
fn waiting_for_readiness_ends_at_the_deadline_with_the_last_lines() {
    let mut proc =
        shell("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; echo done; sleep 600")
            .spawn()
            .unwrap();
    assert!(wait_until(DEADLINE, || proc.stdout().unwrap().ends_with("done\n")));
    let error = proc.ready(Duration::from_millis(50), || false).unwrap_err();
    assert!(matches!(error, ProcError::Late { .. }));
    let text = error.to_string();
    assert_eq!(text.matches("line ").count(), LOG_LINES_SHOWN - 1, "{text}");
    assert!(text.contains("line 100\n") && !text.contains("line 9\n"), "{text}");
}

#[test]
fn a_program_that_listens_is_found() {
    let port = fw_testkit::free_port().unwrap();
    let at = ([127, 0, 0, 1], port).into();
    let mut proc = shell("sleep 600").spawn().unwrap();
    assert!(matches!(proc.listening(at, Duration::from_millis(50)), Err(ProcError::Late { .. })));
    let _listener = std::net::TcpListener::bind(at).unwrap();
    proc.listening(at, DEADLINE).unwrap();
}

#[test]
fn dropping_kills_the_whole_group() {
    let mut proc = shell("sleep 600 & echo $!; wait").spawn().unwrap();
    let (child, own) = (line_written(&mut proc), proc.pid().to_string());
    assert!(runs(&child) && runs(&own));
    drop(proc);
    assert!(!runs(&own));
    assert!(wait_until(DEADLINE, || !runs(&child)));
}

#[test]
fn terminate_asks_and_kill_does_not() {
    let script = "trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.05; done";
    let mut proc = shell(script).spawn().unwrap();
    assert_eq!(line_written(&mut proc), "up");
    assert_eq!(proc.terminate(DEADLINE).unwrap().code(), Some(7));
    assert_eq!(proc.stdout().unwrap(), "up\nasked\n");
    let mut proc = shell(script).spawn().unwrap();
    assert_eq!(line_written(&mut proc), "up");
    assert_eq!(proc.kill().unwrap().code(), None);
    assert_eq!(proc.stdout().unwrap(), "up\n");
}

#[test]
fn a_spec_may_be_started_again_in_its_folder() {
    let spec = shell("echo $WORD >> kept; cat kept").env("WORD", "once");
    for lives in 1..=3 {
        let mut proc = spec.spawn().unwrap();
        assert!(proc.wait(DEADLINE).unwrap().success());
        assert_eq!(std::fs::read_to_string(spec.dir().join("kept")).unwrap(), "once\n".repeat(lives));
    }
    let beside = ProcSpec::new("cat").unwrap().arg("kept").beside(&spec).name("reader");
    let mut proc = beside.spawn().unwrap();
    assert!(proc.wait(DEADLINE).unwrap().success());
    assert_eq!(proc.stdout().unwrap(), "once\n".repeat(3));
    let dir = spec.dir().to_owned();
    drop((spec, beside, proc));
    assert!(!dir.exists(), "the folder goes with its last user");
}

#[test]
fn a_missing_program_is_named() {
    let error = ProcSpec::new("no-such-program").unwrap().spawn().unwrap_err();
    assert!(matches!(error, ProcError::Spawn { .. }) && error.to_string().contains("no-such-program"));
}

#[test]
fn a_process_outlives_the_thread_that_asked_for_it() {
    let mut proc = std::thread::spawn(|| shell("echo up; sleep 600").spawn().unwrap()).join().unwrap();
    assert_eq!(line_written(&mut proc), "up");
    // Had the asking thread been its parent, the signal would have come with that thread's end.
    std::thread::sleep(Duration::from_millis(50));
    assert!(proc.ended().unwrap().is_none());
}

const VICTIM: &str = "FW_TESTKIT_VICTIM";

/// The test runs itself again as a program that starts a child, and kills that program.
#[test]
fn a_process_dies_with_a_killed_test_program() {
    if let Some(note) = std::env::var_os(VICTIM) {
        let proc = shell("sleep 600").spawn().unwrap();
        std::fs::write(Path::new(&note), format!("{}\n", proc.pid())).unwrap();
        std::thread::sleep(DEADLINE * 5);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("pid");
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "a_process_dies_with_a_killed_test_program"]).env(VICTIM, &note);
    let mut victim = program.stdout(std::process::Stdio::null()).spawn().unwrap();
    let read = || std::fs::read_to_string(&note).unwrap_or_default();
    let noted = wait_until(DEADLINE, || read().ends_with('\n'));
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(noted, "the program never started its child");
    assert!(wait_until(DEADLINE, || !runs(read().trim())));
}
