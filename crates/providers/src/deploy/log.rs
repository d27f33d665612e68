//! What a command or a service wrote, in files of bounded size: the beginning stays, the middle goes, the end stays.
//!
//! A log is a row of chunks, each named after the place of its first byte in the whole: `log`, `log.00000000000001048576`, …
//! The first chunk and the newest are kept. A reader asks from a place on, and is told how many bytes are no longer there.
//! `cat log*` shows all that is kept, in order.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of one chunk.
pub const CHUNK_BYTES_MAX: u64 = 1 << 20;
/// Chunks that are kept: the first, and the newest others.
pub const CHUNKS_MAX: usize = 4;
/// Most bytes of one log on the disk.
pub const LOG_BYTES_MAX: u64 = CHUNK_BYTES_MAX * CHUNKS_MAX as u64;

/// A stretch of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// So many bytes before it are no longer kept.
    pub cut: u64,
    /// What was written.
    pub bytes: Vec<u8>,
    /// Where to go on, as the place of a byte in the whole.
    pub next: u64,
}

/// A log that is being written, by one process at a time.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    file: File,
    start: u64,
    length: u64,
}

impl Log {
    /// Goes on where an earlier writer stopped.
    pub(super) fn open(dir: &Path) -> io::Result<Log> {
        let start = chunks(dir)?.last().map_or(0, |(start, _)| *start);
        let file = open_chunk(dir, start)?;
        let length = file.metadata()?.len();
        Ok(Log { dir: dir.to_owned(), file, start, length })
    }

    /// Appends bytes, and drops what is too much of the middle.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.length >= CHUNK_BYTES_MAX {
                self.next_chunk()?;
            }
            let room = usize::try_from(CHUNK_BYTES_MAX - self.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(now)?;
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let start = self.start + self.length;
        self.file = open_chunk(&self.dir, start)?;
        (self.start, self.length) = (start, 0);
        let kept = chunks(&self.dir)?;
        let extra = kept.len().saturating_sub(CHUNKS_MAX);
        for (_, path) in kept.iter().skip(1).take(extra) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open_chunk(dir: &Path, start: u64) -> io::Result<File> {
    let name = if start == 0 { "log".to_owned() } else { format!("log.{start:020}") };
    OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(name))
}

/// The chunks with the places of their first bytes, in order.
fn chunks(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        match name.to_str() {
            Some("log") => found.push((0, entry.path())),
            Some(name) => {
                let start = name.strip_prefix("log.").and_then(|digits| digits.parse().ok());
                found.extend(start.map(|start| (start, entry.path())));
            }
            None => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Reads from a place on, at most so many bytes, and only what is next to each other.
///
/// An empty part that cut nothing is the end for now. A folder or a log that is not there is an empty log.
///
/// # Errors
/// What the system said.
pub fn read_from(dir: &Path, from: u64, bytes_max: usize) -> io::Result<Part> {
    let found = match chunks(dir) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    let mut part = Part { cut: 0, bytes: Vec::new(), next: from };
    for (start, path) in found {
        // A chunk may go while it is looked at: then it is a gap like any other.
        let Ok(mut file) = File::open(&path) else { continue };
        let end = start + file.metadata()?.len();
        if end <= part.next {
            continue;
        }
        if start > part.next {
            if !part.bytes.is_empty() {
                break;
            }
            part.cut += start - part.next;
            part.next = start;
        }
        let room = bytes_max.saturating_sub(part.bytes.len());
        file.seek(SeekFrom::Start(part.next - start))?;
        let read = file.take(room as u64).read_to_end(&mut part.bytes)?;
        part.next += read as u64;
        if part.bytes.len() >= bytes_max {
            break;
        }
    }
    Ok(part)
}

/// Where the log ends now, as the place of a byte in the whole.
fn end(dir: &Path) -> io::Result<u64> {
    match chunks(dir) {
        Ok(found) => found.last().map_or(Ok(0), |(start, path)| Ok(start + fs::metadata(path)?.len())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(e),
    }
}

/// The place from which on so many bytes are kept; what is not kept does not count.
fn place_before_end(dir: &Path, mut bytes: u64) -> io::Result<u64> {
    for (start, path) in chunks(dir).unwrap_or_default().into_iter().rev() {
        let length = fs::metadata(path)?.len();
        if bytes <= length {
            return Ok(start + length - bytes);
        }
        bytes -= length;
    }
    Ok(0)
}

/// The last bytes as text, with a line where something is no longer kept.
///
/// # Errors
/// What the system said.
pub(super) fn tail(dir: &Path, bytes: u64) -> io::Result<String> {
    let end = end(dir)?;
    let mut from = place_before_end(dir, bytes)?;
    let mut text = Vec::new();
    while from < end {
        let part = read_from(dir, from, usize::try_from(CHUNK_BYTES_MAX).unwrap_or(usize::MAX))?;
        if part.cut > 0 {
            text.extend_from_slice(cut_line(part.cut).as_bytes());
        }
        if part.next == from {
            break;
        }
        text.extend_from_slice(&part.bytes);
        from = part.next;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Reads a log on and on, a piece at a time.
#[derive(Debug)]
pub(super) struct Follower {
    dir: PathBuf,
    next: u64,
}

impl Follower {
    /// From the beginning.
    pub(super) fn new(dir: &Path) -> Follower {
        Follower { dir: dir.to_owned(), next: 0 }
    }

    /// From what is there now on.
    pub(super) fn from_now(dir: &Path) -> io::Result<Follower> {
        Ok(Follower { dir: dir.to_owned(), next: end(dir)? })
    }

    /// Hands over what came since the last call, in pieces of 64 KiB at most.
    pub(super) fn tell(&mut self, told: &(dyn Fn(&str) + Send + Sync)) -> io::Result<()> {
        loop {
            let part = read_from(&self.dir, self.next, 64 << 10)?;
            if part.cut > 0 {
                told(&cut_line(part.cut));
            }
            self.next = part.next;
            if part.bytes.is_empty() {
                return Ok(());
            }
            told(&String::from_utf8_lossy(&part.bytes));
        }
    }
}

/// The line that stands for what is no longer kept.
pub(super) fn cut_line(bytes: u64) -> String {
    format!("\n[{bytes} bytes are not kept]\n")
}

/// The last lines, at most so many, of the last 16 KiB.
pub(super) fn last_lines(dir: &Path, lines: usize) -> String {
    let text = tail(dir, 16 << 10).unwrap_or_else(|e| format!("(its log can't be read: {e})"));
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_stay_and_the_size_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path()).unwrap();
        log.write(b"first\n").unwrap();
        let line = [b'x'; 4096];
        for _ in 0..3000 {
            log.write(&line).unwrap();
        }
        log.write(b"\nlast\n").unwrap();
        let kept: u64 = chunks(dir.path()).unwrap().iter().map(|(_, p)| fs::metadata(p).unwrap().len()).sum();
        assert!(kept <= LOG_BYTES_MAX, "{kept}");
        assert!(read_from(dir.path(), 0, 6).unwrap().bytes == b"first\n");
        let text = tail(dir.path(), LOG_BYTES_MAX * 2).unwrap();
        assert!(text.ends_with("\nlast\n"));
        // Whole of it, following from the start: what was cut is counted to the byte.
        let (mut from, mut read, mut cut) = (0, 0, 0);
        loop {
            let part = read_from(dir.path(), from, 100_000).unwrap();
            read += part.bytes.len() as u64;
            cut += part.cut;
            if part.bytes.is_empty() {
                break;
            }
            from = part.next;
        }
        assert_eq!((read, read + cut), (kept, 6 + 3000 * 4096 + 6));
    }

    #[test]
    fn the_tail_says_where_something_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("log"), "head").unwrap();
        fs::write(dir.path().join(format!("log.{:020}", 100)), "tail").unwrap();
        assert_eq!(tail(dir.path(), 1000).unwrap(), "head\n[96 bytes are not kept]\ntail");
        assert_eq!(tail(dir.path(), 4).unwrap(), "tail");
        assert_eq!(tail(&dir.path().join("none"), 4).unwrap(), "");
    }

    #[test]
    fn a_second_writer_goes_on_where_the_first_stopped() {
        let dir = tempfile::tempdir().unwrap();
        Log::open(dir.path()).unwrap().write(b"one ").unwrap();
        Log::open(dir.path()).unwrap().write(b"two").unwrap();
        assert_eq!(tail(dir.path(), 100).unwrap(), "one two");
        assert_eq!(last_lines(dir.path(), 3), "one two");
    }
}
