//! A header section as a list of lines: what both sides of the proxy speak of a message.
//!
//! One block of bytes, every line as HTTP/1.1 writes it, names in lower case; taking a field out marks its
//! line. So a section that passes through is written by copying whole runs of it. Order and repetition are kept.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::buf::Buf;
use super::syntax::LOWER;

/// What a section with some cookies takes.
const USUAL_BYTES: usize = 512;
const USUAL_LINES: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Line {
    start: u32,
    /// Behind its CRLF.
    end: u32,
    /// Bytes of its name; 0 once it is taken out.
    name: u32,
}

/// The fields of a message.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

impl Fields {
    /// Takes all out; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }

    /// Gives memory back that an unusually large section took.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        if self.bytes.capacity() > bytes_max {
            *self = Fields::default();
        }
    }

    /// Adds a field. The name is a token in lower case and the value free of control characters.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.push_with(name.len(), value, |bytes| bytes.extend_from_slice(name));
    }

    /// Adds a field as it was read, its name in lower case; false where the name is no token.
    pub(super) fn push_read(&mut self, name: &[u8], value: &[u8]) -> bool {
        let mut token = !name.is_empty();
        self.push_with(name.len(), value, |bytes| {
            bytes.extend(name.iter().map(|&b| {
                let lower = LOWER[usize::from(b)];
                token &= lower != 0;
                lower
            }));
        });
        token
    }

    /// Adds a field whose name `write` writes. Sections are limited to far below 4 GiB.
    fn push_with(&mut self, name_len: usize, value: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        if self.lines.capacity() == 0 {
            // Room for a usual section at once, instead of growing to it step by step.
            self.bytes.reserve(USUAL_BYTES);
            self.lines.reserve(USUAL_LINES);
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
        self.lines.push(Line { start: start as u32, end: self.bytes.len() as u32, name: name_len as u32 });
    }

    /// Adds a field with the first value of another one, where there is that.
    pub(crate) fn push_copy(&mut self, of: &[u8], name: &[u8]) {
        let Some(line) = self.live().find(|line| self.name(*line) == of) else { return };
        let value = (line.start + line.name) as usize + 2..line.end as usize - 2;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_within(value);
        self.bytes.extend_from_slice(b"\r\n");
        self.lines.push(Line { start: start as u32, end: self.bytes.len() as u32, name: name.len() as u32 });
    }

    fn name(&self, line: Line) -> &[u8] {
        &self.bytes[line.start as usize..(line.start + line.name) as usize]
    }

    fn value(&self, line: Line) -> &[u8] {
        &self.bytes[(line.start + line.name) as usize + 2..line.end as usize - 2]
    }

    fn live(&self) -> impl Iterator<Item = Line> {
        self.lines.iter().copied().filter(|line| line.name > 0)
    }

    /// Names and values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.live().map(|line| (self.name(line), self.value(line)))
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.live().count()
    }

    /// The values of a field, by its name in lower case.
    pub(crate) fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.live().filter(move |line| self.name(*line) == name).map(|line| self.value(line))
    }

    /// The first value of a field.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.live().find(|line| self.name(*line) == name).map(|line| self.value(line))
    }

    /// Takes a field out.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.retain(|known, _| known != name);
    }

    /// Takes out all for which `keep` says no.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        for line in &mut self.lines {
            if line.name == 0 {
                continue;
            }
            let name_end = (line.start + line.name) as usize;
            let name = &self.bytes[line.start as usize..name_end];
            if !keep(name, &self.bytes[name_end + 2..line.end as usize - 2]) {
                line.name = 0;
            }
        }
    }

    /// Writes the lines, run by run; without the empty line behind them.
    pub(crate) fn write_to(&self, out: &mut Buf) {
        let mut run: Option<(u32, u32)> = None;
        for line in self.live() {
            run = match run {
                Some((start, end)) if end == line.start => Some((start, line.end)),
                before => {
                    if let Some((start, end)) = before {
                        out.push(&self.bytes[start as usize..end as usize]);
                    }
                    Some((line.start, line.end))
                }
            };
        }
        if let Some((start, end)) = run {
            out.push(&self.bytes[start as usize..end as usize]);
        }
    }

    /// Adds the fields of a map, which has checked them.
    pub(crate) fn extend(&mut self, map: &HeaderMap) {
        for (name, value) in map {
            self.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }

    /// As a map.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.lines.len());
        for (name, value) in self.iter() {
            // Checked when they were read, by rules no wider than these.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_taken_out_and_written_in_order() {
        let mut fields = Fields::default();
        for (name, value) in [("a", "1"), ("b", ""), ("a", "2"), ("cc", "3")] {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(fields.all(b"a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!((fields.get(b"b"), fields.get(b"c")), (Some(b"".as_slice()), None));
        fields.remove(b"b");
        let mut out = Buf::new(&std::rc::Rc::default());
        fields.write_to(&mut out);
        assert_eq!(out.data(), b"a: 1\r\na: 2\r\ncc: 3\r\n");
        assert_eq!(fields.to_map().get_all("a").iter().count(), 2);
        fields.retain(|_, value| value == b"2");
        assert_eq!((fields.len(), fields.get(b"a")), (1, Some(b"2".as_slice())));
    }

    #[test]
    fn a_map_goes_in_and_comes_out() {
        let map = HeaderMap::from_iter([
            (HeaderName::from_static("x"), HeaderValue::from_static("1")),
            (HeaderName::from_static("y"), HeaderValue::from_bytes(b"\xff").unwrap()),
        ]);
        let mut fields = Fields::default();
        fields.extend(&map);
        assert_eq!(fields.to_map(), map);
    }
}
