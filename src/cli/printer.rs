//! Where the output goes and in what form.

use super::args::{Emit, Format, OutputArgs};
use super::outcome::{Failure, reason};
use super::progress::Meanwhile;
use super::report;
use crate::alert::{Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::pipeline::{Emits, Summary};
use crate::sink::{Delivery, Fan, Figures, JsonLines, Kind, OpenError, Pace, Pressure, Printed, Sink, Text};
use crate::time::Timestamp;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

type Out = Box<dyn Write>;

/// The output of a run.
pub(super) struct Printer {
    fan: Fan<Form>,
    meanwhile: Meanwhile,
}

enum Form {
    Json(JsonLines<Out>),
    Text(Text<Out>),
}

impl Printer {
    /// Opens what the arguments ask for, and the sinks of the configuration.
    ///
    /// # Errors
    /// When the output file cannot be made, or a sink not be opened.
    pub(super) fn open(
        args: &OutputArgs,
        pace: Pace,
        delivery: &Delivery,
        pressure: Pressure,
    ) -> Result<Self, Failure> {
        let terminal = args.output.is_none() && io::stdout().is_terminal();
        let format = args.format.unwrap_or(if terminal { Format::Text } else { Format::Json });
        let out = writer(args.output.as_deref(), format)?;
        let report_only = format == Format::Text && args.emit == [Emit::Alerts];
        let meanwhile = if terminal && !report_only { Meanwhile::Lines } else { Meanwhile::Nothing };
        let form = match format {
            Format::Json => Form::Json(JsonLines::new(out)),
            Format::Text => Form::Text(Text::new(out, pace)),
        };
        let delivered = Fan::open(form, printed(&args.emit), delivery, pressure, tell);
        let fan = delivered.map_err(|error| match error {
            OpenError::Routes(_) => Failure::rules(error),
            OpenError::Sink { .. } | OpenError::Thread(_) => Failure::failed(error),
        })?;
        Ok(Self { fan, meanwhile })
    }

    /// JSON lines for `output`.
    ///
    /// # Errors
    /// When the output file cannot be made.
    pub(super) fn json(output: Option<&Path>) -> Result<Self, Failure> {
        let terminal = output.is_none() && io::stdout().is_terminal();
        let meanwhile = if terminal { Meanwhile::Lines } else { Meanwhile::Nothing };
        Ok(Self { fan: Fan::alone(Form::Json(JsonLines::new(writer(output, Format::Json)?))), meanwhile })
    }

    /// What appears on the screen during the run.
    pub(super) const fn meanwhile(&self) -> Meanwhile {
        self.meanwhile
    }

    /// As a sink.
    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        &mut self.fan
    }

    /// Waits for the sinks, and tells what became of their lines.
    pub(super) fn close(&mut self) -> Vec<Figures> {
        self.fan.close()
    }

    /// The last words: in text form, the report.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self, summary: &Summary) -> io::Result<()> {
        match self.fan.into_printer()? {
            Form::Json(mut json) => json.flush(),
            Form::Text(text) => {
                let (rows, unlisted, mut out) = text.into_report();
                report::write(&mut out, summary, &rows, unlisted)?;
                out.flush()
            }
        }
    }
}

/// What `--emit` and routes ask the engine for.
#[must_use]
pub(super) fn emits(emit: &[Emit], delivery: &Delivery) -> Emits {
    let Printed { alerts, findings, incidents } = printed(emit);
    Emits {
        alerts: alerts || delivery.takes(Kind::Alert),
        findings: findings || delivery.takes(Kind::Finding),
        incidents: incidents || delivery.takes(Kind::Incident),
        scores: emit.contains(&Emit::Scores),
    }
}

/// What `--emit` wants to be printed.
fn printed(emit: &[Emit]) -> Printed {
    Printed {
        alerts: emit.contains(&Emit::Alerts),
        findings: emit.contains(&Emit::Findings),
        incidents: emit.contains(&Emit::Incidents),
    }
}

fn tell(news: &str) {
    super::note(&format!("sigmabus: {news}"));
}

impl Form {
    fn inner(&mut self) -> &mut dyn Sink {
        match self {
            Self::Json(json) => json,
            Self::Text(text) => text,
        }
    }
}

impl Sink for Form {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        self.inner().records(lines)
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.inner().finding(finding, catalogue)
    }

    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()> {
        self.inner().alert(alert, catalogue)
    }

    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.inner().score(score, catalogue)
    }

    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()> {
        self.inner().repeated(id, time)
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        self.inner().incident(incident)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

/// Standard output or a file. Lines for people lose their colours everywhere but on a terminal.
fn writer(output: Option<&Path>, format: Format) -> Result<Out, Failure> {
    let Some(path) = output else {
        return Ok(match format {
            Format::Json => Box::new(io::stdout().lock()),
            Format::Text => Box::new(anstream::AutoStream::auto(io::stdout())),
        });
    };
    let refused = |error| Failure::failed(format!("cannot write {}: {}", path.display(), reason(&error)));
    let file = File::create(path).map_err(refused)?;
    Ok(match format {
        Format::Json => Box::new(file),
        Format::Text => Box::new(anstream::StripStream::new(file)),
    })
}
