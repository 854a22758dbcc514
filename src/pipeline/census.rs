//! Which hosts talk Modbus, over all shards: decided in the one order of the input.
//!
//! A shard knows all about a pair of hosts, but not all pairs of a host. So it says "perhaps", and here is decided. What
//! is said does not depend on how shards are spread over threads, as it hangs on the order of the input alone.

use super::event::Event;
use super::evidence::{Evidence, Order};
use super::judge::Judge;
use super::plan::Plan;
use super::summary::{Room, Summary};
use crate::modbus::{MACS_PER_END, Message, Status};
use crate::net::Direction;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// How many hosts are known. The one known for longest makes room, is counted, and is new again when it comes back.
const HOSTS: usize = 65_536;

/// What a shard says "perhaps" to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting(Event);

impl Sighting {
    /// The sighting that a message is, if it is one.
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        let perhaps = message.status.is_some_and(Status::is_perhaps);
        if perhaps { Event::of(message).map(Self) } else { None }
    }
}

/// A host: an address in a VLAN.
type Name = (IpAddr, u16);

/// What is known of a host.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    is_client: bool,
    is_server: bool,
    macs: [Option<[u8; 6]>; MACS_PER_END],
}

/// All hosts.
#[derive(Debug, Default)]
struct Hosts {
    table: HashMap<Name, Host, foldhash::fast::RandomState>,
    /// By the time they were met.
    order: VecDeque<Name>,
    forgotten: u64,
}

impl Hosts {
    fn meet(&mut self, name: Name) -> &mut Host {
        if !self.table.contains_key(&name) {
            if self.order.len() >= HOSTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.table.remove(&oldest);
                self.forgotten += 1;
            }
            self.order.push_back(name);
        }
        self.table.entry(name).or_default()
    }
}

impl Host {
    /// What of a sighting is new: its status, and whether the host has another hardware address now.
    fn see(&mut self, status: Status, mac: Option<[u8; 6]>) -> [Option<Status>; 2] {
        let role = match status {
            Status::NewClient => !std::mem::replace(&mut self.is_client, true),
            Status::NewServer => !std::mem::replace(&mut self.is_server, true),
            _ => false,
        };
        [role.then_some(status), self.moves(mac).then_some(Status::MacChange)]
    }

    /// Whether it has a hardware address that is not its first, and was not known.
    fn moves(&mut self, mac: Option<[u8; 6]>) -> bool {
        if mac.is_none() || self.macs.contains(&mac) {
            return false;
        }
        match self.macs.iter_mut().enumerate().find(|(_, known)| known.is_none()) {
            Some((place, known)) => {
                *known = mac;
                place > 0
            }
            None => false,
        }
    }
}

/// Hosts, and what is said of them.
pub(super) struct Census {
    hosts: Hosts,
    judge: Judge,
    evidence: Evidence,
}

impl Census {
    /// Nobody is known.
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self { hosts: Hosts::default(), judge: Judge::new(Arc::clone(plan)), evidence: Evidence::default() }
    }

    /// Takes the next sighting; gives what it comes to.
    pub(super) fn take(&mut self, sighting: &Sighting, order: Order) -> &Evidence {
        self.evidence.clear();
        let Sighting(event) = sighting;
        let (flow, carrier) = (event.flow(), event.carrier());
        let ip = match event.direction() {
            Direction::ToServer => flow.client.ip,
            Direction::ToClient => flow.server.ip,
        };
        let host = self.hosts.meet((ip, carrier.outer_vlan()));
        let news = host.see(event.status(), carrier.mac.map(|mac| mac.src));
        for status in news.into_iter().flatten() {
            self.judge.message(&event.with(status).message(), order, &mut self.evidence);
        }
        &self.evidence
    }

    /// Adds its figures.
    pub(super) fn report(&self, summary: &mut Summary) {
        self.judge.report(summary);
        summary.count(Room::Engine, [("hosts forgotten", self.hosts.forgotten)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn a_host_is_new_once_in_each_role() {
        let mut host = Host::default();
        assert_eq!(host.see(Status::NewClient, Some(MAC)), [Some(Status::NewClient), None]);
        assert_eq!(host.see(Status::NewClient, None), [None, None]);
        assert_eq!(host.see(Status::NewServer, Some(MAC)), [Some(Status::NewServer), None]);
    }

    #[test]
    fn another_hardware_address_is_told_once_and_only_a_few_of_them() {
        let mut host = Host::default();
        let mut see = |last| host.see(Status::MacChange, Some([2, 0, 0, 0, 0, last]))[1];
        assert_eq!([1, 1, 2, 1, 2, 3].map(&mut see).map(|it| it.is_some()), [false, false, true, false, false, true]);
        assert_eq!([4, 5, 6].map(&mut see).map(|it| it.is_some()), [true, false, false]);
    }

    #[test]
    fn the_host_known_for_longest_makes_room() {
        let mut hosts = Hosts::default();
        for number in 0..=HOSTS as u32 {
            hosts.meet((IpAddr::from(number.to_be_bytes()), 0)).is_client = true;
        }
        assert_eq!((hosts.forgotten, hosts.table.len()), (1, HOSTS));
        assert!(!hosts.meet((IpAddr::from([0; 4]), 0)).is_client);
    }
}
