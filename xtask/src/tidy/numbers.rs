//! The five numbers that `cargo xtask tidy` prints, and how far each may go.
//!
//! File lengths are without tests, over files that hold product or tool code; they describe the house at a
//! glance, the single faults are found in `rules`.

use super::functions::functions;
use super::items::items;
use super::rules::{FILE_LINES_MAX, FUNCTION_LINES_MAX, Fault, has_module_docs};
use super::source::Source;

/// The most lines that nine files of ten may have.
pub(crate) const FILE_P90_MAX: usize = 400;

/// The five numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Nine files of ten are this long or shorter, in lines.
    pub(crate) file_p90: usize,
    /// The longest file: its lines and its path.
    pub(crate) longest: (usize, String),
    /// Functions above [`FUNCTION_LINES_MAX`].
    pub(crate) long_functions: usize,
    /// Files that open with `//!`, and all files.
    pub(crate) module_docs: (usize, usize),
    /// `pub` items with documentation, and all `pub` items.
    pub(crate) documented: (usize, usize),
}

impl Numbers {
    /// Counts.
    pub(crate) fn of(sources: &[Source]) -> Numbers {
        let code = sources.iter().filter(|source| !source.is_test_file());
        let mut lengths: Vec<(usize, String)> = code.map(|s| (s.product_lines(), s.path.clone())).collect();
        lengths.sort();
        // Nearest rank: the smallest length that at least 90 % of files do not exceed.
        let rank = (lengths.len() * 9).div_ceil(10).saturating_sub(1);
        let all_items: Vec<_> = sources.iter().flat_map(items).collect();
        let long =
            |source: &Source| functions(source).iter().filter(|f| f.length > FUNCTION_LINES_MAX).count();
        Numbers {
            file_p90: lengths.get(rank).map_or(0, |(lines, _)| *lines),
            longest: lengths.last().cloned().unwrap_or_default(),
            long_functions: sources.iter().map(long).sum(),
            module_docs: (sources.iter().filter(|source| has_module_docs(source)).count(), sources.len()),
            documented: (all_items.iter().filter(|item| item.documented).count(), all_items.len()),
        }
    }

    /// What no single file shows.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        if self.file_p90 <= FILE_P90_MAX {
            return Vec::new();
        }
        vec![Fault::new(".", 0, format!("file p90 is {} lines, {FILE_P90_MAX} allowed", self.file_p90))]
    }

    /// Prints one line a number, with its limit.
    pub(crate) fn print(&self) {
        let share = |(part, all): (usize, usize)| {
            let percent = if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 };
            format!("{percent:.1} % ({part} of {all})")
        };
        println!("file length p90         {} lines (at most {FILE_P90_MAX})", self.file_p90);
        println!(
            "longest file            {} lines (at most {FILE_LINES_MAX}): {}",
            self.longest.0, self.longest.1
        );
        println!("functions over {FUNCTION_LINES_MAX} lines {} (none allowed)", self.long_functions);
        println!("files with module docs  {}", share(self.module_docs));
        println!("documented pub items    {}", share(self.documented));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_small_house() {
        let text = |lines: usize| format!("//! Docs.\n{}", "mod a;\n".repeat(lines - 1));
        let mut sources: Vec<Source> =
            (1..=10).map(|n| Source::new(&format!("crates/a/src/{n}.rs"), &text(n * 10))).collect();
        sources.push(Source::new("crates/a/tests/t.rs", &text(900)));
        sources.push(Source::new("crates/a/src/lone.rs", "pub fn f() {}\n"));
        let numbers = Numbers::of(&sources);
        assert_eq!(numbers.file_p90, 90);
        assert_eq!(numbers.longest, (100, "crates/a/src/10.rs".to_owned()));
        assert_eq!(numbers.module_docs, (11, 12));
        assert_eq!(numbers.documented, (0, 1));
        assert_eq!(numbers.faults(), []);
    }

    #[test]
    fn a_house_of_long_files_is_a_fault() {
        let text = format!("//! Docs.\n{}", "mod a;\n".repeat(400));
        assert_eq!(Numbers::of(&[Source::new("crates/a/src/b.rs", &text)]).faults().len(), 1);
    }
}
