//! The things that are usual, of all kinds.

use super::extent::{Extent, Value, Values};
use super::period::{Period, Periods, Query};
use super::ranges::{Range, Ranges, each_missing};
use super::seen::{Approval, How, Known, Layers, Seen};
use super::{Device, Entry, Kind, Mac, Pair, Region, Thing};
use crate::time::{Span, Timestamp};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

/// The most entries of each kind that can be asked for; a file of so many has some 15 MB.
pub const MOST_ENTRIES: usize = 16_384;

/// The most ranges of one table of a device that can be asked for: as many as there can be.
pub const MOST_RANGES: usize = 32_768;

/// How much is learned. When it is full, nothing is forgotten: new things are counted and not learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most entries of each kind.
    pub entries: usize,
    /// The most ranges of one table of a device that are read, and of those that are written.
    pub ranges: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: MOST_ENTRIES, ranges: 256 }
    }
}

/// Keys come from the wire: the hasher is seeded.
pub(super) type Book<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is usual.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// When learning began: the time of the first record, or of the earliest where learning has no end.
    pub since: Option<Timestamp>,
    /// When a time of learning was over.
    pub frozen: Option<Timestamp>,
    pairs: Book<Pair, Known>,
    functions: Book<(Pair, u8, u8), Known>,
    addresses: Book<Region, Layers<Ranges>>,
    values: Book<Device, BTreeMap<Arc<str>, Layers<Values>>>,
    periods: Book<Pair, BTreeMap<Query, Layers<Periods>>>,
    macs: Book<(IpAddr, Mac), Known>,
    /// Entries by kind.
    counts: [usize; Kind::ALL.len()],
    not_learned: u64,
}

/// Two are equal if they hold the same; what was not learned is no part of them.
impl PartialEq for Baseline {
    fn eq(&self, other: &Self) -> bool {
        (self.since, self.frozen, self.entries()) == (other.since, other.frozen, other.entries())
    }
}

impl Baseline {
    /// How many entries of a kind it has.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(kind as usize).copied().unwrap_or_default()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// How many things did not fit.
    #[must_use]
    pub const fn not_learned(&self) -> u64 {
        self.not_learned
    }

    /// The tags that it has values of.
    pub fn tags(&self) -> impl Iterator<Item = &Arc<str>> {
        self.values.values().flat_map(BTreeMap::keys)
    }

    /// The pairs, in no order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.keys()
    }

    /// The functions that clients ask units for, in no order.
    pub(super) fn functions(&self) -> impl Iterator<Item = &(Pair, u8, u8)> {
        self.functions.keys()
    }

    /// The regions with the ranges of all their layers, in no order.
    pub(super) fn regions(&self) -> impl Iterator<Item = (&Region, Vec<(u16, u16)>)> {
        let ranges = |layers: &Layers<Ranges>| {
            layers.each().flat_map(Ranges::iter).map(|range| (range.first, range.last)).collect()
        };
        self.addresses.iter().map(move |(region, layers)| (region, ranges(layers)))
    }

    /// The periods of a question, those of each layer.
    pub(super) fn periods_of(&self, pair: Pair, query: Query) -> impl Iterator<Item = Period> {
        let layers = self.periods.get(&pair).and_then(|queries| queries.get(&query));
        layers.into_iter().flat_map(Layers::each).map(|periods| periods.period)
    }

    /// Whether a client talks to a server.
    pub(super) fn has_pair(&self, pair: Pair) -> bool {
        self.pairs.contains_key(&pair)
    }

    /// Whether a client asks for a function.
    pub(super) fn has_function(&self, pair: Pair, unit: u8, function: u8) -> bool {
        self.functions.contains_key(&(pair, unit, function))
    }

    /// Tells `missing` each part of a range of addresses that is not usual.
    pub(super) fn each_missing(&self, region: &Region, first: u16, last: u16, missing: &mut dyn FnMut(u16, u16)) {
        match self.addresses.get(region) {
            Some(layers) => each_missing(layers.each(), first, last, missing),
            None => missing(first, last),
        }
    }

    /// Whether a tag has values, and this is none of them.
    pub(super) fn excludes_value(&self, device: Device, tag: &str, value: Value<'_>) -> bool {
        let Some(layers) = self.values.get(&device).and_then(|tags| tags.get(tag)) else { return false };
        !layers.iter().any(|(_, values)| values.extent.holds(value))
    }

    /// Whether none of these values is excluded.
    pub(super) fn holds_values(&self, device: Device, values: &[(&str, Value<'_>)]) -> bool {
        let Some(tags) = self.values.get(&device) else { return true };
        let holds = |layers: &Layers<Values>, value| layers.each().any(|values| values.extent.holds(value));
        values.iter().all(|(tag, value)| tags.get(*tag).is_none_or(|layers| holds(layers, *value)))
    }

    /// Whether a question has periods, and this is far from all of them.
    pub(super) fn excludes_period(&self, pair: Pair, query: Query, span: Span) -> bool {
        let Some(layers) = self.periods.get(&pair).and_then(|queries| queries.get(&query)) else { return false };
        layers.iter().all(|(_, periods)| periods.period.excludes(span))
    }

    /// Each pair's question whose period counts: the one seen most often, of several the least.
    pub(super) fn frequent_queries(&self) -> impl Iterator<Item = (Pair, Query)> {
        self.periods.iter().filter_map(|(pair, queries)| {
            let counted = queries.iter().map(|(query, layers)| {
                (layers.iter().map(|(_, periods)| periods.seen.count).max().unwrap_or_default(), query)
            });
            let (_, query) = counted.max_by(|(x, a), (y, b)| x.cmp(y).then_with(|| b.cmp(a)))?;
            Some((*pair, *query))
        })
    }

    /// Whether a host has a hardware address.
    pub(super) fn has_mac(&self, address: IpAddr, mac: Mac) -> bool {
        self.macs.contains_key(&(address, mac))
    }

    /// Whether all of a thing is usual.
    #[must_use]
    pub fn has(&self, thing: &Thing) -> bool {
        self.lacking(thing).is_empty()
    }

    /// The parts of a thing that are not usual. Of values and periods all of it, if any part is not; periods that are
    /// near enough are usual.
    #[must_use]
    pub fn lacking(&self, thing: &Thing) -> Vec<Thing> {
        let known = match thing {
            Thing::Pair(pair) => self.has_pair(*pair),
            Thing::Function(pair, unit, function) => self.has_function(*pair, *unit, *function),
            Thing::Mac(address, mac) => self.has_mac(*address, *mac),
            Thing::Address(region, first, last) => {
                let mut parts = Vec::new();
                self.each_missing(region, *first, *last, &mut |first, last| {
                    parts.push(Thing::Address(*region, first, last));
                });
                return parts;
            }
            Thing::Value(device, tag, extent) => {
                let layers = self.values.get(device).and_then(|tags| tags.get(tag));
                layers.is_some_and(|layers| layers.iter().any(|(_, values)| values.extent.covers(extent)))
            }
            Thing::Period(pair, query, period) => {
                let layers = self.periods.get(pair).and_then(|queries| queries.get(query));
                let near = |known: Period| !known.excludes(period.least) && !known.excludes(period.greatest);
                layers.is_some_and(|layers| layers.iter().any(|(_, periods)| near(periods.period)))
            }
        };
        if known { Vec::new() } else { vec![thing.clone()] }
    }

    /// Learns a thing that was seen (so often) more; what did not fit is counted.
    pub fn learn(&mut self, thing: &Thing, seen: Seen, bounds: Bounds) {
        self.take(thing, seen, None, How::Learned, bounds);
    }

    /// Notes a value that was seen before; `false` if it was not.
    pub(super) fn note_value(&mut self, device: Device, tag: &str, value: Value<'_>, seen: Seen) -> bool {
        let layers = self.values.get_mut(&device).and_then(|tags| tags.get_mut(tag));
        // What a person approved counts first, as in learning.
        let holding = layers.and_then(|layers| layers.last_mut(|values| values.extent.holds(value)));
        holding.map(|values| values.seen.join(seen, How::Learned)).is_some()
    }

    /// Takes in an entry, as merging does; `false` if all or a part of it did not fit.
    pub fn add(&mut self, entry: &Entry, bounds: Bounds) -> bool {
        let before = self.not_learned;
        self.take(&entry.thing, entry.seen, entry.approved.as_ref(), How::Merged, bounds);
        self.not_learned == before
    }

    /// Takes in all that another holds.
    pub fn merge(&mut self, other: &Self, bounds: Bounds) {
        self.since = [self.since, other.since].into_iter().flatten().min();
        self.frozen = self.frozen.max(other.frozen);
        for entry in other.entries() {
            self.add(&entry, bounds);
        }
    }

    fn take(&mut self, thing: &Thing, seen: Seen, approved: Option<&Approval>, how: How, bounds: Bounds) {
        let count = self.count(thing.kind());
        let room = bounds.entries.saturating_sub(count);
        let approved = approved.cloned();
        let (added, left_out) = match thing {
            Thing::Pair(pair) => keep(&mut self.pairs, *pair, (seen, approved, how), room),
            Thing::Function(pair, unit, function) => {
                keep(&mut self.functions, (*pair, *unit, *function), (seen, approved, how), room)
            }
            Thing::Mac(address, mac) => keep(&mut self.macs, (*address, *mac), (seen, approved, how), room),
            Thing::Address(region, first, last) => {
                let range = Range { first: *first, last: *last, seen };
                self.take_range(region, range, approved, how, (room, bounds.ranges))
            }
            Thing::Value(device, tag, extent) => self.take_values(*device, tag, (extent, seen), approved, how, room),
            Thing::Period(pair, query, period) => {
                self.take_period((*pair, *query), (*period, seen), approved, how, room)
            }
        };
        if let Some(count) = self.counts.get_mut(thing.kind() as usize) {
            *count = count.saturating_add_signed(added);
        }
        self.not_learned += left_out;
    }

    /// How many entries there are more now, and how many things did not fit: as of all that take.
    fn take_range(
        &mut self,
        region: &Region,
        range: Range,
        approved: Option<Approval>,
        how: How,
        (room, ranges): (usize, usize),
    ) -> (isize, u64) {
        if let Some(layers) = self.addresses.get_mut(region)
            && how == How::Learned
            && layers.approved_mut().any(|layer| layer.note(range.first, range.last, range.seen))
        {
            return (0, 0);
        }
        let held = |layers: &Layers<Ranges>| layers.each().map(Ranges::len).sum::<usize>();
        let before = self.addresses.get(region).map_or(0, held);
        let known = before > 0;
        if !known && room == 0 {
            return (0, 1);
        }
        let layers = self.addresses.entry(*region).or_default();
        let Some(layer) = layers.layer(&approved, Ranges::default) else { return (0, 1) };
        let most = layer.len() + room.min(ranges.saturating_sub(before));
        let fits = layer.add(range, how, most);
        let after = held(layers);
        if after == 0 {
            self.addresses.remove(region);
        }
        (after as isize - before as isize, u64::from(!fits))
    }

    fn take_values(
        &mut self,
        device: Device,
        tag: &Arc<str>,
        (extent, seen): (&Extent, Seen),
        approved: Option<Approval>,
        how: How,
        room: usize,
    ) -> (isize, u64) {
        if room == 0 && self.values.get(&device).is_none_or(|tags| !tags.contains_key(tag)) {
            return (0, 1);
        }
        let layers = self.values.entry(device).or_default().entry(Arc::clone(tag)).or_default();
        if let Some(values) = layers.get_mut(&approved) {
            return (0, values.join(extent, seen, how) as u64);
        }
        if room == 0 {
            return (0, 1);
        }
        let mut within = Extent::default();
        let left_out = within.join(extent);
        layers.layer(&approved, || Values { extent: within, seen });
        (1, left_out as u64)
    }

    fn take_period(
        &mut self,
        (pair, query): (Pair, Query),
        (period, seen): (Period, Seen),
        approved: Option<Approval>,
        how: How,
        room: usize,
    ) -> (isize, u64) {
        if room == 0 && self.periods.get(&pair).is_none_or(|queries| !queries.contains_key(&query)) {
            return (0, 1);
        }
        let layers = self.periods.entry(pair).or_default().entry(query).or_default();
        if how == How::Learned
            && let Some(periods) = layers.approved_mut().find(|periods| periods.period.covers(period))
        {
            periods.seen.join(seen, how);
            return (0, 0);
        }
        if let Some(periods) = layers.get_mut(&approved) {
            periods.join(period, seen, how);
            return (0, 0);
        }
        if room == 0 {
            return (0, 1);
        }
        layers.layer(&approved, || Periods { period, seen });
        (1, 0)
    }

    /// All that it holds, in one order: by kind, then by what it is, then by approval.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut all = Vec::with_capacity(self.counts.iter().sum());
        let known = |thing, known: &Known| Entry { thing, seen: known.seen, approved: known.approved.clone() };
        let layered = |thing, seen, approved: &Option<Approval>| Entry { thing, seen, approved: approved.clone() };
        all.extend(sorted(&self.pairs, |pair| *pair).map(|(pair, it)| known(Thing::Pair(*pair), it)));
        let functions = sorted(&self.functions, |key| *key);
        all.extend(functions.map(|((pair, unit, function), it)| known(Thing::Function(*pair, *unit, *function), it)));
        for (region, layers) in
            sorted(&self.addresses, |Region { device, table, touch }| (*device, *table as u8, *touch))
        {
            for (approved, set) in layers.iter() {
                let thing = |range: &Range| Thing::Address(*region, range.first, range.last);
                all.extend(set.iter().map(|range| layered(thing(range), range.seen, approved)));
            }
        }
        for (device, tags) in sorted(&self.values, |device| *device) {
            for (tag, layers) in tags {
                let thing = |values: &Values| Thing::Value(*device, Arc::clone(tag), values.extent.clone());
                all.extend(layers.iter().map(|(approved, values)| layered(thing(values), values.seen, approved)));
            }
        }
        for (pair, queries) in sorted(&self.periods, |pair| *pair) {
            for (query, layers) in queries {
                let thing = |periods: &Periods| Thing::Period(*pair, *query, periods.period);
                all.extend(layers.iter().map(|(approved, periods)| layered(thing(periods), periods.seen, approved)));
            }
        }
        all.extend(sorted(&self.macs, |key| *key).map(|((address, mac), it)| known(Thing::Mac(*address, *mac), it)));
        all
    }
}

/// Keeps a thing that is there or not: how many entries there are more, and how many things did not fit.
fn keep<K: Eq + Hash>(
    book: &mut Book<K, Known>,
    key: K,
    (seen, approved, how): (Seen, Option<Approval>, How),
    room: usize,
) -> (isize, u64) {
    if let Some(known) = book.get_mut(&key) {
        known.join(seen, approved, how);
        return (0, 0);
    }
    if room == 0 {
        return (0, 1);
    }
    book.insert(key, Known { seen, approved });
    (1, 0)
}

fn sorted<K, V, O: Ord>(book: &Book<K, V>, order: impl Fn(&K) -> O) -> impl Iterator<Item = (&K, &V)> {
    let mut all: Vec<(&K, &V)> = book.iter().collect();
    all.sort_by_key(|(key, _)| order(key));
    all.into_iter()
}
