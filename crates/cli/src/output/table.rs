//! Aligned columns, as wide as their widest cell. Cells are counted in characters.

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Columns between two cells.
const GAP: usize = 3;

/// The lines of a table, the head first. Rows may be shorter than the head.
pub(crate) fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate().take(head.len()) {
            let pad = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            let gap = if column > 0 { " ".repeat(GAP) } else { String::new() };
            match head[column].1 {
                Align::Left => text.push_str(&format!("{gap}{cell}{pad}")),
                Align::Right => text.push_str(&format!("{gap}{pad}{cell}")),
            }
        }
        text.trim_end().to_owned()
    };
    let names: Vec<String> = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    std::iter::once(line(&names)).chain(rows.iter().map(|row| line(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads() {
        let rows = vec![vec!["checkout".into(), "25 %".into()], vec!["a".into(), "100 %".into()]];
        let lines = table(&[("NAME", Align::Left), ("SHARE", Align::Right)], &rows);
        assert_eq!(lines, ["NAME       SHARE", "checkout    25 %", "a          100 %"]);
    }
}
