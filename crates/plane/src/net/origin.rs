//! Where a server is: the URL of the config, read once.
//!
//! Only an origin is taken (scheme, host, port); a path, query, user or fragment is refused, because
//! the proxy passes the client's path on as it is, and the control plane's paths are its own.

use http::Uri;

/// How to speak to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP/1.1 over TCP.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 over TCP with prior knowledge (RFC 9113 section 3.3).
    H2c,
}

/// One upstream instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// How to speak to it.
    pub scheme: Scheme,
    /// A name or address, without brackets.
    pub host: String,
    /// 1 to 65 535.
    pub port: u16,
    /// `host:port`, as reports name the instance.
    pub name: String,
}

/// An upstream URL can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upstream {url:?} {why}")]
pub struct OriginError {
    url: String,
    why: &'static str,
}

impl Origin {
    /// Reads `http://host:port`, `https://host` or `h2c://host:port`.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong with the URL.
    pub fn parse(url: &str) -> Result<Origin, OriginError> {
        let err = |why| OriginError { url: url.to_owned(), why };
        let uri: Uri = url.parse().map_err(|_| err("is no URL; write http://HOST:PORT"))?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some("h2c") => Scheme::H2c,
            _ => return Err(err("must begin with http://, https:// or h2c://")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(err("must end after the port: requests keep their own path"));
        }
        let authority = uri.authority().ok_or_else(|| err("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(err("must not carry a user name"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(err("names no host"));
        }
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        let port = match authority.port() {
            None => default,
            Some(_) => authority.port_u16().filter(|&p| p > 0).ok_or_else(|| err("has no valid port"))?,
        };
        let name = format!("{host}:{port}");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Origin { scheme, host, port, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read() {
        let read = |url| Origin::parse(url).map(|o| (o.scheme, o.host, o.port, o.name));
        let own = |s: &str| s.to_owned();
        assert_eq!(
            read("http://127.0.0.1:8081"),
            Ok((Scheme::Http, own("127.0.0.1"), 8081, own("127.0.0.1:8081")))
        );
        assert_eq!(read("https://shop/"), Ok((Scheme::Https, own("shop"), 443, own("shop:443"))));
        assert_eq!(read("h2c://[::1]:50051"), Ok((Scheme::H2c, own("::1"), 50051, own("[::1]:50051"))));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let bad = [
            "",
            "shop:80",
            "ftp://shop",
            "http://shop/api",
            "http://shop?x=1",
            "http://a@shop",
            "http://shop:0",
        ];
        for url in bad {
            assert!(Origin::parse(url).is_err(), "{url}");
        }
    }
}
