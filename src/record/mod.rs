//! What are its flat facts?
//!
//! Everything downstream of here sees a record as [`Facts`]: a [`Fact`] for each [`Slot`]. A slot is a field name
//! that some rule, scoreboard or alert asked for when the rules were loaded ([`Slots`]); a field of the one schema
//! table ([`schema`]) or, in a stored log, any name at all.
//!
//! ```text
//!  Message -> Record     ---\
//!                            >--- Facts     Record -> json, nxlog
//!  NDJSON  -> LogRecord  ---/
//! ```
//!
//! - [`schema`] is the table: names, NXLog's names, value types, meanings. [`vocabulary`] has the closed sets of texts.
//! - [`Record`] is the flat view of a [`Message`](crate::modbus::Message). It works out a fact when it is asked for it.
//! - [`maps`] tell what a device's registers mean, [`Memory`] what was seen of them before: a record that is given the
//!   [`Recall`] of its message has tags, old values, and marks in place of secrets.
//! - [`assets`] tell what the operator calls the two who talk, and where they stand: their names are facts of a record
//!   that is given the [`Parties`](assets::Parties) of its message.
//! - [`baseline`] knows what is usual, and tells what is new in a record.
//! - [`LogRecord`] is one line of a stored log, of which a [`LogPlan`] kept what was wanted.
//! - [`json`] writes records with native types. What it writes, read as a log, gives the same facts: a rule finds the
//!   same in a capture and in what `decode` printed of it.
//! - [`nxlog`] writes records in NXLog's form, and turns such lines back into bytes.
//!
//! Made texts and lists live in an arena that the caller owns and empties after each record.

use crate::time::Timestamp;
use std::net::IpAddr;

/// A field that somebody asked for at load: an index into [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// What a record says of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    /// The record has no such field.
    Absent,
    /// JSON null: present without a value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A text out of a closed vocabulary: word `1` of the vocabulary.
    Word(&'static Vocabulary, u16),
    /// An IP address.
    Addr(IpAddr),
    /// A moment; its text form is RFC 3339 in UTC with nanoseconds.
    Time(Timestamp),
    /// Several values: a predicate holds if it holds for any of them.
    List(List<'a>),
    /// A JSON object: present, equal to nothing.
    Object,
}

/// Several values, lent by the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum List<'a> {
    /// Big-endian 16-bit registers; a last odd byte is not counted.
    Registers(&'a [u8]),
    /// The first `count` bits of these bytes, least significant first.
    Bits {
        /// The bytes.
        bytes: &'a [u8],
        /// How many bits count.
        count: u16,
    },
    /// The words of a vocabulary whose bits are set.
    Words(&'static Vocabulary, u32),
    /// All numbers from the first to the last of each pair, both included: `31-46, 50`.
    Spans(&'a [[u16; 2]]),
    /// Values of a stored log.
    Facts(&'a [Fact<'a>]),
}

/// A closed set of texts.
#[derive(Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// What it holds, for messages: `function code`.
    pub name: &'static str,
    /// The texts; a word is an index into them.
    pub words: &'static [&'static str],
}

/// What a fact belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A field; what is not of the record itself is none of its values.
    Field(Slot),
    /// The values of the record.
    Value,
    /// A field, and the values.
    Both(Slot),
}

/// What can be asked for its facts.
pub trait Facts {
    /// What it says of the field at `slot`.
    fn fact(&self, slot: Slot) -> Fact<'_>;

    /// Calls `visit` with each field that it says something of, and perhaps with others, and with all that
    /// [`each_value`](Self::each_value) tells, lists as they are; what is both, once. `false`, and nothing is told, if it has most
    /// fields that there are.
    fn each_fact(&self, _visit: &mut dyn FnMut(Whose, Fact<'_>)) -> bool {
        false
    }

    /// Calls `visit` with every value it has, of all fields, lists taken apart: what keywords search.
    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>));

    /// A number that it has in common with others, its kin: they say the same of all that it [shares](Self::shares).
    fn kin(&self) -> Option<u64> {
        None
    }

    /// Whether all its kin say the same of the field at `slot`, and share it.
    fn shares(&self, _slot: Slot) -> bool {
        false
    }
}

/// The range of values that a schema field can have, known when rules are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// True or false.
    Bool,
    /// 0 to 255.
    U8,
    /// 0 to 65,535.
    U16,
    /// Any 64-bit integer.
    Int,
    /// A fraction.
    Float,
    /// One word.
    Word(&'static Vocabulary),
    /// A set of words.
    Words(&'static Vocabulary),
    /// A list of 16-bit numbers (registers or bits).
    U16List,
    /// An IP address.
    Addr,
    /// A moment.
    Time,
    /// Any text.
    Text,
}

pub mod assets;
pub mod baseline;
mod data;
mod dial;
mod digits;
pub mod foreign;
mod identity;
pub mod json;
mod kin;
mod line;
mod list;
mod log;
pub mod maps;
mod memory;
mod message;
mod moment;
pub mod nxlog;
mod pen;
#[cfg(test)]
mod samples;
pub mod schema;
mod slots;
mod special;
mod standing;
mod text;
mod veil;
pub mod vocabulary;
mod write;

pub use json::Mask;
pub use line::LineWriter;
pub use list::Elements;
pub use log::{LONGEST_LINE, LineError, LogPlan, LogRecord, hide_secrets, mend, name_parties};
pub use memory::{DEVICES, Memory, Recall, Remembered};
pub use message::Record;
pub use slots::Slots;
