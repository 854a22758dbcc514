//! The conversations of a shard: found by their endpoints, forgotten when they fall silent or others need the room.

use super::ip::{Addresses, Version};
use super::stream::Stream;
use super::{Carrier, Direction, Endpoint, Flow, Transport};
use crate::time::Span;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// How many hints a shard has: enough for the conversations of most plants, few enough to stay in the first-level cache.
const HINTS: usize = 64;

/// No slot: the end of a list.
const NONE: u32 = u32::MAX;

/// Whose conversation it is: the two endpoints in numerical order, with what keeps equal endpoints apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: u128,
    high: u128,
    /// Both ports, the outermost VLAN id, transport and IP version.
    rest: u64,
}

/// Which end of a [`Key`] something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

impl Key {
    /// Nobody's: no packet has this kind.
    const NONE: Self = Self { low: 0, high: 0, rest: u64::MAX };

    /// Where the hint for it is. Somebody may choose keys that share a place: then they are found as if there were none.
    #[inline(always)]
    fn hint(&self) -> usize {
        /// An odd number without pattern (2 to the 64 divided by the golden ratio).
        const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
        let both = (self.low as u64).wrapping_add((self.high as u64).wrapping_mul(MIX)) ^ self.rest;
        (both.wrapping_mul(MIX) >> (u64::BITS - HINTS.ilog2())) as usize
    }
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) addresses: Addresses,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) transport: Transport,
    pub(super) key: Key,
    /// The end it comes from.
    pub(super) from: End,
}

impl Route {
    #[inline(always)]
    pub(super) fn new(addresses: Addresses, (src_port, dst_port): (u16, u16), transport: Transport, vlan: u16) -> Self {
        let is_v6 = addresses.version == Version::V6;
        let (src, dst) = (addresses.src, addresses.dst);
        let swap = if is_v6 {
            (src, src_port) > (dst, dst_port)
        } else {
            (src as u64) << 16 | u64::from(src_port) > (dst as u64) << 16 | u64::from(dst_port)
        };
        // Selected without branches, which nobody could predict: queries and answers take turns.
        let select = |one, other| std::hint::select_unpredictable(swap, other, one);
        let ports = std::hint::select_unpredictable(swap, [dst_port, src_port], [src_port, dst_port]);
        let ports = u64::from(ports[0]) << 48 | u64::from(ports[1]) << 32;
        let kind = u64::from(transport == Transport::Udp) << 1 | u64::from(is_v6);
        let from = std::hint::select_unpredictable(swap, End::High, End::Low);
        let key = Key { low: select(src, dst), high: select(dst, src), rest: ports | u64::from(vlan) << 16 | kind };
        Self { addresses, src_port, dst_port, transport, key, from }
    }

    /// The end it goes to.
    pub(super) fn to(&self) -> End {
        self.from.other()
    }

    fn src(&self) -> Endpoint {
        Endpoint { ip: self.addresses.version.address(self.addresses.src), port: self.src_port }
    }

    fn dst(&self) -> Endpoint {
        Endpoint { ip: self.addresses.version.address(self.addresses.dst), port: self.dst_port }
    }
}

impl End {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// How much a conversation is worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A TCP connection that has not carried a byte, or is closed and only kept to know its stragglers; and all
    /// UDP. Cheap to forge, so these never displace the others.
    Fleeting,
    /// A TCP connection that has carried bytes.
    Talking,
}

impl Class {
    /// The classes, the one to evict from first.
    pub(super) const ALL: [Self; 2] = [Self::Fleeting, Self::Talking];

    /// How long one of these may be silent.
    pub(super) const fn idle(self) -> Span {
        match self {
            Self::Fleeting => Span::from_secs(300),
            Self::Talking => Span::from_secs(3_600),
        }
    }
}

/// A SYN that would end a conversation if it were real.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Who sent it.
    pub(super) from: End,
    /// Its sequence number.
    pub(super) isn: u32,
    /// Who would be the client.
    pub(super) client: End,
}

/// What tells who is client and who is server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roles {
    /// Only one of the ports is a server port: no SYN can say otherwise.
    Ports,
    /// The handshake, or the first segment.
    Handshake,
    /// The same, on ports that are not watched: it was found by its exchange.
    Exchange,
}

/// One conversation, or what is left of one in a slot that is free.
///
/// In this order, what most segments touch lies in few cache lines: one of its own, one of each stream, and those of the
/// bytes, the last frame and the flow.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Conversation {
    /// [`Key::NONE`] in a slot that is free.
    key: Key,
    /// Which end of the key is the client.
    pub(super) client: End,
    /// Whether nothing is special about it, so that plain segments just go on.
    pub(super) steady: bool,
    /// Whether it is between its open and its close.
    pub(super) open: bool,
    /// Whether it is a TCP connection that has carried bytes.
    pub(super) talked: bool,
    /// By [`Direction`].
    pub(super) streams: [Stream; 2],
    /// Its last frame.
    pub(super) last: Carrier,
    pub(super) flow: Flow,
    hash: u64,
    /// What tells the client.
    pub(super) roles: Roles,
    /// Which ends were seen to send since it began: a bit by [`End`].
    pub(super) seen: u8,
    /// Whether its slot is in the list of those that wait for a hole. Outlives the conversation.
    pub(super) waiting: bool,
    /// A SYN that would end it, not believed yet.
    pub(super) doubt: Option<Doubt>,
}

impl Conversation {
    /// The direction of what comes from this end.
    #[inline]
    pub(super) fn direction(&self, from: End) -> Direction {
        if from == self.client { Direction::ToServer } else { Direction::ToClient }
    }

    pub(super) fn class(&self) -> Class {
        if self.open && self.talked { Class::Talking } else { Class::Fleeting }
    }
}

/// A place in one of the lists, most recently used first.
#[derive(Clone, Copy, Debug)]
struct Link {
    newer: u32,
    older: u32,
    class: Class,
}

/// A list of slots.
#[derive(Clone, Copy, Debug)]
struct List {
    newest: u32,
    oldest: u32,
}

/// All conversations of a shard.
#[derive(Debug)]
pub(super) struct Flows {
    /// Slots by key.
    table: HashTable<u32>,
    /// The slots that were found last, by [`Key::hint`]: mostly it is one of these, and nothing need be hashed.
    hints: [u32; HINTS],
    /// Seeded anew in each process, so that nobody can prepare keys that collide.
    hasher: RandomState,
    slots: Vec<Conversation>,
    /// By slot; apart from the conversations so that moving one touches little memory.
    links: Vec<Link>,
    lists: [List; 2],
    free: Vec<u32>,
    max: usize,
}

impl Flows {
    /// No conversations yet, and at most `max` ever.
    pub(super) fn new(max: usize) -> Self {
        Self {
            table: HashTable::new(),
            hints: [NONE; HINTS],
            hasher: RandomState::default(),
            slots: Vec::new(),
            links: Vec::new(),
            lists: [List { newest: NONE, oldest: NONE }; 2],
            free: Vec::new(),
            max: max.clamp(1, NONE as usize),
        }
    }

    #[inline(always)]
    pub(super) fn find(&mut self, key: Key) -> Option<u32> {
        let hint = key.hint();
        let slot = self.hints[hint];
        if self.slots.get(slot as usize).is_some_and(|there| there.key == key) {
            return Some(slot);
        }
        let found = self.look_up(key);
        self.hints[hint] = found.unwrap_or(NONE);
        found
    }

    #[inline(never)]
    fn look_up(&self, key: Key) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |slot| self.slots[*slot as usize].key == key).copied()
    }

    /// The conversation in a slot that [`find`](Self::find) or [`insert`](Self::insert) told.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Conversation {
        &mut self.slots[slot as usize]
    }

    /// Whether one must go before another is inserted.
    pub(super) fn is_full(&self) -> bool {
        self.table.len() >= self.max
    }

    /// How many slots there are, free ones included.
    pub(super) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Lets no conversation just go on, and forgets where they were found.
    #[cfg(test)]
    pub(super) fn unsettle(&mut self) {
        self.slots.iter_mut().for_each(|conversation| conversation.steady = false);
        self.hints = [NONE; HINTS];
    }

    /// Adds a conversation that is not open yet.
    pub(super) fn insert(&mut self, route: &Route, client: End, carrier: &Carrier) -> u32 {
        let (key, hash) = (route.key, self.hasher.hash_one(route.key));
        let (client_endpoint, server_endpoint) =
            if route.from == client { (route.src(), route.dst()) } else { (route.dst(), route.src()) };
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let flow =
            Flow { slot, serial: 0, transport: route.transport, client: client_endpoint, server: server_endpoint };
        match self.slots.get_mut(slot as usize) {
            Some(old) => old.begin(flow, key, hash, client, carrier),
            None => {
                self.slots.push(Conversation::new(flow, key, hash, client, carrier));
                self.links.push(Link { newer: NONE, older: NONE, class: Class::Fleeting });
            }
        }
        self.table.insert_unique(hash, slot, |slot| self.slots[*slot as usize].hash);
        self.link(slot, Class::Fleeting);
        slot
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, slot: u32) {
        let hash = self.slots[slot as usize].hash;
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == slot) {
            entry.remove();
            self.slots[slot as usize].key = Key::NONE;
            self.unlink(slot);
            self.free.push(slot);
        }
    }

    /// The slot of this class that was silent for longest.
    pub(super) fn oldest(&self, class: Class) -> Option<u32> {
        let slot = self.lists[class as usize].oldest;
        (slot != NONE).then_some(slot)
    }

    /// Makes a slot the most recently used of its class.
    #[inline(always)]
    pub(super) fn touch(&mut self, slot: u32) {
        let class = self.slots[slot as usize].class();
        if self.lists[class as usize].newest != slot {
            self.unlink(slot);
            self.link(slot, class);
        }
    }

    fn link(&mut self, slot: u32, class: Class) {
        let list = &mut self.lists[class as usize];
        let older = std::mem::replace(&mut list.newest, slot);
        self.links[slot as usize] = Link { newer: NONE, older, class };
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = slot,
            None => list.oldest = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Link { newer, older, class } = self.links[slot as usize];
        let list = &mut self.lists[class as usize];
        match self.links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => list.newest = older,
        }
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => list.oldest = newer,
        }
    }
}

impl Conversation {
    fn new(flow: Flow, key: Key, hash: u64, client: End, carrier: &Carrier) -> Self {
        Self {
            flow,
            key,
            hash,
            client,
            roles: Roles::Handshake,
            open: false,
            talked: false,
            last: *carrier,
            seen: 0,
            doubt: None,
            steady: false,
            streams: Default::default(),
            waiting: false,
        }
    }

    /// Begins anew in the slot of one that was forgotten: its streams were left as new ones, and its place in the list of
    /// those that wait stays.
    fn begin(&mut self, flow: Flow, key: Key, hash: u64, client: End, carrier: &Carrier) {
        (self.flow, self.key, self.hash, self.client, self.last) = (flow, key, hash, client, *carrier);
        (self.roles, self.doubt, self.seen) = (Roles::Handshake, None, 0);
        (self.open, self.talked, self.steady) = (false, false, false);
    }
}

#[cfg(test)]
mod tests {
    use crate::net::testing::Host::{Client, Server};
    use crate::net::testing::{ACK, FIN, RST, SYN, Wire, ipv4, tcp, udp};
    use crate::net::{Config, SHARDS};
    use proptest::prelude::*;

    /// Room for four conversations.
    fn small() -> Wire {
        Wire::with(&Config { max_flows: 4 * SHARDS, ..Config::default() })
    }

    fn segment(wire: &mut Wire, port: u16, flags: u8, payload: &[u8]) {
        wire.send(&ipv4(Client, 6, 0, 0, &tcp(Client, port, flags, (1, 1), payload)));
    }

    #[test]
    fn a_flood_of_handshakes_evicts_handshakes_only() {
        let mut wire = small();
        for port in [1, 2, 3] {
            segment(&mut wire, port, ACK, b"talk");
        }
        wire.told();
        for port in 1_000..1_100 {
            segment(&mut wire, port, SYN, b"");
        }
        assert!(wire.told().iter().all(|told| told.ends_with("open handshake") || told.ends_with("close")));
        for port in [1, 2, 3] {
            wire.send(&ipv4(Client, 6, 0, 0, &tcp(Client, port, ACK, (5, 1), b"on")));
        }
        assert_eq!(wire.told(), ["1> 104 data on", "2> 105 data on", "3> 106 data on"]);
        assert_eq!(wire.counters().evicted, 99);
    }

    #[test]
    fn the_one_that_was_silent_for_longest_makes_room() {
        let mut wire = small();
        for port in [1, 2, 3, 4, 1, 5] {
            segment(&mut wire, port, ACK, b"");
            segment(&mut wire, port, ACK, b"talk");
        }
        let told = wire.told();
        // Port 1 sent again (a copy), so port 2 goes.
        assert_eq!(&told[8..], ["2> 4 close", "5> 12 open", "5> 12 data talk"]);
        wire.finish();
        assert_eq!(wire.told(), ["1> 10 close", "5> 12 close", "3> 6 close", "4> 8 close"]);
    }

    #[test]
    fn silence_ends_a_conversation_sooner_when_it_never_spoke() {
        let mut wire = Wire::new();
        segment(&mut wire, 1, SYN, b"");
        segment(&mut wire, 2, ACK, b"talk");
        wire.send(&ipv4(Client, 17, 0, 0, &udp(Client, b"datagram")));
        wire.told();
        let mut expire = |now| {
            wire.now = now;
            wire.expire();
            wire.told()
        };
        assert_eq!(expire(300), [""; 0]);
        assert_eq!(expire(301), ["1> 1 close", "3> 3 close"]);
        assert_eq!(expire(3_600), [""; 0]);
        assert_eq!(expire(3_601), ["2> 2 close"]);
        assert_eq!(wire.counters().expired, 3);
    }

    #[test]
    fn transports_and_vlans_keep_conversations_apart() {
        use crate::capture::{Frame, LinkType};
        use crate::net::{Net, Packet};
        use crate::time::Timestamp;
        let mut net = Net::new(&Config::default());
        let mut serials = Vec::new();
        let packet = ipv4(Client, 17, 0, 0, &udp(Client, b"x"));
        let answer = ipv4(Server, 17, 0, 0, &udp(Server, b"y"));
        let tag = |id: u8| [&[0x81, 0, 0, id, 8, 0][..]].concat();
        for (header, packet) in [
            (vec![8, 0], &packet),
            (tag(5), &packet),
            (tag(6), &packet),
            (tag(5), &answer),
            // Id 0 is a priority and no VLAN.
            (tag(0), &answer),
        ] {
            let bytes = [&[2; 12][..], &header, packet].concat();
            let time = Timestamp::from_nanos(0);
            let frame =
                Frame { number: 1, time, link: LinkType::Ethernet, wire_len: bytes.len() as u32, bytes: &bytes };
            net.push(&Packet::parse(&frame), &mut |chunk| serials.push((chunk.flow.serial, chunk.direction as u8)));
        }
        serials.dedup();
        assert_eq!(serials, [(1, 0), (2, 0), (3, 0), (2, 1), (1, 1)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Whatever comes, in whatever order, of however many conversations in little room: the short way of usual segments
        /// and the hints tell what the long way tells.
        #[test]
        fn the_short_way_tells_what_the_long_way_does(
            packets in prop::collection::vec(
                (any::<bool>(), 0..9_u16, 0..24_usize, (0..24_u32, 0..24_u32), 0..9_usize, 0..12_usize, any::<u16>()), 1..200),
        ) {
            const FLAGS: [u8; 8] = [SYN, SYN | ACK, FIN | ACK, RST, 0, SYN | FIN, RST | ACK, FIN];
            let (mut short, mut long) = (small(), small());
            // By port and direction, the next number, from which packets are seldom far.
            let mut next = [[100_u32; 2]; 9];
            for (to_server, port, flags, (seq, ack), len, cut, id) in packets {
                let from = if to_server { Client } else { Server };
                let [mine, theirs] = [usize::from(to_server), usize::from(!to_server)];
                let flags = FLAGS.get(flags).copied().unwrap_or(ACK);
                let near = |number: u32, by: u32| if by < 4 { number.wrapping_add(by).wrapping_sub(2) } else { number };
                let numbers = (near(next[usize::from(port)][mine], seq), near(next[usize::from(port)][theirs], ack));
                let payload = &b"abcdefgh"[..len.min(8)];
                if numbers.0 == next[usize::from(port)][mine] {
                    next[usize::from(port)][mine] = numbers.0.wrapping_add(payload.len() as u32);
                }
                let bytes = ipv4(from, 6, id % 4, 0, &tcp(from, port + 1, flags, numbers, payload));
                let captured = if cut == 0 { bytes.len() - payload.len() / 2 } else { bytes.len() };
                long.net.unsettle();
                for wire in [&mut short, &mut long] {
                    wire.send_cut(&bytes[..captured], bytes.len());
                }
                prop_assert_eq!(short.told(), long.told());
            }
            short.finish();
            long.finish();
            prop_assert_eq!(short.told(), long.told());
            prop_assert_eq!(short.counters(), long.counters());
        }
    }
}
