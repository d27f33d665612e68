//! Writes the reference page of `/metrics`. `cargo xtask gen` puts it into `docs/reference`, and CI compares it. It knows
//! nothing itself: the page comes from the table that the endpoint is made of.

fn main() {
    print!("{}", fw_server::http::metrics_reference());
}
