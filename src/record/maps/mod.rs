//! Device maps: what the registers of a device mean.
//!
//! A [`Map`] is what an operator wrote about one type of device: its [`Register`]s by name, and to which devices it
//! applies. [`Maps`] holds all of them, [`Tags`] the names that rules can ask for (`tag.temperature`,
//! `tag.temperature.previous`). What a message reads or writes of a mapped register is worked out by
//! [`Memory`](super::Memory).

mod register;
mod secret;

pub use register::{Form, Order, Packing, Register, Safe, Scale};
pub(super) use secret::MARK;
pub use secret::SecretKey;

use crate::modbus::Table;
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What every tag's name begins with.
pub const TAG_PREFIX: &str = "tag.";

/// The most identification texts that all maps may ask for: a device keeps a bit for each.
pub const MAX_TEXTS: usize = 64;

/// Which devices a map is for. All conditions must hold; an empty one does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applies {
    /// The server's address lies in one of these.
    pub servers: Vec<IpNet>,
    /// The unit identifier lies in one of these.
    pub units: Vec<RangeInclusive<u8>>,
    /// Each of these stands, in any case, in something the device said of itself (function 43/14).
    pub identification: Vec<String>,
}

/// One type of device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Which devices it is for.
    pub applies: Applies,
    /// Its registers. Names are unique; within a table no two overlap.
    pub registers: Vec<Register>,
    /// Files whose records (functions 20 and 21) nobody may see.
    pub secret_files: Vec<RangeInclusive<u16>>,
}

/// All maps, ready to be asked.
#[derive(Debug, Default)]
pub struct Maps {
    maps: Vec<Known>,
    tags: Arc<Tags>,
    /// The identification texts of all maps in lower case, by bit.
    texts: Vec<Box<str>>,
    key: SecretKey,
}

/// A map with what was worked out of it.
#[derive(Debug)]
struct Known {
    servers: Vec<IpNet>,
    units: Vec<RangeInclusive<u8>>,
    /// The bits of the texts it needs.
    texts: u64,
    /// By table and address, each with its tag.
    registers: Vec<(Register, TagId)>,
    /// The tables in which it has secrets; [`Table::None`] for functions that touch none of them and reach all memory.
    secret: Vec<Table>,
    files: Vec<RangeInclusive<u16>>,
}

/// A tag's number: index into [`Tags`].
pub(super) type TagId = u16;

/// Index into [`Maps`].
pub(super) type MapId = u16;

/// What a name asks of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `tag.NAME`
    Value,
    /// `tag.NAME.previous`
    Previous,
    /// `tag.NAME.delta`
    Delta,
    /// `tag.NAME.unsafe`
    Unsafe,
}

/// The parts in the order of their JSON, with what a name ends in.
pub(super) const PARTS: [(Part, &str); 4] =
    [(Part::Value, ""), (Part::Previous, ".previous"), (Part::Delta, ".delta"), (Part::Unsafe, ".unsafe")];

/// The names of all tags.
#[derive(Debug, Default)]
pub struct Tags {
    /// For each tag and part the key as it stands in JSON after another field.
    keys: Vec<[Box<str>; PARTS.len()]>,
    by_name: FxHashMap<Arc<str>, TagId>,
}

impl Maps {
    /// The maps in the order in which they are tried: the first that applies to a device is the device's. Texts of
    /// identification beyond [`MAX_TEXTS`] and tags beyond 65,536 are left out; the configuration refuses both.
    #[must_use]
    pub fn new(maps: Vec<Map>, key: SecretKey) -> Self {
        let mut all = Self { key, ..Self::default() };
        let mut tags = Tags::default();
        for map in maps {
            let texts = map.applies.identification.iter().fold(0, |bits, text| bits | all.text_bit(text));
            let mut registers: Vec<(Register, TagId)> = Vec::with_capacity(map.registers.len());
            for register in map.registers {
                if let Some(tag) = tags.add(&register.name) {
                    registers.push((register, tag));
                }
            }
            registers.sort_by_key(|(register, _)| (register.table as u8, register.address));
            let secret = secret_tables(&registers, &map.secret_files);
            let Applies { servers, units, .. } = map.applies;
            all.maps.push(Known { servers, units, texts, registers, secret, files: map.secret_files });
        }
        all.tags = Arc::new(tags);
        all
    }

    fn text_bit(&mut self, text: &str) -> u64 {
        let text = text.to_ascii_lowercase().into_boxed_str();
        let at = self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        });
        u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
    }

    /// The names of their tags.
    #[must_use]
    pub const fn tags(&self) -> &Arc<Tags> {
        &self.tags
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Whether any register of them is secret.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.maps.iter().any(|map| !map.secret.is_empty())
    }

    /// Each register with its tag's name, map by map.
    pub fn registers(&self) -> impl Iterator<Item = &Register> {
        self.maps.iter().flat_map(|map| map.registers.iter().map(|(register, _)| register))
    }

    /// Whether devices have to be asked what they are.
    pub(super) const fn ask_identification(&self) -> bool {
        !self.texts.is_empty()
    }

    /// The bits of the texts that stand in something a device said of itself.
    pub(super) fn texts_in(&self, said: &[u8]) -> u64 {
        let contains = |text: &str| {
            let text = text.as_bytes();
            said.windows(text.len().max(1)).any(|part| part.eq_ignore_ascii_case(text))
        };
        let bits = (0..).zip(&self.texts).filter(|(_, text)| contains(text));
        bits.fold(0, |bits, (at, _)| bits | 1_u64.checked_shl(at).unwrap_or(0))
    }

    /// The map of a device that said the texts of these bits.
    pub(super) fn of(&self, server: IpAddr, unit: u8, texts: u64) -> Option<MapId> {
        let applies = |map: &Known| {
            (map.servers.is_empty() || map.servers.iter().any(|net| net.contains(&server)))
                && (map.units.is_empty() || map.units.iter().any(|units| units.contains(&unit)))
                && map.texts & texts == map.texts
        };
        self.maps.iter().position(applies).and_then(|at| MapId::try_from(at).ok())
    }

    /// The first map with secrets that may be that of a device of which nothing, or nothing but this, is known.
    pub(super) fn may_be(&self, server: Option<IpAddr>, unit: Option<u8>) -> Option<MapId> {
        for (at, map) in self.maps.iter().enumerate() {
            let server_fits = server.map(|server| map.servers.iter().any(|net| net.contains(&server)));
            let unit_fits = unit.map(|unit| map.units.iter().any(|units| units.contains(&unit)));
            let (any_server, any_unit) = (map.servers.is_empty(), map.units.is_empty());
            if (!any_server && server_fits == Some(false)) || (!any_unit && unit_fits == Some(false)) {
                continue;
            }
            if !map.secret.is_empty() {
                return MapId::try_from(at).ok();
            }
            let surely = (any_server || server_fits.is_some()) && (any_unit || unit_fits.is_some()) && map.texts == 0;
            if surely {
                return None;
            }
        }
        None
    }

    /// The registers of `map` that have to do with `count` addresses of `table` from `first` on, in order.
    pub(super) fn touched(
        &self,
        map: MapId,
        table: Table,
        first: u16,
        count: usize,
    ) -> impl Iterator<Item = &(Register, TagId)> {
        let registers = self.maps.get(usize::from(map)).map_or(&[][..], |map| &map.registers);
        let rank = |register: &Register| (register.table as u8, register.last());
        let start = registers.partition_point(|(register, _)| rank(register) < (table as u8, first));
        let end = usize::from(first) + count;
        let inside =
            move |(register, _): &&(Register, TagId)| register.table == table && usize::from(register.address) < end;
        registers.get(start..).unwrap_or_default().iter().take_while(inside)
    }

    /// Whether `map` has secrets in `table`.
    pub(super) fn has_secrets_in(&self, map: MapId, table: Table) -> bool {
        self.maps.get(usize::from(map)).is_some_and(|map| map.secret.contains(&table))
    }

    /// Whether an address lies in a secret of `map`.
    pub(super) fn is_secret(&self, map: MapId, table: Table, address: u16) -> bool {
        self.touched(map, table, address, 1).any(|(register, _)| register.secret)
    }

    /// Whether a field's name asks for a register that is secret in any map.
    pub(super) fn is_secret_tag(&self, field: &str) -> bool {
        let Some((tag, _)) = self.tags.find(field) else { return false };
        let mut registers = self.maps.iter().flat_map(|map| &map.registers);
        registers.any(|(register, known)| *known == tag && register.secret)
    }

    /// Whether the records of a file are secrets of `map`.
    pub(super) fn is_secret_file(&self, map: MapId, file: u16) -> bool {
        self.maps.get(usize::from(map)).is_some_and(|map| map.files.iter().any(|files| files.contains(&file)))
    }

    /// The key of the marks that stand in place of secrets.
    pub(super) const fn key(&self) -> &SecretKey {
        &self.key
    }
}

/// The tables that secrets may be seen in. A queue (function 24) holds what a register points to.
fn secret_tables(registers: &[(Register, TagId)], files: &[RangeInclusive<u16>]) -> Vec<Table> {
    let secret = registers.iter().filter(|(register, _)| register.secret);
    let mut tables: Vec<Table> = secret.map(|(register, _)| register.table).collect();
    tables.dedup();
    if tables.contains(&Table::HoldingRegisters) {
        tables.push(Table::Fifo);
    }
    if !files.is_empty() {
        tables.push(Table::File);
    }
    if !tables.is_empty() {
        tables.push(Table::None);
    }
    tables
}

impl Tags {
    fn add(&mut self, name: &Arc<str>) -> Option<TagId> {
        if let Some(tag) = self.by_name.get(name) {
            return Some(*tag);
        }
        let tag = TagId::try_from(self.keys.len()).ok()?;
        let key = |(_, ending): (Part, &str)| format!(",\"{TAG_PREFIX}{name}{ending}\":").into_boxed_str();
        self.keys.push(PARTS.map(key));
        self.by_name.insert(Arc::clone(name), tag);
        Some(tag)
    }

    /// What a field's name asks for, if it names a tag.
    pub(super) fn find(&self, field: &str) -> Option<(TagId, Part)> {
        let name = field.strip_prefix(TAG_PREFIX)?;
        PARTS.iter().rev().find_map(|(part, ending)| {
            let tag = self.by_name.get(name.strip_suffix(ending)?)?;
            Some((*tag, *part))
        })
    }

    /// Whether a field's name is a tag's or that of a part of it.
    #[must_use]
    pub fn knows(&self, field: &str) -> bool {
        self.find(field).is_some()
    }

    /// The tag that was most likely meant by a field name.
    #[must_use]
    pub fn suggest(&self, field: &str) -> Option<String> {
        /// Below this likeness a suggestion confuses more than it helps.
        const NEAR: f64 = 0.85;
        let name = field.strip_prefix(TAG_PREFIX)?;
        let scored = self.by_name.keys().map(|known| (strsim::jaro_winkler(name, known), known));
        let near = scored.filter(|(score, _)| *score >= NEAR);
        // Equal scores: the alphabet, so that the answer never depends on the hash map's order.
        let (_, best) = near.max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))?;
        Some(format!("{TAG_PREFIX}{best}"))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A tag's name without its prefix.
    pub(super) fn name(&self, tag: TagId) -> Option<&str> {
        let [key, ..] = self.keys.get(usize::from(tag))?;
        key.strip_prefix(",\"")?.strip_prefix(TAG_PREFIX)?.strip_suffix("\":")
    }

    /// The names of all tags without their prefix, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// A tag's keys in JSON, by part.
    pub(super) fn keys(&self, tag: TagId) -> Option<&[Box<str>; PARTS.len()]> {
        self.keys.get(usize::from(tag))
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A register of one word.
    pub(in crate::record) fn register(name: &str, address: u16) -> Register {
        Register {
            name: name.into(),
            table: Table::HoldingRegisters,
            address,
            form: Form::Int { registers: 1, signed: false, order: Order::Abcd },
            scale: Scale::default(),
            unit: None,
            safe: None,
            secret: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::register;
    use super::*;

    #[test]
    fn the_first_map_that_applies_is_the_devices() {
        let map = |servers: &[&str], units: &[RangeInclusive<u8>], texts: &[&str]| Map {
            applies: Applies {
                servers: servers.iter().map(|net| net.parse().unwrap()).collect(),
                units: units.to_vec(),
                identification: texts.iter().map(|text| (*text).to_owned()).collect(),
            },
            ..Map::default()
        };
        let maps = Maps::new(
            vec![
                map(&["10.0.2.24/32"], &[3..=5], &[]),
                map(&["10.0.0.0/16", "2001:db8::/32"], &[], &["acme", "TM-4"]),
                map(&[], &[9..=9], &[]),
            ],
            SecretKey::default(),
        );
        let of = |server: &str, unit, said: &[&str]| {
            let texts = said.iter().fold(0, |bits, said| bits | maps.texts_in(said.as_bytes()));
            maps.of(server.parse().unwrap(), unit, texts)
        };
        assert_eq!(of("10.0.2.24", 4, &[]), Some(0));
        assert_eq!(of("10.0.2.24", 6, &[]), None);
        assert_eq!(of("10.0.2.24", 6, &["Acme Inc."]), None);
        assert_eq!(of("10.0.2.24", 6, &["Acme Inc.", "the tm-4"]), Some(1));
        assert_eq!(of("2001:db8::1", 9, &["ACME TM-4"]), Some(1));
        assert_eq!(of("2001:db8::1", 9, &[]), Some(2));
    }

    #[test]
    fn names_of_tags_are_told_from_their_parts() {
        let map = Map { registers: vec![register("a", 0), register("delta", 1)], ..Map::default() };
        let maps = Maps::new(vec![map.clone(), map], SecretKey::default());
        let find = |name| maps.tags().find(name);
        assert_eq!(find("tag.a"), Some((0, Part::Value)));
        assert_eq!(find("tag.a.previous"), Some((0, Part::Previous)));
        assert_eq!(find("tag.a.delta"), Some((0, Part::Delta)));
        assert_eq!(find("tag.delta"), Some((1, Part::Value)));
        assert_eq!(find("tag.delta.unsafe"), Some((1, Part::Unsafe)));
        for other in ["a", "tag.", "tag.b", "tag.a.", "tag.a.min", "tag.A"] {
            assert_eq!(find(other), None, "{other}");
        }
        assert_eq!(maps.tags().suggest("tag.dleta").as_deref(), Some("tag.delta"));
    }

    #[test]
    fn what_a_range_touches_is_found_at_both_ends() {
        let wide = Register { form: Form::Text { registers: 4, packing: Packing::One }, ..register("wide", 10) };
        let coil = Register { table: Table::Coils, form: Form::Bool, ..register("coil", 12) };
        let map = Map { registers: vec![register("b", 14), coil, wide, register("a", 9)], ..Map::default() };
        let maps = Maps::new(vec![map], SecretKey::default());
        let names = |first, count| -> Vec<String> {
            let touched = maps.touched(0, Table::HoldingRegisters, first, count);
            touched.map(|(register, _)| register.name.to_string()).collect()
        };
        assert_eq!(names(0, 9), [""; 0]);
        assert_eq!(names(0, 10), ["a"]);
        assert_eq!(names(9, 2), ["a", "wide"]);
        assert_eq!(names(13, 2), ["wide", "b"]);
        assert_eq!(names(15, 60_000), [""; 0]);
    }
}
