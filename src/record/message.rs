//! The flat view of a Modbus message.

use super::data::{Data, count, int, maybe, numbers};
use super::schema::{Field, Group, Guard, Native, SECTIONS, Side, Wording};
use super::{Fact, Facts, List, Slot, Slots, identity, special, text, vocabulary};
use crate::modbus::{Body, Kind, Message, Table};
use crate::net::{Endpoint, Transport};
use bumpalo::Bump;
use std::net::IpAddr;

/// The facts of one message. Nothing is worked out before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    message: &'a Message<'a>,
    slots: &'a Slots,
    arena: &'a Bump,
}

impl<'a> Record<'a> {
    /// The view of `message` for those who ask by `slots`. Texts that must be made (hex, MAC addresses) go to `arena`,
    /// which the caller empties after the record.
    #[must_use]
    pub const fn new(message: &'a Message<'a>, slots: &'a Slots, arena: &'a Bump) -> Self {
        Self { message, slots, arena }
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
    pub(super) fn has(&self, group: Group) -> bool {
        let message = self.message;
        match group {
            Group::Envelope | Group::Roles => true,
            Group::Header => message.kind != Kind::Status,
            Group::Data => !matches!(message.kind, Kind::Exception | Kind::Status),
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
            Group::Flags => !message.flags.is_empty(),
        }
    }

    /// What it says of a field of the table.
    pub(super) fn native(&self, native: Native) -> Fact<'a> {
        match native.row().group {
            Group::Envelope => self.envelope(native),
            Group::Roles => self.roles(native),
            Group::Header => self.header(native),
            Group::Data => self.own().fact(native),
            Group::Special => special::fact(native, &self.message.body, self.arena),
            Group::Identity => identity::fact(native, &self.message.body, self.arena),
            Group::Request => self.request(native),
            Group::Flags if self.message.flags.is_empty() => Fact::Absent,
            Group::Flags => Fact::List(List::Words(&vocabulary::FLAGS, self.message.flags.bits())),
        }
    }

    /// Sender and receiver of the message.
    fn ends(&self) -> (Endpoint, Endpoint) {
        let flow = self.message.flow;
        match self.message.kind {
            Kind::Query | Kind::Timeout | Kind::Status => (flow.client, flow.server),
            Kind::Response | Kind::Exception => (flow.server, flow.client),
        }
    }

    fn envelope(&self, native: Native) -> Fact<'a> {
        let Message { flow, carrier, .. } = *self.message;
        let (src, dst) = self.ends();
        let over = |transport, fact| if flow.transport == transport { fact } else { Fact::Absent };
        match native {
            Native::Type => Fact::Word(&vocabulary::TYPE, 0),
            Native::EventTime => Fact::Time(self.message.time),
            Native::FrameNumber => count(carrier.frame),
            Native::FramePdu => int(self.message.index),
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

    fn roles(&self, native: Native) -> Fact<'a> {
        let flow = self.message.flow;
        match native {
            Native::Client => Fact::Addr(flow.client.ip),
            Native::ClientPort => int(flow.client.port),
            Native::Server => Fact::Addr(flow.server.ip),
            Native::ServerPort => int(flow.server.port),
            Native::Conn => count(flow.serial),
            Native::Framing => Fact::Word(&vocabulary::FRAMING, flow.transport as u16),
            _ => Fact::Absent,
        }
    }

    fn header(&self, native: Native) -> Fact<'a> {
        let Message { kind, mbap, function_code, .. } = *self.message;
        if native == Native::Kind {
            return Fact::Word(&vocabulary::KIND, kind as u16);
        }
        if kind == Kind::Status {
            return Fact::Absent;
        }
        let function = self.message.function();
        match native {
            Native::TransId => int(mbap.trans_id),
            Native::ProtId => int(mbap.prot_id),
            Native::Length => int(mbap.length),
            Native::UnitId => int(mbap.unit_id),
            Native::FunctionCode => Fact::Word(vocabulary::function_code(), u16::from(function_code)),
            Native::Function => int(function.code),
            Native::Category => Fact::Word(&vocabulary::CATEGORY, function.category as u16),
            Native::Access => Fact::Word(&vocabulary::ACCESS, self.message.access() as u16),
            Native::Table => match function.table {
                Table::None => Fact::Absent,
                table => Fact::Word(&vocabulary::TABLE, table as u16),
            },
            Native::Exc => maybe(self.message.body.exception_code()),
            Native::ExcCode => match self.message.body.exception_code() {
                Some(code) => Fact::Word(vocabulary::exception(), u16::from(code)),
                None => Fact::Absent,
            },
            _ => Fact::Absent,
        }
    }

    /// What the message itself says.
    fn own(&self) -> Data<'a> {
        let message = self.message;
        Data { function_code: message.function_code, body: message.body, values: message.values(), arena: self.arena }
    }

    fn request(&self, native: Native) -> Fact<'a> {
        let message = self.message;
        let answer = matches!(message.kind, Kind::Response | Kind::Exception);
        if native == Native::Matched {
            return if answer { Fact::Bool(message.request.is_some()) } else { Fact::Absent };
        }
        let Some(request) = message.request else { return Fact::Absent };
        let data = || Data {
            function_code: request.function_code,
            body: request.body,
            values: request.values(),
            arena: self.arena,
        };
        match native {
            Native::LatencyMs if answer => Fact::Float(message.time.since(request.time).nanos() as f64 / 1e6),
            Native::RequestTime => Fact::Time(request.time),
            Native::RequestFrame => count(request.frame),
            Native::RequestTransId => int(request.mbap.trans_id),
            Native::RequestUnitId => int(request.mbap.unit_id),
            Native::RequestFunctionCode => Fact::Word(vocabulary::function_code(), u16::from(request.function_code)),
            Native::RequestAddress => data().fact(Native::Address),
            Native::RequestAddressEnd => data().fact(Native::AddressEnd),
            Native::RequestQuantity => data().fact(Native::Quantity),
            Native::RequestValues => data().fact(Native::Values),
            Native::RequestValue => data().fact(Native::Value),
            Native::RequestText => data().fact(Native::Text),
            Native::RequestSubFunction => maybe(request.body.sub_function()),
            Native::RequestMeiType => maybe(request.body.mei_type()),
            _ => Fact::Absent,
        }
    }
}

impl Facts for Record<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        self.slots.field(slot).map_or(Fact::Absent, |field| self.field(field))
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        for (group, rows) in &*SECTIONS {
            if self.has(*group) {
                rows.iter().for_each(|row| self.native(row.native).each(visit));
            }
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
