//! Problems with files as programs are told them: JSON lines and SARIF.

use super::outcome::Failure;
use crate::sigma::{Diagnostic, Loaded, Severity, codes};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// The format's schema, as a consumer may want to look it up.
const SARIF_SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A problem as programs are told it; lines and columns count from 1, columns in characters.
pub(super) struct Problem<'a> {
    pub(super) code: &'a str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) hint: Option<&'a str>,
    pub(super) file: &'a str,
    pub(super) start: (u32, u32),
    /// After the last character.
    pub(super) end: (u32, u32),
    pub(super) related: Vec<Related<'a>>,
}

/// Another place that belongs to a problem.
pub(super) struct Related<'a> {
    label: &'a str,
    start: (u32, u32),
    end: (u32, u32),
}

impl<'a> Problem<'a> {
    /// A problem of one of the files of `loaded`.
    pub(super) fn located(found: &'a Diagnostic, loaded: &Loaded) -> Self {
        let related = found.related.iter().map(|related| Related {
            label: &related.label,
            start: loaded.position(&found.file, related.span.start),
            end: loaded.position(&found.file, related.span.end),
        });
        Self {
            code: found.code,
            severity: found.severity,
            message: found.message.clone(),
            hint: found.hint.as_deref(),
            file: &found.file,
            start: (found.line, found.column),
            end: loaded.position(&found.file, found.span.end),
            related: related.collect(),
        }
    }
}

/// Prints JSON lines.
pub(super) fn print_json(problems: &[Problem<'_>]) -> Result<(), Failure> {
    print(&json_lines(problems))
}

/// Prints a SARIF log.
pub(super) fn print_sarif(problems: &[Problem<'_>]) -> Result<(), Failure> {
    print(&format!("{:#}\n", sarif(problems)))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

fn json_lines(problems: &[Problem<'_>]) -> String {
    let mut out = String::new();
    for Problem { code, severity, message, hint, file, start, end, related } in problems {
        let place = |(line, column): (u32, u32)| json!({"line": line, "column": column});
        let related: Vec<Value> = related
            .iter()
            .map(|other| json!({"message": other.label, "start": place(other.start), "end": place(other.end)}))
            .collect();
        let line = json!({
            "type": "diagnostic", "code": code, "severity": severity.word(), "message": message, "hint": hint, "file": file,
            "line": start.0, "column": start.1, "end": place(*end), "related": related,
        });
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "{line}");
    }
    out
}

/// SARIF 2.1.0: a run with a result for each problem, and a reporting descriptor for each code among them.
fn sarif(problems: &[Problem<'_>]) -> Value {
    let found: BTreeSet<&str> = problems.iter().map(|problem| problem.code).collect();
    let rules: Vec<Value> = found.iter().map(|code| descriptor(code)).collect();
    let results: Vec<Value> = problems.iter().map(|problem| result(problem, &found)).collect();
    json!({
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "sigmabus", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// What a code means (SARIF 2.1.0, 3.49).
fn descriptor(name: &str) -> Value {
    let Some(code) = codes::find(name) else { return json!({"id": name}) };
    let severity = code.severities.first().copied().unwrap_or(Severity::Error);
    json!({
        "id": name,
        "shortDescription": {"text": code.meaning},
        "help": {"text": code.advice},
        "defaultConfiguration": {"level": sarif_level(severity)},
    })
}

/// The word for a severity in SARIF (2.1.0, 3.27.10).
const fn sarif_level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "note",
    }
}

fn result(problem: &Problem<'_>, codes: &BTreeSet<&str>) -> Value {
    let message = match problem.hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message.clone(),
    };
    let location = |start: (u32, u32), end: (u32, u32)| {
        json!({
            "artifactLocation": {"uri": uri(problem.file)},
            "region": {"startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1},
        })
    };
    let related: Vec<Value> = problem
        .related
        .iter()
        .map(|other| json!({"physicalLocation": location(other.start, other.end), "message": {"text": other.label}}))
        .collect();
    json!({
        "ruleId": problem.code,
        "ruleIndex": codes.iter().position(|code| *code == problem.code),
        "level": sarif_level(problem.severity),
        "message": {"text": message},
        "locations": [{"physicalLocation": location(problem.start, problem.end)}],
        "relatedLocations": related,
    })
}

/// A file name as a URI reference (RFC 3986): relative as it was given, or with `file://` before an absolute path.
fn uri(file: &str) -> String {
    let mut out = String::from(if Path::new(file).is_absolute() { "file://" } else { "" });
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            // The built-in rules' names have a scheme; in any other name it would be taken for one.
            b':' if file.starts_with("builtin:") => out.push(':'),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_uris() {
        for (file, expected) in [
            ("rules/a.yml", "rules/a.yml"),
            ("/tmp/my rules/ä.yml", "file:///tmp/my%20rules/%C3%A4.yml"),
            ("C:a#b.yml", "C%3Aa%23b.yml"),
            ("builtin:modbus/a.yml", "builtin:modbus/a.yml"),
        ] {
            assert_eq!(uri(file), expected);
        }
    }
}
