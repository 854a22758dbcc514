//! A baseline as YAML that a person can review: one line for each thing.

use crate::record::baseline::{Approval, Baseline, Entry, Kind, Seen, Thing, mac_text};
use crate::record::vocabulary;
use crate::time::{Span, Timestamp};
use std::fmt::Write;
use std::net::IpAddr;

/// The last line of a file: one that lacks it was cut.
pub(super) const END: &str = "...";

/// The version of the format that is written, and the newest that is read.
pub(super) const VERSION: i64 = 1;

/// The sections, in order, with the kind of thing that each holds.
pub(super) const SECTIONS: [(Kind, &str); Kind::ALL.len()] = [
    (Kind::Pair, "pairs"),
    (Kind::Function, "functions"),
    (Kind::Address, "addresses"),
    (Kind::Value, "values"),
    (Kind::Period, "periods"),
    (Kind::Mac, "macs"),
];

/// Units of lengths of time, the shortest first, in nanoseconds.
pub(super) const UNITS: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The file.
pub(super) fn write(baseline: &Baseline) -> String {
    let mut out = format!(
        "# What is usual here: written by sigmabus, and read by it. Lines may be taken out or changed by hand.\n\
         # The last line has to stay: without it the file counts as cut.\nversion: {VERSION}\n"
    );
    let mut moment = |key: &str, time: Option<Timestamp>| {
        // Writing to a `String` cannot fail.
        let _ = time.map_or(Ok(()), |time| writeln!(out, "{key}: {time}"));
    };
    moment("since", baseline.since);
    moment("frozen", baseline.frozen);
    let entries = baseline.entries();
    for (kind, section) in SECTIONS {
        let mut lines = entries.iter().filter(|entry| entry.thing.kind() == kind).peekable();
        if lines.peek().is_some() {
            let _ = writeln!(out, "{section}:");
        }
        for entry in lines {
            let fields: Vec<String> = fields(entry).iter().map(|(key, value)| format!("{key}: {value}")).collect();
            let _ = writeln!(out, "- {{{}}}", fields.join(", "));
        }
    }
    out + END + "\n"
}

/// The keys and values of an entry's line.
fn fields(entry: &Entry) -> Vec<(&'static str, String)> {
    let mut fields = thing(&entry.thing);
    let Seen { first, last, count } = entry.seen;
    fields.extend([("first", first.to_string()), ("last", last.to_string()), ("count", count.to_string())]);
    if let Some(Approval { at, by }) = &entry.approved {
        fields.push(("approved", format!("{{by: {}, at: {at}}}", quoted(by))));
    }
    fields
}

fn thing(thing: &Thing) -> Vec<(&'static str, String)> {
    match thing {
        Thing::Pair(pair) => vec![("client", host(pair.client)), ("server", host(pair.server))],
        Thing::Function(pair, unit, function) => vec![
            ("client", host(pair.client)),
            ("server", host(pair.server)),
            ("unit", unit.to_string()),
            ("function", function.to_string()),
        ],
        Thing::Address(region, first, last) => vec![
            ("server", host(region.device.server)),
            ("unit", region.device.unit.to_string()),
            ("table", vocabulary::table(region.table).to_owned()),
            ("access", region.touch.word().to_owned()),
            ("addresses", range(*first, *last)),
        ],
        Thing::Value(device, tag, extent) => {
            let mut fields =
                vec![("server", host(device.server)), ("unit", device.unit.to_string()), ("tag", quoted(tag))];
            if let Some((min, max)) = extent.numbers {
                fields.extend([("min", min.to_string()), ("max", max.to_string())]);
            }
            if !extent.words.is_empty() {
                let words: Vec<String> = extent.words.iter().map(|word| quoted(word)).collect();
                fields.push(("words", format!("[{}]", words.join(", "))));
            }
            fields
        }
        Thing::Period(pair, query, period) => {
            let mut fields = vec![
                ("client", host(pair.client)),
                ("server", host(pair.server)),
                ("unit", query.unit.to_string()),
                ("function", query.function.to_string()),
            ];
            if let Some((address, quantity)) = query.place {
                fields.extend([("address", address.to_string()), ("quantity", quantity.to_string())]);
            }
            fields.extend([("least", span(period.least)), ("greatest", span(period.greatest))]);
            fields
        }
        Thing::Mac(address, mac) => vec![("host", host(*address)), ("mac", quoted(&mac_text(*mac)))],
    }
}

/// `31-46`, or one address.
pub(super) fn range(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// An address; colons need quotes.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"{address}\""),
    }
}

/// In the longest unit that divides it.
pub(super) fn span(span: Span) -> String {
    let nanos = span.nanos();
    let fits = UNITS.iter().rev().find(|(_, size)| nanos % size == 0 && nanos >= *size);
    fits.map_or_else(|| format!("{nanos}ns"), |(unit, size)| format!("{}{unit}", nanos / size))
}

/// A text in double quotes, whatever it holds.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        let _ = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            ' ' => write!(out, " "),
            letter if letter.is_ascii_graphic() || letter.is_alphanumeric() => write!(out, "{letter}"),
            letter => write!(out, "\\U{:08X}", u32::from(letter)),
        };
    }
    out + "\""
}
