//! An opened input, whatever it turned out to be.

use super::RunError;
use super::captures::{Filter, Run};
use super::lines::looks_like_a_log;
use crate::capture::Opened;
use crate::detect::{Input, Unit};
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
        &mut self,
        input: Input,
        opened: Opened,
        filter: Option<Filter>,
        sink: &mut dyn Sink,
    ) -> Result<(), RunError> {
        match opened {
            Opened::Capture(source) => self.capture(input, source, filter, sink),
            Opened::Other { reader, .. } => self.log(input, reader, sink),
        }
    }
}
