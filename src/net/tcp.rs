//! TCP (RFC 9293): when a connection begins and ends, and whose bytes are whose.

use super::flows::{Conversation, Doubt, End, Roles};
use super::ip::Ip;
use super::link::Unused;
use super::stream::{Ledger, Payload, Stream};
use super::{Carrier, Chunk, Closing, Direction, Event};
use crate::time::Timestamp;

/// Flags.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// How a conversation ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    pub(super) closing: Closing,
    /// When.
    pub(super) time: Timestamp,
    /// The frame that ends it, if it is one of its own.
    pub(super) by: Option<&'a Carrier>,
}

impl<'a> Ending<'a> {
    /// By a frame of its own.
    const fn by(carrier: &'a Carrier, closing: Closing) -> Self {
        Self { closing, time: carrier.time, by: Some(carrier) }
    }
}

/// Both ends, as bits.
const BOTH: u8 = 1 << End::Low as u8 | 1 << End::High as u8;

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    flags: u8,
    seq: u32,
    ack: u32,
    /// Its bytes; the sequence number is that of the first of them.
    payload: Payload<'a>,
    /// Whether some of its bytes came twice and differed, in IP fragments.
    conflict: bool,
}

/// The flags of a TCP header; 0 where it is cut before them.
#[inline]
pub(super) fn flags(header: &[u8]) -> u8 {
    header.get(13).copied().unwrap_or(0)
}

/// Reads the TCP header of an IP packet.
#[inline]
pub(super) fn read<'a>(ip: &Ip<'a>, conflict: bool) -> Result<Segment<'a>, Unused> {
    let Some(&[_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, _, _, _, _, _, _]) = ip.payload.first_chunk()
    else {
        return Err(if ip.wire_len < 20 { Unused::BadLength } else { Unused::CutHeader });
    };
    let header_len = usize::from(offset >> 4) * 4;
    let wire_len = ip.wire_len.checked_sub(header_len);
    let (Some(wire_len), 20..) = (wire_len, header_len) else { return Err(Unused::BadLength) };
    let seq = u32::from_be_bytes([s0, s1, s2, s3]);
    let payload = Payload {
        seq: seq.wrapping_add(u32::from(flags & SYN != 0)),
        bytes: ip.payload.get(header_len..).unwrap_or_default(),
        wire_len: wire_len as u32,
        id: ip.id,
    };
    Ok(Segment { flags, seq, ack: u32::from_be_bytes([a0, a1, a2, a3]), payload, conflict })
}

impl<'a> Segment<'a> {
    /// A segment of data only, with these sequence and acknowledgement numbers.
    pub(super) fn of_data((seq, ack): (u32, u32), bytes: &'a [u8]) -> Self {
        let payload = Payload { seq, bytes, wire_len: bytes.len() as u32, id: 0 };
        Self { flags: ACK, seq, ack, payload, conflict: false }
    }

    /// Its data, if there is some, all of it was captured, and its flags ask for nothing else.
    pub(super) fn whole_data(&self) -> Option<&'a [u8]> {
        let bytes = self.payload.bytes;
        (self.is_plain() && !bytes.is_empty()).then_some(bytes)
    }

    /// Whether it acknowledges, carries nothing or bytes that were captured whole, and its flags ask for nothing else.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        let Payload { bytes, wire_len, .. } = self.payload;
        self.flags & (SYN | RST | FIN | ACK) == ACK && bytes.len() == wire_len as usize && !self.conflict
    }

    /// Its sequence and acknowledgement numbers.
    pub(super) const fn numbers(&self) -> (u32, u32) {
        (self.payload.seq, self.ack)
    }
}

impl Segment<'_> {
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it can begin a conversation: with a SYN, or in its middle with bytes.
    pub(super) fn can_open(&self) -> bool {
        !self.has(RST) && (self.has(SYN) || self.payload.wire_len > 0)
    }

    /// The end that asks, where the handshake tells; `from` is where the segment comes from.
    pub(super) fn client(&self, from: End) -> Option<End> {
        self.has(SYN).then(|| if self.has(ACK) { from.other() } else { from })
    }
}

impl Conversation {
    /// Begins, under a new serial.
    pub(super) fn open<F: FnMut(Chunk<'_>)>(
        &mut self,
        handshake: bool,
        direction: Direction,
        carrier: &Carrier,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        self.flow.serial = ledger.open();
        self.open = true;
        sink(Chunk { flow: &self.flow, direction, carrier, event: Event::Open { handshake } });
        if self.seen == BOTH {
            sink(Chunk { flow: &self.flow, direction, carrier, event: Event::BothEnds });
        }
    }

    /// Notes that an end was seen to send.
    #[inline]
    fn note_end<F: FnMut(Chunk<'_>)>(&mut self, from: End, direction: Direction, carrier: &Carrier, sink: &mut F) {
        let seen = self.seen | 1 << from as u8;
        if seen != self.seen {
            self.seen = seen;
            if seen == BOTH && self.open {
                sink(Chunk { flow: &self.flow, direction, carrier, event: Event::BothEnds });
            }
        }
    }

    /// Ends, after delivering what is held back.
    pub(super) fn close<F: FnMut(Chunk<'_>)>(
        &mut self,
        direction: Direction,
        ending: Ending<'_>,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        if !self.open {
            return;
        }
        self.steady = false;
        let flow = &self.flow;
        for (stream, direction) in self.streams.iter_mut().zip([Direction::ToServer, Direction::ToClient]) {
            stream.release(ending.by, ledger, &mut |carrier, event| sink(Chunk { flow, direction, carrier, event }));
        }
        self.open = false;
        let last = Carrier { time: ending.time, ..self.last };
        let carrier = ending.by.unwrap_or(&last);
        sink(Chunk { flow, direction, carrier, event: Event::Close(ending.closing) });
    }

    /// Takes a segment as most are, of a conversation as most are: it acknowledges and perhaps carries the next bytes,
    /// and nothing is open but what they say. Gives whether it was one; else nothing has changed.
    #[inline(always)]
    pub(super) fn go_on<F: FnMut(Chunk<'_>)>(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        carrier: &Carrier,
        sink: &mut F,
    ) -> bool {
        if !(self.steady && segment.is_plain()) {
            return false;
        }
        let direction = self.direction(from);
        if segment.payload.wire_len > 0 {
            let Some(event) = self.streams[direction as usize].go_on_with(&segment.payload) else { return false };
            self.streams[opposite(direction) as usize].note_ack(segment.ack);
            sink(Chunk { flow: &self.flow, direction, carrier, event });
        } else {
            self.streams[opposite(direction) as usize].note_ack(segment.ack);
        }
        true
    }

    /// Takes any segment from one of its ends.
    pub(super) fn segment<F: FnMut(Chunk<'_>)>(
        &mut self,
        from: End,
        segment: Segment<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        self.take(from, &segment, carrier, ledger, sink);
        self.steady = self.open
            && self.talked
            && self.doubt.is_none()
            && self.seen == BOTH
            && self.streams.iter().all(Stream::is_steady);
    }

    fn take<F: FnMut(Chunk<'_>)>(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        if let Some(doubt) = self.doubt
            && doubt.is_settled_by(from, segment)
        {
            self.restart(doubt.client, carrier, ledger, sink);
            self.stream(doubt.from).synchronise(doubt.isn);
        }
        if segment.has(SYN) {
            self.synchronise(from, segment, carrier, ledger, sink);
        }
        let direction = self.direction(from);
        self.note_end(from, direction, carrier, sink);
        if segment.has(ACK) {
            let flow = &self.flow;
            let direction = opposite(direction);
            let emit = &mut |carrier: &_, event: Event<'_>| sink(Chunk { flow, direction, carrier, event });
            self.streams[direction as usize].acknowledge(segment.ack, carrier, ledger, emit);
        }
        if segment.has(RST) {
            return self.close(direction, Ending::by(carrier, Closing::Reset), ledger, sink);
        }
        if segment.payload.wire_len > 0 && !(segment.has(SYN) && self.doubt.is_some()) {
            self.payload(direction, segment, carrier, ledger, sink);
        }
        if segment.has(FIN) {
            self.streams[direction as usize].finish(segment.payload.seq.wrapping_add(segment.payload.wire_len));
        }
        if self.streams.iter().all(Stream::is_finished) {
            self.close(direction, Ending::by(carrier, Closing::Fin), ledger, sink);
        }
    }

    /// Takes the bytes of a segment.
    fn payload<F: FnMut(Chunk<'_>)>(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        if !self.open {
            if self.streams[direction as usize].is_old(&segment.payload) {
                ledger.counters.retransmitted += 1;
                return;
            }
            // It was not the end: whoever closed it did not speak for these.
            self.streams.iter_mut().for_each(Stream::go_on);
            self.open(false, direction, carrier, ledger, sink);
        }
        self.talked = true;
        let flow = &self.flow;
        let stream = &mut self.streams[direction as usize];
        if segment.conflict {
            ledger.counters.conflicts += 1;
            stream.note_conflict();
        }
        let emit = &mut |carrier: &_, event: Event<'_>| sink(Chunk { flow, direction, carrier, event });
        stream.accept(segment.payload, carrier, ledger, emit);
    }

    /// Takes a SYN: the other half of the handshake, a copy, the beginning of another connection, or a forgery.
    fn synchronise<F: FnMut(Chunk<'_>)>(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        carrier: &Carrier,
        ledger: &mut Ledger,
        sink: &mut F,
    ) {
        let isn = segment.seq;
        let talked = self.talked;
        if self.stream(from).began_with(isn) {
            return;
        }
        let other = self.stream(from.other());
        let expected = match (segment.has(ACK), other.is_anchored()) {
            (true, true) => other.is_answered_by(segment.ack),
            // Either half may be the first that the capture holds.
            (true, false) | (false, _) => !talked,
        };
        if self.open && expected && !self.stream(from).is_anchored() {
            return self.stream(from).synchronise(isn);
        }
        let told = if self.roles == Roles::Ports { None } else { segment.client(from) };
        let client = told.unwrap_or(self.client);
        if self.open && talked {
            // A host that is in this connection would answer such a SYN and go on (RFC 9293, 3.10.7.4).
            ledger.counters.doubtful_syns += 1;
            self.doubt = Some(Doubt { from, isn, client });
            return;
        }
        self.restart(client, carrier, ledger, sink);
        self.stream(from).synchronise(isn);
    }

    /// Ends, and begins anew with a handshake.
    fn restart<F: FnMut(Chunk<'_>)>(&mut self, client: End, carrier: &Carrier, ledger: &mut Ledger, sink: &mut F) {
        self.close(Direction::ToServer, Ending::by(carrier, Closing::Reused), ledger, sink);
        if client != self.client {
            self.client = client;
            std::mem::swap(&mut self.flow.client, &mut self.flow.server);
        }
        self.streams.iter_mut().for_each(|stream| stream.reset(ledger));
        self.talked = false;
        self.seen = 0;
        self.doubt = None;
        self.open(true, Direction::ToServer, carrier, ledger, sink);
    }

    fn stream(&mut self, from: End) -> &mut Stream {
        &mut self.streams[self.direction(from) as usize]
    }
}

impl Doubt {
    /// Whether a segment goes on from the SYN: its sender with the next sequence number, or the other end by
    /// acknowledging it.
    fn is_settled_by(&self, from: End, segment: &Segment<'_>) -> bool {
        let next = self.isn.wrapping_add(1);
        if from == self.from {
            !segment.has(SYN) && segment.seq == next
        } else {
            segment.has(ACK) && segment.ack == next
        }
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::ToServer => Direction::ToClient,
        Direction::ToClient => Direction::ToServer,
    }
}

#[cfg(test)]
mod tests {
    use crate::net::Config;
    use crate::net::testing::Host::{Client, Server};
    use crate::net::testing::{ACK, FIN, RST, SYN, Wire, ipv4, tcp};

    fn wire() -> Wire {
        let mut wire = Wire::new();
        wire.handshake();
        wire
    }

    #[test]
    fn a_connection_closes_when_both_sides_have_and_stragglers_open_nothing() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Client, ACK | FIN, (104, 501), "");
        wire.segment(Server, ACK | FIN, (503, 105), "");
        assert_eq!(wire.told(), ["1> 4 data abc"]);
        // The bytes before the second FIN come after it.
        wire.segment(Server, ACK, (501, 105), "xy");
        assert_eq!(wire.told(), ["1< 7 data xy", "1< 7 close"]);
        wire.segment(Client, ACK, (105, 504), "");
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Server, ACK | FIN, (503, 105), "");
        wire.segment(Client, RST, (105, 0), "");
        wire.finish();
        assert_eq!(wire.told(), [""; 0]);
    }

    #[test]
    fn what_follows_a_false_reset_is_still_heard() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Server, RST, (501, 0), "");
        wire.segment(Client, ACK, (104, 501), "def");
        wire.segment(Server, ACK, (501, 107), "xyz");
        assert_eq!(wire.told(), ["1> 4 data abc", "1< 5 close", "2> 6 open", "2> 6 data def", "2< 7 data xyz"]);
    }

    #[test]
    fn a_reset_delivers_what_waited_for_a_hole() {
        let mut wire = wire();
        wire.segment(Client, ACK, (104, 501), "def");
        wire.segment(Client, RST, (107, 0), "");
        assert_eq!(wire.told(), ["1> 5 gap", "1> 5 data def", "1> 5 close"]);
    }

    #[test]
    fn the_same_ports_used_again_are_another_conversation() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        // Nothing tells that the first one ended; its sequence numbers would make the second one's bytes old.
        wire.segment(Client, SYN, (90, 0), "");
        wire.segment(Server, SYN | ACK, (400, 91), "");
        wire.segment(Client, ACK, (91, 401), "new");
        wire.segment(Server, ACK, (401, 94), "fine");
        assert_eq!(
            wire.told(),
            ["1> 4 data abc", "1> 6 close", "2> 6 open handshake", "2> 7 data new", "2< 8 data fine"]
        );
    }

    #[test]
    fn a_new_connection_is_known_from_its_client_alone() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Client, SYN, (90, 0), "");
        wire.segment(Client, ACK, (91, 401), "");
        wire.segment(Client, ACK, (91, 401), "new");
        assert_eq!(wire.told(), ["1> 4 data abc", "1> 6 close", "2> 6 open handshake", "2> 7 data new"]);
    }

    #[test]
    fn a_forged_syn_does_not_deafen() {
        let mut wire = wire();
        wire.segment(Client, ACK, (101, 501), "abc");
        wire.segment(Client, SYN, (50_000, 0), "forged");
        wire.segment(Server, ACK, (501, 104), "");
        wire.segment(Server, SYN | ACK, (60_000, 104), "");
        wire.segment(Client, ACK, (104, 501), "def");
        wire.segment(Server, ACK, (501, 107), "xyz");
        assert_eq!(wire.told(), ["1> 4 data abc", "1> 8 data def", "1< 9 data xyz"]);
        assert_eq!(wire.counters().doubtful_syns, 2);
    }

    #[test]
    fn an_attempt_is_tried_again() {
        let mut wire = Wire::new();
        for isn in [100, 100, 200] {
            wire.segment(Client, SYN, (isn, 0), "");
        }
        wire.segment(Server, RST | ACK, (0, 201), "");
        assert_eq!(wire.told(), ["1> 1 open handshake", "1> 3 close", "2> 3 open handshake", "2< 4 close"]);
    }

    #[test]
    fn a_server_port_tells_the_roles_even_if_the_handshake_says_otherwise() {
        let mut wire = Wire::new();
        // Answers replayed from port 502: whoever calls from there is no client.
        wire.segment(Server, SYN, (500, 0), "");
        wire.segment(Client, SYN | ACK, (100, 501), "");
        wire.segment(Server, ACK, (501, 101), "answer");
        wire.segment(Client, ACK, (101, 507), "query");
        assert_eq!(wire.told(), ["1< 1 open handshake", "1< 3 data answer", "1> 4 data query"]);
    }

    #[test]
    fn between_two_server_ports_the_handshake_tells_the_roles() {
        let mut wire = Wire::with(&Config { ports: vec![502, 40_000], ..Config::default() });
        wire.segment(Client, SYN | ACK, (100, 501), "");
        wire.segment(Server, SYN, (500, 0), "");
        wire.segment(Server, ACK, (501, 101), "query");
        wire.segment(Client, ACK, (101, 506), "answer");
        assert_eq!(wire.told(), ["1< 1 open handshake", "1> 3 data query", "1< 4 data answer"]);
    }

    #[test]
    fn bytes_may_come_with_the_syn() {
        let mut wire = Wire::new();
        wire.segment(Client, SYN, (100, 0), "abc");
        wire.segment(Server, SYN | ACK, (500, 104), "");
        wire.segment(Client, ACK, (104, 501), "def");
        assert_eq!(wire.told(), ["1> 1 open handshake", "1> 1 data abc", "1> 3 data def"]);
    }

    #[test]
    fn what_can_open_nothing_is_counted() {
        let mut wire = Wire::new();
        wire.segment(Client, ACK, (100, 1), "");
        wire.segment(Client, FIN | ACK, (100, 1), "");
        wire.segment(Client, RST, (100, 1), "reason");
        assert_eq!((wire.told().len(), wire.counters().strays), (0, 3));
        let mut short = tcp(Client, 40_000, ACK, (1, 1), b"");
        short[12] = 0x40;
        wire.send(&ipv4(Client, 6, 1, 0, &short));
        short[12] = 0x60;
        wire.send(&ipv4(Client, 6, 1, 0, &short));
        wire.send(&ipv4(Client, 6, 1, 0, &short[..19]));
        assert_eq!(wire.counters().bad_lengths, 3);
    }
}
