//! Signatures of webhooks: HMAC-SHA256 over id, time and body.
//!
//! Source: Standard Webhooks, specification 1.0 (github.com/standard-webhooks/standard-webhooks), "Signature scheme".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fw_model::Secret;
use ring::hmac;

use super::SettingError;

/// Shortest key, bytes.
pub const SIGNING_KEY_BYTES_MIN: usize = 24;
/// Longest key, bytes.
pub const SIGNING_KEY_BYTES_MAX: usize = 64;
/// What secrets begin with.
const PREFIX: &str = "whsec_";

/// Signs bodies with one key.
pub struct Signer(hmac::Key);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// In words that do not repeat the secret.
    pub fn new(secret: &Secret) -> Result<Signer, SettingError> {
        let text = secret.expose().strip_prefix(PREFIX);
        let text =
            text.ok_or_else(|| SettingError(format!("the signing secret must begin with {PREFIX}")))?;
        let key = STANDARD.decode(text);
        let key = key.map_err(|_| SettingError(format!("the signing secret is no base64 after {PREFIX}")))?;
        if !(SIGNING_KEY_BYTES_MIN..=SIGNING_KEY_BYTES_MAX).contains(&key.len()) {
            let (min, max) = (SIGNING_KEY_BYTES_MIN, SIGNING_KEY_BYTES_MAX);
            let text = format!("the signing secret has {} bytes; {min} to {max} are needed", key.len());
            return Err(SettingError(text));
        }
        Ok(Signer(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of the header `webhook-signature`; the time in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(format!("{id}.{timestamp}.").as_bytes());
        signing.update(body);
        format!("v1,{}", STANDARD.encode(signing.sign().as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_reference_library_does() {
        // Made with `standardwebhooks` from PyPI (1.1.0) and npm (1.1.1), which agree.
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_bad_secret_is_refused_without_being_repeated() {
        for (bad, why) in [
            ("hidden", "begin with whsec_"),
            ("whsec_hidden!", "no base64"),
            ("whsec_aGlkZGVu", "6 bytes"),
            ("whsec_", "0 bytes"),
        ] {
            let error = Signer::new(&Secret::new(bad)).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hidden") && !error.contains("aGlk"), "{error}");
        }
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        assert_eq!(format!("{signer:?}"), "Signer(…)");
    }
}
