//! Property tests: random lives of a service, every invariant after every accepted step.
//!
//! `run` drives and checks one life, `laws` holds what must be true beside the invariants, `shrink`
//! cuts a failing life down to a few events, `coverage` keeps the generator from going blind.
//! The seed is fixed; `FW_PROPERTY_SEED=n` tries other lives.

mod coverage;
mod laws;
mod planted;
mod replay;
mod run;
mod shrink;
mod sound;
