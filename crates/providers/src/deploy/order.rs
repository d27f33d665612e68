//! What a deployer is told: which version of which service, at which addresses.
//!
//! Plain typed values. What a config says, and when an order is given, is the caller's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Instances of one order.
pub const INSTANCES_MAX: usize = 256;
/// Longest id, service, version, environment or strategy, bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// One order to a deployer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Names this order and no other: the same id is the same order, however often it is given. By convention release, task and
    /// number of the try, such as `checkout.7-deploy-1`.
    pub id: String,
    /// The service.
    pub service: String,
    /// The version that is deployed, undone or retired.
    pub version: String,
    /// The environment; empty when there is none.
    pub env: String,
    /// The strategy of the release; empty when there is none.
    pub strategy: String,
    /// Where the version answers.
    pub instances: Vec<Instance>,
}

/// One process of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its base URL, such as `http://127.0.0.1:8082`.
    pub url: String,
}

/// An order can't be understood; the text says what of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderError(pub String);

impl Order {
    /// Looks at the names and their lengths.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), OrderError> {
        let names = [("id", &self.id), ("service", &self.service), ("version", &self.version)];
        for (what, name) in names {
            if name.is_empty() {
                return Err(OrderError(format!("an order without {what}")));
            }
        }
        let others = [("environment", &self.env), ("strategy", &self.strategy)];
        for (what, name) in names.into_iter().chain(others) {
            if name.len() > NAME_BYTES_MAX || name.contains('\0') {
                let text = format!("the {what} of an order has zero bytes or more than {NAME_BYTES_MAX}");
                return Err(OrderError(text));
            }
        }
        if self.instances.len() > INSTANCES_MAX {
            let text = format!("{} instances in one order, {INSTANCES_MAX} allowed", self.instances.len());
            return Err(OrderError(text));
        }
        Ok(())
    }

    /// The URLs, with a comma between.
    pub(super) fn urls(&self) -> String {
        self.instances.iter().map(|instance| instance.url.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Instance {
    /// Where it listens on this machine: `http`, a loopback or own address, and a port.
    ///
    /// # Errors
    /// When the URL is not of that form, or names a host that only a name server could find.
    pub fn address(&self) -> Result<SocketAddr, OrderError> {
        let unfit = |why: &str| OrderError(format!("the instance {} {why}", self.url));
        let rest = self.url.strip_prefix("http://").ok_or_else(|| unfit("does not begin with http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(unfit("has more than a host and a port"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.ends_with(':') => (
                host,
                port.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| unfit("has no port from 1 to 65535"))?,
            ),
            _ => return Err(unfit("has no port: processes are started on a port that is written down")),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let address: Result<IpAddr, ()> = match (host, bare) {
            ("localhost", _) => Ok(Ipv4Addr::LOCALHOST.into()),
            (_, Some(v6)) => v6.parse::<Ipv6Addr>().map(IpAddr::from).map_err(drop),
            (v4, None) => v4.parse::<Ipv4Addr>().map(IpAddr::from).map_err(drop),
        };
        let address = address
            .map_err(|()| unfit("is not on this machine by its address: write it as an IP address"))?;
        Ok(SocketAddr::new(address, port))
    }
}

/// A name as part of a path: letters, digits, `.`, `_`, `-` and `+` stay, everything else becomes `%XX`.
pub(super) fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let stays =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+') || (byte == b'.' && at > 0);
        if stays { safe.push(char::from(byte)) } else { safe.push_str(&format!("%{byte:02X}")) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_an_address_and_a_port() {
        let at = |url: &str| Instance { url: url.into() }.address().map(|at| at.to_string()).map_err(|e| e.0);
        assert_eq!(at("http://127.0.0.1:8082"), Ok("127.0.0.1:8082".into()));
        assert_eq!(at("http://localhost:80/"), Ok("127.0.0.1:80".into()));
        assert_eq!(at("http://[::1]:8082"), Ok("[::1]:8082".into()));
        for (url, why) in [
            ("https://127.0.0.1:1", "begin with http://"),
            ("http://127.0.0.1", "no port"),
            ("http://127.0.0.1:0", "no port from 1"),
            ("http://127.0.0.1:65536", "no port from 1"),
            ("http://shop.example:80", "not on this machine"),
            ("http://127.0.0.1:1/x", "more than a host"),
            ("http://::1:80", "not on this machine"),
        ] {
            assert!(at(url).is_err_and(|e| e.contains(why)), "{url}: {:?}", at(url));
        }
    }

    #[test]
    fn names_become_single_parts_of_a_path_and_stay_different() {
        assert_eq!(file_name("1.4.2-rc+1"), "1.4.2-rc+1");
        assert_eq!(file_name("../a b"), "%2E.%2Fa%20b");
        assert_eq!(file_name("."), "%2E");
    }
}
