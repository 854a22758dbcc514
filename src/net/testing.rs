//! Two hosts on a wire, for the tests of this room.

use super::{Chunk, Config, Counters, Direction, Event, Net, Packet};
use crate::capture::{Frame, LinkType};
use crate::time::Timestamp;

/// TCP flags.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const ACK: u8 = 0x10;

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// 10.0.0.1, port 40000.
    Client,
    /// 10.0.0.2, port 502.
    Server,
}

/// An IPv4 packet from one host to the other.
pub(super) fn ipv4(from: Host, protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((payload.len() as u16 + 20).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([64, protocol, 0, 0]);
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    bytes.extend(if from == Host::Client { [client, server] } else { [server, client] }.concat());
    bytes.extend(payload);
    bytes
}

/// The two ports, as a transport header begins.
fn ports(from: Host, client: u16) -> Vec<u8> {
    let [client, server] = [client.to_be_bytes(), 502_u16.to_be_bytes()];
    if from == Host::Client { [client, server] } else { [server, client] }.concat()
}

/// A TCP segment without its IP header.
pub(super) fn tcp(from: Host, client: u16, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) -> Vec<u8> {
    let mut bytes = ports(from, client);
    bytes.extend(seq.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// A UDP datagram without its IP header.
pub(super) fn udp(from: Host, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ports(from, 40_000);
    bytes.extend((payload.len() as u16 + 8).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// One shard that watches the wire, and what it tells.
pub(super) struct Wire {
    pub(super) net: Net,
    told: Vec<String>,
    number: u64,
    /// Seconds.
    pub(super) now: i64,
    /// IPv4 identification of the next packet.
    pub(super) id: u16,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self::with(&Config::default())
    }

    pub(super) fn with(config: &Config) -> Self {
        Self { net: Net::new(config), told: Vec::new(), number: 0, now: 0, id: 0 }
    }

    /// Sends the first bytes of a packet that was `wire_len` long.
    pub(super) fn send_cut(&mut self, bytes: &[u8], wire_len: usize) {
        self.number += 1;
        let time = Timestamp::from_parts(self.now, 0);
        let frame = Frame { number: self.number, time, link: LinkType::Raw, wire_len: wire_len as u32, bytes };
        let told = &mut self.told;
        self.net.push(&Packet::parse(&frame), &mut |chunk| told.extend(tell(&chunk)));
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.send_cut(bytes, bytes.len());
    }

    /// Sends a segment of the conversation from port 40000.
    pub(super) fn segment(&mut self, from: Host, flags: u8, numbers: (u32, u32), payload: &str) {
        self.id += 1;
        self.send(&ipv4(from, 6, self.id, 0x4000, &tcp(from, 40_000, flags, numbers, payload.as_bytes())));
    }

    /// Opens the conversation: the client's bytes begin at 101, the server's at 501.
    pub(super) fn handshake(&mut self) {
        self.segment(Host::Client, SYN, (100, 0), "");
        self.segment(Host::Server, SYN | ACK, (500, 101), "");
        self.segment(Host::Client, ACK, (101, 501), "");
        assert_eq!(self.told(), ["1> 1 open handshake"]);
    }

    pub(super) fn expire(&mut self) {
        let told = &mut self.told;
        self.net.expire(Timestamp::from_parts(self.now, 0), &mut |chunk| told.extend(tell(&chunk)));
    }

    pub(super) fn finish(&mut self) {
        let told = &mut self.told;
        self.net.finish(Timestamp::from_parts(self.now, 0), &mut |chunk| told.extend(tell(&chunk)));
    }

    /// What was told since it was last asked: serial, direction, frame, event.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    pub(super) fn counters(&self) -> &Counters {
        self.net.counters()
    }
}

/// A chunk as a line of text; `!` marks a conflict, `~` a cut. That both ends were seen is not told.
fn tell(chunk: &Chunk<'_>) -> Option<String> {
    let event = match chunk.event {
        Event::Open { handshake: true } => "open handshake".to_owned(),
        Event::Open { handshake: false } => "open".to_owned(),
        Event::Data { bytes, conflict, truncated } => {
            let (conflict, cut) = (if conflict { "!" } else { "" }, if truncated { "~" } else { "" });
            format!("data{conflict}{cut} {}", String::from_utf8_lossy(bytes))
        }
        Event::Datagram { bytes, truncated } => {
            format!("datagram{} {}", if truncated { "~" } else { "" }, String::from_utf8_lossy(bytes))
        }
        Event::BothEnds => return None,
        Event::Gap { .. } => "gap".to_owned(),
        Event::Close(_) => "close".to_owned(),
    };
    let arrow = if chunk.direction == Direction::ToServer { '>' } else { '<' };
    Some(format!("{}{arrow} {} {event}", chunk.flow.serial, chunk.carrier.frame))
}
