//! Secrets in records that were stored before anybody said that they are secret.

use crate::modbus::function::EXCEPTION_BIT;
use crate::modbus::{Function, Table};
use crate::record::json::write_fact;
use crate::record::maps::{MARK, MapId, Maps, TAG_PREFIX};
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

/// A stored record of ours as it would have been stored with these maps, if it holds a secret of theirs in clear. What
/// it does not tell of its device, table or addresses is taken to be as a map asks for it.
#[must_use]
pub fn hide_secrets(line: &[u8], maps: &Maps, arena: &Bump) -> Option<Vec<u8>> {
    let shows = |prefix: &[u8]| memchr::memmem::find(line, prefix).is_some();
    if !shows(b"\"modbus.") && !shows(b"\"write.") {
        return None;
    }
    let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let map = device(&fields, maps)?;
    let function = number(&fields, "modbus.function").or_else(|| number(&fields, "modbus.function_code"));
    let named = function.and_then(|code| u8::try_from(code).ok()).map(|code| Function::of(code & !EXCEPTION_BIT).table);
    let word = fields.get("modbus.table").and_then(Value::as_str);
    let told = Table::ALL.iter().find(|(_, known)| Some(*known) == word).map(|(table, _)| *table);
    let table = told.or(named).unwrap_or(Table::None);
    if !maps.has_secrets_in(map, table) {
        return None;
    }
    let stored = Stored { maps, map, table, arena };
    let asks = matches!(fields.get("modbus.kind").and_then(Value::as_str), Some("query" | "timeout"));
    let reads = matches!(function, Some(1..=4));
    let own_start = number(&fields, if reads && !asks { "modbus.request.address" } else { "modbus.address" });
    // The address that function 23 reads from is not among what a stored answer says of its request.
    let own_start = own_start.filter(|_| asks || function != Some(23));
    let own = match (function, table) {
        // What a client asks to have sent back is none of the device's.
        (Some(8), Table::None) => return None,
        (_, Table::File) => stored.veil_of_files(&fields),
        (_, Table::Fifo) => stored.veil_of_queue(&fields),
        _ if fields.contains_key("modbus.data") => stored.veil_of_bytes(&fields, "modbus.data"),
        (Some(22), _) => stored.veil_of_masks(&fields),
        _ => stored.veil(&fields, "modbus.values", own_start),
    };
    let request = stored.veil(&fields, "modbus.request.values", number(&fields, "modbus.request.address"));
    let write_start = number(&fields, if asks { "modbus.address" } else { "modbus.request.address" });
    let mut hidden = !own.is_empty() || !request.is_empty() || stored.hide_change(&mut fields);
    hidden |= stored.hide_tags(&mut fields);
    for name in WRITE {
        // What function 22 leaves has the mark of its masks, what function 21 writes that of its records.
        let leaves = name == "write.values" && (function == Some(22) || table == Table::File);
        let veil = if leaves { own } else { stored.veil(&fields, name, write_start) };
        hidden |= !veil.is_empty();
        stored.show(&mut fields, name, veil);
    }
    if !hidden {
        return None;
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
    let server = fields.get("modbus.server").and_then(Value::as_str).and_then(|text| text.parse::<IpAddr>().ok());
    maps.may_be(server, number(fields, "modbus.unit_id").and_then(|unit| u8::try_from(unit).ok()))
}

fn number(fields: &Map<String, Value>, name: &str) -> Option<u16> {
    let value = fields.get(name)?;
    value.as_u64().and_then(|number| u16::try_from(number).ok()).or_else(|| value.as_str()?.parse().ok())
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

    /// What a register that changed held before and holds now.
    fn hide_change(&self, fields: &mut Map<String, Value>) -> bool {
        let is_secret = |address| self.maps.is_secret(self.map, self.table, address);
        if !fields.contains_key("modbus.new") || !number(fields, "modbus.address").is_none_or(is_secret) {
            return false;
        }
        fields.remove("modbus.delta");
        for name in ["modbus.old", "modbus.new"] {
            if let Some(value) = number(fields, name) {
                fields.insert(name.to_owned(), veil::mark(self.maps, &[value], self.arena).into());
            }
        }
        true
    }

    /// The values of tags that have become secret.
    fn hide_tags(&self, fields: &mut Map<String, Value>) -> bool {
        let mut hidden = false;
        for (name, value) in fields.iter_mut().filter(|(name, _)| name.starts_with(TAG_PREFIX)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if self.maps.is_secret_tag(name) && !text.starts_with(MARK) {
                let words: Vec<u16> = text.bytes().map(u16::from).collect();
                *value = veil::mark(self.maps, &words, self.arena).into();
                hidden = true;
            }
        }
        hidden
    }

    /// All of what a queue holds, where it may be that of a secret register.
    fn veil_of_queue(&self, fields: &Map<String, Value>) -> Veil<'a> {
        let pointer = number(fields, "modbus.request.address");
        let secret = pointer.is_none_or(|pointer| self.maps.is_secret(self.map, Table::HoldingRegisters, pointer));
        if secret { self.veil(fields, "modbus.values", None) } else { &[] }
    }

    /// All records, where one of their files may be secret.
    fn veil_of_files(&self, fields: &Map<String, Value>) -> Veil<'a> {
        let files = fields.get("modbus.files").and_then(Value::as_array);
        let is_secret = |file: &Value| {
            let file = file.as_u64().and_then(|file| u16::try_from(file).ok());
            file.is_none_or(|file| self.maps.is_secret_file(self.map, file))
        };
        if files.is_none_or(|files| files.iter().any(is_secret)) {
            let bytes = if fields.contains_key("modbus.data") { "modbus.data" } else { "modbus.records" };
            self.veil_of_bytes(fields, bytes)
        } else {
            &[]
        }
    }

    /// All of bytes in hex.
    fn veil_of_bytes(&self, fields: &Map<String, Value>, name: &str) -> Veil<'a> {
        let hex = fields.get(name).and_then(Value::as_str).filter(|text| !text.starts_with(MARK)).unwrap_or_default();
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.as_chunks::<2>().0.iter();
        let byte = |pair: &[u8; 2]| u16::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let words: Vec<u16> = pairs.filter_map(byte).collect();
        veil::whole(self.maps, self.map, self.table, &words, self.arena)
    }

    /// The numbers of a list; of a text, those in it. A list with a mark in it has none: it was hidden before.
    fn words(&self, fields: &Map<String, Value>, name: &str) -> Vec<u16> {
        match fields.get(name) {
            Some(Value::Array(list)) => {
                let word = |value: &Value| value.as_u64().and_then(|word| u16::try_from(word).ok());
                list.iter().map(word).collect::<Option<_>>().unwrap_or_default()
            }
            Some(Value::Number(number)) => {
                number.as_u64().and_then(|word| u16::try_from(word).ok()).into_iter().collect()
            }
            Some(Value::String(text)) if !text.contains(MARK) => {
                let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
                numbers.filter_map(|digits| digits.parse().ok()).collect()
            }
            _ => Vec::new(),
        }
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
        let map = maps::Map { registers: vec![passphrase], secret_files: vec![4..=5], ..maps::Map::default() };
        Maps::new(vec![map], SecretKey::new("k"))
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
            answer(b"\x18\0\x06\0\x02\0a\0b", Some(b"\x18\0\x20")),
            answer(b"\x18\0\x06\0\x02\0a\0b", None),
            query(b"\x15\x09\x06\0\x05\0\x07\0\x01ab"),
            answer(b"\x14\x04\x03\x06ab", None),
            query(b"\x5A\x01\x23\0abc"),
            query(b"\x42abc"),
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
    fn what_a_row_leaves_out_is_taken_to_be_secret() {
        let maps = maps();
        for line in [
            r#"{"modbus.function":16,"modbus.values":"97, 98"}"#,
            r#"{"modbus.function":"3","modbus.values":[97,98]}"#,
            r#"{"modbus.values":97}"#,
            r#"{"modbus.table":"holding_registers","modbus.kind":"query","write.values":[97]}"#,
            r#"{"modbus.function":90,"modbus.data":"00 61 62"}"#,
            r#"{"modbus.table":"holding_registers","modbus.address":31,"modbus.old":97,"modbus.new":98,"modbus.delta":1}"#,
            r#"{"modbus.function":16,"tag.passphrase":"97","tag.passphrase.previous":"97"}"#,
        ] {
            let hidden = hide_secrets(line.as_bytes(), &maps, &Bump::new()).unwrap_or_default();
            let hidden = String::from_utf8(hidden).unwrap();
            assert!(
                hidden.contains("secret:") && !hidden.contains("97") && !hidden.contains("61 62"),
                "{line}: {hidden}"
            );
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let maps = maps();
        for line in [
            "",
            "{}",
            r#"{"modbus.server":5}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.function":8,"modbus.data":"6162"}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.function":20,"modbus.files":[3],"modbus.records":"6162"}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"coils","modbus.values":[1]}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"holding_registers","modbus.kind":"query","modbus.address":47,"modbus.values":[1]}"#,
            r#"{"modbus.server":"10.0.0.1","modbus.unit_id":1,"modbus.table":"holding_registers","modbus.values":["secret:00"]}"#,
        ] {
            assert_eq!(hide_secrets(line.as_bytes(), &maps, &Bump::new()), None, "{line}");
        }
    }
}
