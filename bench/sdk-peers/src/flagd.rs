//! flagd: its engine alone, and the OpenFeature provider that evaluates in the process.
//!
//! The provider reads its flags from a file; that it could have them from a flagd daemon instead changes nothing about
//! a check. Its cache is off, because a cached answer is no evaluation, and it holds fewer users than a service has.

use std::path::Path;
use std::pin::pin;
use std::task::{self, Poll, Waker};

use anyhow::Context;
use flagd_evaluation_engine::{FlagParser, Operator};
use open_feature::EvaluationContext;
use open_feature::provider::FeatureProvider;
use open_feature_flagd::{FlagdOptions, FlagdProvider, ResolverType};
use serde_json::json;

use crate::measure::{Case, Group};
use crate::peers::named;

fn flags() -> String {
    json!({ "flags": { "checkout": {
        "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off",
        "targeting": { "fractional": [["on", 25], ["off", 75]] },
    } } })
    .to_string()
}

fn user(key: String) -> EvaluationContext {
    EvaluationContext::default().with_targeting_key(key)
}

/// The engine, given the rule's text as the provider gives it.
pub(crate) fn engine() -> anyhow::Result<Vec<Case>> {
    let mut parsed = FlagParser::parse_string(&flags())?;
    let rule = parsed.flags.remove("checkout").context("the flag")?.get_targeting();
    let operator = Operator::new();
    let name = format!("{} apply", named("flagd-evaluation-engine"));
    let case = Case::keyed(name, Group::Peer, user, move |user| {
        operator.apply("checkout", &rule, user).is_ok_and(|variant| variant.as_deref() == Some("on"))
    });
    Ok(vec![case?])
}

/// The provider.
pub(crate) fn provider(dir: &Path) -> anyhow::Result<Vec<Case>> {
    let file = dir.join("flagd.json");
    std::fs::write(&file, flags())?;
    let options = FlagdOptions {
        resolver_type: ResolverType::File,
        source_configuration: Some(file.to_string_lossy().into_owned()),
        cache_settings: None,
        ..FlagdOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let provider = runtime.block_on(FlagdProvider::new(options))?;
    let name = format!("{} in process", named("open-feature-flagd"));
    let case = Case::keyed(name, Group::Peer, user, move |user| {
        // The provider's tasks belong to the runtime, which must live as long.
        let _ = &runtime;
        at_once(provider.resolve_bool_value("checkout", user))
            .is_some_and(|answer| answer.is_ok_and(|it| it.value))
    });
    Ok(vec![case?])
}

/// What a future answers when asked once. Nothing in an evaluation waits, so the cost of a runtime is spared the peer.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
