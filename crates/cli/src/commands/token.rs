//! `fw token new`: a random token, shown this once, and the line that makes a server know it.
//!
//! The server keeps only the digest, so a lost token is replaced, never looked up.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::TokenCommand;
use crate::failure::Failure;
use crate::output::{Out, say};

/// Random bytes of a token: 256 bits.
const TOKEN_BYTES: usize = 32;
/// Makes a token recognisable where it should not be, such as in a log.
const PREFIX: &str = "fw_";

pub(super) fn run(command: TokenCommand, out: &mut Out) -> Result<(), Failure> {
    let TokenCommand::New { name, role } = command;
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| Failure::Failed(format!("no randomness to be had: {e}")))?;
    let token = format!("{PREFIX}{}", hex(&bytes));
    let sha256 = digest(&token);
    let roles: Vec<&str> = role.iter().map(|role| role.role().as_str()).collect();
    if out.is_json() {
        out.json(&json!({ "token": token, "name": name.as_str(), "sha256": sha256, "roles": roles }))?;
    } else {
        out.line(&token)?;
        out.line(&format!("- {{ name: {name}, sha256: \"{sha256}\", roles: [{}] }}", roles.join(", ")))?;
    }
    say("The token is shown this once: put it into $FW_TOKEN where it is used.");
    say("The line with its digest belongs under auth.tokens in the config.");
    Ok(())
}

/// What the config knows a token by: SHA-256 as 64 hex digits.
fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
