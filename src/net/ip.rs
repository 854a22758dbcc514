//! IP headers: IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use super::link::Unused;
use crate::capture::MAX_FRAME;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers that are transports here.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// IPv6 extension headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
/// How many extension headers are walked; RFC 8504, 5.3 lets hosts stop at fewer.
const MAX_EXTENSIONS: usize = 16;

/// Length of the IPv6 header.
const IPV6_HEADER: usize = 40;

/// Two addresses of the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Addresses {
    /// As numbers; those of IPv4 are below 2 to the 32.
    pub(super) src: u128,
    pub(super) dst: u128,
    pub(super) version: Version,
}

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Version {
    V4,
    V6,
}

impl Version {
    /// The address of this version with this number.
    pub(super) fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from_bits(number as u32).into(),
            Self::V6 => Ipv6Addr::from_bits(number).into(),
        }
    }
}

/// A fragment's place in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The packet's identification; 16 bits in IPv4.
    pub(super) id: u32,
    /// Of its first byte in the packet's payload.
    pub(super) offset: u32,
    /// Whether fragments follow.
    pub(super) more: bool,
}

/// What the IP header says.
///
/// In a `Result` the error lies where the first byte is. The order is fixed so that this is a byte of its own:
/// were it part of an address, that would be stored in pieces and read whole, which costs more than the rest.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ip<'a> {
    /// Of the payload, behind all extension headers.
    pub(super) protocol: u8,
    pub(super) addresses: Addresses,
    /// The identification of an IPv4 packet, which a mirrored copy shares; 0 in IPv6.
    pub(super) id: u16,
    /// Set for a fragment.
    pub(super) fragment: Option<Place>,
    /// What was captured of the payload, without padding.
    pub(super) payload: &'a [u8],
    /// Length of the payload on the wire.
    pub(super) wire_len: usize,
}

/// Reads the headers of an IP packet, of which `wire_len` bytes were on the wire, padding included.
#[inline(always)]
pub(super) fn read(bytes: &[u8], wire_len: usize) -> Result<Ip<'_>, Unused> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => read_v4(bytes, wire_len),
        Some(6) => read_v6(bytes, wire_len),
        Some(_) => Err(Unused::NotIp),
        None => Err(Unused::CutHeader),
    }
}

#[inline(always)]
fn read_v4(bytes: &[u8], wire_len: usize) -> Result<Ip<'_>, Unused> {
    let Some(&[first, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3]) =
        bytes.first_chunk()
    else {
        return Err(Unused::CutHeader);
    };
    let header_len = usize::from(first & 0x0F) * 4;
    let total_len = match u16::from_be_bytes([l0, l1]) {
        // A large segment that the sender's interface has yet to split; it is as long as the frame is.
        0 => wire_len.min(MAX_FRAME),
        told => usize::from(told),
    };
    if header_len < 20 || total_len < header_len || total_len > wire_len {
        return Err(Unused::BadLength);
    }
    let payload = bytes.get(header_len..total_len.min(bytes.len())).ok_or(Unused::CutHeader)?;
    let id = u16::from_be_bytes([i0, i1]);
    let fragment = u16::from_be_bytes([f0, f1]);
    let (offset, more) = (u32::from(fragment & 0x1FFF) * 8, fragment & 0x2000 != 0);
    Ok(Ip {
        addresses: Addresses {
            src: u32::from_be_bytes([s0, s1, s2, s3]).into(),
            dst: u32::from_be_bytes([d0, d1, d2, d3]).into(),
            version: Version::V4,
        },
        protocol,
        id,
        fragment: (more || offset > 0).then_some(Place { id: id.into(), offset, more }),
        payload,
        wire_len: total_len - header_len,
    })
}

#[inline(never)]
fn read_v6(bytes: &[u8], wire_len: usize) -> Result<Ip<'_>, Unused> {
    let (header, rest) = bytes.split_first_chunk::<IPV6_HEADER>().ok_or(Unused::CutHeader)?;
    let [_, _, _, _, l0, l1, next, _, addresses @ ..] = header;
    let (src, dst) = addresses.split_first_chunk().ok_or(Unused::CutHeader)?;
    let room = wire_len.checked_sub(IPV6_HEADER).ok_or(Unused::BadLength)?;
    let wire_len = match u16::from_be_bytes([*l0, *l1]) {
        // A jumbogram (RFC 2675), or a large segment.
        0 => room.min(MAX_FRAME),
        told => usize::from(told),
    };
    if wire_len > room {
        return Err(Unused::BadLength);
    }
    let ip = Ip {
        addresses: Addresses {
            src: u128::from_be_bytes(*src),
            dst: u128::from_be_bytes(*dst.first_chunk().ok_or(Unused::CutHeader)?),
            version: Version::V6,
        },
        protocol: *next,
        id: 0,
        fragment: None,
        payload: rest.get(..wire_len.min(rest.len())).unwrap_or_default(),
        wire_len,
    };
    past_extensions(ip)
}

/// Moves behind the extension headers, or behind the fragment header of a fragment.
pub(super) fn past_extensions(mut ip: Ip<'_>) -> Result<Ip<'_>, Unused> {
    for _ in 0..=MAX_EXTENSIONS {
        let kind = ip.protocol;
        if !matches!(kind, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION) {
            return Ok(ip);
        }
        let &[next, len, o0, o1, i0, i1, i2, i3] = ip.payload.first_chunk().ok_or(Unused::CutHeader)?;
        let header_len = match kind {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(len) + 2) * 4,
            _ => (usize::from(len) + 1) * 8,
        };
        ip.wire_len = ip.wire_len.checked_sub(header_len).ok_or(Unused::BadLength)?;
        ip.payload = ip.payload.get(header_len..).ok_or(Unused::CutHeader)?;
        ip.protocol = next;
        if kind == FRAGMENT {
            let place = u16::from_be_bytes([o0, o1]);
            let (offset, more) = (u32::from(place & 0xFFF8), place & 1 != 0);
            // A packet in a single "fragment" (RFC 6946) is a packet.
            if more || offset > 0 {
                ip.fragment = Some(Place { id: u32::from_be_bytes([i0, i1, i2, i3]), offset, more });
                return Ok(ip);
            }
        }
    }
    Err(Unused::BadLength)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An IPv4 header with options and a total length of 28 before `payload`.
    fn v4(fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x46, 0, 0, 28, 0xAB, 0xCD];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 1, 0]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn padding_is_no_payload_and_a_cut_is_known() {
        let padded = v4(0x4000, b"datapadding");
        let ip = read(&padded, padded.len()).unwrap();
        assert_eq!((ip.payload, ip.wire_len, ip.protocol, ip.id, ip.fragment), (&b"data"[..], 4, UDP, 0xABCD, None));
        let cut = v4(0, b"da");
        let ip = read(&cut, 28).unwrap();
        assert_eq!((ip.payload, ip.wire_len), (&b"da"[..], 4));
        assert_eq!(ip.addresses.version.address(ip.addresses.src).to_string(), "192.0.2.1");
    }

    #[test]
    fn lengths_that_cannot_be_are_not_believed() {
        // Two bytes short of what its header tells, on the wire: a host would drop it.
        assert_eq!(read(&v4(0, b"da"), 26), Err(Unused::BadLength));
        let mut short = v4(0, b"data");
        short[3] = 23;
        assert_eq!(read(&short, 28), Err(Unused::BadLength));
        assert_eq!(read(&v4(0, b"data")[..22], 28), Err(Unused::CutHeader));
        assert_eq!(read(&[0x50; 40], 40), Err(Unused::NotIp));
        assert_eq!(read(&[], 0), Err(Unused::CutHeader));
    }

    #[test]
    fn a_total_length_of_zero_is_the_length_of_the_frame() {
        let mut large = v4(0, &[7; 70_000]);
        large[3] = 0;
        assert_eq!(read(&large, large.len()).unwrap().payload.len(), 70_000);
    }

    #[test]
    fn fragments_tell_their_place() {
        let ip = |fragment| read(&v4(fragment, b"data"), 28).unwrap().fragment;
        assert_eq!(ip(0x2000), Some(Place { id: 0xABCD, offset: 0, more: true }));
        assert_eq!(ip(0x0003), Some(Place { id: 0xABCD, offset: 24, more: false }));
    }

    /// An IPv6 header before `payload`, whose first header is `next`.
    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next, 64];
        bytes.extend([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn extension_headers_are_walked() {
        let mut payload = vec![ROUTING, 1];
        payload.resize(16, 0);
        payload.extend([AUTHENTICATION, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend([FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend([DESTINATION, 0, 0, 0, 0, 0, 0, 9]);
        payload.extend([TCP, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend(b"data");
        let bytes = v6(HOP_BY_HOP, &payload);
        let ip = read(&bytes, bytes.len()).unwrap();
        assert_eq!((ip.protocol, ip.payload, ip.wire_len, ip.fragment), (TCP, &b"data"[..], 4, None));
        assert_eq!(ip.addresses.version.address(ip.addresses.dst).to_string(), "2001:db8::2");

        let bytes = v6(FRAGMENT, &[UDP, 0, 0, 0x11, 0, 0, 0, 9, b'x']);
        let place = Place { id: 9, offset: 16, more: true };
        assert_eq!(read(&bytes, bytes.len()).unwrap().fragment, Some(place));
    }

    #[test]
    fn a_chain_of_headers_ends() {
        let chain = [[DESTINATION, 0, 0, 0, 0, 0, 0, 0]; 30].concat();
        let bytes = v6(DESTINATION, &chain);
        assert_eq!(read(&bytes, bytes.len()), Err(Unused::BadLength));
        let long = v6(HOP_BY_HOP, &[TCP, 200, 0, 0, 0, 0, 0, 0]);
        assert_eq!(read(&long, long.len()), Err(Unused::BadLength));
    }

    proptest! {
        #[test]
        fn a_payload_never_exceeds_the_wire(bytes in proptest::collection::vec(any::<u8>(), 0..120), first: u8, more in 0..50_usize) {
            let mut bytes = bytes;
            if let Some(version) = bytes.first_mut() {
                *version = [0x45, 0x46, 0x60, first][usize::from(first % 4)];
            }
            if let Ok(ip) = read(&bytes, bytes.len() + more) {
                prop_assert!(ip.payload.len() <= ip.wire_len && ip.wire_len <= bytes.len() + more);
            }
        }
    }
}
