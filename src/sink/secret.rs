//! What is known to the sink and shown to nobody.

use std::fmt;

/// What stands in place of a secret wherever it would be shown.
pub const MASK: &str = "***";

/// A key, a token or a password. Neither `Debug` nor an error message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text, where it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_only_to_who_asks_for_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{:?} {:?}", secret, Some(&secret)), "*** Some(***)");
        assert_eq!((secret.bytes(), secret.text()), (&b"hunter2"[..], Some("hunter2")));
        assert_eq!(Secret::new([0xFF]).text(), None);
    }
}
