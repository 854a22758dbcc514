//! Many frames in one buffer.

use super::{Frame, LinkType};
use crate::time::Timestamp;

/// Once a batch holds so many frames nothing more is read into it: enough for threads not to wait for each other at every
/// turn, few enough for what is made of them to stay in a cache.
const FULL_FRAMES: usize = 1024;
/// Once a batch holds so many bytes nothing more is read into it.
const FULL_BYTES: usize = 1 << 20;

/// Where a frame of a batch lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    /// Of its first byte, in the batch's buffer.
    pub(super) start: usize,
    pub(super) len: usize,
}

/// Consecutive frames of one input in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// Initialised throughout, so that input can be read into it in place; used up to `filled`.
    bytes: Vec<u8>,
    filled: usize,
    placed: Vec<Placed>,
    first: u64,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets its frames and keeps its memory; the next frame will be number `first`.
    pub fn restart(&mut self, first: u64) {
        self.filled = 0;
        self.placed.clear();
        self.first = first;
    }

    /// Copies a frame to the end.
    pub fn push(&mut self, time: Timestamp, link: LinkType, wire_len: u32, bytes: &[u8]) {
        let start = self.filled;
        self.append(bytes);
        self.place(Placed { time, link, wire_len, start, len: bytes.len() });
    }

    /// Notes a frame whose bytes are in the buffer already.
    #[inline]
    pub(super) fn place(&mut self, placed: Placed) {
        self.placed.push(placed);
    }

    /// Copies bytes that belong to no frame yet to the end of the buffer.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.keep(bytes.len());
    }

    /// `len` bytes to read into, after the ones in use.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.filled + len;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// Puts the first `len` bytes of the last [`room`](Self::room) to use.
    pub(super) fn keep(&mut self, len: usize) {
        self.filled = (self.filled + len).min(self.bytes.len());
    }

    /// Gives up the first `len` bytes of the buffer, which hold no frame, while it holds none at all.
    pub(super) fn forget(&mut self, len: usize) {
        self.bytes.copy_within(len.min(self.filled)..self.filled, 0);
        self.filled -= len.min(self.filled);
    }

    /// How many frames it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.placed.len()
    }

    /// Whether it holds no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// Whether it is large enough to be handed on: about 256 frames or 1 MiB.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.placed.len() >= FULL_FRAMES || self.filled >= FULL_BYTES
    }

    /// The number of the frame after its last.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.first + self.placed.len() as u64
    }

    /// Its frames in order.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = Frame<'_>> + ExactSizeIterator {
        self.placed.iter().enumerate().map(|(index, placed)| Frame {
            number: self.first + index as u64,
            time: placed.time,
            link: placed.link,
            wire_len: placed.wire_len,
            bytes: self.bytes.get(placed.start..placed.start + placed.len).unwrap_or_default(),
        })
    }

    /// The bytes in use from `start` on.
    #[inline]
    pub(super) fn bytes_from(&self, start: usize) -> &[u8] {
        self.bytes.get(start..self.filled).unwrap_or_default()
    }

    /// How many bytes of the buffer are in use.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_numbered_and_a_restart_forgets_them() {
        let mut batch = Batch::new();
        batch.restart(7);
        batch.push(Timestamp::from_nanos(1), LinkType::Ethernet, 60, b"abc");
        batch.push(Timestamp::from_nanos(2), LinkType::Raw, 2, b"de");
        let frames: Vec<_> = batch.frames().map(|frame| (frame.number, frame.wire_len, frame.bytes.to_vec())).collect();
        assert_eq!(frames, [(7, 60, b"abc".to_vec()), (8, 2, b"de".to_vec())]);
        assert_eq!(batch.next_number(), 9);
        batch.restart(9);
        assert!(batch.is_empty() && batch.frames().len() == 0);
    }
}
