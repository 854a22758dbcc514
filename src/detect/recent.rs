//! Of an absent rule's hits that wait for earlier ones, those that matter.
//!
//! A device answers a thousand times a minute, and all that is asked is whether it answered. Between two hits of a group
//! that are at most a timespan apart a third changes nothing: whatever lies before it is followed by the later one in
//! time, whatever lies after it had the earlier one before in time. So of each group's newest hits only the first waits
//! in line, and the last takes the place of those between.

use super::groups::Groups;

/// The newest hits of each group.
#[derive(Clone, Debug)]
pub(super) struct Recents<R> {
    groups: Groups<Recent<R>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent<R> {
    /// It waits in line.
    first: R,
    /// It does not wait yet, unless it is the first.
    last: R,
}

impl<R: Copy + Default + Ord> Recents<R> {
    /// None.
    pub(super) fn new() -> Self {
        Self { groups: Groups::new() }
    }

    /// Takes a hit of a group; tells which must wait in line now: none, this one, or first the last one. `joins` tells
    /// whether two are near enough for what is between them not to matter.
    pub(super) fn add(&mut self, key: &[u8], hit: R, joins: impl Fn(R, R) -> bool) -> [Option<R>; 2] {
        let Some((_, recent)) = self.groups.touch_known(key) else {
            *self.groups.touch(key).1 = Recent { first: hit, last: hit };
            return [Some(hit), None];
        };
        let Recent { first, last } = *recent;
        if hit < last {
            return [Some(hit), None];
        }
        if joins(first, hit) {
            recent.last = hit;
            return [None, None];
        }
        let last = (last != first).then_some(last);
        if let Some(last) = last.filter(|last| joins(*last, hit)) {
            *recent = Recent { first: last, last: hit };
            return [Some(last), None];
        }
        *recent = Recent { first: hit, last: hit };
        [last, Some(hit)]
    }

    /// A hit waits no longer; tells the one that must wait in its place.
    pub(super) fn take(&mut self, key: &[u8], hit: R) -> Option<R> {
        let (at, recent) = self.groups.touch_known(key).filter(|(_, recent)| recent.first == hit)?;
        if recent.last == hit {
            self.groups.remove(at);
            return None;
        }
        recent.first = recent.last;
        Some(recent.last)
    }
}
