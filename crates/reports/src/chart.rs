//! A line chart as SVG: time from left to right, one line a version. No script, no font, no request.
//!
//! Lines differ in form as well as colour, so that it reads in grey; phases stand behind as bands with their share.

use std::fmt::Write as _;

use crate::words::{number, time};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;
/// Marks of the value axis, about.
const MARKS: f64 = 4.0;

/// A chart.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line>,
    /// Bands behind: from, to (ms) and the words on them.
    pub(crate) bands: Vec<(i64, i64, String)>,
    /// A line across, with its words.
    pub(crate) limit: Option<(f64, String)>,
    /// Moments that are marked, with words.
    pub(crate) marks: Vec<(i64, String)>,
    /// Where the value axis ends; none = above the largest value.
    pub(crate) top: Option<f64>,
    /// Whether the value axis counts powers of ten.
    pub(crate) is_log: bool,
}

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    /// Time in ms and value; a gap where nothing was seen.
    pub(crate) points: Vec<(i64, Option<f64>)>,
}

/// Where values and times stand.
struct Scale {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    fn x(&self, at: i64) -> f64 {
        let share = (at - self.from) as f64 / (self.to - self.from).max(1) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let placed = if self.is_log { value.max(self.low).log10() } else { value };
        let (low, high) =
            if self.is_log { (self.low.log10(), self.high.log10()) } else { (self.low, self.high) };
        let share = (placed - low) / (high - low);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }
}

impl Chart {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value))
    }

    /// What the chart shows, for those who don't see it.
    pub(crate) fn in_words(&self) -> String {
        let of = |line: &Line| {
            let seen: Vec<f64> = line.points.iter().filter_map(|(_, v)| *v).collect();
            let (Some(last), most) = (seen.last(), seen.iter().copied().fold(f64::MIN, f64::max)) else {
                return format!("{}: nothing was seen", line.name);
            };
            let least = seen.iter().copied().fold(f64::MAX, f64::min);
            let unit = &self.unit;
            format!(
                "{}: {} to {} {unit}, {} {unit} at the end",
                line.name,
                number(least),
                number(most),
                number(*last)
            )
        };
        self.lines.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    fn scale(&self) -> Scale {
        let times = || self.lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at));
        let bands = || self.bands.iter().flat_map(|(from, to, _)| [*from, *to]);
        let from = times().chain(bands()).min().unwrap_or(0);
        let to = times().chain(bands()).max().unwrap_or(from + 1);
        let limit = self.limit.as_ref().map(|(value, _)| *value);
        let most = self.values().chain(limit).fold(0.0, f64::max);
        if self.is_log {
            let high = 10_f64.powf(most.max(10.0).log10().ceil().min(30.0));
            return Scale { from, to, low: 0.1, high, is_log: true };
        }
        let high = self.top.unwrap_or(if most > 0.0 { nice(most * 1.05) } else { 1.0 });
        Scale { from, to, low: 0.0, high, is_log: false }
    }

    /// The picture.
    pub(crate) fn svg(&self, escape: impl Fn(&str) -> String) -> String {
        let scale = self.scale();
        let mut out = format!(
            "<figure><figcaption>{} <span class=\"unit\">{}</span></figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title),
            escape(&self.unit),
            escape(&format!("{}. {}", self.title, self.in_words()))
        );
        self.behind(&scale, &escape, &mut out);
        self.axes(&scale, &escape, &mut out);
        for (place, line) in self.lines.iter().enumerate() {
            let _ = write!(out, "<path class=\"line l{place}\" d=\"{}\"/>", path(line, &scale));
        }
        out += "</svg><p class=\"legend\">";
        for (place, line) in self.lines.iter().enumerate() {
            let _ = write!(
                out,
                "<span><svg viewBox=\"0 0 28 8\" class=\"key\" aria-hidden=\"true\"><path class=\"line l{place}\" d=\"M0 4H28\"/></svg>{}</span>",
                escape(&line.name)
            );
        }
        out + "</p></figure>"
    }

    fn behind(&self, scale: &Scale, escape: &impl Fn(&str) -> String, out: &mut String) {
        let floor = HEIGHT - BOTTOM;
        for (place, (from, to, words)) in self.bands.iter().enumerate() {
            let (left, right) = (scale.x(*from), scale.x(*to));
            let _ = write!(
                out,
                "<rect class=\"band b{}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                place % 2,
                (right - left).max(0.5),
                floor - TOP
            );
            if right - left > 34.0 {
                let _ = write!(
                    out,
                    "<text class=\"share\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    left + 4.0,
                    TOP + 11.0,
                    escape(words)
                );
            }
        }
        for (at, words) in &self.marks {
            let x = scale.x(*at);
            let _ = write!(
                out,
                "<path class=\"mark\" d=\"M{x:.1} {TOP}V{floor}\"><title>{}</title></path>",
                escape(words)
            );
        }
        if let Some((value, words)) = &self.limit {
            let y = scale.y(*value);
            let _ = write!(
                out,
                "<path class=\"limit\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"limit-word\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT - 4.0,
                y - 4.0,
                escape(words)
            );
        }
    }

    fn axes(&self, scale: &Scale, escape: &impl Fn(&str) -> String, out: &mut String) {
        for value in marks(scale) {
            let y = scale.y(value);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 3.5,
                escape(&number(value))
            );
        }
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let at = scale.from + ((scale.to - scale.from) as f64 * share) as i64;
            let anchor = if share == 0.0 {
                "start"
            } else if share == 1.0 {
                "end"
            } else {
                "middle"
            };
            let _ = write!(
                out,
                "<text class=\"time\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                scale.x(at),
                HEIGHT - BOTTOM + 16.0,
                time(at)
            );
        }
    }
}

/// Values to mark.
fn marks(scale: &Scale) -> Vec<f64> {
    if scale.is_log {
        let (low, high) = (scale.low.log10().round() as i32, scale.high.log10().round() as i32);
        let step = ((high - low) as f64 / MARKS).ceil().max(1.0) as usize;
        return (low..=high).step_by(step).map(|power| 10_f64.powi(power)).collect();
    }
    let step = nice(scale.high / MARKS);
    (0..).map(|n| f64::from(n) * step).take_while(|value| *value <= scale.high * 1.001).collect()
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let fits = |of: &&f64| **of * power >= value * 0.999;
    power * [1.0, 2.0, 2.5, 5.0, 10.0].iter().find(fits).unwrap_or(&10.0)
}

fn path(line: &Line, scale: &Scale) -> String {
    let mut out = String::new();
    let mut is_open = false;
    for (at, value) in &line.points {
        match value {
            Some(value) => {
                let _ = write!(
                    out,
                    "{}{:.1} {:.1}",
                    if is_open { 'L' } else { 'M' },
                    scale.x(*at),
                    scale.y(*value)
                );
                // A single point is seen too.
                if !is_open {
                    out += "h0.1";
                }
                is_open = true;
            }
            None => is_open = false,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(is_log: bool) -> Chart {
        Chart {
            title: "Errors <of all>".into(),
            unit: "%".into(),
            lines: vec![Line {
                name: "canary".into(),
                points: vec![(0, Some(1.0)), (1000, None), (2000, Some(3.0))],
            }],
            bands: vec![(0, 2000, "5 %".into())],
            limit: Some((2.0, "limit".into())),
            marks: vec![(1500, "decided".into())],
            top: None,
            is_log,
        }
    }

    #[test]
    fn a_gap_is_a_gap_and_everything_stays_inside() {
        let svg = chart(false).svg(|text| text.replace('<', "&lt;").replace('>', "&gt;"));
        assert!(svg.contains("Errors &lt;of all&gt;") && !svg.contains("<of all>"));
        assert_eq!(svg.matches("M56.0 ").count() + svg.matches("M748.0 ").count(), 2, "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(chart(false).in_words(), "canary: 1 to 3 %, 3 % at the end");
    }

    #[test]
    fn steps_are_round_numbers() {
        assert_eq!([0.7, 1.0, 3.0, 12.0, 0.031].map(nice), [1.0, 1.0, 5.0, 20.0, 0.05]);
        let scale = chart(true).scale();
        assert_eq!((scale.low, scale.high), (0.1, 10.0));
        assert_eq!(marks(&scale), [0.1, 1.0, 10.0]);
        let nothing = Chart { lines: vec![], bands: vec![], limit: None, marks: vec![], ..chart(false) };
        assert!(!nothing.svg(str::to_owned).contains("NaN"));
    }
}
