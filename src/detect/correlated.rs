//! What a correlation says when it comes true.

use super::refusal::CorrelationIx;
use super::{Place, RuleIx};
use crate::sigma::ir::Number;
use crate::time::Timestamp;

/// A correlation came true.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlated {
    /// Which.
    pub correlation: CorrelationIx,
    /// When: the time of the window's last event, or the end of a window that had to close, or of the wait for what did not
    /// come.
    pub time: Timestamp,
    /// What made it true.
    pub window: Measured,
    /// The values of the group, encoded; [`Values`](super::Values) reads them. In the order of the rule's `group-by`.
    pub group: Vec<u8>,
    /// The rule whose hit raised it; of a window that closed, the rule of its last event; of a wait for what did not come, of
    /// the event that began it.
    pub rule: RuleIx,
    /// Where that hit is.
    pub place: Place,
    /// What that hit carried.
    pub values: Vec<u8>,
}

/// A window in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its first event.
    pub first: Timestamp,
    /// Its last event.
    pub last: Timestamp,
    /// How many events it holds.
    pub events: usize,
    /// What the condition is about: a number of events, of different values, of rules seen (in order), or the metric.
    pub figure: Number,
    /// The newest events, oldest first; of inner alerts, where the hits are that raised them.
    pub places: Vec<Place>,
}

/// Events told with an alert.
pub(super) const MAX_PLACES: usize = 32;

/// How the input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it was read, up to this time, if any is known: nothing more can come into any window. Whether something would
    /// have happened later, nobody knows.
    Complete(Option<Timestamp>),
    /// Somebody stopped it, or it broke off, at this time, if any is known: of windows that were open, nobody knows what they
    /// would have held.
    Cut(Option<Timestamp>),
}

/// What went uncounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Events without one of the group's fields.
    pub ungrouped: u64,
    /// Events without the values or the number that is asked for.
    pub valueless: u64,
    /// Events that came when their window had closed.
    pub late: u64,
    /// Groups given up for lack of room.
    pub evicted_groups: u64,
    /// Events given up for lack of room.
    pub dropped_events: u64,
    /// Windows that were open when the input was cut, and so were not asked, and waits for what did not come that were not over
    /// when it ended.
    pub unclosed: u64,
}
