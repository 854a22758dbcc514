//! What is usual here: who talks to whom, about what, how often, from which hardware address.
//!
//! ```text
//!  Message, log line -> Act -> Watcher -> New        words for `baseline.new`
//!                                 |
//!                              Baseline -> Entry     what a file holds, a person approves, two sensors merge
//! ```
//!
//! - An [`Act`] is what one message does, taken from a [`Message`](crate::modbus::Message) or from the fields of a log
//!   line, so that both teach the same.
//! - A [`Baseline`] holds six [`Kind`]s of things, exactly and within [`Bounds`]. Its [`Entry`]s are a file's lines.
//! - A [`Watcher`] learns acts, or tells what is [`New`] in them, as its [`Mode`] says.
//!
//! Merging takes, for each thing, the earliest and the latest time, the greater count and the earlier approval, and the
//! union of addresses and values: in any order, however often, it gives the same. Things with an extent (addresses,
//! values, periods) are kept apart by their approval, so that none grows by what nobody looked at.

mod act;
mod book;
mod extent;
mod index;
mod period;
mod ranges;
mod seen;
mod watcher;

pub use act::{Act, ActSlots, Area, WithNews, mac_of, mac_text};
pub use book::{Baseline, Bounds, MOST_ENTRIES, MOST_RANGES};
pub use extent::{Extent, Number, Value, WORDS_PER_TAG};
pub use period::{PERIOD_FACTOR, Period, QUERIES_PER_PAIR, Query};
pub use seen::{Approval, Seen};
pub use watcher::{Mode, SAVE_EVERY, Watcher};

use super::vocabulary::NEW;
use super::{Fact, List};
use crate::modbus::Table;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// A hardware address.
pub type Mac = [u8; 6];

/// What can be usual or new. The order is that of `baseline.new` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A client talks to a server.
    Pair,
    /// A client asks a unit of a server for a function.
    Function,
    /// Addresses of a table of a unit are read or written, by whomever.
    Address,
    /// A tag has a value.
    Value,
    /// A client asks a server the same over and over, so often.
    Period,
    /// A host has a hardware address.
    Mac,
}

impl Kind {
    /// Every kind, in the order of its discriminants, with the word that rules use.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Pair, "pair"),
        (Self::Function, "function"),
        (Self::Address, "address"),
        (Self::Value, "value"),
        (Self::Period, "period"),
        (Self::Mac, "mac"),
    ];
}

/// What is new in a record: a set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct New(u8);

impl New {
    /// Nothing.
    pub const NOTHING: Self = Self(0);

    /// With `kind` added.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether nothing is new.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// Whether `kind` is new.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// As the value of `baseline.new`: absent where nothing is new.
    #[must_use]
    pub const fn fact<'a>(self) -> Fact<'a> {
        if self.is_nothing() { Fact::Absent } else { Fact::List(List::Words(&NEW, self.bits())) }
    }

    /// The bits, kind `n` of [`Kind::ALL`] at bit `n`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }
}

/// Who asks, and who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The client.
    pub client: IpAddr,
    /// The server.
    pub server: IpAddr,
}

/// Nearly all addresses are IPv4, and two of them are one number: a pair is looked up for each message.
impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.client, self.server) {
            (IpAddr::V4(client), IpAddr::V4(server)) => {
                state.write_u64(u64::from(client.to_bits()) << 32 | u64::from(server.to_bits()));
            }
            (client, server) => (client, server).hash(state),
        }
    }
}

/// A unit of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// The server.
    pub server: IpAddr,
    /// The unit identifier.
    pub unit: u8,
}

/// As that of a [`Pair`].
impl Hash for Device {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.server {
            IpAddr::V4(server) => state.write_u64(u64::from(server.to_bits()) << 8 | u64::from(self.unit)),
            server @ IpAddr::V6(_) => (server, self.unit).hash(state),
        }
    }
}

/// Whether a table is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Touch {
    /// Read.
    Read,
    /// Written.
    Write,
}

impl Touch {
    /// Both, with their words.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Read, "read"), (Self::Write, "write")];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A table of a device that is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Whose.
    pub device: Device,
    /// Which; of [`Table::File`] the addresses are file numbers.
    pub table: Table,
    /// How.
    pub touch: Touch,
}

/// A thing that is usual, or new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A client talks to a server.
    Pair(Pair),
    /// A client asks a unit of a server for a function.
    Function(Pair, u8, u8),
    /// Addresses, from the first to the last.
    Address(Region, u16, u16),
    /// Values of a tag.
    Value(Device, Arc<str>, Extent),
    /// Periods of a question.
    Period(Pair, Query, Period),
    /// A hardware address of a host.
    Mac(IpAddr, Mac),
}

/// A thing with what is known of it: a line of a baseline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub thing: Thing,
    /// When and how often.
    pub seen: Seen,
    /// Who found it right.
    pub approved: Option<Approval>,
}

impl Thing {
    /// What kind of thing.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Pair(_) => Kind::Pair,
            Self::Function(..) => Kind::Function,
            Self::Address(..) => Kind::Address,
            Self::Value(..) => Kind::Value,
            Self::Period(..) => Kind::Period,
            Self::Mac(..) => Kind::Mac,
        }
    }

    /// Whether it has to do with a client and a server: with what either says or is asked.
    #[must_use]
    pub fn concerns(&self, of: Pair) -> bool {
        match self {
            Self::Pair(pair) | Self::Function(pair, ..) | Self::Period(pair, ..) => *pair == of,
            Self::Address(region, ..) => region.device.server == of.server,
            Self::Value(device, ..) => device.server == of.server,
            Self::Mac(address, _) => *address == of.client || *address == of.server,
        }
    }
}

#[cfg(test)]
mod tests;
