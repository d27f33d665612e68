//! The statistics behind every decision: pure functions, each with its source.
//!
//! Counts and sums go in; evidence, bounds and verdicts come out. Nothing here knows what a phase or a
//! rollout is, nothing allocates on a look, nothing panics for any input.
//!
//! Evidence is kept as logarithms of e-values: a number that is expected to stay at or below 1 while
//! the canary is acceptable, so that reaching 1/α has probability at most α, at any look, ever
//! (Ville's inequality). `limit`, `relative`, `mean` and `mean_limit` turn one block of counts into e-values for
//! a grid of effects; `onset` accumulates them; `test` does both for one question; `decision` weighs the questions.

pub mod base;
pub mod binomial;
pub mod decision;
pub mod gamma;
pub mod grid;
pub mod latency;
pub mod limit;
pub mod mean;
pub mod mean_limit;
pub mod onset;
pub mod power;
pub mod relative;
pub mod sequence;
pub mod spending;
pub mod srm;
pub mod test;
