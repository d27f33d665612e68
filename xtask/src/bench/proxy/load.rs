//! Making load with wrk and h2load, and reading what they say.
//!
//! Both run closed loops: a connection sends its next request when the last answer is there. Under saturation
//! their latency is the queue, so it is shown beside the figure that counts, CPU time a request, and never
//! used as a goal.

use std::time::Duration;

use anyhow::{Context, Result};

use super::case::Case;
use super::subject::Running;
use crate::bench::machine::{self, Place};
use crate::sh;

/// What a load generator needs beyond the time it was given.
const EXTRA_TIME_MAX: Duration = Duration::from_secs(30);

/// What one run of a load generator counted.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Requests that were answered.
    pub(crate) requests: f64,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Median latency in ms, where it is known.
    pub(crate) p50_ms: Option<f64>,
    /// 99th percentile of latency in ms, where it is known.
    pub(crate) p99_ms: Option<f64>,
    /// Answers other than 2xx and 3xx, and connections that broke.
    pub(crate) errors: f64,
}

/// Loads `running` for `seconds` as `case` says.
pub(crate) fn load(case: Case, running: &Running, seconds: u32) -> Result<Load> {
    let limit = Duration::from_secs(u64::from(seconds)) + EXTRA_TIME_MAX;
    let duration = seconds.to_string();
    if case == Case::H2c {
        let mut command = machine::command(Place::Others, "h2load")?;
        command.args(["-t1", "-c8", "-m8", "-D", &duration, &format!("http://{}/", running.h2)]);
        let text = sh::capture(&mut command, limit)?;
        return parse_h2load(&text)
            .with_context(|| format!("this output of h2load is new to xtask:\n{text}"));
    }
    let mut command = machine::command(Place::Others, "wrk")?;
    let connections = case.connections().to_string();
    let url = format!("http://{}{}", running.h1, case.path());
    command.args(["-t1", "-c", &connections, "-d", &duration, "--timeout", "10", "--latency", &url]);
    let text = sh::capture(&mut command, limit)?;
    parse_wrk(&text).with_context(|| format!("this output of wrk is new to xtask:\n{text}"))
}

/// What wrk says at its end; none if that is new to us.
pub(crate) fn parse_wrk(text: &str) -> Option<Load> {
    let lines = || text.lines().map(str::trim);
    let percentile = |name: &str| lines().find_map(|line| milliseconds(line.strip_prefix(name)?.trim()));
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok())?;
    let rate = lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    let bad_status =
        lines().find_map(|line| line.strip_prefix("Non-2xx or 3xx responses:")?.trim().parse::<f64>().ok());
    let sockets = lines().find_map(|line| line.strip_prefix("Socket errors:")).map_or(0.0, sum_of_numbers);
    Some(Load {
        requests,
        rate,
        p50_ms: percentile("50%"),
        p99_ms: percentile("99%"),
        errors: bad_status.unwrap_or(0.0) + sockets,
    })
}

/// `finished in 5.01s, 45148.19 req/s, …` and `requests: 225740 total, … 225740 succeeded, 0 failed, 0
/// errored, 0 timeout`.
fn parse_h2load(text: &str) -> Option<Load> {
    let finished = text.lines().find(|line| line.starts_with("finished in "))?;
    let rate = finished.split(", ").find_map(|part| part.strip_suffix(" req/s")?.parse().ok())?;
    let counts = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count =
        |name: &str| counts.split(", ").find_map(|part| part.strip_suffix(name)?.trim().parse::<f64>().ok());
    let errors = count("failed")? + count("errored")? + count("timeout")?;
    Some(Load { requests: count("succeeded")?, rate, p50_ms: None, p99_ms: None, errors })
}

/// `861.00us`, `2.37ms`, `1.02s`, `1.50m` as milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        _ => return None,
    };
    Some(number * unit)
}

fn sum_of_numbers(text: &str) -> f64 {
    text.split([' ', ',']).filter_map(|word| word.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_understood() {
        let text = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    \
            Latency     1.07ms  512.00us  12.00ms   88.00%\n    Req/Sec    59.21k     2.00k   62.00k    70.00%\n  Latency Distribution\n     \
            50%  861.00us\n     75%    1.20ms\n     90%    1.60ms\n     99%    2.37ms\n  118232 requests in 2.00s, 19.17MB read\n  \
            Socket errors: connect 0, read 3, write 0, timeout 1\n  Non-2xx or 3xx responses: 5\nRequests/sec:  59116.12\nTransfer/sec:      9.58MB\n";
        let want =
            Load { requests: 118232.0, rate: 59116.12, p50_ms: Some(0.861), p99_ms: Some(2.37), errors: 9.0 };
        assert_eq!(parse_wrk(text), Some(want));
        assert_eq!(parse_wrk("unable to connect"), None);
    }

    #[test]
    fn h2load_is_understood() {
        let text = "starting benchmark...\n\nfinished in 1.01s, 45148.19 req/s, 5.08MB/s\nrequests: 45150 total, 45214 started, 45150 done, \
            45148 succeeded, 2 failed, 1 errored, 0 timeout\nstatus codes: 45148 2xx, 0 3xx, 0 4xx, 2 5xx\n";
        let want = Load { requests: 45148.0, rate: 45148.19, p50_ms: None, p99_ms: None, errors: 3.0 };
        assert_eq!(parse_h2load(text), Some(want));
    }

    #[test]
    fn times_have_units() {
        for (text, want) in
            [("861.00us", Some(0.861)), ("1.02s", Some(1020.0)), ("1.50m", Some(90_000.0)), ("1.0h", None)]
        {
            assert_eq!(milliseconds(text), want, "{text}");
        }
    }
}
