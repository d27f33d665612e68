//! The known word nearest to an unknown one.
//!
//! Optimal string alignment distance: insertions, deletions, substitutions and swapped neighbours
//! cost one each; letters of another case are the same. A word is near when about a third of it is wrong.

/// Longer words are not compared: nobody mistypes one, and the cost is quadratic.
const WORD_MAX: usize = 64;

/// The nearest of the known words, if one is near; of several that are as near, the first.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(word, known).into_iter().min_by_key(|(cost, _)| *cost).map(|(_, word)| word)
}

/// The nearest of the known words, if one is near and no other is as near.
pub(super) fn nearest_alone<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = near(word, known);
    let least = near.iter().map(|(cost, _)| *cost).min()?;
    let mut nearest = near.iter().filter(|(cost, _)| *cost == least);
    nearest.next().filter(|_| nearest.next().is_none()).map(|(_, word)| *word)
}

/// The known words that are near, each with what is wrong.
fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_MAX + 1).collect();
    if word.is_empty() || word.len() > WORD_MAX {
        return vec![];
    }
    let cost = |candidate: &'a str| {
        let letters: Vec<char> = candidate.to_lowercase().chars().collect();
        let cost = distance(&word, &letters);
        let allowed = (word.len().max(letters.len()) / 3).max(1);
        (cost <= allowed).then_some((cost, candidate))
    };
    known.into_iter().filter_map(cost).collect()
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_slips_find_their_word_and_strangers_find_none() {
        let known = ["percentage", "duration", "riskScore", "successCriteria"];
        for (slip, want) in [
            ("percentge", "percentage"),
            ("duraiton", "duration"),
            ("risk_score", "riskScore"),
            ("RISKSCORE", "riskScore"),
        ] {
            assert_eq!(nearest(slip, known), Some(want), "{slip}");
        }
        for stranger in ["", "x", "banana", &"p".repeat(500)] {
            assert_eq!(nearest(stranger, known), None, "{stranger}");
        }
    }
}
