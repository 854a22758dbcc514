//! `sigmabus rules check --cost`: what each rule costs a record, the dearest first.

use super::outcome::Failure;
use super::report::counted;
use crate::detect::{Cost, Reach};
use crate::pipeline::{Plan, Refused};
use crate::sigma::ir::{Meta, RuleRef};
use crate::sink::plain;
use serde_json::json;
use std::io::{self, Write};

/// So many rules are told first.
const DEAREST: usize = 10;

/// A rule and its cost.
type Priced<'a> = (&'a Meta, Cost);

/// The rules of `plan` by their cost, the dearest first, without those that cannot be run. Correlations are not among them:
/// they cost findings, not records.
pub(super) fn dearest<'a>(plan: &'a Plan, refused: &[Refused]) -> Vec<Priced<'a>> {
    let rules = plan.ruleset.rules.iter().map(|rule| &rule.meta).zip(plan.machine.costs());
    let runs = |rule| refused.iter().all(|refused| refused.rule != RuleRef::Rule(rule));
    let mut priced: Vec<_> = rules.enumerate().filter(|(rule, _)| runs(*rule)).map(|(_, priced)| priced).collect();
    // What costs the same stays in the order of the files.
    priced.sort_by(|(_, a), (_, b)| b.per_record().total_cmp(&a.per_record()));
    priced
}

/// Prints them for people: the ten dearest, then the others.
pub(super) fn print_text(priced: &[Priced<'_>]) -> Result<(), Failure> {
    print(|out| {
        let (first, others) = priced.split_at(DEAREST.min(priced.len()));
        writeln!(out, "ns a record  search   tests  asked                    rule")?;
        first.iter().try_for_each(|priced| line(out, priced))?;
        if !others.is_empty() {
            writeln!(out, "\nThe others")?;
            others.iter().try_for_each(|priced| line(out, priced))?;
        }
        let sum: f64 = priced.iter().map(|(_, cost)| cost.per_record()).sum();
        let rules = counted(priced.len(), "rule");
        writeln!(out, "\n{sum:11.1}  for {rules}, estimated by their form: your records may cost more or less")
    })
}

fn line(out: &mut dyn Write, (meta, cost): &Priced<'_>) -> io::Result<()> {
    let (each, Cost { search, tests, reach }) = (cost.per_record(), cost);
    let told = match reach {
        Reach::Found => "where a search finds it",
        Reach::Open => "where the field is",
        Reach::Always => "always",
    };
    let place = format!("{}:{}", plain(&meta.origin.file), meta.origin.line);
    writeln!(out, "{each:11.1}  {search:6.1}  {tests:6.1}  {told:23}  {}  {place}", plain(&meta.title))
}

/// Prints them for programs, one JSON object a line.
pub(super) fn print_json(priced: &[Priced<'_>]) -> Result<(), Failure> {
    let tenths = |nanos: f64| (nanos * 10.0).round() / 10.0;
    print(|out| {
        priced.iter().try_for_each(|(meta, cost)| {
            let reach = match cost.reach {
                Reach::Found => "found",
                Reach::Open => "open",
                Reach::Always => "always",
            };
            let line = json!({
                "type": "cost", "id": meta.id.as_deref(), "title": &*meta.title, "file": &*meta.origin.file,
                "line": meta.origin.line, "record_ns": tenths(cost.per_record()), "search_ns": tenths(cost.search),
                "tests_ns": tenths(cost.tests), "tested": reach,
            });
            writeln!(out, "{line}")
        })
    })
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
