//! Many records as JSON lines: what was written once for a conversation or a function is copied, not worked out again.

use super::data::{Data, maybe};
use super::dial::Dial;
use super::json::{Mask, write_fields, write_group, write_tags};
use super::message::Asked;
use super::pen::{PAGE, Page, Pen};
use super::schema::{Group, Native, Visitor};
use super::standing::{Functions, Senders};
use super::write::Written;
use super::{Fact, Record};
use crate::modbus::Body;

/// What a line begins with.
const BEGIN: &[u8; 16] = br#"{"type":"record""#;

/// What of it has no place in an object that is nested in another.
const TYPE: &[u8] = br#""type":"record","#;

/// What function 5 sets a coil to.
const OUTPUT: Native = Native::OutputValue;

/// Writes records as `json::write_json` does, at a fraction of the work.
pub struct LineWriter {
    page: Box<Page>,
    senders: Senders,
    functions: Functions,
    dial: Dial,
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
        Self {
            page: Box::new([0; PAGE]),
            senders: Senders::default(),
            functions: Functions::default(),
            dial: Dial::default(),
        }
    }

    /// Appends the record as one object without a line end: `{"type":"record","EventTime":"…",…}`.
    pub fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Self { page, senders, functions, dial } = self;
        let mut pen = Pen::new(page, out);
        pen.text(BEGIN);
        // Written out group by group, so that the compiler knows of each what there is to do.
        Group::Moment.each_here(&mut Common { record, dial, pen: &mut pen });
        pen.copy(senders.text(record));
        rare(record, Group::Parties, &mut pen);
        Group::Header.each_here(&mut Common { record, dial, pen: &mut pen });
        match functions.text(record) {
            Some(text) => pen.copy(text),
            None => rare(record, Group::Function, &mut pen),
        }
        rare(record, Group::Exception, &mut pen);
        if record.tells_change() {
            rare(record, Group::Data, &mut pen);
        } else if record.has(Group::Data) {
            let own = record.own();
            Group::Data.each_here(&mut OwnData { own: &own, extremes: own.extremes(), pen: &mut pen });
        }
        match record.message().body {
            // The one field of a group of many, and common.
            Body::WriteSingle { .. } => pen.field(&OUTPUT.row().key, record.known(OUTPUT)),
            _ => rare(record, Group::Special, &mut pen),
        }
        rare(record, Group::Identity, &mut pen);
        if record.has(Group::Request) {
            Group::Request.each_here(&mut Asking { record, asked: record.asked(), dial, pen: &mut pen });
        }
        if let Some(written) = record.written() {
            Group::Write.each_here(&mut Writing { written: &written, pen: &mut pen });
        }
        rare(record, Group::Change, &mut pen);
        rare(record, Group::Flags, &mut pen);
        rare(record, Group::Baseline, &mut pen);
        let out = pen.lift();
        write_tags(record, out);
        out.push(b'}');
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
}

/// Writes a group that most records do not have.
#[expect(clippy::inline_always, reason = "for groups that the compiler knows")]
#[inline(always)]
fn rare(record: &Record<'_>, group: Group, pen: &mut Pen<'_>) {
    if record.has(group) {
        write_group(record, group, pen.lift());
    }
}

/// Writes fields that all records have.
struct Common<'r, 'a, 'p> {
    record: &'r Record<'a>,
    dial: &'r mut Dial,
    pen: &'r mut Pen<'p>,
}

impl Visitor for Common<'_, '_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        let key = &native.row().key;
        match native {
            // What a line begins with.
            Native::Type => {}
            Native::EventTime => {
                self.pen.key(key);
                self.dial.write(self.record.message().time, self.pen);
            }
            native => self.pen.field(key, self.record.known(native)),
        }
    }
}

/// Writes the fields of [`Group::Data`], whose common part is worked out once.
struct OwnData<'r, 'a, 'p> {
    own: &'r Data<'a>,
    extremes: Option<[u16; 2]>,
    pen: &'r mut Pen<'p>,
}

impl Visitor for OwnData<'_, '_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        let fact = match native {
            Native::ValueMin => maybe(self.extremes.map(|[least, _]| least)),
            Native::ValueMax => maybe(self.extremes.map(|[_, greatest]| greatest)),
            native => self.own.fact(native),
        };
        self.pen.field(&native.row().key, fact);
    }
}

/// Writes the fields of [`Group::Request`].
struct Asking<'r, 'a, 'p> {
    record: &'r Record<'a>,
    asked: Option<Asked<'a>>,
    dial: &'r mut Dial,
    pen: &'r mut Pen<'p>,
}

impl Visitor for Asking<'_, '_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        let key = &native.row().key;
        match (native, &self.asked) {
            (Native::Matched, _) => self.pen.field(key, self.record.known(native)),
            (_, None) => {}
            (Native::LatencyMs, Some(asked)) => {
                if let Some(latency) = asked.latency() {
                    self.pen.millis(key, latency);
                }
            }
            (_, Some(asked)) => match asked.fact(native) {
                Fact::Time(time) => {
                    self.pen.key(key);
                    self.dial.write(time, self.pen);
                }
                fact => self.pen.field(key, fact),
            },
        }
    }
}

/// Writes the fields of [`Group::Write`].
struct Writing<'r, 'a, 'p> {
    written: &'r Written<'a>,
    pen: &'r mut Pen<'p>,
}

impl Visitor for Writing<'_, '_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        self.pen.field(&native.row().key, self.written.fact(native));
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
    use crate::record::standing::SENDERS;
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
