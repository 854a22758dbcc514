//! The bytes of a PDU, put together again from NXLog's fields.

use crate::record::schema::{Guard, Native, Side};

/// One part of a PDU.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// This byte.
    Exact(u8),
    /// One byte.
    Byte(Native),
    /// Two bytes, big-endian.
    Word(Native),
    /// Registers: `97, 98`.
    Registers,
    /// Coils or inputs: `1, 0`.
    Bits,
    /// A coil's switch position.
    Switch,
    /// Bytes in hex, as many as there are.
    Hex(Native),
    /// Groups of function 20 or 21.
    Groups,
    /// Objects of a device's identification.
    Objects,
}

use Native::{
    Address, AndMask, ByteCount, ConformityLevel, Data, DeviceStatus, Diagnostic, EventCount, Events, ExcCode,
    FifoCount, MeiType, MessageCount, MoreFollows, NextObjectId, NumberOfObjects, ObjectId, OrMask, Quantity,
    ReadAddress, ReadDeviceIdCode, ReadQuantity, Records, ServerId, SubRequests, UmasFunction, UmasSession, Value,
};
use Part::{Bits, Byte, Exact, Groups, Hex, Objects, Registers, Switch, Word};

/// File records have no other reference type (6.14).
const FILE_REFERENCE: u8 = 6;

/// A field of the line by what it stands for, or an object by its number.
pub(super) trait Fields {
    /// The text of a field.
    fn field(&self, native: Native) -> Option<&str>;
    /// The bytes of an object that has no name, in hex.
    fn object(&self, id: u8) -> Option<&str>;
}

/// The bytes after the function code; `None` where fields are missing or wrong.
pub(super) fn build(guard: Guard, code: u8, fields: &impl Fields) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in parts(guard, code) {
        append(*part, fields, &mut out)?;
    }
    Some(out)
}

/// The layout of a PDU (6.1 to 6.21).
fn parts(guard: Guard, code: u8) -> &'static [Part] {
    match (code & 0x7F, guard.side) {
        (_, Side::Exception) => &[Byte(ExcCode)],
        (1..=4, Side::Query) | (15 | 16, Side::Response) => &[Word(Address), Word(Quantity)],
        (1 | 2, _) => &[Byte(ByteCount), Bits],
        (3 | 4, _) | (23, Side::Response) => &[Byte(ByteCount), Registers],
        (5, _) => &[Word(Address), Switch],
        (6, _) => &[Word(Address), Word(Value)],
        (7 | 11 | 12 | 17, Side::Query) => &[],
        (7, _) => &[Byte(DeviceStatus)],
        (8, _) => &[Word(Diagnostic), Hex(Data)],
        (11, _) => &[Word(DeviceStatus), Word(EventCount)],
        (12, _) => &[Byte(ByteCount), Word(DeviceStatus), Word(EventCount), Word(MessageCount), Hex(Events)],
        (15, _) => &[Word(Address), Word(Quantity), Byte(ByteCount), Bits],
        (16, _) => &[Word(Address), Word(Quantity), Byte(ByteCount), Registers],
        (17, _) => &[Byte(ByteCount), Hex(ServerId)],
        (20 | 21, _) => &[Byte(ByteCount), Groups],
        (22, _) => &[Word(Address), Word(AndMask), Word(OrMask)],
        (23, _) => &[Word(ReadAddress), Word(ReadQuantity), Word(Address), Word(Quantity), Byte(ByteCount), Registers],
        (24, Side::Query) => &[Word(Address)],
        (24, _) => &[Word(ByteCount), Word(FifoCount), Registers],
        (43, side) => match (guard.wording.name(), side) {
            ("canopen_general_reference", _) => &[Exact(13), Hex(Data)],
            ("read_device_identification", Side::Query) => &[Exact(14), Byte(ReadDeviceIdCode), Byte(ObjectId)],
            ("read_device_identification", _) => &[
                Exact(14),
                Byte(ReadDeviceIdCode),
                Byte(ConformityLevel),
                Byte(MoreFollows),
                Byte(NextObjectId),
                Byte(NumberOfObjects),
                Objects,
            ],
            _ => &[Byte(MeiType), Hex(Data)],
        },
        (90, _) => &[Byte(UmasSession), Byte(UmasFunction), Hex(Data)],
        _ => &[Hex(Data)],
    }
}

fn append(part: Part, fields: &impl Fields, out: &mut Vec<u8>) -> Option<()> {
    match part {
        Exact(byte) => out.push(byte),
        Byte(native) => out.push(number(fields.field(native)?)?.try_into().ok()?),
        Word(native) => out.extend(number(fields.field(native)?)?.to_be_bytes()),
        Registers => {
            for value in list(fields.field(Native::Values)?) {
                out.extend(number(value)?.to_be_bytes());
            }
        }
        Bits => pack(fields.field(Native::Values)?, out)?,
        Switch => {
            let value = match fields.field(Native::OutputValue)? {
                "ON" => 0xFF00,
                "OFF" => 0,
                other => number(other)?,
            };
            out.extend(value.to_be_bytes());
        }
        Hex(native) => hex(fields.field(native)?, out)?,
        Groups => groups(fields, out)?,
        Objects => objects(fields, out)?,
    }
    Some(())
}

/// A number, or the number in brackets at the end of a label: `16`, `Illegal Data Address (02)`, `… Error (0x90)`.
pub(super) fn number(text: &str) -> Option<u16> {
    let label = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    let text = label.map_or(text, |(_, number)| number);
    match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|value| !value.is_empty())
}

fn pack(text: &str, out: &mut Vec<u8>) -> Option<()> {
    for (place, value) in list(text).enumerate() {
        if place % 8 == 0 {
            out.push(0);
        }
        *out.last_mut()? |= match value {
            "0" => 0,
            "1" => 1 << (place % 8),
            _ => return None,
        };
    }
    Some(())
}

fn hex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    for pair in pairs {
        out.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
    }
    Some(())
}

/// `4:1:2, 3:9:2` and the records in hex; answers to Read File Record have the records alone.
fn groups(fields: &impl Fields, out: &mut Vec<u8>) -> Option<()> {
    let mut records = fields.field(Records).map(|records| records.split(',').map(str::trim));
    let Some(places) = fields.field(SubRequests) else {
        for record in records? {
            let start = out.len();
            out.extend([0, FILE_REFERENCE]);
            hex(record, out)?;
            let length = u8::try_from(out.len() - start - 1).ok()?;
            *out.get_mut(start)? = length;
        }
        return Some(());
    };
    for place in list(places) {
        out.push(FILE_REFERENCE);
        for part in place.split(':') {
            out.extend(number(part)?.to_be_bytes());
        }
        if let Some(records) = &mut records {
            hex(records.next()?, out)?;
        }
    }
    Some(())
}

fn objects(fields: &impl Fields, out: &mut Vec<u8>) -> Option<()> {
    const NAMED: [Native; 7] = [
        Native::VendorName,
        Native::ProductCode,
        Native::MajorMinorRevision,
        Native::VendorUrl,
        Native::ProductName,
        Native::ModelName,
        Native::UserApplicationName,
    ];
    for (id, native) in (0..).zip(NAMED) {
        if let Some(value) = fields.field(native) {
            out.extend([id, u8::try_from(value.len()).ok()?]);
            out.extend_from_slice(value.as_bytes());
        }
    }
    for id in 0..=u8::MAX {
        if let Some(value) = fields.object(id) {
            out.extend([id, u8::try_from(value.len() / 2).ok()?]);
            hex(value, out)?;
        }
    }
    Some(())
}

/// The bytes of a PDU that does not follow its function's layout.
pub(super) fn opaque(fields: &impl Fields) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    hex(fields.field(Data)?, &mut out)?;
    Some(out)
}
