//! Assets and zones: what the operator calls the addresses of his plant.
//!
//! A [`Zone`] is a name for networks, an [`Asset`] a name for one or a few addresses, and for units behind a gateway.
//! [`Assets`] finds both for an address; [`Lookup`] does it once for a conversation, and [`Parties`] is what a record is
//! given of it.

mod networks;
mod parties;

pub use parties::{Lookup, Parties};

use ipnet::IpNet;
use networks::Networks;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The most assets of an installation.
pub const MAX_ASSETS: usize = 65_535;

/// The most zones of an installation.
pub const MAX_ZONES: usize = 4_096;

/// A part of the plant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name in records.
    pub name: Arc<str>,
    /// The networks that belong to it.
    pub networks: Vec<IpNet>,
}

/// Something that is worth a name: a controller, a workstation, a drive behind a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name in records.
    pub name: Arc<str>,
    /// Its addresses.
    pub networks: Vec<IpNet>,
    /// The units it is there; none means that it is all that answers there.
    pub units: Vec<RangeInclusive<u8>>,
    /// The zone it is in, whatever its address says.
    pub zone: Option<Arc<str>>,
    /// How much findings about it count.
    pub weight: Weight,
}

/// A factor for points in thousandths, so that sums of products stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u32);

impl Weight {
    /// Points count as they are.
    pub const ONE: Self = Self(1_000);

    /// The largest factor, 100.
    pub const MAX: Self = Self(100_000);

    /// A factor in thousandths, held at [`Self::MAX`].
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        if thousandths > Self::MAX.0 { Self::MAX } else { Self(thousandths) }
    }

    /// The factor in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// So many points times the factor, rounded to the nearest whole number, a half upward.
    #[must_use]
    pub const fn times(self, points: u32) -> u64 {
        // The product of two 32-bit numbers and 500 fit into 64 bits.
        (points as u64 * self.0 as u64 + 500) / 1_000
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// Index into [`Assets::assets`].
type AssetId = u16;
/// Index into [`Assets::zones`].
type ZoneId = u16;

/// All assets and zones, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    assets: Vec<Known>,
    zones: Vec<Arc<str>>,
    /// For each network the assets there, those of single units first.
    by_network: Networks<Vec<(Option<RangeInclusive<u8>>, AssetId)>>,
    zone_of: Networks<ZoneId>,
}

#[derive(Clone, Debug)]
struct Known {
    name: Arc<str>,
    zone: Option<ZoneId>,
    weight: Weight,
}

/// What is known of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    asset: Option<AssetId>,
    zone: Option<ZoneId>,
}

impl Assets {
    /// Assets and zones. What goes beyond [`MAX_ASSETS`] and [`MAX_ZONES`] is left out, as is a zone of an asset that there is
    /// not; the configuration refuses all three. Of two assets with the same network and unit the first one counts.
    #[must_use]
    pub fn new(zones: &[Zone], assets: &[Asset]) -> Self {
        let mut all = Self::default();
        let mut by_name: FxHashMap<&str, ZoneId> = FxHashMap::default();
        for (zone, id) in zones.iter().take(MAX_ZONES).zip(0..) {
            by_name.entry(&zone.name).or_insert(id);
            all.zones.push(Arc::clone(&zone.name));
            zone.networks.iter().for_each(|network| _ = all.zone_of.entry(*network).get_or_insert(id));
        }
        for (asset, id) in assets.iter().take(MAX_ASSETS).zip(0..) {
            let zone = asset.zone.as_deref().and_then(|name| by_name.get(name)).copied();
            all.assets.push(Known { name: Arc::clone(&asset.name), zone, weight: asset.weight });
            for network in &asset.networks {
                let there = all.by_network.entry(*network).get_or_insert_default();
                if asset.units.is_empty() {
                    there.push((None, id));
                } else {
                    there.extend(asset.units.iter().map(|units| (Some(units.clone()), id)));
                }
            }
        }
        all.by_network.values_mut().for_each(|there| there.sort_by_key(|(units, _)| units.is_none()));
        all
    }

    /// Whether there is neither an asset nor a zone.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.assets.is_empty() && self.zones.is_empty()
    }

    /// The asset at an address, and behind it where the unit is known: that of the longest prefix, and of several with the
    /// same one that of the unit.
    #[must_use]
    pub fn asset(&self, address: IpAddr, unit: Option<u8>) -> Option<&str> {
        self.name(self.find(address, unit))
    }

    /// The zone of an address: that of its asset, if it says one, or that of the longest prefix.
    #[must_use]
    pub fn zone(&self, address: IpAddr, unit: Option<u8>) -> Option<&str> {
        self.zone_name(self.find(address, unit))
    }

    /// How much findings about a server count, and about a unit of it where that is known; [`Weight::ONE`] for a server
    /// that is no asset.
    #[must_use]
    pub fn weight(&self, server: IpAddr, unit: Option<u8>) -> Weight {
        let asset = self.find(server, unit).asset;
        asset.and_then(|asset| self.assets.get(usize::from(asset))).map_or(Weight::ONE, |asset| asset.weight)
    }

    fn find(&self, address: IpAddr, unit: Option<u8>) -> Found {
        let is_there = |units: &Option<RangeInclusive<u8>>| match (units, unit) {
            (None, _) => true,
            (Some(units), Some(unit)) => units.contains(&unit),
            (Some(_), None) => false,
        };
        let asset = self
            .by_network
            .longest(address, |there| there.iter().find(|(units, _)| is_there(units)).map(|(_, asset)| *asset));
        let told = asset.and_then(|asset| self.assets.get(usize::from(asset))?.zone);
        Found { asset, zone: told.or_else(|| self.zone_of.longest(address, |zone| Some(*zone))) }
    }

    fn name(&self, found: Found) -> Option<&str> {
        self.assets.get(usize::from(found.asset?)).map(|asset| &*asset.name)
    }

    fn zone_name(&self, found: Found) -> Option<&str> {
        self.zones.get(usize::from(found.zone?)).map(|zone| &**zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn zone(name: &str, networks: &[&str]) -> Zone {
        Zone { name: name.into(), networks: networks.iter().map(|network| network.parse().unwrap()).collect() }
    }

    pub(super) fn asset(name: &str, networks: &[&str], units: &[RangeInclusive<u8>], zone: Option<&str>) -> Asset {
        Asset {
            name: name.into(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            units: units.to_vec(),
            zone: zone.map(Into::into),
            weight: Weight::from_thousandths(1_500),
        }
    }

    #[test]
    fn the_longest_prefix_counts_and_then_the_unit() {
        let assets = Assets::new(
            &[zone("plant", &["10.0.0.0/8", "2001:db8::/32"]), zone("cell", &["10.1.0.0/16"]), zone("it", &[])],
            &[
                asset("hall", &["10.1.0.0/24"], &[], None),
                asset("drive", &["10.1.0.5/32"], &[2..=4, 9..=9], None),
                asset("gateway", &["10.1.0.5/32"], &[], None),
                asset("pump", &["10.1.0.6/32"], &[1..=1], None),
                asset("laptop", &["10.2.0.1/32", "2001:db8::1/128"], &[], Some("it")),
            ],
        );
        let found = |address: &str, unit| {
            let address = address.parse().unwrap();
            (assets.asset(address, unit), assets.zone(address, unit), assets.weight(address, unit).thousandths())
        };
        assert_eq!(found("10.1.0.5", Some(3)), (Some("drive"), Some("cell"), 1_500));
        assert_eq!(found("10.1.0.5", Some(9)).0, Some("drive"));
        for unit in [Some(5), None] {
            assert_eq!(found("10.1.0.5", unit).0, Some("gateway"));
        }
        assert_eq!(found("10.1.0.6", Some(1)).0, Some("pump"));
        // What no unit of the longest prefix is goes to the next one.
        assert_eq!(found("10.1.0.6", Some(2)).0, Some("hall"));
        assert_eq!(found("10.1.9.9", None), (None, Some("cell"), 1_000));
        assert_eq!(found("10.2.0.1", None), (Some("laptop"), Some("it"), 1_500));
        assert_eq!(found("2001:db8::1", None), (Some("laptop"), Some("it"), 1_500));
        assert_eq!(found("2001:db8::2", None), (None, Some("plant"), 1_000));
        assert_eq!(found("192.0.2.1", Some(1)), (None, None, 1_000));
    }

    #[test]
    fn points_are_weighed_exactly() {
        let weight = Weight::from_thousandths;
        assert_eq!(Weight::ONE.times(70), 70);
        assert_eq!(
            [weight(1_500).times(5), weight(500).times(5), weight(499).times(1), weight(0).times(9)],
            [8, 3, 0, 0]
        );
        assert_eq!(weight(u32::MAX), Weight::MAX);
        assert_eq!(Weight::MAX.times(u32::MAX), u64::from(u32::MAX) * 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Against a look at every asset in turn.
        #[test]
        fn the_index_finds_what_a_search_finds(
            nets in prop::collection::vec((0_u8..4, 0_u8..4, 8_u8..=32, prop::option::of(0_u8..3)), 0..12),
            a in 0_u8..4, b in 0_u8..4, unit in prop::option::of(0_u8..3),
        ) {
            let all: Vec<Asset> = nets
                .iter()
                .enumerate()
                .map(|(number, (a, b, length, unit))| {
                    let network = IpNet::new([10, *a, *b, 1].into(), *length).unwrap().trunc();
                    let units = unit.map(|unit| unit..=unit).into_iter().collect();
                    Asset { networks: vec![network], units, ..asset(&number.to_string(), &[], &[], None) }
                })
                .collect();
            let address = IpAddr::from([10, a, b, 1]);
            let fits = |asset: &&Asset| {
                let [network] = asset.networks[..] else { return false };
                let there = asset.units.is_empty() || unit.is_some_and(|unit| asset.units[0].contains(&unit));
                network.contains(&address) && there
            };
            let rank = |asset: &Asset| (asset.networks[0].prefix_len(), !asset.units.is_empty());
            // Of equals the first one.
            let best = all.iter().filter(fits).rev().max_by_key(|asset| rank(asset));
            let assets = Assets::new(&[], &all);
            prop_assert_eq!(assets.asset(address, unit), best.map(|asset| &*asset.name));
        }
    }
}
