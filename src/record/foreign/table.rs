//! Which field of which log tells which part of a message: the only place that knows the names.

use super::tree::Fields;
use std::fmt::Write;

/// A format of logs of Modbus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Zeek's `modbus.log`.
    Zeek,
    /// The logs of Zeek with ICSNPP: `modbus_detailed.log` and those beside it.
    Icsnpp,
    /// Events of Suricata (`eve.json`).
    Suricata,
    /// What tshark prints with `-T ek`, `-T json` or as columns with `-T fields -E header=y`.
    Tshark,
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Time,
    Client,
    ClientPort,
    Server,
    ServerPort,
    Source,
    SourcePort,
    Destination,
    DestinationPort,
    UdpPort,
    Transport,
    TransId,
    ProtId,
    Length,
    Unit,
    Function,
    Exception,
    Address,
    Quantity,
    Values,
    Bytes,
    ReadAddress,
    ReadQuantity,
    AndMask,
    OrMask,
    SubFunction,
    SubFunctionBytes,
    MeiType,
    MeiBytes,
    /// The bytes after the function code.
    Pdu,
    DeviceIdCode,
    Conformity,
    ObjectId,
    ObjectValue,
    MacSource,
    MacDestination,
    Vlan,
    Frame,
    TcpFlags,
    Direction,
}

/// Query or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Query,
    Answer,
    /// The log does not say.
    Unknown,
}

/// Of which messages a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Both,
    Query,
    Answer,
}

type Row = (Of, Part, &'static [&'static str]);

const ZEEK: &[Row] = &[
    (Of::Both, Part::Time, &["ts"]),
    (Of::Both, Part::Client, &["id.orig_h"]),
    (Of::Both, Part::ClientPort, &["id.orig_p"]),
    (Of::Both, Part::Server, &["id.resp_h"]),
    (Of::Both, Part::ServerPort, &["id.resp_p"]),
    (Of::Both, Part::TransId, &["tid"]),
    (Of::Both, Part::Unit, &["unit"]),
    (Of::Both, Part::Function, &["func"]),
    (Of::Both, Part::Direction, &["pdu_type"]),
    (Of::Answer, Part::Exception, &["exception"]),
];

const ICSNPP: &[Row] = &[
    (Of::Both, Part::Time, &["ts"]),
    (Of::Both, Part::Client, &["id.orig_h"]),
    (Of::Both, Part::ClientPort, &["id.orig_p"]),
    (Of::Both, Part::Server, &["id.resp_h"]),
    (Of::Both, Part::ServerPort, &["id.resp_p"]),
    (Of::Both, Part::TransId, &["tid"]),
    (Of::Both, Part::Unit, &["unit"]),
    (Of::Both, Part::Function, &["func"]),
    (Of::Both, Part::Direction, &["request_response"]),
    (Of::Answer, Part::Exception, &["exception_code"]),
    (Of::Both, Part::Address, &["address", "write_start_address"]),
    (Of::Both, Part::Quantity, &["quantity"]),
    (Of::Query, Part::Values, &["request_values", "write_registers"]),
    (Of::Answer, Part::Values, &["response_values", "read_registers"]),
    (Of::Query, Part::ReadAddress, &["read_start_address"]),
    (Of::Query, Part::ReadQuantity, &["read_quantity"]),
    (Of::Both, Part::AndMask, &["and_mask"]),
    (Of::Both, Part::OrMask, &["or_mask"]),
    (Of::Query, Part::SubFunction, &["request_subfunction_code"]),
    (Of::Answer, Part::SubFunction, &["response_subfunction_code"]),
    (Of::Query, Part::SubFunctionBytes, &["request_data"]),
    (Of::Answer, Part::SubFunctionBytes, &["response_data"]),
    (Of::Both, Part::DeviceIdCode, &["device_id_code"]),
    (Of::Answer, Part::Conformity, &["conformity_level_code"]),
    (Of::Both, Part::ObjectId, &["object_id_code"]),
    (Of::Answer, Part::ObjectValue, &["object_value"]),
];

const SURICATA: &[Row] = &[
    (Of::Both, Part::Time, &["timestamp"]),
    (Of::Both, Part::Client, &["src_ip"]),
    (Of::Both, Part::ClientPort, &["src_port"]),
    (Of::Both, Part::Server, &["dest_ip"]),
    (Of::Both, Part::ServerPort, &["dest_port"]),
    (Of::Both, Part::Transport, &["proto"]),
    (Of::Query, Part::TransId, &["modbus.request.transaction_id"]),
    (Of::Answer, Part::TransId, &["modbus.response.transaction_id"]),
    (Of::Query, Part::ProtId, &["modbus.request.protocol_id"]),
    (Of::Answer, Part::ProtId, &["modbus.response.protocol_id"]),
    (Of::Query, Part::Unit, &["modbus.request.unit_id"]),
    (Of::Answer, Part::Unit, &["modbus.response.unit_id"]),
    (Of::Query, Part::Function, &["modbus.request.function_raw"]),
    (Of::Answer, Part::Function, &["modbus.response.function_raw"]),
    (Of::Answer, Part::Exception, &["modbus.response.exception.raw"]),
    (Of::Query, Part::Address, &["modbus.request.write.address", "modbus.request.read.address"]),
    (Of::Answer, Part::Address, &["modbus.response.write.address"]),
    (Of::Query, Part::Quantity, &["modbus.request.write.quantity", "modbus.request.read.quantity"]),
    (Of::Query, Part::ReadAddress, &["modbus.request.read.address"]),
    (Of::Query, Part::ReadQuantity, &["modbus.request.read.quantity"]),
    (Of::Query, Part::Bytes, &["modbus.request.write.data"]),
    (Of::Answer, Part::Bytes, &["modbus.response.read.data", "modbus.response.write.data"]),
    (Of::Query, Part::AndMask, &["modbus.request.write.and_mask"]),
    (Of::Answer, Part::AndMask, &["modbus.response.write.and_mask"]),
    (Of::Query, Part::OrMask, &["modbus.request.write.or_mask"]),
    (Of::Answer, Part::OrMask, &["modbus.response.write.or_mask"]),
    (Of::Query, Part::SubFunction, &["modbus.request.diagnostic.raw"]),
    (Of::Answer, Part::SubFunction, &["modbus.response.diagnostic.raw"]),
    (Of::Query, Part::SubFunctionBytes, &["modbus.request.diagnostic.data"]),
    (Of::Answer, Part::SubFunctionBytes, &["modbus.response.diagnostic.data"]),
    (Of::Query, Part::MeiType, &["modbus.request.mei.raw"]),
    (Of::Answer, Part::MeiType, &["modbus.response.mei.raw"]),
    (Of::Query, Part::MeiBytes, &["modbus.request.mei.data"]),
    (Of::Answer, Part::MeiBytes, &["modbus.response.mei.data"]),
    (Of::Query, Part::Pdu, &["modbus.request.data"]),
    (Of::Answer, Part::Pdu, &["modbus.response.data"]),
];

const TSHARK: &[Row] = &[
    (Of::Both, Part::Time, &["frame.time_epoch"]),
    (Of::Both, Part::Source, &["ip.src", "ipv6.src"]),
    (Of::Both, Part::Destination, &["ip.dst", "ipv6.dst"]),
    (Of::Both, Part::SourcePort, &["tcp.srcport", "udp.srcport"]),
    (Of::Both, Part::DestinationPort, &["tcp.dstport", "udp.dstport"]),
    (Of::Both, Part::UdpPort, &["udp.srcport"]),
    (Of::Both, Part::TransId, &["mbtcp.trans_id"]),
    (Of::Both, Part::ProtId, &["mbtcp.prot_id"]),
    (Of::Both, Part::Length, &["mbtcp.len"]),
    (Of::Both, Part::Unit, &["mbtcp.unit_id"]),
    (Of::Both, Part::Function, &["modbus.func_code"]),
    (Of::Answer, Part::Exception, &["modbus.exception_code"]),
    (Of::Both, Part::Address, &["modbus.reference_num", "modbus.write_reference_num"]),
    (Of::Both, Part::Quantity, &["modbus.word_cnt", "modbus.bit_cnt"]),
    (Of::Both, Part::Values, &["modbus.regval_uint16", "modbus.bitval"]),
    (Of::Both, Part::AndMask, &["modbus.and_mask"]),
    (Of::Both, Part::OrMask, &["modbus.or_mask"]),
    (Of::Both, Part::MacSource, &["eth.src"]),
    (Of::Both, Part::MacDestination, &["eth.dst"]),
    (Of::Both, Part::Vlan, &["vlan.id"]),
    (Of::Both, Part::Frame, &["frame.number"]),
    (Of::Both, Part::TcpFlags, &["tcp.flags"]),
];

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Zeek, Self::Icsnpp, Self::Suricata, Self::Tshark];

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zeek => "Zeek's modbus.log",
            Self::Icsnpp => "ICSNPP's Modbus logs",
            Self::Suricata => "Suricata's Modbus events",
            Self::Tshark => "tshark",
        }
    }

    /// How its lines are counted.
    #[must_use]
    pub const fn counter(self) -> &'static str {
        match self {
            Self::Zeek => "lines of Zeek",
            Self::Icsnpp => "lines of ICSNPP",
            Self::Suricata => "Modbus events of Suricata",
            Self::Tshark => "packets of tshark",
        }
    }

    const fn rows(self) -> &'static [Row] {
        match self {
            Self::Zeek => ZEEK,
            Self::Icsnpp => ICSNPP,
            Self::Suricata => SURICATA,
            Self::Tshark => TSHARK,
        }
    }

    /// The fields without which a line says nothing of a message.
    #[must_use]
    pub const fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Zeek | Self::Icsnpp => &["ts", "id.orig_h", "id.resp_h", "func"],
            Self::Suricata => &["timestamp", "src_ip", "dest_ip", "modbus"],
            Self::Tshark => &["frame.time_epoch", "ip.src", "ip.dst", "modbus.func_code"],
        }
    }

    /// What names in a line or header say it is.
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        Self::told_by(&|name| fields.has(name), fields.text("event_type"), fields.has_below("modbus."))
    }

    /// The same of the columns of a header.
    pub(super) fn of_columns(names: &[String]) -> Option<Self> {
        Self::told_by(&|name| names.iter().any(|known| known == name), None, false)
    }

    fn told_by(has: &dyn Fn(&str) -> bool, event: Option<&str>, modbus: bool) -> Option<Self> {
        /// Each is in some log of ICSNPP, and one of them in every line of it.
        const ICSNPP_ONLY: [&str; 9] = [
            "matched",
            "modbus_detailed_link_id",
            "link_id",
            "request_response",
            "address",
            "quantity",
            "request_values",
            "response_values",
            "exception_code",
        ];
        if has("func") && (has("id.orig_h") || has("id.resp_h")) {
            let detailed = ICSNPP_ONLY.iter().any(|name| has(name));
            return Some(if detailed { Self::Icsnpp } else { Self::Zeek });
        }
        if event == Some("modbus") && modbus {
            return Some(Self::Suricata);
        }
        has("modbus.func_code").then_some(Self::Tshark)
    }
}

/// The field's names in a log, if it has the part on that side.
pub(super) fn names(format: Format, part: Part, side: Side) -> &'static [&'static str] {
    let fits = |of: Of| match side {
        Side::Query => of != Of::Answer,
        Side::Answer => of != Of::Query,
        Side::Unknown => of == Of::Both,
    };
    format.rows().iter().find(|(of, known, _)| *known == part && fits(*of)).map_or(&[], |(.., names)| names)
}

/// Whether a field of some log, by its name in lower case, holds neither values nor bytes that values are in.
pub(super) fn is_plain(name: &str) -> bool {
    /// What is known of a PDU beside the parts of its message.
    const BESIDE: [&str; 13] = [
        "modbus.byte_cnt",
        "modbus.request_frame",
        "modbus.response_time",
        "modbus.id",
        "modbus.request.function_code",
        "modbus.response.function_code",
        "modbus.request.access_type",
        "modbus.response.access_type",
        "modbus.request.category",
        "modbus.response.category",
        "modbus.request.error_flags",
        "modbus.response.error_flags",
        "modbus.response.exception.code",
    ];
    let telling = |part: Part| {
        matches!(
            part,
            Part::Values
                | Part::Bytes
                | Part::Pdu
                | Part::SubFunctionBytes
                | Part::MeiBytes
                | Part::AndMask
                | Part::OrMask
        )
    };
    let mut rows = Format::ALL.iter().flat_map(|format| format.rows());
    BESIDE.contains(&name) || rows.any(|(_, part, names)| !telling(*part) && names.contains(&name))
}

/// Which messages a line tells of, in order.
pub(super) fn sides(format: Format, fields: &Fields, ports: &[u16]) -> Vec<Side> {
    match format {
        Format::Zeek | Format::Icsnpp => zeek_sides(format, fields),
        Format::Suricata => {
            let told = [(Side::Query, "modbus.request."), (Side::Answer, "modbus.response.")];
            told.into_iter().filter(|(_, prefix)| fields.has_below(prefix)).map(|(side, _)| side).collect()
        }
        Format::Tshark => vec![tshark_side(fields, ports)],
    }
}

fn zeek_sides(format: Format, fields: &Fields) -> Vec<Side> {
    match fields.all(names(format, Part::Direction, Side::Unknown)).first().map(|leaf| leaf.text.as_str()) {
        Some("REQ" | "REQUEST") => return vec![Side::Query],
        Some("RESP" | "RESPONSE") => return vec![Side::Answer],
        _ => {}
    }
    if matches!(fields.text("matched"), Some("true" | "T")) {
        return vec![Side::Query, Side::Answer];
    }
    let has = |side, parts: &[Part]| parts.iter().any(|part| !fields.all(names(format, *part, side)).is_empty());
    let refused = fields.text("func").is_some_and(|word| word.ends_with("_EXCEPTION"));
    if refused || has(Side::Answer, &[Part::Exception, Part::SubFunction]) || fields.has("response_values") {
        return vec![Side::Answer];
    }
    let asked = fields.has("matched") && has(Side::Query, &[Part::Address, Part::Values, Part::SubFunction]);
    vec![if asked { Side::Query } else { Side::Unknown }]
}

/// Whether the log says of all its messages whether they ask or answer: Zeek before version 6 did not.
pub(super) fn tells_direction(format: Format, fields: &Fields) -> bool {
    format != Format::Zeek || fields.has("pdu_type")
}

/// The ports tell, as they tell tshark.
fn tshark_side(fields: &Fields, ports: &[u16]) -> Side {
    let is_server = |part| {
        let port = fields.all(names(Format::Tshark, part, Side::Unknown)).first();
        port.and_then(|leaf| leaf.text.parse().ok()).is_some_and(|port| ports.contains(&port))
    };
    let answer = fields.has("modbus.exception_code") || fields.has("modbus.request_frame");
    match (answer, is_server(Part::SourcePort), is_server(Part::DestinationPort)) {
        (true, ..) | (_, true, false) => Side::Answer,
        (_, _, true) => Side::Query,
        _ => Side::Unknown,
    }
}

/// Our names for a part, as the manual tells them.
const fn ours(part: Part) -> &'static str {
    match part {
        Part::Time => "`EventTime`",
        Part::Client => "`modbus.client`",
        Part::ClientPort => "`modbus.client_port`",
        Part::Server => "`modbus.server`",
        Part::ServerPort => "`modbus.server_port`",
        Part::Source => "`src_ip`",
        Part::SourcePort => "`src_port`",
        Part::Destination => "`dst_ip`",
        Part::DestinationPort => "`dst_port`",
        Part::UdpPort | Part::Transport => "`modbus.framing`",
        Part::TransId => "`modbus.trans_id`",
        Part::ProtId => "`modbus.prot_id`",
        Part::Length => "`modbus.length`",
        Part::Unit => "`modbus.unit_id`",
        Part::Function => "`modbus.function`, `.function_code`, `.category`, `.access`, `.table`",
        Part::Exception => "`modbus.exc`, `.exc_code`",
        Part::Address => "`modbus.address`, `.address_end`",
        Part::Quantity => "`modbus.quantity`",
        Part::Values => "`modbus.values`, `.value`, `.value_min`, `.value_max`, `.text`",
        Part::Bytes => {
            "`modbus.values`, `.value`, `.value_min`, `.value_max`, `.text`; of an answer to 15 and 16 `modbus.quantity`"
        }
        Part::ReadAddress => "`modbus.read_address` of function 23",
        Part::ReadQuantity => "`modbus.read_quantity` of function 23",
        Part::AndMask => "`modbus.and_mask`",
        Part::OrMask => "`modbus.or_mask`",
        Part::SubFunction => "`modbus.sub_function`, `.diagnostic`",
        Part::SubFunctionBytes => "`modbus.data` of function 8",
        Part::MeiType => "`modbus.mei_type`",
        Part::MeiBytes => "the fields of function 43",
        Part::Pdu => "the fields of functions 7, 11, 12, 17, 20, 21, 24 and those of vendors",
        Part::DeviceIdCode => "`modbus.read_device_id_code`",
        Part::Conformity => "`modbus.conformity_level`",
        Part::ObjectId => "`modbus.object_id` of a query, `modbus.object_ids` of an answer",
        Part::ObjectValue => {
            "`modbus.vendor_name`, `.product_code`, `.major_minor_revision` and so on, by the object's id"
        }
        Part::MacSource => "`eth.src`",
        Part::MacDestination => "`eth.dst`",
        Part::Vlan => "`vlan.id`",
        Part::Frame => "`frame.number`",
        Part::TcpFlags => "`tcp.flag`",
        Part::Direction => "`modbus.kind`",
    }
}

/// The tables as Markdown, for the manual.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    for format in Format::ALL {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "\n### {}\n\n| its field | of | ours |\n|---|---|---|", format.name());
        for (of, part, names) in format.rows() {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let of = match of {
                Of::Both => "both",
                Of::Query => "query",
                Of::Answer => "answer",
            };
            let _ = writeln!(out, "| {} | {of} | {} |", names.join(", "), ours(*part));
        }
    }
    out
}
