//! One value or one key: its bytes are replaced, and nothing else.

use super::render;
use crate::config::fix::outline::{Shape, Twig};
use crate::config::fix::work::{Part, replaced};
use crate::config::tree::Scalar;

/// Another value in the place of this one.
pub(super) fn set(twig: &Twig, to: &Scalar, text: &str) -> Option<Vec<Part>> {
    is_one_word(twig).then(|| replaced(text.len(), [(twig.span.clone(), render::instead_of(twig, to))]))
}

/// The value in brackets.
pub(super) fn wrap(twig: &Twig, text: &str) -> Option<Vec<Part>> {
    let (start, end) = (twig.span.start, twig.span.end);
    let brackets = [(start..start, "[".to_owned()), (end..end, "]".to_owned())];
    (is_one_word(twig) && !twig.decorated).then(|| replaced(text.len(), brackets))
}

/// Another name for a key.
pub(super) fn rename(key: &Twig, to: &str, text: &str) -> Option<Vec<Part>> {
    is_one_word(key).then(|| replaced(text.len(), [(key.span.clone(), render::key_like(key, to))]))
}

fn is_one_word(twig: &Twig) -> bool {
    matches!(twig.shape, Shape::Plain | Shape::Quoted(_)) && !twig.span.is_empty()
}
