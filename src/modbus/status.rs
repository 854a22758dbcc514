//! What happens besides messages: connections, lost bytes, foreign bytes, hosts that are new.

use super::conversation::{Dialogue, Speaker};
use super::framing::{self, Cause};
use super::join::{Join, Passage};
use super::{Body, Flag, Flags, Kind, Mbap, Message, Reason, Status};
use crate::net::Transport;

/// The most bytes of a status: as many as a PDU has after its function code.
const BYTES_MAX: usize = 252;
/// What stands in a message without a header.
const NO_HEADER: Mbap = Mbap { trans_id: 0, prot_id: 0, length: 0, unit_id: 0 };

/// A status of which nothing more is to be said.
fn plain(passage: Passage<'_>, status: Status, reason: Option<Reason>) -> Message<'_> {
    Message {
        flow: passage.flow,
        carrier: passage.carrier,
        time: passage.carrier.time,
        index: 0,
        direction: passage.direction,
        framing: passage.framing,
        kind: Kind::Status,
        status: Some(status),
        reason,
        mbap: NO_HEADER,
        function_code: 0,
        body: Body::Empty,
        data: &[],
        flags: Flags::NONE,
        request: None,
    }
}

impl Join {
    /// Says that something happened.
    #[cold]
    pub(super) fn tell(
        &mut self,
        passage: Passage<'_>,
        status: Status,
        reason: Option<Reason>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        self.counters.statuses += 1;
        sink(&plain(passage, status, reason));
    }

    /// Says that a TCP connection began or ended. Datagrams have no connection.
    pub(super) fn connection(
        &mut self,
        passage: Passage<'_>,
        status: Status,
        reason: Reason,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        if passage.flow.transport == Transport::Tcp {
            self.tell(passage, status, Some(reason), sink);
        }
    }

    /// Says what is new about the end that speaks.
    #[inline]
    pub(super) fn introduce(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let speaker = Speaker::of(passage.carrier);
        let known = &mut dialogue.introduced[passage.direction as usize];
        if *known != speaker {
            *known = speaker;
            self.meet(passage, sink);
        }
    }

    #[cold]
    fn meet(&mut self, passage: Passage<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        use crate::net::Direction::{ToClient, ToServer};
        let Passage { flow, direction, carrier, .. } = passage;
        let news = self.pairs.meet(flow, direction, carrier, &mut self.counters);
        if news.pair {
            self.tell(passage, Status::NewPair, None, sink);
        }
        if news.end {
            let status = match direction {
                ToServer => Status::NewClient,
                ToClient => Status::NewServer,
            };
            sink(&plain(passage, status, None));
        }
        if news.mac {
            sink(&plain(passage, Status::MacChange, None));
        }
    }

    /// Says that bytes are no ADU; that a conversation is not Modbus is said once.
    #[cold]
    pub(super) fn lost(
        &mut self,
        dialogue: &mut Dialogue,
        passage: Passage<'_>,
        bytes: &[u8],
        cause: Cause,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let (status, flag) = match cause {
            Cause::Length => (Status::BadLength, Flag::LengthMismatch),
            Cause::Foreign if dialogue.foreign => return,
            Cause::Foreign if is_tls(bytes) => (Status::Tls, Flag::NotModbus),
            Cause::Foreign => (Status::NotModbus, Flag::NotModbus),
        };
        dialogue.foreign |= cause == Cause::Foreign;
        self.counters.statuses += 1;
        let (mbap, function_code, data) = match (framing::header(bytes), bytes) {
            (Some(mbap), [_, _, _, _, _, _, _, function_code, data @ ..]) if cause == Cause::Length => {
                (mbap, *function_code, data)
            }
            _ => (NO_HEADER, 0, bytes),
        };
        let data = data.get(..BYTES_MAX).unwrap_or(data);
        let (body, flags) = (Body::Opaque(data), Flags::NONE.with(flag));
        sink(&Message { mbap, function_code, body, data, flags, ..plain(passage, status, None) });
    }
}

/// Whether bytes begin as a TLS record does (RFC 8446, 5.1): content type, version 3.x, a length it may have.
fn is_tls(bytes: &[u8]) -> bool {
    let [20..=23, 3, 0..=4, l0, l1, ..] = *bytes else { return false };
    (1..=(1 << 14) + 2048).contains(&u16::from_be_bytes([l0, l1]))
}

#[cfg(test)]
mod tests {
    use super::super::plant::{Plant, adu, flow};
    use super::super::{Kind, Reason, Status};
    use crate::net::{Closing, Direction, Event};

    const READ: [u8; 5] = [3, 0, 0x6B, 0, 3];
    const READ_ANSWER: [u8; 8] = [3, 6, 2, 0x2B, 0, 0, 0, 0x64];

    #[test]
    fn a_connection_is_told_from_its_opening_to_its_close() {
        let mut plant = Plant::new();
        plant.open(&flow(1));
        plant.query(1, 1, &READ);
        plant.answer(1, 1, &READ_ANSWER);
        plant.query(2, 1, &READ);
        plant.event(&flow(1), Direction::ToClient, Event::Gap { cut: false });
        plant.event(&flow(1), Direction::ToClient, Event::Gap { cut: true });
        plant.event(&flow(1), Direction::ToServer, Event::Close(Closing::Fin));
        plant.event(&flow(0), Direction::ToServer, Event::Close(Closing::End));
        assert_eq!(
            plant.happened,
            [
                (Status::ConnectionOpen, Some(Reason::Handshake), 1),
                (Status::NewPair, None, 3),
                (Status::NewClient, None, 3),
                (Status::NewServer, None, 4),
                (Status::Gap, None, 6),
                (Status::ConnectionClose, Some(Reason::Fin), 8),
            ]
        );
    }

    #[test]
    fn tls_is_told_once_and_blinds_nobody() {
        let mut plant = Plant::new();
        let hello = [&[0x16, 3, 1, 0, 0x2F, 1, 0, 0, 0x2B, 3, 3][..], &[7; 41]].concat();
        plant.bytes(Direction::ToServer, &hello);
        plant.bytes(Direction::ToClient, &[&[0x16, 3, 3, 0, 0x2F, 2][..], &[7; 46]].concat());
        plant.bytes(Direction::ToServer, &[&[0x17, 3, 3, 0, 20][..], &[9; 20]].concat());
        assert_eq!(plant.said.len(), 1);
        assert_eq!((plant.said[0].status, plant.said[0].frame), (Some(Status::Tls), 1));
        plant.query(1, 1, &READ);
        assert_eq!((plant.said.len(), plant.said[1].kind), (2, Kind::Query));
    }

    #[test]
    fn frames_without_headers_are_joined_by_unit_and_function() {
        use super::super::rtu::frame;
        let mut plant = Plant::new();
        plant.bytes(Direction::ToServer, &frame(1, &READ));
        plant.bytes(Direction::ToClient, &frame(1, &READ_ANSWER));
        // Split and joined as serial servers do.
        let two = [frame(2, &READ), frame(3, &[6, 0, 1, 0, 3])].concat();
        plant.bytes(Direction::ToServer, &two[..5]);
        plant.bytes(Direction::ToServer, &two[5..]);
        plant.bytes(Direction::ToClient, &frame(3, &[0x86, 2]));
        plant.bytes(Direction::ToClient, &frame(2, &READ_ANSWER));
        let said: Vec<_> = plant.said.iter().map(|said| (said.frame, said.kind, said.asked_in())).collect();
        let (query, response, exception) = (Kind::Query, Kind::Response, Kind::Exception);
        assert_eq!(
            said,
            [
                (1, query, None),
                (2, response, Some(1)),
                (4, query, None),
                (4, query, None),
                (5, exception, Some(4)),
                (6, response, Some(4)),
            ]
        );
        assert!(plant.said.iter().all(|said| said.framing == super::super::Framing::Rtu && said.flags.is_empty()));
    }

    #[test]
    fn a_header_that_is_a_frame_too_hides_nothing() {
        use super::super::rtu::frame;
        // Transaction 0x0103, 10 bytes, unit and function are the CRC of what is before.
        let start = frame(1, &[3, 0, 0, 0, 0x0A]);
        let rest = [0, 0, 0, 1, 2, 3, 4, 5];
        let mut plant = Plant::new();
        plant.bytes(Direction::ToServer, &start);
        plant.bytes(Direction::ToServer, &rest);
        plant.bytes(Direction::ToServer, &adu(7, 1, &READ));
        let said: Vec<_> = plant.said.iter().map(|said| (said.frame, said.trans_id, said.function_code)).collect();
        assert_eq!(said, [(1, 0, 3), (2, 0x0103, start[7]), (3, 7, 3)]);
    }
}
