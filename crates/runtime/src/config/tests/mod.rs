//! Tests of the config as a whole: good ones, bad ones as data, and noise.

mod bad;
mod bad_text;
mod environments;
mod flags;
mod good;
mod metrics;
mod noise;
mod notifications;
mod regions;
mod release;
mod table;

pub(in crate::config) use good::{CONTRACT, FULL, SEED};
pub(in crate::config) use noise::mutated;
