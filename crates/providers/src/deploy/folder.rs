//! Small JSON files of an order's folder: written whole or not at all, and some written by one process only.
//!
//! Each is written under another name, flushed to the disk, and put in place in one step, with the folder flushed too:
//! after a power cut a file is there as a whole, or not.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::os::Identity;

/// Longest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is to be run.
pub(super) const SPEC: &str = "spec.json";
/// Who runs it. Its being there is what makes a second run impossible.
pub(super) const CLAIM: &str = "claim.json";
/// How it ended.
pub(super) const EXIT: &str = "exit.json";
/// Its being there asks for the end.
pub(super) const STOP: &str = "stop";
/// What the wrapper itself had to say, mostly nothing.
pub(super) const COMPLAINTS: &str = "wrapper.log";

/// Who took an order on, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Claim {
    pub(super) by: Identity,
    /// Milliseconds since 1970.
    pub(super) at_ms: u64,
}

impl Claim {
    fn new() -> io::Result<Claim> {
        Ok(Claim { by: Identity::own()?, at_ms: now_ms() })
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The folder, made if it is not there; for its owner's eyes only.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Takes the order on; false when another process has.
pub(super) fn claim(dir: &Path) -> io::Result<bool> {
    create(&dir.join(CLAIM), &Claim::new()?)
}

/// Asks for the end.
pub(super) fn ask_to_stop(dir: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(STOP))?.sync_all()?;
    File::open(dir)?.sync_all()
}

/// Whether the end was asked for.
pub(super) fn is_asked_to_stop(dir: &Path) -> bool {
    dir.join(STOP).exists()
}

/// Reads a file; none when it is not there.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is there and does not hold what it should.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    let value = serde_json::from_str(&text);
    value
        .map(Some)
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", path.display())))
}

/// Writes a file in place of what is there.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let aside = aside(path, value)?;
    fs::rename(&aside, path).inspect_err(|_| drop(fs::remove_file(&aside)))?;
    flush_folder(path)
}

/// Writes a file unless there is one; false when there is. Of many who try at once, one gets true.
///
/// A hard link is made in one step and never over another file; unlike a file opened with `O_EXCL`, it is never empty.
pub(super) fn create<T: Serialize>(path: &Path, value: &T) -> io::Result<bool> {
    let aside = aside(path, value)?;
    let linked = fs::hard_link(&aside, path);
    let _ = fs::remove_file(&aside);
    match linked {
        Ok(()) => flush_folder(path).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

fn flush_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn aside<T: Serialize>(path: &Path, value: &T) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{count}.tmp", std::process::id()));
    let aside = path.with_file_name(name);
    let mut text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    text.push('\n');
    // A left-over of a process of this pid may be there: it is nobody's any more.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_who_create_a_file_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let wins: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..16)
                .map(|n: usize| {
                    let path = &path;
                    scope.spawn(move || usize::from(create(path, &n).unwrap()))
                })
                .collect();
            tries.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
        assert!(read::<usize>(&path).unwrap().is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn what_is_not_there_is_none_and_what_is_broken_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        assert_eq!(read::<usize>(&path).unwrap(), None);
        fs::write(&path, "{").unwrap();
        let error = read::<usize>(&path).unwrap_err();
        assert!(
            error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("a.json"),
            "{error}"
        );
        write(&path, &7usize).unwrap();
        assert_eq!(read::<usize>(&path).unwrap(), Some(7));
    }
}
