//! Where the output goes and in what form.

use super::args::{Emit, Format, OutputArgs};
use super::outcome::{Failure, reason};
use super::progress::Meanwhile;
use super::report;
use crate::pipeline::{Emits, Summary};
use crate::sink::{JsonLines, Pace, Sink, Text};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

type Out = Box<dyn Write>;

/// The output of a run.
pub(super) struct Printer {
    form: Form,
    meanwhile: Meanwhile,
}

enum Form {
    Json(JsonLines<Out>),
    Text(Text<Out>),
}

impl Printer {
    /// Opens what the arguments ask for.
    ///
    /// # Errors
    /// When the output file cannot be made.
    pub(super) fn open(args: &OutputArgs, pace: Pace) -> Result<Self, Failure> {
        let terminal = args.output.is_none() && io::stdout().is_terminal();
        let format = args.format.unwrap_or(if terminal { Format::Text } else { Format::Json });
        let out = writer(args.output.as_deref(), format)?;
        let report_only = format == Format::Text && args.emit == [Emit::Alerts];
        let meanwhile = if terminal && !report_only { Meanwhile::Lines } else { Meanwhile::Nothing };
        let form = match format {
            Format::Json => Form::Json(JsonLines::new(out)),
            Format::Text => Form::Text(Text::new(out, pace)),
        };
        Ok(Self { form, meanwhile })
    }

    /// JSON lines for `output`.
    ///
    /// # Errors
    /// When the output file cannot be made.
    pub(super) fn json(output: Option<&Path>) -> Result<Self, Failure> {
        let terminal = output.is_none() && io::stdout().is_terminal();
        let meanwhile = if terminal { Meanwhile::Lines } else { Meanwhile::Nothing };
        Ok(Self { form: Form::Json(JsonLines::new(writer(output, Format::Json)?)), meanwhile })
    }

    /// What appears on the screen during the run.
    pub(super) const fn meanwhile(&self) -> Meanwhile {
        self.meanwhile
    }

    /// As a sink.
    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        match &mut self.form {
            Form::Json(json) => json,
            Form::Text(text) => text,
        }
    }

    /// The last words: in text form, the report.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self, summary: &Summary) -> io::Result<()> {
        match self.form {
            Form::Json(mut json) => json.flush(),
            Form::Text(text) => {
                let (rows, unlisted, mut out) = text.into_report();
                report::write(&mut out, summary, &rows, unlisted)?;
                out.flush()
            }
        }
    }
}

/// What `--emit` asks the engine for.
#[must_use]
pub(super) fn emits(emit: &[Emit]) -> Emits {
    Emits {
        alerts: emit.contains(&Emit::Alerts),
        findings: emit.contains(&Emit::Findings),
        scores: emit.contains(&Emit::Scores),
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
