//! The binary `fw` as people run it: arguments in, exit code, stdout and stderr out.

// Helpers of tests are tests too; clippy looks at functions marked so only.
#![allow(clippy::unwrap_used)]

mod check;
mod fix;
mod local;
mod orders;
mod plan;
mod release;
mod rollout;
mod stories;
mod support;
