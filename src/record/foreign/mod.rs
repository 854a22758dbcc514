//! Other tools' logs of Modbus: Zeek, ICSNPP, Suricata, tshark, and tables with a header.
//!
//! ```text
//!  row of a table -- Rows --> JSON line -- read --> Told: a PDU, or the part of it that the log tells
//! ```
//!
//! - [`Rows`] turns rows of Zeek's TSV and of CSV into the JSON lines that the same tool would have written.
//! - [`table`] says, for each [`Format`], which of its fields tell which part of a message. Nothing else knows names.
//! - [`read`] makes of one line the messages that it tells of. Where the log has all of a PDU its bytes are made again,
//!   so that everything a record says of a message on the wire is said of it, too. Where it has not, what it lacks is
//!   absent.
//! - [`Told::write`] writes the record: our fields first, then the line's own.

mod hidden;
mod parts;
mod rows;
mod table;
mod tree;
mod tshark;
mod words;
mod write;

pub use rows::{HeaderError, Rows, Taken, is_header, is_row_of_zeek};
pub use table::{Format, markdown};

use super::LONGEST_LINE;
use crate::net::{Direction, Endpoint, MacPair, Transport};
use crate::record::maps::Maps;
use crate::time::Timestamp;
use hidden::Known;
use memchr::memmem::Finder;
use parts::Parts;
use std::sync::LazyLock;
use table::Side;
use tree::{Fields, Tree};

/// At most so many messages are taken from one line: more do not fit into a packet of any network.
const MOST_MESSAGES: usize = 8_192;

/// What a line says of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When, if the log says it.
    pub time: Option<Timestamp>,
    /// TCP or UDP.
    pub transport: Transport,
    /// Who asks; port 0 where the log has none.
    pub client: Endpoint,
    /// Who answers; port 0 where the log has none.
    pub server: Endpoint,
    /// Which way it went, if the log says it.
    pub direction: Option<Direction>,
    /// Transaction identifier.
    pub trans_id: Option<u16>,
    /// Protocol identifier.
    pub prot_id: Option<u16>,
    /// Length in the header.
    pub length: Option<u16>,
    /// Unit identifier.
    pub unit_id: Option<u8>,
    /// The function code, exception bit included.
    pub function_code: u8,
    /// The bytes after it; none where the log does not have all of them.
    pub data: Option<Vec<u8>>,
    /// The frame's number.
    pub frame: Option<u64>,
    /// The TCP flag byte.
    pub tcp_flags: Option<u8>,
    /// Whether the log tells the direction of all its messages, so that they can be joined.
    pub joins: bool,
    /// Whether `time` is the answer's own: not where one line tells of a request and its answer.
    pub own_time: bool,
    /// Whether it tells one object of a device's identification, and other lines tell the others.
    pub one_object: bool,
    /// Source and destination MAC address.
    pub mac: Option<MacPair>,
    /// VLAN ids from the outermost inward; 0xFFFF where there is none.
    pub vlan: [u16; 2],
    /// The first address that is read or written and how many there are, where the line tells all of them.
    pub range: Option<(u16, u16)>,
    /// What is known of a PDU that is not known whole, by our names.
    some: Vec<(&'static str, Known)>,
}

/// Why a line of a known format cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is no JSON object.
    #[error("not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
    /// It is longer than is read.
    #[error("line of {0} bytes, more than the {LONGEST_LINE} that are read")]
    TooLong(usize),
    /// A field that every message needs is missing or has no value that it can have.
    #[error("no usable {field} in a line of {format}")]
    Field {
        /// The format.
        format: &'static str,
        /// The field's names there.
        field: String,
    },
}

/// Whether a JSON line may be of one of the formats; [`read`] tells.
#[must_use]
pub fn is_form(line: &[u8]) -> bool {
    /// Where a line of Zeek has its addresses.
    const EARLY: usize = 512;
    static MODBUS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"modbus"));
    static ZEEK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("orig_h\""));
    static PACKET: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"layers\""));
    static EVENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"event_type\""));
    static FUNCTION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"func\""));
    /// How every record of ours begins.
    const OWN: &[u8] = b"{\"type\":\"record\"";
    if line.starts_with(OWN) {
        return false;
    }
    if ZEEK.find(line.get(..EARLY).unwrap_or(line)).is_some() && FUNCTION.find(line).is_some() {
        return true;
    }
    MODBUS.find(line).is_some() && (PACKET.find(line).is_some() || EVENT.find(line).is_some())
}

/// Whether a JSON line is the one that `tshark -T ek` writes before each packet: it says nothing of it.
#[must_use]
pub fn is_index(line: &[u8]) -> bool {
    line.starts_with(b"{\"index\":{\"_index\":\"packets-")
}

/// Reads one JSON line: its format and the messages it tells of, `None` if it is of no format known here.
///
/// `ports` are those that servers listen on: they tell queries from answers where a log does not.
///
/// # Errors
/// When it is of a known format and cannot be used.
pub fn read(line: &[u8], ports: &[u16]) -> Result<Option<(Format, Vec<Told>)>, ForeignError> {
    if line.len() > LONGEST_LINE {
        return Err(ForeignError::TooLong(line.len()));
    }
    let tree: Tree = serde_json::from_slice(line)?;
    if let Some(packet) = tshark::packet(&tree) {
        let told = tshark::read(&packet, ports)?;
        return Ok((!told.is_empty()).then_some((Format::Tshark, told)));
    }
    let fields = Fields::of(&tree);
    let Some(format) = Format::of(&fields) else { return Ok(None) };
    Ok(Some((format, transaction(format, &fields, ports)?)))
}

impl Told {
    /// Takes in another object of the same answer; whether it is one.
    pub fn absorb(&mut self, other: &Self) -> bool {
        /// MEI type, code, conformity level, two bytes that this log does not tell, number of objects (6.21).
        const HEAD: usize = 6;
        let answer = |told: &Self| (told.time, told.client, told.server, told.trans_id, told.unit_id, told.transport);
        if !(self.one_object && other.one_object && answer(self) == answer(other)) {
            return false;
        }
        let (Some(data), Some(more)) = (&mut self.data, &other.data) else { return false };
        let Some((head, object)) = more.split_at_checked(HEAD) else { return false };
        let Some(count) = data.get(HEAD - 1).and_then(|count| count.checked_add(1)) else { return false };
        if data.len() + object.len() > parts::LONGEST_DATA || data.get(..HEAD - 1) != head.get(..HEAD - 1) {
            return false;
        }
        data.extend_from_slice(object);
        if let Some(place) = data.get_mut(HEAD - 1) {
            *place = count;
        }
        true
    }
}

/// Puts marks in place of what may be secret in what a line says by its own names, and in what it tells of `messages`
/// beside whole PDUs; the line as it is then, if it is another. Without messages, whatever could be a value is hidden.
#[must_use]
pub fn hide_own(line: &[u8], messages: &mut [Told], maps: &Maps) -> Option<String> {
    if !maps.has_secrets() || !(messages.is_empty() || messages.iter().any(|told| told.may_hide(maps))) {
        return None;
    }
    messages.iter_mut().for_each(|told| told.hide(maps));
    let tree: Tree = serde_json::from_slice(line).ok()?;
    Some(hidden::line(&tree, maps))
}

/// The messages of a line: a query, an answer, one after the other, or one of unknown direction.
fn transaction(format: Format, fields: &Fields, ports: &[u16]) -> Result<Vec<Told>, ForeignError> {
    let sides = table::sides(format, fields, ports);
    let mut told = Vec::with_capacity(sides.len());
    let mut asked: Option<Parts> = None;
    for side in sides {
        let parts = Parts::read(format, fields, side)?;
        told.push(Told { joins: table::tells_direction(format, fields), ..parts.told(side, asked.as_ref()) });
        if side == Side::Query {
            asked = Some(parts);
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ZEEK: &str = r#"{"ts":1.5,"id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.20","id.resp_p":502,"tid":7,"unit":1,"func":"READ_COILS","address":1,"quantity":8,"response_values":[1,0,1,1,0,1,0,1],"matched":true}"#;
    const PACKET: &str = r#"{"timestamp":"1","layers":{"frame":{"frame_frame_time_epoch":"1.5","frame_frame_number":"4"},"ip":{"ip_ip_src":"192.0.2.7","ip_ip_dst":"192.0.2.20"},"tcp":{"tcp_tcp_srcport":"1","tcp_tcp_dstport":"502","tcp_tcp_payload":"00:07:00:00:00:06:01:03:00:6b:00:02"},"mbtcp":{"mbtcp_mbtcp_trans_id":"7","mbtcp_mbtcp_prot_id":"0","mbtcp_mbtcp_len":"6","mbtcp_mbtcp_unit_id":"1"},"modbus":{"modbus_modbus_func_code":"3"}}}"#;

    fn told(line: &str) -> Vec<Told> {
        read(line.as_bytes(), &[502]).unwrap().map(|(_, told)| told).unwrap_or_default()
    }

    #[test]
    fn bytes_are_made_where_all_of_them_are_told() {
        let messages = told(ZEEK);
        assert_eq!(messages[0].data.as_deref(), Some(&[0, 1, 0, 8][..]));
        assert_eq!(messages[1].data.as_deref(), Some(&[1, 0b1010_1101][..]));
        assert_eq!(told(PACKET)[0].data.as_deref(), Some(&[0, 0x6B, 0, 2][..]));
        let less = PACKET.replace("tcp_tcp_payload", "other");
        assert_eq!(told(&less)[0].data, None);
        let partly = ZEEK.replace(r#","response_values":[1,0,1,1,0,1,0,1]"#, r#","response_values":[1,0]"#);
        assert_eq!((told(&partly)[1].data.as_deref(), told(&partly)[1].direction), (None, Some(Direction::ToClient)));
    }

    #[test]
    fn a_line_without_what_every_message_has_is_refused_with_the_reason() {
        let wrong = |from: &str, to: &str| read(ZEEK.replace(from, to).as_bytes(), &[502]).unwrap_err().to_string();
        assert_eq!(wrong("192.0.2.7", "plc"), "no usable `id.orig_h` in a line of ICSNPP's Modbus logs");
        assert_eq!(wrong("READ_COILS", "READ"), "no usable `func` in a line of ICSNPP's Modbus logs");
        assert!(read(br#"{"a":1}"#, &[502]).unwrap().is_none());
        assert!(!is_form(br#"{"type":"record","id.orig_h":1,"func":"x"}"#));
        assert!(is_form(ZEEK.as_bytes()) && is_form(PACKET.as_bytes()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn no_line_does_harm(line in ".{0,200}", at in 0_usize..400, byte: u8, zeek: bool) {
            let _ = read(line.as_bytes(), &[502]);
            let mut rows = Rows::default();
            for head in ["ts,a,modbus.function", "#separator \\x09\n", "#fields\tts\ta", "#types\tcount\tvector[count]", &line] {
                let _ = rows.take(head);
                if let Ok(Taken::Row(row)) = rows.take(&line) {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&row).is_ok(), "{}", row);
                }
            }
            let mut broken = if zeek { ZEEK } else { PACKET }.as_bytes().to_vec();
            if let Some(place) = broken.get_mut(at) {
                *place = byte;
            }
            let _ = read(&broken, &[502]);
        }
    }
}
