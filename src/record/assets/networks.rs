//! Values by network, found by the longest prefix.

use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Values by network. To find one takes a look for each length of prefix that there is.
#[derive(Clone, Debug)]
pub(super) struct Networks<T> {
    by_network: FxHashMap<IpNet, Option<T>>,
    /// The lengths of prefixes of IPv4 and of IPv6, longest first.
    lengths: [Vec<u8>; 2],
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self { by_network: FxHashMap::default(), lengths: [Vec::new(), Vec::new()] }
    }
}

impl<T> Networks<T> {
    /// The place of a network's value.
    pub(super) fn entry(&mut self, network: IpNet) -> &mut Option<T> {
        let network = network.trunc();
        let [v4, v6] = &mut self.lengths;
        let lengths = if network.addr().is_ipv4() { v4 } else { v6 };
        if let Err(place) = lengths.binary_search_by(|length| network.prefix_len().cmp(length)) {
            lengths.insert(place, network.prefix_len());
        }
        self.by_network.entry(network).or_default()
    }

    /// All values.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.by_network.values_mut().flatten()
    }

    /// What `accept` takes of the network with the longest prefix that it takes anything of.
    pub(super) fn longest<U>(&self, address: IpAddr, accept: impl Fn(&T) -> Option<U>) -> Option<U> {
        let [v4, v6] = &self.lengths;
        let lengths = if address.is_ipv4() { v4 } else { v6 };
        let mut networks = lengths.iter().filter_map(|length| IpNet::new(address, *length).ok());
        networks.find_map(|network| accept(self.by_network.get(&network.trunc())?.as_ref()?))
    }
}
