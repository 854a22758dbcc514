//! The state of one shard, and what goes through it.

use super::flows::{Class, End, Flows, Roles, Route};
use super::fragments::Fragments;
use super::ip::{self, Ip, Place, TCP, UDP, Version};
use super::link::Unused;
use super::packet::Packet;
use super::probe::Probe;
use super::stream::{Ledger, Stream};
use super::tcp::{self, Ending};
use super::{Carrier, Chunk, Closing, Counters, Direction, Event, SERVER_PORTS, SHARDS, Transport};
use crate::time::Timestamp;

/// Which conversations are followed, and how many. The bounds are those of all shards together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The server ports.
    pub ports: Vec<u16>,
    /// How many conversations are known at once; the least recently used is forgotten for a new one.
    pub max_flows: usize,
    /// How many bytes may wait for holes before them.
    pub max_held: usize,
}

/// The [`SERVER_PORTS`], 65,536 conversations, 16 MiB.
impl Default for Config {
    fn default() -> Self {
        Self { ports: SERVER_PORTS.to_vec(), max_flows: 1 << 16, max_held: 16 << 20 }
    }
}

/// How many silent conversations of a class are forgotten in one call of [`Net::expire`], and how many in
/// one of [`Net::finish_some`]; the others go with the next ones.
const CLOSED_PER_TICK: u32 = 256;

/// The server ports.
#[derive(Debug)]
enum Ports {
    /// So few, the first of them in place of those that are missing: they are looked at where the shard itself is.
    Few([u16; Self::FEW]),
    /// One bit each.
    Many(Box<[u64; 1024]>),
}

impl Ports {
    /// As many as are compared at once.
    const FEW: usize = 8;

    fn new(ports: &[u16]) -> Self {
        if let ([first, ..], ..=Self::FEW) = (ports, ports.len()) {
            let mut few = [*first; Self::FEW];
            few.iter_mut().zip(ports).for_each(|(place, port)| *place = *port);
            return Self::Few(few);
        }
        let mut bits = Box::new([0; 1024]);
        for port in ports {
            bits[usize::from(*port >> 6)] |= 1 << (port & 63);
        }
        Self::Many(bits)
    }

    fn contains(&self, port: u16) -> bool {
        self.contain_any(port, port)
    }

    /// Both are looked at, always: which of the two is the server's cannot be predicted.
    #[inline(always)]
    fn contain_any(&self, one: u16, other: u16) -> bool {
        match self {
            Self::Few(few) => few.iter().fold(0, |found, few| found | u16::from(*few == one || *few == other)) != 0,
            Self::Many(bits) => {
                let has = |port: u16| bits[usize::from(port >> 6)] >> (port & 63) & 1;
                has(one) | has(other) != 0
            }
        }
    }
}

/// The conversations of one shard.
///
/// Chunks are handed to a `sink` as they come; it must not be kept waiting, and sees every conversation's chunks
/// in order: open, bytes and gaps, close.
#[derive(Debug)]
pub struct Net {
    ports: Ports,
    flows: Flows,
    fragments: Fragments,
    ledger: Ledger,
    probe: Probe,
    /// Slots with segments that wait for a hole, or did since the last look; each once.
    waiting: Vec<u32>,
}

impl Net {
    /// The one shard there is, without conversations.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::numbered(config, 0, 1)
    }

    /// Shard `number` of [`SHARDS`], without conversations. The serials of all shards' conversations differ.
    #[must_use]
    pub fn shard(config: &Config, number: usize) -> Self {
        Self::numbered(config, number, SHARDS)
    }

    fn numbered(config: &Config, number: usize, step: usize) -> Self {
        Self {
            ports: Ports::new(&config.ports),
            flows: Flows::new(config.max_flows / SHARDS),
            fragments: Fragments::default(),
            ledger: Ledger {
                counters: Counters::default(),
                held: 0,
                max_held: config.max_held / SHARDS,
                spare: Vec::new(),
                number,
                step,
            },
            probe: Probe::default(),
            waiting: Vec::new(),
        }
    }

    /// Takes a packet of this shard.
    #[inline]
    pub fn push<F: FnMut(Chunk<'_>)>(&mut self, packet: &Packet<'_>, sink: &mut F) {
        self.ledger.counters.frames += 1;
        let result = match &packet.content {
            Ok(ip) => match ip.fragment {
                None => self.transport(&packet.carrier, ip, false, sink),
                Some(place) => self.fragment(&packet.carrier, ip, place, sink),
            },
            Err(unused) => Err(*unused),
        };
        if let Err(unused) = result {
            self.count(unused);
        }
    }

    /// Forgets what has been silent for too long; to be called about once in a second of capture time, at
    /// moments that the input alone decides.
    pub fn expire<F: FnMut(Chunk<'_>)>(&mut self, now: Timestamp, sink: &mut F) {
        self.fragments.expire(now, &mut self.ledger.counters);
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|slot| {
            let conversation = self.flows.get_mut(*slot);
            let flow = &conversation.flow;
            for (stream, direction) in conversation.streams.iter_mut().zip([Direction::ToServer, Direction::ToClient]) {
                let emit = &mut |carrier: &_, event: Event<'_>| sink(Chunk { flow, direction, carrier, event });
                stream.expire(now, &mut self.ledger, emit);
            }
            conversation.waiting = conversation.streams.iter().any(Stream::is_holding);
            conversation.waiting
        });
        self.waiting = waiting;
        for class in Class::ALL {
            for _ in 0..CLOSED_PER_TICK {
                let Some(slot) = self.flows.oldest(class) else { break };
                if now.since(self.flows.get_mut(slot).last.time) <= class.idle() {
                    break;
                }
                self.ledger.counters.expired += u64::from(self.forget(slot, Closing::Idle, now, sink));
            }
        }
    }

    /// The end of the input at `now`: delivers what is held back and closes every conversation, in the order of their
    /// slots.
    pub fn finish<F: FnMut(Chunk<'_>)>(&mut self, now: Timestamp, sink: &mut F) {
        let mut from = Some(0);
        while let Some(slot) = from {
            from = self.finish_some(slot, now, sink);
        }
    }

    /// The same for some conversations only, from this slot on. Gives the slot to go on from; `None` at the end.
    pub fn finish_some<F: FnMut(Chunk<'_>)>(&mut self, from: u32, now: Timestamp, sink: &mut F) -> Option<u32> {
        self.fragments.finish(&mut self.ledger.counters);
        let end = self.flows.slots().min(from.saturating_add(CLOSED_PER_TICK));
        (from..end).for_each(|slot| _ = self.forget(slot, Closing::End, now, sink));
        (end < self.flows.slots()).then_some(end)
    }

    /// What has been counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.ledger.counters
    }

    /// From now on, until a conversation is steady again, segments go the long way.
    #[cfg(test)]
    pub(super) fn unsettle(&mut self) {
        self.flows.unsettle();
    }

    /// How many bytes wait for holes before them.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.ledger.held
    }

    /// Closes a conversation and frees its slot; returns whether it was open.
    fn forget<F: FnMut(Chunk<'_>)>(&mut self, slot: u32, closing: Closing, time: Timestamp, sink: &mut F) -> bool {
        let conversation = self.flows.get_mut(slot);
        let open = conversation.open;
        let roles = std::mem::replace(&mut conversation.roles, Roles::Handshake);
        self.probe.followed -= usize::from(roles == Roles::Exchange);
        conversation.close(Direction::ToServer, Ending { closing, time, by: None }, &mut self.ledger, sink);
        for stream in &mut conversation.streams {
            stream.reset(&mut self.ledger);
        }
        self.flows.remove(slot);
        open
    }

    fn count(&mut self, unused: Unused) {
        let counters = &mut self.ledger.counters;
        match unused {
            Unused::UnknownLinkType => counters.unknown_link_type += 1,
            Unused::NotIp => counters.not_ip += 1,
            Unused::CutHeader => counters.cut_headers += 1,
            Unused::BadLength => counters.bad_lengths += 1,
        }
    }

    /// Takes a fragment, and its packet once that is complete.
    fn fragment<F: FnMut(Chunk<'_>)>(
        &mut self,
        carrier: &Carrier,
        ip: &Ip<'_>,
        place: Place,
        sink: &mut F,
    ) -> Result<(), Unused> {
        if ip.addresses.version == Version::V4 && !matches!(ip.protocol, TCP | UDP) {
            self.ledger.counters.other_transport += 1;
            return Ok(());
        }
        let counters = &mut self.ledger.counters;
        let Some(whole) = self.fragments.push(ip, place, carrier.vlan[0], carrier.time, counters)? else {
            return Ok(());
        };
        let (payload, wire_len) = (&whole.payload[..], whole.payload.len());
        let mut ip = Ip { protocol: whole.protocol, fragment: None, payload, wire_len, ..*ip };
        if ip.addresses.version == Version::V6 {
            ip = ip::past_extensions(ip)?;
            if ip.fragment.is_some() {
                return Err(Unused::BadLength);
            }
        }
        let tcp_flags = if ip.protocol == TCP { tcp::flags(ip.payload) } else { 0 };
        self.transport(&Carrier { tcp_flags, ..*carrier }, &ip, whole.conflict, sink)
    }

    /// Takes a whole IP packet; `conflict` tells whether its fragments differed.
    #[inline]
    fn transport<F: FnMut(Chunk<'_>)>(
        &mut self,
        carrier: &Carrier,
        ip: &Ip<'_>,
        conflict: bool,
        sink: &mut F,
    ) -> Result<(), Unused> {
        let transport = match ip.protocol {
            TCP => Transport::Tcp,
            UDP => Transport::Udp,
            _ => {
                self.ledger.counters.other_transport += 1;
                return Ok(());
            }
        };
        let Some(&[s0, s1, d0, d1]) = ip.payload.first_chunk() else {
            return Err(if ip.wire_len < 4 { Unused::BadLength } else { Unused::CutHeader });
        };
        let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        if !self.ports.contain_any(ports.0, ports.1) {
            self.elsewhere(carrier, ip, transport, ports, sink);
            return Ok(());
        }
        let route = Route::new(ip.addresses, ports, transport, carrier.outer_vlan());
        match transport {
            Transport::Tcp => self.segment(route, tcp::read(ip, conflict)?, carrier, sink),
            Transport::Udp => self.datagram(route, ip, carrier, sink)?,
        }
        Ok(())
    }

    /// Takes a packet between ports that are not watched: of a conversation that was found, or perhaps to find one by.
    /// Apart, lest the way of all others grow.
    #[inline(never)]
    fn elsewhere<F: FnMut(Chunk<'_>)>(
        &mut self,
        carrier: &Carrier,
        ip: &Ip<'_>,
        transport: Transport,
        ports: (u16, u16),
        sink: &mut F,
    ) {
        self.ledger.counters.other_port += 1;
        if transport != Transport::Tcp {
            return;
        }
        let Ok(segment) = tcp::read(ip, false) else { return };
        let is_followed = self.probe.followed > 0;
        if !is_followed && segment.whole_data().is_none() {
            return;
        }
        let route = Route::new(ip.addresses, ports, transport, carrier.outer_vlan());
        if !(is_followed && self.flows.find(route.key).is_some()) {
            let counters = &mut self.ledger.counters;
            let Some(query) = self.probe.look(&route, &segment, carrier, counters) else { return };
            let slot = self.insert(&query.route, None, &query.carrier, sink);
            let conversation = self.flows.get_mut(slot);
            conversation.roles = Roles::Exchange;
            conversation.segment(query.route.from, query.segment(), &query.carrier, &mut self.ledger, sink);
            self.probe.followed += 1;
            self.ledger.counters.found_elsewhere += 1;
        }
        self.ledger.counters.other_port -= 1;
        self.segment(route, segment, carrier, sink);
    }

    /// Takes a TCP segment. Route and segment are handed on by value: those of most packets then need no place in memory.
    #[inline(always)]
    fn segment<F: FnMut(Chunk<'_>)>(
        &mut self,
        route: Route,
        segment: tcp::Segment<'_>,
        carrier: &Carrier,
        sink: &mut F,
    ) {
        self.ledger.counters.segments += 1;
        let Some(slot) = self.flows.find(route.key) else {
            return self.stranger(route, segment, carrier, sink);
        };
        let conversation = self.flows.get_mut(slot);
        conversation.last = *carrier;
        if conversation.go_on(route.from, &segment, carrier, sink) {
            self.flows.touch(slot);
        } else {
            self.segment_of(slot, route.from, segment, carrier, sink);
        }
    }

    /// Takes a segment of no conversation.
    #[inline(never)]
    fn stranger<F: FnMut(Chunk<'_>)>(
        &mut self,
        route: Route,
        segment: tcp::Segment<'_>,
        carrier: &Carrier,
        sink: &mut F,
    ) {
        if segment.can_open() {
            let slot = self.insert(&route, segment.client(route.from), carrier, sink);
            self.segment_of(slot, route.from, segment, carrier, sink);
        } else {
            self.ledger.counters.strays += 1;
        }
    }

    /// Takes any segment of a conversation.
    #[inline(never)]
    fn segment_of<F: FnMut(Chunk<'_>)>(
        &mut self,
        slot: u32,
        from: End,
        segment: tcp::Segment<'_>,
        carrier: &Carrier,
        sink: &mut F,
    ) {
        let conversation = self.flows.get_mut(slot);
        conversation.segment(from, segment, carrier, &mut self.ledger, sink);
        if !conversation.waiting && conversation.streams.iter().any(Stream::is_holding) {
            conversation.waiting = true;
            self.waiting.push(slot);
        }
        self.flows.touch(slot);
    }

    /// Takes a UDP datagram (RFC 768).
    #[inline(never)]
    fn datagram<F: FnMut(Chunk<'_>)>(
        &mut self,
        route: Route,
        ip: &Ip<'_>,
        carrier: &Carrier,
        sink: &mut F,
    ) -> Result<(), Unused> {
        let Some((&[_, _, _, _, l0, l1, _, _], rest)) = ip.payload.split_first_chunk() else {
            return Err(if ip.wire_len < 8 { Unused::BadLength } else { Unused::CutHeader });
        };
        let wire_len = match usize::from(u16::from_be_bytes([l0, l1])) {
            // A jumbogram (RFC 2675).
            0 => ip.wire_len - 8,
            len if (8..=ip.wire_len).contains(&len) => len - 8,
            _ => return Err(Unused::BadLength),
        };
        self.ledger.counters.datagrams += 1;
        let bytes = rest.get(..wire_len).unwrap_or(rest);
        let truncated = bytes.len() < wire_len;
        self.ledger.counters.truncated += u64::from(truncated);
        let slot = match self.flows.find(route.key) {
            Some(slot) => slot,
            None => self.insert(&route, None, carrier, sink),
        };
        let conversation = self.flows.get_mut(slot);
        conversation.last = *carrier;
        let direction = conversation.direction(route.from);
        sink(Chunk { flow: &conversation.flow, direction, carrier, event: Event::Datagram { bytes, truncated } });
        self.flows.touch(slot);
        Ok(())
    }

    /// Adds a conversation and opens it. If only one side has a server port, it is the server, even if it sent the
    /// SYN, as in a replay of answers; else the handshake tells, or else the side that is spoken to is the server.
    fn insert<F: FnMut(Chunk<'_>)>(
        &mut self,
        route: &Route,
        client: Option<End>,
        carrier: &Carrier,
        sink: &mut F,
    ) -> u32 {
        while self.flows.is_full() {
            let Some(slot) = Class::ALL.into_iter().find_map(|class| self.flows.oldest(class)) else { break };
            self.ledger.counters.evicted += u64::from(self.forget(slot, Closing::Evicted, carrier.time, sink));
        }
        let handshake = client.is_some();
        let served = (self.ports.contains(route.src_port), self.ports.contains(route.dst_port));
        let client = match served {
            (true, false) => route.to(),
            (false, true) => route.from,
            _ => client.unwrap_or(route.from),
        };
        let slot = self.flows.insert(route, client, carrier);
        let conversation = self.flows.get_mut(slot);
        conversation.roles = if served.0 == served.1 { Roles::Handshake } else { Roles::Ports };
        let direction = conversation.direction(route.from);
        conversation.open(handshake, direction, carrier, &mut self.ledger, sink);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Batch, Frame, LinkType, Opened, open};
    use crate::net::testing::Host::{Client, Server};
    use crate::net::testing::{ACK, SYN, Wire, ipv4, tcp, udp};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};

    #[test]
    fn ports_are_the_ones_told_however_many_they_are() {
        let all: Vec<u16> = (0..20).map(|place| place * 3_276).collect();
        for count in 0..all.len() {
            let (told, others) = all.split_at(count);
            let ports = Ports::new(told);
            assert!(told.iter().all(|port| ports.contains(*port)) && !others.iter().any(|port| ports.contains(*port)));
        }
    }

    #[test]
    fn datagrams_come_whole_with_their_padding_off() {
        let mut wire = Wire::new();
        let mut query = ipv4(Client, 17, 1, 0, &udp(Client, b"query"));
        query.extend([0; 10]);
        wire.send(&query);
        let answer = ipv4(Server, 17, 1, 0, &udp(Server, b"answer"));
        wire.send_cut(&answer[..answer.len() - 3], answer.len());
        assert_eq!(wire.told(), ["1> 1 open", "1> 1 datagram query", "1< 2 datagram~ ans"]);
        let mut wrong = udp(Client, b"query");
        wrong[5] = 200;
        wire.send(&ipv4(Client, 17, 1, 0, &wrong));
        assert_eq!((wire.told().len(), wire.counters().bad_lengths), (0, 1));
    }

    #[test]
    fn fragments_are_put_together_and_their_conflicts_told() {
        let mut wire = Wire::new();
        let segment = tcp(Client, 40_000, ACK, (101, 501), b"fragmented");
        wire.send(&ipv4(Client, 6, 7, 3, &segment[24..]));
        wire.send(&ipv4(Client, 6, 7, 0x2000, &segment[..24]));
        assert_eq!(wire.told(), ["1> 2 open", "1> 2 data fragmented"]);
        let segment = tcp(Client, 40_000, ACK, (111, 501), b"0123456789abcdef");
        let mut other = segment.clone();
        other[24] = b'?';
        wire.send(&ipv4(Client, 6, 8, 0x2000, &segment[..32]));
        wire.send(&ipv4(Client, 6, 8, 0x2003, &other[24..32]));
        wire.send(&ipv4(Client, 6, 8, 4, &segment[32..]));
        assert_eq!(wire.told(), ["1> 5 data! 0123456789abcdef"]);
    }

    #[test]
    fn only_watched_ports_are_followed() {
        let mut wire = Wire::with(&Config { ports: vec![1_502], ..Config::default() });
        wire.send(&ipv4(Client, 17, 1, 0, &udp(Client, b"x")));
        wire.send(&ipv4(Client, 1, 1, 0, &udp(Client, b"x")));
        wire.finish();
        assert_eq!((wire.told().len(), wire.counters().other_port, wire.counters().other_transport), (0, 1, 1));
        // Both ports are watched, so the first to be spoken to is the server.
        let mut wire = Wire::with(&Config { ports: vec![502, 40_000], ..Config::default() });
        wire.send(&ipv4(Server, 17, 1, 0, &udp(Server, b"x")));
        assert_eq!(wire.told(), ["1> 1 open", "1> 1 datagram x"]);
    }

    fn captures() -> Option<PathBuf> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures"));
        if !path.is_dir() {
            eprintln!("skipped: no captures");
            return None;
        }
        Some(path.to_owned())
    }

    /// Pushes a capture through all shards; returns how many frames it has.
    fn follow(path: &Path, sink: &mut impl FnMut(Chunk<'_>)) -> (u64, Counters) {
        let Ok(Opened::Capture(mut source)) = open(Box::new(std::fs::File::open(path).unwrap())) else {
            panic!("{} is no capture", path.display())
        };
        let mut nets: Vec<_> = (0..SHARDS).map(|_| Net::new(&Config::default())).collect();
        let mut batch = Batch::new();
        let mut frames = 0;
        loop {
            source.fill(&mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            for frame in batch.frames() {
                let packet = Packet::parse(&frame);
                nets[packet.shard()].push(&packet, sink);
                frames += 1;
            }
        }
        assert_eq!(source.cut(), None, "{}", path.display());
        let mut counters = Counters::default();
        for net in &mut nets {
            net.finish(Timestamp::default(), sink);
            counters.merge(net.counters());
            assert_eq!(net.held(), 0);
        }
        (frames, counters)
    }

    #[test]
    fn every_capture_has_the_frames_it_should() {
        let Some(path) = captures() else { return };
        let table = std::fs::read_to_string(path.join("README.md")).unwrap();
        let mut compared = 0;
        for row in table.lines() {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let (Some(name), Some(packets)) = (cells.get(1), cells.get(3).and_then(|cell| cell.parse::<u64>().ok()))
            else {
                continue;
            };
            let (frames, counters) = follow(&path.join(name), &mut |_| {});
            assert_eq!((frames, counters.frames), (packets, packets), "{name}");
            compared += 1;
        }
        assert_eq!(compared, 20);
        follow(&path.join("badlogin.pcap"), &mut |_| {});
    }

    /// ADUs as `(frame, client speaks, hexadecimal PDU)`, cut from the streams by their MBAP lengths alone.
    fn adus(path: &Path) -> Vec<(u64, bool, String)> {
        let mut found = Vec::new();
        let mut streams: HashMap<(u64, IpPair, bool), Vec<u8>> = HashMap::new();
        follow(path, &mut |chunk| {
            let to_server = chunk.direction == Direction::ToServer;
            let key = (chunk.flow.serial, (chunk.flow.client.ip, chunk.flow.server.ip), to_server);
            let (Event::Data { bytes, .. } | Event::Datagram { bytes, .. }) = chunk.event else { return };
            let stream = streams.entry(key).or_default();
            stream.extend_from_slice(bytes);
            while let Some(len) = stream.get(4..6).map(|len| usize::from(u16::from_be_bytes([len[0], len[1]]))) {
                let Some(pdu) = stream.get(7..6 + len) else { break };
                let pdu = pdu.iter().map(|byte| format!("{byte:02x}")).collect();
                found.push((chunk.carrier.frame, to_server, pdu));
                stream.drain(..6 + len);
            }
        });
        found
    }

    type IpPair = (std::net::IpAddr, std::net::IpAddr);

    /// Those of the constructed captures whose MBAP lengths are right.
    const EDGES: [&str; 18] = [
        "all_functions",
        "bad_checksums",
        "diagnostics",
        "exceptions",
        "ip_fragments",
        "ipv6",
        "matching",
        "null_loopback",
        "out_of_order",
        "pcap_nano",
        "pipelined",
        "plain",
        "qinq",
        "retransmission",
        "sll",
        "sll2",
        "split_in_mbap",
        "udp502",
    ];

    #[test]
    fn each_message_is_complete_in_the_frame_that_completed_it() {
        let Some(path) = captures() else { return };
        for name in EDGES {
            let text = std::fs::read_to_string(path.join(format!("edge/{name}.expected.json"))).unwrap();
            let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
            let expected: Vec<_> = expected["adus"].as_array().unwrap().iter().collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|adu| {
                    let to_server = adu["dport"] == 502;
                    (adu["frame"].as_u64().unwrap(), to_server, adu["pdu"].as_str().unwrap().to_owned())
                })
                .collect();
            assert_eq!(adus(&path.join(format!("edge/{name}.pcap"))), expected, "{name}");
        }
    }

    #[test]
    fn nothing_is_lost_at_the_edges() {
        let Some(path) = captures() else { return };
        let counters = |name: &str| follow(&path.join(format!("edge/{name}.pcap")), &mut |_| {}).1;
        assert_eq!((counters("out_of_order").out_of_order, counters("out_of_order").gaps), (3, 0));
        let retransmission = counters("retransmission");
        assert_eq!((retransmission.keep_alives, retransmission.conflicts), (1, 0));
        assert_eq!(retransmission.retransmitted + retransmission.duplicates, 3);
        assert_eq!((counters("ip_fragments").reassembled, counters("ip_fragments").fragments), (2, 4));
        assert_eq!((counters("tls802").other_port, counters("tls802").opened), (0, 1));
        let mut handshakes = Vec::new();
        follow(&path.join("edge/midstream_half_adu.pcap"), &mut |chunk| {
            if let Event::Open { handshake } = chunk.event {
                handshakes.push((handshake, chunk.flow.server.port));
            }
        });
        assert_eq!(handshakes, [(false, 502)]);
    }

    /// A packet that a shard must survive, and perhaps believe.
    fn packet() -> impl Strategy<Value = Vec<u8>> {
        let numbers = (prop_oneof![0..400_u32, any::<u32>()], prop_oneof![0..400_u32, any::<u32>()]);
        let flags = prop_oneof![Just(ACK), Just(SYN), Just(SYN | ACK), any::<u8>()];
        let payload = proptest::collection::vec(any::<u8>(), 0..80);
        let damage = proptest::collection::vec((0..60_usize, any::<u8>()), 0..2);
        let fragment = prop_oneof![3 => Just(0_u16), 1 => 0..4_u16, 1 => 0x2000..0x2004_u16];
        (any::<[bool; 2]>(), 0..4_u16, flags, numbers, payload, damage, fragment).prop_map(
            |([from, is_udp], port, flags, numbers, payload, damage, fragment)| {
                let from = if from { Client } else { Server };
                let mut bytes = if is_udp {
                    ipv4(from, 17, port, fragment, &udp(from, &payload))
                } else {
                    ipv4(from, 6, port, fragment, &tcp(from, 40_000 + port, flags, numbers, &payload))
                };
                for (place, byte) in damage {
                    if let Some(damaged) = bytes.get_mut(place) {
                        *damaged = byte;
                    }
                }
                bytes
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn any_packets_give_whole_conversations_within_bounds(
            packets in proptest::collection::vec((packet(), 0..12_u32, 0..30_i64), 0..120),
            max_held in 0..2_000_usize,
        ) {
            let config = Config { max_flows: 3 * SHARDS, max_held: max_held * SHARDS, ..Config::default() };
            let mut net = Net::new(&config);
            let mut open: HashMap<u32, u64> = HashMap::new();
            let mut serials = 0;
            let mut now = 0;
            let mut sink = |chunk: Chunk<'_>| {
                let (slot, serial) = (chunk.flow.slot, chunk.flow.serial);
                match chunk.event {
                    Event::Open { .. } => {
                        assert_eq!((open.insert(slot, serial), serial), (None, serials + 1));
                        serials = serial;
                    }
                    Event::Close(_) => assert_eq!(open.remove(&slot), Some(serial)),
                    Event::Data { bytes, .. } => assert!(open.get(&slot) == Some(&serial) && !bytes.is_empty()),
                    _ => assert_eq!(open.get(&slot), Some(&serial)),
                }
                assert!(open.len() <= 3);
            };
            for (number, (bytes, cut, pause)) in (1..).zip(&packets) {
                now += pause;
                let wire_len = bytes.len() as u32;
                let bytes = &bytes[..bytes.len().saturating_sub(*cut as usize / 6 * 9)];
                let time = Timestamp::from_parts(now, 0);
                net.push(&Packet::parse(&Frame { number, time, link: LinkType::Raw, wire_len, bytes }), &mut sink);
                prop_assert!(net.held() <= max_held);
                if *pause > 25 {
                    net.expire(time, &mut sink);
                }
            }
            net.finish(Timestamp::from_parts(now, 0), &mut sink);
            prop_assert!(open.is_empty());
            prop_assert_eq!(net.held(), 0);
            let c = net.counters();
            prop_assert_eq!(
                c.frames + c.reassembled,
                c.unknown_link_type + c.not_ip + c.cut_headers + c.bad_lengths + c.other_transport + c.other_port
                    + c.fragments + c.segments + c.datagrams
            );
            prop_assert_eq!(c.iter().find(|(name, _)| *name == "opened"), Some(("opened", serials)));
        }
    }
}
