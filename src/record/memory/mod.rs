//! What was seen of each device before: the state behind tags, old values and register changes.
//!
//! A [`Memory`] is shown every message in the order of the capture. It answers with a [`Recall`]: what the device's
//! [map](super::maps) calls the values that the message reads or writes, which values stood there before, and which
//! nobody may see. A [`Record`](super::Record) that is given the recall has the fields that come of it.
//!
//! Two clients may talk to one server, so a memory must see the messages of all conversations in their one order.

mod hidden;
mod recent;
mod shadow;

use super::data::Data;
use super::maps::{Form, MapId, Maps, Part, Register, TagId};
use super::veil::{self, Veil};
use super::write::{Outcome, Write};
use super::{Fact, List};
use crate::modbus::{Body, Kind, Message, Table};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use hidden::Secrets;
use recent::Recent;
use shadow::Shadow;
use std::net::IpAddr;
use std::sync::Arc;

/// How many devices, told apart by server address and unit, are remembered.
pub const DEVICES: usize = 65_536;

/// The most registers that one value takes: a string of a whole answer.
const LONGEST: usize = 125;

/// What was seen of each device, within bounds.
#[derive(Debug)]
pub struct Memory {
    maps: Arc<Maps>,
    wanted: Remembered,
    devices: Recent<(IpAddr, u8), Device>,
    /// The number of the next device: never given twice, so that nothing is taken for another device's.
    serial: u32,
    shadow: Shadow,
    changed: Vec<Change>,
    forgotten: u64,
}

/// What is remembered of devices without a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Changes of registers, to be told.
    pub changes: bool,
    /// What stood where something is written.
    pub old: bool,
}

/// A server address and unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Device {
    serial: u32,
    /// Which of the maps' identification texts it said.
    texts: u64,
    map: Option<MapId>,
}

/// A value that was another when it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    table: Table,
    address: u16,
    old: u16,
    new: u16,
    secret: bool,
}

/// What memory and maps add to a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recall<'a> {
    tags: &'a [Tag<'a>],
    /// What stood where the message writes.
    pub(super) old: Option<List<'a>>,
    /// What function 22 leaves.
    pub(super) masked: Option<List<'a>>,
    /// What must not be seen of the message's values.
    pub(super) own: Veil<'a>,
    /// What must not be seen of its request's values.
    pub(super) request: Veil<'a>,
    /// The change that the record tells of, in place of the message.
    pub(super) change: Option<Changed<'a>>,
}

/// A change of a register, as a record tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changed<'a> {
    pub(super) table: Table,
    pub(super) address: u16,
    pub(super) old: Fact<'a>,
    pub(super) new: Fact<'a>,
    pub(super) delta: Fact<'a>,
}

/// A mapped value that a message reads or writes.
#[derive(Clone, Copy, Debug)]
struct Tag<'a> {
    tag: TagId,
    value: Fact<'a>,
    previous: Fact<'a>,
    delta: Fact<'a>,
    outside: Fact<'a>,
}

/// Values of a table from an address on.
#[derive(Clone, Copy, Debug)]
struct Area<'a> {
    table: Table,
    first: u16,
    words: &'a [u16],
    /// Whether they were written: who writes a shorter text writes all of the text.
    written: bool,
}

impl<'a> Recall<'a> {
    /// What it says of a part of a tag.
    pub(super) fn tag(&self, tag: TagId, part: Part) -> Fact<'a> {
        let tag = self.tags.iter().find(|known| known.tag == tag);
        tag.map_or(Fact::Absent, |tag| tag.part(part))
    }

    /// Its tags' numbers and values.
    pub(super) fn values(&self) -> impl Iterator<Item = (TagId, Fact<'a>)> {
        self.tags.iter().map(|tag| (tag.tag, tag.value))
    }

    /// Its tags' numbers, in the order of their addresses, those written first.
    pub(super) fn tags(&self) -> impl Iterator<Item = TagId> {
        self.tags.iter().map(|tag| tag.tag)
    }
}

impl<'a> Tag<'a> {
    const fn part(&self, part: Part) -> Fact<'a> {
        match part {
            Part::Value => self.value,
            Part::Previous => self.previous,
            Part::Delta => self.delta,
            Part::Unsafe => self.outside,
        }
    }
}

impl Memory {
    /// A memory that has seen nothing. Devices with a map are always remembered, others where `wanted` asks for it.
    #[must_use]
    pub fn new(maps: Arc<Maps>, wanted: Remembered) -> Self {
        Self {
            maps,
            wanted,
            devices: Recent::new(DEVICES),
            serial: 0,
            shadow: Shadow::new(shadow::PAGES),
            changed: Vec::new(),
            forgotten: 0,
        }
    }

    /// Takes in a message, and tells what it knew before. What it makes goes to `arena`.
    pub fn see<'a>(&mut self, message: &Message<'a>, arena: &'a Bump) -> Recall<'a> {
        self.changed.clear();
        if message.kind == Kind::Status {
            return Recall::default();
        }
        let device = self.device(message);
        if device.map.is_none() && self.wanted == Remembered::default() {
            return Recall::default();
        }
        let write = Write::of(message);
        let read = read_area(message, arena);
        let (written, masked, old) = match &write {
            Some(write) => self.written(device, write, arena),
            None => (None, None, None),
        };
        let areas = [written.filter(|area| !area.words.is_empty()), read];
        let mut recall = Recall { masked, ..Recall::default() };
        if let Some(map) = device.map {
            recall.tags = self.tags(device, map, areas, arena);
            let secrets = Secrets { maps: &self.maps, map };
            recall.own = secrets.of_message(message, arena);
            recall.request = secrets.of_request(message.request, arena);
        }
        recall.old = old.map(|area| {
            let place = (area.table, area.first);
            let veil = device.map.map_or(&[][..], |map| veil::of(&self.maps, map, place, area.words, arena));
            veil::hide(registers(area.words, arena), veil, arena)
        });
        if write.is_some_and(|write| write.outcome == Outcome::Confirmed) {
            match written {
                Some(area) if !area.words.is_empty() => self.keep(device, area),
                _ => self.forget(device, write.as_ref()),
            }
        }
        if let Some(area) = read {
            self.keep(device, area);
        }
        recall
    }

    /// How many registers the last message showed to have changed.
    #[must_use]
    pub const fn changes(&self) -> usize {
        self.changed.len()
    }

    /// One of these changes.
    #[must_use]
    pub fn change<'a>(&self, number: usize, arena: &'a Bump) -> Option<Recall<'a>> {
        let Change { table, address, old, new, secret } = *self.changed.get(number)?;
        let value = |value: u16| {
            if secret { Fact::Text(veil::mark(&self.maps, &[value], arena)) } else { Fact::Int(value.into()) }
        };
        let delta = if secret { Fact::Absent } else { Fact::Int(i64::from(new) - i64::from(old)) };
        let change = Changed { table, address, old: value(old), new: value(new), delta };
        Some(Recall { change: Some(change), ..Recall::default() })
    }

    /// What it had to forget, with names for the summary.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [("devices forgotten", self.forgotten), ("values of registers forgotten", self.shadow.forgotten())].into_iter()
    }

    /// The device that a message is about, with what the message says of itself.
    fn device(&mut self, message: &Message<'_>) -> Device {
        let Self { maps, devices, serial, forgotten, .. } = self;
        let (server, unit) = (message.flow.server.ip, message.mbap.unit_id);
        let fresh = || {
            *serial = serial.wrapping_add(1);
            Device { serial: *serial, texts: 0, map: maps.of(server, unit, 0) }
        };
        let (device, gone) = devices.get_or_insert((server, unit), fresh);
        *forgotten += u64::from(gone.is_some());
        let Some(device) = device else { return Device { serial: 0, texts: 0, map: None } };
        if maps.ask_identification() && message.kind == Kind::Response {
            let objects = message.body.device_objects();
            let texts = objects.fold(device.texts, |texts, object| texts | maps.texts_in(object.value));
            if texts != device.texts {
                device.texts = texts;
                device.map = maps.of(server, unit, texts);
            }
        }
        *device
    }

    /// What a write writes, what function 22 leaves, and what stood there before.
    fn written<'a>(
        &mut self,
        device: Device,
        write: &Write<'a>,
        arena: &'a Bump,
    ) -> (Option<Area<'a>>, Option<List<'a>>, Option<Area<'a>>) {
        let Some((first, count)) = write.range() else { return (None, None, None) };
        let count = usize::from(count).min(room(first));
        let before = arena.alloc_slice_fill_copy(count.min(usize::from(super::write::MOST)), 0);
        let known = !before.is_empty() && self.shadow.read(device.serial, write.table, first, before);
        let old = known.then_some(Area::new(write.table, first, before));
        let masked = write.masks().and_then(|masks| {
            let before = old.and_then(|old| old.words.first().copied());
            masks.apply(before).map(|left| registers(&[left], arena))
        });
        let words = masked.or_else(|| write.values(arena)).map_or(&[][..], |list| words(list, count, arena));
        (Some(Area { written: true, ..Area::new(write.table, first, words) }), masked, old)
    }

    /// The mapped values that lie wholly in these areas; of one that lies in both, the later says what it is.
    fn tags<'a>(&mut self, device: Device, map: MapId, areas: [Option<Area<'a>>; 2], arena: &'a Bump) -> &'a [Tag<'a>] {
        let maps = Arc::clone(&self.maps);
        let mut tags: BumpVec<'a, Tag<'a>> = BumpVec::new_in(arena);
        for area in areas.into_iter().flatten() {
            for (register, tag) in maps.touched(map, area.table, area.first, area.words.len()) {
                let Some(words) = area.part(register) else { continue };
                let made = self.tag(device, register, *tag, words, arena);
                match tags.iter_mut().find(|known| known.tag == *tag) {
                    Some(known) => *known = made,
                    None => tags.push(made),
                }
            }
        }
        tags.into_bump_slice()
    }

    fn tag<'a>(&mut self, device: Device, register: &Register, tag: TagId, words: &[u16], arena: &'a Bump) -> Tag<'a> {
        let mut buffer = [0; LONGEST];
        let before = buffer.get_mut(..words.len()).unwrap_or_default();
        let known = !before.is_empty() && self.shadow.read(device.serial, register.table, register.address, before);
        if register.secret {
            let previous = if known { Fact::Text(veil::mark(&self.maps, before, arena)) } else { Fact::Absent };
            let value = Fact::Text(veil::mark(&self.maps, words, arena));
            return Tag { tag, value, previous, delta: Fact::Absent, outside: Fact::Absent };
        }
        let value = register.read(words, arena);
        let previous = if known { register.read(before, arena) } else { Fact::Absent };
        let numbers = register.quantity(before).filter(|_| known).zip(register.quantity(words));
        let delta = numbers.map_or(Fact::Absent, |(old, new)| register.scale.delta(old, new));
        let outside = register.safe.and_then(|safe| safe.excludes(value)).map_or(Fact::Absent, Fact::Bool);
        Tag { tag, value, previous, delta, outside }
    }

    /// Keeps what an area holds now.
    fn keep(&mut self, device: Device, area: Area<'_>) {
        let Self { shadow, maps, wanted, changed, .. } = self;
        let (changes, map, table) = (wanted.changes, device.map, area.table);
        shadow.keep(device.serial, table, area.first, area.words, &mut |address, old, new| {
            if changes {
                let secret =
                    map.is_some_and(|map| maps.touched(map, table, address, 1).any(|(register, _)| register.secret));
                changed.push(Change { table, address, old, new, secret });
            }
        });
    }

    /// Forgets what a confirmed write wrote over, if nobody saw with what.
    fn forget(&mut self, device: Device, write: Option<&Write<'_>>) {
        if let Some(write) = write
            && let Some((first, count)) = write.range()
        {
            self.shadow.forget(device.serial, write.table, first, count);
        }
    }
}

impl<'a> Area<'a> {
    /// The values from `first` on, up to the last address there is.
    fn new(table: Table, first: u16, words: &'a [u16]) -> Self {
        Self { table, first, words: words.get(..room(first)).unwrap_or(words), written: false }
    }

    /// The words of a register that lies wholly in it; of a text that is written, as many as are written.
    fn part(&self, register: &Register) -> Option<&'a [u16]> {
        let start = usize::from(register.address.checked_sub(self.first)?);
        let rest = self.words.get(start..).filter(|rest| !rest.is_empty())?;
        let whole = rest.get(..usize::from(register.length()));
        let shorter = self.written && matches!(register.form, Form::Text { .. });
        whole.or(shorter.then_some(rest))
    }
}

/// How many addresses there are from `first` on.
fn room(first: u16) -> usize {
    usize::from(u16::MAX - first) + 1
}

/// What an answer tells of the places that its request asked for.
fn read_area<'a>(message: &Message<'a>, arena: &'a Bump) -> Option<Area<'a>> {
    if message.kind != Kind::Response || !matches!(message.body, Body::Bits { .. } | Body::Registers { .. }) {
        return None;
    }
    let request = message.request.filter(|request| request.function_code == message.function_code)?;
    let (first, quantity) = (request.body.address()?, request.body.quantity()?);
    let data = Data::new(message.function_code, &message.body, message.values(), arena);
    let words = words(data.list()?, usize::from(quantity), arena);
    (!words.is_empty()).then(|| Area::new(message.function().table, first, words))
}

/// At most `count` values of a list.
fn words<'a>(list: List<'a>, count: usize, arena: &'a Bump) -> &'a [u16] {
    let mut words = BumpVec::new_in(arena);
    words.extend(list.numbers().take(count));
    words.into_bump_slice()
}

/// Values as a list.
fn registers<'a>(words: &[u16], arena: &'a Bump) -> List<'a> {
    let mut bytes = BumpVec::with_capacity_in(words.len() * 2, arena);
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
    List::Registers(bytes.into_bump_slice())
}

#[cfg(test)]
mod tests {
    use super::super::maps::testing;
    use super::super::maps::{Applies, Map, Order, Packing, Safe, Scale, SecretKey};
    use super::super::samples::{Sample, sample};
    use super::super::{Record, Slots, json};
    use super::*;
    use crate::modbus::Status;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    /// The article's device: temperature at 4 in tenths, a passphrase from 31 on; and a coil.
    fn thermometer() -> Arc<Maps> {
        let register = |name: &str, address| Register {
            name: name.into(),
            table: Table::HoldingRegisters,
            address,
            form: Form::Int { registers: 1, signed: true, order: Order::Abcd },
            scale: Scale::default(),
            unit: None,
            safe: None,
            secret: false,
        };
        let temperature = Register {
            scale: Scale::new(0.1, 0.0),
            safe: Some(Safe { min: 0.0, max: 80.0 }),
            ..register("temperature", 4)
        };
        let wide =
            Register { form: Form::Int { registers: 2, signed: false, order: Order::Abcd }, ..register("wide", 5) };
        let passphrase = Register {
            form: Form::Text { registers: 16, packing: Packing::One },
            secret: true,
            ..register("passphrase", 31)
        };
        let pump = Register { table: Table::Coils, form: Form::Bool, ..register("pump", 172) };
        let registers = vec![temperature, wide, passphrase, pump];
        let map = Map { registers, secret_files: vec![4..=5], ..Map::default() };
        Arc::new(Maps::new(vec![map], SecretKey::new("k")))
    }

    /// A memory with what it says of one message after the other.
    struct Bench {
        maps: Arc<Maps>,
        memory: Memory,
    }

    impl Bench {
        fn new(maps: Arc<Maps>, wanted: Remembered) -> Self {
            Self { memory: Memory::new(Arc::clone(&maps), wanted), maps }
        }

        /// The fields whose names begin with one of `prefixes`, of the message's record and of those of changes.
        fn see(&mut self, sample: Sample, prefixes: &[&str]) -> Vec<String> {
            sample.with(|message| {
                let (arena, slots) = (Bump::new(), Slots::with_tags(self.maps.tags()));
                let recall = self.memory.see(message, &arena);
                let mut told = vec![fields(&Record::new(message, &slots, &arena).with(&recall), prefixes)];
                for number in 0..self.memory.changes() {
                    let recall = self.memory.change(number, &arena).unwrap();
                    let nothing = Message { body: Body::Empty, data: &[], request: None, ..*message };
                    let status = Message { kind: Kind::Status, status: Some(Status::RegisterChange), ..nothing };
                    told.push(fields(&Record::new(&status, &slots, &arena).with(&recall), prefixes));
                }
                told
            })
        }
    }

    fn fields(record: &Record<'_>, prefixes: &[&str]) -> String {
        let mut line = Vec::new();
        json::write_json(record, &mut line);
        let all: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
        let wanted = all.iter().filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
        wanted.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    const fn query(pdu: &'static [u8]) -> Sample {
        Sample { name: "", kind: Kind::Query, pdu, request: None }
    }

    const fn answer(pdu: &'static [u8], request: &'static [u8]) -> Sample {
        Sample { name: "", kind: Kind::Response, pdu, request: Some(request) }
    }

    #[test]
    fn tags_have_the_value_before_and_the_difference() {
        let mut bench = Bench::new(thermometer(), Remembered::default());
        let mut tags = |sample| bench.see(sample, &["tag."]).join("|");
        const READ: &[u8] = b"\x03\0\x03\0\x02";
        assert_eq!(tags(query(READ)), "");
        assert_eq!(tags(answer(b"\x03\x04\0\x01\x01\x85", READ)), "tag.temperature=38.9 tag.temperature.unsafe=false");
        assert_eq!(
            tags(answer(b"\x03\x04\0\x01\x03\x85", READ)),
            "tag.temperature=90.1 tag.temperature.delta=51.2 tag.temperature.previous=38.9 tag.temperature.unsafe=true"
        );
        // Attempted, it is the new value already; what stands in the device is still the old one.
        const WRITE: &[u8] = b"\x06\0\x04\0\x00";
        let written = "tag.temperature=0.0 tag.temperature.delta=-90.1 tag.temperature.previous=90.1 tag.temperature.unsafe=false";
        assert_eq!(tags(query(WRITE)), written);
        assert_eq!(tags(Sample { kind: Kind::Exception, ..answer(b"\x86\x02", WRITE) }), written);
        assert_eq!(tags(answer(WRITE, WRITE)), written);
        assert_eq!(
            tags(answer(b"\x03\x04\0\x01\0\x01", READ)),
            "tag.temperature=0.1 tag.temperature.delta=0.1 tag.temperature.previous=0.0 tag.temperature.unsafe=false"
        );
    }

    #[test]
    fn only_what_lies_wholly_in_a_message_has_a_tag() {
        let mut bench = Bench::new(thermometer(), Remembered::default());
        let mut tags = |sample| bench.see(sample, &["tag.wide"]).join("|");
        assert_eq!(tags(query(b"\x06\0\x05\0\x01")), "");
        assert_eq!(tags(query(b"\x10\0\x06\0\x02\x04\0\x01\0\x02")), "");
        assert_eq!(tags(query(b"\x10\0\x05\0\x02\x04\0\x01\0\x02")), "tag.wide=65538");
        // The quantity promises more than there is.
        assert_eq!(tags(query(b"\x10\0\x05\0\x02\x02\0\x01")), "");
    }

    #[test]
    fn files_queues_and_bytes_of_other_functions_are_marks_too() {
        let mut bench = Bench::new(thermometer(), Remembered::default());
        let mut hidden = |sample: Sample, clear: &str| {
            let told = bench.see(sample, &["modbus.", "write."]).join("|");
            assert_eq!(told.contains("secret:"), !told.contains(clear), "{told}");
            told.contains("secret:")
        };
        // 6.18: what is queued behind a secret register.
        assert!(hidden(answer(b"\x18\0\x06\0\x02\0a\0b", b"\x18\0\x20"), "[97,98]"));
        assert!(!hidden(answer(b"\x18\0\x06\0\x02\0a\0b", b"\x18\0\x04"), "[97,98]"));
        assert!(hidden(Sample { request: None, ..answer(b"\x18\0\x06\0\x02\0a\0b", b"") }, "[97,98]"));
        // 6.14, 6.15: records of a secret file.
        const WRITE: &[u8] = b"\x15\x09\x06\0\x05\0\x07\0\x01ab";
        const OTHER: &[u8] = b"\x15\x09\x06\0\x06\0\x07\0\x01ab";
        assert!(hidden(query(WRITE), "6162"));
        assert!(hidden(answer(WRITE, WRITE), "24930"));
        assert!(!hidden(query(OTHER), "6162"));
        let read = |file: &'static [u8]| answer(b"\x14\x04\x03\x06ab", file);
        assert!(hidden(read(b"\x14\x07\x06\0\x04\0\x01\0\x01"), "6162"));
        assert!(!hidden(read(b"\x14\x07\x06\0\x03\0\x01\0\x01"), "6162"));
        assert!(hidden(Sample { request: None, ..read(b"") }, "6162"));
        // UMAS and functions that only their vendor knows read and write the same memory.
        assert!(hidden(query(b"\x5A\x01\x23\0abc"), "616263"));
        assert!(hidden(query(b"\x42abc"), "616263"));
        // What a client asks to have sent back is none of the device's.
        assert!(!hidden(query(b"\x08\0\0ab"), "6162"));
    }

    #[test]
    fn secrets_are_marks_wherever_they_would_stand() {
        let mark = |text: &str| {
            let words: Vec<u16> = text.bytes().map(u16::from).collect();
            String::from_utf8(SecretKey::new("k").mark(&words).to_vec()).unwrap()
        };
        let mut bench = Bench::new(thermometer(), Remembered::default());
        let everything = &["modbus.", "write.", "tag."];
        for name in ["write registers", "registers written", "write refused", "no code"] {
            let told = bench.see(sample(name), everything).join("|");
            assert!(told.contains(&mark("abcdef")), "{name}: {told}");
            assert!(!told.contains("[97") && !told.contains("=97") && !told.contains("abcdef"), "{name}: {told}");
        }
        // Beside a secret the other values stay; another read of it has another mark if it is another part.
        const READ: &[u8] = b"\x03\0\x1D\0\x05";
        let told = bench.see(answer(b"\x03\x0A\0\x01\0\x02\0a\0b\0c", READ), &["modbus.v", "modbus.t"]).join("");
        let abc = mark("abc");
        assert_eq!(
            told,
            format!(
                "modbus.table=\"holding_registers\" modbus.text=\"{abc}\" modbus.trans_id=7 modbus.value=1 \
                 modbus.value_max=2 modbus.value_min=1 modbus.values=[1,2,\"{abc}\"]"
            )
        );
        // Nobody saw what these answer, or they cannot be read: they may be secret.
        for odd in [
            Sample { request: None, ..answer(b"\x03\x02\0a", b"") },
            Sample { kind: Kind::Query, ..query(b"\x10\0\x1F\0a") },
            query(b"\x16\0\x20\0\0\0a"),
        ] {
            let told = bench.see(odd, everything).join("|");
            assert!(
                told.contains("secret:") && !told.contains("[97") && !told.contains("=97") && !told.contains("0061"),
                "{told}"
            );
        }
        // Other tables have no secrets.
        assert!(bench.see(answer(b"\x04\x02\0a", b"\x04\0\x1F\0\x01"), everything)[0].contains("modbus.values=[97]"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// The law: of a device whose every register is secret no record shows a value.
        #[test]
        fn no_message_gives_a_secret_away(
            kind in prop::sample::select(&[Kind::Query, Kind::Response, Kind::Exception, Kind::Timeout][..]),
            code in prop::sample::select(&[3_u8, 6, 16, 22, 23][..]),
            asked_code in prop::sample::select(&[3_u8, 6, 16, 22, 23][..]),
            data in prop::collection::vec(any::<u8>(), 0..24),
            asked in prop::option::of(prop::collection::vec(any::<u8>(), 0..24)),
        ) {
            let mut memory = Memory::new(Arc::clone(&ALL_SECRET), Remembered { changes: true, old: true });
            let slots = Slots::with_tags(ALL_SECRET.tags());
            sample("write refused").with(|message| {
                let (body, flags) = Body::decode(kind, code, &data);
                let function_code = if kind == Kind::Exception { code | 0x80 } else { code };
                let request = asked.as_ref().zip(message.request).map(|(asked, request)| {
                    let body = Body::decode(Kind::Query, asked_code, asked).0;
                    crate::modbus::Request { function_code: asked_code, body, ..request }
                });
                let message = Message { kind, function_code, body, flags, data: &data, request, ..*message };
                let arena = Bump::new();
                for _ in 0..2 {
                    let recall = memory.see(&message, &arena);
                    let mut line = Vec::new();
                    json::write_json(&Record::new(&message, &slots, &arena).with(&recall), &mut line);
                    let record: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
                    let is_mark = |value: &serde_json::Value| value.as_str().is_some_and(|text| text.is_empty() || text.starts_with("secret:"));
                    for (name, value) in record.iter().filter(|(name, _)| SHOWING.contains(&name.as_str())) {
                        let marks = value.as_array().map_or(is_mark(value), |all| all.iter().all(is_mark));
                        assert!(marks, "{name} is {value}");
                    }
                }
            });
        }
    }

    /// Every holding register is secret.
    static ALL_SECRET: LazyLock<Arc<Maps>> = LazyLock::new(|| {
        let secret = |address: u16| Register {
            form: Form::Text { registers: 64, packing: Packing::One },
            secret: true,
            ..testing::register(&format!("r{address}"), address)
        };
        let registers = (0..=u16::MAX).step_by(64).map(secret).collect();
        Arc::new(Maps::new(vec![Map { registers, ..Map::default() }], SecretKey::default()))
    });

    /// The fields that can show a value.
    const SHOWING: [&str; 13] = [
        "modbus.values",
        "modbus.value",
        "modbus.value_min",
        "modbus.value_max",
        "modbus.text",
        "modbus.data",
        "modbus.and_mask",
        "modbus.or_mask",
        "modbus.request.values",
        "modbus.request.value",
        "modbus.request.text",
        "write.values",
        "write.old",
    ];

    #[test]
    fn old_values_and_masks_come_from_what_was_seen() {
        let mut bench = Bench::new(Arc::default(), Remembered { old: true, changes: false });
        let mut write = |sample| bench.see(sample, &["write.o", "write.v"]).join("|");
        const MASK: &[u8] = b"\x16\0\x04\0\xF2\0\x25";
        assert_eq!(write(query(MASK)), "write.outcome=\"attempted\"");
        write(answer(b"\x03\x02\0\x12", b"\x03\0\x04\0\x01"));
        // 6.16: 0x12 and 0xF2, or 0x25 and not 0xF2, are 0x17.
        assert_eq!(write(query(MASK)), "write.old=[18] write.outcome=\"attempted\" write.values=[23]");
        write(answer(MASK, MASK));
        const WRITE: &[u8] = b"\x10\0\x04\0\x01\x02\0\x09";
        let confirmed = answer(b"\x10\0\x04\0\x01", WRITE);
        assert_eq!(write(confirmed), "write.old=[23] write.outcome=\"confirmed\" write.values=[9]");
        assert_eq!(write(query(WRITE)), "write.old=[9] write.outcome=\"attempted\" write.values=[9]");
        // Somebody wrote unseen: nothing is known any more.
        write(Sample { request: None, ..confirmed });
        assert_eq!(write(query(WRITE)), "write.outcome=\"attempted\" write.values=[9]");
        // And-mask 0: the value before does not matter.
        assert_eq!(write(query(b"\x16\0\x04\0\0\0\x25")), "write.outcome=\"attempted\" write.values=[37]");
    }

    #[test]
    fn changes_of_all_four_tables_are_told() {
        let mut bench = Bench::new(thermometer(), Remembered { changes: true, old: false });
        let told = &[
            "modbus.kind",
            "modbus.status",
            "modbus.table",
            "modbus.address",
            "modbus.old",
            "modbus.new",
            "modbus.delta",
        ];
        let mut changes = |sample| bench.see(sample, told).split_off(1).join("\n");
        for (first, then, request) in [
            (&b"\x01\x01\x05"[..], &b"\x01\x01\x04"[..], &b"\x01\0\x13\0\x03"[..]),
            (b"\x02\x01\x05", b"\x02\x01\x07", b"\x02\0\x13\0\x03"),
            (b"\x03\x04\0\x01\0\x02", b"\x03\x04\0\x01\0\x01", b"\x03\0\x6B\0\x02"),
            (b"\x04\x02\xFF\xFF", b"\x04\x02\0\0", b"\x04\xFF\xFF\0\x01"),
        ] {
            assert_eq!(changes(answer(first, request)), "");
            let change = changes(answer(then, request));
            assert!(
                change.contains(r#"modbus.kind="status""#) && change.contains(r#"modbus.status="register_change""#)
            );
            assert_eq!(change.lines().count(), 1, "{change}");
        }
        // A write changes when it is confirmed, and a secret changes without being told.
        assert_eq!(changes(query(b"\x06\0\x6B\0\x09")), "");
        assert_eq!(
            changes(answer(b"\x06\0\x6B\0\x09", b"\x06\0\x6B\0\x09")),
            "modbus.address=107 modbus.delta=8 modbus.kind=\"status\" modbus.new=9 modbus.old=1 \
             modbus.status=\"register_change\" modbus.table=\"holding_registers\""
        );
        changes(answer(b"\x06\0\x1F\0a", b"\x06\0\x1F\0a"));
        let secret = changes(answer(b"\x06\0\x1F\0b", b"\x06\0\x1F\0b"));
        assert!(secret.contains("modbus.old=\"secret:") && !secret.contains("delta"), "{secret}");
    }

    #[test]
    fn a_device_is_known_by_what_it_says() {
        let register = testing::register("speed", 0x6B);
        let applies = Applies { identification: vec!["v2".into(), "A\"B".into()], ..Applies::default() };
        let maps = Arc::new(Maps::new(
            vec![Map { applies, registers: vec![register], ..Map::default() }],
            SecretKey::default(),
        ));
        let mut bench = Bench::new(maps, Remembered::default());
        let read = sample("holding read");
        assert_eq!(bench.see(read, &["tag."]), [""]);
        bench.see(sample("device id"), &[]);
        assert_eq!(bench.see(read, &["tag."]), ["tag.speed=555"]);
    }

    #[test]
    fn what_memory_adds_is_stored_faithfully() {
        let maps = thermometer();
        let mut memory = Memory::new(Arc::clone(&maps), Remembered { changes: true, old: true });
        let mut slots = Slots::with_tags(maps.tags());
        let names =
            ["tag.temperature", "tag.temperature.delta", "tag.temperature.unsafe", "tag.passphrase", "write.old"];
        let names = [&names[..], &["modbus.values", "write.values", "write.addresses", "modbus.text"]].concat();
        names.iter().for_each(|name| _ = slots.want(name));
        let plan = super::super::LogPlan::new(&slots, true);
        const READ: &[u8] = b"\x03\0\x04\0\x01";
        let samples = [
            answer(b"\x03\x02\x01\x85", READ),
            answer(b"\x03\x02\x03\x85", READ),
            query(b"\x06\0\x04\0\x01"),
            sample("write registers"),
            sample("write refused"),
        ];
        for sample in samples {
            sample.with(|message| {
                let (arena, mut line) = (Bump::new(), Vec::new());
                let recall = memory.see(message, &arena);
                let live = Record::new(message, &slots, &arena).with(&recall);
                json::write_json(&live, &mut line);
                let stored = super::super::LogRecord::read(&line, &plan, &arena).unwrap();
                use super::super::Facts;
                for (slot, name) in slots.iter() {
                    let print = |fact| {
                        let mut out = Vec::new();
                        json::write_fact(fact, &mut out);
                        String::from_utf8(out).unwrap()
                    };
                    assert_eq!(print(live.fact(slot)), print(stored.fact(slot)), "{name}");
                }
                let values = |facts: &dyn Facts| {
                    let mut values = Vec::new();
                    facts.each_value(&mut |fact| values.push(format!("{fact:?}").len()));
                    values.len()
                };
                assert_eq!(values(&live), values(&stored));
            });
        }
    }
}
