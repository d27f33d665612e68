-- Version 2. How far each receiver of notifications has been told.

CREATE TABLE sinks (
  name   TEXT    PRIMARY KEY,
  cursor INTEGER NOT NULL, -- newest published id it acknowledged, or need not get; 0: none yet
  at     INTEGER NOT NULL, -- when the cursor moved
  sum    INTEGER NOT NULL
) STRICT;

-- Rows in sinks. While there is none, the head's checksum is that of version 1.
ALTER TABLE head ADD COLUMN sinks INTEGER NOT NULL DEFAULT 0;
