//! Records as JSON: one object a line, native types, fields in the order of the table, absent fields left out.

use super::list::registers;
use super::schema::{Field, Group, Native, Visitor};
use super::{Fact, List, Record, digits, schema};
use std::io::Write;
use std::net::IpAddr;

/// What stands in place of a masked value.
pub(super) const MASKED: &[u8] = b"\"[masked]\"";

/// Fields whose values must not be shown.
///
/// To mask one field of values is to mask them all, the request's included: a passphrase that is hidden in
/// `modbus.values` must not be read from `modbus.text`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u128);

// A mask has a bit for every field.
const _: () = assert!((Native::Flags as u8) < 128);

/// The fields that can show what was read or written.
const VALUES: [Native; 13] = [
    Native::Values,
    Native::Value,
    Native::ValueMin,
    Native::ValueMax,
    Native::Text,
    Native::OutputValue,
    Native::Records,
    Native::Data,
    Native::RequestValues,
    Native::RequestValue,
    Native::RequestText,
    Native::WriteValues,
    Native::WriteOld,
];

impl Mask {
    /// Nothing is masked.
    pub const NONE: Self = Self(0);

    /// Masks `fields`.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        let mut mask = fields.into_iter().fold(Self::NONE, |mask, field| mask.with(field.native));
        if VALUES.iter().any(|native| mask.hides(*native)) {
            mask = VALUES.iter().fold(mask, |mask, native| mask.with(*native));
        }
        mask
    }

    /// Whether a field's value must not be shown.
    #[must_use]
    pub const fn has(self, field: Field) -> bool {
        self.hides(field.native)
    }

    /// Masks what either masks.
    #[must_use]
    pub const fn with_all(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What it masks of a record: without any, the record is written as every other.
    #[must_use]
    pub fn within(self, record: &Record<'_>) -> Self {
        let mut left = self.0;
        let hidden = std::iter::from_fn(|| {
            let native = schema::at(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(native)
        });
        let there = hidden.filter(|native| record.native(*native) != Fact::Absent);
        there.fold(Self::NONE, Self::with)
    }

    const fn with(self, native: Native) -> Self {
        Self(self.0 | 1 << native as u8)
    }

    pub(super) const fn hides(self, native: Native) -> bool {
        self.0 >> native as u8 & 1 != 0
    }
}

/// Appends the record as one object without a line end: `{"type":"record","EventTime":"…",…}`.
pub fn write_json(record: &Record<'_>, out: &mut Vec<u8>) {
    write_object(record, Mask::NONE, None, out);
}

/// Appends the record as an object to be nested in another: without `type`, with `mask`.
pub fn write_fields(record: &Record<'_>, mask: Mask, out: &mut Vec<u8>) {
    write_object(record, mask, Some(Native::Type), out);
}

fn write_object(record: &Record<'_>, mask: Mask, without: Option<Native>, out: &mut Vec<u8>) {
    let start = out.len();
    for group in Group::ALL.iter().filter(|group| record.has(**group)) {
        group.each(&mut Masked { record, mask, without, out });
    }
    write_tags(record, out);
    close(start, out);
}

/// Writes fields with a mask.
struct Masked<'r, 'a> {
    record: &'r Record<'a>,
    mask: Mask,
    without: Option<Native>,
    out: &'r mut Vec<u8>,
}

impl Visitor for Masked<'_, '_> {
    fn visit(&mut self, native: Native) {
        let fact = self.record.native(native);
        if matches!(fact, Fact::Absent) || self.without == Some(native) {
            return;
        }
        native.row().key.write(self.out);
        if self.mask.hides(native) {
            self.out.extend_from_slice(MASKED);
        } else {
            write_fact(fact, self.out);
        }
    }
}

/// Appends the fields of one group, each with the comma before it.
#[inline(never)]
pub(super) fn write_group(record: &Record<'_>, group: Group, out: &mut Vec<u8>) {
    group.each(&mut Masked { record, mask: Mask::NONE, without: None, out });
}

/// Makes an object of the fields since `start`: the first comma is turned into the brace.
fn close(start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Its tags with their parts. Most records have none.
#[inline]
pub(super) fn write_tags(record: &Record<'_>, out: &mut Vec<u8>) {
    if record.is_mapped() {
        write_all_tags(record, out);
    }
}

#[inline(never)]
fn write_all_tags(record: &Record<'_>, out: &mut Vec<u8>) {
    for (key, fact) in record.tags() {
        out.extend_from_slice(key.as_bytes());
        write_fact(fact, out);
    }
}

/// Appends one value as JSON; an absent one is null.
#[expect(clippy::inline_always, reason = "of a field that the compiler knows, one branch is left")]
#[inline(always)]
pub fn write_fact(fact: Fact<'_>, out: &mut Vec<u8>) {
    match fact {
        Fact::Absent | Fact::Null => out.extend_from_slice(b"null"),
        Fact::Object => out.extend_from_slice(b"{}"),
        Fact::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Fact::Int(value) => digits::write(value, out),
        Fact::Uint(value) => digits::write_long(value, out),
        Fact::Float(value) => write_float(value, out),
        Fact::Text(text) => write_text(text, out),
        Fact::Word(vocabulary, word) => {
            // No word of ours needs an escape.
            let text = vocabulary.words.get(usize::from(word)).copied().unwrap_or_default();
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Fact::Addr(address) => {
            out.push(b'"');
            write_addr(address, out);
            out.push(b'"');
        }
        Fact::Time(time) => {
            out.push(b'"');
            time.write_rfc3339(out);
            out.push(b'"');
        }
        Fact::List(list) => write_list(list, out),
    }
}

fn write_list(list: List<'_>, out: &mut Vec<u8>) {
    match list {
        List::Spans(spans) => return write_spans(spans, out),
        List::Registers(bytes) => return digits::write_list(registers(bytes), out),
        List::Bits { bytes, count } => return digits::write_bits(bytes, count, out),
        _ => {}
    }
    out.push(b'[');
    for (place, element) in list.elements().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_fact(element, out);
    }
    out.push(b']');
}

/// `"31-46, 50"`
fn write_spans(spans: &[[u16; 2]], out: &mut Vec<u8>) {
    out.push(b'"');
    for (place, [first, last]) in spans.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        digits::write((*first).into(), out);
        if last != first {
            out.push(b'-');
            digits::write((*last).into(), out);
        }
    }
    out.push(b'"');
}

/// A text in quotes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// A text as it stands between quotes.
pub(super) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |byte: &u8| matches!(byte, 0..=0x1F | b'"' | b'\\');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        write_escape(*byte, out);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[cold]
fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        // Writing into a vector cannot fail.
        _ => _ = write!(out, "\\u{byte:04x}"),
    }
}

pub(super) fn write_addr(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (place, part) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                digits::write(part.into(), out);
            }
        }
        // Writing into a vector cannot fail.
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

/// The shortest decimal that reads back as the same number; always with a fraction or an exponent.
fn write_float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    // Most of our fractions are milliseconds with whole nanoseconds: six decimals, worked out in integers.
    const MILLION: f64 = 1e6;
    const EXACT: i64 = 9_000_000_000_000_000;
    let millionths = (value * MILLION + 0.5_f64.copysign(value)) as i64;
    if (-EXACT..EXACT).contains(&millionths) && millionths as f64 / MILLION == value {
        write_millionths(millionths, out);
    } else {
        // Writing into a vector cannot fail.
        let _ = write!(out, "{value:?}");
    }
}

fn write_millionths(millionths: i64, out: &mut Vec<u8>) {
    if millionths < 0 {
        out.push(b'-');
    }
    let magnitude = millionths.unsigned_abs();
    digits::write((magnitude / 1_000_000) as i64, out);
    out.push(b'.');
    digits::write_decimals((magnitude % 1_000_000) as u32, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{SAMPLES, Sample, sample};
    use crate::record::{Domain, Slots, schema};
    use bumpalo::Bump;

    fn json(sample: &Sample) -> String {
        sample.with(|message| {
            let (slots, arena, mut out) = (Slots::new(), Bump::new(), Vec::new());
            write_json(&Record::new(message, &slots, &arena), &mut out);
            String::from_utf8(out).unwrap()
        })
    }

    fn masked(sample: &Sample, fields: &[&str]) -> String {
        sample.with(|message| {
            let (slots, arena, mut out) = (Slots::new(), Bump::new(), b"...".to_vec());
            let mask = Mask::new(fields.iter().map(|name| schema::find(name).unwrap()));
            write_fields(&Record::new(message, &slots, &arena), mask, &mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn a_record_is_one_flat_object() {
        assert_eq!(
            json(&sample("write registers")),
            concat!(
                r#"{"type":"record","EventTime":"2020-09-23T08:55:39.979000512Z","frame.number":6,"frame.pdu":0,"#,
                r#""eth.src":"08:00:27:bb:18:24","eth.dst":"08:00:27:aa:0f:15","vlan.id":[100],"#,
                r#""ipv4.src":"10.0.2.15","ipv4.dst":"10.0.2.24","tcp.src_port":52701,"tcp.dst_port":502,"#,
                r#""tcp.flag":"[PSH, ACK]","src_ip":"10.0.2.15","src_port":52701,"dst_ip":"10.0.2.24","dst_port":502,"#,
                r#""modbus.client":"10.0.2.15","modbus.client_port":52701,"modbus.server":"10.0.2.24","#,
                r#""modbus.server_port":502,"modbus.conn":1,"modbus.framing":"tcp","modbus.kind":"query","#,
                r#""modbus.trans_id":7,"modbus.prot_id":0,"modbus.length":19,"modbus.unit_id":10,"#,
                r#""modbus.function_code":"Write Multiple Registers (16)","modbus.function":16,"#,
                r#""modbus.category":"public","modbus.access":"write","modbus.table":"holding_registers","#,
                r#""modbus.address":31,"modbus.address_end":36,"modbus.quantity":6,"modbus.byte_count":12,"#,
                r#""modbus.values":[97,98,99,100,101,102],"modbus.value":97,"modbus.value_min":97,"#,
                r#""modbus.value_max":102,"modbus.text":"abcdef","write.outcome":"attempted","#,
                r#""write.table":"holding_registers","write.addresses":"31-36","write.count":6,"#,
                r#""write.values":[97,98,99,100,101,102]}"#,
            )
        );
    }

    #[test]
    fn every_layout_has_its_fields() {
        let lines = SAMPLES.iter().map(|sample| {
            let json = json(sample);
            let fields = json[json.find(r#""modbus.function_code""#).unwrap_or(1)..].replace(r#","modbus."#, "\n  \"");
            format!("{}:\n  {}\n", sample.name, fields.trim_start_matches("modbus."))
        });
        insta::assert_snapshot!("layouts", lines.collect::<String>());
    }

    #[test]
    fn every_line_is_json() {
        for sample in SAMPLES {
            let value: serde_json::Value = serde_json::from_str(&json(sample)).unwrap();
            assert_eq!(value["type"], "record", "{}", sample.name);
        }
        let vendor: serde_json::Value = serde_json::from_str(&json(&sample("device id"))).unwrap();
        assert_eq!(vendor["modbus.vendor_name"], "A\"B");
        assert_eq!(vendor["modbus.product_code"], "M\u{FFFD}");
    }

    #[test]
    fn to_mask_one_field_of_values_is_to_mask_them_all() {
        let written = masked(&sample("write registers"), &["modbus.text"]);
        assert!(written.starts_with(r#"...{"EventTime":"#));
        assert!(written.contains(r#""modbus.text":"[masked]","#));
        assert!(written.ends_with(r#""write.count":6,"write.values":"[masked]"}"#));
        assert!(written.contains(r#""modbus.values":"[masked]","modbus.value":"[masked]""#));
        assert!(written.contains(r#""modbus.address":31"#));
        let refused = masked(&sample("write refused"), &["modbus.query.write_multiple_registers.registers"]);
        assert!(refused.contains(r#""modbus.request.values":"[masked]""#));
        assert!(!refused.contains("[97") && !refused.contains("abcdef"));
        let source = masked(&sample("write registers"), &["src_ip"]);
        assert!(source.contains(r#""src_ip":"[masked]""#) && source.contains(r#""modbus.text":"abcdef""#));
    }

    #[test]
    fn no_word_needs_an_escape() {
        for field in schema::all() {
            if let Domain::Word(vocabulary) | Domain::Words(vocabulary) = field.domain() {
                for word in vocabulary.words {
                    let mut out = Vec::new();
                    write_escaped(word, &mut out);
                    assert_eq!(out, word.as_bytes());
                }
            }
        }
    }

    #[test]
    fn values_print_so_that_they_read_back() {
        let print = |fact: Fact<'_>| {
            let mut out = Vec::new();
            write_fact(fact, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (value, text) in [
            (0.0, "0.0"),
            (12.0, "12.0"),
            (0.000_001, "0.000001"),
            (-1.25, "-1.25"),
            (30_000.000_001, "30000.000001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e300"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(print(Fact::Float(value)), text);
        }
        assert_eq!(print(Fact::Text("a\"b\\c\n\u{1}é")), r#""a\"b\\c\n\u0001é""#);
        assert_eq!(print(Fact::Uint(u64::MAX)), "18446744073709551615");
        assert_eq!(print(Fact::Addr("2001:db8::1".parse().unwrap())), r#""2001:db8::1""#);
        assert_eq!(print(Fact::List(List::Facts(&[Fact::Null, Fact::Bool(true)]))), "[null,true]");
    }
}
