//! What can be looked at before a release without asking a server: one file for each check.

pub(crate) mod traffic;
