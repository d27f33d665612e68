//! A document as one page: no script, no request, light and dark, and it prints well.
//!
//! Everything that is said goes through [`escape`]; the only markup is what stands here and in `chart`.

use crate::document::{Block, Document, Table, Tone};

const STYLE: &str = include_str!("report.css");

/// The page.
pub(crate) fn render(document: &Document) -> String {
    let tone = match document.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Neutral => "neutral",
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"FactoryWager\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <main>\n<header class=\"{tone}\"><p class=\"outcome\">{outcome}</p><h1>{title}</h1>\n",
        title = escape(&document.title),
        outcome = escape(&document.outcome),
    );
    document.summary.iter().for_each(|line| out += &format!("<p class=\"summary\">{}</p>\n", escape(line)));
    out += "</header>\n<dl class=\"facts\">\n";
    for fact in &document.facts {
        out += &format!(
            "<div><dt>{}</dt><dd>{}</dd><dd class=\"note\">{}</dd></div>\n",
            escape(&fact.name),
            escape(&fact.value),
            escape(&fact.note)
        );
    }
    out += "</dl>\n";
    for section in &document.sections {
        out += &format!("<section>\n<h2>{}</h2>\n", escape(&section.title));
        section.blocks.iter().for_each(|block| self::block(block, &mut out));
        out += "</section>\n";
    }
    out += "<footer>\n";
    document.footer.iter().for_each(|line| out += &format!("<p>{}</p>\n", escape(line)));
    out + "</footer>\n</main>\n</html>\n"
}

fn block(block: &Block, out: &mut String) {
    match block {
        Block::Text(words) => *out += &format!("<p>{}</p>\n", escape(words)),
        Block::List(items) => {
            *out += "<ul>\n";
            items.iter().for_each(|item| *out += &format!("<li>{}</li>\n", escape(item)));
            *out += "</ul>\n";
        }
        Block::Table(content) => table(content, out),
        Block::Chart(chart) => *out += &(chart.svg(escape) + "\n"),
    }
}

fn table(content: &Table, out: &mut String) {
    if content.rows.is_empty() {
        return;
    }
    *out += "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"";
    *out += &escape(if content.caption.is_empty() { "Table" } else { &content.caption });
    *out += "\"><table>\n";
    if !content.caption.is_empty() {
        *out += &format!("<caption>{}</caption>\n", escape(&content.caption));
    }
    let class = |place: usize| if content.numbers.get(place) == Some(&true) { " class=\"n\"" } else { "" };
    *out += "<thead><tr>";
    for (place, title) in content.head.iter().enumerate() {
        *out += &format!("<th scope=\"col\"{}>{}</th>", class(place), escape(title));
    }
    *out += "</tr></thead>\n<tbody>\n";
    for row in &content.rows {
        *out += "<tr>";
        for (place, cell) in row.iter().enumerate() {
            *out += &format!("<td{}>{}</td>", class(place), escape(cell));
        }
        *out += "</tr>\n";
    }
    *out += "</tbody></table></div>\n";
}

/// Text as HTML text or attribute value.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
