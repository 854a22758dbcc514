//! Which incidents are over, and whose were they? Whoever acts again is told together with the one before.

use super::AlertId;
use crate::time::{Span, Timestamp};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many entities' last incidents are remembered; the quarter that ended longest ago makes room.
pub const ENDED: usize = 65_536;

/// The last incident of each entity that has none now.
#[derive(Debug)]
pub(super) struct Ended {
    /// For how long an incident can be the one before another, if ever.
    within: Option<Span>,
    last: HashMap<Arc<[u8]>, (Timestamp, AlertId), foldhash::fast::RandomState>,
    /// By the time of its latest finding.
    oldest: BTreeSet<(Timestamp, Arc<[u8]>)>,
    forgotten: u64,
}

impl Ended {
    /// None is over.
    pub(super) fn new(within: Option<Span>) -> Self {
        Self { within, last: HashMap::default(), oldest: BTreeSet::new(), forgotten: 0 }
    }

    /// How many were forgotten for lack of room.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Keeps an incident that is over, with the time of its latest finding.
    pub(super) fn keep(&mut self, key: Arc<[u8]>, time: Timestamp, id: AlertId) {
        if self.within.is_none() {
            return;
        }
        if self.last.len() >= ENDED && !self.last.contains_key(&key) {
            for _ in 0..ENDED / 4 {
                self.forgotten += u64::from(self.forget_oldest());
            }
        }
        if let Some((before, _)) = self.last.insert(Arc::clone(&key), (time, id)) {
            self.oldest.remove(&(before, Arc::clone(&key)));
        }
        self.oldest.insert((time, key));
    }

    /// The entity's incident that was over not too long before `time`. That depends on times alone, not on what was
    /// forgotten by then.
    pub(super) fn before(&self, key: &[u8], time: Timestamp) -> Option<AlertId> {
        let (last, id) = self.last.get(key)?;
        (*last <= time && time <= last.plus(self.within?)).then_some(*id)
    }

    /// Forgets those that are no incident's one before at `now` or later.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let Some(due) = self.within.map(|within| now.minus(within)) else { return };
        while self.oldest.first().is_some_and(|(time, _)| *time < due) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        self.oldest.pop_first().is_some_and(|(_, key)| self.last.remove(&key).is_some())
    }
}
