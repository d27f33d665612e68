//! A text that must not be seen: it does not show itself in `Debug`, has no `Display`, and is not serialised.
//!
//! It keeps secrets out of logs by accident, not out of memory: nothing is wiped.

use std::fmt;

/// A secret text: a signing secret, a password, a URL that is the right to post.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("whsec_hidden");
        assert_eq!(
            format!("{:?} {:#?}", secret, Some(&secret)).replace(char::is_whitespace, ""),
            "…Some(…,)"
        );
        assert_eq!(secret.expose(), "whsec_hidden");
    }
}
