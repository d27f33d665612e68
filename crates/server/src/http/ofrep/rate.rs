//! How many evaluations one client may ask for, and what one hears who asks for more.
//!
//! The generic cell rate algorithm: of each client one time is kept, the moment at which what it asked for would be
//! paid off at its rate. Who is ahead of the clock by less than a burst may go on. A client is whoever the gate calls
//! an actor: a token's name, or everybody on this machine together where there are none, so that there are never
//! more of these than tokens in the config. The stream of changes and a browser's preflights are not counted.
//!
//! Source: ITU-T I.371, annex A (virtual scheduling).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use fw_runtime::config::EvaluationRate;

use super::super::{App, body, gate::Actor};
use super::forms::{Failure, failed};
use super::{Wanted, wanted};

/// When each client's evaluations are paid off.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<String, Instant>>);

impl Rates {
    /// Counts one evaluation of this client.
    ///
    /// # Errors
    /// The time after which it may ask again; then nothing is counted.
    fn take(&self, client: &str, rate: EvaluationRate, now: Instant) -> Result<(), Duration> {
        let each = Duration::from_secs(1) / rate.per_second.max(1);
        // No step below can leave the map half changed, so one that panicked elsewhere left it sound.
        let mut paid_off = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid_off.get(client).copied().unwrap_or(now).max(now);
        let ahead = until.duration_since(now);
        let ahead_max = each * rate.burst.saturating_sub(1);
        if ahead > ahead_max {
            return Err(ahead.saturating_sub(ahead_max));
        }
        if let Some(until) = paid_off.get_mut(client) {
            *until = now + ahead + each;
        } else {
            paid_off.insert(client.to_owned(), now + ahead + each);
        }
        Ok(())
    }
}

/// The refusal of an evaluation too many; none for one that may go on, and for what is none.
pub(crate) fn over(app: &App, request: &Request) -> Option<Response> {
    let rate = app.settings.evaluation_rate?;
    let segments: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let segment = match (request.method(), wanted(&segments, false)) {
        (&Method::POST, Some(Wanted::One(key))) => key,
        (&Method::POST, Some(Wanted::All)) => String::new(),
        _ => return None,
    };
    let Actor(client) = request.extensions().get()?;
    let wait = app.evaluations.take(client, rate, Instant::now()).err()?;
    Some(refusal(&body::decoded(&segment).unwrap_or(segment), rate, wait))
}

/// With whole seconds: a client in use fails on a date, and one takes 0 for leave to ask at once.
fn refusal(key: &str, rate: EvaluationRate, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let EvaluationRate { per_second, burst } = rate;
    let text =
        format!("more than {per_second} evaluations a second (at once {burst}): ask again after {seconds} s");
    let mut response = failed(429, &Failure::general(key, text));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: EvaluationRate = EvaluationRate { per_second: 10, burst: 3 };

    #[test]
    fn a_burst_may_come_at_once_and_then_one_each_interval() {
        let (rates, start) = (Rates::default(), Instant::now());
        let ask = |ms: u64| rates.take("web", RATE, start + Duration::from_millis(ms));
        let wait = |ms: u64| Err(Duration::from_millis(ms));
        assert_eq!([ask(0), ask(0), ask(0), ask(0), ask(40)], [Ok(()), Ok(()), Ok(()), wait(100), wait(60)]);
        assert_eq!([ask(100), ask(199), ask(200), ask(201)], [Ok(()), wait(1), Ok(()), wait(99)]);
        assert_eq!([ask(9000), ask(9000), ask(9000), ask(9000)], [Ok(()), Ok(()), Ok(()), wait(100)]);
    }

    #[test]
    fn over_a_long_time_the_rate_holds_whatever_is_asked() {
        let (rates, start) = (Rates::default(), Instant::now());
        let taken =
            (0..60_000).filter(|ms| rates.take("web", RATE, start + Duration::from_millis(*ms)).is_ok());
        assert_eq!(taken.count(), 600 + 2);
    }

    #[test]
    fn clients_do_not_pay_for_each_other() {
        let (rates, now) = (Rates::default(), Instant::now());
        let one = EvaluationRate { per_second: 1, burst: 1 };
        assert_eq!((rates.take("a", one, now), rates.take("b", one, now)), (Ok(()), Ok(())));
        assert_eq!(rates.take("a", one, now), Err(Duration::from_secs(1)));
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds_rounded_up() {
        for (ms, told) in [(1, "1"), (1000, "1"), (1001, "2")] {
            let response = refusal("title", RATE, Duration::from_millis(ms));
            assert_eq!(
                (response.status().as_u16(), response.headers()[header::RETRY_AFTER].as_bytes()),
                (429, told.as_bytes())
            );
        }
    }
}
