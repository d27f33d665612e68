//! Taking connections: the listener, TLS, the guard against ambiguous requests, the HTTP engine.

mod conn;
mod guard;
mod listener;
mod stream;
mod tls;

pub(crate) use conn::{ConnCtx, LocalExec, serve};
pub(crate) use guard::Busy;
pub(crate) use listener::{accept_loop, listen};
pub(crate) use stream::Stream;
pub(crate) use tls::tls_acceptor;
