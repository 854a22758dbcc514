//! Link-layer headers: what they carry, from whom, in which VLAN.

use super::MacPair;
use crate::capture::LinkType;

/// EtherTypes.
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
/// EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and the older 0x9100 for an outer tag.
const TAGS: [u16; 3] = [0x8100, 0x88A8, 0x9100];
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

/// What the link layer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub(super) mac: Option<MacPair>,
    /// From the outermost inward; [`NO_VLAN`] where there is none.
    pub(super) vlan: [u16; 2],
    /// The IP packet and perhaps padding.
    pub(super) payload: &'a [u8],
}

/// Reads the link-layer header of a frame that carries IP.
#[inline]
pub(super) fn read(link: LinkType, bytes: &[u8]) -> Result<Link<'_>, Unused> {
    match link {
        LinkType::Ethernet => {
            let Some((header, rest)) = bytes.split_first_chunk::<14>() else { return Err(Unused::CutHeader) };
            let [dst @ .., _, _, _, _, _, _, t0, t1] = *header;
            let [_, _, _, _, _, _, src @ .., _, _] = *header;
            let mac = MacPair { src, dst };
            tagged(Some(mac), u16::from_be_bytes([t0, t1]), rest)
        }
        // The protocol is the last field of the 16 bytes of SLL and the first of the 20 of SLL2. Both tell only
        // the sender's address.
        LinkType::Sll => {
            let (header, rest) = bytes.split_first_chunk::<16>().ok_or(Unused::CutHeader)?;
            tagged(None, u16::from_be_bytes([header[14], header[15]]), rest)
        }
        LinkType::Sll2 => {
            let (header, rest) = bytes.split_first_chunk::<20>().ok_or(Unused::CutHeader)?;
            tagged(None, u16::from_be_bytes([header[0], header[1]]), rest)
        }
        LinkType::Null | LinkType::Loop => {
            let (family, rest) = bytes.split_first_chunk().ok_or(Unused::CutHeader)?;
            // Whose host byte order it was is not told; the families are too small to be mistaken.
            let known = [u32::from_le_bytes(*family), u32::from_be_bytes(*family)];
            if known.iter().any(|family| FAMILIES.contains(family)) { Ok(untagged(rest)) } else { Err(Unused::NotIp) }
        }
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => Ok(untagged(bytes)),
        LinkType::Other(_) => Err(Unused::UnknownLinkType),
    }
}

fn untagged(payload: &[u8]) -> Link<'_> {
    Link { mac: None, vlan: [NO_VLAN; 2], payload }
}

/// Reads the VLAN tags that may stand before the payload.
#[inline]
fn tagged(mac: Option<MacPair>, mut ether_type: u16, mut payload: &[u8]) -> Result<Link<'_>, Unused> {
    let mut vlan = [NO_VLAN; 2];
    let mut depth = 0;
    while TAGS.contains(&ether_type) {
        let Some((&[c0, c1, t0, t1], rest)) = payload.split_first_chunk() else { return Err(Unused::CutHeader) };
        if let Some(id) = vlan.get_mut(depth) {
            *id = u16::from_be_bytes([c0, c1]) & VLAN_ID;
        }
        depth += 1;
        ether_type = u16::from_be_bytes([t0, t1]);
        payload = rest;
    }
    if matches!(ether_type, IPV4 | IPV6) { Ok(Link { mac, vlan, payload }) } else { Err(Unused::NotIp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethernet_tells_addresses_and_the_two_outermost_tags() {
        let addresses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let mac = Some(MacPair { src: [7, 8, 9, 10, 11, 12], dst: [1, 2, 3, 4, 5, 6] });
        let frame = |rest: &[u8]| [&addresses[..], rest].concat();
        let ids = |bytes: &[u8]| read(LinkType::Ethernet, bytes).map(|link| (link.mac, link.vlan, link.payload.len()));
        assert_eq!(ids(&frame(&[8, 0, 9])), Ok((mac, [NO_VLAN; 2], 1)));
        let triple = frame(&[0x91, 0, 0xE0, 3, 0x88, 0xA8, 0, 2, 0x81, 0, 0, 1, 0x86, 0xDD, 9]);
        assert_eq!(ids(&triple), Ok((mac, [3, 2], 1)));
        assert_eq!(ids(&triple[..15]), Err(Unused::CutHeader));
        assert_eq!(ids(&addresses), Err(Unused::CutHeader));
        assert_eq!(ids(&frame(&[8, 6, 9])), Err(Unused::NotIp));
    }

    #[test]
    fn the_other_link_types_are_taken_off() {
        let payload = |link, bytes: &[u8]| read(link, bytes).map(|link| link.payload.to_vec());
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
