//! What outlets take: one JSON line each.

use crate::time::Timestamp;
use std::sync::Arc;

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a person should know.
    Alert,
    /// Alerts that belong together.
    Incident,
    /// A rule that was satisfied.
    Finding,
    /// A Modbus message or a log line.
    Record,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Alert, Self::Incident, Self::Finding, Self::Record];

    /// Its word in `from:` of a route.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "alerts",
            Self::Incident => "incidents",
            Self::Finding => "findings",
            Self::Record => "records",
        }
    }
}

/// One line on its way to an outlet; a copy shares its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it tells of.
    pub kind: Kind,
    /// When that happened, in capture time.
    pub time: Option<Timestamp>,
    /// One JSON object and its line break.
    pub line: Arc<[u8]>,
}

impl Item {
    /// The object without its line break.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }
}
