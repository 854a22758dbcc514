//! Packets as tshark prints them: `-T ek` and `-T json`.
//!
//! A packet may carry several PDUs, and tshark may print the TCP payload they came in: then their bytes are taken from
//! there, which says more than any dissection.

use super::parts::{LONGEST_DATA, Parts};
use super::table::{self, Format, Side};
use super::tree::{Fields, Tree};
use super::{ForeignError, MOST_MESSAGES, Told};
use memchr::memmem;

/// The layers that all PDUs of a packet have in common.
const COMMON: [&str; 7] = ["frame", "eth", "vlan", "ip", "ipv6", "tcp", "udp"];
/// Where tshark prints the bytes that PDUs came in: of the packet, or put together of several.
const PAYLOADS: [&str; 4] = ["tcp.payload", "udp.payload", "tcp.reassembled.data", "tcp.segments.tcp.reassembled.data"];
/// Transaction, protocol, length, unit and function.
const HEADER: usize = 8;

/// The layers of a packet with Modbus in it, if that is what this is.
pub(super) fn packet(tree: &Tree) -> Option<Tree> {
    let source = tree.all("_source");
    let holder = source.first().copied().unwrap_or(tree);
    let layers = holder.all("layers").into_iter().next()?;
    (!layers.all("modbus").is_empty()).then(|| layers.clone())
}

/// The messages of a packet.
///
/// # Errors
/// When one lacks what every message has.
pub(super) fn read(layers: &Tree, ports: &[u16]) -> Result<Vec<Told>, ForeignError> {
    let mut common = Fields::default();
    for layer in COMMON {
        layers.all(layer).into_iter().for_each(|tree| add(layer, tree, &mut common));
    }
    let mut payloads: Vec<Vec<u8>> = common.all(&PAYLOADS).iter().map(|leaf| hex(&leaf.text)).collect();
    let headers = layers.all("mbtcp");
    let mut told = Vec::new();
    for (place, pdu) in layers.all("modbus").into_iter().take(MOST_MESSAGES).enumerate() {
        let mut fields = common.clone();
        if let Some(header) = headers.get(place) {
            add("mbtcp", header, &mut fields);
        }
        add("modbus", pdu, &mut fields);
        let side = table::sides(Format::Tshark, &fields, ports).first().copied().unwrap_or(Side::Unknown);
        let parts = Parts::read(Format::Tshark, &fields, side)?;
        let mut message = parts.told(side, None);
        if let Some(data) = payloads.iter_mut().find_map(|payload| cut(payload, &parts)) {
            (message.data, message.some) = (Some(data), Vec::new());
        }
        told.push(message);
    }
    Ok(told)
}

/// Adds a layer's values by tshark's own names, however deep it has them.
fn add(layer: &str, tree: &Tree, fields: &mut Fields) {
    let doubled = format!("{layer}_{layer}_");
    let dotted = format!("{layer}.");
    let Tree::Object(members) = tree else { return };
    for (key, value) in members {
        match value {
            Tree::Object(_) => add(layer, value, fields),
            Tree::List(list) if list.iter().any(|element| matches!(element, Tree::Object(_))) => {
                list.iter().for_each(|element| add(layer, element, fields));
            }
            value => {
                // `tcp_tcp_reassembled_data` for `tcp.reassembled.data`: only the layer's own dot can be told again.
                let name = match key.strip_prefix(&doubled) {
                    Some("reassembled_data") => "tcp.reassembled.data".to_owned(),
                    Some(own) => format!("{layer}.{own}"),
                    None if key.starts_with(&dotted) => key.clone(),
                    None => continue,
                };
                value.each("", &mut |_, leaf| fields.add(&name, leaf.clone()));
            }
        }
    }
}

/// The bytes of `00:1f:00`, as far as they are hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks_exact(2).map_while(byte).collect()
}

/// Finds the PDU by its header, takes it and what is before it out of the payload.
fn cut(payload: &mut Vec<u8>, parts: &Parts) -> Option<Vec<u8>> {
    let (trans_id, prot_id, length) = (parts.trans_id?, parts.prot_id?, parts.length?);
    let mut header = [trans_id, prot_id, length].iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    header.extend([parts.unit_id?, parts.function_code]);
    // Length counts unit identifier and function code.
    let count = usize::from(length).checked_sub(2).filter(|count| *count <= LONGEST_DATA)?;
    let start = memmem::find(payload, &header)? + HEADER;
    let data = payload.get(start..start.checked_add(count)?)?.to_vec();
    payload.drain(..start + count);
    Some(data)
}
