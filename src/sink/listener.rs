//! A sink that hands all that the engine says to one function, for those who want a part of it.

use super::Sink;
use crate::alert::{Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::time::Timestamp;
use std::io;

/// What the engine says.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// [`Sink::records`]
    Records(&'a [u8]),
    /// [`Sink::finding`]
    Finding(&'a Finding<'a>),
    /// [`Sink::alert`]
    Alert(&'a Alert),
    /// [`Sink::score`]
    Score(&'a ScoreLine<'a>),
    /// [`Sink::repeated`]
    Repeated(AlertId, Timestamp),
    /// [`Sink::incident`]
    Incident(&'a Incident),
    /// [`Sink::flush`]
    Flush,
}

/// Calls a function with all that is said.
#[derive(Clone, Copy, Debug)]
pub struct Listener<F>(F);

impl<F: FnMut(Said<'_>)> Listener<F> {
    /// A sink that calls `hear`.
    pub const fn new(hear: F) -> Self {
        Self(hear)
    }

    fn hear(&mut self, said: Said<'_>) -> io::Result<()> {
        (self.0)(said);
        Ok(())
    }
}

impl<F: FnMut(Said<'_>)> Sink for Listener<F> {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        self.hear(Said::Records(lines))
    }

    fn finding(&mut self, finding: &Finding<'_>, _: &Catalogue) -> io::Result<()> {
        self.hear(Said::Finding(finding))
    }

    fn alert(&mut self, alert: &Alert, _: &Catalogue) -> io::Result<()> {
        self.hear(Said::Alert(alert))
    }

    fn score(&mut self, score: &ScoreLine<'_>, _: &Catalogue) -> io::Result<()> {
        self.hear(Said::Score(score))
    }

    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()> {
        self.hear(Said::Repeated(id, time))
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        self.hear(Said::Incident(incident))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hear(Said::Flush)
    }
}
