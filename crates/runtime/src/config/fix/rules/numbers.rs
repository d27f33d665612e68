//! Numbers that are written as a text: in quotes, with a percent sign, with their unit.

use super::{Look, Proposal};
use crate::config::duration;
use crate::config::fix::op::Op;
use crate::config::fix::walk::{Found, fits, walk};
use crate::config::table::{Kind, Range};
use crate::config::tree::{Node, Resolved, Scalar, Value};

/// `"5"`, `5%` or `500ms` where a number is wanted.
pub(super) fn written_as_text(look: &Look<'_>) -> Vec<Proposal> {
    let propose = |found| {
        let Found::Wrong { kind, node, at, .. } = found else { return None };
        let Value::Scalar(scalar) = &node.value else { return None };
        let range = range_of(kind).filter(|_| scalar.resolved == Resolved::Text)?;
        let number = number(&scalar.text, range)?;
        let is_good = fits(kind, &Node::built(Value::Scalar(number.clone())));
        is_good.then(|| Proposal {
            rule: "number-as-text",
            message: format!("{} is written as the number {}", scalar.found(), number.text),
            ops: vec![Op::Set { at: at.clone(), to: number }],
            at,
        })
    };
    walk(look.tree, look.bare).into_iter().filter_map(propose).collect()
}

fn range_of(kind: &'static Kind) -> Option<&'static Range> {
    match kind {
        Kind::Number(range) | Kind::Integer(range) => Some(range),
        Kind::Or(kinds) => kinds.iter().find_map(range_of),
        _ => None,
    }
}

/// The number a text means, in the unit of its key.
fn number(text: &str, range: &Range) -> Option<Scalar> {
    let text = text.trim();
    if range.unit == "ms"
        && let Some(time) = duration::in_words(text)
    {
        return Some(Scalar::plain((time.as_secs_f64() * 1000.0).to_string()));
    }
    let is_share = range.unit.starts_with("percent") || range.max == 100.0;
    let bare = text.strip_suffix('%').filter(|_| is_share).unwrap_or(text).trim_end();
    let number = Scalar::plain(bare);
    // `0x10`, `1e3` and `.inf` are numbers too, but hardly what somebody meant who wrote a text.
    let is_usual = bare.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
    (is_usual && matches!(number.resolved, Resolved::Number(_))).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_the_unit_of_its_key() {
        let share = Range::new(0.0, 100.0, "percent");
        let score = Range::new(0.0, 100.0, "");
        let ms = Range::new(0.0, 3_600_000.0, "ms");
        let port = Range::new(1.0, 65_535.0, "TCP port");
        let cases = [
            ("5", &port, Some("5")),
            ("5%", &share, Some("5")),
            (" 0.5 % ", &share, Some("0.5")),
            ("70%", &score, Some("70")),
            ("5%", &port, None),
            ("500ms", &ms, Some("500")),
            ("1.5 s", &ms, Some("1500")),
            ("500", &ms, Some("500")),
            ("0,5", &share, None),
            ("five", &share, None),
            ("0x10", &port, None),
        ];
        for (text, range, want) in cases {
            assert_eq!(number(text, range).map(|n| n.text).as_deref(), want, "{text}");
        }
    }
}
