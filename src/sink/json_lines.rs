//! JSON lines: data for other programs.

use super::Sink;
use crate::alert::{self, Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::time::Timestamp;
use std::io::{self, Write};

/// When so much is held, it is written.
const HELD: usize = 128 << 10;

/// Writes every line it gets to `out`.
pub struct JsonLines<W> {
    out: W,
    held: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    /// Lines for `out`.
    pub fn new(out: W) -> Self {
        Self { out, held: Vec::with_capacity(HELD) }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let written = self.out.write_all(&self.held);
        self.held.clear();
        written
    }

    fn hand_on_when_full(&mut self) -> io::Result<()> {
        if self.held.len() < HELD { Ok(()) } else { self.hand_on() }
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.len() < HELD {
            self.held.extend_from_slice(lines);
            return self.hand_on_when_full();
        }
        self.hand_on()?;
        self.out.write_all(lines)
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        alert::write_finding(finding, catalogue, &mut self.held);
        self.hand_on_when_full()
    }

    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()> {
        alert::write_alert(alert, catalogue, &mut self.held);
        self.hand_on_when_full()
    }

    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()> {
        alert::write_score(score, catalogue, &mut self.held);
        self.hand_on_when_full()
    }

    /// Nothing: the next alert tells how many.
    fn repeated(&mut self, _: AlertId, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        alert::write_incident(incident, &mut self.held);
        self.hand_on_when_full()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.out.flush()
    }
}
