//! The cookie that holds a visitor's key: finding it among many, and setting it.
//!
//! RFC 6265 section 5.4: `name=value` pairs, apart by semicolons, possibly over several fields
//! (RFC 9113 section 8.2.3). Values are taken as they are: nothing is decoded or unquoted. No list of cookies is built.

use fw_model::split::trim_key;
use http::HeaderValue;

/// The value of the first cookie of this name in a `Cookie` field that has one.
pub fn in_field<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|&b| b == b';').find_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        let (found, value) = (trim_key(&pair[..at]), trim_key(&pair[at + 1..]));
        (found == name && !value.is_empty()).then_some(value)
    })
}

/// A `Set-Cookie` field for the whole site, out of reach of scripts; `secure`: over TLS only.
///
/// None where name or key can't stand in a header.
pub fn set(name: &str, key: &[u8], secure: bool) -> Option<HeaderValue> {
    let mut text = Vec::with_capacity(name.len() + 80);
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    text.extend_from_slice(key);
    text.extend_from_slice(b"; Path=/; HttpOnly; SameSite=Lax");
    if secure {
        text.extend_from_slice(b"; Secure");
    }
    HeaderValue::from_bytes(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_cookie_is_found_and_nothing_else() {
        let find =
            |field: &'static str| in_field(field.as_bytes(), b"k").map(|v| std::str::from_utf8(v).unwrap());
        assert_eq!(find("k=1"), Some("1"));
        assert_eq!(find("a=k; k = 1=2 ;k=3"), Some("1=2"));
        assert_eq!(find("k=; k=2"), Some("2"));
        assert_eq!(find("K=1; kk=1; k"), None);
        assert_eq!(find(""), None);
    }
}
