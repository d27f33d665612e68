//! The OpenFeature client of crates.io against real servers: `fw-openfeature-clients API PROXY GUARDED TOKEN`.
//!
//! API serves flags of `checkout`, whose rollout runs at 5 % behind PROXY. GUARDED wants TOKEN, and gives three
//! evaluations at once and one more each second. The crate takes every 400 for an invalid context, a flag without a
//! value for a broken answer, and each answer for a static one: what it says then is held here too, so that an upgrade
//! that says more is noticed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use open_feature::{
    Client, EvaluationContext, EvaluationErrorCode, EvaluationResult, OpenFeature, StructValue, Value,
};
use open_feature_ofrep::{OfrepOptions, OfrepProvider};
use reqwest::header::{HeaderMap, HeaderValue};

/// How many users are asked for.
const USERS: usize = 300;
/// Longest wait for a refusal.
const SOON: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [api, proxy, guarded, token] = args.as_slice() else {
        anyhow::bail!("needs API PROXY GUARDED TOKEN")
    };
    let client = as_in_the_guide(api).await?;
    values(&client).await?;
    errors(&client).await?;
    let canaries = users(&client, proxy).await?;
    println!(
        "Rust: every type, default and error; {USERS} users as the proxy routes them ({canaries} canary)"
    );
    refusals(guarded, token).await?;
    println!("Rust: 401 without the token, values with it, 429 heeded for the second it says");
    Ok(())
}

/// The client as docs/guides/flags.md has it.
async fn as_in_the_guide(base_url: &str) -> Result<Client> {
    let options = OfrepOptions { base_url: base_url.into(), ..Default::default() };
    let mut api = OpenFeature::singleton_mut().await;
    api.set_provider(OfrepProvider::new(options).await?).await;
    let context = EvaluationContext::default().with_targeting_key("tester");
    let is_new =
        api.create_client().get_bool_value("new-checkout", Some(&context), None).await.unwrap_or(false);
    ensure!(is_new, "the guide's lines give nothing");
    Ok(api.create_client())
}

/// A client of a provider of its own.
async fn client(name: &str, base_url: &str, token: Option<&str>) -> Result<Client> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}"))?);
    }
    let options = OfrepOptions { base_url: base_url.to_owned(), headers, ..OfrepOptions::default() };
    let provider = OfrepProvider::new(options).await?;
    let mut api = OpenFeature::singleton_mut().await;
    api.set_named_provider(name, provider).await;
    Ok(api.create_named_client(name))
}

fn user(key: &str) -> EvaluationContext {
    EvaluationContext::default().with_targeting_key(key)
}

/// The fields of the flag `limits`.
#[derive(Debug, PartialEq)]
struct Limits {
    items: Option<Value>,
    open: Option<Value>,
}

impl From<StructValue> for Limits {
    fn from(mut fields: StructValue) -> Limits {
        Limits { items: fields.fields.remove("items"), open: fields.fields.remove("open") }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, given: T, wanted: T) -> Result<()> {
    ensure!(given == wanted, "{what}: {given:?}, not {wanted:?}");
    Ok(())
}

async fn values(client: &Client) -> Result<()> {
    let tester = user("tester");
    let context = Some(&tester);
    same("bool", client.get_bool_value("new-checkout", context, None).await, Ok(true))?;
    same("string", client.get_string_value("title", context, None).await, Ok("new".to_owned()))?;
    same("int", client.get_int_value("items", context, None).await, Ok(5))?;
    same("float", client.get_float_value("factor", context, None).await, Ok(1.5))?;
    let limits = client.get_struct_value::<Limits>("limits", context, None).await;
    same("struct", limits, Ok(Limits { items: Some(Value::Int(5)), open: Some(Value::Bool(true)) }))?;
    let forced = client.get_bool_details("new-checkout", context, None).await;
    same("variant", forced.map(|details| details.variant), Ok(Some("canary".to_owned())))
}

/// Why there is no value.
fn code<T>(result: EvaluationResult<T>) -> Option<EvaluationErrorCode> {
    result.err().map(|error| error.code)
}

async fn errors(client: &Client) -> Result<()> {
    let tester = user("tester");
    let context = Some(&tester);
    let missing = client.get_bool_value("no-such-flag", context, None).await;
    same("unknown", code(missing), Some(EvaluationErrorCode::FlagNotFound))?;
    let other = client.get_string_value("new-checkout", context, None).await;
    same("another type", code(other), Some(EvaluationErrorCode::ParseError))?;
    let keyless = client.get_bool_value("new-checkout", None, None).await;
    same("no targeting key", code(keyless), Some(EvaluationErrorCode::InvalidContext))?;
    let off = client.get_int_value("off", context, None).await;
    same("off", code(off.clone()), Some(EvaluationErrorCode::ParseError))?;
    same("off: the default of the code", off.unwrap_or(7), 7)
}

/// Asks for many users, and the proxy beside it; returns how many had the canary.
async fn users(client: &Client, proxy: &str) -> Result<usize> {
    let routes = reqwest::Client::new();
    let (mut canaries, mut factors) = (0, vec![]);
    for n in 0..USERS {
        let key = format!("user-{n}@example.org");
        let context = user(&key);
        let flag = client.get_bool_details("new-checkout", Some(&context), None).await;
        let flag = flag.map_err(|e| anyhow::anyhow!("{key}: {e:?}"))?;
        let answer = routes.get(format!("{proxy}/")).header("x-user-id", &key).send().await?;
        let routed = answer.text().await?.trim().to_owned();
        let is_canary = routed == "canary";
        same(&key, (flag.variant, flag.value), (Some(routed), is_canary))?;
        canaries += usize::from(is_canary);
        let factor = client.get_float_value("factor", Some(&context), None).await;
        factors.push(factor.ok().context("factor")?);
    }
    ensure!(factors.iter().all(|factor| [1.0, 1.5].contains(factor)), "{factors:?}");
    ensure!(canaries > 0 && canaries < USERS / 2, "{canaries} of {USERS}");
    Ok(canaries)
}

/// The refusals come last: the crate keeps one time to wait for all providers of a process.
async fn refusals(guarded: &str, token: &str) -> Result<()> {
    let context = user("tester");
    for (name, token) in [("none", None), ("wrong", Some("fw_wrong"))] {
        let refused =
            client(name, guarded, token).await?.get_string_value("title", Some(&context), None).await;
        let wanted = EvaluationErrorCode::General("authentication/authorization error".to_owned());
        same(name, code(refused), Some(wanted))?;
    }
    let client = client("token", guarded, Some(token)).await?;
    let ask = async || client.get_string_value("title", Some(&context), None).await;
    same("with the token", ask().await, Ok("new".to_owned()))?;
    let began = Instant::now();
    let refused = loop {
        match ask().await {
            Ok(_) => ensure!(began.elapsed() < SOON, "never too many"),
            Err(error) => break error,
        }
    };
    same("429", refused.code, EvaluationErrorCode::General("Rate limit exceeded".to_owned()))?;
    let why = refused.message.unwrap_or_default();
    ensure!(why.contains("Retry after"), "{why}");
    let paused = ask().await.err().and_then(|error| error.message).unwrap_or_default();
    ensure!(paused.contains("Please wait"), "the crate asks no more for a second: {paused}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    same("after the wait", ask().await, Ok("new".to_owned()))
}
