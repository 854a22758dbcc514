//! The parts of one message as a line tells them, and the PDU that they make.

use super::hidden::Known;
use super::table::{Format, Part, Side, names};
use super::tree::{Fields, Leaf};
use super::{ForeignError, Told, words};
use crate::modbus::function::EXCEPTION_BIT;
use crate::net::{Direction, Endpoint, MacPair, Transport};
use crate::record::{moment, vocabulary};
use crate::time::Timestamp;
use std::net::IpAddr;

/// The bytes of a PDU after its function code never pass this (Modbus Application Protocol V1.1b3, 4.1).
pub(super) const LONGEST_DATA: usize = 252;

/// The MEI type of Read Device Identification (6.21).
pub(super) const DEVICE_ID: u8 = 14;

/// What a line says of one message.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    format: Format,
    pub(super) time: Option<Timestamp>,
    pub(super) transport: Transport,
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) trans_id: Option<u16>,
    pub(super) prot_id: Option<u16>,
    pub(super) length: Option<u16>,
    pub(super) unit_id: Option<u8>,
    pub(super) function_code: u8,
    frame: Option<u64>,
    tcp_flags: Option<u8>,
    exception: Option<u8>,
    address: Option<u16>,
    quantity: Option<u16>,
    values: Option<Vec<u16>>,
    bytes: Option<Vec<u8>>,
    read: Option<(u16, u16)>,
    masks: Option<(u16, u16)>,
    sub_function: Option<u16>,
    sub_function_bytes: Option<Vec<u8>>,
    mei: Option<Vec<u8>>,
    pdu: Option<Vec<u8>>,
    identity: Identity,
    mac: Option<MacPair>,
    vlan: [u16; 2],
}

/// What a line tells of Read Device Identification (6.21).
#[derive(Clone, Debug, Default)]
struct Identity {
    code: Option<u8>,
    conformity: Option<u8>,
    object_id: Option<u8>,
    value: Option<Vec<u8>>,
}

/// Looks up the parts of one side in the fields of a line.
struct Look<'a> {
    format: Format,
    fields: &'a Fields,
    side: Side,
}

impl<'a> Look<'a> {
    fn all(&self, part: Part) -> &'a [Leaf] {
        self.fields.all(names(self.format, part, self.side))
    }

    fn leaf(&self, part: Part) -> Option<&'a Leaf> {
        self.all(part).first()
    }

    fn text(&self, part: Part) -> Option<&'a str> {
        self.leaf(part).map(|leaf| leaf.text.as_str())
    }

    fn number(&self, part: Part) -> Option<u16> {
        self.text(part).and_then(number)
    }

    fn byte(&self, part: Part) -> Option<u8> {
        self.number(part).and_then(|number| u8::try_from(number).ok())
    }

    fn bytes(&self, part: Part) -> Option<Vec<u8>> {
        self.leaf(part).filter(|leaf| leaf.is_text).and_then(|leaf| bytes(&leaf.text))
    }

    fn identity(&self) -> Identity {
        Identity {
            code: self.byte(Part::DeviceIdCode),
            conformity: self.byte(Part::Conformity),
            object_id: self.byte(Part::ObjectId),
            value: self.bytes(Part::ObjectValue),
        }
    }

    fn mac(&self) -> Option<MacPair> {
        let address = |part| self.text(part).and_then(mac);
        Some(MacPair { src: address(Part::MacSource)?, dst: address(Part::MacDestination)? })
    }

    fn vlan(&self) -> [u16; 2] {
        let mut ids = self.all(Part::Vlan).iter().filter_map(|leaf| number(&leaf.text));
        [(); 2].map(|()| ids.next().unwrap_or(u16::MAX))
    }

    fn end(&self, ip: Part, port: Part) -> Result<Endpoint, ForeignError> {
        let port = self.number(port).unwrap_or_default();
        let parsed: Option<IpAddr> = self.text(ip).and_then(|text| text.parse().ok());
        Ok(Endpoint { ip: parsed.ok_or_else(|| self.missing(ip))?, port })
    }

    fn missing(&self, part: Part) -> ForeignError {
        let names = names(self.format, part, self.side);
        let field = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        ForeignError::Field { format: self.format.name(), field }
    }
}

/// `31`, `0x1f`, `true`.
fn number(text: &str) -> Option<u16> {
    match (text.strip_prefix("0x"), text) {
        (Some(hex), _) => u16::from_str_radix(hex, 16).ok(),
        (None, "true" | "T") => Some(1),
        (None, "false" | "F") => Some(0),
        (None, text) => text.parse().ok(),
    }
}

/// `08:00:27:bb:18:24`
fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<Vec<_>>>()?;
    bytes.try_into().ok()
}

/// The bytes of a text in which those that are no characters are written `\x00`; none if it may have lost some.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let hex = escape.strip_prefix("\\x")?;
        out.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
        rest = hex.get(2..)?;
    }
    out.extend_from_slice(rest.as_bytes());
    (!text.contains('\u{FFFD}')).then_some(out)
}

/// A diagnostics sub-function by its number or by our text for it without the number.
fn sub_function(text: &str) -> Option<u16> {
    let named = |word: &&str| word.rsplit_once(" (").is_some_and(|(name, _)| name.eq_ignore_ascii_case(text));
    number(text).or_else(|| {
        let place = vocabulary::diagnostic().words.iter().position(named);
        place.filter(|_| !text.eq_ignore_ascii_case("unknown")).and_then(|place| u16::try_from(place).ok())
    })
}

impl Parts {
    /// Looks them up.
    ///
    /// # Errors
    /// Without addresses or function.
    pub(super) fn read(format: Format, fields: &Fields, side: Side) -> Result<Self, ForeignError> {
        let look = Look { format, fields, side };
        let exception = look.text(Part::Exception).and_then(words::exception);
        let function_code =
            look.text(Part::Function).and_then(words::function).ok_or_else(|| look.missing(Part::Function))?;
        let refused = exception.is_some() && side == Side::Answer;
        let (client, server) = if format == Format::Tshark {
            let src = look.end(Part::Source, Part::SourcePort)?;
            let dst = look.end(Part::Destination, Part::DestinationPort)?;
            if side == Side::Answer { (dst, src) } else { (src, dst) }
        } else {
            (look.end(Part::Client, Part::ClientPort)?, look.end(Part::Server, Part::ServerPort)?)
        };
        let udp = look.leaf(Part::UdpPort).is_some()
            || look.text(Part::Transport).is_some_and(|text| text.eq_ignore_ascii_case("udp"));
        let values = look.all(Part::Values).iter().map(|leaf| number(&leaf.text)).collect::<Option<Vec<_>>>();
        let data = look.leaf(Part::Bytes).filter(|leaf| !leaf.is_text).and_then(|leaf| number(&leaf.text));
        let mei = look.byte(Part::MeiType).zip(look.bytes(Part::MeiBytes));
        Ok(Self {
            format,
            time: look.text(Part::Time).and_then(moment::read_text),
            transport: if udp { Transport::Udp } else { Transport::Tcp },
            client,
            server,
            trans_id: look.number(Part::TransId),
            prot_id: look.number(Part::ProtId),
            length: look.number(Part::Length),
            unit_id: look.byte(Part::Unit),
            function_code: if refused { function_code | EXCEPTION_BIT } else { function_code },
            frame: look.text(Part::Frame).and_then(|text| text.parse().ok()),
            tcp_flags: look.number(Part::TcpFlags).map(|flags| flags as u8),
            exception,
            address: look.number(Part::Address),
            quantity: look.number(Part::Quantity),
            values: values.filter(|values| !values.is_empty()).or(data.map(|value| vec![value])),
            bytes: look.bytes(Part::Bytes),
            read: look.number(Part::ReadAddress).zip(look.number(Part::ReadQuantity)),
            masks: look.number(Part::AndMask).zip(look.number(Part::OrMask)),
            sub_function: look.text(Part::SubFunction).and_then(sub_function),
            sub_function_bytes: look.bytes(Part::SubFunctionBytes),
            mei: mei.map(|(mei_type, mut data)| {
                data.insert(0, mei_type);
                data
            }),
            pdu: look.bytes(Part::Pdu),
            identity: look.identity(),
            mac: look.mac(),
            vlan: look.vlan(),
        })
    }

    /// The message; `asked` is the request of the same line.
    pub(super) fn told(&self, side: Side, asked: Option<&Self>) -> Told {
        let direction = match side {
            Side::Query => Some(Direction::ToServer),
            Side::Answer => Some(Direction::ToClient),
            Side::Unknown => None,
        };
        let pdu = match side {
            Side::Query => self.query(),
            Side::Answer => self.answer(asked),
            Side::Unknown => None,
        };
        let data = pdu.filter(|data| data.len() <= LONGEST_DATA);
        let mut some = Vec::new();
        if data.is_none() && self.function_code & EXCEPTION_BIT == 0 {
            self.some(["modbus.address", "modbus.address_end", "modbus.quantity"], &mut some);
            if let Some(values) = &self.values {
                some.push(("modbus.values", Known::Numbers(values.clone())));
            }
            some.extend(self.sub_function.map(|number| ("modbus.sub_function", Known::Number(number))));
        }
        if let Some(asked) = asked.filter(|asked| asked.query().is_none()) {
            let names = ["modbus.request.address", "modbus.request.address_end", "modbus.request.quantity"];
            asked.some(names, &mut some);
        }
        Told {
            time: self.time,
            transport: self.transport,
            client: self.client,
            server: self.server,
            direction,
            trans_id: self.trans_id,
            prot_id: self.prot_id,
            length: self.length,
            unit_id: self.unit_id,
            function_code: self.function_code,
            data,
            frame: self.frame,
            tcp_flags: self.tcp_flags,
            joins: true,
            own_time: asked.is_none(),
            one_object: side == Side::Answer && self.identity.value.is_some(),
            mac: self.mac,
            vlan: self.vlan,
            range: self.range().or_else(|| asked?.range()),
            some,
        }
    }

    fn some(&self, [address, end, quantity]: [&'static str; 3], some: &mut Vec<(&'static str, Known)>) {
        some.extend(self.address.map(|number| (address, Known::Number(number))));
        let beyond = self.quantity.and_then(|quantity| quantity.checked_sub(1));
        let last = self.address.zip(beyond).map(|(address, beyond)| address.saturating_add(beyond));
        some.extend(last.map(|number| (end, Known::Number(number))));
        some.extend(self.quantity.map(|number| (quantity, Known::Number(number))));
    }

    /// The first address and how many follow, where the line tells all that are read or written.
    fn range(&self) -> Option<(u16, u16)> {
        match self.function_code & !EXCEPTION_BIT {
            1..=4 | 15 | 16 => self.address.zip(self.quantity),
            5 | 6 | 22 => self.address.map(|address| (address, 1)),
            _ => None,
        }
    }

    /// The bytes of a query after its function code (6.1 to 6.21), if all of it is known.
    fn query(&self) -> Option<Vec<u8>> {
        let range = || Some([self.address?, self.quantity?]);
        match self.function_code {
            1..=4 => Some(words_of(&range()?)),
            5 | 6 => Some(words_of(&[self.address?, self.single()?])),
            7 | 11 | 12 | 17 => Some(self.pdu.clone().unwrap_or_default()),
            8 => self.diagnostics(),
            15 | 16 => {
                let [address, quantity] = range()?;
                let values = self.packed(self.function_code == 15, Some(quantity))?;
                let mut data = words_of(&[address, quantity]);
                data.push(u8::try_from(values.len()).ok()?);
                data.extend(values);
                Some(data)
            }
            22 => {
                let (and_mask, or_mask) = self.masks?;
                Some(words_of(&[self.address?, and_mask, or_mask]))
            }
            23 => {
                let (address, quantity) = self.read?;
                let values = self.packed(false, None)?;
                let written = u16::try_from(values.len() / 2).ok()?;
                let mut data = words_of(&[address, quantity, self.address?, written]);
                data.push(u8::try_from(values.len()).ok()?);
                data.extend(values);
                Some(data)
            }
            43 => self.mei.clone().or_else(|| Some(vec![DEVICE_ID, self.identity.code?, self.identity.object_id?])),
            _ => self.pdu.clone(),
        }
    }

    /// The bytes of an answer after its function code, if all of it is known; of bits, `asked` tells how many.
    fn answer(&self, asked: Option<&Self>) -> Option<Vec<u8>> {
        if self.function_code & EXCEPTION_BIT != 0 {
            return Some(vec![self.exception?]);
        }
        match self.function_code {
            1..=4 | 23 => {
                let values = self.packed(
                    self.function_code <= 2,
                    asked.and_then(|asked| asked.quantity.filter(|_| self.function_code != 23)),
                )?;
                let mut data = vec![u8::try_from(values.len()).ok()?];
                data.extend(values);
                Some(data)
            }
            5 | 6 => Some(words_of(&[self.address?, self.single()?])),
            8 => self.diagnostics(),
            15 | 16 => {
                // Suricata has the quantity where a value stands for other functions.
                let quantity = self.quantity.or_else(|| self.values.as_deref()?.first().copied());
                Some(words_of(&[self.address?, quantity?]))
            }
            22 => {
                let (and_mask, or_mask) = self.masks?;
                Some(words_of(&[self.address?, and_mask, or_mask]))
            }
            43 => self.mei.clone().or_else(|| self.object()),
            _ => self.pdu.clone(),
        }
    }

    /// The answer with one object that a line of ICSNPP tells of. It does not tell what follows in another transaction.
    fn object(&self) -> Option<Vec<u8>> {
        let Identity { code, conformity, object_id, value } = &self.identity;
        let value = value.as_deref()?;
        let mut data =
            vec![DEVICE_ID, (*code)?, (*conformity)?, 0, 0, 1, (*object_id)?, u8::try_from(value.len()).ok()?];
        data.extend(value);
        Some(data)
    }

    /// The value of a single coil or register. ICSNPP has coils as true and false.
    fn single(&self) -> Option<u16> {
        const ON: u16 = 0xFF00;
        let [value] = self.values.as_deref()? else { return None };
        let on = self.function_code == 5 && self.format == Format::Icsnpp && *value == 1;
        Some(if on { ON } else { *value })
    }

    fn diagnostics(&self) -> Option<Vec<u8>> {
        let mut data = words_of(&[self.sub_function?]);
        data.extend(self.sub_function_bytes.as_deref()?);
        Some(data)
    }

    /// Values as a PDU has them, if they are as many as they should be.
    fn packed(&self, bits: bool, quantity: Option<u16>) -> Option<Vec<u8>> {
        let count = quantity.map(usize::from);
        if let Some(bytes) = &self.bytes {
            let length = count.map(|count| if bits { count.div_ceil(8) } else { 2 * count });
            let whole = bits || bytes.len() % 2 == 0;
            return (whole && length.is_none_or(|length| length == bytes.len())).then(|| bytes.clone());
        }
        let values = self.values.as_deref().filter(|values| count.is_none_or(|count| count == values.len()))?;
        if !bits {
            return Some(words_of(values));
        }
        let byte =
            |bits: &[u16]| bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit != 0) << place);
        Some(values.chunks(8).map(byte).collect())
    }
}

/// Big-endian words.
fn words_of(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
