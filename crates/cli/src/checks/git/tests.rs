//! Against real checkouts, made for each test.

use std::fs;
use std::process::{Command, Stdio};

use super::*;

/// A checkout with one commit, tagged v1.4.2.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Checkout {
        let checkout = Checkout(tempfile::tempdir().unwrap());
        checkout.git(&["init", "--quiet"]);
        checkout.write("a.txt", "one\ntwo\n");
        checkout.commit("first");
        checkout.git(&["tag", "v1.4.2"]);
        checkout
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--no-gpg-sign", "-m", message]);
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "T").env(format!("GIT_{role}_EMAIL"), "t@example.org");
        }
        // The settings of whoever runs the tests are not part of them.
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        assert!(command.status().unwrap().success(), "{arguments:?}");
    }

    /// Check, severity and message of each finding.
    fn said(&self, canary: &str) -> (Vec<String>, Option<ChangeSize>) {
        let (findings, change) = check(self.path(), "1.4.2", canary);
        (
            findings.iter().map(|f| format!("{} {}: {}", f.check, f.severity.as_str(), f.message)).collect(),
            change,
        )
    }
}

#[test]
fn a_clean_and_tagged_checkout_says_only_how_much_changed() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "one\nthree\nfour\n");
    checkout.write("b/c d.txt", "new\n");
    checkout.commit("second");
    checkout.git(&["tag", "-a", "-m", "annotated", "1.5.0"]);
    // The state of a server that runs here is nobody's work.
    checkout.write(".factory-wager/state.db", "x");
    let change = ChangeSize { commits: 1, files: 2, insertions: 3, deletions: 1 };
    assert_eq!(checkout.said("1.5.0"), (vec![], Some(change)));
    assert_eq!(
        top(&checkout.path().join("b")).unwrap().canonicalize().unwrap(),
        checkout.path().canonicalize().unwrap()
    );
}

#[test]
fn files_that_are_not_committed_are_named_up_to_five() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "changed\n");
    for name in ["ä.txt", "n1", "n2", "n3", "n4", "n5"] {
        checkout.write(name, "x");
    }
    let (said, _) = checkout.said("1.4.2");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(
            "working-tree warning: not everything is committed: a.txt, n1, n2, n3, n4 and 2 more."
        ),
        "{said:?}"
    );
}

#[test]
fn a_tag_that_is_missing_or_elsewhere_is_a_warning() {
    let checkout = Checkout::new();
    let (said, change) = checkout.said("1.5.0");
    assert_eq!(said, ["tag warning: there is no tag v1.5.0 or 1.5.0: tag what is released"]);
    assert_eq!(change, Some(ChangeSize { commits: 0, files: 0, insertions: 0, deletions: 0 }));
    checkout.git(&["tag", "v1.5.0"]);
    checkout.write("late.txt", "x\n");
    checkout.commit("after the tag");
    let (said, change) = checkout.said("1.5.0");
    assert!(said.len() == 1 && said[0].starts_with("tag warning: the tag v1.5.0 is the commit "), "{said:?}");
    assert_eq!(change.unwrap().commits, 0, "what is released is the tag");
}

#[test]
fn what_can_not_be_told_is_information() {
    let folder = tempfile::tempdir().unwrap();
    let (findings, change) = check(folder.path(), "1.4.2", "1.5.0");
    assert_eq!((findings, change), (vec![Finding::info(TREE, "the config is in no git checkout")], None));
    let checkout = Checkout::new();
    let (findings, change) = check(checkout.path(), "0.9", "1.4.2");
    assert_eq!(
        findings,
        [Finding::info(CHANGE, "how much changed is not known: there is no tag v0.9 or 0.9")]
    );
    assert_eq!(change, None);
    let (said, _) = checkout.said("1.0 beta:x");
    assert_eq!(said, ["tag info: \"1.0 beta:x\" can't be the name of a tag, so none is looked for"]);
    // No name leaves its place: neither an option nor another revision.
    for name in ["", "--all", "a..b", "x^{tree}", "@{u}", "a b"] {
        assert_eq!(is_tag_name(name), name == "--all", "{name:?}");
    }
}

#[test]
fn nothing_is_written_into_the_checkout() {
    let checkout = Checkout::new();
    let index = || fs::read(checkout.path().join(".git/index")).unwrap();
    // A time that differs from the index's makes a plain `git status` write it anew.
    checkout.write("a.txt", "one\ntwo\n");
    let before = index();
    checkout.said("1.4.2");
    assert_eq!(index(), before);
}
