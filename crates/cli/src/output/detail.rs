//! What the full state knows beyond the status: the phases of the plan, and the questions of this one.
//!
//! Read leniently: a server that says less gives a shorter card, not an error.

use serde_json::Value;

use super::{Paint, clean, percent};

/// The extra parts of a card.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detail {
    /// Shares of the phases in percent, in order.
    phases: Vec<f64>,
    /// Whether it is answered, and its text.
    questions: Vec<(bool, String)>,
    /// Texts of warnings and of what was shown.
    findings: Vec<String>,
    /// What limits the analysis.
    notes: Vec<String>,
    /// Bounds of the health score that hold at every look: low, high.
    interval: Option<(f64, f64)>,
    /// Names of the two versions, stable first.
    versions: Option<(String, String)>,
}

impl Detail {
    /// Reads the answer of `GET /api/v1/rollouts/{name}`.
    pub(crate) fn read(answer: &Value) -> Detail {
        let list = |key: &str| answer.get(key).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(clean);
        let question = |q: &Value| Some((q.get("answered")?.as_bool()?, text(q, "text")?));
        let loud = |f: &&Value| f.get("strength").and_then(Value::as_str).is_some_and(|s| s != "quiet");
        let bound = |name: &str| answer.get("healthInterval")?.get(name)?.as_f64();
        let version = |name: &str| text(answer.get("versions")?.get(name)?, "version");
        Detail {
            phases: list("phases").filter_map(|p| p.get("percentage")?.as_f64()).collect(),
            questions: list("questions").filter_map(question).collect(),
            findings: list("findings").filter(loud).filter_map(|f| text(f, "text")).collect(),
            notes: list("notes").filter_map(Value::as_str).map(clean).collect(),
            interval: bound("low").zip(bound("high")),
            versions: version("stable").zip(version("canary")),
        }
    }

    /// ` (86.4 to 98.5)`: where the health score lies, if that is known; else nothing.
    pub(super) fn interval(&self) -> String {
        self.interval.map_or(String::new(), |(low, high)| format!(" ({low:.1} to {high:.1})"))
    }

    /// `1.4.2 → 1.5.0`, if the versions are known.
    pub(super) fn versions(&self) -> Option<String> {
        self.versions.as_ref().map(|(stable, canary)| format!("{stable} → {canary}"))
    }

    /// `5 % ✓ ── 25 % ● ── 50 % ── 100 %`: phases done, the present one, those to come.
    pub(super) fn track(&self, position: Option<u64>, done: bool, paint: Paint) -> Option<String> {
        if self.phases.is_empty() {
            return None;
        }
        let steps = self.phases.iter().enumerate().map(|(i, share)| {
            let share = percent(Some(*share));
            match position {
                _ if done => paint.green(&format!("{share} ✓")),
                Some(now) if (i as u64) < now => paint.green(&format!("{share} ✓")),
                Some(now) if i as u64 == now => paint.cyan(&format!("{share} ●")),
                _ => paint.dim(&share),
            }
        });
        Some(steps.collect::<Vec<_>>().join(" ── "))
    }

    /// A line a question, then a line a finding, then what limits them.
    pub(super) fn lines(&self, paint: Paint) -> Vec<String> {
        let question = |(answered, text): &(bool, String)| match answered {
            true => format!("{} {text}", paint.green("✓")),
            false => format!("{} {text}", paint.yellow("…")),
        };
        let findings = self.findings.iter().map(|text| format!("{} {text}", paint.red("!")));
        let notes = self.notes.iter().map(|text| format!("{} {}", paint.dim("i"), paint.dim(text)));
        self.questions.iter().map(question).chain(findings).chain(notes).collect()
    }
}
