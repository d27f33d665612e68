//! Where a request body ends: the guard walks along so that it knows where the next head begins.
//!
//! Bodies of known length are skipped; chunks are followed to the letter of RFC 9112 section 7.1. A
//! chunk that is written in any other way is refused, for the same reason as a doubtful head.

use super::head::{Framing, is_token};

/// Longest chunk extension, bytes. They are allowed and dropped.
const EXTENSION_BYTES_MAX: u32 = 256;
/// Longest chunk size line, hex digits: 2^60 bytes.
const SIZE_DIGITS_MAX: u8 = 15;

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

impl Body {
    /// The beginning of a body framed so; none where there is no body.
    pub(crate) fn begin(framing: Framing) -> Option<Body> {
        match framing {
            Framing::None => None,
            Framing::Length(left) => Some(Body::Length(left)),
            Framing::Chunked => {
                Some(Body::Chunked { at: Chunk::Size { value: 0, digits: 0 }, trailer_bytes: 0 })
            }
        }
    }

    /// Walks along `bytes`: how many belong to the body, and whether it ended there.
    ///
    /// # Errors
    /// [`Broken`] says what is wrong with the chunks.
    pub(crate) fn follow(&mut self, bytes: &[u8], trailer_bytes_max: usize) -> Result<(usize, bool), Broken> {
        match self {
            Body::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok((taken, *left == 0))
            }
            Body::Chunked { at, trailer_bytes } => {
                let mut place = 0;
                while place < bytes.len() {
                    if let Chunk::Data { left } = at {
                        let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - place);
                        *left -= taken as u64;
                        place += taken;
                        if *left == 0 {
                            *at = Chunk::DataCr;
                        }
                        continue;
                    }
                    *at = at.step(bytes[place])?;
                    place += 1;
                    if *at == Chunk::End {
                        return Ok((place, true));
                    }
                    if matches!(at, Chunk::TrailerName | Chunk::TrailerValue) {
                        *trailer_bytes += 1;
                        if *trailer_bytes as usize > trailer_bytes_max {
                            return Err(Broken("the trailer section is too large"));
                        }
                    }
                }
                Ok((place, false))
            }
        }
    }
}

impl Chunk {
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

    /// Follows a chunked body in pieces of `piece` bytes: how many bytes it had.
    fn follow(text: &str, piece: usize) -> Result<Option<usize>, Broken> {
        let mut body = Body::begin(Framing::Chunked).unwrap();
        let mut total = 0;
        for bytes in text.as_bytes().chunks(piece) {
            let (taken, ended) = body.follow(bytes, 64)?;
            total += taken;
            if ended {
                return Ok(Some(total));
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_end_where_they_end_however_they_come() {
        let body = "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nDigest: a b\r\nX:\r\n\r\n";
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(follow(&format!("{body}GET /"), piece), Ok(Some(body.len())), "{piece}");
            assert_eq!(follow(&body[..body.len() - 1], piece), Ok(None));
        }
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
        assert!(follow(&format!("0\r\na: {}", "x".repeat(100)), 1000).is_err());
    }

    #[test]
    fn a_length_is_counted_down() {
        let mut body = Body::begin(Framing::Length(5)).unwrap();
        assert_eq!(body.follow(b"abc", 0), Ok((3, false)));
        assert_eq!(body.follow(b"defg", 0), Ok((2, true)));
    }
}
