//! Ids of alerts and incidents: made of what happened, so that the same traffic gives the same ids wherever it is read.

use super::Kind;
use crate::detect::Named;
use crate::time::Timestamp;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fmt;

/// 128 bits that tell alerts apart, and incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertId([u8; 16]);

impl AlertId {
    /// The id of alerts that nobody is told of.
    pub const UNTOLD: Self = Self([0; 16]);
}

/// Prints 32 hexadecimal digits.
impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Tells alerts apart that have the same subject, time and entity: two equal messages in one frame, or one that comes again
/// after others.
#[derive(Debug, Default)]
pub struct Numbering {
    seen: HashMap<[u8; 16], Seen>,
    /// The last ones.
    order: VecDeque<[u8; 16]>,
}

/// What is known of equal alerts.
#[derive(Debug, Default)]
struct Seen {
    /// How many of the last ones they are.
    recent: usize,
    /// The number of the next.
    next: u64,
}

/// Equal alerts are told apart by number as long as one of the last so many is among them.
const RECENT: usize = 4_096;

impl Numbering {
    /// The id of the next alert about `subject` (a rule id or a scoreboard's name).
    pub fn id(&mut self, kind: Kind, subject: &str, time: Timestamp, entity: &[Named]) -> AlertId {
        let base = digest(kind.word(), subject, time, entity, 0);
        let seen = self.seen.entry(base).or_default();
        let number = seen.next;
        seen.next += 1;
        seen.recent += 1;
        self.order.push_back(base);
        if self.order.len() > RECENT {
            self.forget_oldest();
        }
        AlertId(if number == 0 { base } else { digest(kind.word(), subject, time, entity, number) })
    }

    fn forget_oldest(&mut self) {
        let Some(Entry::Occupied(mut oldest)) = self.order.pop_front().map(|base| self.seen.entry(base)) else {
            return;
        };
        oldest.get_mut().recent -= 1;
        if oldest.get().recent == 0 {
            oldest.remove();
        }
    }
}

impl AlertId {
    /// The id of the incident that begins with the alert of this id.
    #[must_use]
    pub fn incident(first: Self, time: Timestamp, entity: &[Named]) -> Self {
        Self(digest("incident", &first.to_string(), time, entity, 0))
    }
}

fn digest(kind: &str, subject: &str, time: Timestamp, entity: &[Named], number: u64) -> [u8; 16] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(kind.as_bytes());
    part(subject.as_bytes());
    part(&time.nanos().to_be_bytes());
    for named in entity {
        part(named.name.as_bytes());
        part(named.json.as_bytes());
    }
    part(&number.to_be_bytes());
    let mut id = [0; 16];
    for (place, byte) in id.iter_mut().zip(hash.finalize()) {
        *place = byte;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_alerts_of_one_moment_differ_by_number_only() {
        let run = || {
            let mut numbering = Numbering::default();
            let time = Timestamp::from_nanos(5);
            [0, 1, 2].map(|_| numbering.id(Kind::Rule, "r1", time, &[]).to_string())
        };
        let [first, second, third] = run();
        assert!(first != second && second != third && first != third);
        assert_eq!(run(), [first.clone(), second, third]);
        assert_eq!(first.len(), 32);
    }

    #[test]
    fn an_equal_alert_after_others_has_an_id_of_its_own() {
        let mut numbering = Numbering::default();
        let mut at = |nanos| numbering.id(Kind::Rule, "r1", Timestamp::from_nanos(nanos), &[]);
        let ids = [5, 4, 5].map(&mut at);
        assert_ne!(ids[0], ids[2]);
        (0..RECENT as i64).for_each(|time| _ = at(100 + time));
        assert_eq!(at(5), ids[0], "only the last ones are remembered");
    }
}
