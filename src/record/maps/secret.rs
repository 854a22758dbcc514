//! Marks that stand in place of secrets: the same for the same secret, of no use without the key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What a mark begins with.
pub(in crate::record) const MARK: &str = "secret:";

/// Bytes of the hash that a mark shows: enough to tell billions of guesses apart.
const SHOWN: usize = 8;

/// The length of a mark.
const LENGTH: usize = MARK.len() + 2 * SHOWN;

/// The key that marks are made with. It is never printed.
#[derive(Clone, Default)]
pub struct SecretKey(Vec<u8>);

impl SecretKey {
    /// A key of any length.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Whether a text looks like a mark.
    pub(in crate::record) fn is_mark(text: &str) -> bool {
        text.len() == LENGTH && text.starts_with(MARK)
    }

    /// The mark of a secret, `secret:` and 16 hexadecimal digits of HMAC-SHA256 (RFC 2104). Zeros at the end are
    /// padding: a passphrase has the same mark in a field of any length.
    pub(in crate::record) fn mark(&self, registers: &[u16]) -> [u8; LENGTH] {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let used = registers.iter().rposition(|register| *register != 0).map_or(0, |last| last + 1);
        let mut mark = [0; LENGTH];
        let (head, digits) = mark.split_at_mut(MARK.len());
        head.copy_from_slice(MARK.as_bytes());
        // A key of any length will do: there is no error to come.
        if let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(&self.0) {
            for register in registers.iter().take(used) {
                hash.update(&register.to_be_bytes());
            }
            let hash = hash.finalize().into_bytes();
            for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
                pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0F)]]);
            }
        }
        mark
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_depends_on_the_secret_and_on_the_key() {
        let mark = |key: &str, secret: &[u16]| String::from_utf8(SecretKey::new(key).mark(secret).to_vec()).unwrap();
        // printf '\0a\0b' | openssl dgst -sha256 -hmac k
        assert_eq!(mark("k", &[0x61, 0x62]), "secret:b37c27dd6db0670b");
        assert_eq!(mark("k", &[0x61, 0x62, 0, 0]), mark("k", &[0x61, 0x62]));
        assert_ne!(mark("k", &[0x61, 0x63]), mark("k", &[0x61, 0x62]));
        assert_ne!(mark("l", &[0x61, 0x62]), mark("k", &[0x61, 0x62]));
        assert_eq!(format!("{:?}", SecretKey::new("k")), "SecretKey");
    }
}
