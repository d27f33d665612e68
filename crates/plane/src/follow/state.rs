//! The last split on disk, so that a restart needs no control plane.
//!
//! Written beside its place, flushed and renamed, so the file is always one whole split, the old or the new.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fw_api::wire::SplitMessage;
use fw_model::{ServiceKey, Split};

/// Largest state file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the split of a service is kept: `split-SERVICE.json` or `split-SERVICE@REGION.json`.
pub fn file(dir: &Path, key: &ServiceKey) -> PathBuf {
    dir.join(format!("split-{key}.json"))
}

/// The split kept there; none if there is none.
///
/// # Errors
/// The file can't be read, or does not hold a split of this service.
pub fn load(file: &Path, key: &ServiceKey) -> io::Result<Option<Split>> {
    let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let size = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if size > FILE_BYTES_MAX {
        return Err(bad(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    let message: SplitMessage = serde_json::from_slice(&fs::read(file)?).map_err(|e| bad(e.to_string()))?;
    let split = Split::try_from(message).map_err(|e| bad(e.to_string()))?;
    if split.key != *key {
        return Err(bad(format!("is of {}, not of {key}", split.key)));
    }
    Ok(Some(split))
}

/// The split to begin with after a restart. One that can't be read is as good as none, and the log says so.
pub fn kept(file: &Path, key: &ServiceKey) -> Option<Split> {
    match load(file, key) {
        Ok(split) => {
            if let Some(split) = &split {
                tracing::info!(file = %file.display(), epoch = split.epoch.0,
                    "serving by the last known split until the control plane answers");
            }
            split
        }
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the kept split can't be used");
            None
        }
    }
}

/// Keeps a split there.
///
/// # Errors
/// What the system said; the old file is then still whole.
pub fn save(file: &Path, split: &Split) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let fresh = file.with_extension("json.new");
    let text = serde_json::to_vec_pretty(&SplitMessage::from(split))?;
    let mut out = File::create(&fresh)?;
    out.write_all(&text)?;
    out.sync_all()?;
    fs::rename(&fresh, file)?;
    // The rename itself must survive a power cut too.
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use fw_model::{Epoch, LogId, Plan, Salt};

    use super::*;

    #[test]
    fn a_split_comes_back_and_nonsense_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let key: ServiceKey = "shop@eu".parse().unwrap();
        let path = file(&dir.path().join("deeper"), &key);
        assert!(path.ends_with("split-shop@eu.json"));
        assert!(load(&path, &key).unwrap().is_none());
        let plan = Plan::seed(key.clone());
        let split = Split::resting(&plan, LogId("l".into()), Epoch(3), Salt::from_bits(1));
        save(&path, &split).unwrap();
        assert_eq!(load(&path, &key).unwrap(), Some(split));
        assert!(load(&path, &"other".parse().unwrap()).is_err());
        fs::write(&path, "{").unwrap();
        assert!(load(&path, &key).is_err());
    }
}
