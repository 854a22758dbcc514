//! Stored logs: one line of NDJSON, read straight into the facts that somebody asked for.
//!
//! A [`LogPlan`] says what to keep; [`LogRecord::read`] walks the line once and builds nothing else. A line of our own
//! `decode` output gives the same facts as the message it was written from.

mod plan;
mod read;
mod time;
mod typed;

pub use plan::LogPlan;

use super::schema::{Guard, Side, Wording};
use super::{Fact, Facts, Slot, vocabulary};
use crate::modbus::Kind;
use crate::time::Timestamp;
use bumpalo::Bump;
use plan::LeafId;
use read::Reader;

/// The longest line that is read, in bytes. The arena grows to a small multiple of it.
pub const LONGEST_LINE: usize = 4 << 20;

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is longer than [`LONGEST_LINE`].
    #[error("line of {0} bytes, more than the {LONGEST_LINE} that are read")]
    TooLong(usize),
    /// It holds nothing.
    #[error("empty line")]
    Empty,
    /// It is no JSON object on one line, or nested deeper than 127 levels, or a wanted text is not UTF-8.
    #[error("not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
}

/// The facts of one line.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    plan: &'a LogPlan,
    /// For each leaf of the plan, one more than its place in `found`; 0 where the line has none.
    places: &'a [u16],
    found: &'a [Fact<'a>],
    /// With keywords, every value of the line.
    values: &'a [Fact<'a>],
    time: Option<Timestamp>,
}

impl<'a> LogRecord<'a> {
    /// Reads one line. Texts with escapes, lists and the record's tables go to `arena`, which the caller empties after
    /// the record.
    ///
    /// # Errors
    ///
    /// [`LineError`] for a line that is no record; nothing of it is kept.
    pub fn read(line: &'a [u8], plan: &'a LogPlan, arena: &'a Bump) -> Result<Self, LineError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.len() > LONGEST_LINE {
            return Err(LineError::TooLong(line.len()));
        }
        if line.trim_ascii().is_empty() {
            return Err(LineError::Empty);
        }
        let mut reader = Reader::new(plan, arena);
        let mut json = serde_json::Deserializer::from_slice(line);
        reader.object(&mut json)?;
        json.end()?;
        Ok(reader.finish())
    }

    /// When it happened, by the first of the usual names (`EventTime`, `@timestamp`, `timestamp`, `ts`, …) whose value
    /// is a time. A time without a zone counts as UTC.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }

    fn found(&self, leaf: LeafId) -> Fact<'a> {
        let place = self.places.get(leaf).copied().unwrap_or_default();
        usize::from(place).checked_sub(1).and_then(|place| self.found.get(place)).copied().unwrap_or(Fact::Absent)
    }

    /// Which NXLog names the line has, if it is one of our own records.
    fn guard(&self) -> Option<Guard> {
        let leaves = self.plan.guard?;
        let byte = |leaf| match self.found(leaf) {
            Fact::Int(number) => u8::try_from(number).ok(),
            _ => None,
        };
        let is = |word: u16, kind: Kind| word == kind as u16;
        let (side, mei_type) = match self.found(leaves.kind) {
            Fact::Word(vocabulary, word) if std::ptr::eq(vocabulary, &vocabulary::KIND) => match word {
                word if is(word, Kind::Query) => (Side::Query, leaves.mei_type),
                word if is(word, Kind::Response) => (Side::Response, leaves.mei_type),
                word if is(word, Kind::Exception) => (Side::Exception, leaves.request_mei_type),
                _ => return None,
            },
            _ => return None,
        };
        Some(Guard { side, wording: Wording::of(byte(leaves.function)?, byte(mei_type)) })
    }
}

impl Facts for LogRecord<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let leaf = usize::from(slot.0);
        let fact = self.found(leaf);
        if fact != Fact::Absent {
            return fact;
        }
        match self.plan.leaves.get(leaf).and_then(|leaf| leaf.instead) {
            Some(instead) if instead.guard.is_none() || instead.guard == self.guard() => self.found(instead.leaf),
            _ => Fact::Absent,
        }
    }

    /// All values of the line if the plan is for keywords, else those that were wanted.
    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        let values = if self.plan.keywords { self.values } else { self.found };
        values.iter().for_each(|fact| fact.each(visit));
    }
}
