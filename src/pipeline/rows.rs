//! Lines of records that follow one another go to the sink in one piece.

use super::evidence::{Entry, Evidence};
use crate::alert::{Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::sink::{Routed, Sink};
use crate::time::Timestamp;
use std::io;
use std::ops::Range;

/// A sink behind the lines that it has not got yet: they go before whatever else is said.
pub(super) struct Rows<'a> {
    sink: &'a mut dyn Sink,
    /// Whether records are printed: otherwise only routes want their lines.
    printed: bool,
    waiting: Option<(&'a Evidence, Range<usize>)>,
}

impl<'a> Rows<'a> {
    /// Nothing waits.
    pub(super) fn new(sink: &'a mut dyn Sink, printed: bool) -> Self {
        Self { sink, printed, waiting: None }
    }

    /// Takes the line of an entry, if it has one.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn take(&mut self, evidence: &'a Evidence, entry: &Entry) -> io::Result<()> {
        let line = entry.line();
        if line.is_empty() || !self.printed {
            return Ok(());
        }
        match &mut self.waiting {
            Some((whose, lines)) if std::ptr::eq(*whose, evidence) && lines.end == line.start => {
                lines.end = line.end;
                Ok(())
            }
            _ => {
                self.hand_on()?;
                self.waiting = Some((evidence, line));
                Ok(())
            }
        }
    }

    /// Takes a line that will not be there for long.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn take_now(&mut self, line: &[u8]) -> io::Result<()> {
        if self.printed { self.records(line) } else { Ok(()) }
    }

    /// Gives the sink what waits.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn hand_on(&mut self) -> io::Result<()> {
        let Some((evidence, lines)) = self.waiting.take() else { return Ok(()) };
        self.sink.records(evidence.lines(lines))
    }
}

impl Sink for Rows<'_> {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        self.hand_on()?;
        self.sink.records(lines)
    }

    fn routed(&mut self, record: &Routed<'_>) -> io::Result<()> {
        self.hand_on()?;
        self.sink.routed(record)
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.hand_on()?;
        self.sink.finding(finding, catalogue)
    }

    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()> {
        self.hand_on()?;
        self.sink.alert(alert, catalogue)
    }

    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()> {
        self.hand_on()?;
        self.sink.repeated(id, time)
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        self.hand_on()?;
        self.sink.incident(incident)
    }

    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.hand_on()?;
        self.sink.score(score, catalogue)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{Order, Phase};
    use super::*;
    use crate::sink::{Listener, Said};

    fn evidence(lines: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        for (number, line) in lines.iter().enumerate() {
            let number = number as u64;
            evidence.begin(Order { number, phase: Phase::Frame, shard: 0 }, None, number);
            evidence.line(|out| out.extend_from_slice(line.as_bytes()));
            evidence.object(|out| out.extend_from_slice(b"{}"));
        }
        evidence
    }

    #[test]
    fn lines_wait_for_what_follows_them_and_never_change_their_order() {
        let (ours, other) = (evidence(&["a\n", "", "b\n", "c\n"]), evidence(&["x\n"]));
        let mut pieces: Vec<String> = Vec::new();
        let mut sink = Listener::new(|said| match said {
            Said::Records(lines) => pieces.push(String::from_utf8_lossy(lines).into()),
            Said::Flush => pieces.push("flush".into()),
            _ => {}
        });
        let mut rows = Rows::new(&mut sink, true);
        let [a, none, b, c] = ours.entries() else { unreachable!() };
        for entry in [a, none, b] {
            rows.take(&ours, entry).unwrap();
        }
        rows.take(&other, &other.entries()[0]).unwrap();
        rows.take(&ours, c).unwrap();
        rows.records(b"z\n").unwrap();
        rows.take(&ours, a).unwrap();
        rows.flush().unwrap();
        rows.hand_on().unwrap();
        assert_eq!(pieces, ["a\nb\n", "x\n", "c\n", "z\n", "a\n", "flush"]);
    }
}
