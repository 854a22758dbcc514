//! What a test of rules gives them: records as they stand in the test file, and where these come from.

use super::Sources;
use crate::sigma::ir::LogSource;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A record as it stands in a test file.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Its fields.
    Fields(BTreeMap<String, serde_json::Value>),
    /// The line of a log, for what fields cannot say: a key twice, a number of many digits.
    Line(String),
}

impl Record {
    /// It as the line of a log.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            // A map of JSON values can always be written.
            Self::Fields(fields) => serde_json::to_string(fields).unwrap_or_default(),
            Self::Line(line) => line.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a record, or a line of a log as a text")
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Record, E> {
        if line.trim_end().contains('\n') {
            return Err(E::custom("a record in more than one line"));
        }
        Ok(Record::Line(line.trim_end().to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Record, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Record::Fields)
    }
}

/// Where the records of a test come from, as the options of the same names say it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSource {
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
}

/// What is known of where the records come from: what is said of all, or else the fields in which each tells it.
pub(super) fn sources(all: Option<&WrittenSource>, each: Option<&[String; 3]>) -> Sources {
    match (all.cloned(), each) {
        (Some(WrittenSource { product, category, service }), _) => {
            let part = |text: Option<String>| text.map(Into::into);
            Sources::Declared(LogSource { category: part(category), product: part(product), service: part(service) })
        }
        (None, Some(fields)) => Sources::Told(fields.each_ref().map(|name| name.as_str().into())),
        (None, None) => Sources::Unknown,
    }
}
