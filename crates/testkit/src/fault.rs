//! A TCP proxy that misbehaves on demand: the network between two programs, in the hands of a test.
//!
//! It sits between a client and one upstream and moves bytes; [`FaultProxy::set`] changes how, for the
//! connections that are open and for those to come. It knows nothing of HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes moved at once.
const CHUNK: usize = 16 << 10;

/// How the proxy treats connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Bytes pass.
    #[default]
    None,
    /// Each chunk of at most 16 KiB is held this long, each way, before it passes.
    Delay(Duration),
    /// Connections are accepted and stay open; no byte passes until this changes, none is lost.
    Freeze,
    /// Bytes are taken and never delivered: a partition without a sign. They stay lost.
    Swallow,
    /// The client's side is told that no more bytes come (FIN), while its own still pass to the upstream.
    HalfClose,
    /// Open connections end in order (FIN both ways), new ones right after they are accepted.
    Close,
    /// Open and new connections end with a reset (RST) on both sides.
    Reset,
}

/// A proxy in front of one address. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> io::Result<FaultProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::None);
        let task = tokio::spawn(accept(listener, upstream, faults));
        Ok(FaultProxy { addr, fault, task })
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes how connections are treated, from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Ends the listener; each connection ends when it sees that the sender is gone.
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, faults: watch::Receiver<Fault>) {
    loop {
        // A failed accept (out of descriptors) passes; do not spin on it.
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(connection(client, upstream, faults.clone()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Carries one connection until either side, the fault or the proxy's end stops it.
async fn connection(mut client: TcpStream, upstream: SocketAddr, faults: watch::Receiver<Fault>) {
    let _ = client.set_nodelay(true);
    // No upstream: reset, as a refused connection behind a port mapping looks.
    let connected = TcpStream::connect(upstream).await;
    let Ok(mut server) = connected else { return reset(&client) };
    let _ = server.set_nodelay(true);
    let ended = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let there = pump(client_read, server_write, faults.clone(), false);
        let back = pump(server_read, client_write, faults.clone(), true);
        tokio::select! {
            moved = async { tokio::try_join!(there, back) } => {
                // One side broke: let the other see a break too.
                if moved.is_err() { Fault::Reset } else { Fault::Close }
            }
            fault = ending(faults) => fault,
        }
    };
    if ended == Fault::Reset {
        reset(&client);
        reset(&server);
    }
}

/// Makes the coming close a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Waits for a fault that ends connections, or for the end of the proxy.
async fn ending(mut faults: watch::Receiver<Fault>) -> Fault {
    let ended = faults.wait_for(|fault| matches!(fault, Fault::Close | Fault::Reset)).await;
    ended.map_or(Fault::Close, |fault| *fault)
}

/// Moves bytes one way, as the fault of the moment says, until the end of the stream.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut faults: watch::Receiver<Fault>,
    to_client: bool,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut silenced = false;
    loop {
        let fault = *faults.borrow_and_update();
        if fault == Fault::HalfClose && to_client && !silenced {
            silenced = true;
            to.shutdown().await?;
        }
        let read = tokio::select! {
            changed = faults.changed() => match changed { Ok(()) => continue, Err(_) => return Ok(()) },
            read = from.read(&mut chunk), if fault != Fault::Freeze => read?,
        };
        if read == 0 {
            return if silenced { Ok(()) } else { to.shutdown().await };
        }
        // Frozen while reading: what was read waits too.
        if faults.wait_for(|fault| *fault != Fault::Freeze).await.is_err() {
            return Ok(());
        }
        let fault = *faults.borrow();
        if let Fault::Delay(time) = fault {
            tokio::time::sleep(time).await;
        }
        if !silenced && fault != Fault::Swallow {
            to.write_all(&chunk[..read]).await?;
        }
    }
}
