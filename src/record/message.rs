//! The flat view of a Modbus message.

use super::assets::Parties;
use super::baseline::New;
use super::data::{Data, WRITE_SINGLE_COIL, count, int, maybe, numbers};
use super::maps::{PARTS, Part, TagId};
use super::schema::{Field, Group, Guard, Native, Side, Visitor, Wording};
use super::veil::Veil;
use super::write::{self, Written};
use super::{Fact, Facts, List, Recall, Slot, Slots, identity, kin, special, text, vocabulary};
use crate::modbus::{Body, Framing, Kind, Message, Request, Table};
use crate::net::{Direction, Endpoint, Transport};
use crate::time::Span;
use bumpalo::Bump;
use std::net::IpAddr;

/// The facts of one message. Nothing is worked out before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    message: &'a Message<'a>,
    slots: &'a Slots,
    arena: &'a Bump,
    recall: Option<&'a Recall<'a>>,
    parties: Option<&'a Parties<'a>>,
    news: New,
}

impl<'a> Record<'a> {
    /// The view of `message` for those who ask by `slots`. Texts that must be made (hex, MAC addresses) go to `arena`,
    /// which the caller empties after the record.
    #[must_use]
    pub const fn new(message: &'a Message<'a>, slots: &'a Slots, arena: &'a Bump) -> Self {
        Self { message, slots, arena, recall: None, parties: None, news: New::NOTHING }
    }

    /// The view with what memory and maps add to it.
    #[must_use]
    pub const fn with(self, recall: &'a Recall<'a>) -> Self {
        Self { recall: Some(recall), ..self }
    }

    /// The view with the names of client and server, if there are assets or zones.
    #[must_use]
    pub const fn between(self, parties: Option<&'a Parties<'a>>) -> Self {
        Self { parties, ..self }
    }

    /// The view with what is new in it.
    #[must_use]
    pub const fn with_news(self, news: New) -> Self {
        Self { news, ..self }
    }

    /// The message behind it.
    #[must_use]
    pub const fn message(&self) -> &'a Message<'a> {
        self.message
    }

    /// What it says of `field`.
    #[must_use]
    pub fn field(&self, field: Field) -> Fact<'a> {
        match field.guard {
            Some(guard) if self.guard() != Some(guard) => Fact::Absent,
            _ => self.native(field.native),
        }
    }

    /// Which NXLog names it has; none for a timeout or a status, which NXLog does not know.
    pub(super) fn guard(&self) -> Option<Guard> {
        let message = self.message;
        let (side, body) = match message.kind {
            Kind::Query => (Side::Query, Some(message.body)),
            Kind::Response => (Side::Response, Some(message.body)),
            // An exception does not repeat the MEI type.
            Kind::Exception => (Side::Exception, message.request.map(|request| request.body)),
            Kind::Timeout | Kind::Status => return None,
        };
        let mei_type = body.and_then(|body| body.mei_type());
        Some(Guard { side, wording: Wording::of(message.function_code, mei_type) })
    }

    /// Whether any field of `group` may be there: what lets a writer skip the others.
    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    pub(super) fn has(&self, group: Group) -> bool {
        let message = self.message;
        match group {
            Group::Moment | Group::Ends | Group::Roles | Group::Header => true,
            Group::Parties => self.parties.is_some_and(|parties| !parties.is_empty()),
            Group::Function => message.kind != Kind::Status || self.tells_change(),
            Group::Exception => matches!(message.body, Body::Exception { .. }),
            Group::Data => !matches!(message.kind, Kind::Exception | Kind::Status) || self.tells_change(),
            Group::Special => !matches!(
                message.body,
                Body::ReadQuery { .. }
                    | Body::Bits { .. }
                    | Body::Registers { .. }
                    | Body::WriteMultiple { .. }
                    | Body::WriteMultipleResponse { .. }
                    | Body::Exception { .. }
            ),
            Group::Identity => matches!(message.body, Body::DeviceIdQuery { .. } | Body::DeviceIdResponse { .. }),
            Group::Request => message.request.is_some() || matches!(message.kind, Kind::Response | Kind::Exception),
            Group::Write => write::is_write(message),
            Group::Change => self.tells_change(),
            Group::Flags => !message.flags.is_empty(),
            Group::Baseline => !self.news.is_nothing(),
        }
    }

    /// Whether it tells of a change of a register and not of its message.
    pub(super) fn tells_change(&self) -> bool {
        self.recall.is_some_and(|recall| recall.change.is_some())
    }

    /// Whether it may have tags.
    #[inline]
    pub(super) const fn is_mapped(&self) -> bool {
        self.recall.is_some()
    }

    /// What must not be seen of the message's values.
    fn veil(&self) -> Veil<'a> {
        self.recall.map_or(&[], |recall| recall.own)
    }

    /// The keys of its tags in JSON with their values; absent ones are left out.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&'a str, Fact<'a>)> {
        let record = *self;
        let tags = record.recall.into_iter().flat_map(Recall::tags);
        tags.flat_map(move |tag| {
            let keys = record.slots.tags().keys(tag).into_iter().flatten();
            let parts = PARTS.iter().map(move |(part, _)| record.tag(tag, *part));
            keys.map(|key| &**key).zip(parts).filter(|(_, fact)| *fact != Fact::Absent)
        })
    }

    fn tag(&self, tag: TagId, part: Part) -> Fact<'a> {
        self.recall.map_or(Fact::Absent, |recall| recall.tag(tag, part))
    }

    /// What it says of a field of the table.
    pub(super) fn native(&self, native: Native) -> Fact<'a> {
        let mut answer = Answer { record: self, fact: Fact::Absent };
        native.show(&mut answer);
        answer.fact
    }

    /// The same for a field that the compiler knows: then nothing but the one answer is left.
    #[expect(clippy::inline_always, reason = "without it nothing is known")]
    #[inline(always)]
    pub(super) fn known(&self, native: Native) -> Fact<'a> {
        match native.row().group {
            Group::Moment => self.moment(native),
            Group::Ends => self.end(native),
            Group::Roles => self.roles(native),
            Group::Parties => self.parties.map_or(Fact::Absent, |parties| parties.fact(native)),
            Group::Header => self.header(native),
            Group::Function => self.function(native),
            Group::Exception => self.exception(native),
            Group::Data if self.tells_change() => self.change(native),
            Group::Data => self.own().fact(native),
            Group::Special => self.special(native),
            Group::Identity => identity::fact(native, &self.message.body, self.arena),
            Group::Request => self.request(native),
            Group::Write => self.write(native),
            Group::Change => self.change(native),
            Group::Flags if self.message.flags.is_empty() => Fact::Absent,
            Group::Flags => Fact::List(List::Words(&vocabulary::FLAGS, self.message.flags.bits())),
            Group::Baseline => self.news.fact(),
        }
    }

    /// Sender and receiver of the message.
    fn ends(&self) -> (Endpoint, Endpoint) {
        let flow = self.message.flow;
        match self.message.direction {
            Direction::ToServer => (flow.client, flow.server),
            Direction::ToClient => (flow.server, flow.client),
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn moment(&self, native: Native) -> Fact<'a> {
        match native {
            Native::Type => Fact::Word(&vocabulary::TYPE, 0),
            Native::EventTime => Fact::Time(self.message.time),
            Native::FrameNumber => count(self.message.carrier.frame),
            Native::FramePdu if self.message.kind == Kind::Status => Fact::Absent,
            Native::FramePdu => int(self.message.index),
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn end(&self, native: Native) -> Fact<'a> {
        let Message { flow, carrier, .. } = *self.message;
        let (src, dst) = self.ends();
        let over = |transport, fact| if flow.transport == transport { fact } else { Fact::Absent };
        match native {
            Native::EthSrc => carrier.mac.map_or(Fact::Absent, |mac| Fact::Text(text::mac(mac.src, self.arena))),
            Native::EthDst => carrier.mac.map_or(Fact::Absent, |mac| Fact::Text(text::mac(mac.dst, self.arena))),
            Native::VlanId => vlan(carrier.vlan, self.arena),
            Native::Ipv4Src => Some(src.ip).filter(IpAddr::is_ipv4).map_or(Fact::Absent, Fact::Addr),
            Native::Ipv4Dst => Some(dst.ip).filter(IpAddr::is_ipv4).map_or(Fact::Absent, Fact::Addr),
            Native::Ipv6Src => Some(src.ip).filter(IpAddr::is_ipv6).map_or(Fact::Absent, Fact::Addr),
            Native::Ipv6Dst => Some(dst.ip).filter(IpAddr::is_ipv6).map_or(Fact::Absent, Fact::Addr),
            Native::TcpSrcPort => over(Transport::Tcp, int(src.port)),
            Native::TcpDstPort => over(Transport::Tcp, int(dst.port)),
            Native::TcpFlag => over(Transport::Tcp, Fact::Word(&vocabulary::TCP_FLAG, u16::from(carrier.tcp_flags))),
            Native::UdpSrcPort => over(Transport::Udp, int(src.port)),
            Native::UdpDstPort => over(Transport::Udp, int(dst.port)),
            Native::SrcIp => Fact::Addr(src.ip),
            Native::SrcPort => int(src.port),
            Native::DstIp => Fact::Addr(dst.ip),
            Native::DstPort => int(dst.port),
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn roles(&self, native: Native) -> Fact<'a> {
        let flow = self.message.flow;
        match native {
            Native::Client => Fact::Addr(flow.client.ip),
            Native::ClientPort => int(flow.client.port),
            Native::Server => Fact::Addr(flow.server.ip),
            Native::ServerPort => int(flow.server.port),
            Native::Conn => count(flow.serial),
            Native::Framing => Fact::Word(&vocabulary::FRAMING, self.message.framing as u16),
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn header(&self, native: Native) -> Fact<'a> {
        let Message { kind, status, reason, mbap, framing, .. } = *self.message;
        match native {
            Native::Kind => return Fact::Word(&vocabulary::KIND, kind as u16),
            Native::Status => return status.map_or(Fact::Absent, |it| Fact::Word(&vocabulary::STATUS, it as u16)),
            Native::Reason => return reason.map_or(Fact::Absent, |it| Fact::Word(&vocabulary::REASON, it as u16)),
            _ if kind == Kind::Status => return self.change(native),
            Native::TransId | Native::ProtId | Native::Length if framing == Framing::Rtu => return Fact::Absent,
            _ => {}
        }
        match native {
            Native::TransId => int(mbap.trans_id),
            Native::ProtId => int(mbap.prot_id),
            Native::Length => int(mbap.length),
            Native::UnitId => int(mbap.unit_id),
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn function(&self, native: Native) -> Fact<'a> {
        if self.message.kind == Kind::Status {
            return self.change(native);
        }
        let function = self.message.function();
        match native {
            Native::FunctionCode => Fact::Word(vocabulary::function_code(), u16::from(self.message.function_code)),
            Native::Function => int(function.code),
            Native::Category => Fact::Word(&vocabulary::CATEGORY, self.message.category() as u16),
            Native::Access => Fact::Word(&vocabulary::ACCESS, self.message.access() as u16),
            Native::Table => match function.table {
                Table::None => Fact::Absent,
                table => Fact::Word(&vocabulary::TABLE, table as u16),
            },
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn exception(&self, native: Native) -> Fact<'a> {
        match (native, self.message.body.exception_code()) {
            (Native::Exc, code) => maybe(code),
            (Native::ExcCode, Some(code)) => Fact::Word(vocabulary::exception(), u16::from(code)),
            _ => Fact::Absent,
        }
    }

    /// What the message itself says.
    pub(super) fn own(&self) -> Data<'a> {
        let message = self.message;
        Data::new(message.function_code, &message.body, message.values(), self.arena).behind(self.veil())
    }

    /// Secrets can stand in some of these fields, too.
    fn special(&self, native: Native) -> Fact<'a> {
        // Function 6 has the same layout, and its value is no switch.
        if native == Native::OutputValue && self.message.function_code != WRITE_SINGLE_COIL {
            return Fact::Absent;
        }
        let fact = special::fact(native, &self.message.body, self.arena);
        let tells =
            matches!(native, Native::Data | Native::OutputValue | Native::AndMask | Native::OrMask | Native::Records);
        match self.veil().first() {
            Some(hidden) if tells && fact != Fact::Absent => Fact::Text(hidden.mark),
            _ => fact,
        }
    }

    /// The write that it tells of.
    pub(super) fn written(&self) -> Option<Written<'a>> {
        Written::of(self.message, self.recall, self.arena)
    }

    /// Kept out of the way of the fields that every record has.
    #[inline(never)]
    fn write(&self, native: Native) -> Fact<'a> {
        self.written().map_or(Fact::Absent, |written| written.fact(native))
    }

    /// What it says of a change of a register, if it tells of one.
    #[inline(never)]
    fn change(&self, native: Native) -> Fact<'a> {
        let Some(change) = self.recall.and_then(|recall| recall.change) else { return Fact::Absent };
        match native {
            Native::UnitId => int(self.message.mbap.unit_id),
            Native::Access => Fact::Word(&vocabulary::ACCESS, self.message.access() as u16),
            Native::Table => Fact::Word(&vocabulary::TABLE, change.table as u16),
            Native::Address => int(change.address),
            Native::Old => change.old,
            Native::New => change.new,
            Native::Delta => change.delta,
            _ => Fact::Absent,
        }
    }

    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    fn request(&self, native: Native) -> Fact<'a> {
        let message = self.message;
        let answer = matches!(message.kind, Kind::Response | Kind::Exception);
        if native == Native::Matched {
            return if answer { Fact::Bool(message.request.is_some()) } else { Fact::Absent };
        }
        self.asked().map_or(Fact::Absent, |asked| asked.fact(native))
    }

    /// The request that it answers.
    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    pub(super) fn asked(&self) -> Option<Asked<'a>> {
        let request = self.message.request.as_ref()?;
        let data = Data::new(request.function_code, &request.body, request.values(), self.arena);
        let veil = self.recall.map_or(&[][..], |recall| recall.request);
        Some(Asked { message: self.message, request, data: data.behind(veil) })
    }
}

/// The request of a message, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    message: &'a Message<'a>,
    request: &'a Request<'a>,
    data: Data<'a>,
}

impl<'a> Asked<'a> {
    /// How long its answer took; none for a timeout.
    #[inline]
    pub(super) fn latency(&self) -> Option<Span> {
        let answered = matches!(self.message.kind, Kind::Response | Kind::Exception);
        answered.then(|| self.message.time.since(self.request.time))
    }

    /// What it says of a field of the request.
    #[expect(clippy::inline_always, reason = "see `known`")]
    #[inline(always)]
    pub(super) fn fact(&self, native: Native) -> Fact<'a> {
        let Self { message, request, data } = self;
        match native {
            Native::LatencyMs => {
                self.latency().map_or(Fact::Absent, |latency| Fact::Float(latency.nanos() as f64 / 1e6))
            }
            Native::RequestTime => Fact::Time(request.time),
            Native::RequestFrame => count(request.frame),
            Native::RequestTransId if message.framing == Framing::Rtu => Fact::Absent,
            Native::RequestTransId => int(request.mbap.trans_id),
            Native::RequestUnitId => int(request.mbap.unit_id),
            Native::RequestFunctionCode => Fact::Word(vocabulary::function_code(), u16::from(request.function_code)),
            Native::RequestAddress => data.fact(Native::Address),
            Native::RequestAddressEnd => data.fact(Native::AddressEnd),
            Native::RequestQuantity => data.fact(Native::Quantity),
            Native::RequestValues => data.fact(Native::Values),
            Native::RequestValue => data.fact(Native::Value),
            Native::RequestText => data.fact(Native::Text),
            Native::RequestSubFunction => maybe(request.body.sub_function()),
            Native::RequestMeiType => maybe(request.body.mei_type()),
            _ => Fact::Absent,
        }
    }
}

impl Facts for Record<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        match self.slots.field(slot) {
            Some(field) => self.field(field),
            None => self.slots.tag(slot).map_or(Fact::Absent, |(tag, part)| self.tag(tag, part)),
        }
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        Group::ALL
            .iter()
            .filter(|group| self.has(**group))
            .for_each(|group| group.each(&mut Each { record: self, visit }));
        self.tags().for_each(|(_, fact)| fact.each(visit));
    }

    #[inline]
    fn kin(&self) -> Option<u64> {
        if self.tells_change() { None } else { kin::kin(self.message) }
    }

    fn shares(&self, slot: Slot) -> bool {
        self.slots.field(slot).is_some_and(|field| kin::shares(self, field))
    }
}

/// What a record says of the one field that it is shown.
struct Answer<'r, 'a> {
    record: &'r Record<'a>,
    fact: Fact<'a>,
}

impl Visitor for Answer<'_, '_> {
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    fn visit(&mut self, native: Native) {
        self.fact = self.record.known(native);
    }
}

/// Shows the values of a group's fields, one by one.
struct Each<'r, 'a, 'v> {
    record: &'r Record<'a>,
    visit: &'v mut dyn FnMut(Fact<'_>),
}

impl Visitor for Each<'_, '_, '_> {
    fn visit(&mut self, native: Native) {
        match self.record.native(native) {
            // Keywords search what is printed.
            Fact::List(List::Spans(spans)) => (self.visit)(Fact::Text(text::spans(spans, self.record.arena))),
            fact => fact.each(self.visit),
        }
    }
}

/// VLAN ids, if there are any.
fn vlan(tags: [u16; 2], arena: &Bump) -> Fact<'_> {
    /// What stands in a carrier where there is no tag.
    const NO_TAG: u16 = 0xFFFF;
    let count = tags.iter().take_while(|tag| **tag != NO_TAG).count();
    if count == 0 { Fact::Absent } else { numbers(tags.into_iter().take(count), arena) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Flow, Transport};
    use crate::record::json::write_fact;
    use crate::record::samples::{SAMPLES, Sample, carrier, flow, sample};
    use crate::record::schema;

    fn with_record<T>(message: &Message<'_>, look: impl FnOnce(&Record<'_>) -> T) -> T {
        look(&Record::new(message, &Slots::new(), &Bump::new()))
    }

    /// What a sample says of a field, as JSON.
    fn says(sample: Sample, field: &str) -> String {
        sample.with(|message| {
            with_record(message, |record| {
                let mut out = Vec::new();
                write_fact(record.field(schema::find(field).unwrap()), &mut out);
                String::from_utf8(out).unwrap()
            })
        })
    }

    #[test]
    fn a_refused_login_is_one_record() {
        let refused = sample("write refused");
        for (field, value) in [
            ("modbus.kind", r#""exception""#),
            ("modbus.function", "16"),
            ("modbus.function_code", r#""Write Multiple Registers Error (0x90)""#),
            ("modbus.exc", "2"),
            ("modbus.exc_code", r#""Illegal Data Address (02)""#),
            ("modbus.response.write_multiple_registers.exc_code", r#""Illegal Data Address (02)""#),
            ("modbus.request.address", "31"),
            ("modbus.request.address_end", "36"),
            ("modbus.request.text", r#""abcdef""#),
            ("modbus.latency_ms", "0.512512"),
            ("modbus.address", "null"),
            ("src_ip", r#""10.0.2.24""#),
            ("modbus.client", r#""10.0.2.15""#),
        ] {
            assert_eq!(says(refused, field), value, "{field}");
        }
    }

    #[test]
    fn nxlog_names_hold_for_their_own_function_and_side_only() {
        let write = "modbus.query.write_multiple_registers.starting_address";
        assert_eq!(says(sample("write registers"), write), "31");
        for other in ["registers written", "write refused", "write coils", "read holding"] {
            assert_eq!(says(sample(other), write), "null", "{other}");
        }
        assert_eq!(says(sample("timeout"), "modbus.query.read_holding_registers.starting_address"), "null");
        let refused = "modbus.response.read_device_identification.exc_code";
        assert_eq!(says(sample("device id refused"), refused), r#""Illegal Function (01)""#);
        assert_eq!(says(sample("write refused"), refused), "null");
        assert_eq!(says(sample("canopen"), "modbus.query.canopen_general_reference.data"), r#""0102""#);
        assert_eq!(says(sample("user defined"), "modbus.query.function_66.data"), r#""010203""#);
        assert_eq!(says(sample("write coil"), "modbus.query.write_single_coil.output_value"), r#""ON""#);
        assert_eq!(says(sample("write coil"), "modbus.output_value"), r#""ON""#);
        let register = Sample { pdu: b"\x06\0\x01\xFF\0", ..sample("write register") };
        assert_eq!(says(register, "modbus.output_value"), "null");
    }

    #[test]
    fn addresses_and_ports_follow_family_and_transport() {
        let flow = Flow {
            transport: Transport::Udp,
            server: Endpoint { ip: [0x2001, 0xDB8, 0, 0, 0, 0, 0, 24].into(), port: 502 },
            ..flow()
        };
        let carrier = crate::net::Carrier { mac: None, vlan: [0xFFFF; 2], ..carrier() };
        let absent = sample("read coils").within(&flow, &carrier, |message| {
            with_record(message, |record| {
                let absent = |field: &&&str| record.field(schema::find(field).unwrap()) == Fact::Absent;
                let fields =
                    ["ipv4.src", "ipv4.dst", "ipv6.src", "ipv6.dst", "tcp.src_port", "tcp.dst_port", "tcp.flag"];
                let more = ["udp.src_port", "udp.dst_port", "src_ip", "dst_port", "eth.src", "eth.dst", "vlan.id"];
                fields.iter().chain(&more).filter(absent).copied().collect::<Vec<_>>()
            })
        });
        let expected =
            ["ipv4.dst", "ipv6.src", "tcp.src_port", "tcp.dst_port", "tcp.flag", "eth.src", "eth.dst", "vlan.id"];
        assert_eq!(absent, expected);
    }

    #[test]
    fn only_empty_groups_are_skipped() {
        for sample in SAMPLES {
            sample.with(|message| {
                with_record(message, |record| {
                    for field in schema::all().filter(|field| !record.has(field.native.row().group)) {
                        assert_eq!(record.field(field), Fact::Absent, "{} {}", sample.name, field.name());
                    }
                });
            });
        }
    }

    #[test]
    fn every_field_is_there_in_some_message() {
        let mut missing: Vec<_> = schema::all().collect();
        for sample in SAMPLES {
            sample.with(|message| {
                with_record(message, |record| missing.retain(|field| record.field(*field) == Fact::Absent));
            });
        }
        let names: Vec<_> = missing.into_iter().map(Field::name).collect();
        let named = ["asset.client", "asset.server", "zone.client", "zone.server"];
        let remembered = ["modbus.status", "write.old", "modbus.old", "modbus.new", "modbus.delta", "baseline.new"];
        let other: Vec<_> =
            names.into_iter().filter(|name| !remembered.contains(name) && !named.contains(name)).collect();
        assert_eq!(other, ["ipv6.src", "ipv6.dst", "udp.src_port", "udp.dst_port"]);
    }

    #[test]
    fn slots_are_asked_by_any_name() {
        let mut slots = Slots::new();
        let ip = slots.want("source.ip").unwrap();
        let foreign = slots.want("CommandLine").unwrap();
        sample("read coils").with(|message| {
            let arena = Bump::new();
            let record = Record::new(message, &slots, &arena);
            assert_eq!(record.fact(ip), Fact::Addr([10, 0, 2, 15].into()));
            assert_eq!(record.fact(foreign), Fact::Absent);
            assert_eq!(record.fact(Slot(9)), Fact::Absent);
        });
    }
}
