//! A report as blocks, before it is Markdown or a page: what is said, in which order, without markup.

use crate::chart::Chart;

/// A report.
pub(crate) struct Document {
    /// One line.
    pub(crate) title: String,
    /// What a reader takes away in ten seconds.
    pub(crate) summary: Vec<String>,
    /// How it ended: colours and a word for it.
    pub(crate) tone: Tone,
    /// The word of the tone, such as `completed`.
    pub(crate) outcome: String,
    /// Numbers to look at first.
    pub(crate) facts: Vec<Fact>,
    /// The rest.
    pub(crate) sections: Vec<Section>,
    /// Where the numbers come from.
    pub(crate) footer: Vec<String>,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Neutral,
}

/// A number with its name.
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) note: String,
}

/// A heading and what is under it.
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// Something under a heading.
pub(crate) enum Block {
    Text(String),
    List(Vec<String>),
    Table(Table),
    Chart(Chart),
}

/// A table; columns after the first are numbers where `numbers` says so.
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) numbers: Vec<bool>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Fact {
    pub(crate) fn new(name: &str, value: String, note: impl Into<String>) -> Fact {
        Fact { name: name.into(), value, note: note.into() }
    }
}

impl Section {
    pub(crate) fn new(title: &str, blocks: Vec<Block>) -> Section {
        Section { title: title.into(), blocks }
    }
}

impl Table {
    /// `head`: titles; one that begins with `#` is a column of numbers.
    pub(crate) fn new(caption: &str, head: &[&str], rows: Vec<Vec<String>>) -> Table {
        Table {
            caption: caption.into(),
            head: head.iter().map(|title| title.trim_start_matches('#').to_owned()).collect(),
            numbers: head.iter().map(|title| title.starts_with('#')).collect(),
            rows,
        }
    }
}
