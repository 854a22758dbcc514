//! What the rarer PDUs say.

use super::data::{COIL_ON, maybe, numbers};
use super::schema::Native;
use super::{Fact, text, vocabulary};
use crate::modbus::Body;
use bumpalo::Bump;

/// What `body` says of a field of the group with the same name.
pub(super) fn fact<'a>(native: Native, body: &Body<'a>, arena: &'a Bump) -> Fact<'a> {
    match native {
        Native::Data => data(body).map_or(Fact::Absent, |bytes| Fact::Text(text::hex(bytes, arena))),
        Native::SubFunction => maybe(body.sub_function()),
        Native::Diagnostic => diagnostic(body),
        Native::MeiType => maybe(body.mei_type()),
        Native::Files | Native::SubRequests | Native::Records => files(native, body, arena),
        _ => layout(native, body, arena),
    }
}

/// Fields that stand in one or two layouts only.
fn layout<'a>(native: Native, body: &Body<'a>, arena: &'a Bump) -> Fact<'a> {
    match (native, *body) {
        (Native::OutputValue, Body::WriteSingle { value, .. }) => match value {
            COIL_ON => Fact::Word(&vocabulary::SWITCH, 1),
            0 => Fact::Word(&vocabulary::SWITCH, 0),
            _ => Fact::Absent,
        },
        (Native::ReadAddress, Body::ReadWriteQuery { read_address, .. }) => Fact::Int(read_address.into()),
        (Native::ReadQuantity, Body::ReadWriteQuery { read_quantity, .. }) => Fact::Int(read_quantity.into()),
        (Native::AndMask, Body::MaskWrite { and_mask, .. }) => Fact::Int(and_mask.into()),
        (Native::OrMask, Body::MaskWrite { or_mask, .. }) => Fact::Int(or_mask.into()),
        (Native::FifoCount, Body::FifoResponse { fifo_count, .. }) => Fact::Int(fifo_count.into()),
        (Native::DeviceStatus, Body::ExceptionStatus { status }) => Fact::Int(status.into()),
        (Native::DeviceStatus, Body::CommEventCounter { status, .. } | Body::CommEventLog { status, .. }) => {
            Fact::Int(status.into())
        }
        (Native::EventCount, Body::CommEventCounter { event_count, .. } | Body::CommEventLog { event_count, .. }) => {
            Fact::Int(event_count.into())
        }
        (Native::MessageCount, Body::CommEventLog { message_count, .. }) => Fact::Int(message_count.into()),
        (Native::Events, Body::CommEventLog { events, .. }) => Fact::Text(text::hex(events, arena)),
        (Native::ServerId, Body::ServerId { data, .. }) => Fact::Text(text::hex(data, arena)),
        (Native::UmasSession, Body::Umas { session, .. }) => Fact::Int(session.into()),
        (Native::UmasFunction, Body::Umas { function, .. }) => Fact::Int(function.into()),
        _ => Fact::Absent,
    }
}

/// The bytes that no other field tells of.
fn data<'a>(body: &Body<'a>) -> Option<&'a [u8]> {
    match *body {
        Body::Diagnostics { data, .. }
        | Body::CanOpen { data }
        | Body::Mei { data, .. }
        | Body::Umas { data, .. }
        | Body::Opaque(data) => Some(data),
        _ => None,
    }
}

fn diagnostic<'a>(body: &Body<'_>) -> Fact<'a> {
    let vocabulary = vocabulary::diagnostic();
    match body.sub_function() {
        Some(code) if usize::from(code) < vocabulary.words.len() => Fact::Word(vocabulary, code),
        _ => Fact::Absent,
    }
}

fn files<'a>(native: Native, body: &Body<'a>, arena: &'a Bump) -> Fact<'a> {
    let groups = body.file_groups();
    match (native, body) {
        (Native::Files, Body::ReadFileQuery { .. } | Body::WriteFile { .. }) => {
            numbers(groups.filter_map(|group| group.place).map(|(file, _)| file), arena)
        }
        (Native::SubRequests, Body::ReadFileQuery { .. } | Body::WriteFile { .. }) => {
            let places = groups.filter_map(|group| group.place.map(|(file, record)| [file, record, group.length]));
            Fact::Text(text::triples(places, arena))
        }
        (Native::Records, Body::ReadFileResponse { .. } | Body::WriteFile { .. }) => {
            Fact::Text(text::hex_list(groups.map(|group| group.data), arena))
        }
        _ => Fact::Absent,
    }
}
