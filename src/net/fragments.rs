//! Packets that arrive in fragments.

use super::Counters;
use super::ip::{Addresses, Ip, Place, Version};
use super::link::Unused;
use crate::time::{Span, Timestamp};

/// How many incomplete packets a shard keeps.
const MAX_PACKETS: usize = 64;
/// How many bytes they may take in a shard; any packet fits.
const MAX_BYTES: usize = 1 << 19;
/// The longest payload of a packet.
const MAX_PAYLOAD: usize = 65_535;
/// How long an incomplete packet is kept. Linux keeps it as long.
const AGE: Span = Span::from_secs(30);
/// Offsets count in units of so many bytes, and all fragments but the last hold whole ones.
const UNIT: usize = 8;

/// The incomplete packets of a shard, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    partial: Vec<Partial>,
    bytes: usize,
}

/// Which packet a fragment is of (RFC 791, 3.2; RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    addresses: Addresses,
    vlan: u16,
    id: u32,
    /// 0 in IPv6, where it does not count.
    protocol: u8,
}

/// An incomplete packet.
#[derive(Debug)]
struct Partial {
    key: Key,
    since: Timestamp,
    /// Of the fragment at offset 0, which knows best.
    protocol: u8,
    payload: Vec<u8>,
    /// Which units of the payload are there.
    there: Vec<bool>,
    /// Length of the payload, once its last fragment has come.
    total: Option<usize>,
    overlap: bool,
    conflict: bool,
}

/// A packet that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
    /// Whether fragments overlapped and differed; the first copy is here.
    pub(super) conflict: bool,
}

impl Fragments {
    /// Takes a fragment; returns its packet if that is complete now.
    ///
    /// # Errors
    /// When the fragment cannot be one: a host would drop it.
    pub(super) fn push(
        &mut self,
        ip: &Ip<'_>,
        place: Place,
        vlan: u16,
        time: Timestamp,
        counters: &mut Counters,
    ) -> Result<Option<Whole>, Unused> {
        let end = place.offset as usize + ip.wire_len;
        if end > MAX_PAYLOAD || ip.wire_len == 0 || (place.more && !ip.wire_len.is_multiple_of(UNIT)) {
            return Err(Unused::BadLength);
        }
        counters.fragments += 1;
        let protocol = if ip.addresses.version == Version::V4 { ip.protocol } else { 0 };
        let key = Key { addresses: ip.addresses, vlan, id: place.id, protocol };
        let index = match self.partial.iter().position(|partial| partial.key == key) {
            Some(index) => index,
            None => {
                self.partial.push(Partial::new(key, ip.protocol, time));
                self.partial.len() - 1
            }
        };
        let Some(partial) = self.partial.get_mut(index) else { return Ok(None) };
        let before = partial.payload.len();
        let possible = partial.add(ip, place);
        self.bytes += partial.payload.len() - before;
        if !possible {
            self.remove(index);
            counters.fragments_dropped += 1;
            return Ok(None);
        }
        if partial.is_complete() {
            let partial = self.remove(index);
            counters.reassembled += 1;
            counters.fragments_overlapping += u64::from(partial.overlap);
            let Partial { protocol, payload, conflict, .. } = partial;
            return Ok(Some(Whole { protocol, payload, conflict }));
        }
        while self.partial.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            self.remove(0);
            counters.fragments_dropped += 1;
        }
        Ok(None)
    }

    /// Gives up the packets that have been incomplete for too long.
    pub(super) fn expire(&mut self, now: Timestamp, counters: &mut Counters) {
        let before = self.partial.len();
        self.partial.retain(|partial| now.since(partial.since) <= AGE);
        self.bytes = self.partial.iter().map(|partial| partial.payload.len()).sum();
        counters.fragments_dropped += (before - self.partial.len()) as u64;
    }

    /// Gives up all packets.
    pub(super) fn finish(&mut self, counters: &mut Counters) {
        counters.fragments_dropped += self.partial.len() as u64;
        self.partial.clear();
        self.bytes = 0;
    }

    fn remove(&mut self, index: usize) -> Partial {
        let partial = self.partial.remove(index);
        self.bytes -= partial.payload.len();
        partial
    }
}

impl Partial {
    fn new(key: Key, protocol: u8, since: Timestamp) -> Self {
        Self {
            key,
            since,
            protocol,
            payload: Vec::new(),
            there: Vec::new(),
            total: None,
            overlap: false,
            conflict: false,
        }
    }

    /// Adds a fragment; false when it contradicts what is known of the packet's length.
    fn add(&mut self, ip: &Ip<'_>, place: Place) -> bool {
        let offset = place.offset as usize;
        let end = offset + ip.wire_len;
        if !place.more {
            self.total = self.total.or(Some(end));
        }
        if self.total.is_some_and(|total| end > total || self.payload.len() > total) {
            return false;
        }
        if offset == 0 {
            self.protocol = ip.protocol;
        }
        // Of a fragment that a snap length cut, whole units count. The rest may still come again.
        let captured = match ip.payload.len() {
            len if len == ip.wire_len => len,
            len => len / UNIT * UNIT,
        };
        let captured = ip.payload.get(..captured).unwrap_or_default();
        if self.payload.len() < offset + captured.len() {
            self.payload.resize(offset + captured.len(), 0);
            self.there.resize(self.payload.len().div_ceil(UNIT), false);
        }
        let known = self.payload.get_mut(offset..).unwrap_or_default().chunks_mut(UNIT);
        let there = self.there.get_mut(offset / UNIT..).unwrap_or_default();
        for ((new, known), there) in captured.chunks(UNIT).zip(known).zip(there) {
            let len = new.len().min(known.len());
            if *there {
                self.overlap = true;
                self.conflict |= known[..len] != new[..len];
            } else {
                known[..len].copy_from_slice(&new[..len]);
                *there = true;
            }
        }
        true
    }

    fn is_complete(&self) -> bool {
        self.total == Some(self.payload.len()) && self.there.iter().all(|there| *there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ip::UDP;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    /// Pushes a fragment of packet `id`.
    fn push(
        fragments: &mut Fragments,
        counters: &mut Counters,
        (id, offset, more): (u32, usize, bool),
        payload: &[u8],
    ) -> Result<Option<Whole>, Unused> {
        let addresses = Addresses { src: 1, dst: 2, version: Version::V4 };
        let place = Place { id, offset: offset as u32, more };
        let ip = Ip { addresses, protocol: UDP, id: 0, fragment: Some(place), payload, wire_len: payload.len() };
        fragments.push(&ip, place, 0, at(0), counters)
    }

    #[test]
    fn the_first_copy_wins_and_a_different_one_is_told() {
        let (mut fragments, mut counters) = (Fragments::default(), Counters::default());
        assert_eq!(push(&mut fragments, &mut counters, (1, 8, true), b"BBBBBBBB"), Ok(None));
        assert_eq!(push(&mut fragments, &mut counters, (1, 16, false), b"cc"), Ok(None));
        let whole = push(&mut fragments, &mut counters, (1, 0, true), b"AAAAAAAAbbbbbbbb").unwrap().unwrap();
        assert_eq!((whole.payload, whole.conflict), (b"AAAAAAAABBBBBBBBcc".to_vec(), true));
        assert_eq!((counters.fragments, counters.reassembled, counters.fragments_overlapping), (3, 1, 1));
    }

    #[test]
    fn fragments_that_cannot_be_are_refused() {
        let (mut fragments, mut counters) = (Fragments::default(), Counters::default());
        assert_eq!(push(&mut fragments, &mut counters, (1, 0, true), b"1234567"), Err(Unused::BadLength));
        assert_eq!(push(&mut fragments, &mut counters, (1, 65_528, false), b"12345678"), Err(Unused::BadLength));
        assert_eq!(push(&mut fragments, &mut counters, (1, 0, false), b""), Err(Unused::BadLength));
        // A fragment behind the end of its packet.
        assert_eq!(push(&mut fragments, &mut counters, (1, 8, false), b"end"), Ok(None));
        assert_eq!(push(&mut fragments, &mut counters, (1, 16, true), b"12345678"), Ok(None));
        assert_eq!((counters.fragments_dropped, fragments.partial.len(), fragments.bytes), (1, 0, 0));
    }

    #[test]
    fn floods_stay_within_bounds_and_old_ones_go() {
        let (mut fragments, mut counters) = (Fragments::default(), Counters::default());
        for id in 0..1_000 {
            push(&mut fragments, &mut counters, (id, 65_512, true), b"12345678").unwrap();
            assert!(fragments.partial.len() <= MAX_PACKETS && fragments.bytes <= MAX_BYTES);
        }
        let kept = fragments.partial.len() as u64;
        assert_eq!(counters.fragments_dropped, 1_000 - kept);
        fragments.expire(at(30), &mut counters);
        assert_eq!(fragments.partial.len() as u64, kept);
        fragments.expire(at(31), &mut counters);
        assert_eq!((counters.fragments_dropped, fragments.bytes), (1_000, 0));
    }

    proptest! {
        #[test]
        fn any_order_gives_the_packet(
            payload in proptest::collection::vec(any::<u8>(), 1..300),
            order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let (mut fragments, mut counters) = (Fragments::default(), Counters::default());
            let pieces: Vec<_> = payload.chunks(16).collect();
            let mut wholes = Vec::new();
            for index in order.into_iter().filter(|index| *index < pieces.len()) {
                let place = (5, index * 16, index + 1 < pieces.len());
                wholes.extend(push(&mut fragments, &mut counters, place, pieces[index]).unwrap());
            }
            prop_assert_eq!(wholes, [Whole { protocol: UDP, payload, conflict: false }]);
        }
    }
}
