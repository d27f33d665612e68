//! Finding one cookie among the fields of a request.

use fw_plane::cookie::in_field;

use crate::h1::Fields;

/// The value of the first cookie of this name that has one.
pub(crate) fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields.all(b"cookie").find_map(|field| in_field(field, name.as_bytes()))
}
