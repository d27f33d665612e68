//! Who runs a region: this server's own core, or another `fw serve` over HTTP. Both are asked the same and answer the
//! same; whoever does not answer is unreachable, and is asked again under the same key.

use std::time::Duration;

use fw_engine::Target;
use fw_engine::waves::{Action, Answer, Sight};
use fw_model::Secret;
use fw_providers::ask::{Asked, Asker, Question};
use fw_runtime::config::{RegionConfig, RemoteServer, ServiceConfig, request_json};
use fw_runtime::{Command, Handle, Idempotency, Refusal, StartRequest};
use serde_json::{Value, json};

use super::sight::seen_of;

/// Longest time another server may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is asked of a region.
pub(super) struct Asking {
    pub(super) action: Action,
    /// The same over a crash: what was done under it is not done again.
    pub(super) key: String,
    /// Its rollout; none before it began.
    pub(super) run: Option<String>,
    /// Who asks, and why.
    pub(super) actor: String,
    pub(super) reason: String,
    /// What is started.
    pub(super) config: ServiceConfig,
}

/// Who runs a region.
pub(super) enum Backend {
    /// This server.
    Here(Handle),
    /// Another one.
    There { asker: Asker, url: String, token: Option<Secret> },
    /// Nobody: the config of this server no longer has the region.
    Nowhere,
}

impl Backend {
    /// For a region of this server's own config.
    pub(super) fn of(region: Option<&RegionConfig>, handle: &Handle, asker: &Asker) -> Backend {
        match region.map(|region| region.server.as_ref()) {
            None => Backend::Nowhere,
            Some(None) => Backend::Here(handle.clone()),
            Some(Some(RemoteServer { url, token_env })) => {
                let token = token_env.as_ref().and_then(|name| std::env::var(name).ok()).map(Secret::new);
                Backend::There { asker: asker.clone(), url: url.clone(), token }
            }
        }
    }

    /// Asks for something; none when there is no answer, so that it must be asked again.
    pub(super) async fn ask(&self, asking: &Asking) -> Option<Answer> {
        match self {
            Backend::Here(handle) => here(handle, asking).await,
            Backend::There { asker, url, token } => {
                let question = question(url, token.as_ref(), asking);
                there(asker.ask(&question).await.ok()?, asking.action)
            }
            Backend::Nowhere => None,
        }
    }

    /// Looks at a region's rollout.
    pub(super) async fn look(&self, run: &str) -> Sight {
        let away = |why: String| Sight::Unreachable { why };
        let detail = match self {
            Backend::Here(handle) => handle.detail(run, None).await.map_err(|refusal| refusal.to_string()),
            Backend::There { asker, url, token } => {
                let question = Question {
                    headers: authorised(token.as_ref()),
                    ..Question::get(format!("{url}/api/v1/rollouts/{run}"), ANSWER_WITHIN)
                };
                asker.ask(&question).await.and_then(|asked| detail_of(&asked))
            }
            Backend::Nowhere => Err("the config of this server no longer has the region".to_owned()),
        };
        match detail.and_then(|detail| seen_of(&detail)) {
            Ok(seen) => Sight::Seen(Box::new(seen)),
            Err(why) => away(why),
        }
    }
}

async fn here(handle: &Handle, asking: &Asking) -> Option<Answer> {
    let idempotency = Some(Idempotency { key: asking.key.clone(), request_hash: asking.key.clone() });
    let (actor, reason) = (asking.actor.clone(), Some(asking.reason.clone()));
    let command = match asking.action {
        Action::Start => {
            let (plan, plan_hash) = (asking.config.plan.clone(), asking.config.plan_hash.clone());
            let request = StartRequest { plan, plan_hash, actor, reason, idempotency };
            let begun = handle.start(request).await;
            return answer(begun.map(|detail| detail["run"].as_str().map(str::to_owned)));
        }
        Action::Pause => Command::Pause,
        Action::Resume => Command::Resume,
        Action::Rollback => Command::Rollback(Target::Stable),
        Action::Abort => Command::Abort,
    };
    let run = asking.run.as_deref()?;
    answer(handle.command(run, command, actor, reason, idempotency).await.map(|_| None))
}

fn answer(done: Result<Option<String>, Refusal>) -> Option<Answer> {
    match done {
        Ok(run) => Some(Answer::Done { run }),
        // Nothing was changed, and it may be another time.
        Err(refusal) if refusal.may_pass() => None,
        Err(refusal) => Some(Answer::Refused { why: refusal.to_string() }),
    }
}

fn authorised(token: Option<&Secret>) -> Vec<(String, String)> {
    token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {}", token.expose()))).collect()
}

/// An ask as a request. Where a start's rollout is another server's, so are its listeners, tokens and receivers.
fn question(url: &str, token: Option<&Secret>, asking: &Asking) -> Question {
    let run = asking.run.as_deref().unwrap_or_default();
    let action = asking.action.as_str();
    let (path, body) = match asking.action {
        Action::Start => ("/api/v1/rollouts".to_owned(), request_json(&asking.config)),
        Action::Rollback => {
            (format!("/api/v1/rollouts/{run}/{action}"), json!({ "reason": asking.reason, "to": "stable" }))
        }
        Action::Pause | Action::Resume | Action::Abort => {
            (format!("/api/v1/rollouts/{run}/{action}"), json!({ "reason": asking.reason }))
        }
    };
    let mut headers = authorised(token);
    headers.push(("idempotency-key".into(), asking.key.clone()));
    Question { headers, ..Question::post(format!("{url}{path}"), body, ANSWER_WITHIN) }
}

/// What another server's answer says; none where it may be another the next time.
fn there(asked: Asked, action: Action) -> Option<Answer> {
    let json: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let status = asked.status;
    if status.is_success() {
        let run = json["run"].as_str().map(str::to_owned).filter(|_| action == Action::Start);
        return Some(Answer::Done { run });
    }
    let later = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let why = json["detail"].as_str().map_or_else(|| format!("its server answered {status}"), str::to_owned);
    (!later).then_some(Answer::Refused { why })
}

fn detail_of(asked: &Asked) -> Result<Value, String> {
    if !asked.status.is_success() {
        return Err(format!("its server answered {}", asked.status));
    }
    serde_json::from_slice(&asked.body).map_err(|_| "its server's answer can't be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_may_be_another_later_is_none() {
        let asked = |status: u16, body: &str| Asked {
            status: http_body_util_status(status),
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        let done = there(asked(201, r#"{"run":"shop@eu.2"}"#), Action::Start);
        assert_eq!(done, Some(Answer::Done { run: Some("shop@eu.2".into()) }));
        assert_eq!(there(asked(200, r#"{"run":"x"}"#), Action::Pause), Some(Answer::Done { run: None }));
        let refused = there(asked(409, r#"{"detail":"shop@eu.1 is under way"}"#), Action::Start);
        assert_eq!(refused, Some(Answer::Refused { why: "shop@eu.1 is under way".into() }));
        for later in [500, 503, 429, 408] {
            assert_eq!(there(asked(later, ""), Action::Start), None, "{later}");
        }
    }

    fn http_body_util_status(status: u16) -> axum::http::StatusCode {
        axum::http::StatusCode::from_u16(status).unwrap()
    }
}
