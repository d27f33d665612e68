//! A few measurements of one thing: median, smallest, largest.
//!
//! With five or so rounds nothing finer is honest; a standard deviation would suggest more than is known.

use std::fmt;

/// Measurements, in the unit of whoever made them.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    /// Collects; what is not finite is left out.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Spread(values)
    }

    /// The middle one; the mean of the two middle ones of an even number; none of none.
    pub(crate) fn median(&self) -> Option<f64> {
        let half = self.0.len() / 2;
        let upper = self.0.get(half)?;
        if self.0.len() % 2 == 1 { Some(*upper) } else { Some((self.0[half - 1] + upper) / 2.0) }
    }

    /// `median [min..max]` with so many decimals and a unit behind the median; `–` for none.
    pub(crate) fn shown(&self, decimals: usize, unit: &str) -> String {
        match (self.median(), self.0.first(), self.0.last()) {
            (Some(median), Some(min), Some(max)) => {
                format!("{median:.decimals$}{unit} [{min:.decimals$}..{max:.decimals$}]")
            }
            _ => "–".to_owned(),
        }
    }
}

/// Lines up columns: the first to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Table {
        Table { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
                if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_none() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).shown(1, "x"), "2.0x [1.0..3.0]");
        assert_eq!(Spread::of([4.0, 1.0]).median(), Some(2.5));
        assert_eq!(Spread::of([f64::NAN]).shown(1, ""), "–");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["a", "µs"]);
        table.row(vec!["long".to_owned(), "1.5".to_owned()]);
        assert_eq!(table.to_string(), "a      µs\nlong  1.5\n");
    }
}
