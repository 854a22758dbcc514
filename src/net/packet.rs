//! One packet, as its headers describe it.

use super::ip::{self, Ip};
use super::link::{self, NO_VLAN, Unused};
use super::{Carrier, SHARDS, tcp};
use crate::capture::Frame;

/// The headers of a frame down to IP, read without any state.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub(super) carrier: Carrier,
    pub(super) content: Result<Ip<'a>, Unused>,
}

impl<'a> Packet<'a> {
    /// Reads the link-layer and IP headers. What cannot be used is a packet too, so that a [`Net`](super::Net)
    /// can count it.
    ///
    /// Inlined wherever it is called: a frame that passes through memory costs more than its headers.
    #[inline(always)]
    #[must_use]
    pub fn parse(frame: &Frame<'a>) -> Self {
        let mut carrier =
            Carrier { input: 0, frame: frame.number, time: frame.time, mac: None, vlan: [NO_VLAN; 2], tcp_flags: 0 };
        let content = match link::read(frame.link, frame.bytes, &mut carrier) {
            Ok(bytes) => {
                let header_len = frame.bytes.len() - bytes.len();
                let wire_len = (frame.wire_len as usize).max(frame.bytes.len()) - header_len;
                ip::read(bytes, wire_len)
            }
            Err(unused) => Err(unused),
        };
        if let Ok(ip) = &content
            && ip.protocol == ip::TCP
            && ip.fragment.is_none()
        {
            carrier.tcp_flags = tcp::flags(ip.payload);
        }
        Self { carrier, content }
    }

    /// The packet as one of the input of this number.
    #[inline(always)]
    #[must_use]
    pub const fn of_input(mut self, input: u32) -> Self {
        self.carrier.input = input;
        self
    }

    /// Which of the [`SHARDS`] it belongs to: the same for both directions and all fragments; 0 without IP.
    #[inline]
    #[must_use]
    pub fn shard(&self) -> usize {
        /// An odd number without pattern (2 to the 64 divided by the golden ratio). The hash is a fixed one:
        /// where a conversation goes decides nothing but which bounds it shares, and must not change between runs.
        const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
        let Ok(ip) = &self.content else { return 0 };
        let mix = |address: u128| {
            let folded = (address as u64 ^ (address >> 64) as u64).wrapping_mul(MIX);
            folded ^ folded >> 32
        };
        let both = mix(ip.addresses.src).wrapping_add(mix(ip.addresses.dst));
        (both.wrapping_mul(MIX) >> 32) as usize % SHARDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn raw(bytes: &[u8]) -> Frame<'_> {
        Frame { number: 1, time: Timestamp::from_nanos(0), link: LinkType::Raw, wire_len: 0, bytes }
    }

    fn between(src: [u8; 4], dst: [u8; 4]) -> usize {
        let bytes = [&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0], &src[..], &dst[..]].concat();
        Packet::parse(&raw(&bytes)).shard()
    }

    #[test]
    fn both_directions_agree_and_neighbours_are_spread() {
        let mut used = [0; SHARDS];
        for host in 1..=160 {
            let shard = between([10, 0, 0, host], [10, 0, 1, 20]);
            assert_eq!(shard, between([10, 0, 1, 20], [10, 0, 0, host]));
            used[shard] += 1;
        }
        assert!(used.iter().all(|count| (3..=25).contains(count)), "{used:?}");
        assert_eq!(Packet::parse(&raw(b"")).shard(), 0);
    }

    proptest! {
        /// The same headers as `etherparse` reads, for packets it can build.
        #[test]
        fn etherparse_reads_the_same(
            tags in 0..3_usize, v6: bool, udp: bool, ports: (u16, u16), payload in proptest::collection::vec(any::<u8>(), 0..100),
            cut in 0..40_usize, padding in 0..20_usize,
        ) {
            use etherparse::{LaxSlicedPacket, PacketBuilder, SlicedPacket, VlanId};
            let vlan = |id| VlanId::try_new(id).unwrap();
            let step = PacketBuilder::ethernet2([1; 6], [2; 6]);
            let step = match (tags, v6) {
                (0, false) => step.ipv4([192, 0, 2, 1], [192, 0, 2, 2], 9),
                (0, true) => step.ipv6([1; 16], [2; 16], 9),
                (1, false) => step.single_vlan(vlan(7)).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 9),
                (1, true) => step.single_vlan(vlan(7)).ipv6([1; 16], [2; 16], 9),
                (_, false) => step.double_vlan(vlan(7), vlan(8)).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 9),
                (_, true) => step.double_vlan(vlan(7), vlan(8)).ipv6([1; 16], [2; 16], 9),
            };
            let mut bytes = Vec::new();
            if udp {
                step.udp(ports.0, ports.1).write(&mut bytes, &payload).unwrap();
            } else {
                step.tcp(ports.0, ports.1, 1, 2).write(&mut bytes, &payload).unwrap();
            }
            bytes.resize(bytes.len() + padding, 0);
            let captured = &bytes[..bytes.len().saturating_sub(cut)];
            let frame = Frame { link: LinkType::Ethernet, wire_len: bytes.len() as u32, ..raw(captured) };
            let packet = Packet::parse(&frame);
            let whole = SlicedPacket::from_ethernet(&bytes).unwrap();
            let lax = LaxSlicedPacket::from_ethernet(captured).ok().and_then(|lax| lax.net);
            let (Some(lax), Ok(ip)) = (lax, packet.content) else {
                prop_assert_eq!(packet.content.err(), Some(Unused::CutHeader));
                return Ok(());
            };
            prop_assert_eq!(ip.payload, lax.ip_payload_ref().unwrap().payload);
            prop_assert_eq!(ip.wire_len, whole.net.unwrap().ip_payload_ref().unwrap().payload.len());
            prop_assert_eq!(ip.protocol, if udp { ip::UDP } else { ip::TCP });
            prop_assert_eq!(packet.carrier.vlan, [[NO_VLAN; 2], [7, NO_VLAN], [7, 8]][tags]);
        }
    }
}
