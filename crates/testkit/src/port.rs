//! Ports nobody listens on.
//!
//! There is a gap between finding a port and using it, in which another program may take it. Where a
//! program can listen on port 0 and say which it got, prefer that; else start it again on failure.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A loopback TCP port that was free a moment ago.
///
/// # Errors
/// When the system has no free port.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Several different ones.
///
/// # Errors
/// When the system has not that many free ports.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All held until all are found, so that none comes twice.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_different() {
        let mut ports = free_ports::<20>().unwrap();
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]));
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
    }
}
