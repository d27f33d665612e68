//! Serving HTTP/1.1: one request after the other, each answered whole before the next is looked at.
//!
//! A response that an HTTP/1.1 upstream sends goes to the client as it stands, body framing included,
//! from the buffer it was read into.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use fw_plane::net::Stream;
use http::{Method, StatusCode};
use tokio::io::AsyncReadExt;

use super::client::{Client, Next};
use super::conn::{ConnCtx, Drain};
use crate::answer::Own;
use crate::exchange::{Answered, Outcome, exchange};
use crate::h1::{Asked, Buf, Framing, Head};
use crate::observe::Refused;
use crate::upstream::headers::{self, Options};
use crate::upstream::{Coding, Front, SendFailure, splice};

/// How long, and how much, is read after a refusal so that the client can read the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;
/// Memory for heads that a connection keeps between requests.
const HEAD_BYTES_KEPT: usize = 2048;

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    Close,
    /// Closed, but what the client still sends is read for a moment.
    Linger,
}

/// Serves a connection to its end.
pub(super) async fn serve(mut client: Client, ctx: Rc<ConnCtx>) {
    let mut asked = Asked::default();
    let (mut drained, mut drain) = (pin!(ctx.worker.drained()), Drain::default());
    loop {
        asked.clear();
        asked.fields.shrink(HEAD_BYTES_KEPT);
        let next = std::future::poll_fn(|cx| {
            let draining = drain.has_begun(&ctx.worker, drained.as_mut(), cx);
            if draining && client.is_idle() {
                return Poll::Ready(Next::End);
            }
            client.poll_next(cx, &mut asked)
        })
        .await;
        let then = match next {
            Next::End => return,
            Next::Refused(refusal) => {
                ctx.worker.refused(refusal.reason);
                client.begin(Framing::None, false);
                Box::pin(own(&mut client, &ctx, &Own::closing(refusal.reason, refusal.detail), None)).await
            }
            Next::Request(head) => {
                let wishes = headers::to_upstream(&mut asked, &ctx, head.upgrade);
                client.begin(head.framing, wishes.expect);
                let asker = Asker { head, connection: wishes.connection };
                match request(&mut client, &ctx, &mut asked, &asker).await {
                    Ok(then) => then,
                    Err(answered) => return tunnel(client, &ctx, *answered).await,
                }
            }
        };
        match then {
            Then::Next => {}
            Then::Close => return,
            Then::Linger => return Box::pin(linger(client.into_parts().0)).await,
        }
    }
}

/// What the client's connection has to do with a request.
struct Asker {
    head: Head,
    connection: Options,
}

impl Asker {
    /// Whether the connection is to stay (RFC 9112 section 9.3).
    fn stays(&self) -> bool {
        if self.head.minor == 0 { self.connection.keep_alive } else { !self.connection.close }
    }
}

/// Answers one request. An answer that leads out of HTTP is returned as an error.
async fn request(
    client: &mut Client,
    ctx: &Rc<ConnCtx>,
    asked: &mut Asked,
    asker: &Asker,
) -> Result<Then, Box<Answered>> {
    let bytes_max = ctx.worker.settings.limits.body_bytes_max;
    if let Framing::Length(length) = asked.framing
        && bytes_max > 0
        && length > bytes_max
    {
        ctx.worker.refused(Refused::BodyTooLarge);
        let own_answer = Own::closing(Refused::BodyTooLarge, "the request body is too large");
        return Ok(Box::pin(own(client, ctx, &own_answer, Some((asked, asker)))).await);
    }
    match exchange(ctx, asked, client).await {
        Outcome::Gone => Ok(Then::Close),
        Outcome::Own(answer) => Ok(Box::pin(own(client, ctx, &answer, Some((asked, asker)))).await),
        Outcome::Answered(answered) if answered.head.status == 101 => Err(answered),
        Outcome::Answered(mut answered) => {
            let mut pass = begin(client, ctx, asked, asker, &answered);
            std::future::poll_fn(|cx| pass.poll(cx, client, asked, &mut answered)).await;
            Ok(pass.then)
        }
    }
}

fn status_line(minor: u8, status: u16, out: &mut Buf) {
    out.push(if minor == 0 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    let digits = [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
    out.push(&digits);
    out.push(b" ");
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    out.push(reason.unwrap_or_default().as_bytes());
    out.push(b"\r\n");
}

fn date(ctx: &ConnCtx, out: &mut Buf) {
    ctx.worker.date(|date| {
        for part in [b"date: ", date, b"\r\n"] {
            out.push(part);
        }
    });
}

fn connection(minor: u8, stays: bool, out: &mut Buf) {
    match (minor, stays) {
        (0, true) => out.push(b"connection: keep-alive\r\n"),
        (_, false) => out.push(b"connection: close\r\n"),
        (_, true) => {}
    }
}

/// Writes the head of an upstream's answer, and says how its body is to follow.
fn begin(client: &mut Client, ctx: &ConnCtx, asked: &Asked, asker: &Asker, answered: &Answered) -> Pass {
    let (minor, status) = (asker.head.minor, answered.head.status);
    let bodiless = asked.method == Method::HEAD || matches!(status, 204 | 304);
    let (mut coding, mut stays) = (Coding::Raw, asker.stays() && !ctx.worker.is_draining());
    status_line(minor, status, &mut client.out);
    answered.head.fields.write_to(&mut client.out);
    match answered.download.framing() {
        _ if bodiless => {}
        Some(Framing::None) if answered.length => {}
        Some(Framing::None) => client.out.push(b"content-length: 0\r\n"),
        Some(Framing::Length(_)) => {}
        // An HTTP/2 upstream that named the length keeps to it.
        None if answered.length && !answered.download.is_h1() => coding = Coding::Framed(Framing::None),
        // The end of the connection is the end of the body.
        _ if minor == 0 => (coding, stays) = (Coding::Framed(Framing::None), false),
        framing => {
            client.out.push(b"transfer-encoding: chunked\r\n");
            if framing.is_none() {
                coding = Coding::Framed(Framing::Chunked);
            }
        }
    }
    if !answered.date {
        date(ctx, &mut client.out);
    }
    connection(minor, stays, &mut client.out);
    client.out.push(b"\r\n");
    Pass { coding, then: if stays { Then::Next } else { Then::Close } }
}

/// An upstream's answer on its way to the client.
struct Pass {
    coding: Coding,
    then: Then,
}

impl Pass {
    /// Ready when the answer is over, one way or the other; `then` says how to go on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
        asked: &Asked,
        answered: &mut Answered,
    ) -> Poll<()> {
        let Answered { download, observation, .. } = answered;
        loop {
            if !client.is_uploaded() && !download.is_over() {
                // Whose fault it is was told where it belongs; the answer under way can't tell it any more.
                if let Err(SendFailure::Fault(_)) = download.poll_upload(cx, asked, client, observation) {
                    observation.client_gone();
                    return self.close();
                }
            }
            let mut waits_for_client = false;
            // What came with the head, or in the same piece, goes out with it in one write.
            let next = download.cleared().is_empty() && download.has_more();
            if !next && (!client.out.is_empty() || !download.cleared().is_empty()) {
                match client.poll_write(cx, download.cleared()) {
                    Poll::Ready(Ok(n)) => {
                        download.consume(n);
                        client.moved();
                        continue;
                    }
                    Poll::Ready(Err(_)) => {
                        observation.client_gone();
                        return self.close();
                    }
                    Poll::Pending => waits_for_client = true,
                }
            } else if !next && download.is_over() {
                return self.end(cx, client);
            } else {
                match download.poll_next(cx, self.coding, client.is_uploaded(), &mut client.out, observation)
                {
                    Poll::Ready(Ok(())) => {
                        client.moved();
                        continue;
                    }
                    Poll::Ready(Err(_)) => return self.close(),
                    Poll::Pending => {
                        // What was written so far must not wait for what comes next.
                        let _ = client.poll_flush(cx);
                    }
                }
            }
            if !waits_for_client && client.poll_gone(cx) {
                observation.client_gone();
            } else if client.answer_stalled(cx) {
                if waits_for_client { observation.client_gone() } else { observation.cut_short() }
            } else {
                return Poll::Pending;
            }
            return self.close();
        }
    }

    /// It went wrong.
    fn close(&mut self) -> Poll<()> {
        self.then = Then::Close;
        Poll::Ready(())
    }

    /// All is written. An upload that nobody reads any more leaves the connection out of step.
    fn end(&mut self, cx: &mut Context<'_>, client: &mut Client) -> Poll<()> {
        match client.poll_flush(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Pending if !client.answer_stalled(cx) => return Poll::Pending,
            _ => return self.close(),
        }
        if !client.is_uploaded() || (self.then == Then::Close && !client.is_idle()) {
            self.then = Then::Linger;
        }
        client.moved();
        Poll::Ready(())
    }
}

/// Writes an answer of the proxy's own.
async fn own(client: &mut Client, ctx: &ConnCtx, own: &Own, request: Option<(&Asked, &Asker)>) -> Then {
    let minor = request.map_or(1, |(_, asker)| asker.head.minor);
    let head_only = request.is_some_and(|(asked, _)| asked.method == Method::HEAD);
    let stays = request.is_some_and(|(_, asker)| asker.stays())
        && !own.close
        && client.is_uploaded()
        && !ctx.worker.is_draining();
    let out = &mut client.out;
    status_line(minor, own.status.as_u16(), out);
    for (name, value) in own.fields() {
        for part in [name, ": ", value, "\r\n"] {
            out.push(part.as_bytes());
        }
    }
    out.push(format!("content-length: {}\r\n", own.body.len()).as_bytes());
    date(ctx, out);
    connection(minor, stays, out);
    out.push(b"\r\n");
    if !head_only {
        out.push(own.body.as_bytes());
    }
    let written = write_out(client).await;
    client.moved();
    match (written, stays) {
        (false, _) => Then::Close,
        (true, true) => Then::Next,
        (true, false) => Then::Linger,
    }
}

/// Writes all that is to be written; false where the client does not take it.
async fn write_out(client: &mut Client) -> bool {
    std::future::poll_fn(|cx| {
        while !client.out.is_empty() {
            match client.poll_write(cx, &[]) {
                Poll::Ready(Ok(_)) => client.moved(),
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending if client.answer_stalled(cx) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
        client.poll_flush(cx).map(|flushed| flushed.is_ok())
    })
    .await
}

/// The upstream leaves HTTP: both ends are joined once the client has its 101.
async fn tunnel(mut client: Client, ctx: &Rc<ConnCtx>, answered: Answered) {
    status_line(1, 101, &mut client.out);
    answered.head.fields.write_to(&mut client.out);
    client.out.push(b"\r\n");
    let Some(upstream) = answered.download.into_tunnel() else { return };
    let written = write_out(&mut client).await;
    // Observed to its end, and no load of the pool's any more.
    drop((answered.observation, answered.load));
    if written {
        splice(client.into_parts(), upstream, ctx.worker.settings.timeouts.upgrade_idle, &ctx.worker).await;
    }
}

/// Reads on for a moment: closing with bytes unread would reset the connection under the answer.
/// Source: RFC 9112 section 9.6.
async fn linger(mut stream: Stream) {
    let drain = async {
        // A client that is told so closes; one that does not is read from for a while.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        let mut buf = [0_u8; 4096];
        let mut total = 0;
        while total < LINGER_BYTES_MAX {
            match stream.read(&mut buf).await {
                Ok(n) if n > 0 => total += n,
                _ => break,
            }
        }
    };
    // Over time or not, the connection is closed next.
    let _ = tokio::time::timeout(LINGER, drain).await;
}
