//! A document as Markdown (GitHub's tables). What came from outside can't become markup.

use crate::document::{Block, Document, Table};

/// The text.
pub(crate) fn render(document: &Document) -> String {
    let mut out = format!("# {}\n\n", text(&document.title));
    document.summary.iter().for_each(|line| out += &format!("**{}**\n\n", text(line)));
    let facts = Table::new(
        "",
        &["", "#", ""],
        document
            .facts
            .iter()
            .map(|fact| vec![fact.name.clone(), fact.value.clone(), fact.note.clone()])
            .collect(),
    );
    table(&facts, &mut out);
    for section in &document.sections {
        out += &format!("## {}\n\n", text(&section.title));
        section.blocks.iter().for_each(|block| self::block(block, &mut out));
    }
    out += "---\n\n";
    document.footer.iter().for_each(|line| out += &format!("{}\n\n", text(line)));
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn block(block: &Block, out: &mut String) {
    match block {
        Block::Text(words) => *out += &format!("{}\n\n", text(words)),
        Block::List(items) => {
            items.iter().for_each(|item| *out += &format!("- {}\n", text(item)));
            *out += "\n";
        }
        Block::Table(content) => table(content, out),
        Block::Chart(chart) => *out += &format!("*{}:* {}\n\n", text(&chart.title), text(&chart.in_words())),
    }
}

fn table(content: &Table, out: &mut String) {
    if content.rows.is_empty() {
        return;
    }
    if !content.caption.is_empty() {
        *out += &format!("{}\n\n", text(&content.caption));
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    *out += &line(content.head.iter().map(|cell| text(cell)).collect());
    *out += &line(content.numbers.iter().map(|n| if *n { "---:" } else { "---" }.to_owned()).collect());
    content.rows.iter().for_each(|row| *out += &line(row.iter().map(|cell| text(cell)).collect()));
    *out += "\n";
}

/// Text that stays text: on one line, with what Markdown reads as markup escaped.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_are_no_markup() {
        assert_eq!(text("a|b\n# <img src=x> **"), "a\\|b \\# \\<img src=x\\> \\*\\*");
    }
}
