//! The arguments as data: what is typed, and what is understood of it.

use clap::{CommandFactory, Parser};
use expect_test::{Expect, expect};

use super::Cli;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("fw").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_line_of_the_contract_is_understood() {
    let lines = "
        demo
        demo --fault error-rate=5% --fast
        demo --fault latency=+800ms
        demo --fault none
        serve
        serve -c a.yaml -c b.yaml --listen 127.0.0.1:4000 --store sqlite:/tmp/x.db
        rollout start
        rollout start -c a.yaml checkout --env production --wait
        rollout status
        rollout status checkout@eu-west-1
        rollout pause checkout --reason why
        rollout resume checkout.7
        rollout advance
        rollout rollback
        rollout rollback checkout --to stable --reason why
        rollout rollback --to previous
        rollout rollback --to 2
        rollout abort --reason why
        rollout list
        rollout watch checkout
        rollout events --from 0
        rollout events checkout --from 17
        rollout history checkout
        rollout report checkout --format md
        rollout report checkout.7 --kind performance --format html --file a.html
        rollout status --server http://a:1 --output json
        --server http://a:1 rollout status
        release start --env=production --strategy=canary --auto-approve --auto-fix
        release --env=production
        release list
        plan check -c x --env y
        plan check --rps 20.5 --stable-errors 0.2% --strict
        plan simulate
        plan simulate --replay 5
        plan simulate --replay checkout.7 -c a.yaml --store sqlite:/tmp/x.db
        plan simulate --scenario onset=6m,error-rate=1% --rps 500 --runs 2000 --seed 3 --look 5s --for 15m --metrics --plot a.svg
        plan simulate -c a.yaml --env staging --stable-errors 0.05%
        plan simulate --scenario beta:5:20s,error-rate=5% --instances 2:18 --history 10m
        plan tune -c a.yaml --store sqlite:/tmp/x.db
        kpis --output json
        kpis --days 7
        notify list
        notify test
        notify test ops --output json
        config validate
        config validate -c a.yaml --env staging
        config schema
        config show -c a.yaml --env staging --output json
        token new
        token new --name ci --role operator --role viewer
        proxy --control http://127.0.0.1:3002 --service checkout --region eu --listen 127.0.0.1:8080 --state /tmp/p
        completions bash
        completions zsh
        completions fish
        completions powershell
        completions elvish
    ";
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Err(error) = parse(line) {
            panic!("fw {line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_exit_2() {
    let lines = "
        banana
        rollout
        rollout banana
        rollout pause a b
        rollout status a/b
        rollout rollback --to nowhere
        rollout rollback --to -1
        rollout events --from x
        rollout start --env
        serve --listen nowhere
        serve --store postgres://db/fw
        serve --store file
        serve --store sqlite:
        demo --fault error-rate=0%
        demo --fault error-rate=101%
        demo --fault latency=800
        demo --fault latency=+90s
        demo --fault slow
        proxy
        proxy --control http://a --service a/b
        token new --role admin
        completions tcsh
        plan
        plan simulate --scenario slow
        plan simulate --rps 0
        plan simulate --runs 0
        plan simulate --look 10ms
        plan simulate --replay a --scenario hang
        plan simulate --store sqlite:/tmp/x.db
        plan check --rps fast
        config show --output xml
    ";
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match parse(line) {
            Ok(cli) => panic!("fw {line} was understood as {cli:?}"),
            Err(error) => assert_eq!(error.exit_code(), 2, "fw {line}: {error}"),
        }
    }
}

fn help(line: &str, want: Expect) {
    // Neither the terminal nor the environment of whoever runs the tests decides how it looks.
    let command = Cli::command().term_width(100);
    let arguments = std::iter::once("fw").chain(line.split_whitespace());
    let error = command.try_get_matches_from(arguments).expect_err("help is not a command");
    assert_eq!(error.exit_code(), 0);
    want.assert_eq(&error.to_string());
}

#[test]
fn help_of_everything() {
    help(
        "--help",
        expect![[r#"
            Progressive delivery: a canary takes over step by step while evidence says it may, and goes back by
            itself when not

            Usage: fw [OPTIONS] <COMMAND>

            Commands:
              demo         Show a real rollout on this machine: two versions of a demo service, real load,
                           proxy, engine, API
              serve        Run the server: the engine, the API, and the proxy where the config asks for one
              rollout      Start and steer rollouts
              config       Check, describe and show configs
              flags        See feature flags, and what experiments show
              notify       See who is told of events, and test it
              plan         See what a plan can find, before anybody is exposed to it
              kpis         See key numbers over the rollouts of a server
              token        Make tokens for the API
              proxy        Run a proxy alone, told by a server elsewhere
              completions  Print completions for a shell
              release      Release a new version: checks, risk, approval, deployment, rollout, after-care
              help         Print this message or the help of the given subcommand(s)

            Options:
                  --output <FORMAT>  How data is printed on stdout: text or json [default: text]
                  --server <URL>     The server to talk to [default: http://127.0.0.1:3002]; a token for it
                                     comes from $FW_TOKEN [env: FW_SERVER]
              -h, --help             Print help
              -V, --version          Print version

            Examples:
              fw demo --fast                              watch a whole rollout in seconds
              fw config validate                          check factory-wager.yaml
              fw serve                                    proxy and API for factory-wager.yaml
              fw rollout start --env production --wait    begin, and wait for the end
              fw rollout status                           where it stands, and why
              fw rollout rollback --reason 'bad logs'     back to the phase before, now

            Exit codes: 0 done, 1 what was asked for failed, 2 bad usage or config, 3 the server cannot be
            reached.
        "#]],
    );
}

#[test]
fn help_of_rollouts() {
    help(
        "rollout --help",
        expect![[r#"
            Start and steer rollouts

            Usage: fw rollout [OPTIONS] <COMMAND>

            Commands:
              start     Begin a rollout; returns when the first split is confirmed
              status    Show where a rollout stands and what it waits for
              pause     Stop advancing; evidence is collected, automatic rollback stays armed
              resume    Go on after a pause or a rollback
              advance   Go to the next phase now, whatever it waits for
              rollback  Move traffic back now
              abort     End it: no traffic to the canary
              approve   Say yes to the approval that the phase waits for
              reject    Say no to it: traffic goes back to stable
              list      List the rollouts of the server
              watch     Follow a rollout live; in a terminal as a view, else as lines
              events    Print events as they come
              history   Print all that happened to a rollout
              report    Write a report of a rollout
              help      Print this message or the help of the given subcommand(s)

            Options:
                  --output <FORMAT>  How data is printed on stdout: text or json [default: text]
                  --server <URL>     The server to talk to [default: http://127.0.0.1:3002]; a token for it
                                     comes from $FW_TOKEN [env: FW_SERVER]
              -h, --help             Print help

            NAME is a service (checkout), a service in a region (checkout@eu-west-1) or one run of it
            (checkout.7).
            It may be left out when only one rollout can be meant.

            Examples:
              fw rollout start -c shop.yaml --env production --wait
              fw rollout watch
              fw rollout pause checkout --reason 'looking into the logs'
              fw rollout rollback checkout --to stable
              fw rollout events --from 0 --output json | jq .type
        "#]],
    );
}

#[test]
fn help_of_a_command() {
    help(
        "rollout rollback --help",
        expect![[r#"
        Move traffic back now

        Usage: fw rollout rollback [OPTIONS] [NAME]

        Arguments:
          [NAME]  The rollout; may be left out when only one can be meant

        Options:
              --output <FORMAT>  How data is printed on stdout: text or json [default: text]
              --reason <TEXT>    Why, for the record
              --server <URL>     The server to talk to [default: http://127.0.0.1:3002]; a token for it
                                 comes from $FW_TOKEN [env: FW_SERVER]
              --to <WHERE>       Where to: previous, stable, or a phase by position from 0 [default:
                                 previous]
          -h, --help             Print help
    "#]],
    );
}

#[test]
fn help_of_the_server() {
    help(
        "serve --help",
        expect![[r#"
        Run the server: the engine, the API, and the proxy where the config asks for one

        Usage: fw serve [OPTIONS]

        Options:
          -c, --config <FILE>    A config; several are several services [default: factory-wager.yaml]
              --output <FORMAT>  How data is printed on stdout: text or json [default: text]
              --env <ENV>        The environment of the configs
              --server <URL>     The server to talk to [default: http://127.0.0.1:3002]; a token for it
                                 comes from $FW_TOKEN [env: FW_SERVER]
              --listen <ADDR>    Where the API listens; else the config's port on loopback, else
                                 127.0.0.1:3002
              --store <STORE>    Where events are kept [default: sqlite:.factory-wager/state.db]
          -h, --help             Print help
    "#]],
    );
}
