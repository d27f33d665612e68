//! Tests of the records: everything the engine can say reads back, and format 1 stays what it is.

mod fixtures;
mod golden;
mod round_trip;
