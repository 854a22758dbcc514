//! The fields of our own records, as rules may name them.

use super::FieldCheck;
use crate::record::schema;

/// The fields of the schema table, by name, alias or NXLog name.
#[derive(Clone, Copy, Debug)]
pub struct SchemaFields;

impl FieldCheck for SchemaFields {
    fn knows(&self, field: &str) -> bool {
        schema::find(field).is_some()
    }

    fn suggest(&self, field: &str) -> Option<String> {
        schema::suggest(field).map(ToOwned::to_owned)
    }
}
