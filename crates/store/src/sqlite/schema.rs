//! The schema and how it grows: numbered steps, each applied once, in a transaction of its own.
//!
//! `PRAGMA user_version` is the number of the last step applied, `PRAGMA application_id` says that the
//! file is ours. To change the schema, add `migrations/000N_what.sql` and a line to [`MIGRATIONS`]; never
//! edit a step that was released.

use rusqlite::{Connection, TransactionBehavior};

use super::fail::Place;
use crate::Error;

/// Marks our databases: "FWlg" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x4657_6C67;

/// All steps; the step at index i brings a database to version i + 1.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_initial.sql"), include_str!("migrations/0002_sinks.sql")];

/// The version this program writes and the highest it reads.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Checks that the file is one of ours and of a version we know, without changing it. Gives the version.
///
/// # Errors
/// [`Error::NotOurs`], [`Error::TooNew`], [`Error::Corrupt`], [`Error::Io`].
pub(super) fn recognise(conn: &Connection, place: &Place) -> Result<u32, Error> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = pragma("application_id").map_err(|e| place.fail(e))?;
    if application != APPLICATION_ID {
        let what = "it is a SQLite database of another program".to_owned();
        return Err(Error::NotOurs { path: place.0.clone(), what });
    }
    let found = pragma("user_version").map_err(|e| place.fail(e))?;
    match u32::try_from(found) {
        Ok(found) if (1..=VERSION).contains(&found) => Ok(found),
        Ok(found) if found > VERSION => Err(Error::TooNew { path: place.0.clone(), found, known: VERSION }),
        _ => Err(place.corrupt(format!("its schema version is {found}, which no release ever wrote"))),
    }
}

/// Applies the steps after `from`, each in one transaction.
///
/// # Errors
/// [`Error::Full`], [`Error::Io`], [`Error::Busy`], [`Error::Corrupt`].
pub(super) fn migrate(conn: &mut Connection, place: &Place, from: u32) -> Result<(), Error> {
    for (index, step) in MIGRATIONS.iter().enumerate().skip(from as usize) {
        let mut apply = || -> rusqlite::Result<()> {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch(step)?;
            tx.pragma_update(None, "user_version", index as u32 + 1)?;
            tx.commit()
        };
        apply().map_err(|e| place.fail(e))?;
    }
    Ok(())
}

/// Checks that every table and index of this version is there and defined as this program defines it.
/// What else is there is left alone.
///
/// # Errors
/// [`Error::Corrupt`] naming the first that is missing or differs; [`Error::Io`].
pub(super) fn compare(conn: &Connection, place: &Place, version: u32) -> Result<(), Error> {
    let expected = || -> rusqlite::Result<Vec<(String, Option<String>)>> {
        let model = Connection::open_in_memory()?;
        MIGRATIONS.iter().take(version as usize).try_for_each(|step| model.execute_batch(step))?;
        definitions(&model)
    };
    let expected = expected().map_err(|e| place.fail(e))?;
    let found = definitions(conn).map_err(|e| place.fail(e))?;
    match expected.iter().find(|definition| !found.contains(definition)) {
        None => Ok(()),
        Some((name, _)) => Err(place.corrupt(format!("the definition of {name} is missing or changed"))),
    }
}

/// Name and text of every table and index.
fn definitions(conn: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let mut statement = conn.prepare("SELECT name, sql FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 left: a log with rows, and a head whose checksum knows no sinks.
    #[test]
    fn a_log_of_version_1_goes_on_with_all_it_has() {
        use crate::conformance::sample::{begin, publish, sink, sinks, view};
        use crate::{RolloutLog, SqliteLog};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let log = SqliteLog::open(&path).unwrap();
        log.commit_all(&[&begin("a.1"), &publish("a.1", 1, 5)]).unwrap();
        let before = view(&log).unwrap();
        drop(log);
        let back = "DROP TABLE sinks; ALTER TABLE head DROP COLUMN sinks; PRAGMA user_version = 1;";
        Connection::open(&path).unwrap().execute_batch(back).unwrap();
        let log = SqliteLog::open(&path).unwrap();
        assert_eq!((view(&log).unwrap(), log.open_info().schema), (before, VERSION));
        log.commit(&sinks(&[sink("ops", 5)])).unwrap();
        drop(log);
        let log = SqliteLog::open(&path).unwrap();
        assert_eq!(log.sinks().unwrap(), [sink("ops", 5)]);
        log.verify().unwrap();
        drop(log);
        // A lost cursor would begin anew without a word.
        Connection::open(&path).unwrap().execute_batch("DELETE FROM sinks").unwrap();
        let error = SqliteLog::open(&path).unwrap_err().to_string();
        assert!(error.contains("1 sinks should be there, 0 are"), "{error}");
    }

    #[test]
    fn a_migrated_database_compares_equal_and_a_changed_one_does_not() {
        let place = Place("test.db".into());
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, &place, 0).unwrap();
        compare(&conn, &place, VERSION).unwrap();
        conn.execute_batch("CREATE TABLE lost_and_found (x); DROP INDEX published_service").unwrap();
        let error = compare(&conn, &place, VERSION).unwrap_err().to_string();
        assert!(error.contains("published_service"), "{error}");
    }
}
