//! A person's file written anew: all of it or nothing, with a copy of what was there.
//!
//! The new text goes into a file beside it, which then takes its name in one step. A link is followed, not replaced;
//! the mode is kept; a file that somebody changed since it was read is left alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Most copies kept beside a file; with so many a person should clear up first.
const BACKUPS_MAX: usize = 100;

/// Why a file was not written. It is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    /// Something else wrote it.
    #[error("{} changed while it was being fixed; nothing was written, run it again", .0.display())]
    Changed(PathBuf),
    /// It may not be written.
    #[error("{} is read-only; nothing was written. Allow writing first, or see the change with --dry-run", .0.display())]
    ReadOnly(PathBuf),
    /// Too many copies.
    #[error("{} has {BACKUPS_MAX} backups beside it; nothing was written. Remove some of its .bak files", .0.display())]
    Backups(PathBuf),
    /// The system said no.
    #[error("{}: {what}; the file is as it was", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What could not be done.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl RewriteError {
    /// With what the system said.
    pub(crate) fn text(&self) -> String {
        match self {
            RewriteError::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// Writes `after` in the place of `before`; answers where `before` is kept.
///
/// # Errors
/// Whenever anything but that could happen. The file is then as it was.
pub(crate) fn rewrite(path: &Path, before: &[u8], after: &[u8]) -> Result<PathBuf, RewriteError> {
    let path = path.canonicalize().map_err(|e| failed(path, "can't be found", e))?;
    let mode = unchanged(&path, before)?;
    if mode.readonly() {
        return Err(RewriteError::ReadOnly(path));
    }
    let backup = back_up(&path, before, &mode)?;
    let result = replace(&path, before, after, &mode);
    if result.is_err() {
        // A copy of a file that is still there is litter; nothing is lost when it can't be removed.
        let _ = fs::remove_file(&backup);
    }
    result.map(|()| backup)
}

/// The file's mode, if it still holds what was read.
fn unchanged(path: &Path, before: &[u8]) -> Result<Permissions, RewriteError> {
    let now = fs::read(path).map_err(|e| failed(path, "can't be read again", e))?;
    if now != before {
        return Err(RewriteError::Changed(path.to_owned()));
    }
    let data = fs::metadata(path).map_err(|e| failed(path, "can't be looked at", e))?;
    Ok(data.permissions())
}

fn back_up(path: &Path, before: &[u8], mode: &Permissions) -> Result<PathBuf, RewriteError> {
    for number in 0..BACKUPS_MAX {
        let suffix = if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") };
        let backup = beside(path, "", &suffix);
        match write_new(&backup, before, mode) {
            Ok(()) => return Ok(backup),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(&backup, "can't be written", e)),
        }
    }
    Err(RewriteError::Backups(path.to_owned()))
}

fn replace(path: &Path, before: &[u8], after: &[u8], mode: &Permissions) -> Result<(), RewriteError> {
    let new = beside(path, ".", &format!(".{}.tmp", std::process::id()));
    let written = write_new(&new, after, mode).map_err(|e| failed(&new, "can't be written", e));
    let result = written.and_then(|()| {
        keep_owner(path, &new);
        // As late as can be: what somebody saved meanwhile must not be lost.
        unchanged(path, before)?;
        fs::rename(&new, path).map_err(|e| failed(path, "can't be replaced", e))
    });
    if result.is_err() {
        let _ = fs::remove_file(&new);
        return result;
    }
    // The name is durable once the folder is; where folders can't be synced, the system does what it does.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A new file, durable; never one that was there.
fn write_new(path: &Path, text: &[u8], mode: &Permissions) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Nobody else may read it before it has its mode: a config can hold secrets.
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    let written =
        file.write_all(text).and_then(|()| file.set_permissions(mode.clone())).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Gives the new file the old one's owner, where that is another and this process may.
fn keep_owner(old: &Path, new: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        if let (Ok(was), Ok(is)) = (fs::metadata(old), fs::metadata(new))
            && (was.uid(), was.gid()) != (is.uid(), is.gid())
        {
            // Only root may; for everybody else a file of one's own is what an editor leaves too.
            let _ = chown(new, Some(was.uid()), Some(was.gid()));
        }
    }
    #[cfg(not(unix))]
    let _ = (old, new);
}

/// A file beside another, its name with something before and after it.
fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(before);
    name.push(path.file_name().unwrap_or_default());
    name.push(after);
    path.with_file_name(name)
}

fn failed(path: &Path, what: &'static str, source: io::Error) -> RewriteError {
    RewriteError::Io { path: path.to_owned(), what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_there_is_kept_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "one").unwrap();
        for (before, after, backup) in [
            ("one", "two", "a.yaml.bak"),
            ("two", "three", "a.yaml.bak.1"),
            ("three", "four", "a.yaml.bak.2"),
        ] {
            let kept = rewrite(&file, before.as_bytes(), after.as_bytes()).unwrap();
            assert_eq!(kept.file_name().unwrap(), backup);
            assert_eq!(fs::read_to_string(kept).unwrap(), before);
            assert_eq!(fs::read_to_string(&file).unwrap(), after);
        }
        assert_eq!(names(folder.path()), ["a.yaml", "a.yaml.bak", "a.yaml.bak.1", "a.yaml.bak.2"]);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "somebody's").unwrap();
        let refused = rewrite(&file, b"as it was read", b"new").unwrap_err();
        assert!(matches!(refused, RewriteError::Changed(_)), "{refused}");
        assert_eq!(
            (names(folder.path()), fs::read(&file).unwrap()),
            (vec!["a.yaml".into()], b"somebody's".to_vec())
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.yaml"), folder.path().join("link.yaml"));
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.yaml", &link).unwrap();
        let backup = rewrite(&link, b"one", b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        for (path, text) in [(&file, "two"), (&backup, "one")] {
            assert_eq!(fs::read_to_string(path).unwrap(), text);
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640);
        }
        fs::set_permissions(&file, Permissions::from_mode(0o440)).unwrap();
        assert!(matches!(rewrite(&file, b"two", b"three").unwrap_err(), RewriteError::ReadOnly(_)));
        assert_eq!(names(folder.path()), ["link.yaml", "real.yaml", "real.yaml.bak"]);
    }
}
