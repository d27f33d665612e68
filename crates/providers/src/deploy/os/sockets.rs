//! Who listens on a port, as far as `/proc` tells this user.
//!
//! The kernel's table has an inode for each listening socket; whoever has that inode among its descriptors owns it.
//! Descriptors of other users can't be read: then nobody is named.

use std::fs;
use std::net::SocketAddr;

/// State of a listening socket in the tables. Source: proc_net_tcp, Linux kernel documentation.
const LISTENING: &str = "0A";

/// The pid and the name of a process that listens on this port, on any address.
pub(in crate::deploy) fn port_owner(at: SocketAddr) -> Option<(u32, String)> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| inodes(&table, at.port()))
        .collect();
    let all = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| has_any(*pid, &inodes))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some((pid, name.trim().to_owned()))
}

/// Inodes of the sockets that listen on a port. Columns: number, local address, remote address, state, …, inode (tenth).
fn inodes(table: &str, port: u16) -> Vec<String> {
    let listens = |line: &&str| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next().and_then(|address| address.rsplit_once(':'));
        let state = columns.nth(1);
        state == Some(LISTENING)
            && local.is_some_and(|(_, hex)| u16::from_str_radix(hex, 16).is_ok_and(|found| found == port))
    };
    let inode = |line: &str| line.split_whitespace().nth(9).map(str::to_owned);
    table.lines().filter(listens).filter_map(inode).collect()
}

fn has_any(pid: u32, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_named_for_its_own_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (pid, name) = port_owner(listener.local_addr().unwrap()).unwrap();
        assert_eq!(pid, std::process::id());
        assert!(!name.is_empty());
    }

    #[test]
    fn only_listening_sockets_of_that_port_count() {
        let table = "  sl  local_address rem_address st tx rx tr retr uid timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n\
             1: 0100007F:1F90 0100007F:9C40 01 0:0 0:0 0 0 0 78 1\n\
             2: 0100007F:1F91 00000000:0000 0A 0:0 0:0 0 0 0 79 1\n";
        assert_eq!(inodes(table, 8080).len(), 1);
        assert_eq!(inodes(table, 8082), [""; 0]);
    }
}
