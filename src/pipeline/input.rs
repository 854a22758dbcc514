//! An opened input, whatever it turned out to be.

use super::RunError;
use super::captures::{Filter, Run};
use super::engine::Engine;
use super::lines::looks_like_a_log;
use crate::capture::Opened;
use crate::detect::Unit;
use crate::sink::Sink;

/// What is counted in an input. An empty input is a log without lines.
///
/// # Errors
/// The first bytes of an input of no known format.
pub fn unit_of(opened: &Opened) -> Result<Unit, &[u8]> {
    match opened {
        Opened::Capture(_) => Ok(Unit::Frame),
        Opened::Other { start, .. } if start.is_empty() || looks_like_a_log(start) => Ok(Unit::Line),
        Opened::Other { start, .. } => Err(start),
    }
}

impl Run<'_> {
    /// Runs an input to its end: a capture, of the frames that pass `filter`, or else a log.
    ///
    /// # Errors
    /// When it cannot be read (what came before is handed over) or the sink cannot be written.
    pub fn input(
        self,
        opened: Opened,
        filter: Option<Filter>,
        engine: &mut Engine,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        match opened {
            Opened::Capture(source) => self.capture(source, filter, engine, sink),
            Opened::Other { reader, .. } => self.log(reader, engine, sink),
        }
    }
}
