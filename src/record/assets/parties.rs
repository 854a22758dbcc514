//! What the assets and zones say of the two who talk.

use super::{Assets, Found};
use crate::modbus::{Kind, Message};
use crate::record::Fact;
use crate::record::json::write_fact;
use crate::record::schema::{Group, Native, Visitor};
use std::net::IpAddr;
use std::sync::Arc;

/// How many pairs are remembered, each in the place that its addresses give it.
const REMEMBERED: usize = 1_024;

/// The names for client and server of a record.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    assets: &'a Assets,
    client: Found,
    server: Found,
}

impl<'a> Parties<'a> {
    /// Whether nothing is known of either.
    pub(in crate::record) fn is_empty(&self) -> bool {
        self.client == Found::default() && self.server == Found::default()
    }

    /// What there is to say of a field of the group.
    pub(in crate::record) fn fact(&self, native: Native) -> Fact<'a> {
        let name = match native {
            Native::AssetClient => self.assets.name(self.client),
            Native::AssetServer => self.assets.name(self.server),
            Native::ZoneClient => self.assets.zone_name(self.client),
            Native::ZoneServer => self.assets.zone_name(self.server),
            _ => None,
        };
        name.map_or(Fact::Absent, Fact::Text)
    }

    /// Appends the group as JSON, each field with the comma before it.
    pub(in crate::record) fn write(&self, out: &mut Vec<u8>) {
        Group::Parties.each(&mut Writer { parties: self, out });
    }
}

struct Writer<'p, 'a> {
    parties: &'p Parties<'a>,
    out: &'p mut Vec<u8>,
}

impl Visitor for Writer<'_, '_> {
    fn visit(&mut self, native: Native) {
        let fact = self.parties.fact(native);
        if fact != Fact::Absent {
            native.row().key.write(self.out);
            write_fact(fact, self.out);
        }
    }
}

/// Client, server, and the unit where one is asked.
type Pair = (IpAddr, IpAddr, Option<u8>);

/// Finds the names of parties, mostly by remembering the last ones.
#[derive(Debug)]
pub struct Lookup {
    assets: Arc<Assets>,
    remembered: Vec<Option<(Pair, [Found; 2])>>,
}

impl Lookup {
    /// A lookup in these; `None` where there is nothing to be found.
    #[must_use]
    pub fn new(assets: &Arc<Assets>) -> Option<Self> {
        (!assets.is_empty()).then(|| Self { assets: Arc::clone(assets), remembered: vec![None; REMEMBERED] })
    }

    /// The names for a message's parties.
    pub fn of(&mut self, message: &Message<'_>) -> Parties<'_> {
        // What happens to a connection happens to no unit.
        let unit = (message.kind != Kind::Status).then_some(message.mbap.unit_id);
        self.between(message.flow.client.ip, message.flow.server.ip, unit)
    }

    /// The names for a client and a server, which a unit may stand behind.
    pub fn between(&mut self, client: IpAddr, server: IpAddr, unit: Option<u8>) -> Parties<'_> {
        let pair = (client, server, unit);
        let Self { assets, remembered } = self;
        let place = usize::from(low(client)) * 31 + usize::from(low(server)) * 7 + usize::from(unit.unwrap_or(0));
        let [client, server] = match remembered.get_mut(place % REMEMBERED) {
            Some(Some((known, found))) if *known == pair => *found,
            place => {
                let found = [assets.find(client, None), assets.find(server, unit)];
                if let Some(place) = place {
                    *place = Some((pair, found));
                }
                found
            }
        };
        Parties { assets, client, server }
    }
}

/// The last two bytes of an address, in which those of one plant differ.
const fn low(address: IpAddr) -> u16 {
    let bits = match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    };
    (bits & 0xFFFF) as u16
}

#[cfg(test)]
mod tests {
    use super::super::tests::{asset, zone};
    use super::*;

    #[test]
    fn what_is_remembered_is_what_would_be_found() {
        let zones = [zone("cell", &["10.0.0.0/30"]), zone("it", &["10.0.4.0/24"])];
        let assets = [asset("drive", &["10.0.0.1/32"], &[1..=2], None), asset("plc", &["10.0.0.2/32"], &[], None)];
        let assets = Arc::new(Assets::new(&zones, &assets));
        let mut lookup = Lookup::new(&assets).unwrap();
        let addresses: Vec<IpAddr> = (0..=5).flat_map(|c| (0..4).map(move |d| [10, 0, c, d].into())).collect();
        // Twice, so that each is once new, once remembered or displaced.
        for _ in 0..2 {
            for (client, server) in addresses.iter().flat_map(|a| addresses.iter().map(move |b| (*a, *b))) {
                for unit in [None, Some(0), Some(2)] {
                    let parties = lookup.between(client, server, unit);
                    let told = [Native::AssetClient, Native::ZoneClient, Native::AssetServer, Native::ZoneServer].map(
                        |native| match parties.fact(native) {
                            Fact::Text(name) => Some(name),
                            _ => None,
                        },
                    );
                    let found = [
                        assets.asset(client, None),
                        assets.zone(client, None),
                        assets.asset(server, unit),
                        assets.zone(server, unit),
                    ];
                    assert_eq!(told, found, "{client} {server} {unit:?}");
                }
            }
        }
        assert!(Lookup::new(&Arc::default()).is_none());
    }
}
