//! Where does it go, and did it arrive?

mod json_lines;
mod secret;
mod text;

pub use json_lines::JsonLines;
pub use secret::{MASK, Secret};
pub use text::{Pace, Row, Text, entity, painted, plain, short};

use crate::alert::{Alert, Score};
use crate::detect::{Catalogue, Finding};
use std::io;

/// Something that takes what the engine says, in order.
pub trait Sink {
    /// A record as a line that is ready to be written.
    ///
    /// # Errors
    /// When it cannot be written.
    fn record(&mut self, line: &[u8]) -> io::Result<()>;

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

    /// A score that changed; most do not ask for these.
    ///
    /// # Errors
    /// When it cannot be written.
    fn score(&mut self, score: &Score<'_>, catalogue: &Catalogue) -> io::Result<()> {
        let _ = (score, catalogue);
        Ok(())
    }

    /// Hands on what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}
