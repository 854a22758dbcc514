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

/// What a write shows of its own.
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
    let reads = matches!(number(&fields, "modbus.function"), Some(1..=4));
    let own_start = number(&fields, if reads && !asks { "modbus.request.address" } else { "modbus.address" });
    // The address that function 23 reads from is not among what a stored answer says of its request.
    let own = stored.veil(&fields, "modbus.values", own_start.filter(|_| asks || !is_read_write(&fields)));
    let request = stored.veil(&fields, "modbus.request.values", number(&fields, "modbus.request.address"));
    if own.is_empty() && request.is_empty() {
        return None;
    }
    stored.show(&mut fields, "modbus.values", own);
    stored.show(&mut fields, "modbus.request.values", request);
    let written = if asks { own } else { request };
    for (names, veil) in [(&OWN[..], own), (&REQUEST, request), (&WRITE, written)] {
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

fn is_read_write(fields: &Map<String, Value>) -> bool {
    number(fields, "modbus.function") == Some(23)
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
