//! `sigmabus rules coverage`: which techniques of ATT&CK for ICS rules are about.

use super::args::{Format, FormatArgs};
use super::outcome::{Failure, Outcome, reason};
use super::rules::print;
use crate::sigma::ir::{Meta, Ruleset};
use crate::sigma::{Coverage, MATRIX_VERSION, coverage};
use crate::sink::plain;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// A line of the list.
enum Line<'a, 'r> {
    Technique(&'a Coverage<'r>),
    /// How many techniques of the matrix rules are about, of how many.
    Summary(usize, usize),
}

/// Prints the list and writes the layer, or prints the layer.
pub(super) fn run(ruleset: &Ruleset, navigator: Option<&Path>, format: &FormatArgs) -> Result<Outcome, Failure> {
    let rows = coverage(ruleset);
    if let Some(path) = navigator {
        let mut layer = serde_json::to_string_pretty(&layer(&rows)).unwrap_or_default();
        layer.push('\n');
        if path == Path::new("-") {
            let mut out = io::stdout().lock();
            out.write_all(layer.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
            return Ok(Outcome::Done);
        }
        let failed = |error: io::Error| Failure::failed(format!("cannot write {}: {}", path.display(), reason(&error)));
        fs::write(path, layer).map_err(failed)?;
    }
    let (covered, missing): (Vec<_>, Vec<_>) = rows.iter().partition(|row| !row.rules.is_empty());
    let of_matrix = covered.iter().filter(|row| row.name.is_some());
    let wholes: BTreeSet<&str> = of_matrix.filter_map(|row| row.id.split('.').next()).collect();
    let summary = Line::Summary(wholes.len(), wholes.len() + missing.len());
    let lines = covered.into_iter().chain(missing).map(Line::Technique);
    let lines: Vec<Line<'_, '_>> = lines.chain([summary]).collect();
    print(format, &lines, |out, line, format| match (line, format) {
        (Line::Technique(row), Format::Json) => writeln!(out, "{}", in_json(row)),
        (Line::Technique(row), Format::Text) => in_text(out, row),
        (Line::Summary(covered, all), Format::Json) => {
            let summary = json!({"type": "coverage", "matrix": "ics", "version": MATRIX_VERSION, "covered": covered, "techniques": all});
            writeln!(out, "{summary}")
        }
        (Line::Summary(covered, all), Format::Text) => {
            writeln!(out, "\n{covered} of {all} techniques of ATT&CK for ICS, version {MATRIX_VERSION}")
        }
    })
}

fn in_json(row: &Coverage<'_>) -> Value {
    let rules = row.rules.iter().map(|meta| json!({"id": meta.id.as_deref(), "title": &*meta.title}));
    json!({
        "type": "technique", "id": row.id, "name": row.name, "tactics": row.tactics, "rules": rules.collect::<Vec<_>>(),
    })
}

fn in_text(out: &mut dyn Write, row: &Coverage<'_>) -> io::Result<()> {
    let name = row.name.unwrap_or("(not of the ICS matrix)");
    let tactics = row.tactics.join(", ");
    if row.rules.is_empty() {
        return writeln!(out, "{:9}  {name} ({tactics}): no rule", row.id);
    }
    let tactics = if tactics.is_empty() { tactics } else { format!(" ({tactics})") };
    writeln!(out, "{:9}  {name}{tactics}", row.id)?;
    row.rules.iter().try_for_each(|meta| writeln!(out, "{:11}{}", "", plain(&meta.title)))
}

/// A layer of the ATT&CK Navigator, in version 4.5 of its format: the score is the number of rules.
fn layer(rows: &[Coverage<'_>]) -> Value {
    let covered = rows.iter().filter(|row| row.name.is_some() && !row.rules.is_empty());
    let most = covered.clone().map(|row| row.rules.len()).max().unwrap_or(1);
    let titles = |rules: &[&Meta]| rules.iter().map(|meta| &*meta.title).collect::<Vec<_>>().join("\n");
    let techniques = covered.map(|row| {
        json!({"techniqueID": row.id, "score": row.rules.len(), "comment": titles(&row.rules), "showSubtechniques": true})
    });
    json!({
        "name": "sigmabus",
        "versions": {"attack": MATRIX_VERSION, "navigator": "5.1.0", "layer": "4.5"},
        "domain": "ics-attack",
        "description": "Techniques that rules for Modbus are about; the score is the number of rules.",
        "sorting": 3,
        "layout": {"layout": "side", "showID": true, "showName": true, "expandedSubtechniques": "annotated"},
        "techniques": techniques.collect::<Vec<_>>(),
        "gradient": {"colors": ["#d6e8fa", "#1f6fb5"], "minValue": 0, "maxValue": most},
    })
}
