//! The bytes that tell a group from others.

/// Bytes that are kept in place; of a longer key, all stand elsewhere.
const NEAR: usize = 30;

/// Encoded values, one after the other. Most are two addresses and perhaps two numbers, which stand where they are compared.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// So many of these.
    Near(u8, [u8; NEAR]),
    /// All of these.
    Far(Box<[u8]>),
}

impl Key {
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Near(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Far(bytes) => bytes,
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::Near(0, [0; NEAR])
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        let mut near = [0; NEAR];
        match near.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Self::Near(bytes.len() as u8, near)
            }
            None => Self::Far(bytes.into()),
        }
    }
}
