//! The Date field of answers that come without one (RFC 9110 section 6.6.1), written once a second.

use std::time::SystemTime;

/// The time as text, kept while it holds.
#[derive(Debug, Default)]
pub(crate) struct Date {
    text: String,
    written_at_ms: u64,
}

impl Date {
    /// The text; `now_ms` is the worker's clock, and tells when to write it anew.
    pub(crate) fn text(&mut self, now_ms: u64) -> &[u8] {
        if self.text.is_empty() || now_ms.saturating_sub(self.written_at_ms) >= 1000 {
            self.text = httpdate::fmt_http_date(SystemTime::now());
            self.written_at_ms = now_ms;
        }
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_a_date_and_is_kept_for_a_second() {
        let mut date = Date::default();
        let first = String::from_utf8(date.text(0).to_vec()).unwrap();
        assert!(httpdate::parse_http_date(&first).is_ok(), "{first}");
        date.text = "kept".into();
        assert_eq!(date.text(999), b"kept");
        assert_ne!(date.text(1000), b"kept");
    }
}
