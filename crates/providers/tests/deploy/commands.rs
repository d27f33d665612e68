//! Commands at most once: what the files say after a kill at each point, and how often the command ran.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fw_providers::deploy::command::{BeginError, How, Look, begin, cancel, look, tail, wait};
use fw_providers::deploy::{LOG_BYTES_MAX, ProgramError};
use fw_testkit::{eventually, wait_until};

use crate::support::{Place, SOON, running, wrapper};

const POLL: Duration = Duration::from_millis(10);

/// Waits for the end and says how it was.
async fn how(order: &Path) -> How {
    let waiting = wait(order, POLL, &|_| ());
    match tokio::time::timeout(SOON, waiting).await.expect("it ends").unwrap() {
        Look::Ended(ended) => {
            assert!(ended.began_ms <= ended.ended_ms);
            ended.how
        }
        other => panic!("{other:?}"),
    }
}

/// The process that claimed an order.
fn claimed_by(order: &Path) -> i32 {
    let text = std::fs::read_to_string(order.join("claim.json")).unwrap();
    let claim: serde_json::Value = serde_json::from_str(&text).unwrap();
    claim["by"]["pid"].as_i64().unwrap().try_into().unwrap()
}

/// `kill -9`, for a process of this test.
fn kill(pid: i32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn a_command_runs_once_however_often_it_is_begun() {
    let place = Place::new();
    let order = place.order("a");
    let spec = place.script("echo ran >> effect; echo out; echo err >&2; exit 3");
    assert_eq!(look(&order).unwrap(), Look::NotBegun);
    for _ in 0..3 {
        begin(&order, &spec, &wrapper()).await.unwrap();
    }
    assert_eq!(how(&order).await, How::Exited { code: 3 });
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert_eq!(place.lines("effect"), ["ran"]);
    assert_eq!(tail(&order, 1000).unwrap(), "out\nerr\n");
}

#[test]
fn ten_wrappers_at_once_run_one_command() {
    let place = Place::new();
    let order = place.order("a");
    std::fs::create_dir_all(&order).unwrap();
    let spec = place.script("echo ran >> effect; sleep 0.2");
    std::fs::write(order.join("spec.json"), serde_json::to_string(&spec).unwrap()).unwrap();
    let wrapper = wrapper();
    let start = || Command::new(&wrapper.program).args(&wrapper.args).arg(&order).spawn().unwrap();
    let mut all: Vec<_> = (0..10).map(|_| start()).collect();
    for one in &mut all {
        assert!(one.wait().unwrap().success());
    }
    assert!(wait_until(SOON, || matches!(look(&order).unwrap(), Look::Ended(_))));
    assert_eq!(place.lines("effect"), ["ran"]);
}

#[tokio::test]
async fn two_servers_that_begin_at_once_run_one_command() {
    let place = Place::new();
    let order = place.order("a");
    let (spec, wrapper) = (place.script("echo ran >> effect"), wrapper());
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (order, spec, wrapper) = (order.clone(), spec.clone(), wrapper.clone());
            tokio::spawn(async move { begin(&order, &spec, &wrapper).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(how(&order).await, How::Exited { code: 0 });
    assert_eq!(place.lines("effect"), ["ran"]);
}

#[tokio::test]
async fn a_kill_between_the_spec_and_the_start_leaves_it_not_begun() {
    let place = Place::new();
    let order = place.order("a");
    std::fs::create_dir_all(&order).unwrap();
    let spec = place.script("echo ran >> effect");
    std::fs::write(order.join("spec.json"), serde_json::to_string(&spec).unwrap()).unwrap();
    // A half-written file of the killed server.
    std::fs::write(order.join("spec.json.1.0.tmp"), "{").unwrap();
    assert_eq!(look(&order).unwrap(), Look::NotBegun);
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert_eq!(how(&order).await, How::Exited { code: 0 });
    assert_eq!(place.lines("effect"), ["ran"]);
}

#[tokio::test]
async fn a_killed_wrapper_leaves_it_unknown_and_it_never_runs_again() {
    let place = Place::new();
    let order = place.order("a");
    let spec = place.script("echo ran >> effect; echo $$ > pid; sleep 600");
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert!(matches!(look(&order).unwrap(), Look::Running { .. }));
    assert!(eventually(SOON, || place.lines("pid").len() == 1).await);
    kill(claimed_by(&order));
    assert!(eventually(SOON, || !matches!(look(&order).unwrap(), Look::Running { .. })).await);
    let Look::Unknown { why } = look(&order).unwrap() else { panic!("{:?}", look(&order)) };
    assert!(why.contains("was killed"), "{why}");
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert!(matches!(look(&order).unwrap(), Look::Unknown { .. }));
    assert_eq!(place.lines("effect"), ["ran"]);
    kill(place.lines("pid")[0].parse().unwrap());
}

#[tokio::test]
async fn a_claim_of_another_boot_or_of_another_process_with_that_pid_is_unknown() {
    let place = Place::new();
    let own = fw_providers::deploy::Identity::own().unwrap();
    let claims = [
        (
            serde_json::json!({ "pid": own.pid, "startTicks": own.start_ticks, "bootId": "before" }),
            "restarted",
        ),
        (serde_json::json!({ "pid": own.pid, "startTicks": 1, "bootId": own.boot_id }), "was killed"),
    ];
    for (number, (by, text)) in claims.iter().enumerate() {
        let order = place.order(&number.to_string());
        std::fs::create_dir_all(&order).unwrap();
        let claim = serde_json::json!({ "by": by, "atMs": 1 });
        std::fs::write(order.join("claim.json"), claim.to_string()).unwrap();
        let Look::Unknown { why } = look(&order).unwrap() else { panic!("{:?}", look(&order)) };
        assert!(why.contains(text), "{why}");
    }
}

#[tokio::test]
async fn a_command_over_its_time_is_ended_with_all_it_started() {
    let place = Place::new();
    let order = place.order("a");
    // Deaf to SIGTERM, and so is its child: only SIGKILL to the group ends both.
    let mut spec = place.script("trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & wait");
    (spec.timeout_ms, spec.grace_ms) = (500, 200);
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert_eq!(how(&order).await, How::TimedOut);
    assert!(eventually(SOON, || running(&order) == 0).await);
}

#[tokio::test]
async fn a_cancelled_command_may_end_in_order_and_one_that_did_not_begin_never_does() {
    let place = Place::new();
    let order = place.order("a");
    let spec = place
        .script("trap 'echo cleaned >> effect; exit 0' TERM; echo up > up; while :; do sleep 0.05; done");
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert!(eventually(SOON, || place.lines("up").len() == 1).await);
    cancel(&order).unwrap();
    cancel(&order).unwrap();
    assert_eq!(how(&order).await, How::Cancelled);
    assert_eq!(place.lines("effect"), ["cleaned"]);

    let never = place.order("b");
    cancel(&never).unwrap();
    begin(&never, &place.script("echo ran >> never"), &wrapper()).await.unwrap();
    assert_eq!(how(&never).await, How::Cancelled);
    assert_eq!(place.lines("never"), [""; 0]);
}

#[tokio::test]
async fn a_flood_of_output_is_bounded_and_says_what_is_missing() {
    let place = Place::new();
    let order = place.order("a");
    let spec = place.script("echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last");
    begin(&order, &spec, &wrapper()).await.unwrap();
    let told = std::sync::Mutex::new(String::new());
    let tell = |text: &str| told.lock().unwrap().push_str(text);
    tokio::time::timeout(SOON, wait(&order, POLL, &tell)).await.expect("it ends").unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.starts_with("first\n") && told.ends_with("\nlast\n"));
    let text = tail(&order, u64::MAX).unwrap();
    assert!(
        text.starts_with("first\n") && text.ends_with("\nlast\n") && text.contains("bytes are not kept]")
    );
    assert!(text.len() as u64 <= LOG_BYTES_MAX + 100, "{}", text.len());
}

#[tokio::test]
async fn what_a_signal_ended_and_what_never_started_are_told_apart() {
    let place = Place::new();
    begin(&place.order("a"), &place.script("kill -9 $$"), &wrapper()).await.unwrap();
    assert_eq!(how(&place.order("a")).await, How::Killed { signal: 9 });
    let mut spec = place.script("");
    spec.program.argv = vec!["/no/such/program".into()];
    begin(&place.order("b"), &spec, &wrapper()).await.unwrap();
    assert!(matches!(how(&place.order("b")).await, How::NotStarted { why } if why.contains("No such file")));
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let place = Place::new();
    let (order, spec) = (place.order("a"), place.script("echo ran >> effect"));
    let mut unset = spec.clone();
    unset.program.pass.push("FW_NOT_SET_ANYWHERE".into());
    let refused = begin(&order, &unset, &wrapper()).await.unwrap_err();
    assert!(matches!(refused, BeginError::Program(ProgramError::NotSet(_))), "{refused}");
    assert!(!order.exists());

    begin(&order, &spec, &wrapper()).await.unwrap();
    let refused = begin(&order, &place.script("echo other >> effect"), &wrapper()).await.unwrap_err();
    assert!(matches!(refused, BeginError::Different(_)), "{refused}");

    let mut broken = wrapper();
    broken.program = "/no/such/wrapper".into();
    let failed = begin(&place.order("b"), &spec, &broken).await.unwrap_err();
    assert!(failed.to_string().contains("/no/such/wrapper"), "{failed}");
    assert_eq!(look(&place.order("b")).unwrap(), Look::NotBegun);
    assert_eq!(how(&order).await, How::Exited { code: 0 });
    assert_eq!(place.lines("effect"), ["ran"]);
}

#[tokio::test]
async fn values_passed_on_by_name_reach_the_command_and_no_file() {
    let place = Place::new();
    let order = place.order("a");
    let mut spec =
        place.script("echo \"${#CARGO_MANIFEST_DIR}\" > length; echo \"${CARGO_PKG_NAME-none}\" > other");
    spec.program.pass.push("CARGO_MANIFEST_DIR".into());
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert_eq!(how(&order).await, How::Exited { code: 0 });
    let value = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert_eq!(place.lines("length"), [value.len().to_string()]);
    assert_eq!(place.lines("other"), ["none"]);
    for entry in std::fs::read_dir(&order).unwrap() {
        let path = entry.unwrap().path();
        // The pipe of its output can't be read, and holds nothing.
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains(&value), "{}", path.display());
        }
    }
}
