//! What each receiver gets: structure, limits, escapes; and that nothing secret is in an error.

use std::time::{Duration, SystemTime};

use fw_model::Secret;
use serde_json::{Value, json};

use super::words::Words;
use super::{Email, EmailSettings, Event, Format, Http, HttpSettings, Outcome, Receiver, SmtpProtection};
use super::{discord, slack, teams, webhook};

fn event(kind: &str, more: Value) -> Event {
    let mut data = json!({
        "type": kind, "timestamp": "2026-11-28T00:12:34.5Z", "id": 42, "health": 61.5, "verdict": "degraded",
        "split": { "epoch": 4, "canary": 5000 }, "waitingOn": [],
    });
    for (key, value) in more.as_object().unwrap() {
        data[key] = value.clone();
    }
    Event {
        id: "0d9c-42".into(),
        log_id: "0d9c".into(),
        service: "checkout@eu".into(),
        run: "checkout@eu.7".into(),
        kind: kind.into(),
        data,
    }
}

fn rollback() -> Event {
    let evidence = json!(["errors 4.1 % of 240, stable 0.2 % of 4 560", "<!channel> & *all*"]);
    let more = json!({ "fromPhase": 1, "toPhase": null, "percentage": 0, "trigger": "errorRate", "evidence": evidence });
    event("rollback_started", more)
}

/// Texts as long as they come, of characters that every format escapes.
fn huge() -> Event {
    let long = "<&>*_|\u{1f980}".repeat(3_000);
    let evidence: Vec<String> = (0..200).map(|_| long.clone()).collect();
    event("rollback_started", json!({ "evidence": evidence, "reason": long, "actor": long, "trigger": long }))
}

fn words(event: &Event) -> Words {
    Words::of(event, Some("https://fw.example.org"))
}

#[test]
fn a_person_sees_what_happened_why_and_where_to_look() {
    assert_eq!(
        words(&rollback()).plain(),
        "checkout@eu: rollback has begun, the canary gets 0 %\n\n\
         Run: checkout@eu.7\nCanary's share: 5 %\nHealth: 61.5 of 100\nVerdict: degraded\nTrigger: errorRate\n\n\
         Why:\n- errors 4.1 % of 240, stable 0.2 % of 4 560\n- <!channel> & *all*\n\n\
         Dashboard: https://fw.example.org/"
    );
}

#[test]
fn every_type_has_a_title_of_its_own() {
    let cases = [
        ("rollout_started", json!({}), "checkout@eu: rollout began"),
        ("phase_advanced", json!({ "percentage": 25 }), "checkout@eu: the canary gets 25 % now"),
        (
            "phase_advanced",
            json!({ "percentage": 25, "actor": "ann" }),
            "checkout@eu: the canary gets 25 % now by ann",
        ),
        ("phase_held", json!({}), "checkout@eu: stands still at 5 %"),
        ("phase_released", json!({}), "checkout@eu: goes on"),
        ("rollout_paused", json!({ "actor": "ann" }), "checkout@eu: paused by ann"),
        ("rollout_resumed", json!({ "actor": "ann" }), "checkout@eu: resumed by ann"),
        ("risk_alert", json!({}), "checkout@eu: alert: a rollback is being considered"),
        (
            "rollback_completed",
            json!({ "percentage": 0.5 }),
            "checkout@eu: rolled back, the canary gets 0.5 %",
        ),
        ("rollout_completed", json!({}), "checkout@eu: completed: the canary is the current version"),
        (
            "rollout_aborted",
            json!({ "actor": "ann" }),
            "checkout@eu: aborted by ann; the canary gets nothing",
        ),
        ("report_ready", json!({ "kind": "rollback" }), "checkout@eu: the rollback report can be read"),
        ("metrics_update", json!({}), "checkout@eu: measurements"),
        ("of_tomorrow", json!({}), "checkout@eu: of tomorrow"),
    ];
    for (kind, more, title) in cases {
        assert_eq!(words(&event(kind, more)).title, title);
    }
}

#[test]
fn what_people_did_and_what_is_waited_for_is_told() {
    let waiting = json!([{ "kind": "evidence", "text": "240 of 800 requests", "since": "…" }]);
    assert_eq!(
        words(&event("phase_held", json!({ "waitingOn": waiting }))).why,
        ["waits for: 240 of 800 requests"]
    );
    let more = json!({ "percentage": 25, "actor": "ann", "reason": "Friday\u{202e}\nnight", "overrode": ["evidence"] });
    let forced = words(&event("phase_advanced", more));
    assert!(forced.facts.contains(&("Reason", "Friday  night".into())), "{:?}", forced.facts);
    assert_eq!(forced.why, ["overridden: evidence"]);
    let done = words(&event("rollback_completed", json!({ "recoveryMs": 1_240, "unconfirmed": ["p1"] })));
    assert!(
        done.facts.contains(&("Took", "1 s".into())) && done.facts.contains(&("Not confirmed", "p1".into()))
    );
}

#[test]
fn a_webhook_gets_a_cloud_event() {
    let body = webhook::render(&rollback());
    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"]);
    assert_eq!(body["source"], "/factorywager/0d9c/checkout@eu");
    assert_eq!(body["type"], "dev.factorywager.rollback_started");
    assert_eq!(body["time"], "2026-11-28T00:12:34.5Z");
    assert_eq!(body["data"]["evidence"][0], "errors 4.1 % of 240, stable 0.2 % of 4 560");
}

/// Every text of a body, with the path to it.
fn texts(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, &format!("{path}[]"), out)),
        Value::Object(map) => map.iter().for_each(|(key, item)| texts(item, &format!("{path}.{key}"), out)),
        _ => {}
    }
}

fn longest(body: &Value, path: &str) -> usize {
    let mut all = vec![];
    texts(body, "", &mut all);
    let lengths = all.iter().filter(|(own, _)| own == path).map(|(_, text)| text.chars().count());
    lengths.max().unwrap_or_else(|| panic!("no {path} in {body}"))
}

#[test]
fn slack_gets_blocks_within_its_limits_and_nobody_is_mentioned() {
    let body = slack::render(&words(&rollback()));
    assert_eq!(body["blocks"][0]["text"]["text"], "🔴 checkout@eu: rollback has begun, the canary gets 0 %");
    assert_eq!(body["blocks"][1]["fields"][1]["text"], "*Canary's share*\n5 %");
    let why = body["blocks"][2]["text"]["text"].as_str().unwrap();
    assert!(why.contains("• &lt;!channel&gt; &amp; *all*") && !why.contains("<!"), "{why}");
    assert_eq!(
        body["blocks"][3]["elements"][0]["text"],
        "2026-11-28T00:12:34.5Z · <https://fw.example.org/|Open the dashboard>"
    );
    let huge = slack::render(&words(&huge()));
    assert!(
        longest(&huge, ".blocks[].text.text") <= 3000 && longest(&huge, ".blocks[].fields[].text") <= 2000
    );
    assert!(longest(&huge, ".text") <= 3000 && huge["blocks"].as_array().unwrap().len() <= 50);
    assert!(huge["blocks"][1]["fields"].as_array().unwrap().len() <= 10);
    let mut all = vec![];
    texts(&huge, "", &mut all);
    for (path, text) in all {
        let ampersands = text.matches('&').count();
        let whole: usize = ["&amp;", "&lt;", "&gt;"].map(|escape| text.matches(escape).count()).iter().sum();
        assert_eq!(ampersands, whole, "an escape was cut in {path}");
    }
}

#[test]
fn teams_gets_an_adaptive_card_below_28_kb() {
    let body = teams::render(&words(&rollback()));
    assert_eq!(body["type"], "message");
    let card = &body["attachments"][0]["content"];
    assert_eq!((card["type"].as_str(), card["version"].as_str()), (Some("AdaptiveCard"), Some("1.4")));
    assert_eq!(card["body"][0]["color"], "Attention");
    assert_eq!(card["body"][1]["facts"][2], json!({ "title": "Health", "value": "61.5 of 100" }));
    assert_eq!(card["body"][3]["text"], "• <!channel> & \\*all\\*");
    assert_eq!(card["actions"][0]["url"], "https://fw.example.org/");
    let huge = teams::render(&words(&huge()));
    assert!(huge.to_string().len() < 28 * 1024, "{}", huge.to_string().len());
    let without = teams::render(&Words::of(&rollback(), None));
    assert!(without["attachments"][0]["content"]["actions"].is_null());
}

#[test]
fn discord_gets_one_embed_within_its_limits_and_nobody_is_pinged() {
    let body = discord::render(&words(&rollback()));
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    let embed = &body["embeds"][0];
    assert!(embed["title"].as_str().unwrap().contains("rollback has begun"));
    assert_eq!(embed["fields"][0]["name"], "Run");
    assert!(embed["description"].as_str().unwrap().contains("\\*all\\*"));
    let huge = discord::render(&words(&huge()));
    assert!(longest(&huge, ".embeds[].title") <= 256 && longest(&huge, ".embeds[].description") <= 4096);
    assert!(longest(&huge, ".embeds[].fields[].value") <= 1024);
    let mut all = vec![];
    texts(&huge["embeds"][0], "", &mut all);
    assert!(all.iter().map(|(_, text)| text.chars().count()).sum::<usize>() <= 6000);
}

fn settings(format: Format, url: &str) -> HttpSettings {
    HttpSettings {
        format,
        url: Secret::new(url),
        signing: None,
        headers: vec![],
        ca: None,
        dashboard_url: None,
    }
}

#[test]
fn a_bad_url_is_refused_without_being_repeated() {
    let cases = [
        (Format::Webhook, "hidden", "no scheme or no host"),
        (Format::Webhook, "ftp://hidden/x", "neither http nor https"),
        (Format::Webhook, "http://me:hidden@a/x", "user name"),
        (Format::Webhook, "http://a:0/hidden", "no usable host or port"),
        (Format::Webhook, "http://hid den", "can't be read"),
        (Format::Slack, "http://hooks.slack.com/hidden", "https://"),
    ];
    for (format, url, why) in cases {
        let error = Http::new(&settings(format, url)).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("hid"), "{url}: {error}");
    }
    for name in ["Content-Length", "webhook-id", "Host"] {
        let headers = vec![(name.to_owned(), Secret::new("x"))];
        let error =
            Http::new(&HttpSettings { headers, ..settings(Format::Webhook, "http://a") }).unwrap_err();
        assert!(error.to_string().contains("set by fw itself"), "{error}");
    }
    let good = Http::new(&settings(Format::Slack, "https://hooks.slack.com/services/hidden")).unwrap();
    assert_eq!(format!("{good:?}"), "Http { format: Slack, host: \"hooks.slack.com:443\", .. }");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_by_its_host() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let http = Http::new(&settings(Format::Webhook, &format!("http://127.0.0.1:{port}/hidden"))).unwrap();
    let outcome = Receiver::Http(http).tell(&rollback(), SystemTime::now()).await;
    let Outcome::Failed { why, retry_after: None } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains(&format!("127.0.0.1:{port}")) && !why.contains("hidden"), "{why}");
}

fn mail(port: u16) -> Email {
    Email::new(&EmailSettings {
        host: "127.0.0.1".into(),
        port,
        tls: SmtpProtection::None,
        login: None,
        ca: None,
        from: "fw@example.org".into(),
        to: vec!["a@example.org".into(), "b@example.org".into()],
        dashboard_url: Some("https://fw.example.org".into()),
    })
    .unwrap()
}

/// A mail server that takes one message, and answers its end with this line. What the client said.
async fn mail_server(listener: tokio::net::TcpListener, answer: &'static str) -> Vec<String> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.into_split();
    let (mut lines, mut said, mut in_data) = (BufReader::new(read).lines(), vec![], false);
    write.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match (in_data, line.as_str()) {
            (true, ".") => answer,
            (true, _) => "",
            (false, "DATA") => "354 go on\r\n",
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 OK\r\n",
        };
        in_data = (in_data || line == "DATA") && line != ".";
        said.push(line);
        if write.write_all(reply.as_bytes()).await.is_err() {
            break;
        }
    }
    said
}

#[tokio::test]
async fn mail_is_plain_and_html_under_one_id_and_250_is_done() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let email = mail(listener.local_addr().unwrap().port());
    let server = tokio::spawn(mail_server(listener, "250 taken\r\n"));
    assert_eq!(Receiver::Email(email).tell(&rollback(), SystemTime::now()).await, Outcome::Done);
    let said = tokio::time::timeout(Duration::from_secs(60), server).await.unwrap().unwrap();
    let text = said.join("\n");
    for part in [
        "RCPT TO:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "Message-ID: <0d9c-42@example.org>",
        "Auto-Submitted: auto-generated",
        "Subject: [FactoryWager] checkout@eu: rollback has begun, the canary gets 0 %",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "errors 4.1 % of 240",
        "&lt;!channel&gt; &amp; *all*",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_repeated_in_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let email = mail(listener.local_addr().unwrap().port());
    let server = tokio::spawn(mail_server(listener, "452 no room\r\n"));
    let outcome = Receiver::Email(email).tell(&rollback(), SystemTime::now()).await;
    let Outcome::Failed { why, .. } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("no room"), "{why}");
    server.await.unwrap();
}

/// A TLS server on loopback with a certificate of its own; the file that has the certificate.
fn tls_server(folder: &std::path::Path) -> (tokio_rustls::TlsAcceptor, std::path::PathBuf) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, own.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    (tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config)), file)
}

#[tokio::test]
async fn https_is_checked_against_the_authorities_of_the_config() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let (acceptor, ca) = tls_server(folder.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut bytes = [0; 65_536];
            let read = tls.read(&mut bytes).await.unwrap();
            tls.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return String::from_utf8_lossy(&bytes[..read]).into_owned();
        }
    });
    let stranger = Receiver::Http(Http::new(&settings(Format::Slack, &url)).unwrap());
    let outcome = stranger.tell(&rollback(), SystemTime::now()).await;
    let Outcome::Failed { why, .. } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("certificate"), "{why}");
    let known = HttpSettings { ca: Some(ca), ..settings(Format::Slack, &url) };
    let known = Receiver::Http(Http::new(&known).unwrap());
    assert_eq!(known.tell(&rollback(), SystemTime::now()).await, Outcome::Done);
    let got = tokio::time::timeout(Duration::from_secs(60), server).await.unwrap().unwrap();
    assert!(got.starts_with("POST /hook HTTP/1.1\r\n"), "{got}");
}

#[tokio::test]
async fn mail_over_tls_is_checked_too_and_a_login_is_sent() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let (acceptor, ca) = tls_server(folder.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = EmailSettings {
        host: "localhost".into(),
        port: listener.local_addr().unwrap().port(),
        tls: SmtpProtection::Required,
        login: Some(("fw".into(), Secret::new("hidden"))),
        ca: Some(ca),
        from: "fw@example.org".into(),
        to: vec!["a@example.org".into()],
        dashboard_url: None,
    };
    let server = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let (read, mut write) = tokio::io::split(tls);
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"220 test\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("AUTH") {
                    write.write_all(b"535 no such user\r\n").await.unwrap();
                    return line;
                }
                write.write_all(b"250-test\r\n250 AUTH PLAIN\r\n").await.unwrap();
            }
        }
    });
    let stranger = Receiver::Email(Email::new(&EmailSettings { ca: None, ..settings.clone() }).unwrap());
    let outcome = stranger.tell(&rollback(), SystemTime::now()).await;
    assert!(matches!(&outcome, Outcome::Failed { why, .. } if why.contains("ertificate")), "{outcome:?}");
    let known = Receiver::Email(Email::new(&settings).unwrap());
    assert!(!format!("{known:?} {settings:?}").contains("hidden"));
    let outcome = known.tell(&rollback(), SystemTime::now()).await;
    let Outcome::Failed { why, .. } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("no such user") && !why.contains("hidden"), "{why}");
    let said = tokio::time::timeout(Duration::from_secs(60), server).await.unwrap().unwrap();
    assert_eq!(said, "AUTH PLAIN AGZ3AGhpZGRlbg==");
}
