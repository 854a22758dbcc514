//! What becomes of a finding: the first policy that is for it says.

use crate::sigma::ir::{Expr, Level, Pattern, Piece, Predicate, Target, Test};
use crate::time::Span;
use std::sync::Arc;

/// What an installation wants to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// Its own policies, in order. Those of [`Policy::defaults`] come after them.
    pub policies: Vec<Policy>,
    /// How alerts are put together to incidents; `None` if they are not.
    pub incidents: Option<Grouping>,
}

impl Default for Alerting {
    fn default() -> Self {
        Self { policies: Vec::new(), incidents: Some(Grouping::default()) }
    }
}

/// What to do with the findings that satisfy a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which findings it is for; all without it. Fields are those of the finding's record, and [`RULE_FIELDS`].
    pub when: Option<Expr>,
    /// What to do.
    pub act: Act,
    /// The fields whose values tell findings apart that are counted together; none means the rule and whom it is about.
    pub by: Vec<Arc<str>>,
    /// Which of them are told.
    pub limits: Limits,
}

/// The fields of the rule itself in conditions and keys.
pub const RULE_FIELDS: [&str; 4] = ["rule.id", "rule.title", "rule.level", "rule.tags"];

/// What to do with a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// An alert, as far as the limits let it be told, and points.
    Raise,
    /// Points, and its incident tells it; no alert of its own.
    Group,
    /// Points only.
    Score,
    /// Nothing.
    Suppress,
}

impl Act {
    /// Every act by its word in the configuration.
    pub const WORDS: [(&str, Self); 4] =
        [("raise", Self::Raise), ("group", Self::Group), ("score", Self::Score), ("suppress", Self::Suppress)];

    /// Whether it makes an alert, told by itself or not.
    #[must_use]
    pub const fn is_alert(self) -> bool {
        matches!(self, Self::Raise | Self::Group)
    }
}

/// Which of the findings that are counted together are told. What is not told is counted, and the next one that is
/// tells how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far apart findings may be and still be counted together by `before` and `after`.
    pub window: Span,
    /// Only so many in a window are told.
    pub before: Option<u32>,
    /// None is told before there are so many in a window.
    pub after: Option<u32>,
    /// How long after one was told no other is.
    pub repeat: Option<Span>,
}

/// The largest `before` and `after`.
pub const MOST_COUNTED: u32 = 1_000;

/// The same is told again after so long.
const REPEAT: Span = Span::from_secs(600);

impl Default for Limits {
    fn default() -> Self {
        Self { repeat: Some(REPEAT), ..Self::none() }
    }
}

impl Limits {
    /// Every finding is told.
    #[must_use]
    pub const fn none() -> Self {
        Self { window: REPEAT, before: None, after: None, repeat: None }
    }
}

impl Policy {
    /// What to do with all findings that the policies before it are not for.
    #[must_use]
    pub fn always(act: Act) -> Self {
        Self { when: None, act, by: Vec::new(), limits: Limits::default() }
    }

    /// What every installation ends with: findings of level high and above are alerts, the others only score.
    #[must_use]
    pub fn defaults() -> [Self; 2] {
        let is = |level: Level| {
            let pieces = vec![Piece::Literal(level.word().into())];
            let test = Test::Text(Pattern { pieces, cased: false });
            Expr::Test(Predicate { target: Target::Field("rule.level".into()), test })
        };
        let bad = Expr::Any(vec![is(Level::High), is(Level::Critical)]);
        [Self { when: Some(bad), ..Self::always(Act::Raise) }, Self::always(Act::Score)]
    }
}

/// Which alerts belong to one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// The fields whose values make the entity; an alert without all of them goes by whom it is about.
    pub by: Vec<Arc<str>>,
    /// Silence that ends an incident, in capture time.
    pub window: Span,
    /// For how long after its latest finding an incident that is over is the one before the entity's next, if ever.
    pub reopen: Option<Span>,
}

/// Per client address, until an hour passes without an alert.
impl Default for Grouping {
    fn default() -> Self {
        Self { by: vec!["modbus.client".into()], window: Span::from_secs(3_600), reopen: Some(Span::from_secs(86_400)) }
    }
}
