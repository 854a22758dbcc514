//! Secrets in records that were stored before anybody said that they are secret.

use crate::modbus::Table;
use crate::record::json::write_fact;
use crate::record::maps::{MapId, Maps};
use crate::record::veil::{self, Veil};
use crate::record::{Fact, List};
use bumpalo::Bump;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// The fields that can show what a message itself reads or writes, beside `modbus.values`.
const OWN: [&str; 9] = [
    "modbus.value",
    "modbus.value_min",
    "modbus.value_max",
    "modbus.text",
    "modbus.output_value",
    "modbus.and_mask",
    "modbus.or_mask",
    "modbus.records",
    "modbus.data",
];

/// The same of its request.
const REQUEST: [&str; 2] = ["modbus.request.value", "modbus.request.text"];

/// The lists of values that a write has beside them.
const WRITE: [&str; 2] = ["write.values", "write.old"];

/// A stored record of ours as it would have been stored with these maps, if it holds a secret of theirs in clear. Its
/// device is taken to be all that a map asks for by identification.
#[must_use]
pub fn hide_secrets(line: &[u8], maps: &Maps, arena: &Bump) -> Option<Vec<u8>> {
    memchr::memmem::find(line, b"\"modbus.server\"")?;
    let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let map = device(&fields, maps)?;
    let word = fields.get("modbus.table")?.as_str()?;
    let table = Table::ALL.iter().find(|(_, known)| *known == word).map(|(table, _)| *table)?;
    if !maps.has_secrets_in(map, table) {
        return None;
    }
    let stored = Stored { maps, map, table, arena };
    let asks = matches!(fields.get("modbus.kind").and_then(Value::as_str), Some("query" | "timeout"));
    let function = number(&fields, "modbus.function");
    let reads = matches!(function, Some(1..=4));
    let own_start = number(&fields, if reads && !asks { "modbus.request.address" } else { "modbus.address" });
    // The address that function 23 reads from is not among what a stored answer says of its request.
    let own_start = own_start.filter(|_| asks || function != Some(23));
    let own = match (function, fields.get("modbus.data").and_then(Value::as_str)) {
        (_, Some(hex)) => veil::whole(maps, map, table, &bytes(hex), arena),
        (Some(22), None) => stored.veil_of_masks(&fields),
        _ => stored.veil(&fields, "modbus.values", own_start),
    };
    let request = stored.veil(&fields, "modbus.request.values", number(&fields, "modbus.request.address"));
    if own.is_empty() && request.is_empty() {
        return None;
    }
    let write_start = number(&fields, if asks { "modbus.address" } else { "modbus.request.address" });
    for name in WRITE {
        // What function 22 leaves has the mark of its masks.
        let leaves = name == "write.values" && function == Some(22);
        let veil = if leaves { own } else { stored.veil(&fields, name, write_start) };
        stored.show(&mut fields, name, veil);
    }
    stored.show(&mut fields, "modbus.values", own);
    stored.show(&mut fields, "modbus.request.values", request);
    for (names, veil) in [(&OWN[..], own), (&REQUEST, request)] {
        let Some(hidden) = veil.first() else { continue };
        for name in names {
            if let Some(value) = fields.get_mut(*name) {
                *value = hidden.mark.into();
            }
        }
    }
    serde_json::to_vec(&fields).ok()
}

fn device(fields: &Map<String, Value>, maps: &Maps) -> Option<MapId> {
    let server: IpAddr = fields.get("modbus.server")?.as_str()?.parse().ok()?;
    let unit = u8::try_from(number(fields, "modbus.unit_id")?).ok()?;
    maps.of(server, unit, u64::MAX)
}

/// The bytes of a PDU that could not be read, which a record has in hex.
fn bytes(hex: &str) -> Vec<u16> {
    let pairs = hex.as_bytes().as_chunks::<2>().0.iter();
    pairs.filter_map(|pair| u16::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn number(fields: &Map<String, Value>, name: &str) -> Option<u16> {
    u16::try_from(fields.get(name)?.as_u64()?).ok()
}

/// Where the values of a stored record stand.
struct Stored<'a> {
    maps: &'a Maps,
    map: MapId,
    table: Table,
    arena: &'a Bump,
}

impl<'a> Stored<'a> {
    /// The secrets in a list of values; marks that it has already are none.
    fn veil(&self, fields: &Map<String, Value>, name: &str, start: Option<u16>) -> Veil<'a> {
        let words: Vec<u16> = self.words(fields, name);
        match start {
            Some(start) => veil::of(self.maps, self.map, (self.table, start), &words, self.arena),
            None => veil::whole(self.maps, self.map, self.table, &words, self.arena),
        }
    }

    /// The masks of function 22 are as good as the value.
    fn veil_of_masks(&self, fields: &Map<String, Value>) -> Veil<'a> {
        let masks = ["modbus.and_mask", "modbus.or_mask"].map(|name| number(fields, name));
        let ([Some(and_mask), Some(or_mask)], Some(address)) = (masks, number(fields, "modbus.address")) else {
            return &[];
        };
        if veil::of(self.maps, self.map, (self.table, address), &[0], self.arena).is_empty() {
            return &[];
        }
        veil::whole(self.maps, self.map, self.table, &[and_mask, or_mask], self.arena)
    }

    fn words(&self, fields: &Map<String, Value>, name: &str) -> Vec<u16> {
        let values = fields.get(name).and_then(Value::as_array);
        let words = values.into_iter().flatten().map(|value| value.as_u64().and_then(|word| u16::try_from(word).ok()));
        words.collect::<Option<_>>().unwrap_or_default()
    }

    fn show(&self, fields: &mut Map<String, Value>, name: &str, veil: Veil<'a>) {
        if veil.is_empty() {
            return;
        }
        let facts = self.words(fields, name).into_iter().map(|word| Fact::Int(word.into()));
        let facts = self.arena.alloc_slice_fill_iter(facts.collect::<Vec<_>>());
        let mut json = Vec::new();
        write_fact(Fact::List(veil::hide(List::Facts(facts), veil, self.arena)), &mut json);
        if let Some(value) = fields.get_mut(name) {
            *value = serde_json::from_slice(&json).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::{Kind, Table};
    use crate::record::json::write_json;
    use crate::record::maps::{self, Form, Packing, Register, SecretKey};
    use crate::record::samples::{LOGIN, Sample, sample};
    use crate::record::{Memory, Record, Remembered, Slots};
    use std::sync::Arc;

    fn maps() -> Maps {
        let passphrase = Register {
            name: "passphrase".into(),
            table: Table::HoldingRegisters,
            address: 31,
            form: Form::Text { registers: 16, packing: Packing::One },
            scale: maps::Scale::default(),
            unit: None,
            safe: None,
            secret: true,
        };
        Maps::new(vec![maps::Map { registers: vec![passphrase], ..maps::Map::default() }], SecretKey::new("k"))
    }

    /// A sample's line as it is stored with these maps, and without.
    fn lines(sample: Sample, maps: &Arc<Maps>) -> [Value; 2] {
        sample.with(|message| {
            let (arena, slots) = (Bump::new(), Slots::new());
            let recall = Memory::new(Arc::clone(maps), Remembered::default()).see(message, &arena);
            let record = Record::new(message, &slots, &arena);
            [record.with(&recall), record].map(|record| {
                let mut line = Vec::new();
                write_json(&record, &mut line);
                serde_json::from_slice(&line).unwrap()
            })
        })
    }

    #[test]
    fn a_line_is_masked_as_if_it_had_been_stored_so() {
        let maps = Arc::new(maps());
        let query = |pdu| Sample { name: "", kind: Kind::Query, pdu, request: None };
        let answer = |pdu, request| Sample { name: "", kind: Kind::Response, pdu, request };
        for sample in [
            sample("write registers"),
            sample("registers written"),
            sample("write refused"),
            Sample { name: "", kind: Kind::Timeout, pdu: LOGIN, request: Some(LOGIN) },
            query(b"\x06\0\x20\0a"),
            query(b"\x16\0\x20\0\0\0a"),
            query(b"\x10\0\x1F\0a"),
            query(b"\x17\0\0\0\x01\0\x1F\0\x01\x02\0a"),
            answer(b"\x03\x0A\0\x01\0\x02\0a\0b\0c", Some(b"\x03\0\x1D\0\x05")),
            answer(b"\x03\x02\0a", None),
        ] {
            let [masked, clear] = lines(sample, &maps);
            let arena = Bump::new();
            let hidden = hide_secrets(clear.to_string().as_bytes(), &maps, &arena).unwrap();
            let mut hidden: Value = serde_json::from_slice(&hidden).unwrap();
            // Least and greatest of what may be seen are not worked out again.
            for name in ["modbus.value_min", "modbus.value_max"] {
                hidden.as_object_mut().unwrap().remove(name);
            }
            let mut masked = masked;
            // Values with a mark among them are a text, those in clear need not be.
            masked.as_object_mut().unwrap().retain(|name, _| clear.get(name).is_some());
            for name in ["modbus.value_min", "modbus.value_max"] {
                masked.as_object_mut().unwrap().remove(name);
            }
            if let Some(open) = hidden.get("modbus.value").cloned().filter(|_| masked["modbus.value"] == 1) {
                assert!(open.as_str().is_some_and(|mark| mark.starts_with("secret:")));
                hidden["modbus.value"] = 1.into();
            }
            assert_eq!(hidden, masked, "{}", sample.name);
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let maps = maps();
        for line in [
            "",
            "{}",
            r#"{"modbus.server":5}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"coils","modbus.values":[1]}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"holding_registers","modbus.kind":"query","modbus.address":47,"modbus.values":[1]}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"holding_registers","modbus.values":["secret:00"]}"#,
        ] {
            assert_eq!(hide_secrets(line.as_bytes(), &maps, &Bump::new()), None, "{line}");
        }
    }
}
