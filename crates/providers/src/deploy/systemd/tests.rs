//! Golden units, checked by systemd itself; and the calls to `systemctl`, written down by a script in its place.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use expect_test::expect_file;
use tempfile::TempDir;

use super::*;
use crate::deploy::order::Instance;

fn unit() -> Unit {
    Unit {
        service: "shop".into(),
        version: "2.0.0-rc.1+5".into(),
        url: "http://127.0.0.1:8082".into(),
        at: "127.0.0.1:8082".parse().unwrap(),
        argv: vec!["/bin/sleep".into(), "8082".into()],
        env: vec![("PORT".into(), "8082".into())],
        environment_file: None,
        cwd: "/".into(),
        user: None,
        writable: Vec::new(),
        stop_grace: Duration::from_secs(30),
        restart_pause: Duration::from_millis(200),
    }
}

/// As awkward as it gets.
fn awkward() -> Unit {
    Unit {
        service: "café_shop".into(),
        argv: ["/bin/echo", "a b", "$HOME", "100%n", "say \"hi\"", "back\\slash", "two\nlines", ""]
            .map(str::to_owned)
            .to_vec(),
        env: vec![("GREETING".into(), "50% \"off\" $today\n\\o/".into())],
        environment_file: Some("/etc/shop/secret.env".into()),
        user: Some("daemon".into()),
        writable: vec!["/var/lib".into(), "/var/log/with blank".into()],
        at: "127.0.0.1:80".parse().unwrap(),
        url: "http://127.0.0.1:80".into(),
        ..unit()
    }
}

#[test]
fn units_are_as_they_were() {
    expect_file!["golden/plain.service"].assert_eq(&unit().render().unwrap());
    expect_file!["golden/awkward.service"].assert_eq(&awkward().render().unwrap());
    assert_eq!(unit().name().unwrap(), "fw-shop__2.0.0-rc.1_2B5__8082.service");
    assert_eq!(awkward().name().unwrap(), "fw-caf_C3_A9_5Fshop__2.0.0-rc.1_2B5__80.service");
    let lan = Unit { at: "10.0.0.7:80".parse().unwrap(), ..unit() };
    assert_eq!(lan.name().unwrap(), "fw-shop__2.0.0-rc.1_2B5__10.0.0.7__80.service");
}

#[test]
fn systemd_finds_nothing_wrong_with_them() {
    let Some(analyze) = fw_testkit::require("systemd-analyze") else { return };
    let dir = tempfile::tempdir().unwrap();
    for unit in [unit(), awkward()] {
        let path = dir.path().join(unit.name().unwrap());
        std::fs::write(&path, unit.render().unwrap()).unwrap();
        let output = Command::new(&analyze).args(["verify", "--man=no"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        // It also reads the units it depends on, and may complain about those of the machine.
        let own: Vec<&str> = said.lines().filter(|line| line.contains("fw-")).collect();
        assert_eq!(own, [""; 0]);
    }
    // And it does look: a unit that is wrong is found.
    let path = dir.path().join("fw-wrong.service");
    std::fs::write(&path, unit().render().unwrap().replace("/bin/sleep", "/no/such/program")).unwrap();
    let output = Command::new(&analyze).args(["verify", "--man=no"]).arg(&path).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn what_a_unit_can_not_say_is_refused() {
    type Change = fn(&mut Unit);
    let cases: [(Change, &str); 5] = [
        (|u| u.argv[0] = "sleep".into(), "absolute paths"),
        (|u| u.cwd = "here".into(), "no absolute path"),
        (|u| u.service = "a\nb".into(), "one line"),
        (|u| u.env[0].1 = "a\0b".into(), "zero byte"),
        (|u| u.user = Some("a\nUser=root".into()), "one line"),
    ];
    for (change, text) in cases {
        let mut unfit = unit();
        change(&mut unfit);
        let error = unfit.render().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(Unit { version: "x".repeat(250), ..unit() }.name().is_err());
}

/// A folder of units and a `systemctl` that writes down its calls; what it starts answers as ready, or not.
struct Fake {
    dir: TempDir,
    port: u16,
    settings: SystemdSettings,
}

impl Fake {
    fn new() -> Fake {
        let dir = tempfile::tempdir().unwrap();
        let (units, script) = (dir.path().join("units"), dir.path().join("systemctl"));
        std::fs::create_dir(&units).unwrap();
        let text = "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 9\ncase $1 in\n  is-active) test -e up; exit;;\n  \
            status) echo 'it says no'; exit 3;;\n  start) touch up;;\n  stop) rm -f up;;\nesac\necho \"$*\" >> calls\n";
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let argv = ["/bin/sleep", "{port}"].map(str::to_owned).to_vec();
        let settings = SystemdSettings {
            unit_dir: units,
            systemctl: script,
            program: Program { argv, env: BTreeMap::new(), pass: Vec::new(), cwd: "/".into() },
            environment_file: None,
            user: None,
            writable: Vec::new(),
            ready: ReadyCheck {
                interval: Duration::from_millis(5),
                timeout: Duration::from_secs(60),
                ..ReadyCheck::default()
            },
            stop_grace: Duration::from_secs(1),
            restart_pause: Duration::from_secs(1),
        };
        Fake { dir, port: fw_testkit::free_port().unwrap(), settings }
    }

    fn systemd(&self) -> Systemd {
        Systemd::new(self.settings.clone())
    }

    fn order(&self) -> Order {
        Order {
            id: "shop.1-deploy-1".into(),
            service: "shop".into(),
            version: "2".into(),
            env: String::new(),
            strategy: String::new(),
            instances: vec![Instance { url: format!("http://127.0.0.1:{}", self.port) }],
        }
    }

    fn calls(&self) -> Vec<String> {
        let path = self.dir.path().join("calls");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        text.replace(&self.port.to_string(), "PORT").lines().map(str::to_owned).collect()
    }
}

/// Answers every request with 200, as a service would.
async fn answering(port: u16) -> tokio::task::JoinHandle<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    })
}

fn silent() -> Told {
    Arc::new(|_| ())
}

#[tokio::test]
async fn systemctl_is_told_once_what_is_to_be_and_once_that_it_is_over() {
    let fake = Fake::new();
    let service = answering(fake.port).await;
    let (systemd, order) = (fake.systemd(), fake.order());
    systemd.deploy(&order, &silent()).await.unwrap();
    let unit = "fw-shop__2__PORT.service";
    assert_eq!(fake.calls(), ["daemon-reload".to_owned(), format!("enable {unit}"), format!("start {unit}")]);
    let name = systemd.units(&order).unwrap()[0].name().unwrap();
    let text = std::fs::read_to_string(fake.settings.unit_dir.join(&name)).unwrap();
    assert!(text.contains(&format!("ExecStart=\"/bin/sleep\" \"{}\"", fake.port)), "{text}");
    let status = Deployer::status(&systemd, &order).await.remove(0);
    assert_eq!(status.presence, Presence::Running { pid: None, since_ms: None, ready: true });

    systemd.deploy(&order, &silent()).await.unwrap();
    assert_eq!(fake.calls(), [""; 0], "it runs as it should");

    let mut other = fake.settings.clone();
    other.program.argv.push("more".into());
    let refused = Systemd::new(other).deploy(&order, &silent()).await.unwrap_err();
    assert!(matches!(refused, UnitError::Different(_)), "{refused}");

    for _ in 0..2 {
        systemd.stop(&order, &silent()).await.unwrap();
    }
    assert_eq!(fake.calls(), [format!("stop {unit}"), format!("disable {unit}"), "daemon-reload".to_owned()]);
    assert_eq!(std::fs::read_dir(&fake.settings.unit_dir).unwrap().count(), 0);
    service.abort();
}

#[tokio::test]
async fn one_that_is_not_ready_is_shown_and_taken_away_again() {
    let mut fake = Fake::new();
    fake.settings.ready.timeout = Duration::from_millis(50);
    let outcome = Deployer::deploy(&fake.systemd(), &fake.order(), &silent()).await;
    let Outcome::Failed { why, log } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("takes no connection") && log == "it says no", "{why}: {log}");
    assert!(fake.calls().iter().any(|call| call.starts_with("stop fw-shop")));
    assert_eq!(std::fs::read_dir(&fake.settings.unit_dir).unwrap().count(), 0);
}

#[tokio::test]
async fn what_systemctl_refuses_and_what_is_not_there_is_told() {
    let mut fake = Fake::new();
    std::fs::write(&fake.settings.systemctl, "#!/bin/sh\necho 'Access denied' >&2\nexit 4\n").unwrap();
    let error = fake.systemd().deploy(&fake.order(), &silent()).await.unwrap_err().to_string();
    assert_eq!(error, "systemctl daemon-reload: Access denied");
    fake.settings.systemctl = "/no/such/systemctl".into();
    let error = fake.systemd().deploy(&fake.order(), &silent()).await.unwrap_err().to_string();
    assert!(error.starts_with("/no/such/systemctl is-active fw-shop"), "{error}");
    fake.settings.program.pass.push("PATH".into());
    let error = fake.systemd().deploy(&fake.order(), &silent()).await.unwrap_err().to_string();
    assert!(error.contains("write PATH into a file"), "{error}");
}
