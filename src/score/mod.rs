//! How worried should we be about this asset now?
//!
//! Every finding is worth [`Points`]; a [`Scoreboard`] adds them up per entity over a sliding window of capture
//! time and raises a [`Threat`] when the sum passes its threshold. Sums are exact, to the nanosecond: an event at
//! exactly the window's length before the latest one still counts.

mod board;
mod history;
mod points;

pub use board::{Board, Scored, Threat};
pub use history::History;
pub use points::Points;

use crate::time::Span;
use std::sync::Arc;

/// What one scoreboard watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoreboard {
    /// Its name in alerts.
    pub name: Arc<str>,
    /// The fields whose values make an entity; a finding that lacks one of them does not count here.
    pub entity: Vec<Arc<str>>,
    /// How far back points count.
    pub window: Span,
    /// When to raise a threat.
    pub threshold: Threshold,
    /// How long an entity stays quiet after a threat, in capture time.
    pub cool_down: Span,
}

/// A bound for a sum of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// The sum exceeds it.
    Gt(i64),
    /// The sum reaches it.
    Gte(i64),
}

impl Threshold {
    /// Whether `sum` passes it.
    #[must_use]
    pub const fn passed_by(self, sum: i64) -> bool {
        match self {
            Self::Gt(bound) => sum > bound,
            Self::Gte(bound) => sum >= bound,
        }
    }

    /// Its word in the configuration and in alerts, and its bound.
    #[must_use]
    pub const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Gt(bound) => ("gt", bound),
            Self::Gte(bound) => ("gte", bound),
        }
    }
}

/// What every installation starts with: per client address, 10 minutes, more than 100 points.
impl Default for Scoreboard {
    fn default() -> Self {
        Self {
            name: "client".into(),
            entity: vec!["modbus.client".into()],
            window: Span::from_secs(600),
            threshold: Threshold::Gt(100),
            cool_down: Span::from_secs(600),
        }
    }
}
