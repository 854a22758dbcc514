//! Link-layer headers: what they carry, from whom, in which VLAN.

use super::{Carrier, MacPair};
use crate::capture::LinkType;

/// EtherTypes.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
/// EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and an older one for an outer tag.
const TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88A8;
const OLD_SERVICE_TAG: u16 = 0x9100;
/// No VLAN id.
pub(super) const NO_VLAN: u16 = 0xFFFF;
/// The lower bits of a tag: the VLAN id.
const VLAN_ID: u16 = 0x0FFF;

/// AF_INET, and AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS.
const FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

/// Why a packet is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unused {
    UnknownLinkType,
    NotIp,
    CutHeader,
    BadLength,
}

/// Takes the link-layer header off a frame that carries IP, and notes in `carrier` what it says; returns the IP
/// packet and perhaps padding.
#[inline(always)]
pub(super) fn read<'a>(link: LinkType, bytes: &'a [u8], carrier: &mut Carrier) -> Result<&'a [u8], Unused> {
    match link {
        LinkType::Ethernet => {
            let (header, rest) = bytes.split_first_chunk::<14>().ok_or(Unused::CutHeader)?;
            let [dst @ .., _, _, _, _, _, _, t0, t1] = *header;
            let [_, _, _, _, _, _, src @ .., _, _] = *header;
            carrier.mac = Some(MacPair { src, dst });
            tagged(u16::from_be_bytes([t0, t1]), rest, carrier)
        }
        // The protocol is the last field of the 16 bytes of SLL and the first of the 20 of SLL2. Both tell only
        // the sender's address.
        LinkType::Sll => {
            let (header, rest) = bytes.split_first_chunk::<16>().ok_or(Unused::CutHeader)?;
            tagged(u16::from_be_bytes([header[14], header[15]]), rest, carrier)
        }
        LinkType::Sll2 => {
            let (header, rest) = bytes.split_first_chunk::<20>().ok_or(Unused::CutHeader)?;
            tagged(u16::from_be_bytes([header[0], header[1]]), rest, carrier)
        }
        LinkType::Null | LinkType::Loop => {
            let (family, rest) = bytes.split_first_chunk().ok_or(Unused::CutHeader)?;
            // Whose host byte order it was is not told; the families are too small to be mistaken.
            let known = [u32::from_le_bytes(*family), u32::from_be_bytes(*family)];
            if known.iter().any(|family| FAMILIES.contains(family)) { Ok(rest) } else { Err(Unused::NotIp) }
        }
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => Ok(bytes),
        LinkType::Other(_) => Err(Unused::UnknownLinkType),
    }
}

/// Takes off the VLAN tags that may stand before the payload.
#[inline]
fn tagged<'a>(mut ether_type: u16, mut payload: &'a [u8], carrier: &mut Carrier) -> Result<&'a [u8], Unused> {
    let mut depth = 0;
    while matches!(ether_type, TAG | SERVICE_TAG | OLD_SERVICE_TAG) {
        let Some((&[c0, c1, t0, t1], rest)) = payload.split_first_chunk() else { return Err(Unused::CutHeader) };
        if let Some(id) = carrier.vlan.get_mut(depth) {
            *id = u16::from_be_bytes([c0, c1]) & VLAN_ID;
        }
        depth += 1;
        ether_type = u16::from_be_bytes([t0, t1]);
        payload = rest;
    }
    if matches!(ether_type, IPV4 | IPV6) { Ok(payload) } else { Err(Unused::NotIp) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// What is noted of a frame, and its payload.
    type Noted = (Option<MacPair>, [u16; 2], Vec<u8>);

    fn note(link: LinkType, bytes: &[u8]) -> Result<Noted, Unused> {
        let mut carrier =
            Carrier { input: 0, frame: 1, time: Timestamp::from_nanos(0), mac: None, vlan: [NO_VLAN; 2], tcp_flags: 0 };
        let payload = read(link, bytes, &mut carrier)?.to_vec();
        Ok((carrier.mac, carrier.vlan, payload))
    }

    #[test]
    fn ethernet_tells_addresses_and_the_two_outermost_tags() {
        let addresses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let mac = Some(MacPair { src: [7, 8, 9, 10, 11, 12], dst: [1, 2, 3, 4, 5, 6] });
        let frame = |rest: &[u8]| [&addresses[..], rest].concat();
        let ids = |bytes: &[u8]| note(LinkType::Ethernet, bytes);
        assert_eq!(ids(&frame(&[8, 0, 9])), Ok((mac, [NO_VLAN; 2], vec![9])));
        let triple = frame(&[0x91, 0, 0xE0, 3, 0x88, 0xA8, 0, 2, 0x81, 0, 0, 1, 0x86, 0xDD, 9]);
        assert_eq!(ids(&triple), Ok((mac, [3, 2], vec![9])));
        assert_eq!(ids(&triple[..15]), Err(Unused::CutHeader));
        assert_eq!(ids(&addresses), Err(Unused::CutHeader));
        assert_eq!(ids(&frame(&[8, 6, 9])), Err(Unused::NotIp));
    }

    #[test]
    fn the_other_link_types_are_taken_off() {
        let payload = |link, bytes: &[u8]| note(link, bytes).map(|(_, _, payload)| payload);
        for family in FAMILIES {
            let packet = [&family.to_le_bytes()[..], b"ip"].concat();
            assert_eq!(payload(LinkType::Null, &packet), Ok(b"ip".to_vec()));
            let packet = [&family.to_be_bytes()[..], b"ip"].concat();
            assert_eq!(payload(LinkType::Loop, &packet), Ok(b"ip".to_vec()));
        }
        assert_eq!(payload(LinkType::Null, &[7, 0, 0, 0]), Err(Unused::NotIp));
        assert_eq!(payload(LinkType::Sll, &[&[0; 14][..], &[8, 0], b"ip"].concat()), Ok(b"ip".to_vec()));
        assert_eq!(payload(LinkType::Sll2, &[&[0x86, 0xDD][..], &[0; 18], b"ip"].concat()), Ok(b"ip".to_vec()));
        assert_eq!(payload(LinkType::Sll, &[0; 15]), Err(Unused::CutHeader));
        assert_eq!(payload(LinkType::Raw, b"ip"), Ok(b"ip".to_vec()));
        assert_eq!(payload(LinkType::Other(147), b"ip"), Err(Unused::UnknownLinkType));
    }
}
