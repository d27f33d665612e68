//! Which bytes may stand where in a head (RFC 9110 section 5.5 and 5.6.2), as tables.

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(b: u8) -> bool {
    LOWER[usize::from(b)] != 0
}

/// A token's byte in lower case; 0 for a byte that may not stand in one.
pub(super) const LOWER: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        let sign = matches!(
            c,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if sign || c.is_ascii_alphanumeric() {
            table[b] = c.to_ascii_lowercase();
        }
        b += 1;
    }
    table
};

/// A control character other than a tab. Written without an early end, so that it is done many bytes at a time.
pub(super) fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &b| found | ((b < 0x20) & (b != b'\t')) | (b == 0x7f))
}

/// Without the spaces and tabs around it.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(start, |last| last + 1);
    &value[start..end]
}

/// A number of up to nineteen digits, which always fit.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    let sound = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    sound.then(|| value.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}
