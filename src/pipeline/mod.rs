//! Who calls whom?
//!
//! The stateless side ([`lane`], [`lines`], both through [`judge`]) turns batches of frames or lines into
//! [`evidence`]; [`spread`] runs it on one thread, or on several that share all there is to do ([`yard`]), and brings the
//! evidence back into the one order of the input; the ordered side ([`engine`]) correlates, scores and raises. [`plan`]
//! holds what was decided before the first record. What was seen of devices before ([`Memory`](crate::record::Memory)) belongs to the engine, which
//! lends it to the one judge that sees all messages of an input in their order; then one lane runs all shards. It is the
//! same with a baseline that is being learned ([`usual`]); one that is frozen needs no order.
//! [`cases`] runs all of it on what a test of rules gives it.

mod captures;
mod cases;
mod census;
mod documents;
mod engine;
mod event;
mod evidence;
mod given;
mod input;
mod join;
mod judge;
mod lane;
mod lines;
#[cfg(feature = "live")]
pub mod live;
mod plan;
mod policies;
mod routes;
mod rows;
mod scoring;
mod spread;
mod summary;
mod telling;
mod usual;
mod yard;

pub use captures::{Filter, Run};
pub use cases::{Case, Coverage, Found, Given, Test, TestError, looks_like_tests, read_tests};
pub use engine::{Emits, Engine};
pub use given::Record;
pub use input::unit_of;
pub use lines::{looks_like_a_log, looks_like_json_lines};
pub use plan::{Naming, Plan, PlanError, Refused, Sources, Wanted, silence};
pub use summary::{Records, Room, Summary, TopEntity};
pub use usual::{Learned, Usual};

use crate::capture::CaptureError;
use crate::record::baseline::Baseline;
use std::io;

/// Told how far a run is, and asked whether it should go on.
pub trait Progress {
    /// Another batch is done.
    fn step(&self) {}

    /// This was learned so far; told every so often, and when a time of learning is over.
    fn learned(&self, _baseline: &Baseline) {}

    /// Whether somebody wants it to end.
    fn stopped(&self) -> bool {
        false
    }
}

/// Nobody watches and nobody stops it.
impl Progress for () {}

/// What ends a run early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A capture cannot be read.
    #[error(transparent)]
    Capture(CaptureError),
    /// An interface cannot be watched any more.
    #[cfg(feature = "live")]
    #[error(transparent)]
    Live(crate::capture::live::LiveError),
    /// Not one line of a log is a record.
    #[error("not one line is a JSON object, and a log has one on each; line {line}: {reason}")]
    NotALog {
        /// The first line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A table in a log has a header that cannot be used.
    #[error("line {line}: {reason}")]
    Header {
        /// Where it stands.
        line: u64,
        /// What is wrong with it.
        reason: crate::record::foreign::HeaderError,
    },
    /// A log cannot be read.
    #[error(transparent)]
    Input(io::Error),
    /// The capture filter is wrong for these frames.
    #[error("{0}")]
    Filter(String),
    /// The output cannot be written.
    #[error(transparent)]
    Output(io::Error),
    /// A thread of ours ended before its work was done.
    #[error("a worker thread ended before its work was done")]
    Worker,
}
