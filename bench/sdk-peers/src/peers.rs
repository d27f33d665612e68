//! The peers whose evaluation is an ordinary call: Unleash, GrowthBook, LaunchDarkly and Eppo.
//!
//! Each has one boolean flag `checkout` with a gradual roll-out of 25 % by user key, written in the form its server sends, and
//! nothing else. Where a product's client does more than its engine on each check (copy the flag, read a lock), both are
//! cases. What it sends to its own server is no part of any case, except where the name says that it counts.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use eppo_core::configuration_store::ConfigurationStore;
use eppo_core::eval::{Evaluator, EvaluatorConfig};
use eppo_core::ufc::{Assignment, UniversalFlagConfig, VariationType};
use eppo_core::{Attributes, Configuration, SdkMetadata, Str};
use growthbook_rust::client::{GrowthBookClientBuilder, GrowthBookClientTrait};
use growthbook_rust::model_public::{GrowthBookAttribute, GrowthBookAttributeValue};
use launchdarkly_server_sdk_evaluation::{
    Context, ContextBuilder, Detail, Flag, FlagValue, Segment, Store, evaluate,
};
use serde_json::json;
use unleash_yggdrasil::EngineState;

use crate::measure::{Case, Group};

/// The version of a crate that this benchmark is locked to.
pub(crate) fn named(name: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
    format!("{name} {}", version.unwrap_or("?"))
}

/// Unleash's engine, and the same with the count of answers that its SDKs keep.
pub(crate) fn unleash() -> anyhow::Result<Vec<Case>> {
    let features = json!({ "version": 2, "features": [{
        "name": "checkout", "type": "release", "enabled": true, "strategies": [{
            "name": "flexibleRollout",
            "parameters": { "rollout": "25", "stickiness": "default", "groupId": "checkout" },
        }],
    }] });
    let engine = Arc::new(EngineState::default());
    let warnings = engine.apply_client_features(serde_json::from_value(features)?);
    anyhow::ensure!(warnings.is_none(), "unleash warns: {warnings:?}");
    let user = |key| unleash_yggdrasil::Context { user_id: Some(key), ..Default::default() };
    let counting = engine.clone();
    let name = named("unleash-yggdrasil");
    Ok(vec![
        Case::keyed(format!("{name} is_enabled"), Group::Peer, user, move |user| {
            engine.is_enabled("checkout", user, &None)
        })?,
        Case::keyed(format!("{name} is_enabled + count_toggle"), Group::PeerCounting, user, move |user| {
            let enabled = counting.is_enabled("checkout", user, &None);
            counting.count_toggle("checkout", enabled);
            enabled
        })?,
    ])
}

/// GrowthBook's engine behind its own lock, and its client, which copies the whole state for each check.
pub(crate) fn growthbook() -> anyhow::Result<Vec<Case>> {
    let features = json!({ "checkout": {
        "defaultValue": false, "rules": [{ "force": true, "coverage": 0.25, "hashAttribute": "id" }],
    } });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let build = GrowthBookClientBuilder::new().features_json(features)?.build();
    let client = runtime.block_on(build).map_err(|error| anyhow!("{error:?}"))?;
    let state = client.gb.clone();
    let user =
        |key| Some(vec![GrowthBookAttribute::new("id".to_owned(), GrowthBookAttributeValue::String(key))]);
    let name = named("growthbook-rust");
    Ok(vec![
        Case::keyed(format!("{name} check"), Group::Peer, user, move |user| {
            state.read().is_ok_and(|state| state.check("checkout", user).on)
        })?,
        // It takes the attributes and keeps none of them: an application makes them anew, or copies.
        Case::keyed(format!("{name} client is_on"), Group::Peer, user, move |user| {
            client.is_on("checkout", user.clone())
        })?,
    ])
}

/// One flag, as LaunchDarkly's own store keeps it.
struct Flags(HashMap<String, Flag>);

impl Store for Flags {
    fn flag(&self, flag_key: &str) -> Option<Flag> {
        self.0.get(flag_key).cloned()
    }

    fn segment(&self, _: &str) -> Option<Segment> {
        None
    }
}

/// LaunchDarkly's engine on a flag at hand, and with the copy that its store makes for each check.
pub(crate) fn launchdarkly() -> anyhow::Result<Vec<Case>> {
    let flag: Flag = serde_json::from_value(json!({
        "key": "checkout", "version": 1, "on": true, "targets": [], "rules": [], "prerequisites": [],
        "fallthrough": { "rollout": { "variations": [
            { "variation": 0, "weight": 75_000 }, { "variation": 1, "weight": 25_000 },
        ] } },
        "offVariation": 0, "variations": [false, true], "clientSide": false, "salt": "salty",
    }))?;
    let yes = |detail: Detail<&FlagValue>| matches!(detail.value, Some(FlagValue::Bool(true)));
    // A key that is not empty makes a valid context; of an invalid one the share would tell.
    let user = |key: String| ContextBuilder::new(key).build().ok();
    let flags = || Flags(HashMap::from([("checkout".to_owned(), flag.clone())]));
    let (at_hand, empty, store) = (flag.clone(), Flags(HashMap::new()), flags());
    let name = named("launchdarkly-server-sdk-evaluation");
    Ok(vec![
        Case::keyed(format!("{name} evaluate"), Group::Peer, user, move |user: &Option<Context>| {
            user.as_ref().is_some_and(|user| yes(evaluate(&empty, &at_hand, user, None)))
        })?,
        Case::keyed(format!("{name} store + evaluate"), Group::Peer, user, move |user: &Option<Context>| {
            let flag = store.flag("checkout");
            user.as_ref()
                .zip(flag.as_ref())
                .is_some_and(|(user, flag)| yes(evaluate(&store, flag, user, None)))
        })?,
    ])
}

/// Eppo's engine at a given time, and its evaluator, which reads the clock and the configuration's lock.
pub(crate) fn eppo() -> anyhow::Result<Vec<Case>> {
    let split = |variation: &str, start: u32, end: u32| {
        json!({ "variationKey": variation,
            "shards": [{ "salt": "checkout", "ranges": [{ "start": start, "end": end }] }] })
    };
    let flags = json!({
        "createdAt": "2026-11-27T00:00:00Z", "format": "SERVER", "environment": { "name": "bench" },
        "flags": { "checkout": {
            "key": "checkout", "enabled": true, "variationType": "BOOLEAN", "totalShards": 10_000,
            "variations": { "on": { "key": "on", "value": true }, "off": { "key": "off", "value": false } },
            "allocations": [{ "key": "rollout", "rules": [], "doLog": true,
                "splits": [split("on", 0, 2_500), split("off", 2_500, 10_000)] }],
        } },
    });
    let sdk = || SdkMetadata { name: "bench", version: "0.1.0" };
    let flags =
        UniversalFlagConfig::from_json(sdk(), flags.to_string().into_bytes()).context("eppo's flags")?;
    let configuration = Arc::new(Configuration::from_server_response(flags, None));
    let store = Arc::new(ConfigurationStore::new());
    store.set_configuration(configuration.clone());
    let evaluator = Evaluator::new(EvaluatorConfig { configuration_store: store, sdk_metadata: sdk() });
    let none = Arc::new(Attributes::default());
    let nobody = none.clone();
    let kind = Some(VariationType::Boolean);
    let now = std::time::SystemTime::now().into();
    let yes = |assignment: Option<Assignment>| assignment.and_then(|it| it.value.as_boolean()) == Some(true);
    let name = named("eppo_core");
    Ok(vec![
        Case::keyed(format!("{name} get_assignment"), Group::Peer, Str::from, move |user| {
            let found =
                eppo_core::eval::get_assignment(Some(&configuration), "checkout", user, &none, kind, now);
            found.is_ok_and(yes)
        })?,
        Case::keyed(format!("{name} Evaluator"), Group::Peer, Str::from, move |user| {
            evaluator.get_assignment("checkout", user, &nobody, kind).is_ok_and(yes)
        })?,
    ])
}
