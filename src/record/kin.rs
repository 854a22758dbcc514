//! What do records of one kind have in common?
//!
//! Traffic is thousands of records with the same function, kind and oddities. What follows from those alone is worked out
//! once for all of them: who asks, compares one number.

use super::message::Record;
use super::schema::{Field, Group, Native};
use crate::modbus::function::EXCEPTION_BIT;
use crate::modbus::{Kind, Message};

/// Functions of which the sub-function or the MEI type tells more.
const OPEN: [u8; 2] = [8, 43];

/// Kind, function, exception and oddities of a message, as one number; `None` where these do not tell all that the fields of
/// [`shares`] say.
#[inline]
pub(super) fn kin(message: &Message<'_>) -> Option<u64> {
    let is_open = |code: u8| OPEN.contains(&(code & !EXCEPTION_BIT));
    let request = message.request.as_ref().map(|request| request.function_code);
    if is_open(message.function_code) || request.is_some_and(is_open) {
        return None;
    }
    let parts = [
        (3, message.kind as u32),
        (2, message.framing as u32),
        (4, message.status.map_or(0, |status| status as u32 + 1)),
        (4, message.reason.map_or(0, |reason| reason as u32 + 1)),
        (1, u32::from(request.is_some())),
        (8, u32::from(message.function_code)),
        (9, message.body.exception_code().map_or(0, |code| u32::from(code) + 1)),
        (32, message.flags.bits()),
    ];
    Some(parts.into_iter().fold(0, |kin, (bits, part)| kin << bits | u64::from(part)))
}

/// Whether all records that are kin to this one say the same of `field`.
pub(super) fn shares(record: &Record<'_>, field: Field) -> bool {
    let message = record.message();
    let native = field.native;
    let is_elsewhere = field.guard.is_some() && record.guard() != field.guard;
    let is_told = matches!(
        native,
        Native::Type
            | Native::Framing
            | Native::Kind
            | Native::Status
            | Native::Reason
            | Native::FunctionCode
            | Native::Function
            | Native::Category
            | Native::Access
            | Native::Table
            | Native::Exc
            | Native::ExcCode
            | Native::Matched
            | Native::Flags
    );
    let is_missing = match native.row().group {
        group @ (Group::Function | Group::Exception | Group::Data | Group::Write | Group::Flags) => !record.has(group),
        Group::Change => !record.tells_change(),
        Group::Request => message.request.is_none(),
        Group::Header => message.kind == Kind::Status && !record.tells_change(),
        _ => false,
    };
    is_elsewhere || is_told || is_missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::{Flag, Flags};
    use crate::record::samples::{SAMPLES, Sample};
    use crate::record::{Slots, schema};
    use bumpalo::Bump;
    use proptest::prelude::*;

    /// What a sample with other bytes and flags says of the fields that it shares, by its kin.
    fn shared(sample: &Sample, data: &[u8], flags: Flags) -> Option<(u64, Vec<(&'static str, String)>)> {
        let slots = Slots::new();
        let arena = Bump::new();
        let pdu: &'static [u8] = [&sample.pdu[..1], data].concat().leak();
        let other = Sample { pdu, ..*sample };
        other.with(|message| {
            let message = Message { flags, ..*message };
            let record = Record::new(&message, &slots, &arena);
            let fields = schema::all().chain(schema::nxlog_names().map(|(_, field)| field));
            let told = fields.filter(|field| shares(&record, *field));
            let told = told.map(|field| (field.name(), format!("{:?}", record.field(field))));
            Some((kin(&message)?, told.collect()))
        })
    }

    proptest! {
        #[test]
        fn kin_say_the_same(
            which in 0..SAMPLES.len(),
            data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..14), 2),
            slow in any::<bool>(),
        ) {
            let flags = if slow { Flags::NONE.with(Flag::Slow) } else { Flags::NONE };
            let [one, other] = [&data[0], &data[1]].map(|data| shared(&SAMPLES[which], data, flags));
            if let (Some((one, told)), Some((other, also))) = (one, other) {
                prop_assert!(one != other || told == also, "{:?}", SAMPLES[which].name);
            }
        }
    }

    #[test]
    fn those_that_differ_are_no_kin() {
        let all: Vec<_> = SAMPLES.iter().filter_map(|sample| shared(sample, &sample.pdu[1..], Flags::NONE)).collect();
        assert!(all.len() > 30 && all.iter().all(|(_, told)| told.len() > 20));
        for (kin, told) in &all {
            assert!(all.iter().all(|(other, also)| kin != other || told == also));
        }
    }
}
