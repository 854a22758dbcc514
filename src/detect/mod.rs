//! Which rules does this record satisfy? Which of those together?
//!
//! The truth is [`naive`]: a plain walk over the rules' meaning. [`Machine`] gives the same answers fast:
//!
//! ```text
//!  at load    ir::Rule -> predicates, each once (`predicate`): sets over typed values, tests for the rest
//!                      -> a program over them (`program`)
//!                      -> a witness: predicates of which one must hold for the rule to hold (`witness`)
//!  a record   facts of the witnesses' fields -> index (`index`: `stab` for numbers, words and addresses,
//!             `scan` for texts: `edges`, `grams`, what is `familiar`) -> witnesses that may hold -> their rules' programs -> hits
//! ```
//!
//! The index may find too much, never too little: every answer comes from a program. A record touches only the rules
//! of which a witness may hold, so that a rule costs nothing where it has nothing to say.
//!
//! [`Explainer`] asks the same predicates one by one and tells each answer.
//!
//! Hits go on to `correlate`, which counts them over windows of time. The few field values that they need there,
//! and that scores and alerts need, travel as bytes (`carry`, `value`).

use crate::time::Timestamp;

mod absence;
mod ask;
mod carry;
mod chain;
mod clock;
mod correlate;
mod correlated;
mod cost;
mod counter;
mod edges;
mod error;
mod explain;
mod familiar;
mod finding;
mod fold;
mod form;
mod grams;
mod groups;
mod index;
mod kept;
mod key;
mod ladder;
mod late;
mod listener;
mod machine;
pub mod naive;
mod number;
mod order;
mod pattern;
mod pending;
mod predicate;
mod program;
mod question;
mod ranks;
mod recent;
mod refusal;
mod required;
mod scan;
mod set;
mod stab;
mod sum;
mod tally;
mod turns;
mod value;
mod watcher;
mod ways;
mod window;
mod witness;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod fixture;

pub use carry::{Carry, Values};
pub use correlate::Correlator;
pub use correlated::{Correlated, Ending, Losses, Measured};
pub use cost::{Cost, Reach};
pub use error::{CompileError, Problem};
pub use explain::{Explained, Explainer};
pub use finding::{Catalogue, Finding, Input, Named, Place, Unit};
pub use fold::fold;
pub use machine::{Machine, Scratch};
pub use refusal::{CorrelationIx, Reason, Refusal};
pub use value::Value;

/// A rule by its place in the slice that the machine was compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIx(pub u32);

/// One record that satisfies one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The rule.
    pub rule: RuleIx,
    /// When the record says it happened.
    pub time: Timestamp,
    /// Where the record is.
    pub place: Place,
    /// The values of the rule's [`Carry::slots`], encoded one after the other.
    pub values: &'a [u8],
}
