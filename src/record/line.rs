//! Many records as JSON lines: what was written once for a conversation or a function is copied, not worked out again.

use super::data::Data;
use super::dial::Dial;
use super::json::{Mask, close, write_fact, write_fields, write_tags};
use super::schema::{Group, Native, Visitor};
use super::{Fact, Record};
use crate::modbus::{Access, Category, Framing, Kind};
use crate::net::{Direction, MacPair};

/// How many senders are remembered, each in the place that its conversation's serial gives it. About 1.5 MB when all
/// are in use.
const SENDERS: usize = 2048;

/// What a line begins with, behind the brace.
const TYPE: &[u8] = br#""type":"record","#;

/// Writes records as `json::write_json` does, at a fraction of the work.
pub struct LineWriter {
    senders: Vec<Sender>,
    /// By function code on the wire, access and category; empty where none was seen.
    functions: Vec<Vec<u8>>,
    dial: Dial,
}

/// The fields that stay the same while one end of a conversation goes on sending.
#[derive(Clone, Default)]
struct Sender {
    of: Option<Frames>,
    text: Vec<u8>,
}

/// What the groups [`Group::Ends`] and [`Group::Roles`] are made of.
#[derive(Clone, Copy, PartialEq)]
struct Frames {
    /// Its serial, which no other has.
    conversation: u64,
    direction: Direction,
    framing: Framing,
    mac: Option<MacPair>,
    vlan: [u16; 2],
    tcp_flags: u8,
}

impl Default for LineWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl LineWriter {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { senders: Vec::new(), functions: Vec::new(), dial: Dial::default() }
    }

    /// Appends the record as one object without a line end: `{"type":"record","EventTime":"…",…}`.
    pub fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        Group::all(|group| {
            if !record.has(group) {
                return;
            }
            match group {
                Group::Ends => self.sender(record, out),
                // Written with the ends.
                Group::Roles => {}
                Group::Function => self.function(record, out),
                group => write_group(record, group, &mut self.dial, out),
            }
        });
        write_tags(record, out);
        close(start, out);
    }

    /// Appends the record as an object to be nested in another, as `json::write_fields` does: without `type`, with `mask`.
    pub fn write_nested(&mut self, record: &Record<'_>, mask: Mask, out: &mut Vec<u8>) {
        if mask != Mask::NONE {
            return write_fields(record, mask, out);
        }
        let start = out.len();
        self.write(record, out);
        let kind = start + 1..start + 1 + TYPE.len();
        if out.get(kind.clone()) == Some(TYPE) {
            out.drain(kind);
        }
    }

    fn sender(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let frames = Frames::of(record);
        if self.senders.is_empty() {
            self.senders.resize_with(SENDERS, Sender::default);
        }
        let place = (frames.conversation as usize * 2 + frames.direction as usize) % SENDERS;
        let Some(sender) = self.senders.get_mut(place) else { return };
        if sender.of != Some(frames) {
            sender.of = Some(frames);
            sender.text.clear();
            write_group(record, Group::Ends, &mut self.dial, &mut sender.text);
            write_group(record, Group::Roles, &mut self.dial, &mut sender.text);
        }
        out.extend_from_slice(&sender.text);
    }

    fn function(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let message = record.message();
        if message.kind == Kind::Status {
            return write_group(record, Group::Function, &mut self.dial, out);
        }
        if self.functions.is_empty() {
            self.functions.resize((Access::ALL.len() * Category::ALL.len()) << 8, Vec::new());
        }
        let meaning = message.access() as usize * Category::ALL.len() + message.category() as usize;
        let place = meaning << 8 | usize::from(message.function_code);
        let Some(text) = self.functions.get_mut(place) else { return };
        if text.is_empty() {
            write_group(record, Group::Function, &mut self.dial, text);
        }
        out.extend_from_slice(text);
    }
}

impl Frames {
    fn of(record: &Record<'_>) -> Self {
        let message = record.message();
        Self {
            conversation: message.flow.serial,
            direction: message.direction,
            framing: message.framing,
            mac: message.carrier.mac,
            vlan: message.carrier.vlan,
            tcp_flags: message.carrier.tcp_flags,
        }
    }
}

/// Appends the fields of one group, each with the comma before it.
#[expect(clippy::inline_always, reason = "for groups that the compiler knows")]
#[inline(always)]
fn write_group(record: &Record<'_>, group: Group, dial: &mut Dial, out: &mut Vec<u8>) {
    match group {
        Group::Data if !record.tells_change() => group.each(&mut OwnData { own: record.own(), dial, out }),
        group => group.each(&mut Plain { record, dial, out }),
    }
}

/// Writes fields as they are.
struct Plain<'r, 'a> {
    record: &'r Record<'a>,
    dial: &'r mut Dial,
    out: &'r mut Vec<u8>,
}

impl Visitor for Plain<'_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        write_field(native, self.record.known(native), self.dial, self.out);
    }
}

/// Writes the fields of [`Group::Data`], whose common part is worked out once.
struct OwnData<'r, 'a> {
    own: Data<'a>,
    dial: &'r mut Dial,
    out: &'r mut Vec<u8>,
}

impl Visitor for OwnData<'_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        write_field(native, self.own.fact(native), self.dial, self.out);
    }
}

#[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
#[inline(always)]
fn write_field(native: Native, fact: Fact<'_>, dial: &mut Dial, out: &mut Vec<u8>) {
    let key = &native.row().key;
    match fact {
        Fact::Absent => {}
        Fact::Int(number) => key.write_number(number, out),
        Fact::Time(time) => {
            key.write(out);
            dial.write(time, out);
        }
        fact => {
            key.write(out);
            write_fact(fact, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::{Mbap, Message};
    use crate::net::{Carrier, Endpoint, Flow, Transport};
    use crate::record::Slots;
    use crate::record::assets::{Asset, Assets, Lookup, Weight, Zone};
    use crate::record::json::write_json;
    use crate::record::samples::{SAMPLES, carrier, flow};
    use crate::record::schema;
    use bumpalo::Bump;

    /// Conversations whose records differ in one respect each, two of them in the same place.
    fn conversations() -> Vec<(Flow, Carrier)> {
        let (flow, carrier) = (flow(), carrier());
        let other = Endpoint { port: 40_000, ..flow.client };
        vec![
            (flow, carrier),
            (Flow { serial: flow.serial + SENDERS as u64, client: other, ..flow }, carrier),
            (Flow { serial: 7, transport: Transport::Udp, ..flow }, carrier),
            (flow, Carrier { mac: None, ..carrier }),
            (flow, Carrier { vlan: [1, 0xFFFF], ..carrier }),
            (flow, Carrier { tcp_flags: 0x10, ..carrier }),
        ]
    }

    /// Names for both ends, and for one unit behind the server.
    fn lookup() -> Lookup {
        let (client, server) = (flow().client.ip.into(), flow().server.ip.into());
        let asset = |name: &str, network, units: &[u8]| Asset {
            name: name.into(),
            networks: vec![network],
            units: units.iter().map(|unit| *unit..=*unit).collect(),
            zone: None,
            weight: Weight::ONE,
        };
        let zone = Zone { name: "cell \"1\"".into(), networks: vec![server] };
        let assets = [asset("hmi", client, &[]), asset("plc", server, &[]), asset("drive", server, &[7])];
        Lookup::new(&Assets::new(&[zone], &assets).into()).unwrap()
    }

    #[test]
    fn what_is_remembered_is_what_would_be_written() {
        let mask = Mask::new(schema::find("modbus.data").into_iter().chain(schema::find("modbus.values")));
        let (slots, arena, mut writer, mut lookup) = (Slots::new(), Bump::new(), LineWriter::new(), lookup());
        // Twice, so that everything is once new, once remembered, once displaced.
        for _ in 0..2 {
            for sample in SAMPLES {
                for (flow, carrier) in conversations() {
                    sample.within(&flow, &carrier, |message| {
                        for unit_id in [message.mbap.unit_id, 7] {
                            let message = Message { mbap: Mbap { unit_id, ..message.mbap }, ..*message };
                            let parties = lookup.of(&message);
                            let record = Record::new(&message, &slots, &arena);
                            for record in [record, record.between(Some(&parties))] {
                                let (mut ours, mut plain) = (Vec::new(), Vec::new());
                                writer.write(&record, &mut ours);
                                write_json(&record, &mut plain);
                                assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(plain).unwrap());
                                for mask in [Mask::NONE, mask] {
                                    let (mut ours, mut plain) = (b"x".to_vec(), b"x".to_vec());
                                    writer.write_nested(&record, mask, &mut ours);
                                    write_fields(&record, mask, &mut plain);
                                    assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(plain).unwrap());
                                }
                            }
                        }
                    });
                }
            }
        }
    }
}
