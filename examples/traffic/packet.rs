//! One frame: link header, IP header, TCP or UDP header with right checksums, payload.

use std::net::{IpAddr, Ipv6Addr};

/// TCP flag: no more bytes will follow.
pub const FIN: u8 = 0x01;
/// TCP flag: a connection begins.
pub const SYN: u8 = 0x02;
/// TCP flag: the connection is broken off.
pub const RST: u8 = 0x04;
/// TCP flag: hand the bytes to the application now.
pub const PSH: u8 = 0x08;
/// TCP flag: the acknowledgement number counts.
pub const ACK: u8 = 0x10;

/// Shortest Ethernet frame without its checksum (IEEE 802.3); shorter ones are padded with zeros.
const ETHERNET_MIN: usize = 60;

/// Maximum segment size announced in SYN: the option makes headers of two lengths occur.
const MSS: u16 = 1460;

/// What the first bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet.
    Ethernet,
    /// IP at once.
    Raw,
    /// Linux cooked capture v1.
    Sll,
}

impl Link {
    /// Its LINKTYPE_ value (tcpdump.org).
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Sll => 113,
        }
    }
}

/// One end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Network address.
    pub ip: IpAddr,
    /// TCP or UDP port.
    pub port: u16,
    /// Hardware address.
    pub mac: [u8; 6],
}

impl Endpoint {
    /// The endpoint with a locally administered hardware address that follows from `ip`.
    #[must_use]
    pub fn new(ip: impl Into<IpAddr>, port: u16) -> Self {
        let ip = ip.into();
        let [.., a, b, c, d] = wide(ip).octets();
        Self { ip, port, mac: [2, 0, a, b, c, d] }
    }
}

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp {
        /// Number of its first byte.
        seq: u32,
        /// Number of the byte expected next from the peer.
        ack: u32,
        /// Flags.
        flags: u8,
    },
    /// A UDP datagram.
    Udp,
}

/// What a frame is made of.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Who sends.
    pub from: Endpoint,
    /// Who receives.
    pub to: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// The bytes carried.
    pub payload: &'a [u8],
}

/// Turns packets into frames.
#[derive(Debug, Default)]
pub struct Framer {
    /// The 802.1Q tag that Ethernet and cooked frames carry.
    pub vlan: Option<u16>,
    identification: u16,
}

impl Framer {
    /// A framer that tags frames with `vlan`.
    #[must_use]
    pub const fn new(vlan: Option<u16>) -> Self {
        Self { vlan, identification: 0 }
    }

    /// Appends the frame of `packet` to `out`, which must be empty.
    pub fn write(&mut self, link: Link, packet: &Packet<'_>, out: &mut Vec<u8>) {
        let v4 = packet.from.ip.is_ipv4() && packet.to.ip.is_ipv4();
        self.link_header(link, packet, if v4 { 0x0800 } else { 0x86DD }, out);
        let (protocol, header) = match packet.transport {
            Transport::Tcp { flags, .. } if flags & SYN != 0 => (6, 24),
            Transport::Tcp { .. } => (6, 20),
            Transport::Udp => (17, 8),
        };
        let length = (header + packet.payload.len()) as u16;
        let pseudo = self.ip_header(packet, protocol, length, out);
        let start = out.len();
        transport_header(packet, length, out);
        out.extend_from_slice(packet.payload);
        let sum = checksum(pseudo + u64::from(protocol) + u64::from(length) + sum_words(&out[start..]));
        let field = start + if protocol == 6 { 16 } else { 6 };
        // UDP sends a sum of 0 as 0xFFFF, because 0 means none (RFC 768).
        let sum = if protocol == 17 && sum == 0 { 0xFFFF } else { sum };
        out[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        if link == Link::Ethernet && out.len() < ETHERNET_MIN {
            out.resize(ETHERNET_MIN, 0);
        }
    }

    fn link_header(&self, link: Link, packet: &Packet<'_>, ether_type: u16, out: &mut Vec<u8>) {
        match link {
            Link::Raw => return,
            Link::Ethernet => {
                out.extend_from_slice(&packet.to.mac);
                out.extend_from_slice(&packet.from.mac);
            }
            Link::Sll => {
                // Packet type 3 (between others), ARPHRD_ETHER, address length and address in eight bytes.
                out.extend_from_slice(&[0, 3, 0, 1, 0, 6]);
                out.extend_from_slice(&packet.from.mac);
                out.extend_from_slice(&[0, 0]);
            }
        }
        if let Some(vlan) = self.vlan {
            out.extend_from_slice(&0x8100_u16.to_be_bytes());
            out.extend_from_slice(&vlan.to_be_bytes());
        }
        out.extend_from_slice(&ether_type.to_be_bytes());
    }

    /// Appends the IP header and returns the sum of the addresses, which the transport checksum needs.
    fn ip_header(&mut self, packet: &Packet<'_>, protocol: u8, length: u16, out: &mut Vec<u8>) -> u64 {
        let start = out.len();
        let (IpAddr::V4(from), IpAddr::V4(to)) = (packet.from.ip, packet.to.ip) else {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[protocol, 64]);
            out.extend_from_slice(&wide(packet.from.ip).octets());
            out.extend_from_slice(&wide(packet.to.ip).octets());
            return sum_words(&out[start + 8..]);
        };
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&(length + 20).to_be_bytes());
        out.extend_from_slice(&self.identification.to_be_bytes());
        self.identification = self.identification.wrapping_add(1);
        // Don't Fragment, time to live 64, checksum to come.
        out.extend_from_slice(&[0x40, 0, 64, protocol, 0, 0]);
        out.extend_from_slice(&from.octets());
        out.extend_from_slice(&to.octets());
        let sum = checksum(sum_words(&out[start..]));
        out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        sum_words(&out[start + 12..])
    }
}

fn transport_header(packet: &Packet<'_>, length: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&packet.from.port.to_be_bytes());
    out.extend_from_slice(&packet.to.port.to_be_bytes());
    let Transport::Tcp { seq, ack, flags } = packet.transport else {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        return;
    };
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    let words: u8 = if flags & SYN == 0 { 5 } else { 6 };
    // Window 64,240, checksum to come, no urgent data.
    out.extend_from_slice(&[words << 4, flags, 0xFA, 0xF0, 0, 0, 0, 0]);
    if flags & SYN != 0 {
        out.extend_from_slice(&[2, 4]);
        out.extend_from_slice(&MSS.to_be_bytes());
    }
}

/// `ip` as 16 bytes.
const fn wide(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// The sum of the 16-bit words of `bytes`, an odd last byte being the high half of a word (RFC 1071).
#[must_use]
pub fn sum_words(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks_exact(2);
    let odd = pairs.remainder().first().map_or(0, |&byte| u64::from(byte) << 8);
    pairs.map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u64>() + odd
}

/// The Internet checksum of a sum of words (RFC 1071).
#[must_use]
pub const fn checksum(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}
