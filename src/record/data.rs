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
    pub(super) function_code: u8,
    pub(super) body: Body<'a>,
    pub(super) values: Values<'a>,
    /// What of the values must not be seen.
    pub(super) veil: Veil<'a>,
    pub(super) arena: &'a Bump,
}

impl<'a> Data<'a> {
    /// What the PDU says of a field.
    #[expect(clippy::inline_always, reason = "for fields that the compiler knows")]
    #[inline(always)]
    pub(super) fn fact(self, native: Native) -> Fact<'a> {
        match native {
            Native::Address => maybe(self.address()),
            Native::AddressEnd => maybe(self.address_end()),
            Native::Quantity => maybe(self.quantity()),
            Native::ByteCount => maybe(byte_count(&self.body)),
            Native::Values if self.veil.is_empty() => self.list().map_or(Fact::Absent, Fact::List),
            Native::Values => {
                self.list().map_or(Fact::Absent, |list| Fact::List(veil::hide(list, self.veil, self.arena)))
            }
            Native::Value => self.value(),
            Native::ValueMin => self.extreme(u16::min),
            Native::ValueMax => self.extreme(u16::max),
            Native::Text => self.text(),
            _ => Fact::Absent,
        }
    }

    /// Of function 23 the address written, since the values are those written.
    fn address(&self) -> Option<u16> {
        match self.body {
            Body::ReadWriteQuery { write_address, .. } => Some(write_address),
            body => body.address(),
        }
    }

    fn quantity(&self) -> Option<u16> {
        match self.body {
            Body::ReadWriteQuery { write_quantity, .. } => Some(write_quantity),
            body => body.quantity(),
        }
    }

    /// Held at 65,535; none where the quantity is 0.
    fn address_end(&self) -> Option<u16> {
        Some(self.address()?.saturating_add(self.quantity()?.checked_sub(1)?))
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

    fn value(&self) -> Fact<'a> {
        match (veil::mark_at(self.veil, 0), self.values) {
            (Some(mark), values) if values != Values::None => Fact::Text(mark),
            (_, Values::One(value)) => int(value),
            (_, Values::Registers(bytes)) => maybe(registers(bytes).next()),
            _ => maybe(self.list().and_then(|list| list.numbers().next())),
        }
    }

    /// With a secret in it, its mark.
    fn text(&self) -> Fact<'a> {
        match (self.veil.first(), self.values) {
            (_, Values::None) => Fact::Absent,
            (Some(hidden), _) => Fact::Text(hidden.mark),
            (None, values) => text::characters(values, self.arena).map_or(Fact::Absent, Fact::Text),
        }
    }

    fn extreme(&self, better: impl Fn(u16, u16) -> u16) -> Fact<'a> {
        let Some(list) = self.list() else { return Fact::Absent };
        if self.veil.is_empty() {
            // Most records have registers or bits, which need not be looked at one by one.
            return maybe(match list {
                List::Registers(bytes) => registers(bytes).reduce(better),
                List::Bits { bytes, count } => all_and_any(bytes, count).into_iter().flatten().reduce(better),
                other => other.numbers().reduce(better),
            });
        }
        let seen = list.numbers().enumerate().filter(|(place, _)| veil::mark_at(self.veil, *place).is_none());
        maybe(seen.map(|(_, number)| number).reduce(better))
    }
}

/// The byte count as the PDU has it.
fn byte_count(body: &Body<'_>) -> Option<u16> {
    match *body {
        Body::Bits { byte_count, .. }
        | Body::Registers { byte_count, .. }
        | Body::WriteMultiple { byte_count, .. }
        | Body::CommEventLog { byte_count, .. }
        | Body::ServerId { byte_count, .. }
        | Body::ReadFileQuery { byte_count, .. }
        | Body::ReadFileResponse { byte_count, .. }
        | Body::WriteFile { byte_count, .. }
        | Body::ReadWriteQuery { byte_count, .. } => Some(byte_count.into()),
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
