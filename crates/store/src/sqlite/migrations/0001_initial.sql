-- Version 1. Every table keeps a checksum (`sum`) over all columns of its row; see sum.rs.
-- Times are milliseconds since 1970 UTC. `service` is SERVICE or SERVICE@REGION.

-- One row: what the log is and how much must be in it, so that a lost row is noticed.
CREATE TABLE head (
  only             INTEGER PRIMARY KEY CHECK (only = 1),
  log_id           TEXT    NOT NULL,
  fence            INTEGER NOT NULL, -- grown at each open
  last_published   INTEGER NOT NULL, -- 0: none yet
  oldest_published INTEGER NOT NULL, -- last_published + 1: none kept
  runs             INTEGER NOT NULL, -- rows in runs and in snapshots
  services         INTEGER NOT NULL, -- rows in services
  sources          INTEGER NOT NULL, -- rows in sources
  sum              INTEGER NOT NULL
) STRICT;

-- Small and written with every event; the bulky state is apart, in snapshots.
CREATE TABLE runs (
  id         INTEGER PRIMARY KEY,
  service    TEXT    NOT NULL,
  number     INTEGER NOT NULL,
  last_seq   INTEGER NOT NULL, -- newest event; 0: none yet
  oldest_seq INTEGER NOT NULL, -- oldest kept event; last_seq + 1: none kept
  sum        INTEGER NOT NULL,
  UNIQUE (service, number)
) STRICT;

CREATE TABLE snapshots (
  run         INTEGER PRIMARY KEY REFERENCES runs (id),
  seq         INTEGER NOT NULL,
  format      INTEGER NOT NULL,
  status      TEXT    NOT NULL,
  started_at  INTEGER NOT NULL,
  ended_at    INTEGER,
  plan_hash   TEXT    NOT NULL,
  summary     BLOB    NOT NULL,
  payload_sum INTEGER NOT NULL, -- of payload alone, so that a list need not read it
  sum         INTEGER NOT NULL, -- of all columns but payload
  payload     BLOB    NOT NULL  -- last: reading the columns before it does not touch its pages
) STRICT;
CREATE INDEX snapshots_started ON snapshots (started_at, run);
CREATE INDEX snapshots_unended ON snapshots (run) WHERE ended_at IS NULL;

CREATE TABLE events (
  run     INTEGER NOT NULL REFERENCES runs (id),
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  format  INTEGER NOT NULL,
  sum     INTEGER NOT NULL,
  payload BLOB    NOT NULL,
  UNIQUE (run, seq)
) STRICT;

CREATE TABLE published (
  id      INTEGER PRIMARY KEY,
  service TEXT    NOT NULL,
  number  INTEGER NOT NULL, -- of the run
  kind    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  sum     INTEGER NOT NULL,
  data    TEXT    NOT NULL
) STRICT;
CREATE INDEX published_service ON published (service, id);

CREATE TABLE services (
  service         TEXT    PRIMARY KEY,
  epoch           INTEGER NOT NULL,
  runs            INTEGER NOT NULL,
  current_version TEXT,
  format          INTEGER NOT NULL,
  sum             INTEGER NOT NULL,
  payload         BLOB    NOT NULL
) STRICT;

CREATE TABLE sources (
  service TEXT    NOT NULL,
  source  TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  format  INTEGER NOT NULL,
  sum     INTEGER NOT NULL,
  payload BLOB    NOT NULL,
  PRIMARY KEY (service, source)
) STRICT;

CREATE TABLE idempotency (
  scope        TEXT    NOT NULL,
  key          TEXT    NOT NULL,
  request_hash TEXT    NOT NULL,
  status       INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  sum          INTEGER NOT NULL,
  body         BLOB    NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_at ON idempotency (at);
