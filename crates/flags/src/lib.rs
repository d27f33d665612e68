//! Flags beyond the split: for whom a rule holds, who saw which variant, what they did, and what an experiment shows.
//!
//! Who gets what is decided by `fw_model::flag`; here stands what that needs from outside ([`targeting`]) and what comes
//! after it ([`book`], [`readout`]). No HTTP and no configuration; the book alone reads a clock, to date what it writes.

pub mod book;
pub mod counts;
pub mod readout;
pub mod targeting;
