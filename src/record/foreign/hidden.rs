//! Secrets in what a line says by its own names, which are not worked out as ours are: where it may hold one, each of its
//! values is a mark, and what tells who spoke to whom, when and how stays.

use super::Told;
use super::parts::DEVICE_ID;
use super::table::is_plain;
use super::tree::{Leaf, Tree};
use crate::modbus::function::{ENCAPSULATED_INTERFACE_TRANSPORT, EXCEPTION_BIT};
use crate::modbus::{Category, Function, Table};
use crate::record::json::write_text;
use crate::record::maps::Maps;

/// Parts of names of fields that hold values, or bytes that values are in.
const TELLING: [&str; 12] =
    ["value", "data", "payload", "packet", "raw", "reg", "bitval", "mask", "segment", "reassembled", "coil", "record"];

/// The layers of a packet that hold no more than headers, but for what [`TELLING`] says.
const HEADERS: [&str; 9] = ["frame", "eth", "sll", "vlan", "ip", "ipv6", "tcp", "udp", "mbtcp"];

impl Told {
    /// Whether it may read or write a secret of these maps, whatever its device said of itself.
    pub(super) fn may_hide(&self, maps: &Maps) -> bool {
        let Some(map) = maps.may_be(Some(self.server.ip), self.unit_id) else { return false };
        let Function { table, category, code, .. } = *Function::of(self.function_code & !EXCEPTION_BIT);
        if !maps.has_secrets_in(map, table) {
            return false;
        }
        match (table, self.range) {
            (Table::None, _) if code == ENCAPSULATED_INTERFACE_TRANSPORT => {
                // What a device says of itself is no secret.
                self.data.as_ref().is_none_or(|data| data.first() != Some(&DEVICE_ID))
            }
            (Table::None, _) => category != Category::Public,
            (Table::File | Table::Fifo, _) | (_, None) => true,
            (_, Some((first, count))) => {
                let mut touched = maps.touched(map, table, first, count.into());
                usize::from(first) + usize::from(count) > 0x1_0000 || touched.any(|(register, _)| register.secret)
            }
        }
    }

    /// Puts a mark in place of values that are not part of a whole PDU.
    pub(super) fn hide(&mut self, maps: &Maps) {
        for (_, part) in self.some.iter_mut().filter(|(name, _)| *name == "modbus.values") {
            if let Known::Numbers(numbers) = part {
                *part = Known::Text(mark(maps, numbers));
            }
        }
    }
}

/// What is known of a PDU that is not known whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Number(u16),
    Numbers(Vec<u16>),
    Text(String),
}

/// The line with marks in place of its values.
pub(super) fn line(tree: &Tree, maps: &Maps) -> String {
    let mut out = Vec::new();
    write(tree, "", maps, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes what is below `path`.
fn write(tree: &Tree, path: &str, maps: &Maps, out: &mut Vec<u8>) {
    match tree {
        Tree::Null => out.extend_from_slice(b"null"),
        Tree::Leaf(Leaf { text, is_text: true }) => write_text(text, out),
        Tree::Leaf(Leaf { text, is_text: false }) => out.extend_from_slice(text.as_bytes()),
        Tree::List(list) => {
            out.push(b'[');
            for (place, element) in list.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(element, path, maps, out);
            }
            out.push(b']');
        }
        Tree::Object(members) => {
            out.push(b'{');
            let mut first = true;
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                // tshark has values in names: `Register 31 (UINT16): 97`.
                if key.contains("): ") || key.contains(" : ") {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                if stays(&path, value) { write(value, &path, maps, out) } else { write_mark(value, maps, out) }
            }
            out.push(b'}');
        }
    }
}

/// Whether a value, or at least some of what is in it, can be shown.
fn stays(path: &str, value: &Tree) -> bool {
    let path = path.to_ascii_lowercase();
    let path = path.strip_prefix("_source.").unwrap_or(&path);
    let inner = matches!(value, Tree::Object(_)) || holds_objects(value);
    let (layer, name) = match path.strip_prefix("layers.") {
        Some(rest) => rest.split_once('.').unwrap_or((rest, "")),
        None => ("", path),
    };
    let doubled = format!("{layer}_{layer}_");
    let name = name.rsplit('.').next().filter(|last| last.starts_with(&doubled)).unwrap_or(name);
    let name = name.strip_prefix(&doubled).map_or_else(|| name.to_owned(), |own| format!("{layer}.{own}"));
    if is_plain(&name) || (inner && (layer.is_empty() || layer == "modbus" || HEADERS.contains(&layer))) {
        return true;
    }
    let is_modbus = layer == "modbus" || name.starts_with("modbus.");
    let is_header = layer.is_empty() || HEADERS.contains(&layer);
    is_header && !is_modbus && !TELLING.iter().any(|part| name.contains(part))
}

fn holds_objects(tree: &Tree) -> bool {
    matches!(tree, Tree::List(list) if list.iter().any(|element| matches!(element, Tree::Object(_))))
}

/// One mark for all that is in a value: numbers are a secret's registers, anything else its text.
fn write_mark(value: &Tree, maps: &Maps, out: &mut Vec<u8>) {
    let mut texts = Vec::new();
    value.each("", &mut |_, leaf| texts.push(leaf.text.clone()));
    let numbers: Option<Vec<u16>> = texts.iter().map(|text| text.parse().ok()).collect();
    let words = numbers.unwrap_or_else(|| texts.concat().bytes().map(u16::from).collect());
    write_text(&mark(maps, &words), out);
}

fn mark(maps: &Maps, words: &[u16]) -> String {
    String::from_utf8_lossy(&maps.key().mark(words)).into_owned()
}
