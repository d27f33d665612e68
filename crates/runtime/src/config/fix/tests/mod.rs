//! What is fixed, what is refused, and that nothing else ever changes.

mod facts;
mod fixed;
mod noise;
