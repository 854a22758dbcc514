//! Correlation rules that cannot be used, and why.

use crate::sigma::ir::RuleRef;
use thiserror::Error;

/// A correlation rule by its place in the slice that was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationIx(pub u32);

/// A correlation rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("correlation {}: {reason}", correlation.0)]
pub struct Refusal {
    /// Which.
    pub correlation: CorrelationIx,
    /// Why.
    pub reason: Reason,
}

/// Why a correlation rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// No window can hold so many events.
    #[error("the condition asks for more than {limit} events in one window")]
    Count {
        /// The bound.
        limit: usize,
    },
    /// The condition of an ordered correlation means too many different orders.
    #[error("the condition can be met in more than {limit} different orders")]
    Ways {
        /// The bound.
        limit: usize,
    },
    /// An order of too many rules, of which fewer than all may be enough.
    #[error("in an order of more than {limit} rules, all of them must be asked for")]
    Rungs {
        /// The bound.
        limit: usize,
    },
    /// An order with an absent rule has too many others, or none.
    #[error("beside a rule that must not be hit there must be from 1 to {limit} others")]
    Present {
        /// The bound.
        limit: usize,
    },
    /// An order names a rule twice.
    #[error("rule {0:?} stands twice in the order")]
    Repeated(RuleRef),
    /// It refers to a rule that is not there.
    #[error("rule {0:?} is not there")]
    Unknown(RuleRef),
    /// It refers to itself through others.
    #[error("it refers to itself, or to one that does")]
    Circle,
    /// No slot is left for a field.
    #[error("field `{0}` is one too many: at most 65536 fields can be asked for")]
    Fields(String),
}
