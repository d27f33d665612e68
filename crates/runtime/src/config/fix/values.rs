//! Each single value of a text with where it stands, for checks that look at what was written, whatever it means.

use std::ops::Range;

use super::outline::{Shape, Twig};
use super::path::Path;
use super::work::place_of;
use crate::config::tree::Place;

/// A single value as it stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenValue {
    /// The way to it, such as `versions.stable.url`.
    pub path: String,
    /// The last key on the way; empty for a text that is one value.
    pub key: String,
    /// As written, without quotes; escapes stand as they are.
    pub text: String,
    /// Its bytes in the text, without quotes.
    pub span: Range<usize>,
    /// Where it begins.
    pub place: Place,
}

/// Every single value of a config text, in written order; what an alias repeats stands once. None for a text that can't
/// be read.
pub fn values(text: &str) -> Vec<WrittenValue> {
    let mut found = vec![];
    if let Some(twig) = Twig::of(text) {
        collect(&twig, &Path::default(), "", text, &mut found);
    }
    found
}

fn collect(twig: &Twig, path: &Path, key: &str, text: &str, found: &mut Vec<WrittenValue>) {
    match &twig.shape {
        Shape::List { items, .. } => {
            items.iter().enumerate().for_each(|(i, item)| collect(item, &path.item(i), key, text, found));
        }
        Shape::Map { entries, .. } => entries.iter().for_each(|(name, value)| {
            let name = name.word(text);
            collect(value, &path.key(name), name, text, found);
        }),
        Shape::Alias => {}
        Shape::Plain | Shape::Quoted(_) | Shape::Lines => {
            let quote = usize::from(matches!(twig.shape, Shape::Quoted(_)));
            let span = twig.span.start + quote..twig.span.end.saturating_sub(quote);
            if let Some(written) = text.get(span.clone()) {
                found.push(WrittenValue {
                    path: path.to_string(),
                    key: key.to_owned(),
                    text: written.to_owned(),
                    place: place_of(text, twig.span.start),
                    span,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_way_and_its_bytes() {
        let text = "a:\n  - { b: 'x y', c: 5 }\nd: \"é\"  # no\n";
        let seen: Vec<(String, String, usize)> =
            values(text).into_iter().map(|v| (v.path, text[v.span].to_owned(), v.place.line)).collect();
        let want = [("a[0].b", "x y", 2), ("a[0].c", "5", 2), ("d", "é", 3)];
        assert_eq!(seen, want.map(|(path, text, line)| (path.to_owned(), text.to_owned(), line)));
        assert!(values("a: [").is_empty());
    }
}
