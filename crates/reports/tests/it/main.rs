//! Stories and reports of simulated rollouts and of random lives, beside the same numbers worked out in another way.

mod lives;
mod simulated;
mod words;
