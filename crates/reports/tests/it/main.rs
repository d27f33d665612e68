//! Stories and reports of simulated rollouts and of random lives, beside the same numbers worked out in another way.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

mod lives;
mod simulated;
mod words;
