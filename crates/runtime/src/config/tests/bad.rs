//! Bad values as data: the text, and the exact report.
//!
//! `UPDATE_EXPECT=1 cargo test -p fw-runtime config` writes the reports anew; read the difference.

use expect_test::{Expect, expect};

use crate::config::{load_json, load_str};

fn check(text: &str, want: Expect) {
    let report = load_str("fw.yaml", text, None).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    check(
        r"rollout:
  phases:
    - { percentge: 5, duration: 2 }
    - { percentage: 100, duraton: 5 }
",
        expect![[r#"
            fw.yaml:3:9: rollout.phases[0].percentge: unknown key
                3 |     - { percentge: 5, duration: 2 }
                  |         ^ did you mean `percentage`?
            fw.yaml:4:26: rollout.phases[1].duraton: unknown key
                4 |     - { percentage: 100, duraton: 5 }
                  |                          ^ did you mean `duration`?"#]],
    );
}

#[test]
fn a_key_nothing_is_near_to_lists_the_known_ones() {
    check(
        r"service: checkout
banana: 1
",
        expect![[r#"
            fw.yaml:2:1: banana: unknown key; known here: service, region, versions, traffic, rollout, regions, waves, metrics, business, release, segments, flags, ofrep, notifications, auth, environments
                2 | banana: 1
                  | ^"#]],
    );
}

#[test]
fn a_key_in_the_wrong_mapping_is_told_where_it_belongs() {
    check(
        r"service: checkout
phases: []
rollout:
  stickiness: none
  alpha: 0.1
",
        expect![[r#"
            fw.yaml:2:1: phases: unknown key
                2 | phases: []
                  | ^ `phases` belongs under `rollout`
            fw.yaml:4:3: rollout.stickiness: unknown key
                4 |   stickiness: none
                  |   ^ `stickiness` belongs under `traffic`
            fw.yaml:5:3: rollout.alpha: unknown key
                5 |   alpha: 0.1
                  |   ^ `alpha` belongs under `rollout.analysis`"#]],
    );
}

#[test]
fn phases_must_grow() {
    check(
        r"rollout:
  phases:
    - { percentage: 25, duration: 2 }
    - { percentage: 25, duration: 2 }
    - { percentage: 100, duration: 2 }
",
        expect![[r#"
            fw.yaml:4:21: rollout.phases[1].percentage: phases must grow: 25 % does not exceed the 25 % of the phase before
                4 |     - { percentage: 25, duration: 2 }
                  |                     ^"#]],
    );
}

#[test]
fn the_last_phase_must_be_100() {
    check(
        r"phases:
  - { percentage: 25, duration: 2 }
  - { percentage: 90, duration: 2 }
",
        expect![[r#"
            fw.yaml:3:19: phases[1].percentage: the last phase must be 100, not 90: a rollout ends with all traffic
                3 |   - { percentage: 90, duration: 2 }
                  |                   ^"#]],
    );
}

#[test]
fn phases_can_not_be_empty() {
    check(
        r"phases: []
",
        expect![[r#"
            fw.yaml:1:9: phases: needs at least 1 of these, has 0
                1 | phases: []
                  |         ^"#]],
    );
}

#[test]
fn numbers_out_of_range() {
    check(
        r"rollout:
  riskThreshold: 101
  monitoringInterval: 0
  port: 70000
  rollbackTriggers: { health: -1, errorRate: 200, responseTime: 0 }
  analysis: { alpha: 0.9 }
",
        expect![[r#"
            fw.yaml:2:18: rollout.riskThreshold: must be 0 to 100, not 101
                2 |   riskThreshold: 101
                  |                  ^
            fw.yaml:3:23: rollout.monitoringInterval: must be 1s to 1d, not 0 seconds
                3 |   monitoringInterval: 0
                  |                       ^
            fw.yaml:4:9: rollout.port: must be a whole number, 1 to 65535 (TCP port), not 70000
                4 |   port: 70000
                  |         ^
            fw.yaml:5:31: rollout.rollbackTriggers.health: must be 0 to 100, not -1
                5 |   rollbackTriggers: { health: -1, errorRate: 200, responseTime: 0 }
                  |                               ^
            fw.yaml:5:46: rollout.rollbackTriggers.errorRate: must be 0 to 100 (percent), not 200
                5 |   rollbackTriggers: { health: -1, errorRate: 200, responseTime: 0 }
                  |                                              ^
            fw.yaml:5:65: rollout.rollbackTriggers.responseTime: must be 0.001 to 3600000 (ms), not 0
                5 |   rollbackTriggers: { health: -1, errorRate: 200, responseTime: 0 }
                  |                                                                 ^
            fw.yaml:6:22: rollout.analysis.alpha: must be above 0 and at most 0.5, not 0.9
                6 |   analysis: { alpha: 0.9 }
                  |                      ^"#]],
    );
}

#[test]
fn phase_values_out_of_range() {
    check(
        r"phases:
  - { percentage: 0, duration: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -5, healthScore: 100.5 } }
  - { percentage: 100.5, duration: 9000h, maxDuration: 1s }
",
        expect![[r#"
            fw.yaml:2:19: phases[0].percentage: must be 0.001 to 100 (percent of traffic), not 0
                2 |   - { percentage: 0, duration: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -…
                  |                   ^
            fw.yaml:2:32: phases[0].duration: must be 1ms to 366d, not 0 minutes
                2 |   - { percentage: 0, duration: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -…
                  |                                ^
            fw.yaml:2:46: phases[0].riskScore: must be 0 to 100, not 200
                2 |   - { percentage: 0, duration: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -…
                  |                                              ^
            fw.yaml:2:81: phases[0].successCriteria.errorRate: must be 0 to 100 (percent), not 101
                2 | …tion: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -5, healthScore: 100.5 } }
                  |                                                         ^
            fw.yaml:2:100: phases[0].successCriteria.responseTime: must be 0.001 to 3600000 (ms), not -5
                2 | …tion: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -5, healthScore: 100.5 } }
                  |                                                                            ^
            fw.yaml:2:117: phases[0].successCriteria.healthScore: must be 0 to 100, not 100.5
                2 | …tion: 0, riskScore: 200, successCriteria: { errorRate: 101, responseTime: -5, healthScore: 100.5 } }
                  |                                                                                             ^
            fw.yaml:3:19: phases[1].percentage: must be 0.001 to 100 (percent of traffic), not 100.5
                3 |   - { percentage: 100.5, duration: 9000h, maxDuration: 1s }
                  |                   ^
            fw.yaml:3:36: phases[1].duration: must be 1ms to 366d, not 9000h
                3 |   - { percentage: 100.5, duration: 9000h, maxDuration: 1s }
                  |                                    ^
            fw.yaml:3:56: phases[1].maxDuration: must be at least the phase's duration and at most 366 days
                3 |   - { percentage: 100.5, duration: 9000h, maxDuration: 1s }
                  |                                                        ^"#]],
    );
}

#[test]
fn wrong_types_say_what_was_found() {
    check(
        r#"service: [a]
versions: 5
traffic: { router: 3, listen: true }
rollout:
  autoAdvance: "true"
  phases: { percentage: 5 }
  riskThreshold: seventy
"#,
        expect![[r#"
            fw.yaml:1:10: service: expected a service name such as checkout, found a list
                1 | service: [a]
                  |          ^
            fw.yaml:2:11: versions: expected a mapping with stable or canary, found the number 5
                2 | versions: 5
                  |           ^
            fw.yaml:3:20: traffic.router: expected proxy or sdk, found the number 3
                3 | traffic: { router: 3, listen: true }
                  |                    ^
            fw.yaml:3:31: traffic.listen: expected an address and port such as 127.0.0.1:8080, found the truth value true
                3 | traffic: { router: 3, listen: true }
                  |                               ^
            fw.yaml:5:16: rollout.autoAdvance: expected true or false, found the text "true"
                5 |   autoAdvance: "true"
                  |                ^ YAML 1.2 takes only true and false
            fw.yaml:6:11: rollout.phases: expected a list of mappings, found a mapping
                6 |   phases: { percentage: 5 }
                  |           ^
            fw.yaml:7:18: rollout.riskThreshold: expected a number, 0 to 100, found the text "seventy"
                7 |   riskThreshold: seventy
                  |                  ^"#]],
    );
}

#[test]
fn a_max_duration_below_the_duration() {
    check(
        r"phases:
  - { percentage: 100, duration: 10m, maxDuration: 5m }
",
        expect![[r#"
            fw.yaml:2:52: phases[0].maxDuration: must be at least the phase's duration and at most 366 days
                2 |   - { percentage: 100, duration: 10m, maxDuration: 5m }
                  |                                                    ^"#]],
    );
}

#[test]
fn yaml_1_1_words_are_not_truth_values() {
    check(
        r"rollout:
  autoAdvance: yes
  enableRollback: off
",
        expect![[r#"
            fw.yaml:2:16: rollout.autoAdvance: expected true or false, found the text "yes"
                2 |   autoAdvance: yes
                  |                ^ YAML 1.2 takes only true and false
            fw.yaml:3:19: rollout.enableRollback: expected true or false, found the text "off"
                3 |   enableRollback: off
                  |                   ^ YAML 1.2 takes only true and false"#]],
    );
}

#[test]
fn numbers_with_units_are_not_numbers() {
    check(
        r"rollout:
  phases:
    - { percentage: 5%, duration: 2 minutes }
    - { percentage: 100, duration: 5 }
",
        expect![[r#"
            fw.yaml:3:21: rollout.phases[0].percentage: expected a number, 0.001 to 100 (percent of traffic), found the text "5%"
                3 |     - { percentage: 5%, duration: 2 minutes }
                  |                     ^ write the bare number 5
            fw.yaml:3:35: rollout.phases[0].duration: expected a number of minutes or a text such as 90s, 10m or 1h, found the text "2 minutes"
                3 |     - { percentage: 5%, duration: 2 minutes }
                  |                                   ^"#]],
    );
}

#[test]
fn missing_keys_of_a_phase() {
    check(
        r"phases:
  - { duration: 2 }
  - { percentage: 100 }
",
        expect![[r#"
            fw.yaml:2:5: phases[0]: `percentage` is missing: expected a number, 0.001 to 100 (percent of traffic)
                2 |   - { duration: 2 }
                  |     ^
            fw.yaml:3:5: phases[1]: `duration` is missing: expected a number of minutes or a text such as 90s, 10m or 1h
                3 |   - { percentage: 100 }
                  |     ^"#]],
    );
}

#[test]
fn a_key_without_a_value() {
    check(
        r"service: checkout
rollout:
  phases:
",
        expect![[r#"
            fw.yaml:3:9: rollout.phases: expected a list of mappings, found no value
                3 |   phases:
                  |         ^"#]],
    );
}

#[test]
fn one_url_for_two_versions() {
    check(
        r"versions:
  stable: { version: a, url: http://127.0.0.1:8081 }
  canary: { version: b, url: HTTP://127.0.0.1:8081/ }
",
        expect![[r#"
            fw.yaml:3:30: versions.canary.url: both versions have the URL http://127.0.0.1:8081: one is not the other
                3 |   canary: { version: b, url: HTTP://127.0.0.1:8081/ }
                  |                              ^"#]],
    );
}

#[test]
fn one_name_for_two_versions() {
    check(
        r#"versions:
  stable: { version: 1.10, url: http://a }
  canary: { version: "1.10", url: http://b }
"#,
        expect![[r#"
            fw.yaml:3:22: versions.canary.version: both versions are named "1.10"
                3 |   canary: { version: "1.10", url: http://b }
                  |                      ^"#]],
    );
}

#[test]
fn bad_urls() {
    check(
        r#"versions:
  stable: { version: a, url: http://127.0.0.1:8081/app }
  canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://u:p@b", "http://b:0" ] }
"#,
        expect![[r#"
            fw.yaml:2:30: versions.stable.url: must be scheme, host and port only; leave out "/app" (requests bring their own path)
                2 |   stable: { version: a, url: http://127.0.0.1:8081/app }
                  |                              ^
            fw.yaml:3:33: versions.canary.urls[0]: the scheme must be http, https or h2c, not "ftp"
                3 |   canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://•••@b", "http://b:0" ] }
                  |                                 ^
            fw.yaml:3:42: versions.canary.urls[1]: has no host
                3 |   canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://•••@b", "http://b:0" ] }
                  |                                          ^
            fw.yaml:3:53: versions.canary.urls[2]: must be a URL such as http://127.0.0.1:8081, not "localhost:80"
                3 |   canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://•••@b", "http://b:0" ] }
                  |                                                     ^
            fw.yaml:3:67: versions.canary.urls[3]: must not hold a user name or password
                3 |   canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://•••@b", "http://b:0" ] }
                  |                                                                   ^
            fw.yaml:3:83: versions.canary.urls[4]: the port must be 1 to 65535, not "0"
                3 |   canary: { version: b, urls: [ ftp://b, "http://", localhost:80, "http://•••@b", "http://b:0" ] }
                  |                                                                                   ^"#]],
    );
}

#[test]
fn url_and_urls() {
    check(
        r"versions:
  stable: { url: http://a, urls: [ http://b ] }
  canary: { urls: [ http://c, http://c ] }
",
        expect![[r#"
            fw.yaml:2:28: versions.stable.urls: write either `url` or `urls`, not both
                2 |   stable: { url: http://a, urls: [ http://b ] }
                  |                            ^
            fw.yaml:3:31: versions.canary.urls[1]: http://c stands twice in this list
                3 |   canary: { urls: [ http://c, http://c ] }
                  |                               ^"#]],
    );
}

#[test]
fn the_proxy_needs_urls() {
    check(
        r"service: checkout
traffic: { router: proxy }
versions:
  stable: { version: a }
",
        expect![[r#"
            fw.yaml:4:3: versions.canary: the router `proxy` needs versions.canary.url (or `urls`): where canary answers, such as http://127.0.0.1:8081
                4 |   stable: { version: a }
                  |   ^
            fw.yaml:4:11: versions.stable: the router `proxy` needs versions.stable.url (or `urls`): where stable answers, such as http://127.0.0.1:8081
                4 |   stable: { version: a }
                  |           ^"#]],
    );
}

#[test]
fn routers_of_a_later_version() {
    check(
        r"traffic: { router: envoy }
",
        expect![[r#"
            fw.yaml:1:20: traffic.router: `envoy` comes with a later version; now: proxy or sdk
                1 | traffic: { router: envoy }
                  |                    ^"#]],
    );
}

#[test]
fn unknown_words() {
    check(
        r"traffic: { router: proxi }
rollout: { analysis: { evidence: prooven, onInconclusive: wait } }
",
        expect![[r#"
            fw.yaml:1:20: traffic.router: must be proxy or sdk, not "proxi"
                1 | traffic: { router: proxi }
                  |                    ^ did you mean `proxy`?
            fw.yaml:2:34: rollout.analysis.evidence: must be proven or observed, not "prooven"
                2 | rollout: { analysis: { evidence: prooven, onInconclusive: wait } }
                  |                                  ^ did you mean `proven`?
            fw.yaml:2:59: rollout.analysis.onInconclusive: must be hold, advance or rollback, not "wait"
                2 | rollout: { analysis: { evidence: prooven, onInconclusive: wait } }
                  |                                                           ^"#]],
    );
}

#[test]
fn a_proxy_in_front_of_itself() {
    check(
        r"traffic: { listen: 127.0.0.1:8081 }
versions:
  stable: { version: a, url: http://localhost:8081 }
  canary: { version: b, url: http://127.0.0.1:8082 }
rollout: { port: 8081 }
",
        expect![[r#"
            fw.yaml:3:30: versions.stable.url: points at the proxy itself (127.0.0.1:8081, traffic.listen): requests would go round
                3 |   stable: { version: a, url: http://localhost:8081 }
                  |                              ^
            fw.yaml:5:18: rollout.port: the API's port 8081 is the one the proxy listens on (traffic.listen)
                5 | rollout: { port: 8081 }
                  |                  ^"#]],
    );
}

#[test]
fn bad_addresses_and_names() {
    check(
        r#"service: check out
region: -eu
traffic: { listen: localhost, forcedVariantHeader: "X FW", stickiness: { cookie: "a;b" } }
"#,
        expect![[r#"
            fw.yaml:1:10: service: must be 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit, not "check out"
                1 | service: check out
                  |          ^
            fw.yaml:2:9: region: must be 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit, not "-eu"
                2 | region: -eu
                  |         ^
            fw.yaml:3:20: traffic.listen: must be an IP address and port such as 127.0.0.1:8080 or [::1]:8080, not "localhost"
                3 | traffic: { listen: localhost, forcedVariantHeader: "X FW", stickiness: { cookie: "a;b" } }
                  |                    ^
            fw.yaml:3:52: traffic.forcedVariantHeader: must be a header name such as X-User-Id, not "X FW"
                3 | traffic: { listen: localhost, forcedVariantHeader: "X FW", stickiness: { cookie: "a;b" } }
                  |                                                    ^
            fw.yaml:3:82: traffic.stickiness.cookie: must be a cookie name such as fw_key, not "a;b"
                3 | traffic: { listen: localhost, forcedVariantHeader: "X FW", stickiness: { cookie: "a;b" } }
                  |                                                                                  ^"#]],
    );
}

#[test]
fn two_kinds_of_stickiness() {
    check(
        r"traffic: { stickiness: { cookie: a, header: b } }
",
        expect![[r#"
            fw.yaml:1:37: traffic.stickiness.header: write either `cookie` or `header`, not both
                1 | traffic: { stickiness: { cookie: a, header: b } }
                  |                                     ^"#]],
    );
}

#[test]
fn stickiness_of_no_kind() {
    check(
        r"traffic: { stickiness: {} }
",
        expect![[r#"
            fw.yaml:1:24: traffic.stickiness: names neither `cookie` nor `header`; write one of them, or `none`
                1 | traffic: { stickiness: {} }
                  |                        ^"#]],
    );
}

#[test]
fn error_rules_that_make_no_sense() {
    check(
        r#"traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
"#,
        expect![[r#"
            fw.yaml:1:30: traffic.errors.http[0]: must be a whole number, 100 to 599 (HTTP status), not 99
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                              ^
            fw.yaml:1:34: traffic.errors.http[1]: runs from 599 down to 500; write [500, 599]
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                                  ^
            fw.yaml:1:46: traffic.errors.http[2]: needs exactly 2 of these, has 1
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                                              ^
            fw.yaml:1:53: traffic.errors.http[3]: expected a whole number, 100 to 599 (HTTP status); or a list; each item a whole number, 100 to 599 (HTTP status), found the text "5xx"
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                                                     ^
            fw.yaml:1:70: traffic.errors.grpc[0]: must be a whole number, 1 to 16 (gRPC status), not 17
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                                                                      ^
            fw.yaml:1:74: traffic.errors.grpc[1]: must be a whole number, 1 to 16 (gRPC status), not 2.5
                1 | traffic: { errors: { http: [ 99, [599, 500], [500], "5xx" ], grpc: [ 17, 2.5 ] } }
                  |                                                                          ^"#]],
    );
}

#[test]
fn a_dead_man_without_its_parts() {
    check(
        r"traffic: { deadMan: { then: nobody } }
",
        expect![[r#"
            fw.yaml:1:21: traffic.deadMan: `after` is missing: expected a number of minutes or a text such as 90s, 10m or 1h
                1 | traffic: { deadMan: { then: nobody } }
                  |                     ^
            fw.yaml:1:29: traffic.deadMan.then: must be stable or canary, not "nobody"
                1 | traffic: { deadMan: { then: nobody } }
                  |                             ^"#]],
    );
}

#[test]
fn tokens() {
    check(
        r#"auth:
  tokens:
    - { name: ci, sha256: secret, roles: [ operator ] }
    - { name: ci, sha256: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", roles: [] }
    - { name: web, sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", roles: [ admin ] }
    - { name: "" }
"#,
        expect![[r#"
            fw.yaml:3:27: auth.tokens[0].sha256: must be 64 hex digits (`fw token new` prints them), not 6 characters
                3 |     - { name: ci, sha256: secret, roles: [ operator ] }
                  |                           ^
            fw.yaml:4:15: auth.tokens[1].name: another token has this name; each needs its own
                4 |     - { name: ci, sha256: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", roles:…
                  |               ^
            fw.yaml:4:102: auth.tokens[1].roles: needs at least 1 of these, has 0
                4 | … { name: ci, sha256: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", roles: [] }
                  |                                                                                                  ^
            fw.yaml:5:28: auth.tokens[2].sha256: another token has this digest; each needs its own
                5 |     - { name: web, sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", roles…
                  |                            ^
            fw.yaml:5:105: auth.tokens[2].roles[0]: must be viewer, operator, approver or reporter, not "admin"
                5 | … web, sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", roles: [ admin ] }
                  |                                                                                             ^
            fw.yaml:6:7: auth.tokens[3]: `sha256` is missing: expected 64 hex digits (`fw token new` prints them)
                6 |     - { name: "" }
                  |       ^
            fw.yaml:6:7: auth.tokens[3]: `roles` is missing: expected a list; each item viewer, operator, approver or reporter
                6 |     - { name: "" }
                  |       ^
            fw.yaml:6:15: auth.tokens[3].name: must be 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit, not ""
                6 |     - { name: "" }
                  |               ^"#]],
    );
}

#[test]
fn a_hundred_faults_are_enough() {
    let text: String = (0..150).map(|i| format!("zzzzzzzzzzz{i}: 1\n")).collect();
    let faults = load_str("fw.yaml", &text, None).expect_err("a bad config");
    assert_eq!((faults.list().len(), faults.left_off()), (100, 50));
    assert!(faults.to_string().ends_with("… and 50 more"));
}

#[test]
fn json_faults_have_paths_instead_of_places() {
    let value = serde_json::json!({
        "service": "checkout",
        "rollout": { "phases": [{ "percentage": 150, "duration": "soon" }], "port": "3002", "auto": 1 },
    });
    let faults = load_json(&value, None).expect_err("a bad config");
    expect![[r#"
        config: rollout.auto: unknown key; known here: phases, autoAdvance, riskThreshold, enableRollback, rollbackTriggers, monitoringInterval, sseEnabled, port, analysis
        config: rollout.phases[0].duration: expected a number of minutes or a text such as 90s, 10m or 1h, found the text "soon"
        config: rollout.phases[0].percentage: must be 0.001 to 100 (percent of traffic), not 150
        config: rollout.port: expected a whole number, 1 to 65535 (TCP port), found the text "3002" (write the bare number 3002)"#]].assert_eq(&faults.to_string());
    let listed = faults.to_problem_errors();
    assert!(listed.iter().any(|f| f.path == "rollout.phases[0].percentage"), "{listed:?}");
}
