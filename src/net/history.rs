//! What was delivered last, to compare later copies with.

/// How many bytes are kept: of the longest Modbus ADU, 260 bytes, all but the beginning of its header.
const HISTORY: usize = 256;

/// The last bytes delivered, each at its sequence number modulo [`HISTORY`].
#[repr(C)]
#[derive(Debug)]
pub(super) struct History {
    /// How many of them are known.
    known: u16,
    bytes: [u8; HISTORY],
}

impl Default for History {
    fn default() -> Self {
        Self { known: 0, bytes: [0; HISTORY] }
    }
}

impl History {
    /// Forgets all, as the next bytes will not follow on these.
    pub(super) fn forget(&mut self) {
        self.known = 0;
    }

    /// Adds the bytes from sequence number `seq` on.
    #[inline]
    pub(super) fn write(&mut self, seq: u32, bytes: &[u8]) {
        let older = bytes.len().saturating_sub(HISTORY);
        let newest = &bytes[older..];
        let start = seq.wrapping_add(older as u32) as usize % HISTORY;
        if let Some(place) = self.bytes.get_mut(start..start + newest.len()) {
            place.copy_from_slice(newest);
        } else {
            let (upper, lower) = newest.split_at(HISTORY - start);
            self.bytes[start..].copy_from_slice(upper);
            self.bytes[..lower.len()].copy_from_slice(lower);
        }
        self.known = (usize::from(self.known) + newest.len()).min(HISTORY) as u16;
    }

    /// Whether one of the bytes from `seq` on is known to differ; `next` is the number behind the last one known.
    pub(super) fn differs(&self, seq: u32, bytes: &[u8], next: u32) -> bool {
        (0_u32..).zip(bytes).any(|(index, byte)| {
            let seq = seq.wrapping_add(index);
            next.wrapping_sub(seq) <= self.known.into() && self.bytes[seq as usize % HISTORY] != *byte
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed_while_it_is_remembered(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..400), 1..6),
            isn: u32,
            place: prop::sample::Index,
            back in 1..600_usize,
        ) {
            let mut history = History::default();
            let mut next = isn;
            for piece in &pieces {
                history.write(next, piece);
                next = next.wrapping_add(piece.len() as u32);
            }
            let all = pieces.concat();
            let back = back.min(all.len());
            let mut copy = all[all.len() - back..].to_vec();
            let seq = next.wrapping_sub(back as u32);
            prop_assert!(!history.differs(seq, &copy, next));
            let changed = place.index(copy.len());
            copy[changed] ^= 1;
            prop_assert_eq!(history.differs(seq, &copy, next), back - changed <= HISTORY);
            history.forget();
            prop_assert!(!history.differs(seq, &copy, next));
        }
    }
}
