//! The known word nearest to a mistyped one. Not for texts: words are short.

/// The nearest of the known words, if not more than a third of it is wrong.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = |known: &str| (word.len().max(known.len()) / 3).max(1);
    let costs = known.iter().map(|known| (distance(word.as_bytes(), known.as_bytes()), *known));
    costs
        .filter(|(cost, known)| *cost <= allowed(known))
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, known)| known)
}

/// Insertions, deletions and substitutions. Source: Levenshtein (1966).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = substituted.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_none() {
        let known = ["bursts", "trend", "slow-burn"];
        for (slip, meant) in
            [("busrts", Some("bursts")), ("slowburn", Some("slow-burn")), ("trends", Some("trend"))]
        {
            assert_eq!(nearest(slip, &known), meant, "{slip}");
        }
        assert_eq!((nearest("", &known), nearest("banana", &known)), (None, None));
    }
}
