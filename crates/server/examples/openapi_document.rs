//! Writes what `GET /openapi.json` answers. `cargo xtask gen` puts it into `dashboard`, where the page gets its types from
//! it, and CI compares it. It knows nothing itself: the document comes from the table that the endpoint is made of.

fn main() {
    print!("{}", fw_server::http::openapi_text());
}
