//! The record of what a line tells: our fields, then its own.

use super::Told;
use super::hidden::Known as Part;
use crate::modbus::{Mbap, Pdu};
use crate::record::Record;
use crate::record::json::{self, write_fact, write_text};
use crate::record::schema::{self, Group, Native, Visitor};
use crate::record::{Fact, Mask};
use serde::Deserializer;
use serde::de::MapAccess;
use serde_json::value::RawValue;
use std::borrow::Cow;

impl Told {
    /// The PDU to be joined with others: what is not known of it is empty or zero.
    #[must_use]
    pub fn pdu(&self) -> Pdu<'_> {
        let data = self.data.as_deref().unwrap_or_default();
        let length = self.length.unwrap_or_else(|| u16::try_from(data.len() + 2).unwrap_or(u16::MAX));
        let (trans_id, unit_id) = (self.trans_id.unwrap_or_default(), self.unit_id.unwrap_or_default());
        let mbap = Mbap { trans_id, prot_id: self.prot_id.unwrap_or_default(), length, unit_id };
        Pdu { mbap, function_code: self.function_code, data }
    }

    /// Appends what is known of the message as an object without its last brace; `record` is of the
    /// [PDU](Self::pdu), joined. Nothing that the log does not say is written.
    pub fn write(&self, record: &Record<'_>, mask: Mask, out: &mut Vec<u8>) {
        let start = out.len();
        for group in Group::ALL.iter().filter(|group| self.has(**group) && record.has(**group)) {
            group.each(&mut Known { told: self, record, mask, out });
        }
        for (name, part) in &self.some {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            if schema::find(name).is_some_and(|field| mask.has(field)) {
                out.extend_from_slice(json::MASKED);
                continue;
            }
            match part {
                Part::Number(number) => write_fact(Fact::Int(i64::from(*number)), out),
                Part::Numbers(numbers) => out.extend_from_slice(format!("{numbers:?}").replace(' ', "").as_bytes()),
                Part::Text(text) => write_text(text, out),
            }
        }
        json::write_tags(record, out);
        if let Some(comma) = out.get_mut(start) {
            *comma = b'{';
        }
    }

    /// Appends what the line says by its own names, and the last brace: after what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// When the line is no JSON object.
    pub fn write_own(line: &[u8], out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(line);
        json.deserialize_map(Own { out })?;
        out.push(b'}');
        Ok(())
    }

    /// Whether it tells of a group of fields at all.
    fn has(&self, group: Group) -> bool {
        match group {
            Group::Data | Group::Special | Group::Identity | Group::Flags => self.data.is_some(),
            _ => true,
        }
    }

    fn says(&self, native: Native) -> bool {
        match native {
            Native::EventTime => self.time.is_some(),
            Native::FrameNumber | Native::FramePdu | Native::RequestFrame => self.frame.is_some(),
            Native::TcpFlag => self.tcp_flags.is_some(),
            Native::Kind | Native::Ipv4Src | Native::Ipv4Dst | Native::Ipv6Src | Native::Ipv6Dst => {
                self.direction.is_some()
            }
            Native::SrcIp | Native::DstIp => self.direction.is_some(),
            Native::SrcPort | Native::TcpSrcPort | Native::UdpSrcPort => self.direction.is_some() && self.ports(),
            Native::DstPort | Native::TcpDstPort | Native::UdpDstPort => self.direction.is_some() && self.ports(),
            Native::ClientPort | Native::ServerPort => self.ports(),
            Native::TransId | Native::RequestTransId => self.trans_id.is_some(),
            Native::ProtId => self.prot_id.is_some(),
            Native::Length => self.length.is_some(),
            Native::MoreFollows | Native::NextObjectId => !self.one_object,
            Native::UnitId | Native::RequestUnitId => self.unit_id.is_some(),
            Native::LatencyMs => self.own_time && self.time.is_some(),
            Native::RequestTime => self.time.is_some(),
            Native::Matched => self.joins,
            Native::WriteOutcome => self.direction.is_some(),
            _ => true,
        }
    }

    const fn ports(&self) -> bool {
        self.client.port != 0 || self.server.port != 0
    }
}

/// Copies members whose names are not ours.
struct Own<'r> {
    out: &'r mut Vec<u8>,
}

impl<'de> serde::de::Visitor<'de> for Own<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            if schema::find(&name).is_none() {
                self.out.push(b',');
                write_text(&name, self.out);
                self.out.push(b':');
                self.out.extend_from_slice(value.get().as_bytes());
            }
        }
        Ok(())
    }
}

/// Writes the fields that are known.
struct Known<'r, 'a> {
    told: &'r Told,
    record: &'r Record<'a>,
    mask: Mask,
    out: &'r mut Vec<u8>,
}

impl Visitor for Known<'_, '_> {
    fn visit(&mut self, native: Native) {
        let fact = self.record.native(native);
        if matches!(fact, Fact::Absent) || !self.told.says(native) {
            return;
        }
        native.row().key.write(self.out);
        if self.mask.hides(native) {
            self.out.extend_from_slice(json::MASKED);
        } else {
            write_fact(fact, self.out);
        }
    }
}
