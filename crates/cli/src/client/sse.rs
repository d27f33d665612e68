//! Server-sent events: bytes in, frames out, wherever the network cut them.
//!
//! WHATWG HTML, section 9.2.6 "Interpreting an event stream". Lines end with LF, CRLF or CR; a blank
//! line ends a frame; a line that begins with a colon is a comment (the server's heartbeat).

/// Largest frame, bytes.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Frame {
    /// The `id` line, if it has one.
    pub(super) id: Option<String>,
    /// The `event` line, if it has one.
    pub(super) event: Option<String>,
    /// The `data` lines, joined by line breaks.
    pub(super) data: String,
}

/// A frame was larger than [`FRAME_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than 4 MiB")]
pub(super) struct TooLarge;

/// Collects bytes until frames are complete.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
    bytes: usize,
    /// The byte before was a CR: an LF now belongs to it.
    after_cr: bool,
    started: bool,
}

impl Parser {
    /// Takes bytes and gives the frames they complete.
    ///
    /// # Errors
    /// [`TooLarge`], after which the stream can't be followed any further.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLarge> {
        let mut frames = vec![];
        for &byte in bytes {
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => frames.extend(self.end_of_line()),
                other => {
                    self.bytes += 1;
                    if self.bytes > FRAME_BYTES_MAX {
                        return Err(TooLarge);
                    }
                    self.line.push(other);
                }
            }
        }
        Ok(frames)
    }

    fn end_of_line(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = String::from_utf8_lossy(&bytes).into_owned();
        if !std::mem::replace(&mut self.started, true) {
            line = line.trim_start_matches('\u{feff}').to_owned();
        }
        if line.is_empty() {
            self.bytes = 0;
            let frame = std::mem::take(&mut self.frame);
            return std::mem::take(&mut self.has_data).then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.frame.id = Some(value.to_owned()),
            "event" => self.frame.event = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: Option<&str>, data: &str) -> Frame {
        Frame { id: id.map(str::to_owned), event: None, data: data.to_owned() }
    }

    #[test]
    fn frames_come_out_the_same_wherever_the_bytes_are_cut() {
        let text = "\u{feff}: heartbeat\n\nid: 7\ndata: {\"a\":\ndata: \"ü\"}\n\nid:8\r\ndata:x\r\n\r\ndata\rretry: 5\r\rid: 9\n\n";
        let want = [frame(Some("7"), "{\"a\":\n\"ü\"}"), frame(Some("8"), "x"), frame(None, "")];
        for cut in 0..=text.len() {
            let mut parser = Parser::default();
            let mut frames = parser.feed(&text.as_bytes()[..cut]).unwrap();
            frames.extend(parser.feed(&text.as_bytes()[cut..]).unwrap());
            assert_eq!(frames, want, "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_without_end_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(&vec![b'x'; FRAME_BYTES_MAX]), Ok(vec![]));
        assert_eq!(parser.feed(b"x"), Err(TooLarge));
    }

    #[test]
    fn heartbeats_do_not_add_up() {
        let mut parser = Parser::default();
        for _ in 0..10 {
            assert_eq!(
                parser.feed(&[b": ".as_slice(), &vec![b'x'; FRAME_BYTES_MAX / 2], b"\n\n"].concat()),
                Ok(vec![])
            );
        }
    }
}
