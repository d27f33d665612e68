//! What changes in a file: a unified diff, as `diff -u` and `git apply` have it, with colour for people.

use similar::{ChangeTag, TextDiff};

use super::{Paint, clean};

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// The lines of the diff of two texts, three lines around each change; none when they are the same.
pub(crate) fn unified(name: &str, before: &str, after: &str, paint: Paint) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = vec![];
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push(paint.cyan(&hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let value = change.value();
            // A carriage return is what some fixes are about, and must not move the cursor.
            let text = clean(&value.strip_suffix('\n').unwrap_or(value).replace('\r', "␍"));
            lines.push(match change.tag() {
                ChangeTag::Delete => paint.red(&format!("-{text}")),
                ChangeTag::Insert => paint.green(&format!("+{text}")),
                ChangeTag::Equal => format!(" {text}"),
            });
            if !value.ends_with('\n') {
                lines.push("\\ No newline at end of file".to_owned());
            }
        }
    }
    if !lines.is_empty() {
        let name = clean(name);
        lines.splice(0..0, [paint.bold(&format!("--- {name}")), paint.bold(&format!("+++ {name}"))]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_what_other_tools_read() {
        let lines = unified("a.yaml", "a: 1\nb: 2\r\nc: 3", "a: 1\nb: 2\nc: 3\n", Paint::plain());
        assert_eq!(
            lines,
            [
                "--- a.yaml",
                "+++ a.yaml",
                "@@ -1,3 +1,3 @@",
                " a: 1",
                "-b: 2␍",
                "-c: 3",
                "\\ No newline at end of file",
                "+b: 2",
                "+c: 3",
            ]
        );
        assert!(unified("a", "same\n", "same\n", Paint::plain()).is_empty());
    }
}
