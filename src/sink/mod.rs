//! Where does it go, and did it arrive?

mod json_lines;
mod secret;
mod text;

pub use json_lines::JsonLines;
pub use secret::{MASK, Secret};
pub use text::{Pace, Row, Text, entity, painted, plain, short};

use crate::alert::{Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::time::Timestamp;
use std::io;

/// Something that takes what the engine says, in order.
pub trait Sink {
    /// Records as whole lines that are ready to be written; perhaps none.
    ///
    /// # Errors
    /// When they cannot be written.
    fn records(&mut self, lines: &[u8]) -> io::Result<()>;

    /// A finding.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()>;

    /// An alert.
    ///
    /// # Errors
    /// When it cannot be written.
    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()>;

    /// A score that changed.
    ///
    /// # Errors
    /// When it cannot be written.
    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()>;

    /// Another finding at `time` that the told alert `id` stands for.
    ///
    /// # Errors
    /// When it cannot be written.
    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()>;

    /// What is new of an incident.
    ///
    /// # Errors
    /// When it cannot be written.
    fn incident(&mut self, incident: &Incident) -> io::Result<()>;

    /// Hands on what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}
