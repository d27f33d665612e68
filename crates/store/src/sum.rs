//! One checksum per row, over every column, so that a flipped bit is found when the row is read.
//!
//! xxh3_64 over the columns one after the other, each text or blob with its length before it, so
//! that moving a byte from one column to the next changes the sum. Seeded per table, so that a row
//! which ends up in another table does not pass. It finds damage, not a forger.
//!
//! Source: XXH3 as of xxHash 0.8 (frozen output).

use xxhash_rust::xxh3::Xxh3;

/// Collects the columns of a row.
pub(crate) struct Sum(Xxh3);

impl Sum {
    /// Begins a row of the table with this number.
    pub(crate) fn of(table: u64) -> Sum {
        Sum(Xxh3::with_seed(table))
    }

    /// A text or blob column.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Sum {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// An integer column.
    pub(crate) fn int(mut self, int: i64) -> Sum {
        self.0.update(&int.to_le_bytes());
        self
    }

    /// An unsigned column; stored as the integer with the same bits.
    pub(crate) fn uint(self, uint: u64) -> Sum {
        self.int(uint as i64)
    }

    /// A text column that may be null.
    pub(crate) fn text(self, text: Option<&str>) -> Sum {
        match text {
            None => self.int(0),
            Some(text) => self.int(1).bytes(text.as_bytes()),
        }
    }

    /// An integer column that may be null.
    pub(crate) fn maybe(self, int: Option<i64>) -> Sum {
        match int {
            None => self.int(0),
            Some(int) => self.int(1).int(int),
        }
    }

    /// The sum, as the integer the database keeps.
    pub(crate) fn done(self) -> i64 {
        self.0.digest() as i64
    }
}
