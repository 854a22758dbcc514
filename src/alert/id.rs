//! Ids of alerts and incidents: made of what happened, so that the same traffic gives the same ids wherever it is read.

use super::Kind;
use crate::detect::Named;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
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

/// Tells alerts apart that have the same subject, time and entity: two equal messages in one frame.
#[derive(Debug, Default)]
pub struct Numbering {
    time: Timestamp,
    seen: Vec<[u8; 16]>,
}

/// How many alerts of one nanosecond are told apart by number; the time of a capture seldom stands still longer.
const SAME_TIME: usize = 4_096;

impl Numbering {
    /// The id of the next alert about `subject` (a rule id or a scoreboard's name).
    pub fn id(&mut self, kind: Kind, subject: &str, time: Timestamp, entity: &[Named]) -> AlertId {
        if time != self.time || self.seen.len() >= SAME_TIME {
            self.time = time;
            self.seen.clear();
        }
        let base = digest(kind.word(), subject, time, entity, 0);
        let number = self.seen.iter().filter(|seen| **seen == base).count() as u64;
        self.seen.push(base);
        AlertId(if number == 0 { base } else { digest(kind.word(), subject, time, entity, number) })
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
}
