//! Who talks Modbus to whom in one shard, and from which hardware addresses: what is new is told once.

use super::counters::Counters;
use crate::net::{Carrier, Direction, Flow};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;

/// How many pairs of client and server a shard knows: a sixteenth of 65,536. The one known for longest makes room,
/// is counted, and is new again when it comes back.
pub const PAIRS_PER_SHARD: usize = 4_096;
/// How many hardware addresses one end may have; more are neither told nor kept, and counted.
pub const MACS_PER_END: usize = 4;

type Mac = [u8; 6];

/// A client and a server. The same addresses in another VLAN are other hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    client: IpAddr,
    server: IpAddr,
    vlan: u16,
}

/// What is known of a pair.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    /// By [`Direction`].
    ends: [End; 2],
}

/// What is known of one end of a pair.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    spoke: bool,
    macs: [Option<Mac>; MACS_PER_END],
}

/// The pairs of a shard.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    table: HashMap<Ends, Pair, foldhash::fast::RandomState>,
    /// By the time they were met.
    order: VecDeque<Ends>,
}

/// What is new when one end speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Neither end spoke to the other before.
    pub(super) pair: bool,
    /// This end did not speak to the other before.
    pub(super) end: bool,
    /// It spoke, but not from this hardware address.
    pub(super) mac: bool,
}

impl Pairs {
    /// One end of `flow` speaks.
    pub(super) fn meet(
        &mut self,
        flow: &Flow,
        direction: Direction,
        carrier: &Carrier,
        counters: &mut Counters,
    ) -> News {
        let ends = Ends { client: flow.client.ip, server: flow.server.ip, vlan: carrier.outer_vlan() };
        let mut pair = self.table.get(&ends).copied().unwrap_or_default();
        let news = pair.meet(direction, carrier.mac.map(|mac| mac.src), counters);
        if news.pair {
            self.make_room(counters);
            self.order.push_back(ends);
        }
        if news != News::default() {
            self.table.insert(ends, pair);
        }
        news
    }

    fn make_room(&mut self, counters: &mut Counters) {
        if self.order.len() >= PAIRS_PER_SHARD
            && let Some(oldest) = self.order.pop_front()
        {
            self.table.remove(&oldest);
            counters.pairs_forgotten += 1;
        }
    }
}

impl Pair {
    fn meet(&mut self, direction: Direction, mac: Option<Mac>, counters: &mut Counters) -> News {
        let pair = self.ends.iter().all(|end| !end.spoke);
        let [to_server, to_client] = &mut self.ends;
        let end = match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        };
        let first = !std::mem::replace(&mut end.spoke, true);
        let mac = mac.is_some_and(|mac| end.note(mac, counters));
        News { pair, end: first, mac: mac && !first }
    }
}

impl End {
    /// Whether it is a hardware address that this end did not have before.
    fn note(&mut self, mac: Mac, counters: &mut Counters) -> bool {
        if self.macs.contains(&Some(mac)) {
            return false;
        }
        match self.macs.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(mac);
                true
            }
            None => {
                counters.macs_untold += 1;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plant::flow;
    use super::*;
    use crate::net::{Endpoint, MacPair};
    use crate::time::Timestamp;

    fn carrier(mac: u8) -> Carrier {
        let mac = Some(MacPair { src: [2, 0, 0, 0, 0, mac], dst: [0; 6] });
        Carrier { input: 0, frame: 1, time: Timestamp::default(), mac, vlan: [0xFFFF; 2], tcp_flags: 0 }
    }

    #[test]
    fn what_is_new_is_told_once() {
        let (mut pairs, mut counters) = (Pairs::default(), Counters::default());
        let mut meet = |direction, mac| pairs.meet(&flow(0), direction, &carrier(mac), &mut counters);
        use Direction::{ToClient, ToServer};
        assert_eq!(meet(ToServer, 1), News { pair: true, end: true, mac: false });
        assert_eq!(meet(ToServer, 1), News::default());
        assert_eq!(meet(ToClient, 2), News { pair: false, end: true, mac: false });
        assert_eq!(meet(ToClient, 3), News { mac: true, ..News::default() });
        assert_eq!([2, 3, 2].map(|mac| meet(ToClient, mac)), [News::default(); 3], "back and forth is told once");
        assert_eq!([4, 5, 6, 7].map(|mac| meet(ToClient, mac).mac), [true, true, false, false]);
        assert_eq!(counters.macs_untold, 2);
    }

    #[test]
    fn the_pair_known_for_longest_makes_room() {
        let (mut pairs, mut counters) = (Pairs::default(), Counters::default());
        let mut meet = |client: usize| {
            let client = Endpoint { ip: IpAddr::from((client as u32).to_be_bytes()), port: 1 };
            pairs.meet(&Flow { client, ..flow(0) }, Direction::ToServer, &carrier(1), &mut counters).pair
        };
        assert!((0..PAIRS_PER_SHARD).all(&mut meet));
        assert!(!meet(0) && meet(PAIRS_PER_SHARD) && !meet(1) && meet(0));
        assert_eq!(counters.pairs_forgotten, 2);
    }
}
