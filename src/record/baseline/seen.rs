//! When and how often something was seen, and who said that it is right.

use crate::time::Timestamp;
use std::sync::Arc;

/// When and how often something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The earliest time.
    pub first: Timestamp,
    /// The latest time.
    pub last: Timestamp,
    /// How often; of several sensors, how often by the one that saw it most.
    pub count: u64,
}

/// That a person looked at something and found it right. The earlier of two approvals counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approval {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Arc<str>,
}

/// How the counts of two parts of one thing become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// They were counted apart, in one stretch of learning: they add up.
    Learned,
    /// Two sensors may have counted the same messages: the greater one counts, so that merging twice changes nothing.
    Merged,
}

impl Seen {
    /// Seen once.
    #[must_use]
    pub const fn once(time: Timestamp) -> Self {
        Self { first: time, last: time, count: 1 }
    }

    /// Takes in what else is known of the same thing.
    pub(super) fn join(&mut self, other: Self, how: How) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = match how {
            How::Learned => self.count.saturating_add(other.count),
            How::Merged => self.count.max(other.count),
        };
    }
}

/// What is known of a thing that is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) seen: Seen,
    pub(super) approved: Option<Approval>,
}

impl Known {
    pub(super) fn join(&mut self, seen: Seen, approved: Option<Approval>, how: How) {
        self.seen.join(seen, how);
        self.approved = match (self.approved.take(), approved) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }
}

/// Things with an extent, apart by who approved them: what was approved must not grow by what nobody looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layers<T>(Vec<(Option<Approval>, T)>);

impl<T> Default for Layers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Layers<T> {
    /// The layers, what was learned first, then by approval.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Option<Approval>, &T)> {
        self.0.iter().map(|(approved, layer)| (approved, layer))
    }

    /// What the layers hold.
    pub(super) fn each(&self) -> impl Iterator<Item = &T> + Clone {
        self.0.iter().map(|(_, layer)| layer)
    }

    /// The approved layers, to be changed.
    pub(super) fn approved_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().filter(|(approved, _)| approved.is_some()).map(|(_, layer)| layer)
    }

    /// The last of the layers that something holds of.
    pub(super) fn last_mut(&mut self, mut holds: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.0.iter_mut().rev().map(|(_, layer)| layer).find(|layer| holds(layer))
    }

    /// The layer of an approval.
    pub(super) fn get_mut(&mut self, approved: &Option<Approval>) -> Option<&mut T> {
        self.0.iter_mut().find(|(known, _)| known == approved).map(|(_, layer)| layer)
    }

    /// The layer of an approval, made if it is not there.
    pub(super) fn layer(&mut self, approved: &Option<Approval>, empty: impl FnOnce() -> T) -> Option<&mut T> {
        let at = match self.0.binary_search_by(|(known, _)| known.cmp(approved)) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (approved.clone(), empty()));
                at
            }
        };
        self.0.get_mut(at).map(|(_, layer)| layer)
    }
}
