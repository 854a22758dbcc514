//! A baseline for people: who asks whom for what, and what is read and written where.

use super::page::range;
use crate::modbus::Function;
use crate::record::baseline::{
    Baseline, Device, Entry, Extent, Kind, Mac, Pair, Period, Query, Seen, Thing, Touch, mac_text,
};
use crate::record::vocabulary;
use crate::sink::{plain, short};
use crate::time::Span;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

/// The matrix: client by client, then device by device.
pub(super) fn text(baseline: &Baseline) -> String {
    let entries = baseline.entries();
    let mut out = head(baseline, &entries);
    pairs(&entries, &mut out);
    devices(&entries, &mut out);
    out
}

/// How much there is, and since when.
fn head(baseline: &Baseline, entries: &[Entry]) -> String {
    let kinds = [
        (Kind::Pair, "pair", "pairs"),
        (Kind::Function, "function", "functions"),
        (Kind::Address, "range of addresses", "ranges of addresses"),
        (Kind::Value, "tag", "tags"),
        (Kind::Period, "period", "periods"),
        (Kind::Mac, "MAC address", "MAC addresses"),
    ];
    let counts = kinds.iter().map(|(kind, one, many)| (baseline.count(*kind), one, many));
    let counts: Vec<String> = counts
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    let approved = entries.iter().filter(|entry| entry.approved.is_some()).count();
    let mut out = format!("Knows     {counts}\n");
    // Writing to a `String` cannot fail.
    let _ = if approved > 0 { writeln!(out, "Approved  {approved}") } else { Ok(()) };
    if let Some(since) = baseline.since {
        let _ = writeln!(out, "Learned   since {}", short(since));
    }
    if let Some(frozen) = baseline.frozen {
        let _ = writeln!(out, "Frozen    since {}", short(frozen));
    }
    out
}

fn pairs(entries: &[Entry], out: &mut String) {
    let mut by_pair: BTreeMap<Pair, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        if let Thing::Pair(pair) | Thing::Function(pair, ..) | Thing::Period(pair, ..) = &entry.thing {
            by_pair.entry(*pair).or_default().push(entry);
        }
    }
    for (pair, entries) in by_pair {
        let own = entries.iter().find(|entry| matches!(entry.thing, Thing::Pair(_)));
        let seen = own.map_or_else(String::new, |entry| remarks(entry));
        let _ = writeln!(out, "\n{} -> {}{seen}", pair.client, pair.server);
        let mut last = None;
        for entry in &entries {
            if let Thing::Function(_, unit, function) = &entry.thing {
                let unit_word = if last == Some(unit) { String::new() } else { format!("unit {unit}") };
                last = Some(unit);
                let name = Function::of(*function).name;
                let _ = writeln!(out, "  {unit_word:8}  {function:3} {name}{}", remarks(entry));
            }
        }
        for entry in &entries {
            if let Thing::Period(_, query, period) = &entry.thing {
                let _ = writeln!(out, "  asks {} {}{}", asked(query), every(*period), approval(entry));
            }
        }
    }
}

fn devices(entries: &[Entry], out: &mut String) {
    let mut macs: BTreeMap<IpAddr, Vec<(Mac, &Entry)>> = BTreeMap::new();
    let mut units: BTreeSet<Device> = BTreeSet::new();
    for entry in entries {
        match &entry.thing {
            Thing::Mac(host, mac) => macs.entry(*host).or_default().push((*mac, entry)),
            Thing::Address(region, ..) => _ = units.insert(region.device),
            Thing::Value(device, ..) => _ = units.insert(*device),
            _ => {}
        }
    }
    for device in units {
        let _ = writeln!(out, "\n{} unit {}", device.server, device.unit);
        for entry in entries {
            match &entry.thing {
                Thing::Address(region, first, last) if region.device == device => {
                    let touch = if region.touch == Touch::Read { "reads" } else { "writes" };
                    let table = vocabulary::table(region.table).replace('_', " ");
                    let _ = writeln!(out, "  {touch:6}  {table:17}  {}{}", range(*first, *last), remarks(entry));
                }
                Thing::Value(of, tag, extent) if *of == device => {
                    let _ = writeln!(out, "  {}  {}{}", plain(tag), values(extent), remarks(entry));
                }
                _ => {}
            }
        }
    }
    let gap = if macs.is_empty() { "" } else { "\n" };
    out.push_str(gap);
    for (host, macs) in macs {
        for (mac, entry) in macs {
            let _ = writeln!(out, "{host} has {}{}", mac_text(mac), remarks(entry));
        }
    }
}

fn asked(query: &Query) -> String {
    let place = query.place.map_or_else(String::new, |(address, quantity)| {
        format!(" at {}", range(address, address.saturating_add(quantity.saturating_sub(1))))
    });
    format!("unit {} for function {}{place}", query.unit, query.function)
}

fn every(period: Period) -> String {
    match (lasting(period.least), lasting(period.greatest)) {
        (least, greatest) if least == greatest => format!("every {least}"),
        (least, greatest) => format!("every {least} to {greatest}"),
    }
}

/// To a thousandth, in seconds or milliseconds.
fn lasting(span: Span) -> String {
    let seconds = span.as_secs_f64();
    let (number, unit) = if seconds < 1.0 { (seconds * 1e3, "ms") } else { (seconds, "s") };
    let digits = format!("{number:.3}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

fn values(extent: &Extent) -> String {
    let numbers = extent.numbers.map(|(min, max)| if min == max { min.to_string() } else { format!("{min} to {max}") });
    let words = extent.words.iter().map(|word| format!("`{}`", plain(word)));
    numbers.into_iter().chain(words).collect::<Vec<_>>().join(", ")
}

fn remarks(entry: &Entry) -> String {
    let times = if entry.seen.count == 1 { "once".to_owned() } else { format!("{} times", entry.seen.count) };
    format!("  ({times}{})", approval(entry))
}

fn approval(entry: &Entry) -> String {
    entry.approved.as_ref().map_or_else(String::new, |approval| format!(", approved by {}", plain(&approval.by)))
}

/// An entry in one line of text: `pair 192.0.2.1 -> 192.0.2.2`.
pub(super) fn line(entry: &Entry) -> String {
    let what = match &entry.thing {
        Thing::Pair(pair) => format!("{} -> {}", pair.client, pair.server),
        Thing::Function(pair, unit, function) => {
            let name = Function::of(*function).name;
            format!("{} -> {} unit {unit}: {function} {name}", pair.client, pair.server)
        }
        Thing::Address(region, first, last) => {
            let (device, touch, table) = (region.device, region.touch.word(), vocabulary::table(region.table));
            format!("{} unit {}: {touch} {table} {}", device.server, device.unit, range(*first, *last))
        }
        Thing::Value(device, tag, extent) => {
            format!("{} unit {}: {} {}", device.server, device.unit, plain(tag), values(extent))
        }
        Thing::Period(pair, query, period) => {
            format!("{} -> {} {} {}", pair.client, pair.server, asked(query), every(*period))
        }
        Thing::Mac(host, mac) => format!("{host} has {}", mac_text(*mac)),
    };
    format!("{:8}  {what}{}", word(entry), remarks(entry))
}

/// An entry as a JSON object for programs.
pub(super) fn object(kind: &str, entry: &Entry) -> Map<String, Value> {
    let Seen { first, last, count } = entry.seen;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
    put("type", kind.into());
    put("kind", word(entry).into());
    match &entry.thing {
        Thing::Pair(pair) | Thing::Function(pair, ..) | Thing::Period(pair, ..) => {
            put("client", pair.client.to_string().into());
            put("server", pair.server.to_string().into());
        }
        Thing::Address(region, ..) => {
            put("server", region.device.server.to_string().into());
            put("unit", region.device.unit.into());
        }
        Thing::Value(device, ..) => {
            put("server", device.server.to_string().into());
            put("unit", device.unit.into());
        }
        Thing::Mac(host, mac) => {
            put("host", host.to_string().into());
            put("mac", mac_text(*mac).into());
        }
    }
    match &entry.thing {
        Thing::Function(_, unit, function) => {
            put("unit", (*unit).into());
            put("function", (*function).into());
        }
        Thing::Address(region, first, last) => {
            put("table", vocabulary::table(region.table).into());
            put("access", region.touch.word().into());
            put("address", (*first).into());
            put("address_end", (*last).into());
        }
        Thing::Value(_, tag, extent) => {
            put("tag", (**tag).into());
            if let Some((min, max)) = extent.numbers {
                // A number as it is written is JSON.
                let number = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
                put("min", number(min.to_string()));
                put("max", number(max.to_string()));
            }
            if !extent.words.is_empty() {
                put("words", extent.words.iter().map(|word| Value::from(&**word)).collect());
            }
        }
        Thing::Period(_, query, period) => {
            put("unit", query.unit.into());
            put("function", query.function.into());
            if let Some((address, quantity)) = query.place {
                put("address", address.into());
                put("quantity", quantity.into());
            }
            put("least_ms", (period.least.nanos() as f64 / 1e6).into());
            put("greatest_ms", (period.greatest.nanos() as f64 / 1e6).into());
        }
        Thing::Pair(_) | Thing::Mac(..) => {}
    }
    put("first", first.to_string().into());
    put("last", last.to_string().into());
    put("count", count.into());
    if let Some(approval) = &entry.approved {
        put("approved", json!({"by": &*approval.by, "at": approval.at.to_string()}));
    }
    object
}

fn word(entry: &Entry) -> &'static str {
    let kind = entry.thing.kind();
    Kind::ALL.iter().find(|(known, _)| *known == kind).map_or("", |(_, word)| word)
}
