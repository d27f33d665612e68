//! The statistics behind every decision: pure functions, each with its source.
//!
//! Counts and sums go in; evidence, bounds and verdicts come out. Nothing here knows what a phase or a
//! rollout is, nothing allocates on a look, nothing panics for any input.
//!
//! Evidence is kept as logarithms of e-values: a number that is expected to stay at or below 1 while
//! the canary is acceptable, so that reaching 1/α has probability at most α, at any look, ever
//! (Ville's inequality). `limit`, `relative`, `mean` and `mean_limit` turn one block of counts into e-values for
//! a grid of effects; `onset` accumulates them; `test` does both for one question; `decision` weighs the questions.
//!
//! Real failures come in clusters. `clustering` measures how much on stable's own sources (`groups`) and `discount`
//! says what that does to evidence; `runs` and `balance` say which canary failures count; `batch` asks in batches;
//! `raw` keeps the rest for people.

pub mod balance;
pub mod base;
pub mod batch;
pub mod binomial;
pub mod clustering;
pub mod decision;
pub mod discount;
pub mod dispersion;
pub mod face;
pub mod gamma;
pub mod grid;
pub mod groups;
pub mod latency;
pub mod limit;
pub mod mean;
pub mod mean_limit;
pub mod mean_test;
pub mod numbers;
pub mod onset;
pub mod placebo;
mod plant;
pub mod power;
pub mod raw;
pub mod relative;
pub mod runs;
pub mod sequence;
pub mod srm;
pub mod test;
#[cfg(test)]
mod vectors;
pub mod wilson;

// The example that compares reference vectors is a test of this crate too, and names it as its users do.
#[cfg(test)]
extern crate self as fw_stats;
