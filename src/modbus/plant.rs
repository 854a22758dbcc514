//! For tests: a client and a server that talk in literal ADUs, and what the shard says of it.

use super::{Flag, Framing, Kind, Message, Pairing, Reason, Status, Values};
use crate::net::{Carrier, Chunk, Direction, Endpoint, Event, Flow, Transport};
use crate::time::{Span, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// A shard and all that it said.
pub(super) struct Plant {
    pub(super) pairing: Pairing,
    /// Messages, and bytes that are none.
    pub(super) said: Vec<Said>,
    /// What else happened, and in which frame.
    pub(super) happened: Vec<(Status, Option<Reason>, u64)>,
    pub(super) now: Timestamp,
    frame: u64,
}

/// The parts of a message that tests look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) frame: u64,
    pub(super) index: u16,
    pub(super) time: Timestamp,
    pub(super) trans_id: u16,
    pub(super) function_code: u8,
    pub(super) data: Vec<u8>,
    pub(super) framing: Framing,
    pub(super) status: Option<Status>,
    pub(super) reason: Option<Reason>,
    pub(super) flags: Vec<&'static str>,
    /// The frame and the start address of its request.
    pub(super) request: Option<(u64, Option<u16>)>,
    /// How many bits it carries.
    pub(super) bits: Option<u16>,
}

pub(super) fn flow(slot: u32) -> Flow {
    let endpoint = |host, port| Endpoint { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port };
    let (client, server) = (endpoint(10, 40_000), endpoint(20, 502));
    Flow { slot, serial: u64::from(slot) + 1, transport: Transport::Tcp, client, server }
}

pub(super) fn adu(trans_id: u16, unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let length = (pdu.len() + 1) as u16;
    let head = [trans_id.to_be_bytes(), [0, 0], length.to_be_bytes()].concat();
    [head.as_slice(), &[unit_id], pdu].concat()
}

impl Plant {
    pub(super) fn new() -> Self {
        let pairing = Pairing::new(&super::Config::default());
        let mut plant = Self {
            pairing,
            said: Vec::new(),
            happened: Vec::new(),
            now: Timestamp::from_parts(1_700_000_000, 0),
            frame: 0,
        };
        plant.open(&flow(0));
        plant.happened.clear();
        plant.frame = 0;
        plant
    }

    /// A handshake: the capture holds both ends.
    pub(super) fn open(&mut self, flow: &Flow) {
        self.event(flow, Direction::ToServer, Event::Open { handshake: true });
        self.event(flow, Direction::ToClient, Event::BothEnds);
    }

    /// One frame; a millisecond passes.
    pub(super) fn event(&mut self, flow: &Flow, direction: Direction, event: Event<'_>) {
        self.frame += 1;
        self.now = self.now.plus(Span::from_nanos(1_000_000));
        let carrier =
            Carrier { input: 0, frame: self.frame, time: self.now, mac: None, vlan: [0xFFFF; 2], tcp_flags: 0x18 };
        let Self { said, happened, .. } = self;
        let chunk = Chunk { flow, direction, carrier: &carrier, event };
        self.pairing.push(&chunk, &mut |message| match message.status {
            None | Some(Status::NotModbus | Status::BadLength | Status::Tls) => said.push(Said::of(message)),
            Some(status) => happened.push((status, message.reason, message.carrier.frame)),
        });
    }

    pub(super) fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        self.event(&flow(0), direction, Event::Data { bytes, conflict: false, truncated: false });
    }

    /// A query; gives its frame.
    pub(super) fn query(&mut self, trans_id: u16, unit_id: u8, pdu: &[u8]) -> u64 {
        self.bytes(Direction::ToServer, &adu(trans_id, unit_id, pdu));
        self.frame
    }

    /// An answer; gives what was said of it.
    pub(super) fn answer(&mut self, trans_id: u16, unit_id: u8, pdu: &[u8]) -> Said {
        self.bytes(Direction::ToClient, &adu(trans_id, unit_id, pdu));
        self.said.last().cloned().unwrap()
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus(Span::from_secs(seconds));
    }

    pub(super) fn expire(&mut self) {
        let said = &mut self.said;
        self.pairing.expire(self.now, &mut |message| said.push(Said::of(message)));
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        self.pairing.counters().iter().find(|(counter, _)| *counter == name).unwrap().1
    }
}

impl Said {
    fn of(message: &Message<'_>) -> Self {
        let flags = Flag::ALL.iter().filter(|(flag, _)| message.flags.has(*flag)).map(|(_, name)| *name);
        Self {
            kind: message.kind,
            frame: message.carrier.frame,
            index: message.index,
            time: message.time,
            trans_id: message.mbap.trans_id,
            function_code: message.function_code,
            data: message.data.to_vec(),
            framing: message.framing,
            status: message.status,
            reason: message.reason,
            flags: flags.collect(),
            request: message.request.map(|request| (request.frame, request.body.address())),
            bits: if let Values::Bits { count, .. } = message.values() { Some(count) } else { None },
        }
    }

    /// The frame of its request.
    pub(super) fn asked_in(&self) -> Option<u64> {
        self.request.map(|(frame, _)| frame)
    }
}
