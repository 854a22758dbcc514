//! `sigmabus sinks test`: does what is sent arrive?

use super::args::{Format, SinksCommand};
use super::config::Config;
use super::format_for_stdout;
use super::outcome::{Failure, Outcome};
use crate::sigma::diagnostic::nearest;
use crate::sink::{self, Item, Kind, SinkSpec, Target, plain};
use crate::time::Timestamp;
use serde_json::json;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs `sigmabus sinks ...`.
pub(super) fn run(command: &SinksCommand) -> Result<Outcome, Failure> {
    let SinksCommand::Test { names, config, format } = command;
    let sinks = Config::load(config.as_deref())?.delivery.sinks;
    if sinks.is_empty() {
        return Err(Failure::rules("no sinks are configured; docs/sinks.md tells how"));
    }
    if let Some(name) = names.iter().find(|name| !sinks.iter().any(|sink| *sink.name == ***name)) {
        let meant = nearest(name, sinks.iter().map(|sink| &*sink.name));
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        return Err(Failure::usage(format!("there is no sink `{name}`{meant}")));
    }
    let format = format_for_stdout(*format);
    let mut out = io::stdout().lock();
    let mut outcome = Outcome::Done;
    // The run's own output is what the results go to.
    for sink in sinks.iter().filter(|sink| sink.target != Target::Stdout) {
        if !names.is_empty() && !names.iter().any(|name| **name == *sink.name) {
            continue;
        }
        let (arrived, reason) = tried(sink);
        if !arrived {
            outcome = Outcome::Failed;
        }
        let line = match format {
            Format::Json => {
                json!({"type": "sink", "name": *sink.name, "delivered": arrived, "reason": reason}).to_string()
            }
            Format::Text => {
                let told = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                plain(&format!("{:20} {}{told}", sink.name, if arrived { "delivered" } else { "failed" }))
            }
        };
        writeln!(out, "{line}").map_err(|error| Failure::output(&error))?;
    }
    Ok(outcome)
}

/// Whether a test arrives at a sink, and what there is to say of it.
fn tried(sink: &SinkSpec) -> (bool, Option<String>) {
    let time = now();
    let title = format!("Test of the sink {}", sink.name);
    let line = json!({
        "type": "alert", "test": true, "id": "0".repeat(32), "time": time.to_string(), "kind": "test", "title": title,
        "level": "informational", "entity": {}, "score": 0, "findings": [],
    });
    let item = Item { kind: Kind::Alert, time: Some(time), line: format!("{line}\n").as_bytes().into() };
    match sink::try_once(sink, &item) {
        Ok(sink::Outcome::Delivered) => (true, sink.silence().map(str::to_owned)),
        Ok(sink::Outcome::Retry { reason, .. } | sink::Outcome::Rejected(reason)) => (false, Some(reason.to_string())),
        Err(error) => (false, Some(error.to_string())),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no other time than now")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
