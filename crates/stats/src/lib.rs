//! The statistics behind every decision: pure functions, each with its source.
//!
//! Counts and sums go in, p-values, bounds and evidence come out. Nothing here knows what a phase
//! or a rollout is, nothing allocates, nothing panics for any input.

pub mod binomial;
pub mod mean;
pub mod sequence;
pub mod spending;
