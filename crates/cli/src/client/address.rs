//! Where a server is: `http://HOST:PORT`, perhaps with a path in front of everything.

use std::fmt;

/// A server's base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name or IP address; IPv6 in brackets.
    host: String,
    /// TCP port.
    port: u16,
    /// Empty, or `/prefix` without a slash at the end.
    prefix: String,
}

impl Address {
    /// Reads a URL; `http://` may be left out.
    ///
    /// # Errors
    /// In words, what is wrong and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Address, String> {
        let wrong = |why: &str| format!("the server {text:?} {why}; write it like http://127.0.0.1:3002");
        let rest = match text.split_once("://") {
            None => text,
            Some(("http" | "HTTP", rest)) => rest,
            Some(("https" | "HTTPS", _)) => {
                return Err(wrong(
                    "needs TLS, which this client does not speak: use a tunnel to the server's own port",
                ));
            }
            Some(_) => return Err(wrong("is no http URL")),
        };
        let uri: http::Uri = format!("http://{rest}").parse().map_err(|_| wrong("is no URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds a user name; tokens come from $FW_TOKEN"));
        }
        if uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong("is no base URL"));
        }
        // By hand, because `http` takes a port it can't hold for none.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => 80,
            Some(port) => {
                let port = port.strip_prefix(':').and_then(|digits| digits.parse::<u16>().ok());
                port.filter(|port| *port > 0).ok_or_else(|| wrong("has no port from 1 to 65535"))?
            }
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Address { host: authority.host().to_owned(), port, prefix })
    }

    /// For connecting: host without brackets, and port.
    pub(super) fn target(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// For the `Host` header.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The request target of a path.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_people_write_them() {
        let cases = [
            ("http://127.0.0.1:3002", "http://127.0.0.1:3002"),
            ("http://127.0.0.1:3002/", "http://127.0.0.1:3002"),
            ("localhost:3002", "http://localhost:3002"),
            ("http://fw.example", "http://fw.example:80"),
            ("http://[::1]:3002", "http://[::1]:3002"),
            ("http://a:1/fw/", "http://a:1/fw"),
        ];
        for (text, want) in cases {
            assert_eq!(Address::parse(text).map(|a| a.to_string()).as_deref(), Ok(want), "{text}");
        }
        assert_eq!(Address::parse("http://[::1]:3002").unwrap().target(), ("::1", 3002));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "https://a",
            "ftp://a",
            "http://",
            "http://u:p@a",
            "http://a:99999",
            "http://a:",
            "http://a:0",
            "http://a?x=1",
            "a b",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
