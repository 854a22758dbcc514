//! What a message writes, said in one way for the seven functions that write (5, 6, 15, 16, 21, 22 and 23).
//!
//! A write is told four times at most: when it is attempted (the query), and then confirmed (the answer), refused (the
//! exception) or unanswered (the timeout). All tell the same addresses and values, those of the query.

use super::data::Data;
use super::schema::Native;
use super::veil::{self, Veil};
use super::{Fact, List, Recall, vocabulary};
use crate::modbus::function::EXCEPTION_BIT;
use crate::modbus::{Body, FileGroups, Kind, Message, Table, Values};
use bumpalo::Bump;
use bumpalo::collections::Vec;

/// The most addresses that a function can write: 1968 coils (6.11). A query that names more is flagged
/// (`quantity_limit`) and refused; of its addresses these count.
pub(super) const MOST: u16 = 1968;

/// How a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Attempted,
    Confirmed,
    Refused,
    Unanswered,
}

/// Where a write's addresses and values are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// In the message.
    Own,
    /// In its request.
    Request,
    /// Nowhere that was seen.
    Nobody,
}

/// One write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'a> {
    pub(super) outcome: Outcome,
    pub(super) table: Table,
    pub(super) teller: Teller,
    pub(super) body: Body<'a>,
    code: u8,
}

/// A write with what memory and maps add to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    write: Write<'a>,
    recall: Option<&'a Recall<'a>>,
    arena: &'a Bump,
}

impl<'a> Written<'a> {
    /// The write that a message tells of, as it is remembered.
    pub(super) fn of(message: &Message<'a>, recall: Option<&'a Recall<'a>>, arena: &'a Bump) -> Option<Self> {
        Some(Self { write: Write::of(message)?, recall, arena })
    }

    /// What it says of a field.
    #[inline]
    pub(super) fn fact(&self, native: Native) -> Fact<'a> {
        let list = match native {
            Native::WriteValues => self.values(),
            Native::WriteOld => self.recall.and_then(|recall| recall.old),
            _ => return self.write.fact(native, self.arena),
        };
        list.map_or(Fact::Absent, Fact::List)
    }

    fn values(&self) -> Option<List<'a>> {
        let Self { write, recall, arena } = *self;
        let left = recall.and_then(|recall| recall.masked);
        let values = left.or_else(|| write.values(arena)).or_else(|| write.records(arena))?;
        Some(veil::hide(values, self.veil(), arena))
    }

    fn veil(&self) -> Veil<'a> {
        match (self.write.teller, self.recall) {
            (Teller::Own, Some(recall)) => recall.own,
            (Teller::Request, Some(recall)) => recall.request,
            _ => &[],
        }
    }
}

/// Whether a message tells of a write.
pub(super) fn is_write(message: &Message<'_>) -> bool {
    matches!(message.function_code & !EXCEPTION_BIT, 5 | 6 | 15 | 16 | 21 | 22 | 23) && message.kind != Kind::Status
}

impl<'a> Write<'a> {
    /// The write that a message tells of.
    pub(super) fn of(message: &Message<'a>) -> Option<Self> {
        if !is_write(message) {
            return None;
        }
        let function = message.function();
        let outcome = match message.kind {
            Kind::Query => Outcome::Attempted,
            Kind::Response => Outcome::Confirmed,
            Kind::Exception => Outcome::Refused,
            Kind::Timeout => Outcome::Unanswered,
            Kind::Status => return None,
        };
        let asked = message.request.filter(|request| request.function_code == function.code);
        let (teller, body) = match (message.kind, asked) {
            (Kind::Query | Kind::Timeout, _) => (Teller::Own, message.body),
            (_, Some(request)) => (Teller::Request, request.body),
            // Most answers repeat what was written, or at least where.
            (Kind::Response, None) => (Teller::Own, message.body),
            (_, None) => (Teller::Nobody, message.body),
        };
        Some(Self { outcome, table: function.table, teller, body, code: function.code })
    }

    /// The first address and how many follow; none for a file, and where nobody tells.
    pub(super) fn range(&self) -> Option<(u16, u16)> {
        let (first, quantity) = match self.body {
            Body::WriteSingle { address, .. } | Body::MaskWrite { address, .. } => (address, 1),
            Body::WriteMultiple { address, quantity, .. } | Body::WriteMultipleResponse { address, quantity } => {
                (address, quantity)
            }
            Body::ReadWriteQuery { write_address, write_quantity, .. } => (write_address, write_quantity),
            _ => return None,
        };
        Some((first, quantity))
    }

    /// The values written, as far as they need no memory: of function 22 where no bit is kept, and not those of files.
    pub(super) fn values(&self, arena: &'a Bump) -> Option<List<'a>> {
        if let Some(left) = self.masks().and_then(|masks| masks.apply(None)) {
            return Some(List::Registers(arena.alloc_slice_copy(&left.to_be_bytes())));
        }
        let values = match self.body {
            Body::WriteSingle { .. } | Body::WriteMultiple { .. } | Body::ReadWriteQuery { .. } => {
                self.body.values(self.code)
            }
            _ => Values::None,
        };
        Data::new(self.code, &self.body, values, arena).list()
    }

    /// The bits that function 22 keeps and sets.
    pub(super) const fn masks(&self) -> Option<Masks> {
        match self.body {
            Body::MaskWrite { and_mask, or_mask, .. } => Some(Masks { and_mask, or_mask }),
            _ => None,
        }
    }

    /// What it says of a field that needs no memory.
    #[inline]
    fn fact(&self, native: Native, arena: &'a Bump) -> Fact<'a> {
        match native {
            Native::WriteOutcome => Fact::Word(&vocabulary::OUTCOME, self.outcome as u16),
            Native::WriteTable => Fact::Word(&vocabulary::TABLE, self.table as u16),
            Native::WriteAddresses => self.addresses(arena),
            Native::WriteCount => self.count(),
            _ => Fact::Absent,
        }
    }

    fn addresses(&self, arena: &'a Bump) -> Fact<'a> {
        match self.range() {
            Some((first, count)) => {
                span(first, count).map_or(Fact::Absent, |span| Fact::List(List::Spans(arena.alloc([span]))))
            }
            None => self.file_records(arena),
        }
    }

    #[cold]
    fn file_records(&self, arena: &'a Bump) -> Fact<'a> {
        let mut spans = Vec::new_in(arena);
        let places = self.groups().filter_map(|group| Some((group.place?.1, group.length)));
        spans.extend(places.filter_map(|(record, length)| span(record, length)));
        if spans.is_empty() { Fact::Absent } else { Fact::List(List::Spans(spans.into_bump_slice())) }
    }

    fn count(&self) -> Fact<'a> {
        match (self.range(), self.body) {
            (Some((_, count)), _) => Fact::Int(count.into()),
            (None, Body::WriteFile { .. }) => Fact::Int(self.groups().map(|group| i64::from(group.length)).sum()),
            _ => Fact::Absent,
        }
    }

    /// The registers that function 21 writes to all files.
    pub(super) fn records(&self, arena: &'a Bump) -> Option<List<'a>> {
        if !matches!(self.body, Body::WriteFile { .. }) {
            return None;
        }
        let mut bytes = Vec::new_in(arena);
        self.groups().for_each(|group| bytes.extend_from_slice(group.data.as_chunks::<2>().0.as_flattened()));
        Some(List::Registers(bytes.into_bump_slice()))
    }

    fn groups(&self) -> FileGroups<'a> {
        self.body.file_groups()
    }
}

/// The first and the last of so many addresses.
fn span(first: u16, count: u16) -> Option<[u16; 2]> {
    let beyond = count.min(MOST).checked_sub(1)?;
    Some([first, first.saturating_add(beyond)])
}

/// The masks of function 22.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masks {
    and_mask: u16,
    or_mask: u16,
}

impl Masks {
    /// What is left of a register (6.16), where its value before does not matter or is known.
    pub(super) fn apply(self, before: Option<u16>) -> Option<u16> {
        let Self { and_mask, or_mask } = self;
        if and_mask == 0 {
            return Some(or_mask);
        }
        before.map(|before| (before & and_mask) | (or_mask & !and_mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{LOGIN, Sample, sample};
    use crate::record::{Facts, Record, Slots, json};

    /// What a sample says of the fields of writes, as JSON.
    fn told(sample: Sample) -> String {
        sample.with(|message| {
            let (arena, mut slots) = (Bump::new(), Slots::new());
            let names = ["outcome", "table", "addresses", "count", "values"];
            let wanted = names.map(|name| slots.want(&format!("write.{name}")).unwrap());
            let record = Record::new(message, &slots, &arena);
            let mut out = Vec::new_in(&arena);
            for slot in wanted {
                let mut json = std::vec::Vec::new();
                json::write_fact(record.fact(slot), &mut json);
                out.extend_from_slice(&json);
                out.push(b' ');
            }
            String::from_utf8(out.to_vec()).unwrap().trim_end().to_owned()
        })
    }

    #[test]
    fn a_write_is_told_the_same_by_all_its_records() {
        let rest = r#""holding_registers" "31-36" 6 [97,98,99,100,101,102]"#;
        assert_eq!(told(sample("write registers")), format!(r#""attempted" {rest}"#));
        assert_eq!(told(sample("registers written")), format!(r#""confirmed" {rest}"#));
        assert_eq!(told(sample("write refused")), format!(r#""refused" {rest}"#));
        let timeout = Sample { name: "", kind: Kind::Timeout, pdu: LOGIN, request: Some(LOGIN) };
        assert_eq!(told(timeout), format!(r#""unanswered" {rest}"#));
    }

    #[test]
    fn what_nobody_saw_is_not_told() {
        let alone = |name: &str| told(Sample { request: None, ..sample(name) });
        assert_eq!(alone("registers written"), r#""confirmed" "holding_registers" "31-36" 6 null"#);
        assert_eq!(alone("coil written"), r#""confirmed" "coils" "172" 1 [0]"#);
        assert_eq!(alone("write refused"), r#""refused" "holding_registers" null null null"#);
        // These values were read.
        assert_eq!(alone("read and written"), r#""confirmed" "holding_registers" null null null"#);
        assert_eq!(told(sample("read holding")), "null null null null null");
    }

    #[test]
    fn a_range_ends_at_the_last_address_and_is_never_longer_than_a_write() {
        let query = |pdu| told(Sample { name: "", kind: Kind::Query, pdu, request: None });
        assert!(query(b"\x10\xFF\xFE\0\x06\x02\0a").contains(r#" "65534-65535" 6 "#));
        assert!(query(b"\x10\0\0\xFF\xFF\x02\0a").contains(r#" "0-1967" 65535 "#));
        assert!(query(b"\x10\0\0\0\0\0").contains(" null 0 "));
    }
}
