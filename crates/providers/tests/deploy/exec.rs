//! The exec deployer through its trait: what a command is told, and what its end means.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fw_providers::deploy::exec::{Act, Exec, ExecSettings};
use fw_providers::deploy::{Deployer, Instance, Order, Outcome, Presence, Told};

use crate::support::{Place, SOON, wrapper};

fn act(place: &Place, script: &str) -> Act {
    Act { program: place.script(script).program, timeout: SOON, grace: Duration::from_secs(5) }
}

fn exec(place: &Place, deploy: &str, undo: Option<&str>) -> Exec {
    Exec::new(ExecSettings {
        root: place.file("orders"),
        wrapper: wrapper(),
        deploy: act(place, deploy),
        undo: undo.map(|script| act(place, script)),
        retire: None,
    })
}

fn order(id: &str) -> Order {
    Order {
        id: id.into(),
        service: "shop".into(),
        version: "2.0.0".into(),
        env: "staging".into(),
        strategy: "canary".into(),
        instances: ["http://10.0.0.7:80", "http://10.0.0.8:80"]
            .map(|url| Instance { url: url.into() })
            .to_vec(),
    }
}

fn told() -> (Arc<Mutex<String>>, Told) {
    let said = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&said);
    (said, Arc::new(move |text: &str| into.lock().unwrap().push_str(text)))
}

#[tokio::test]
async fn a_command_is_told_everything_and_runs_once_an_order() {
    let place = Place::new();
    let script = "echo $FW_ACTION $FW_SERVICE $FW_VERSION $FW_ENV $FW_STRATEGY $FW_URLS $FW_ORDER >> effect; echo moving";
    let exec: Box<dyn Deployer> = Box::new(exec(&place, script, Some("echo $FW_ACTION >> effect")));
    let (said, told) = told();
    for _ in 0..2 {
        assert_eq!(exec.deploy(&order("shop.1-deploy-1"), &told).await, Outcome::Done);
    }
    assert_eq!(exec.undo(&order("shop.1-deploy-1"), &told).await, Outcome::Done);
    assert_eq!(exec.retire(&order("shop.1-deploy-1"), &told).await, Outcome::Done, "nothing is to be done");
    let first = "deploy shop 2.0.0 staging canary http://10.0.0.7:80,http://10.0.0.8:80 shop.1-deploy-1";
    assert_eq!(place.lines("effect"), [first, "undo"]);
    assert!(said.lock().unwrap().contains("moving\n"));
    // Another attempt is another order.
    assert_eq!(exec.deploy(&order("shop.1-deploy-2"), &told).await, Outcome::Done);
    assert_eq!(place.lines("effect").len(), 3);
    let status = exec.status(&order("shop.1-deploy-1")).await;
    assert!(status.len() == 2 && matches!(status[0].presence, Presence::Unknown { .. }));
}

#[tokio::test]
async fn a_failure_shows_its_last_lines_and_giving_the_order_again_does_not_try_again() {
    let place = Place::new();
    let exec = exec(&place, "echo ran >> effect; echo no such host >&2; exit 7", None);
    let (_, told) = told();
    for _ in 0..2 {
        let outcome = exec.deploy(&order("a"), &told).await;
        let why = "the deploy command ended with exit code 7".to_owned();
        assert_eq!(outcome, Outcome::Failed { why, log: "no such host".into() });
    }
    assert_eq!(place.lines("effect"), ["ran"]);
}

#[tokio::test]
async fn a_server_that_comes_back_waits_for_the_command_that_its_predecessor_began() {
    let place = Place::new();
    let script = "echo ran >> effect; while ! test -e go; do sleep 0.05; done; echo went";
    let (_, silent) = told();
    {
        let first = exec(&place, script, None);
        let order = order("a");
        let waiting = first.deploy(&order, &silent);
        tokio::select! {
            outcome = waiting => panic!("{outcome:?}"),
            // Dropped in the middle, as a server that is killed drops it.
            seen = fw_testkit::eventually(SOON, || place.lines("effect").len() == 1) => assert!(seen),
        }
    }
    std::fs::write(place.file("go"), "").unwrap();
    let (said, told) = told();
    assert_eq!(exec(&place, script, None).deploy(&order("a"), &told).await, Outcome::Done);
    assert_eq!(place.lines("effect"), ["ran"]);
    assert!(said.lock().unwrap().contains("went\n"), "its output is told from the beginning");
}
