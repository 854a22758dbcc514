//! One direction of a TCP connection: segments in, bytes in order out.

use super::counters::Counters;
use super::history::History;
use super::{Carrier, Event};
use crate::time::{Span, Timestamp};

/// How far from its place a direction believes a segment to belong to it, in bytes: more than any window that
/// a controller offers. Segments from further away are not compared with what is known; the place is given up.
const REACH: u32 = 1 << 20;
/// How many segments a direction holds back for a hole before them.
const MAX_HELD: usize = 64;
/// How many bytes a direction holds back.
const MAX_HELD_BYTES: usize = 64 << 10;
/// How long a hole is waited for when nobody acknowledges what is behind it. Longer than several
/// retransmissions take, and only waited for where the capture lacks the other direction.
const PATIENCE: Span = Span::from_secs(5);

/// The room that a piece is given which is held back, at least: the longest ADU, so that any room serves for any of them.
const ROOM: usize = 260;
/// How many rooms a shard keeps for pieces to come.
const MAX_SPARE: usize = 64;

/// What the streams of a shard share.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) counters: Counters,
    /// Bytes held back by all of them, and how many may be.
    pub(super) held: usize,
    pub(super) max_held: usize,
    /// Rooms of pieces that went, for others.
    pub(super) spare: Vec<Vec<u8>>,
    /// Serials are one more than `number` plus a multiple of `step`.
    pub(super) number: usize,
    pub(super) step: usize,
}

impl Ledger {
    /// Counts a conversation and gives its serial.
    pub(super) fn open(&mut self) -> u64 {
        let serial = self.counters.opened * self.step as u64 + self.number as u64 + 1;
        self.counters.opened += 1;
        serial
    }

    /// Holds a copy of `bytes`.
    fn hold(&mut self, bytes: &[u8]) -> Vec<u8> {
        let room = if bytes.len() > ROOM { None } else { self.spare.pop() };
        let mut copy = room.unwrap_or_else(|| Vec::with_capacity(bytes.len().max(ROOM)));
        copy.extend_from_slice(bytes);
        self.held += Held::cost(&copy);
        copy
    }

    /// A piece is held no longer.
    fn let_go(&mut self, mut bytes: Vec<u8>) {
        self.held -= Held::cost(&bytes);
        if bytes.len() <= ROOM && self.spare.len() < MAX_SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// The payload of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// The sequence number of its first byte.
    pub(super) seq: u32,
    /// What was captured of it.
    pub(super) bytes: &'a [u8],
    /// Its length on the wire.
    pub(super) wire_len: u32,
    /// The identification of its IPv4 packet, or 0.
    pub(super) id: u16,
}

/// The state of one direction.
///
/// In this order, all that most segments touch but their bytes is one cache line.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Segments behind a hole, in order, without overlap.
    held: Vec<Held>,
    /// The sequence number of the next new byte.
    next: u32,
    /// The initial sequence number, where the SYN was seen.
    isn: Option<u32>,
    /// What the other side has acknowledged.
    acked: Option<u32>,
    /// The sequence number behind the last byte, once a FIN told it.
    fin: Option<u32>,
    /// Sequence number and IPv4 identification of the segment before.
    last: (u32, u16),
    /// Whether `next` is known.
    anchored: bool,
    /// Whether a copy of delivered or held bytes differed since the last chunk.
    conflict: bool,
    history: History,
}

/// A piece of a segment that waits for the bytes before it.
#[derive(Debug)]
struct Held {
    seq: u32,
    bytes: Vec<u8>,
    wire_len: u32,
    carrier: Carrier,
}

impl Held {
    /// What a piece of these bytes counts for against the bounds.
    fn cost(bytes: &[u8]) -> usize {
        bytes.len().max(ROOM) + size_of::<Self>()
    }

    /// The carrier to deliver it with when frame `by` releases it, or none does.
    fn released(&self, by: Option<&Carrier>) -> Carrier {
        by.map_or(self.carrier, |by| Carrier { frame: by.frame, time: by.time, ..self.carrier })
    }
}

/// How far `seq` is ahead of `base`; negative when it is behind.
fn distance(seq: u32, base: u32) -> i32 {
    seq.wrapping_sub(base) as i32
}

impl Stream {
    /// Forgets everything but its memory.
    pub(super) fn reset(&mut self, ledger: &mut Ledger) {
        // What was delivered is not written over: a few hundred bytes that nobody looks at any more.
        let Self { held, next, isn, acked, fin, last, anchored, conflict, history } = self;
        held.drain(..).for_each(|piece| ledger.let_go(piece.bytes));
        (*next, *isn, *acked, *fin, *last, *anchored, *conflict) = Default::default();
        history.forget();
    }

    /// Starts behind a SYN.
    pub(super) fn synchronise(&mut self, isn: u32) {
        self.anchored = true;
        self.isn = Some(isn);
        self.next = isn.wrapping_add(1);
    }

    /// Whether nothing is special about it: its place is known, nothing waits for a hole, no end was told.
    pub(super) fn is_steady(&self) -> bool {
        self.anchored && self.held.is_empty() && self.fin.is_none()
    }

    /// Takes a payload that was captured whole, if it is the next one; the stream is [steady](Self::is_steady).
    #[inline(always)]
    pub(super) fn go_on_with<'a>(&mut self, payload: &Payload<'a>) -> Option<Event<'a>> {
        if payload.seq != self.next {
            return None;
        }
        self.last = (payload.seq, payload.id);
        self.history.write(self.next, payload.bytes);
        self.next = self.next.wrapping_add(payload.wire_len);
        let conflict = std::mem::take(&mut self.conflict);
        Some(Event::Data { bytes: payload.bytes, conflict, truncated: false })
    }

    /// Takes the payload of a segment: delivers it, holds it back, or knows it already.
    #[inline(always)]
    pub(super) fn accept(
        &mut self,
        payload: Payload<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        if !self.anchored {
            self.anchored = true;
            self.next = payload.seq;
        }
        if payload.seq == self.next && self.held.is_empty() {
            self.last = (payload.seq, payload.id);
            self.deliver(payload.bytes, payload.wire_len, carrier, ledger, emit);
        } else {
            self.accept_elsewhere(payload, carrier, ledger, emit);
        }
    }

    /// Takes a payload that is not simply the next one.
    #[cold]
    fn accept_elsewhere(
        &mut self,
        mut payload: Payload<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        let again = payload.id != 0 && self.last == (payload.seq, payload.id);
        self.last = (payload.seq, payload.id);
        let ahead = distance(payload.seq, self.next);
        if ahead.unsigned_abs() > REACH {
            ledger.counters.jumps += 1;
            self.release(Some(carrier), ledger, emit);
            self.acked = None;
            self.skip_to(payload.seq, carrier, ledger, emit);
            return self.deliver(payload.bytes, payload.wire_len, carrier, ledger, emit);
        }
        if ahead < 0 {
            let old = ahead.unsigned_abs();
            if old == 1 && payload.wire_len <= 1 {
                // RFC 9293, 3.8.4: a keep-alive may carry one byte of garbage, so it is not compared.
                ledger.counters.keep_alives += 1;
                return;
            }
            let copy = payload.bytes.get(..old as usize).unwrap_or(payload.bytes);
            self.note_copy(self.history.differs(payload.seq, copy, self.next), again, ledger);
            if payload.wire_len <= old {
                return;
            }
            payload.seq = self.next;
            payload.bytes = payload.bytes.get(old as usize..).unwrap_or_default();
            payload.wire_len -= old;
        }
        if ahead > 0 {
            ledger.counters.out_of_order += 1;
            // What the receiver has acknowledged and the capture lacks will not come any more.
            if self.acked.is_some_and(|acked| (0..=REACH as i32).contains(&distance(acked, payload.seq))) {
                self.skip_to(payload.seq, carrier, ledger, emit);
            }
        }
        let hole = self.held.first().map_or(u32::MAX, |first| first.seq.wrapping_sub(self.next));
        if payload.seq == self.next && payload.wire_len <= hole {
            self.deliver(payload.bytes, payload.wire_len, carrier, ledger, emit);
        } else {
            self.hold(payload, again, carrier, ledger);
        }
        self.drain(Some(carrier), ledger, emit);
        while self.holds_too_much(ledger) {
            self.skip_hole(Some(carrier), ledger, emit);
        }
    }

    /// Notes what the other side has received, if that can be.
    #[inline(always)]
    pub(super) fn note_ack(&mut self, ack: u32) -> bool {
        if self.anchored && distance(ack, self.next).unsigned_abs() > REACH {
            return false;
        }
        if self.acked.is_none_or(|acked| distance(ack, acked) > 0) {
            self.acked = Some(ack);
        }
        true
    }

    /// Hears that the other side has received everything before `ack`.
    pub(super) fn acknowledge(
        &mut self,
        ack: u32,
        by: &Carrier,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        if !self.note_ack(ack) {
            return;
        }
        while self.held.first().is_some_and(|first| distance(ack, first.seq) >= 0) {
            self.skip_hole(Some(by), ledger, emit);
        }
    }

    /// Hears that the direction ends before sequence number `end`.
    pub(super) fn finish(&mut self, end: u32) {
        if !self.anchored {
            self.anchored = true;
            self.next = end;
        }
        if distance(end, self.next).unsigned_abs() <= REACH {
            self.fin = Some(end);
        }
    }

    /// Takes back that it ends.
    pub(super) fn go_on(&mut self) {
        self.fin = None;
    }

    /// Delivers everything that is held back, and a gap for each hole.
    pub(super) fn release(
        &mut self,
        by: Option<&Carrier>,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        while !self.held.is_empty() {
            self.skip_hole(by, ledger, emit);
        }
    }

    /// Gives up the holes that were waited for long enough.
    pub(super) fn expire(&mut self, now: Timestamp, ledger: &mut Ledger, emit: &mut impl FnMut(&Carrier, Event<'_>)) {
        while self.held.first().is_some_and(|first| now.since(first.carrier.time) > PATIENCE) {
            self.skip_hole(None, ledger, emit);
        }
    }

    /// Delivers the next bytes. What a snap length cut of them is a gap.
    #[inline(always)]
    fn deliver(
        &mut self,
        bytes: &[u8],
        wire_len: u32,
        carrier: &Carrier,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        let truncated = bytes.len() < wire_len as usize;
        if !bytes.is_empty() {
            self.history.write(self.next, bytes);
            let conflict = std::mem::take(&mut self.conflict);
            emit(carrier, Event::Data { bytes, conflict, truncated });
        }
        self.next = self.next.wrapping_add(wire_len);
        if truncated {
            ledger.counters.truncated += 1;
            self.history.forget();
            emit(carrier, Event::Gap { cut: true });
        }
    }

    /// Gives up what is missing before `seq`.
    fn skip_to(
        &mut self,
        seq: u32,
        carrier: &Carrier,
        ledger: &mut Ledger,
        emit: &mut impl FnMut(&Carrier, Event<'_>),
    ) {
        ledger.counters.gaps += 1;
        self.next = seq;
        self.history.forget();
        emit(carrier, Event::Gap { cut: false });
    }

    /// Gives up the first hole and delivers what is behind it.
    fn skip_hole(&mut self, by: Option<&Carrier>, ledger: &mut Ledger, emit: &mut impl FnMut(&Carrier, Event<'_>)) {
        let Some(first) = self.held.first() else { return };
        let (seq, carrier) = (first.seq, first.released(by));
        if seq != self.next {
            self.skip_to(seq, &carrier, ledger, emit);
        }
        self.drain(by, ledger, emit);
    }

    /// Delivers what is held back and has no hole before it any more.
    fn drain(&mut self, by: Option<&Carrier>, ledger: &mut Ledger, emit: &mut impl FnMut(&Carrier, Event<'_>)) {
        let mut end = self.next;
        let mut ready = 0;
        for held in &self.held {
            if held.seq != end {
                break;
            }
            end = end.wrapping_add(held.wire_len);
            ready += 1;
        }
        if ready == 0 {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        for piece in held.drain(..ready) {
            self.deliver(&piece.bytes, piece.wire_len, &piece.released(by), ledger, emit);
            ledger.let_go(piece.bytes);
        }
        self.held = held;
    }

    /// Copies the parts of a payload that are new to where they belong among the held ones.
    fn hold(&mut self, payload: Payload<'_>, again: bool, carrier: &Carrier, ledger: &mut Ledger) {
        let next = self.next;
        let start = payload.seq.wrapping_sub(next);
        let end = start + payload.wire_len;
        // Parts are counted from `next`; of those that a snap length cut there are fewer bytes, or none.
        let part = |from: u32, to: u32| {
            let captured = payload.bytes.len();
            let (from, to) = ((from - start) as usize, (to - start) as usize);
            payload.bytes.get(from.min(captured)..to.min(captured)).unwrap_or_default()
        };
        let (mut from, mut index) = (start, 0);
        let (mut copied, mut differs) = (false, false);
        while from < end {
            let known = self.held.get(index).map(|held| (held.seq.wrapping_sub(next), held));
            match known {
                Some((known_from, known)) if known_from <= from => {
                    let known_to = known_from + known.wire_len;
                    if known_to > from {
                        let there = known.bytes.get((from - known_from) as usize..).unwrap_or_default();
                        copied = true;
                        differs |= part(from, known_to.min(end)).iter().zip(there).any(|(new, old)| new != old);
                        from = known_to;
                    }
                }
                _ => {
                    let to = known.map_or(end, |(known_from, _)| known_from.min(end));
                    let seq = next.wrapping_add(from);
                    let bytes = ledger.hold(part(from, to));
                    self.held.insert(index, Held { seq, bytes, wire_len: to - from, carrier: *carrier });
                    from = to;
                }
            }
            index += 1;
        }
        if copied {
            self.note_copy(differs, again, ledger);
        }
    }

    /// Counts a copy of bytes that were there before.
    fn note_copy(&mut self, differs: bool, again: bool, ledger: &mut Ledger) {
        if again {
            ledger.counters.duplicates += 1;
        } else {
            ledger.counters.retransmitted += 1;
        }
        if differs {
            ledger.counters.conflicts += 1;
            self.conflict = true;
        }
    }

    /// Hears that the bytes to come were sent with different content before, in overlapping IP fragments.
    pub(super) fn note_conflict(&mut self) {
        self.conflict = true;
    }

    fn holds_too_much(&self, ledger: &Ledger) -> bool {
        !self.held.is_empty()
            && (self.held.len() > MAX_HELD
                || ledger.held > ledger.max_held
                || self.held.iter().map(|piece| Held::cost(&piece.bytes)).sum::<usize>() > MAX_HELD_BYTES)
    }

    /// Whether segments wait for a hole.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether its place is known.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Whether it began with this initial sequence number.
    pub(super) fn began_with(&self, isn: u32) -> bool {
        self.isn == Some(isn)
    }

    /// Whether a SYN+ACK with this acknowledgement answers its SYN, or data sent along with that.
    pub(super) fn is_answered_by(&self, ack: u32) -> bool {
        self.isn.is_some_and(|isn| distance(ack, isn) > 0 && distance(ack, self.next) <= 0)
    }

    /// Whether all bytes before its FIN are delivered.
    pub(super) fn is_finished(&self) -> bool {
        self.fin.is_some_and(|fin| distance(self.next, fin) >= 0)
    }

    /// Whether a payload holds nothing new.
    pub(super) fn is_old(&self, payload: &Payload<'_>) -> bool {
        let end = payload.seq.wrapping_add(payload.wire_len);
        self.anchored && (-(REACH as i32)..=0).contains(&distance(end, self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::Host::{Client, Server};
    use crate::net::testing::{ACK, Wire, ipv4, tcp};
    use crate::net::{Chunk, Config, Direction, Event, Net, Packet};
    use proptest::prelude::*;

    /// A conversation whose handshake is over: the client's bytes begin at 101, the server's at 501.
    fn wire() -> Wire {
        let mut wire = Wire::new();
        wire.handshake();
        wire
    }

    #[test]
    fn bytes_in_order_are_handed_on_as_they_come() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Server, ACK, (501, 104), "xy");
        wire.segment(Client, ACK, (104, 503), "d");
        assert_eq!(wire.told(), ["1> 4 data abc", "1< 5 data xy", "1> 6 data d"]);
    }

    #[test]
    fn the_frame_that_closes_a_hole_delivers_what_waited() {
        let mut wire = wire();
        wire.segment(Client, ACK, (107, 501), "ghi");
        wire.segment(Client, ACK, (104, 501), "def");
        assert_eq!(wire.told(), [""; 0]);
        wire.segment(Client, ACK, (101, 501), "abc");
        assert_eq!(wire.told(), ["1> 6 data abc", "1> 6 data def", "1> 6 data ghi"]);
        assert_eq!((wire.counters().out_of_order, wire.counters().gaps, wire.net.held()), (2, 0, 0));
    }

    #[test]
    fn every_byte_is_delivered_once_and_the_first_copy_of_it() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abcdef");
        wire.segment(Client, ACK, (101, 501), "abcdef");
        wire.segment(Client, ACK, (104, 501), "defghi");
        assert_eq!(wire.told(), ["1> 4 data abcdef", "1> 6 data ghi"]);
        assert_eq!((wire.counters().retransmitted, wire.counters().conflicts), (2, 0));
        // Of what waits, too: the new segment spans the one that was there first.
        wire.segment(Client, ACK, (112, 501), "LM");
        wire.segment(Client, ACK, (110, 501), "jklmno");
        assert_eq!(wire.told(), ["1> 8 data! jk", "1> 8 data LM", "1> 8 data no"]);
        assert_eq!(wire.counters().conflicts, 1);
    }

    #[test]
    fn a_copy_that_differs_is_told_with_the_next_bytes() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "write 0");
        wire.segment(Client, ACK, (101, 501), "write 1");
        wire.segment(Client, ACK, (108, 501), "next");
        wire.segment(Client, ACK, (112, 501), "last");
        assert_eq!(wire.told(), ["1> 4 data write 0", "1> 6 data! next", "1> 7 data last"]);
    }

    #[test]
    fn a_mirrored_copy_is_a_duplicate() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.id -= 1;
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.id -= 1;
        wire.segment(Client, ACK, (101, 501), "abd");
        assert_eq!(wire.told(), ["1> 4 data abc"]);
        let counters = wire.counters();
        assert_eq!((counters.duplicates, counters.retransmitted, counters.conflicts), (2, 0, 1));
    }

    #[test]
    fn the_garbage_of_a_keep_alive_is_no_byte_and_no_conflict() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Client, ACK, (103, 501), "?");
        wire.segment(Client, ACK, (103, 501), "");
        wire.segment(Client, ACK, (104, 501), "d");
        assert_eq!(wire.told(), ["1> 4 data abc", "1> 7 data d"]);
        assert_eq!(wire.counters().keep_alives, 1);
    }

    #[test]
    fn a_hole_is_given_up_when_the_peer_has_what_is_behind_it() {
        let mut wire = wire();
        wire.segment(Client, ACK, (104, 501), "def");
        wire.segment(Server, ACK, (501, 101), "");
        assert_eq!(wire.told(), [""; 0]);
        wire.segment(Server, ACK, (501, 107), "xyz");
        assert_eq!(wire.told(), ["1> 6 gap", "1> 6 data def", "1< 6 data xyz"]);
        // The acknowledgement may also come first.
        wire.segment(Server, ACK, (504, 120), "");
        wire.segment(Client, ACK, (120, 504), "q");
        assert_eq!(wire.told(), ["1> 8 gap", "1> 8 data q"]);
        // What was given up is old when it comes late.
        wire.segment(Client, ACK, (101, 504), "abc");
        assert_eq!(wire.told(), [""; 0]);
    }

    #[test]
    fn a_hole_is_given_up_when_too_much_waits_for_it() {
        let mut wire = wire();
        for index in 0..MAX_HELD as u32 {
            wire.segment(Client, ACK, (110 + index, 501), "x");
        }
        assert_eq!(wire.told(), [""; 0]);
        wire.segment(Client, ACK, (110 + MAX_HELD as u32, 501), "y");
        let told = wire.told();
        assert_eq!((&told[..2], told.len()), (&["1> 68 gap".to_owned(), "1> 68 data x".to_owned()][..], MAX_HELD + 2));
        // And when all streams of a shard together hold too much.
        let mut wire = Wire::with(&Config { max_held: 0, ..Config::default() });
        wire.handshake();
        wire.segment(Client, ACK, (110, 501), "x");
        assert_eq!((wire.told(), wire.net.held()), (vec!["1> 4 gap".to_owned(), "1> 4 data x".to_owned()], 0));
    }

    #[test]
    fn a_hole_that_nobody_speaks_of_is_given_up_in_time() {
        let mut wire = wire();
        wire.segment(Client, ACK, (110, 501), "x");
        wire.now = 5;
        wire.expire();
        assert_eq!(wire.told(), [""; 0]);
        wire.now = 6;
        wire.expire();
        assert_eq!(wire.told(), ["1> 4 gap", "1> 4 data x"]);
        wire.segment(Client, ACK, (120, 501), "z");
        wire.finish();
        assert_eq!(wire.told(), ["1> 5 gap", "1> 5 data z", "1> 5 close"]);
    }

    #[test]
    fn a_snap_length_cuts_bytes_and_the_stream_goes_on() {
        let mut wire = wire();
        let segment = ipv4(Client, 6, 9, 0, &tcp(Client, 40_000, ACK, (101, 501), b"abcdef"));
        wire.send_cut(&segment[..segment.len() - 2], segment.len());
        wire.segment(Client, ACK, (107, 501), "ghi");
        assert_eq!(wire.told(), ["1> 4 data~ abcd", "1> 4 gap", "1> 5 data ghi"]);
        // Cut within the TCP options or right behind the header: no bytes at all.
        let segment = ipv4(Client, 6, 9, 0, &tcp(Client, 40_000, ACK, (110, 501), b"jkl"));
        wire.send_cut(&segment[..40], segment.len());
        wire.segment(Client, ACK, (113, 501), "m");
        assert_eq!(wire.told(), ["1> 6 gap", "1> 7 data m"]);
    }

    #[test]
    fn numbers_out_of_reach_are_a_gap_and_never_silence() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Client, ACK, (0x9000_0000, 501), "forged");
        wire.segment(Client, ACK, (104, 501), "def");
        assert_eq!(wire.told(), ["1> 4 data abc", "1> 5 gap", "1> 5 data forged", "1> 6 gap", "1> 6 data def"]);
        // An acknowledgement of what was never sent releases nothing.
        wire.segment(Client, ACK, (110, 501), "jkl");
        wire.segment(Server, ACK, (501, 0x7000_0000), "");
        assert_eq!(wire.told(), [""; 0]);
    }

    #[test]
    fn a_capture_may_start_in_the_middle_and_numbers_wrap() {
        let mut wire = Wire::new();
        wire.segment(Server, ACK, (u32::MAX - 1, 7), "abc");
        wire.segment(Server, ACK, (2, 7), "e");
        wire.segment(Server, ACK, (1, 7), "d");
        assert_eq!(wire.told(), ["1< 1 open", "1< 1 data abc", "1< 3 data d", "1< 3 data e"]);
    }

    /// What came of two byte streams, the numbers of gaps and conflicts.
    fn collect(packets: &[Vec<u8>]) -> ([Vec<u8>; 2], u64, u64) {
        let mut net = Net::new(&Config::default());
        let mut streams = [Vec::new(), Vec::new()];
        for (index, bytes) in packets.iter().enumerate() {
            let frame = crate::capture::Frame {
                number: index as u64 + 1,
                time: Timestamp::from_nanos(0),
                link: crate::capture::LinkType::Raw,
                wire_len: bytes.len() as u32,
                bytes,
            };
            net.push(&Packet::parse(&frame), &mut |chunk: Chunk<'_>| {
                if let Event::Data { bytes, .. } = chunk.event {
                    streams[usize::from(chunk.direction == Direction::ToClient)].extend_from_slice(bytes);
                }
            });
        }
        (streams, net.counters().gaps, net.counters().conflicts)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        /// However a stream is cut, shuffled within a window and sent twice, its bytes are the same.
        #[test]
        fn segmentation_order_and_copies_change_nothing(
            streams in proptest::array::uniform2(proptest::collection::vec(any::<u8>(), 0..600)),
            cuts in proptest::collection::vec((1..40_usize, 0..30_usize, 0..8_usize, any::<bool>()), 1..40),
            isns: (u32, u32),
        ) {
            let mut packets = Vec::new();
            for (from, stream, isn) in [(Client, &streams[0], isns.0), (Server, &streams[1], isns.1)] {
                let ack = if from == Client { isns.1 } else { isns.0 }.wrapping_add(1);
                let mut start = 0;
                for (index, &(len, overlap, delay, twice)) in cuts.iter().cycle().enumerate() {
                    if start >= stream.len() {
                        break;
                    }
                    let end = (start + len).min(stream.len());
                    let piece = &stream[start..(end + overlap).min(stream.len())];
                    let seq = isn.wrapping_add(1).wrapping_add(start as u32);
                    let packet = ipv4(from, 6, 0, 0x4000, &tcp(from, 40_000, ACK, (seq, ack), piece));
                    if twice {
                        packets.push((index + delay + 3, packet.clone()));
                    }
                    packets.push((index + delay, packet));
                    start = end;
                }
            }
            packets.sort_by_key(|(place, _)| *place);
            let handshake = [
                ipv4(Client, 6, 0, 0, &tcp(Client, 40_000, crate::net::testing::SYN, (isns.0, 0), b"")),
                ipv4(Server, 6, 0, 0, &tcp(Server, 40_000, crate::net::testing::SYN | ACK, (isns.1, isns.0.wrapping_add(1)), b"")),
            ];
            let packets: Vec<_> = handshake.into_iter().chain(packets.into_iter().map(|(_, packet)| packet)).collect();
            prop_assert_eq!(collect(&packets), (streams, 0, 0));
        }
    }
}
