//! What one message does: the same whether a capture or a log tells of it.
//!
//! A query tells whom it asks for what and where. An answer tells the values it reads, and its sender's hardware
//! address; one whose request nobody saw stands for its query, as far as it tells. Timeouts and states tell nothing.

use super::super::maps::{TAG_PREFIX, Tags};
use super::super::{Fact, Facts, List, Recall, Slot, Slots, Whose, text, vocabulary};
use super::extent::Value;
use super::{Device, Mac, New, Pair, Query, Region, Touch};
use crate::modbus::function::EXCEPTION_BIT;
use crate::modbus::{Access, Body, Function, Kind, Message, Table};
use crate::net::Direction;
use crate::time::Timestamp;
use bumpalo::Bump;
use bumpalo::collections::Vec;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses of a table that are read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Which table; of [`Table::File`] the addresses are file numbers.
    pub table: Table,
    /// How.
    pub touch: Touch,
    /// The first address.
    pub first: u16,
    /// The last address, held at 65,535.
    pub last: u16,
}

/// What one message does.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// When.
    pub time: Timestamp,
    /// Between whom.
    pub pair: Pair,
    /// The unit and the function, where they are known.
    pub asked: Option<(u8, u8)>,
    /// Whether it asks: a query, or an answer whose request nobody saw.
    pub asks: bool,
    /// The question, of a query.
    pub query: Option<Query>,
    /// What it reads and writes, where it asks.
    pub areas: &'a [Area],
    /// The values of tags that it writes, or that it has read.
    pub values: &'a [(&'a str, Value<'a>)],
    /// The sender's addresses.
    pub mac: Option<(IpAddr, Mac)>,
}

impl<'a> Act<'a> {
    /// What a message does; `recall` tells its tags, which `tags` names.
    #[must_use]
    pub fn of(message: &Message<'a>, recall: Option<&Recall<'a>>, tags: &'a Tags, arena: &'a Bump) -> Option<Self> {
        if matches!(message.kind, Kind::Timeout | Kind::Status) {
            return None;
        }
        let flow = message.flow;
        let unit = message.mbap.unit_id;
        let function = message.function();
        let asks = message.kind == Kind::Query || message.request.is_none();
        let mut areas = Vec::new_in(arena);
        if asks {
            // Most have one, function 23 has two.
            areas.reserve(2);
            each_area(&message.body, function, &mut |area| areas.push(area));
        }
        let mut values = Vec::new_in(arena);
        if let Some(recall) = recall.filter(|_| tells_values(message.kind, asks, function)) {
            let named = recall.values().filter_map(|(tag, fact)| Some((tags.name(tag)?, fact)));
            named.for_each(|(name, fact)| each_value(name, fact, &mut values));
        }
        let sender = match message.direction {
            Direction::ToServer => flow.client.ip,
            Direction::ToClient => flow.server.ip,
        };
        let place = || message.body.address().zip(Some(message.body.quantity().unwrap_or_default()));
        Some(Self {
            time: message.time,
            pair: Pair { client: flow.client.ip, server: flow.server.ip },
            asked: Some((unit, function.code)),
            asks,
            query: (message.kind == Kind::Query).then(|| Query { unit, function: function.code, place: place() }),
            areas: areas.into_bump_slice(),
            values: values.into_bump_slice(),
            mac: message.carrier.mac.map(|mac| (sender, mac.src)),
        })
    }

    /// The unit whose addresses and values it tells.
    pub(super) fn device(&self) -> Option<Device> {
        self.asked.map(|(unit, _)| Device { server: self.pair.server, unit })
    }

    /// The regions it reads and writes, with the first and the last address.
    pub(super) fn regions(&self) -> impl Iterator<Item = (Region, u16, u16)> {
        let device = self.device();
        let region = move |area: &Area| {
            Some((Region { device: device?, table: area.table, touch: area.touch }, area.first, area.last))
        };
        self.areas.iter().filter_map(region)
    }
}

/// Whether a message's tags are its own: an answer to a write repeats those of its query.
fn tells_values(kind: Kind, asks: bool, function: &Function) -> bool {
    let reads = matches!(function.access, Access::Read | Access::ReadWrite);
    (asks && kind != Kind::Exception) || (kind == Kind::Response && reads)
}

/// Each value of a tag, lists taken apart.
fn each_value<'a>(name: &'a str, fact: Fact<'a>, values: &mut Vec<'a, (&'a str, Value<'a>)>) {
    match fact {
        Fact::List(List::Facts(facts)) => {
            values.extend(facts.iter().filter_map(|fact| Some((name, Value::of(*fact)?))))
        }
        fact => values.extend(Value::of(fact).map(|value| (name, value))),
    }
}

fn each_area(body: &Body<'_>, function: &Function, take: &mut impl FnMut(Area)) {
    let table = function.table;
    let mut area = |touch, first: u16, quantity: u16| {
        if let Some(beyond) = quantity.checked_sub(1) {
            take(Area { table, touch, first, last: first.saturating_add(beyond) });
        }
    };
    match *body {
        Body::ReadQuery { address, quantity } => area(Touch::Read, address, quantity),
        Body::FifoQuery { address } => area(Touch::Read, address, 1),
        Body::WriteSingle { address, .. } | Body::MaskWrite { address, .. } => area(Touch::Write, address, 1),
        Body::WriteMultiple { address, quantity, .. } | Body::WriteMultipleResponse { address, quantity } => {
            area(Touch::Write, address, quantity);
        }
        Body::ReadWriteQuery { read_address, read_quantity, write_address, write_quantity, .. } => {
            area(Touch::Read, read_address, read_quantity);
            area(Touch::Write, write_address, write_quantity);
        }
        Body::ReadFileQuery { .. } | Body::WriteFile { .. } => {
            let touch = if matches!(body, Body::WriteFile { .. }) { Touch::Write } else { Touch::Read };
            for (file, _) in body.file_groups().filter_map(|group| group.place) {
                area(touch, file, 1);
            }
        }
        _ => {}
    }
}

/// The fields of a log line that tell what it does.
#[derive(Clone, Debug)]
pub struct ActSlots {
    kind: Slot,
    client: Slot,
    server: Slot,
    unit: Slot,
    function: Slot,
    matched: Slot,
    address: Slot,
    quantity: Slot,
    read_address: Slot,
    read_quantity: Slot,
    files: Slot,
    sender: Slot,
    mac: Slot,
    /// The tags whose values are judged, with their names.
    tags: std::vec::Vec<(Arc<str>, Slot)>,
    /// Whether the line tells what is new by itself.
    news: Slot,
}

impl ActSlots {
    /// Asks for them; for the values of `tags` by name. `None` if there are too many fields.
    pub fn want(slots: &mut Slots, tags: impl Iterator<Item = Arc<str>>) -> Option<Self> {
        let tags = tags.map(|tag| Some((Arc::clone(&tag), slots.want(&format!("{TAG_PREFIX}{tag}"))?)));
        let tags = tags.collect::<Option<_>>()?;
        Some(Self {
            kind: slots.want("modbus.kind")?,
            client: slots.want("modbus.client")?,
            server: slots.want("modbus.server")?,
            unit: slots.want("modbus.unit_id")?,
            function: slots.want("modbus.function")?,
            matched: slots.want("modbus.matched")?,
            address: slots.want("modbus.address")?,
            quantity: slots.want("modbus.quantity")?,
            read_address: slots.want("modbus.read_address")?,
            read_quantity: slots.want("modbus.read_quantity")?,
            files: slots.want("modbus.files")?,
            sender: slots.want("src_ip")?,
            mac: slots.want("eth.src")?,
            tags,
            news: slots.want("baseline.new")?,
        })
    }

    /// Where a line tells what is new.
    #[must_use]
    pub const fn news(&self) -> Slot {
        self.news
    }

    /// What the line of a log does that has our own fields; `None` for one that tells too little, or tells what is new
    /// by itself.
    pub fn act<'a>(&'a self, line: &'a impl Facts, time: Option<Timestamp>, arena: &'a Bump) -> Option<Act<'a>> {
        let address = |slot| match line.fact(slot) {
            Fact::Addr(address) => Some(address),
            _ => None,
        };
        let number = |slot| match line.fact(slot) {
            Fact::Int(number) => u16::try_from(number).ok(),
            _ => None,
        };
        let pair = Pair { client: address(self.client)?, server: address(self.server)? };
        let kind = match line.fact(self.kind) {
            Fact::Word(of, word) if std::ptr::eq(of, &vocabulary::KIND) => kind(word)?,
            // A log that does not tell who asks and who answers.
            Fact::Absent => Kind::Query,
            _ => return None,
        };
        if matches!(kind, Kind::Timeout | Kind::Status) || line.fact(self.news) != Fact::Absent {
            return None;
        }
        let asks = kind == Kind::Query || line.fact(self.matched) == Fact::Bool(false);
        let byte = |slot| number(slot).and_then(|number| u8::try_from(number).ok());
        let asked = byte(self.unit).zip(byte(self.function).map(|function| function & !EXCEPTION_BIT));
        let mut areas = Vec::new_in(arena);
        let mut values = Vec::new_in(arena);
        let mut query = None;
        if let Some((unit, code)) = asked {
            let function = Function::of(code);
            if asks && kind != Kind::Exception {
                self.each_area(function, &number, line.fact(self.files), &mut |area| areas.push(area));
            }
            if tells_values(kind, asks, function) {
                self.tags.iter().for_each(|(name, slot)| each_value(name, line.fact(*slot), &mut values));
            }
            let first = number(self.read_address).or_else(|| number(self.address));
            let quantity = number(self.read_quantity).or_else(|| number(self.quantity)).unwrap_or_default();
            let asked = Query { unit, function: code, place: first.zip(Some(quantity)) };
            query = (kind == Kind::Query).then_some(asked);
        }
        Some(Act {
            time: time?,
            pair,
            asked,
            asks,
            query,
            areas: areas.into_bump_slice(),
            values: values.into_bump_slice(),
            mac: address(self.sender).zip(match line.fact(self.mac) {
                Fact::Text(text) => mac_of(text),
                _ => None,
            }),
        })
    }

    fn each_area(
        &self,
        function: &Function,
        number: &impl Fn(Slot) -> Option<u16>,
        files: Fact<'_>,
        take: &mut impl FnMut(Area),
    ) {
        let table = function.table;
        let mut area = |touch, first: Option<u16>, quantity: Option<u16>| {
            if let (Some(first), Some(beyond)) = (first, quantity.and_then(|quantity| quantity.checked_sub(1))) {
                take(Area { table, touch, first, last: first.saturating_add(beyond) });
            }
        };
        let (address, quantity) = (number(self.address), number(self.quantity));
        match function.code {
            1..=4 => area(Touch::Read, address, quantity),
            5 | 6 | 15 | 16 | 22 => area(Touch::Write, address, quantity),
            23 => {
                area(Touch::Read, number(self.read_address), number(self.read_quantity));
                area(Touch::Write, address, quantity);
            }
            24 => area(Touch::Read, address, Some(1)),
            20 | 21 => {
                let touch = if function.code == 21 { Touch::Write } else { Touch::Read };
                let mut file = |fact| {
                    if let Fact::Int(number) = fact {
                        area(touch, u16::try_from(number).ok(), Some(1));
                    }
                };
                files.each(&mut file);
            }
            _ => {}
        }
    }
}

/// The kind that a word of [`vocabulary::KIND`] stands for.
fn kind(word: u16) -> Option<Kind> {
    Kind::ALL.get(usize::from(word)).map(|(kind, _)| *kind)
}

/// The hardware address in its text form, in any case: `08:00:27:bb:18:24`.
#[must_use]
pub fn mac_of(text: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        *byte = parts.next().filter(|part| part.len() == 2).and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(mac)
}

/// A hardware address as records have it: `08:00:27:bb:18:24`.
#[must_use]
pub fn mac_text(mac: Mac) -> String {
    text::mac(mac, &Bump::new()).to_owned()
}

/// The facts of a log line, with what is new in it.
#[derive(Clone, Copy, Debug)]
pub struct WithNews<'a, F> {
    facts: &'a F,
    slot: Option<Slot>,
    news: New,
}

impl<'a, F: Facts> WithNews<'a, F> {
    /// `facts`, and in the field at `slot`, the news.
    #[must_use]
    pub const fn new(facts: &'a F, slot: Option<Slot>, news: New) -> Self {
        Self { facts, slot, news }
    }
}

impl<F: Facts> Facts for WithNews<'_, F> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        if !self.news.is_nothing() && self.slot == Some(slot) { self.news.fact() } else { self.facts.fact(slot) }
    }

    fn each_fact(&self, visit: &mut dyn FnMut(Whose, Fact<'_>)) -> bool {
        if self.news.is_nothing() {
            return self.facts.each_fact(visit);
        }
        let told = self.facts.each_fact(&mut |whose, fact| match whose {
            Whose::Field(slot) if self.slot == Some(slot) => {}
            Whose::Both(slot) if self.slot == Some(slot) => visit(Whose::Value, fact),
            whose => visit(whose, fact),
        });
        if told {
            visit(self.slot.map_or(Whose::Value, Whose::Both), self.news.fact());
        }
        told
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        self.facts.each_value(visit);
        self.news.fact().each(visit);
    }
}
