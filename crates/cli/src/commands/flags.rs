//! `fw flags`: the feature flags of a server, and what an experiment shows.

use serde_json::Value;

use super::{block_on, client};
use crate::args::{FlagsCommand, Global};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Align, Out, Paint, clean, percent, plain_number, say, table, thousands};

/// Does what was typed.
pub(super) fn run(command: FlagsCommand, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let client = client(global)?;
    block_on(async {
        match command {
            FlagsCommand::List => list(&client, out).await,
            FlagsCommand::Show { key } => show(&client, &key, out).await,
        }
    })
}

async fn list(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let answer = client.get("/api/v1/flags").await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    let flags = items(&answer, "flags");
    if flags.is_empty() {
        say("this server has no flags; they stand in the config, under `flags`");
        return Ok(());
    }
    let head = [
        ("FLAG", Align::Left),
        ("SERVICE", Align::Left),
        ("ON", Align::Left),
        ("SPLIT", Align::Left),
        ("RULES", Align::Right),
        ("ANSWERS", Align::Right),
    ];
    let row = |flag: &Value| {
        let variants = items(flag, "variants");
        let split = if flag["boundToRollout"] == true {
            "by the rollout".to_owned()
        } else {
            let one = |v: &Value| format!("{} {}", text(v, "name"), percent(v["weight"].as_f64()));
            variants.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let answers: u64 = variants.iter().filter_map(|v| v["evaluations"].as_u64()).sum();
        let answers = answers + flag["withoutValue"].as_u64().unwrap_or(0);
        let on = if flag["enabled"] == true { "yes" } else { "no" };
        let rules = items(flag, "rules").len().to_string();
        vec![text(flag, "key"), text(flag, "service"), on.into(), split, rules, thousands(answers)]
    };
    let rows: Vec<Vec<String>> = flags.iter().map(row).collect();
    lines(out, &table(&head, &rows))
}

async fn show(client: &Client, key: &str, out: &mut Out) -> Result<(), Failure> {
    let flag = client.get(&format!("/api/v1/flags/{}", escape(key))).await?;
    if out.is_json() {
        return Ok(out.json(&flag)?);
    }
    let paint = Paint::stdout();
    let state = if flag["enabled"] == true { paint.green("ON") } else { paint.yellow("OFF") };
    let service = text(&flag, "service");
    out.line(&format!("{}  {state}  {service}", paint.bold(&text(&flag, "key"))))?;
    lines(out, &variants(&flag))?;
    for rule in items(&flag, "rules") {
        let what = rule["variant"].as_str().map_or("by the split".to_owned(), clean);
        out.line(&format!("rule: {} → {what}", clean(&rule["if"].to_string())))?;
    }
    if let Some(group) = flag["exclusive"]["group"].as_str() {
        let [from, to] = ["from", "to"].map(|end| percent(flag["exclusive"][end].as_f64()));
        out.line(&format!(
            "takes {from} to {to} of the group {}; everybody else has the code's default",
            clean(group)
        ))?;
    }
    if flag["experiment"].is_object() {
        lines(out, &experiment(&flag["experiment"], paint))?;
    }
    Ok(())
}

fn variants(flag: &Value) -> Vec<String> {
    let head = [
        ("VARIANT", Align::Left),
        ("WEIGHT", Align::Right),
        ("ANSWERS", Align::Right),
        ("USERS", Align::Right),
        ("VALUE", Align::Left),
    ];
    let users = items(&flag["experiment"], "variants");
    let row = |(place, variant): (usize, &Value)| {
        let users = users.get(place).and_then(|one| one["users"].as_u64());
        vec![
            text(variant, "name"),
            percent(variant["weight"].as_f64()),
            thousands(variant["evaluations"].as_u64().unwrap_or(0)),
            users.map_or("–".into(), thousands),
            clean(&variant["value"].to_string()),
        ]
    };
    let rows: Vec<Vec<String>> = items(flag, "variants").iter().enumerate().map(row).collect();
    table(&head, &rows)
}

/// A line a metric and variant, against the first one.
fn experiment(experiment: &Value, paint: Paint) -> Vec<String> {
    let mut lines = vec![String::new()];
    let head = [
        ("METRIC", Align::Left),
        ("VARIANT", Align::Left),
        ("MEAN A USER", Align::Right),
        ("DIFFERENCE", Align::Right),
        ("INTERVAL", Align::Right),
        ("SHOWN", Align::Left),
    ];
    let rows: Vec<Vec<String>> = items(experiment, "metrics")
        .iter()
        .flat_map(|metric| items(metric, "variants").iter().map(move |variant| row(metric, variant)))
        .collect();
    lines.extend(table(&head, &rows));
    let ratio = &experiment["sampleRatio"];
    if ratio["alarm"] == true {
        let evidence = plain_number(ratio["evidence"].as_f64().unwrap_or(0.0));
        lines.push(paint.red(&format!(
            "ALARM: users did not come to variants in the shares asked for ({evidence} : 1); trust no difference before it is known why"
        )));
    }
    if experiment["full"] == true {
        lines.push(paint.yellow("the book of experiments is full: new users are not noted"));
    }
    let level = percent(experiment["level"].as_f64());
    lines.push(paint.dim(&format!(
        "intervals hold at every look, all together with {level}; approximate, from 100 users a variant"
    )));
    lines
}

fn row(metric: &Value, variant: &Value) -> Vec<String> {
    let number = |value: &Value| value.as_f64().map_or("–".into(), plain_number);
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, plain_number(value));
    let unit = match metric["unit"].as_str() {
        Some(unit) if !unit.is_empty() => format!(" {}", clean(unit)),
        _ => String::new(),
    };
    let interval = match (variant["interval"][0].as_f64(), variant["interval"][1].as_f64()) {
        (Some(low), Some(high)) => format!("{} to {}", signed(low), signed(high)),
        _ => "–".into(),
    };
    let shown = match variant["verdict"].as_str() {
        None => "",
        Some("better") => "better",
        Some("worse") => "worse",
        Some("tooFew") => "too few users",
        Some(_) => "nothing yet",
    };
    vec![
        text(metric, "name"),
        text(variant, "name"),
        format!("{}{unit}", number(&variant["mean"])),
        variant["difference"].as_f64().map_or("–".into(), signed),
        interval,
        shown.into(),
    ]
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    clean(value[key].as_str().unwrap_or("–"))
}

fn lines(out: &mut Out, lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|line| out.line(line)).map_err(Failure::from)
}
