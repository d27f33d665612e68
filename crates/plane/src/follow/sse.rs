//! Reading server-sent events: bytes in, named events out.
//!
//! Source: HTML Living Standard section 9.2.6, "Interpreting an event stream". Only `event` and
//! `data` matter here; ids and retry times are not used, because the first event after a reconnect is the whole state.

/// Longest event, bytes: a split with a few thousand upstreams.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; `message` when none was given.
    pub(super) name: String,
    /// Its data, lines joined by LF.
    pub(super) data: String,
}

/// The stream sent an event longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {EVENT_BYTES_MAX} bytes")]
pub(super) struct TooLong;

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    after_cr: bool,
    name: String,
    data: String,
}

impl Decoder {
    /// The events that end within these bytes.
    ///
    /// # Errors
    /// [`TooLong`]; the stream is of no use after it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &b in bytes {
            // A line ends in CR, LF or both.
            let second_half = std::mem::replace(&mut self.after_cr, b == b'\r') && b == b'\n';
            if second_half {
                continue;
            }
            if b == b'\r' || b == b'\n' {
                events.extend(self.end_line());
            } else if self.line.len() + self.data.len() < EVENT_BYTES_MAX {
                self.line.push(b);
            } else {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let (mut name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            if data.is_empty() {
                return None;
            }
            data.pop();
            if name.is_empty() {
                name.push_str("message");
            }
            return Some(Event { name, data });
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            // Comments (no field name), ids, retry times.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> Vec<(String, String)> {
        let mut decoder = Decoder::default();
        let pieces = text.as_bytes().chunks(piece);
        pieces.flat_map(|bytes| decoder.push(bytes).unwrap()).map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text =
            ": hello\n\nevent: split\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nid: 4\rdata: x\r\revent: none\n\n";
        let own = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        for piece in [1, 2, 5, 1000] {
            assert_eq!(read(text, piece), [own("split", "{\"a\":\n1}"), own("message", "x")], "{piece}");
        }
    }

    #[test]
    fn an_endless_event_is_given_up() {
        let mut decoder = Decoder::default();
        let line = [b'x'; 4096];
        assert!((0..1000).any(|_| decoder.push(&line) == Err(TooLong)));
    }
}
