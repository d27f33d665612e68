//! A picture of false rollbacks: a group of bars a scenario, a bar a rule. A small SVG without fonts or scripts from
//! elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 84.0;
const BAR: f64 = 9.0;
const GROUP: f64 = 4.0 * BAR + 14.0;
/// Rules: key of the row, name, colour. The first is ours.
const RULES: [(&str, &str, &str); 4] = [
    ("", "fw", "#0a7d5a"),
    ("flagger", "Flagger, threshold 5", "#d97706"),
    ("argo", "Argo Rollouts, limit 3", "#2563eb"),
    ("kayenta", "Kayenta", "#9333ea"),
];
/// Scenarios that are drawn, and what they are.
const SCENARIOS: [(&str, &str); 7] = [
    ("healthy", "independent failures"),
    ("bursts", "instances fail for some seconds"),
    ("beta:5:5s", "instances fail more or less"),
    ("beta:10:20s", "the same, stronger and longer"),
    ("retries:10", "a failing request is tried again"),
    ("sticky-users:500", "nothing works for 1 % of users"),
    ("slow-instances", "instances slow down for seconds"),
];

/// Draws the rows.
pub(super) fn svg(rows: &[Value]) -> String {
    let drawn: Vec<(&str, &str, &Value)> = SCENARIOS
        .iter()
        .filter_map(|(name, words)| {
            let is_it =
                |row: &&Value| row["scenario"] == *name && row["historyMinutes"] == 30 && row["rps"] == 500.0;
            Some((*name, *words, rows.iter().find(is_it)?))
        })
        .collect();
    let share = |row: &Value, rule: &str| match rule {
        "" => row["rolledBack"].as_f64().unwrap_or(0.0),
        peer => row["peers"][peer]["falseRollbackRate"].as_f64().unwrap_or(0.0),
    };
    let largest =
        drawn.iter().flat_map(|(_, _, row)| RULES.map(|(key, ..)| share(row, key))).fold(0.02, f64::max);
    let step = [0.01, 0.02, 0.05, 0.1, 0.2].into_iter().find(|step| largest / step <= 6.0).unwrap_or(0.2);
    let end = (largest / step).ceil() * step;
    let x = |share: f64| LEFT + (WIDTH - LEFT - RIGHT) * share / end;
    let bottom = TOP + GROUP * drawn.len() as f64;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2933">
<title>Versions as good as stable that were rolled back</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="24" y="30" font-size="17" font-weight="600">Versions as good as stable that were rolled back</text>
<text x="24" y="48" fill="#6b7280">{runs} simulated rollouts of 12 min each, 5 %, 25 %, 50 % of 500 requests/s, 20 instances</text>
"##,
        height = bottom + 34.0,
        runs = runs(&drawn),
    );
    for (place, (_, name, colour)) in RULES.into_iter().enumerate() {
        let at = 24.0 + 190.0 * place as f64;
        let _ = writeln!(
            svg,
            r##"<rect x="{at}" y="60" width="10" height="10" fill="{colour}"/><text x="{}" y="69">{name}</text>"##,
            at + 16.0
        );
    }
    for tick in 0..=(end / step).round() as u32 {
        let share = f64::from(tick) * step;
        let _ = writeln!(
            svg,
            r##"<path d="M{at:.1} {TOP}V{bottom}" stroke="#e4e7eb"/><text x="{at:.1}" y="{}" text-anchor="middle" fill="#6b7280">{:.0} %</text>"##,
            bottom + 18.0,
            100.0 * share,
            at = x(share),
        );
    }
    for (place, (name, words, row)) in drawn.iter().enumerate() {
        let top = TOP + GROUP * place as f64 + 7.0;
        let _ = writeln!(
            svg,
            r##"<text x="{right}" y="{}" text-anchor="end" font-weight="600">{name}</text><text x="{right}" y="{}" text-anchor="end" fill="#6b7280">{words}</text>"##,
            top + 14.0,
            top + 30.0,
            right = LEFT - 12.0,
        );
        for (bar, (key, _, colour)) in RULES.into_iter().enumerate() {
            let (y, value) = (top + BAR * bar as f64, share(row, key));
            let _ = writeln!(
                svg,
                r##"<rect x="{LEFT}" y="{y}" width="{:.1}" height="{}" fill="{colour}"/><text x="{:.1}" y="{}" font-size="9">{:.1} %</text>"##,
                (x(value) - LEFT).max(1.0),
                BAR - 1.5,
                x(value) + 5.0,
                y + 7.5,
                100.0 * value,
            );
        }
    }
    svg + "</svg>\n"
}

/// `500`, or `200 to 500` where rows differ.
fn runs(drawn: &[(&str, &str, &Value)]) -> String {
    let all = || drawn.iter().filter_map(|(_, _, row)| row["runs"].as_u64());
    match (all().min(), all().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(0).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_row_gets_its_bars() {
        let row = serde_json::json!({
            "scenario": "bursts", "historyMinutes": 30, "rps": 500.0, "runs": 500, "rolledBack": 0.004,
            "peers": { "flagger": { "falseRollbackRate": 0.016 }, "argo": { "falseRollbackRate": 0.044 } },
        });
        let svg = svg(&[row, serde_json::json!({ "scenario": "unknown" })]);
        assert!(svg.contains("0.4 %") && svg.contains("4.4 %") && svg.contains("500 simulated"), "{svg}");
        assert_eq!(svg.matches("font-weight=\"600\">bursts").count(), 1);
    }
}
