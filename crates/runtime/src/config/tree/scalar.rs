//! Scalars by the core schema of YAML 1.2.2, section 10.3.2.
//!
//! Only unquoted text can be a number, a truth value or nothing; `yes`, `on` and `1:30` are texts,
//! as YAML 1.2 has it. JSON values are a subset and take the same form.

/// What a scalar is by the core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Resolved {
    /// `null`, `~` or no value at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number, also `.inf` and `.nan`.
    Number(f64),
    /// Anything else, and all that is quoted.
    Text,
}

/// A scalar: its text as written (without quotes), and what it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// As written, escapes undone.
    pub(crate) text: String,
    /// By the core schema.
    pub(crate) resolved: Resolved,
}

/// Longest text repeated in a message, characters.
const SHOWN_MAX: usize = 60;

impl Scalar {
    /// A text, whatever it looks like.
    pub(crate) fn text(text: impl Into<String>) -> Scalar {
        Scalar { text: text.into(), resolved: Resolved::Text }
    }

    /// A number.
    pub(crate) fn number(number: f64) -> Scalar {
        Scalar { text: number.to_string(), resolved: Resolved::Number(number) }
    }

    /// A truth value.
    pub(crate) fn boolean(value: bool) -> Scalar {
        Scalar { text: value.to_string(), resolved: Resolved::Bool(value) }
    }

    /// An unquoted scalar.
    pub(crate) fn plain(text: impl Into<String>) -> Scalar {
        let text = text.into();
        let resolved = resolve(&text);
        Scalar { text, resolved }
    }

    /// The number, if it is one.
    pub(crate) fn as_number(&self) -> Option<f64> {
        match self.resolved {
            Resolved::Number(number) => Some(number),
            Resolved::Null | Resolved::Bool(_) | Resolved::Text => None,
        }
    }

    /// In words, for "expected X, found Y".
    pub(crate) fn found(&self) -> String {
        match self.resolved {
            Resolved::Null => "no value".into(),
            Resolved::Bool(value) => format!("the truth value {value}"),
            Resolved::Number(_) => format!("the number {}", shown(&self.text)),
            Resolved::Text => format!("the text {:?}", shown(&self.text)),
        }
    }
}

/// The text, cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}

fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    number(text).map_or(Resolved::Text, Resolved::Number)
}

fn number(text: &str) -> Option<f64> {
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return radix(hex, 16);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    // Rust's own reader also takes words such as `inf`; YAML wants a digit or a point first.
    let bytes = unsigned.as_bytes();
    let starts_well = match bytes {
        [b'0'..=b'9', ..] => true,
        [b'.', second, ..] => second.is_ascii_digit(),
        _ => false,
    };
    let well_formed = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    (starts_well && well_formed).then(|| text.parse().ok()).flatten()
}

fn radix(digits: &str, radix: u32) -> Option<f64> {
    let sound = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    // A config's numbers are far below 2^53; larger ones only have to be refused as out of range.
    sound.then(|| u64::from_str_radix(digits, radix).unwrap_or(u64::MAX) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_decides_what_is_a_number() {
        let numbers =
            [("5", 5.0), ("-0.5", -0.5), (".5", 0.5), ("1e3", 1000.0), ("0x1F", 31.0), ("0o17", 15.0)];
        for (text, want) in numbers {
            assert_eq!(Scalar::plain(text).resolved, Resolved::Number(want), "{text}");
        }
        for text in ["yes", "on", "1:30", "inf", "nan", "1_000", "0x", "0xg", "1.2.3", "-", ".", "e3", "+-5"]
        {
            assert_eq!(Scalar::plain(text).resolved, Resolved::Text, "{text}");
        }
        assert_eq!(Scalar::plain("-.inf").resolved, Resolved::Number(f64::NEG_INFINITY));
        assert_eq!(Scalar::plain("~").resolved, Resolved::Null);
        assert_eq!(Scalar::plain("True").resolved, Resolved::Bool(true));
    }
}
