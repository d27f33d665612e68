//! The book's tables. Every change happens in one transaction, synced before it is told of.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, params};

use super::{BookError, Experiment, Outcome, Taken, User, id_hash};
use crate::readout::{Sums, Tally};

/// Version of the layout.
const VERSION: i64 = 1;
/// How long an id is remembered, seconds: who tells something again does so within minutes.
const IDS_KEPT_SECONDS: i64 = 7 * 86_400;
const SCHEMA: &str = "
CREATE TABLE experiment (id INTEGER PRIMARY KEY, service TEXT NOT NULL, flag TEXT NOT NULL, fingerprint INTEGER NOT NULL,
  began INTEGER NOT NULL, UNIQUE (service, flag, fingerprint)) STRICT;
CREATE TABLE seen (experiment INTEGER NOT NULL, user INTEGER NOT NULL, variant INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (experiment, user)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome (experiment INTEGER NOT NULL, metric TEXT NOT NULL, user INTEGER NOT NULL, variant INTEGER NOT NULL,
  count INTEGER NOT NULL, sum REAL NOT NULL, PRIMARY KEY (experiment, metric, user)) STRICT, WITHOUT ROWID;
CREATE TABLE told (id BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX told_at ON told (at);
";

/// The open file.
pub(super) struct Table {
    conn: Connection,
    place: PathBuf,
    /// Of each experiment: its row, and its variants.
    experiments: Vec<(i64, usize)>,
}

fn now_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A hash as SQLite keeps whole numbers.
fn signed(bits: u64) -> i64 {
    i64::from_ne_bytes(bits.to_ne_bytes())
}

impl Table {
    pub(super) fn open(place: &Path, experiments: &[Experiment]) -> Result<Table, BookError> {
        let fail = |e: rusqlite::Error| disk(place, &e);
        let mut conn = Connection::open(place).map_err(fail)?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = off;",
        )
        .map_err(fail)?;
        let tx = conn.transaction().map_err(fail)?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail)?;
        match version {
            0 => tx.execute_batch(SCHEMA).map_err(fail)?,
            VERSION => {}
            _ => return Err(BookError::TooNew(place.display().to_string())),
        }
        tx.pragma_update(None, "user_version", VERSION).map_err(fail)?;
        let rows: Result<Vec<i64>, _> = experiments.iter().map(|one| row_of(&tx, one)).collect();
        let rows = rows.map_err(fail)?;
        tx.commit().map_err(fail)?;
        let experiments = rows.into_iter().zip(experiments.iter().map(|one| one.variants)).collect();
        Ok(Table { conn, place: place.to_path_buf(), experiments })
    }

    fn fail(&self, e: &rusqlite::Error) -> BookError {
        disk(&self.place, e)
    }

    /// Everybody who was noted for one of the experiments.
    pub(super) fn users(&self, mut each: impl FnMut(usize, User)) -> Result<(), BookError> {
        for (place, (row, _)) in self.experiments.iter().enumerate() {
            let mut read = || -> rusqlite::Result<()> {
                let mut statement = self.conn.prepare("SELECT user FROM seen WHERE experiment = ?1")?;
                for user in statement.query_map([row], |row| row.get::<_, i64>(0))? {
                    each(place, User(u64::from_ne_bytes(user?.to_ne_bytes())));
                }
                Ok(())
            };
            read().map_err(|e| self.fail(&e))?;
        }
        Ok(())
    }

    /// Writes who saw what, then what was told, all or nothing.
    pub(super) fn write(
        &mut self,
        seen: &[(usize, User, usize)],
        told: &[Vec<Outcome>],
    ) -> Result<Vec<Vec<Taken>>, BookError> {
        let Table { conn, experiments, place } = self;
        let now = now_seconds();
        let mut write = || -> rusqlite::Result<Vec<Vec<Taken>>> {
            let tx = conn.transaction()?;
            {
                let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1, ?2, ?3, ?4)")?;
                for (experiment, user, variant) in seen {
                    if let Some((row, _)) = experiments.get(*experiment) {
                        insert.execute(params![row, signed(user.0), *variant as i64, now])?;
                    }
                }
            }
            let take = |outcomes: &Vec<Outcome>| -> rusqlite::Result<Vec<Taken>> {
                outcomes.iter().map(|outcome| take(&tx, experiments, outcome, now)).collect()
            };
            let taken = told.iter().map(take).collect::<rusqlite::Result<_>>()?;
            tx.commit()?;
            Ok(taken)
        };
        write().map_err(|e| disk(place, &e))
    }

    /// Forgets ids that nobody tells again.
    pub(super) fn prune(&mut self) -> Result<(), BookError> {
        let until = now_seconds() - IDS_KEPT_SECONDS;
        let done = self.conn.execute("DELETE FROM told WHERE at < ?1", [until]);
        done.map(|_| ()).map_err(|e| self.fail(&e))
    }

    /// The numbers of an experiment.
    pub(super) fn tally(&self, experiment: usize, metrics: &[(String, bool)]) -> Result<Tally, BookError> {
        let Some((row, variants)) = self.experiments.get(experiment) else { return Ok(Tally::default()) };
        let read = || -> rusqlite::Result<Tally> {
            let mut users = vec![0; *variants];
            let mut statement = self.conn.prepare_cached(
                "SELECT variant, count(*) FROM seen WHERE experiment = ?1 GROUP BY variant",
            )?;
            let counts =
                statement.query_map([row], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            for count in counts {
                let (variant, count) = count?;
                if let Some(users) = of(&mut users, variant) {
                    *users = count.unsigned_abs();
                }
            }
            let metrics =
                metrics.iter().map(|(name, is_capped)| self.sums(*row, *variants, name, *is_capped));
            Ok(Tally { users, metrics: metrics.collect::<rusqlite::Result<_>>()? })
        };
        read().map_err(|e| self.fail(&e))
    }

    fn sums(&self, row: i64, variants: usize, metric: &str, is_capped: bool) -> rusqlite::Result<Vec<Sums>> {
        let mut sums = vec![Sums::default(); variants];
        let mut statement = self.conn.prepare_cached(
            "SELECT variant, count(*), sum(v), sum(v * v) FROM
               (SELECT variant, CASE WHEN ?3 AND sum > 1 THEN 1.0 ELSE sum END AS v
                FROM outcome WHERE experiment = ?1 AND metric = ?2)
             GROUP BY variant",
        )?;
        let rows = statement.query_map(params![row, metric, is_capped], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
        })?;
        for one in rows {
            let (variant, users, sum, sum_squares) = one?;
            if let Some(own) = of(&mut sums, variant) {
                *own = Sums { users: users.unsigned_abs(), sum, sum_squares };
            }
        }
        Ok(sums)
    }
}

/// A variant's own; none for one that the experiment does not have.
fn of<T>(all: &mut [T], variant: i64) -> Option<&mut T> {
    usize::try_from(variant).ok().and_then(|place| all.get_mut(place))
}

fn disk(place: &Path, error: &rusqlite::Error) -> BookError {
    BookError::Disk { place: place.display().to_string(), text: error.to_string() }
}

/// The row of an experiment; made where there is none.
fn row_of(tx: &Transaction<'_>, one: &Experiment) -> rusqlite::Result<i64> {
    let Experiment { service, flag, fingerprint, .. } = one;
    tx.execute(
        "INSERT OR IGNORE INTO experiment (service, flag, fingerprint, began) VALUES (?1, ?2, ?3, ?4)",
        params![service, flag, signed(*fingerprint), now_seconds()],
    )?;
    let wanted = "SELECT id FROM experiment WHERE service = ?1 AND flag = ?2 AND fingerprint = ?3";
    tx.query_row(wanted, params![service, flag, signed(*fingerprint)], |row| row.get(0))
}

/// Counts an outcome for every experiment whose variant the user had seen.
fn take(
    tx: &Transaction<'_>,
    experiments: &[(i64, usize)],
    outcome: &Outcome,
    now: i64,
) -> rusqlite::Result<Taken> {
    if let Some(id) = &outcome.id {
        let mut note = tx.prepare_cached("INSERT OR IGNORE INTO told VALUES (?1, ?2)")?;
        if note.execute(params![id_hash(id), now])? == 0 {
            return Ok(Taken::Repeated);
        }
    }
    let mut count = 0;
    for (experiment, value) in &outcome.to {
        let Some((row, _)) = experiments.get(*experiment) else { continue };
        let mut add = tx.prepare_cached(
            "INSERT INTO outcome SELECT experiment, ?3, user, variant, 1, ?4 FROM seen WHERE experiment = ?1 AND user = ?2
             ON CONFLICT (experiment, metric, user) DO UPDATE SET count = count + 1, sum = sum + excluded.sum",
        )?;
        count += add.execute(params![row, signed(outcome.user.0), outcome.metric, value])?;
    }
    Ok(Taken::Counted(count))
}
