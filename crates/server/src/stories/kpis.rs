//! Key numbers over many runs: how often rollouts succeed, how long they take, whom they harm, how fast they go back.
//!
//! A run that was rolled back counts as ended, whether or not anybody has closed it. Runs that are under way are in
//! `started`, `underWay` and `userImpact` alone. Means and medians are of what happened; only the success rate, a
//! share of a larger whole, has an interval.

use fw_reports::Story;
use fw_runtime::{Refusal, view};
use fw_stats::sequence;
use serde::{Deserialize, Serialize};

use super::Stories;

/// Level of the interval of the success rate: it holds at every look with 95 %.
const ALPHA: f64 = 0.05;
const DAY_MS: i64 = 86_400_000;

/// Key numbers of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) run: String,
    pub(crate) service: String,
    pub(crate) region: Option<String>,
    pub(crate) version: String,
    pub(crate) status: String,
    /// ms since 1970 UTC.
    pub(crate) started_at: i64,
    pub(crate) ended_at: Option<i64>,
    pub(crate) duration_seconds: f64,
    pub(crate) time_to100_seconds: Option<f64>,
    pub(crate) canary_requests: u64,
    pub(crate) canary_errors: u64,
    pub(crate) exposed_users: Option<u64>,
    pub(crate) rollbacks: u64,
    /// From decision to confirmation, each rollback, ms.
    pub(crate) recovery_ms: Vec<u64>,
    pub(crate) trigger: Option<String>,
}

impl Row {
    /// Of a story.
    pub(crate) fn of(story: &Story) -> Row {
        let canary = story.canary();
        let recovery = story.rollbacks.iter().filter_map(fw_reports::Rollback::recovery);
        Row {
            run: story.run.clone(),
            service: story.service.clone(),
            region: story.region.clone(),
            version: story.canary.clone(),
            status: story.status.clone(),
            started_at: story.started_at,
            ended_at: story.ended_at,
            duration_seconds: story.lasted_ms() as f64 / 1e3,
            time_to100_seconds: story.full_at.map(|at| (at - story.started_at) as f64 / 1e3),
            canary_requests: canary.requests,
            canary_errors: canary.errors,
            exposed_users: story.users.canary,
            rollbacks: story.rollbacks.len() as u64,
            recovery_ms: recovery.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).collect(),
            trigger: story.rollbacks.last().map(|rollback| rollback.trigger.clone()),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "aborted" | "rolled_back")
    }

    fn affected_users_at_most(&self) -> Option<u64> {
        self.exposed_users.map(|users| users.min(self.canary_errors))
    }
}

/// Key numbers of a time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kpis {
    from: String,
    to: String,
    rollouts: Counted,
    success_rate: Rate,
    time_to100: Times,
    user_impact: UserImpact,
    recovery: Recovery,
    runs: Vec<serde_json::Value>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    started: usize,
    ended: usize,
    completed: usize,
    rolled_back: usize,
    aborted: usize,
    under_way: usize,
}

/// Completed without any rollback, of those that ended.
#[derive(Debug, PartialEq, Serialize)]
struct Rate {
    percent: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    of: usize,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    mean_seconds: Option<f64>,
    median_seconds: Option<f64>,
    of: usize,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovery {
    mean_ms: Option<f64>,
    median_ms: Option<f64>,
    slowest_ms: Option<f64>,
    of: usize,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserImpact {
    canary_requests: u64,
    failed_requests: u64,
    exposed_users: Option<u64>,
    affected_users_at_most: Option<u64>,
}

/// Key numbers of runs that began in the last `days`.
///
/// # Errors
/// [`Refusal::Store`] when log or shelf can't be read.
pub(crate) async fn kpis(stories: &Stories, days: u32) -> Result<Kpis, Refusal> {
    let now = stories.handle.now().as_millis();
    let since = now.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
    let mut rows = stories.rows_since(since).await?;
    let views = stories.handle.views();
    // The latest run of each service is told anew: it may be under way, or have gone on since it was shelved.
    for run in views.services.values().filter_map(|service| service.run.as_ref()) {
        if run.started_at.as_millis() < since {
            continue;
        }
        match stories.story(&run.run.to_string()).await {
            Ok(story) => {
                rows.retain(|row| row.run != story.run);
                rows.push(Row::of(&story));
            }
            Err(Refusal::Gone(_)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    rows.sort_by(|a, b| a.started_at.cmp(&b.started_at).then_with(|| a.run.cmp(&b.run)));
    Ok(sum(&rows, since, now))
}

fn sum(rows: &[Row], since: i64, now: i64) -> Kpis {
    let with = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let ended: Vec<&Row> = rows.iter().filter(|row| row.is_over()).collect();
    let clean = ended.iter().filter(|row| row.status == "completed" && row.rollbacks == 0).count();
    let interval = (!ended.is_empty()).then(|| sequence::proportion(ended.len() as f64, clean as f64, ALPHA));
    let full: Vec<f64> = ended
        .iter()
        .filter(|row| row.status == "completed")
        .filter_map(|row| row.time_to100_seconds)
        .collect();
    let recovery: Vec<f64> =
        rows.iter().flat_map(|row| row.recovery_ms.iter().map(|ms| *ms as f64)).collect();
    let users = |of: fn(&Row) -> Option<u64>| {
        let known: Vec<u64> = rows.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    };
    Kpis {
        from: view::rfc3339(fw_model::Timestamp(since)),
        to: view::rfc3339(fw_model::Timestamp(now)),
        rollouts: Counted {
            started: rows.len(),
            ended: ended.len(),
            completed: with("completed"),
            rolled_back: with("rolled_back"),
            aborted: with("aborted"),
            under_way: rows.len() - ended.len(),
        },
        success_rate: Rate {
            percent: (!ended.is_empty()).then(|| 100.0 * clean as f64 / ended.len() as f64),
            low: interval.map(|(low, _)| 100.0 * low),
            high: interval.map(|(_, high)| 100.0 * high),
            of: ended.len(),
        },
        time_to100: Times { mean_seconds: mean(&full), median_seconds: median(&full), of: full.len() },
        user_impact: UserImpact {
            canary_requests: rows.iter().map(|row| row.canary_requests).sum(),
            failed_requests: rows.iter().map(|row| row.canary_errors).sum(),
            exposed_users: users(|row| row.exposed_users),
            affected_users_at_most: users(Row::affected_users_at_most),
        },
        recovery: Recovery {
            mean_ms: mean(&recovery),
            median_ms: median(&recovery),
            slowest_ms: recovery.iter().copied().reduce(f64::max),
            of: recovery.len(),
        },
        runs: rows.iter().map(shown).collect(),
    }
}

/// A run as it travels: moments as RFC 3339, the last recovery alone.
fn shown(row: &Row) -> serde_json::Value {
    let moment = |at: i64| view::rfc3339(fw_model::Timestamp(at));
    let mut value = serde_json::to_value(row).unwrap_or_default();
    value["startedAt"] = moment(row.started_at).into();
    value["endedAt"] = row.ended_at.map(moment).into();
    value["recoveryMs"] = row.recovery_ms.last().copied().into();
    value
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run: &str, status: &str, rollbacks: u64) -> Row {
        Row {
            run: run.into(),
            service: "checkout".into(),
            region: None,
            version: "2".into(),
            status: status.into(),
            started_at: 1_000,
            ended_at: None,
            duration_seconds: 10.0,
            time_to100_seconds: (status == "completed").then_some(60.0),
            canary_requests: 100,
            canary_errors: 10,
            exposed_users: Some(4),
            rollbacks,
            recovery_ms: vec![500; rollbacks as usize],
            trigger: None,
        }
    }

    #[test]
    fn success_is_completing_without_a_rollback_and_running_runs_are_no_failure() {
        let rows = [
            row("a.1", "completed", 0),
            row("a.2", "completed", 1),
            row("a.3", "rolled_back", 2),
            row("a.4", "aborted", 0),
            row("a.5", "running", 0),
        ];
        let kpis = sum(&rows, 0, 10_000);
        let counted =
            Counted { started: 5, ended: 4, completed: 2, rolled_back: 1, aborted: 1, under_way: 1 };
        assert_eq!(kpis.rollouts, counted);
        assert_eq!((kpis.success_rate.percent, kpis.success_rate.of), (Some(25.0), 4));
        assert!(kpis.success_rate.low.unwrap() < 25.0 && kpis.success_rate.high.unwrap() > 25.0);
        assert_eq!(kpis.time_to100, Times { mean_seconds: Some(60.0), median_seconds: Some(60.0), of: 2 });
        assert_eq!((kpis.recovery.of, kpis.recovery.mean_ms), (3, Some(500.0)));
        assert_eq!(kpis.user_impact.failed_requests, 50);
        assert_eq!(kpis.user_impact.affected_users_at_most, Some(20));
        assert_eq!(kpis.runs[1]["recoveryMs"], 500);
    }

    #[test]
    fn without_runs_nothing_is_claimed() {
        let kpis = sum(&[], 0, 10_000);
        assert_eq!(
            (kpis.success_rate.percent, kpis.recovery.mean_ms, kpis.time_to100.mean_seconds),
            (None, None, None)
        );
        assert_eq!(kpis.user_impact.exposed_users, None);
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (Some(2.0), Some(2.5)));
    }
}
