//! How a command ends.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// A command's end, as its exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done = 0,
    /// `--fail-on` was met, or a test of a rule failed.
    FailOn = 1,
    /// Wrong usage.
    Usage = 2,
    /// Rules or configuration are wrong.
    Rules = 3,
    /// Input or output failed.
    Failed = 4,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub outcome: Outcome,
    /// One sentence; `None` when all was said already.
    pub message: Option<String>,
}

impl Failure {
    /// Input or output failed.
    pub fn failed(message: impl Display) -> Self {
        Self { outcome: Outcome::Failed, message: Some(message.to_string()) }
    }

    /// Rules or configuration are wrong.
    pub fn rules(message: impl Display) -> Self {
        Self { outcome: Outcome::Rules, message: Some(message.to_string()) }
    }

    /// What was typed makes no sense.
    pub fn usage(message: impl Display) -> Self {
        Self { outcome: Outcome::Usage, message: Some(message.to_string()) }
    }

    /// Output failed: no failure at all when it is a pipe that its reader closed, as `head` does.
    pub fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { outcome: Outcome::Done, message: None };
        }
        Self::failed(format!("cannot write the output: {}", reason(error)))
    }

    /// The failure with its message told already.
    #[must_use]
    pub fn told(self) -> Self {
        if let Some(message) = &self.message {
            super::note(&format!("sigmabus: {message}"));
        }
        Self { outcome: self.outcome, message: None }
    }
}

/// The system's reason without its error number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}
