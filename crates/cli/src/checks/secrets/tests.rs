//! What is found, what is left alone, and that nothing is ever repeated.

use super::*;

/// Pieces are put together here, so that no tool takes this file for one that leaks.
fn github() -> String {
    format!("ghp{}{}", "_", "a1B2".repeat(9))
}

fn found(text: &str) -> Vec<(String, usize, &'static str)> {
    let lines = Lines::of(text);
    let of =
        |hit: Hit| (hit.path.unwrap_or_default(), lines.place(text, hit.span.start).0, hit.severity.as_str());
    hits(text).into_iter().map(of).collect()
}

#[test]
fn secrets_are_found_by_key_and_by_look() {
    let key = format!("-----BEGIN {} KEY-----", "PRIVATE");
    let text = format!(
        "a: {{ password: hunter2, apiKey: 'q8Zk2mPx0Lw7', token: short }}\n\
         b: {}   # and once more: {}\n\
         c: https://me:{}@example.org/x\n\
         d: |\n  {key}\n  MIIB\n  -----END {} KEY-----\n\
         e: [ AKIA{}, whsec{}{} ]\n",
        github(),
        github(),
        "pass",
        "PRIVATE",
        "IOSFODNN7EXAMPLE",
        "_",
        "MfKQ9r8GKYqrTwjUPD8ILPZI"
    );
    let want = [
        ("a.password", 1, "error"),
        ("a.apiKey", 1, "error"),
        ("a.token", 1, "warning"),
        ("b", 2, "error"),
        ("", 2, "error"),
        ("c", 3, "error"),
        ("d", 5, "error"),
        ("e[0]", 8, "error"),
        ("e[1]", 8, "error"),
    ];
    let want: Vec<_> =
        want.iter().map(|(path, line, severity)| ((*path).to_owned(), *line, *severity)).collect();
    assert_eq!(found(&text), want);
}

#[test]
fn what_is_no_secret_is_left_alone() {
    let text = "\
auth: { tokens: [ { name: ci, sha256: \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" } ] }
notifications:
  - { name: a, type: webhook, urlEnv: HOOK_URL, secretEnv: FW_WEBHOOK_SECRET, secretFile: /run/secret }
  - { password: \"${PASSWORD}\", token: <token>, secret: null, tokenCount: 5 }
  # whsec_… and ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx are examples, Bearer tokens too
url: http://127.0.0.1:8081/a@b
flags: [ { key: secret-menu } ]
";
    assert_eq!(found(text), []);
}

#[test]
fn nothing_is_repeated_and_lines_stay() {
    let secret = github();
    let key = format!("-----BEGIN {0} KEY-----\n  MIIB\n  -----END {0} KEY-----", "PRIVATE");
    let text = format!("a: {secret}\nb: |\n  {key}\nc: {{ password: hunter2 }} # é\n");
    let source = Source { name: "x".into(), folder: ".".into(), text: text.clone(), env: None };
    let said = check(&source);
    assert_eq!(said.len(), 3);
    assert!(said.iter().all(|f| !f.message.contains(&secret)
        && !f.message.contains("hunter2")
        && !f.message.contains("MIIB")));
    assert_eq!(said[0].place.as_deref(), Some("x:1:4"));
    let masked = masked(&text);
    assert_eq!(masked, "a: •••\nb: |\n  •••\n\n\nc: { password: ••• } # é\n");
}
