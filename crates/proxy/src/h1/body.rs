//! Where a body ends: whoever passes bytes on walks along, so that it knows where the next message begins.
//!
//! Bodies of known length are counted down; chunks are followed to the letter of RFC 9112 section 7.1. A
//! chunk that is written in any other way is refused, for the same reason as a doubtful head.

use super::request::Framing;
use super::syntax::is_token;

/// Longest chunk extension, bytes. They are allowed and mean nothing.
const EXTENSION_BYTES_MAX: u32 = 256;
/// Longest chunk size line, hex digits: 2^60 bytes.
const SIZE_DIGITS_MAX: u8 = 15;
/// Longest trailer section, bytes.
const TRAILER_BYTES_MAX: u32 = 64 * 1024;

/// The body does not follow its framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// The place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes are left.
    Length(u64),
    /// In a chunked body.
    Chunked { at: Chunk, trailer_bytes: u32 },
    /// All there is until the connection ends (RFC 9112 section 6.3, rule 8).
    UntilClose,
    /// It is over.
    Over,
}

/// The place in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    Size { value: u64, digits: u8 },
    Extension { size: u64, bytes: u32 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

/// What the next bytes of a body are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Step {
    /// So many bytes are framing.
    pub(crate) framing: usize,
    /// The last so many of these belong to the trailer section, the line that ends it included.
    pub(crate) trailers: usize,
    /// So many bytes after them are data.
    pub(crate) data: usize,
}

impl Body {
    /// The beginning of a body framed so.
    pub(crate) fn begin(framing: Framing) -> Body {
        match framing {
            Framing::None | Framing::Length(0) => Body::Over,
            Framing::Length(left) => Body::Length(left),
            Framing::Chunked => Body::Chunked { at: Chunk::Size { value: 0, digits: 0 }, trailer_bytes: 0 },
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        *self == Body::Over
    }

    /// What `bytes` begin with: framing up to data, or data. Both are zero when the body is over.
    ///
    /// # Errors
    /// [`Broken`] says what is wrong with the chunks.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<Step, Broken> {
        let up_to = |left: u64| usize::try_from(left).unwrap_or(usize::MAX);
        match self {
            Body::Over => Ok(Step::default()),
            Body::UntilClose => Ok(Step { data: bytes.len(), ..Step::default() }),
            Body::Length(left) => {
                let data = up_to(*left).min(bytes.len());
                *left -= data as u64;
                if *left == 0 {
                    *self = Body::Over;
                }
                Ok(Step { data, ..Step::default() })
            }
            Body::Chunked { at, trailer_bytes } => {
                let mut step = Step::default();
                while step.framing < bytes.len() {
                    if let Chunk::Data { left } = at {
                        step.data = up_to(*left).min(bytes.len() - step.framing);
                        *left -= step.data as u64;
                        if *left == 0 {
                            *at = Chunk::DataCr;
                        }
                        return Ok(step);
                    }
                    let trailer = at.is_trailer();
                    *at = at.step(bytes[step.framing])?;
                    step.framing += 1;
                    if trailer {
                        step.trailers += 1;
                        *trailer_bytes += 1;
                        if *trailer_bytes > TRAILER_BYTES_MAX {
                            return Err(Broken("the trailer section is too large"));
                        }
                    }
                    if *at == Chunk::End {
                        *self = Body::Over;
                        break;
                    }
                }
                Ok(step)
            }
        }
    }

    /// Walks along all of `bytes` that belong to the body: how many, and how many of them are data.
    ///
    /// # Errors
    /// [`Broken`] says what is wrong with the chunks.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<(usize, usize), Broken> {
        let (mut taken, mut data) = (0, 0);
        while taken < bytes.len() && !self.is_over() {
            let step = self.step(&bytes[taken..])?;
            taken += step.framing + step.data;
            data += step.data;
        }
        Ok((taken, data))
    }
}

impl Chunk {
    fn is_trailer(self) -> bool {
        use Chunk::{EndLf, LineStart, TrailerLf, TrailerName, TrailerValue};
        matches!(self, LineStart | TrailerName | TrailerValue | TrailerLf | EndLf)
    }

    fn step(self, b: u8) -> Result<Chunk, Broken> {
        match self {
            Chunk::Size { value, digits } => size(value, digits, b),
            Chunk::Extension { size, .. } if b == b'\r' => Ok(Chunk::SizeLf { size }),
            Chunk::Extension { bytes, .. } if bytes >= EXTENSION_BYTES_MAX => {
                Err(Broken("a chunk extension is too long"))
            }
            Chunk::Extension { size, bytes } if b >= 0x20 && b != 0x7f || b == b'\t' => {
                Ok(Chunk::Extension { size, bytes: bytes + 1 })
            }
            Chunk::SizeLf { size: 0 } if b == b'\n' => Ok(Chunk::LineStart),
            Chunk::SizeLf { size } if b == b'\n' => Ok(Chunk::Data { left: size }),
            Chunk::DataCr if b == b'\r' => Ok(Chunk::DataLf),
            Chunk::DataLf if b == b'\n' => Ok(Chunk::Size { value: 0, digits: 0 }),
            Chunk::LineStart if b == b'\r' => Ok(Chunk::EndLf),
            Chunk::LineStart | Chunk::TrailerName if is_token(b) => Ok(Chunk::TrailerName),
            Chunk::TrailerName if b == b':' => Ok(Chunk::TrailerValue),
            Chunk::TrailerValue if b == b'\r' => Ok(Chunk::TrailerLf),
            Chunk::TrailerValue if b >= 0x20 && b != 0x7f || b == b'\t' => Ok(Chunk::TrailerValue),
            Chunk::TrailerLf if b == b'\n' => Ok(Chunk::LineStart),
            Chunk::EndLf if b == b'\n' => Ok(Chunk::End),
            _ => Err(Broken("the chunked body is malformed")),
        }
    }
}

fn size(value: u64, digits: u8, b: u8) -> Result<Chunk, Broken> {
    match b {
        b'\r' if digits > 0 => Ok(Chunk::SizeLf { size: value }),
        b';' if digits > 0 => Ok(Chunk::Extension { size: value, bytes: 0 }),
        _ => match char::from(b).to_digit(16) {
            Some(_) if digits >= SIZE_DIGITS_MAX => Err(Broken("a chunk is too large")),
            Some(digit) => Ok(Chunk::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }),
            None => Err(Broken("a chunk size is not a hexadecimal number")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the body in `text` and its data, read in pieces; none where it does not end.
    fn follow(text: &str, piece: usize) -> Result<Option<(usize, String, String)>, Broken> {
        let mut body = Body::begin(Framing::Chunked);
        let (mut total, mut data, mut trailers) = (0, Vec::new(), Vec::new());
        for mut bytes in text.as_bytes().chunks(piece) {
            while !bytes.is_empty() && !body.is_over() {
                let step = body.step(bytes)?;
                trailers.extend_from_slice(&bytes[step.framing - step.trailers..step.framing]);
                data.extend_from_slice(&bytes[step.framing..step.framing + step.data]);
                total += step.framing + step.data;
                bytes = &bytes[step.framing + step.data..];
            }
        }
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok(body.is_over().then(|| (total, text(data), text(trailers))))
    }

    #[test]
    fn chunks_end_where_they_end_however_they_come() {
        let body = "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nDigest: a b\r\nX:\r\n\r\n";
        let want = (body.len(), "hello0123456789".to_owned(), "Digest: a b\r\nX:\r\n\r\n".to_owned());
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(follow(&format!("{body}GET /"), piece), Ok(Some(want.clone())), "{piece}");
            assert_eq!(follow(&body[..body.len() - 1], piece), Ok(None));
        }
        let mut whole = Body::begin(Framing::Chunked);
        assert_eq!(whole.follow(format!("{body}GET /").as_bytes()), Ok((body.len(), 15)));
        assert!(whole.is_over());
    }

    #[test]
    fn chunks_written_otherwise_are_refused() {
        let bad = [
            "\r\n",
            "x\r\n",
            " 5\r\nhello",
            "5 \r\nhello",
            "0x5\r\nhello",
            "-5\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "5;a\nb",
            "5;\0\r\n",
            "1000000000000000\r\n",
            "0\r\n\n",
            "0\r\n a: b\r\n",
            "0\r\na b: c\r\n",
            "0\r\na: b\n",
            "0\r\na\r\n",
            "0\r\na: \0\r\n",
        ];
        for text in bad {
            assert!(follow(text, 1000).is_err(), "{text:?}");
        }
        assert!(follow(&format!("5;{}", "x".repeat(300)), 1000).is_err());
        assert!(follow(&format!("0\r\na: {}", "x".repeat(100_000)), 1000).is_err());
    }

    #[test]
    fn a_length_is_counted_down() {
        let mut body = Body::begin(Framing::Length(5));
        assert_eq!(body.follow(b"abc"), Ok((3, 3)));
        assert_eq!(body.follow(b"defg"), Ok((2, 2)));
        assert!(body.is_over() && Body::begin(Framing::Length(0)).is_over());
    }
}
