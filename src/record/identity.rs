//! What a device says of itself: Read Device Identification, function 43/14 (6.21).

use super::data::numbers;
use super::schema::Native;
use super::{Fact, text};
use crate::modbus::Body;
use bumpalo::Bump;

/// What `body` says of a field of the group with the same name.
pub(super) fn fact<'a>(native: Native, body: &Body<'a>, arena: &'a Bump) -> Fact<'a> {
    match *body {
        Body::DeviceIdQuery { code, object_id } => match native {
            Native::ReadDeviceIdCode => Fact::Int(code.into()),
            Native::ObjectId => Fact::Int(object_id.into()),
            _ => Fact::Absent,
        },
        Body::DeviceIdResponse { code, conformity, more_follows, next_object_id, object_count, .. } => match native {
            Native::ReadDeviceIdCode => Fact::Int(code.into()),
            Native::ConformityLevel => Fact::Int(conformity.into()),
            Native::MoreFollows => Fact::Int(more_follows.into()),
            Native::NextObjectId => Fact::Int(next_object_id.into()),
            Native::NumberOfObjects => Fact::Int(object_count.into()),
            Native::ObjectIds => numbers(body.device_objects().map(|object| object.id.into()), arena),
            _ => named(native, body, arena),
        },
        _ => Fact::Absent,
    }
}

/// The value of one of the objects that the specification names.
fn named<'a>(native: Native, body: &Body<'a>, arena: &'a Bump) -> Fact<'a> {
    let id = match native {
        Native::VendorName => 0,
        Native::ProductCode => 1,
        Native::MajorMinorRevision => 2,
        Native::VendorUrl => 3,
        Native::ProductName => 4,
        Native::ModelName => 5,
        Native::UserApplicationName => 6,
        _ => return Fact::Absent,
    };
    let object = body.device_objects().find(|object| object.id == id);
    object.map_or(Fact::Absent, |object| Fact::Text(text::lossy(object.value, arena)))
}
