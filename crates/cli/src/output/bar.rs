//! Progress as blocks: `████████░░░░`.

/// How many of `width` cells are full at `percent`: 0 only at 0, all only at 100.
fn bar_cells(percent: f64, width: usize) -> usize {
    if !percent.is_finite() || percent <= 0.0 || width == 0 {
        return 0;
    }
    if percent >= 100.0 {
        return width;
    }
    // In (0, width) by the above, so the cast can't truncate.
    let cells = (percent / 100.0 * width as f64).round() as usize;
    cells.clamp(1, width.saturating_sub(1).max(1))
}

/// The bar as text.
pub(crate) fn bar(percent: f64, width: usize) -> String {
    let full = bar_cells(percent, width);
    "█".repeat(full) + &"░".repeat(width - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_only_when_done_and_empty_only_before() {
        assert_eq!(bar(0.0, 8), "░░░░░░░░");
        assert_eq!(bar(0.1, 8), "█░░░░░░░");
        assert_eq!(bar(50.0, 8), "████░░░░");
        assert_eq!(bar(99.9, 8), "███████░");
        assert_eq!(bar(100.0, 8), "████████");
        assert_eq!(bar(f64::NAN, 8), "░░░░░░░░");
        assert_eq!(bar(250.0, 4), "████");
        assert_eq!(bar(50.0, 1), "█");
        assert_eq!(bar(50.0, 0), "");
    }
}
