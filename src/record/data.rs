//! What most PDUs say: addresses, quantities, values. The same for a message and for the request it answers.

use super::list::{all_and_any, registers};
use super::schema::Native;
use super::veil::{self, Veil};
use super::{Fact, List, text};
use crate::modbus::{Body, Values};
use bumpalo::Bump;

/// Write Single Coil (6.5), whose value is a switch position.
pub(super) const WRITE_SINGLE_COIL: u8 = 5;
/// What sets a coil to ON (6.5).
pub(super) const COIL_ON: u16 = 0xFF00;

/// One PDU's facts of the group with the same name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'a> {
    function_code: u8,
    extent: Extent,
    values: Values<'a>,
    /// What of the values must not be seen.
    veil: Veil<'a>,
    arena: &'a Bump,
}

/// The numbers that a PDU tells of its data.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    /// Of function 23 that of the registers written, since the values are those written.
    address: Option<u16>,
    quantity: Option<u16>,
    /// As the PDU has it.
    byte_count: Option<u16>,
}

impl<'a> Data<'a> {
    /// The data of a PDU with this body, of which these are the values.
    #[expect(clippy::inline_always, reason = "most callers ask for a part of it")]
    #[inline(always)]
    pub(super) fn new(function_code: u8, body: &Body<'a>, values: Values<'a>, arena: &'a Bump) -> Self {
        Self { function_code, extent: Extent::of(body), values, veil: &[], arena }
    }

    /// The same with what must not be seen of the values.
    pub(super) const fn behind(self, veil: Veil<'a>) -> Self {
        Self { veil, ..self }
    }

    /// What the PDU says of a field.
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    pub(super) fn fact(&self, native: Native) -> Fact<'a> {
        match native {
            Native::Address => maybe(self.extent.address),
            Native::AddressEnd => maybe(self.extent.address_end()),
            Native::Quantity => maybe(self.extent.quantity),
            Native::ByteCount => maybe(self.extent.byte_count),
            Native::Values if self.veil.is_empty() => self.list().map_or(Fact::Absent, Fact::List),
            Native::Values => {
                self.list().map_or(Fact::Absent, |list| Fact::List(veil::hide(list, self.veil, self.arena)))
            }
            Native::Value => self.value(),
            Native::ValueMin => maybe(self.extremes().map(|[least, _]| least)),
            Native::ValueMax => maybe(self.extremes().map(|[_, greatest]| greatest)),
            Native::Text => self.text(),
            _ => Fact::Absent,
        }
    }

    /// The values as they are, secrets included.
    pub(super) fn list(&self) -> Option<List<'a>> {
        match self.values {
            Values::None => None,
            Values::Registers(registers) => Some(List::Registers(registers)),
            Values::Bits { bytes, count } => Some(List::Bits { bytes, count }),
            Values::One(COIL_ON) if self.is_coil() => Some(List::Bits { bytes: &[1], count: 1 }),
            Values::One(0) if self.is_coil() => Some(List::Bits { bytes: &[0], count: 1 }),
            Values::One(value) => Some(List::Registers(self.arena.alloc_slice_copy(&value.to_be_bytes()))),
        }
    }

    fn is_coil(&self) -> bool {
        self.function_code == WRITE_SINGLE_COIL
    }

    #[inline]
    fn value(&self) -> Fact<'a> {
        match self.values {
            Values::None => Fact::Absent,
            _ if !self.veil.is_empty() => self.veiled_value(),
            Values::One(value) => int(value),
            Values::Registers(bytes) => maybe(registers(bytes).next()),
            Values::Bits { bytes, count } => maybe(bytes.first().filter(|_| count > 0).map(|byte| byte & 1)),
        }
    }

    #[cold]
    fn veiled_value(&self) -> Fact<'a> {
        match veil::mark_at(self.veil, 0) {
            Some(mark) => Fact::Text(mark),
            None => Self { veil: &[], ..*self }.value(),
        }
    }

    /// With a secret in it, its mark.
    #[inline]
    fn text(&self) -> Fact<'a> {
        match (self.veil.first(), self.values) {
            (_, Values::None) => Fact::Absent,
            (Some(hidden), _) => Fact::Text(hidden.mark),
            (None, values) => text::characters(values, self.arena).map_or(Fact::Absent, Fact::Text),
        }
    }

    /// The least and the greatest of the values that may be seen.
    #[inline]
    pub(super) fn extremes(&self) -> Option<[u16; 2]> {
        let list = self.list()?;
        if self.veil.is_empty() {
            // Most records have registers or bits, which need not be looked at one by one.
            return match list {
                List::Registers(bytes) => least_and_greatest(registers(bytes)),
                List::Bits { bytes, count } => all_and_any(bytes, count),
                other => least_and_greatest(other.numbers()),
            };
        }
        let seen = list.numbers().enumerate().filter(|(place, _)| veil::mark_at(self.veil, *place).is_none());
        least_and_greatest(seen.map(|(_, number)| number))
    }
}

fn least_and_greatest(mut numbers: impl Iterator<Item = u16>) -> Option<[u16; 2]> {
    let first = numbers.next()?;
    // Selected without branches: nobody could predict them.
    let lesser = |one: u16, other: u16| std::hint::select_unpredictable(one < other, one, other);
    let greater = |one: u16, other: u16| std::hint::select_unpredictable(one < other, other, one);
    Some(numbers.fold([first; 2], |[least, greatest], number| [lesser(least, number), greater(greatest, number)]))
}

impl Extent {
    /// What most PDUs tell is found in one look.
    #[expect(clippy::inline_always, reason = "most callers ask for a part of it")]
    #[inline(always)]
    fn of(body: &Body<'_>) -> Self {
        match *body {
            Body::ReadQuery { address, quantity } | Body::WriteMultipleResponse { address, quantity } => {
                Self { address: Some(address), quantity: Some(quantity), byte_count: None }
            }
            Body::Bits { byte_count, .. } | Body::Registers { byte_count, .. } => {
                Self { byte_count: Some(byte_count.into()), ..Self::default() }
            }
            Body::WriteMultiple { address, quantity, byte_count, .. }
            | Body::ReadWriteQuery { write_address: address, write_quantity: quantity, byte_count, .. } => {
                Self { address: Some(address), quantity: Some(quantity), byte_count: Some(byte_count.into()) }
            }
            ref body => Self { address: body.address(), quantity: body.quantity(), byte_count: byte_count(body) },
        }
    }

    /// The last address, held at 65,535; none where the quantity is 0.
    fn address_end(&self) -> Option<u16> {
        Some(self.address?.saturating_add(self.quantity?.checked_sub(1)?))
    }
}

/// The byte count of a body that has few others beside it.
fn byte_count(body: &Body<'_>) -> Option<u16> {
    match *body {
        Body::CommEventLog { byte_count, .. }
        | Body::ServerId { byte_count, .. }
        | Body::ReadFileQuery { byte_count, .. }
        | Body::ReadFileResponse { byte_count, .. }
        | Body::WriteFile { byte_count, .. } => Some(byte_count.into()),
        Body::FifoResponse { byte_count, .. } => Some(byte_count),
        _ => None,
    }
}

/// A number.
pub(super) fn int<'a>(number: impl Into<i64>) -> Fact<'a> {
    Fact::Int(number.into())
}

/// A number that may be missing.
pub(super) fn maybe<'a>(number: Option<impl Into<i64>>) -> Fact<'a> {
    number.map_or(Fact::Absent, int)
}

/// A counter.
pub(super) fn count<'a>(number: u64) -> Fact<'a> {
    i64::try_from(number).map_or(Fact::Uint(number), Fact::Int)
}

/// A list of numbers that do not stand side by side in the message.
pub(super) fn numbers(numbers: impl Iterator<Item = u16>, arena: &Bump) -> Fact<'_> {
    let mut bytes = bumpalo::collections::Vec::new_in(arena);
    for number in numbers {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    Fact::List(List::Registers(bytes.into_bump_slice()))
}
