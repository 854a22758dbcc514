//! A plain reader of captures that the generator is held to. It shares no code with the generator or the library,
//! keeps everything in memory, and panics on what it does not expect.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what it does not expect fails the test")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A frame of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Nanoseconds since the epoch.
    pub(crate) time: u64,
    /// LINKTYPE_ value.
    pub(crate) link: u32,
    /// Length on the wire.
    pub(crate) wire_len: u32,
    /// What was captured.
    pub(crate) bytes: Vec<u8>,
}

/// A TCP segment or UDP datagram.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) time: u64,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) protocol: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
    /// Whether the IP and the TCP or UDP checksum are right.
    pub(crate) sums: bool,
}

/// One ADU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adu {
    pub(crate) trans_id: u16,
    pub(crate) unit: u8,
    pub(crate) pdu: Vec<u8>,
}

/// Both directions of a TCP connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) client: Vec<u8>,
    pub(crate) server: Vec<u8>,
}

/// The frames of a pcap or pcapng; a frame that the file's end cuts off is left out.
pub(crate) fn frames(file: &[u8]) -> Vec<Frame> {
    let magic: [u8; 4] = file[..4].try_into().unwrap();
    if magic == [0x0A, 0x0D, 0x0D, 0x0A] {
        return pcapng(file);
    }
    let (big, nanos) = match magic {
        [0xD4, 0xC3, 0xB2, 0xA1] => (false, 1_000),
        [0xA1, 0xB2, 0xC3, 0xD4] => (true, 1_000),
        [0x4D, 0x3C, 0xB2, 0xA1] => (false, 1),
        [0xA1, 0xB2, 0x3C, 0x4D] => (true, 1),
        other => panic!("no pcap: {other:x?}"),
    };
    let link = word(&file[20..], big);
    let mut rest = &file[24..];
    let mut frames = Vec::new();
    while rest.len() >= 16 {
        let [seconds, fraction, kept, wire_len] = [0, 4, 8, 12].map(|at| word(&rest[at..], big));
        let Some(bytes) = rest[16..].get(..kept as usize) else { break };
        let time = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * nanos;
        frames.push(Frame { time, link, wire_len, bytes: bytes.to_vec() });
        rest = &rest[16 + kept as usize..];
    }
    frames
}

fn pcapng(file: &[u8]) -> Vec<Frame> {
    let big = word(&file[8..], true) == 0x1A2B_3C4D;
    let mut rest = file;
    let mut interfaces = Vec::new();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let [kind, total] = [0, 4].map(|at| word(&rest[at..], big));
        let (block, after) = rest.split_at(total as usize);
        assert_eq!(word(&block[block.len() - 4..], big), total, "block lengths differ");
        let body = &block[8..];
        match kind {
            // The generator writes if_tsresol as the first option.
            1 => interfaces.push((half(body, big), 10_u64.pow(9 - u32::from(body[12])))),
            6 => {
                let [interface, high, low, kept, wire_len] = [0, 4, 8, 12, 16].map(|at| word(&body[at..], big));
                let (link, nanos) = interfaces[interface as usize];
                let time = (u64::from(high) << 32 | u64::from(low)) * nanos;
                let bytes = body[20..20 + kept as usize].to_vec();
                frames.push(Frame { time, link: u32::from(link), wire_len, bytes });
            }
            _ => assert_eq!(kind, 0x0A0D_0D0A),
        }
        rest = after;
    }
    frames
}

fn half(bytes: &[u8], big: bool) -> u16 {
    let bytes = [bytes[0], bytes[1]];
    if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn word(bytes: &[u8], big: bool) -> u32 {
    let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// What a frame carries; the frame must be whole.
pub(crate) fn packet(frame: &Frame) -> Packet {
    let mut ip = match frame.link {
        1 => &frame.bytes[12..],
        113 => &frame.bytes[14..],
        101 => &frame.bytes[..],
        other => panic!("link type {other}"),
    };
    if frame.link != 101 {
        if half(ip, true) == 0x8100 {
            ip = &ip[4..];
        }
        assert!(matches!(half(ip, true), 0x0800 | 0x86DD));
        ip = &ip[2..];
    }
    let (from, to, protocol, body, mut sums, addresses): (IpAddr, IpAddr, u8, &[u8], bool, &[u8]) = if ip[0] == 0x45 {
        let end = usize::from(half(&ip[2..], true));
        let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]).into();
        (address(12), address(16), ip[9], &ip[20..end], sum(&[&ip[..20]]) == 0xFFFF, &ip[12..20])
    } else {
        let end = 40 + usize::from(half(&ip[4..], true));
        let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).unwrap()).into();
        (address(8), address(24), ip[6], &ip[40..end], true, &ip[8..40])
    };
    sums &= sum(&[addresses, &[0, protocol], &(body.len() as u16).to_be_bytes(), body]) == 0xFFFF;
    let (from, to) = (SocketAddr::new(from, half(body, true)), SocketAddr::new(to, half(&body[2..], true)));
    let udp = protocol == 17;
    let header = if udp { 8 } else { usize::from(body[12] >> 4) * 4 };
    Packet {
        time: frame.time,
        from,
        to,
        protocol,
        seq: if udp { 0 } else { word(&body[4..], true) },
        ack: if udp { 0 } else { word(&body[8..], true) },
        flags: if udp { 0 } else { body[13] },
        payload: body[header..].to_vec(),
        sums,
    }
}

/// The ones' complement sum of bytes: 0xFFFF over a header with a right checksum. Each part but the last is even.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut bytes = parts.concat();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    let total = bytes.chunks(2).fold(0_u32, |total, pair| total + u32::from(half(pair, true)));
    let folded = (total & 0xFFFF) + (total >> 16);
    ((folded & 0xFFFF) + (folded >> 16)) as u16
}

/// Client and server of a connection.
type Ends = (SocketAddr, SocketAddr);

/// Bytes of a stream in so far as they were seen.
type Holed = Vec<Option<u8>>;

/// The byte streams of every connection to port 502, by client and server: the first copy of each byte counts.
pub(crate) fn streams(packets: &[Packet]) -> BTreeMap<Ends, Streams> {
    let mut first: BTreeMap<Ends, u32> = BTreeMap::new();
    let mut streams: BTreeMap<Ends, (Holed, Holed)> = BTreeMap::new();
    for packet in packets.iter().filter(|packet| packet.protocol == 6) {
        let syn = packet.flags & 2 != 0;
        let start = *first.entry((packet.from, packet.to)).or_insert(packet.seq.wrapping_add(u32::from(syn)));
        let client = packet.to.port() == 502;
        let key = if client { (packet.from, packet.to) } else { (packet.to, packet.from) };
        let (asked, answered) = streams.entry(key).or_default();
        let bytes = if client { asked } else { answered };
        if packet.payload.is_empty() {
            continue;
        }
        let at = packet.seq.wrapping_sub(start) as usize;
        bytes.resize(bytes.len().max(at + packet.payload.len()), None);
        for (place, &byte) in bytes[at..].iter_mut().zip(&packet.payload) {
            place.get_or_insert(byte);
        }
    }
    let whole = |bytes: Holed| bytes.into_iter().map(|byte| byte.expect("a hole")).collect();
    streams
        .into_iter()
        .map(|(key, (client, server))| (key, Streams { client: whole(client), server: whole(server) }))
        .collect()
}

/// The ADUs of a stream; none where it is not Modbus.
pub(crate) fn adus(mut stream: &[u8]) -> Vec<Adu> {
    let mut adus = Vec::new();
    while stream.len() >= 8 && half(&stream[2..], true) == 0 {
        let end = 6 + usize::from(half(&stream[4..], true));
        let Some(adu) = stream.get(..end) else { break };
        adus.push(Adu { trans_id: half(adu, true), unit: adu[6], pdu: adu[7..].to_vec() });
        stream = &stream[end..];
    }
    adus
}
