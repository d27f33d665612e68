//! A picture of a simulation: which share of the runs each rule had rolled back, by time.
//!
//! A small SVG of its own, without fonts or scripts from elsewhere. Time is logarithmic, so that seconds and minutes
//! both can be read.

use std::fmt::Write as _;

use crate::peers;
use crate::run::Ruled;
use crate::simulate::{Figures, Simulation};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 496.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 58.0;
/// Points of time that get a line, seconds, with their names.
const TICKS: [(f64, &str); 13] = [
    (0.1, "0.1 s"),
    (0.3, "0.3 s"),
    (1.0, "1 s"),
    (3.0, "3 s"),
    (10.0, "10 s"),
    (30.0, "30 s"),
    (60.0, "1 min"),
    (180.0, "3 min"),
    (360.0, "6 min"),
    (900.0, "15 min"),
    (1800.0, "30 min"),
    (3600.0, "1 h"),
    (10_800.0, "3 h"),
];
/// Where the axis of shares may end.
const HEIGHTS: [f64; 7] = [0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 1.0];
/// A colour for each rule: ours, then those of [`peers::NAMES`].
const COLOURS: [&str; 5] = ["#0a7d5a", "#d97706", "#b45309", "#2563eb", "#9333ea"];
const INK: &str = "#1f2933";
const FAINT: &str = "#6b7280";

/// One rule's curve.
struct Curve {
    name: &'static str,
    colour: &'static str,
    figures: Figures,
    /// Seconds from the onset, in order.
    delays: Vec<f64>,
}

/// Where things are.
struct Frame {
    time: (f64, f64),
    share_max: f64,
    runs: f64,
}

impl Frame {
    fn x(&self, seconds: f64) -> f64 {
        let (low, high) = (self.time.0.ln(), self.time.1.ln());
        let part = (seconds.clamp(self.time.0, self.time.1).ln() - low) / (high - low);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, share: f64) -> f64 {
        HEIGHT - BOTTOM - share.min(self.share_max) / self.share_max * (HEIGHT - TOP - BOTTOM)
    }
}

/// The picture of a simulation as SVG text.
pub fn rolled_back_by_time(simulation: &Simulation) -> String {
    let summary = &simulation.summary;
    let curves = curves(simulation);
    let look = summary.settings.look_seconds;
    let end = (summary.settings.for_seconds - summary.settings.onset_seconds).max(2.0 * look);
    let runs = simulation.runs.len() as f64;
    let highest = curves.iter().map(|c| c.delays.len() as f64 / runs).fold(0.0, f64::max);
    // Where little is rolled back, the promise itself must be visible.
    let least = if summary.is_regression { 1.0 } else { highest.max(2.0 * summary.settings.alpha) };
    let share_max = HEIGHTS.into_iter().find(|height| *height >= least).unwrap_or(1.0);
    let frame = Frame { time: (0.8 * look, 1.05 * end), share_max, runs };
    let mut svg = String::new();
    head(&mut svg, simulation);
    axes(&mut svg, &frame, summary.is_regression);
    if !summary.is_regression {
        promise(&mut svg, &frame, summary.settings.alpha);
    }
    for curve in curves.iter().rev() {
        draw(&mut svg, &frame, curve);
    }
    legend(&mut svg, &curves, summary.is_regression);
    svg.push_str("</svg>\n");
    svg
}

fn curves(simulation: &Simulation) -> Vec<Curve> {
    let summary = &simulation.summary;
    let onset = summary.settings.onset_seconds;
    let delays = |pick: &dyn Fn(usize) -> Ruled| {
        let all = (0..simulation.runs.len()).filter_map(|i| pick(i).at).map(|at| at - onset);
        let mut delays: Vec<f64> = all.filter(|delay| !summary.is_regression || *delay > 0.0).collect();
        delays.sort_by(f64::total_cmp);
        delays
    };
    let ours = Curve {
        name: "fw",
        colour: COLOURS[0],
        figures: summary.figures,
        delays: delays(&|i| simulation.runs[i].ours),
    };
    let others = peers::NAMES.into_iter().enumerate().map(|(peer, name)| Curve {
        name,
        colour: COLOURS[peer + 1],
        figures: summary.peers.get(name).map(|p| p.figures).unwrap_or_default(),
        delays: delays(&|i| simulation.runs[i].peers[peer]),
    });
    std::iter::once(ours).chain(others).collect()
}

fn text(svg: &mut String, at: (f64, f64), size: f64, colour: &str, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a String can't fail.
    let _ = writeln!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{words}</text>"#,
        at.0, at.1
    );
}

fn head(svg: &mut String, simulation: &Simulation) {
    let summary = &simulation.summary;
    let settings = &summary.settings;
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="Inter, 'Segoe UI', Helvetica, Arial, sans-serif">
    <rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
    );
    let title = if summary.is_regression {
        "How soon a bad canary is rolled back"
    } else {
        "How often a canary that is no worse is rolled back"
    };
    text(svg, (LEFT, 30.0), 19.0, INK, "start", title);
    let share = settings.phases_percent.first().copied().unwrap_or_default();
    let below = format!(
        "{} · {share} % of {} requests/s · stable fails {} % · {} runs",
        summary.scenario, settings.rps, settings.stable_errors_percent, settings.runs
    );
    text(svg, (LEFT, 52.0), 13.0, FAINT, "start", &below);
}

fn axes(svg: &mut String, frame: &Frame, is_regression: bool) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for step in 0..=4 {
        let share = frame.share_max * f64::from(step) / 4.0;
        let y = frame.y(share);
        let colour = if step == 0 { "#9aa5b1" } else { "#e4e7eb" };
        let _ = writeln!(svg, r#"<path d="M{LEFT} {y:.1}H{right}" stroke="{colour}"/>"#);
        let percent = 100.0 * share;
        let words =
            if frame.share_max < 0.04 { format!("{percent:.1} %") } else { format!("{percent:.0} %") };
        text(svg, (LEFT - 8.0, y + 4.0), 12.0, FAINT, "end", &words);
    }
    let mut last = f64::NEG_INFINITY;
    for (seconds, name) in TICKS.into_iter().filter(|(s, _)| (frame.time.0..=frame.time.1).contains(s)) {
        let x = frame.x(seconds);
        let _ = writeln!(svg, r##"<path d="M{x:.1} {TOP}V{bottom}" stroke="#f0f2f5"/>"##);
        if x - last > 44.0 {
            text(svg, (x, bottom + 20.0), 12.0, FAINT, "middle", name);
            last = x;
        }
    }
    let middle = 0.5 * (LEFT + right);
    let since = if is_regression { "the canary became bad" } else { "the rollout began" };
    let words = format!("time since {since} (logarithmic)");
    text(svg, (middle, bottom + 42.0), 12.0, FAINT, "middle", &words);
    text(svg, (LEFT, TOP - 12.0), 12.0, FAINT, "start", "share of runs rolled back");
}

fn promise(svg: &mut String, frame: &Frame, alpha: f64) {
    let (y, right) = (frame.y(alpha), WIDTH - RIGHT);
    let _ =
        writeln!(svg, r#"<path d="M{LEFT} {y:.1}H{right}" stroke="{}" stroke-dasharray="5 4"/>"#, COLOURS[0]);
    let words = format!("promised: at most {} %", 100.0 * alpha);
    text(svg, (LEFT + 6.0, y - 6.0), 12.0, COLOURS[0], "start", &words);
}

fn draw(svg: &mut String, frame: &Frame, curve: &Curve) {
    let mut path = format!("M{:.1} {:.1}", frame.x(frame.time.0), frame.y(0.0));
    for (i, delay) in curve.delays.iter().enumerate() {
        // One corner for each time, at its last run.
        if curve.delays.get(i + 1).is_some_and(|next| next == delay) {
            continue;
        }
        let _ = write!(path, "H{:.1}V{:.1}", frame.x(*delay), frame.y((i + 1) as f64 / frame.runs));
    }
    let _ = write!(path, "H{:.1}", WIDTH - RIGHT);
    let width = if curve.name == "fw" { 3.2 } else { 2.0 };
    let _ = writeln!(
        svg,
        r#"<path d="{path}" fill="none" stroke="{}" stroke-width="{width}" stroke-linejoin="round"/>"#,
        curve.colour
    );
}

fn legend(svg: &mut String, curves: &[Curve], is_regression: bool) {
    let x = WIDTH - RIGHT + 20.0;
    for (i, curve) in curves.iter().enumerate() {
        let y = TOP + 16.0 + 46.0 * i as f64;
        let _ = writeln!(
            svg,
            r#"<path d="M{x} {:.1}h22" stroke="{}" stroke-width="{}"/>"#,
            y - 4.0,
            curve.colour,
            if i == 0 { 3.2 } else { 2.0 }
        );
        text(svg, (x + 30.0, y), 14.0, INK, "start", curve.name);
        let share = |s: Option<f64>| s.map_or(String::new(), |s| format!("{:.0} %", 100.0 * s));
        let words = match (is_regression, curve.figures.mean_seconds) {
            (true, Some(seconds)) if curve.figures.detected_share < Some(1.0) => {
                format!("{}, mean {}", share(curve.figures.detected_share), time(seconds))
            }
            (true, Some(seconds)) => format!("mean {}", time(seconds)),
            (true, None) => "not found".into(),
            (false, _) => {
                let rate = curve.figures.false_rollback_rate.unwrap_or_default();
                format!("{:.1} % of runs", 100.0 * rate)
            }
        };
        text(svg, (x + 30.0, y + 17.0), 12.0, FAINT, "start", &words);
    }
}

/// `4.6 s` or `6.0 min`.
fn time(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::Setup;

    #[test]
    fn the_picture_is_closed_and_names_every_rule() {
        for scenario in ["healthy", "error-rate=20%"] {
            let setup = Setup {
                plan: Arc::new(crate::built_in_plan("a".parse().unwrap())),
                scenario: scenario.parse().unwrap(),
                rps: 100.0,
                stable_errors: 0.001,
                look_ms: 1000,
                horizon_ms: 30_000,
                metrics: false,
                instances: (1, 1),
                history: None,
            };
            let svg = rolled_back_by_time(&crate::simulate(&setup, 2, 1, &|_| {}).unwrap());
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(peers::NAMES.iter().all(|name| svg.contains(name)) && !svg.contains("NaN"), "{svg}");
            assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        }
    }
}
