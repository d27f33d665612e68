//! The binary `fw`.
fn main() {}
