//! The fields of our own records, as rules may name them.

use super::FieldCheck;
use crate::record::maps::{TAG_PREFIX, Tags};
use crate::record::schema;
use std::sync::Arc;

/// The fields of the schema table, by name, alias or NXLog name. Where nobody knows the device maps, any tag may be one.
#[derive(Clone, Copy, Debug)]
pub struct SchemaFields;

/// The fields of the schema table, and the tags of device maps.
#[derive(Clone, Debug)]
pub struct MappedFields(pub Arc<Tags>);

impl FieldCheck for SchemaFields {
    fn knows(&self, field: &str) -> bool {
        schema::find(field).is_some() || field.starts_with(TAG_PREFIX)
    }

    fn suggest(&self, field: &str) -> Option<String> {
        schema::suggest(field).map(ToOwned::to_owned)
    }
}

impl FieldCheck for MappedFields {
    fn knows(&self, field: &str) -> bool {
        schema::find(field).is_some() || self.0.knows(field)
    }

    fn suggest(&self, field: &str) -> Option<String> {
        self.0.suggest(field).or_else(|| SchemaFields.suggest(field))
    }
}
