//! HTTP/1.1 as bytes: heads read strictly, bodies followed, messages written; nothing that waits.
//!
//! Both sides of the proxy stand on it: `accept` reads requests with it, `upstream` responses. What
//! it knows of a message it keeps as [`Fields`], whichever version of HTTP the message came in.

mod body;
mod buf;
mod fields;
#[cfg(test)]
mod properties;
mod request;
mod response;
mod syntax;

pub(crate) use body::{Body, Broken};
pub(crate) use buf::{Buf, Buffers};
pub(crate) use fields::Fields;
pub(crate) use request::{Asked, Framing, Head, Refusal, find_end, read_request};
pub(crate) use response::{Read, RespHead, read_response};
