//! Taking connections: the listener, TLS, HTTP/1.1 by the proxy's own hand and HTTP/2 by hyper.

mod client;
mod conn;
mod h1;
mod h2;
mod listener;
mod tls;
mod watched;

pub(crate) use conn::{ConnCtx, serve};
pub(crate) use h2::LocalExec;
pub(crate) use listener::{accept_loop, listen};
pub(crate) use tls::tls_acceptor;
