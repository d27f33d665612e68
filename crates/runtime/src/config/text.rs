//! Bytes to text: size, encoding and characters a config can't have.
//!
//! The YAML reader takes a NUL for the end of the file, so control characters are refused here,
//! before they can hide the rest of a document.

use super::fault::{Fault, Faults};
use super::tree::Place;

/// Largest config, bytes (1 MiB).
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The text of a file, without a byte-order mark.
///
/// # Errors
/// One fault: too large, or not UTF-8 (with the offset of the first bad byte).
pub(super) fn decode<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, Faults> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Faults::one(name, "", too_large(bytes.len())));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let sound = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
        let bad = bytes.get(e.valid_up_to()).copied().unwrap_or_default();
        let message = format!(
            "not UTF-8: the byte 0x{bad:02x} at offset {} can't stand here; save the file as UTF-8",
            e.valid_up_to()
        );
        let place = end_of(&sound);
        Faults::one(name, "", Fault::at(place, "", message))
    })
}

/// The text without its byte-order mark, if it holds only characters YAML allows.
///
/// # Errors
/// One fault.
pub(super) fn check<'t>(name: &str, text: &'t str) -> Result<&'t str, Faults> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Faults::one(name, "", too_large(text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // YAML 1.2.2, section 5.1: c-printable.
    let forbidden = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    match text.find(forbidden) {
        None => Ok(text),
        Some(offset) => {
            let code = text[offset..].chars().next().map_or(0, u32::from);
            let message =
                format!("the control character U+{code:04X} at offset {offset} can't stand in a config");
            Err(Faults::one(name, text, Fault::at(end_of(&text[..offset]), "", message)))
        }
    }
}

fn too_large(bytes: usize) -> Fault {
    Fault::new(
        None,
        "",
        format!("{bytes} bytes is too large; a config has at most {DOCUMENT_BYTES_MAX} bytes (1 MiB)"),
    )
}

/// The place just after a text.
fn end_of(text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place { line, column: last.chars().count() + 1 }
}
