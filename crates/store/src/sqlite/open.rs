//! Opening a database: lock, create or recognise, check, migrate, take the fencing token.
//!
//! Order matters. Nothing is written before the file has been found to be ours, of a version we know,
//! and whole. A new database is built under another name and renamed into place, so a file that is
//! there but empty was never ours and is refused instead of being quietly made anew.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fail::Place;
use super::lock::{Lock, beside};
use super::table::Head;
use super::write::{begin, read_head, write_head};
use super::{SqliteOptions, check, schema};
use crate::Error;
use crate::limits::{BUSY_WAIT_MAX, CACHE_KIB_MAX, WAL_KEEP_BYTES_MAX};

/// What an opened database consists of.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) place: Place,
    pub(super) head: Head,
    pub(super) lock: Lock,
}

/// Opens the database at `path`, making it when there is none.
pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Opened, Error> {
    let path = settle(path)?;
    let place = Place(path.clone());
    let lock = Lock::take(&path)?;
    let bytes = prepare(&place)?;
    let (mut writer, version) = connect_checked(&place, bytes).map_err(|error| match error {
        // Our statements are fixed and tested: when SQLite refuses one here, it is the file.
        Error::Database { source, .. } => place.corrupt(format!("SQLite cannot work with it ({source})")),
        other => other,
    })?;
    make_writable(&writer, &place, options)?;
    schema::migrate(&mut writer, &place, version)?;
    let head = take_fence(&mut writer, &place)?;
    Ok(Opened { writer, place, head, lock })
}

/// A connection to a file that is ours, of a version we know, writable, and whole. Gives the version too.
fn connect_checked(place: &Place, bytes: u64) -> Result<(Connection, u32), Error> {
    let conn = connect(place, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = schema::recognise(&conn, place)?;
    schema::compare(&conn, place, version)?;
    if conn.is_readonly("main").map_err(|e| place.fail(e))? {
        return Err(Error::ReadOnly { path: place.0.clone() });
    }
    if version == schema::VERSION {
        let wal = fs::metadata(beside(&place.0, "-wal")).map_or(0, |meta| meta.len());
        check::at_open(&conn, place, bytes.saturating_add(wal))?;
    } else {
        // The rows of an older schema are for the migration to read.
        check::structure(&conn, place, "quick_check")?;
    }
    Ok((conn, version))
}

/// A connection that only reads.
pub(super) fn connect_reader(place: &Place) -> Result<Connection, Error> {
    // Not SQLITE_OPEN_READ_ONLY: a reader of a WAL database writes to its shared-memory file.
    let conn = connect(place, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", true).map_err(|e| place.fail(e))?;
    // The file was found whole; whichever connection closes last may tidy up.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(|e| place.fail(e))?;
    Ok(conn)
}

/// The file's real path, so that two names of one database meet at one lock file. Makes its folder.
fn settle(path: &Path) -> Result<PathBuf, Error> {
    let place = Place(path.to_owned());
    if let Ok(real) = fs::canonicalize(path) {
        return if real.is_file() {
            Ok(real)
        } else {
            let what = if real.is_dir() { "it is a folder" } else { "it is no regular file" };
            Err(Error::NotOurs { path: real, what: what.to_owned() })
        };
    }
    let Some(name) = path.file_name() else {
        return Err(place.io(io::ErrorKind::NotFound.into()));
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|e| place.io(e))?;
    Ok(fs::canonicalize(folder).map_err(|e| place.io(e))?.join(name))
}

/// Makes sure a database is there; gives its size in bytes.
fn prepare(place: &Place) -> Result<u64, Error> {
    match fs::metadata(&place.0) {
        Ok(meta) if meta.len() == 0 => Err(place.corrupt(
            "the file is empty, and an empty file is never left behind by this program \
             (if you made it yourself, remove it and start again)",
        )),
        Ok(meta) => check_header(place).map(|()| meta.len()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if beside(&place.0, "-wal").exists() {
                return Err(place.corrupt("the database file is gone, but its -wal file is still there"));
            }
            create(place)?;
            fs::metadata(&place.0).map(|meta| meta.len()).map_err(|e| place.io(e))
        }
        Err(e) => Err(place.io(e)),
    }
}

/// SQLite opens a file read-only, without a word, when two bytes of its header ask for a newer SQLite. No
/// SQLite that we know of writes such a file, so it is damage. What is no database is told by SQLite itself.
///
/// Source: <https://www.sqlite.org/fileformat2.html>, section 1.3.3.
fn check_header(place: &Place) -> Result<(), Error> {
    let mut header = Vec::new();
    // Before SQLite opens the file: closing a second handle later would give up SQLite's locks.
    let file = File::open(&place.0).map_err(|e| place.io(e))?;
    file.take(20).read_to_end(&mut header).map_err(|e| place.io(e))?;
    let newer = header.get(18..20).is_some_and(|versions| versions.iter().any(|&v| v > 2));
    if newer && header.starts_with(b"SQLite format 3\0") {
        return Err(place.corrupt("its header names a file format that does not exist"));
    }
    Ok(())
}

/// Builds a new database beside its place, makes it durable, and renames it into place.
fn create(place: &Place) -> Result<(), Error> {
    let fresh = Place(beside(&place.0, ".new"));
    // Left by a crash while creating; it was never in use.
    match fs::remove_file(&fresh.0) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(place.io(e)),
        _ => {}
    }
    build(&fresh).map_err(|e| match e {
        // Name the file the user knows.
        Error::NoAccess { source, .. } => Error::NoAccess { path: place.0.clone(), source },
        Error::Full { .. } => Error::Full { path: place.0.clone() },
        other => other,
    })?;
    let sync = || -> io::Result<()> {
        File::open(&fresh.0)?.sync_all()?;
        fs::rename(&fresh.0, &place.0)?;
        // The new name is durable only once its folder is.
        File::open(place.0.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    sync().map_err(|e| place.io(e))
}

fn build(fresh: &Place) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut conn = connect(fresh, flags)?;
    let fail = |e| fresh.fail(e);
    // Not in use yet: it is made durable as a whole, afterwards.
    conn.pragma_update(None, "journal_mode", "memory").map_err(fail)?;
    conn.pragma_update(None, "synchronous", "off").map_err(fail)?;
    conn.pragma_update(None, "application_id", schema::APPLICATION_ID).map_err(fail)?;
    schema::migrate(&mut conn, fresh, 0)?;
    let head = Head {
        log_id: uuid::Uuid::new_v4().to_string(),
        fence: 0,
        last_published: 0,
        oldest_published: 1,
        runs: 0,
        services: 0,
        sources: 0,
        sinks: 0,
    };
    write_head(&conn, fresh, &head)?;
    conn.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
    conn.close().map_err(|(_, e)| fresh.fail(e))
}

/// A connection with everything set that does not write.
fn connect(place: &Place, flags: OpenFlags) -> Result<Connection, Error> {
    let fail = |e| place.fail(e);
    // Our own locks guard each connection, so SQLite need not.
    let conn =
        Connection::open_with_flags(&place.0, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    conn.busy_timeout(BUSY_WAIT_MAX).map_err(fail)?;
    // Until the file is found whole, closing must leave it and its log exactly as they were found.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fail)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(fail)?;
    conn.pragma_update(None, "trusted_schema", false).map_err(fail)?;
    conn.pragma_update(None, "cell_size_check", true).map_err(fail)?;
    conn.pragma_update(None, "foreign_keys", true).map_err(fail)?;
    conn.pragma_update(None, "cache_size", -i64::from(CACHE_KIB_MAX)).map_err(fail)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Settings of the connection that writes; from here on the file may change.
fn make_writable(conn: &Connection, place: &Place, options: &SqliteOptions) -> Result<(), Error> {
    let fail = |e| place.fail(e);
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fail)?;
    if mode != "wal" {
        let what = format!("its journal mode is {mode} and cannot be made wal (a network file system?)");
        return Err(Error::NotOurs { path: place.0.clone(), what });
    }
    // FULL: a commit returns after the log is on the disk.
    conn.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEEP_BYTES_MAX as i64).map_err(fail)?;
    if let Some(bytes) = options.bytes_max {
        let page: u64 = conn.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(fail)?;
        conn.query_row(&format!("PRAGMA max_page_count = {}", bytes / page.max(1)), [], |_| Ok(()))
            .map_err(fail)?;
    }
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(fail).map(|_| ())
}

/// Grows the fencing token: from here on every older server's commit is refused.
fn take_fence(conn: &mut Connection, place: &Place) -> Result<Head, Error> {
    let tx = begin(conn, place)?;
    let mut head = read_head(&tx, place)?;
    head.fence += 1;
    write_head(&tx, place, &head)?;
    tx.commit().map_err(|e| place.fail(e))?;
    Ok(head)
}
