//! `sigmabus rules check`: every problem of every rule file, and what each rule costs.

use super::args::{CheckFormat, FailOn};
use super::diagnostics::{Problem, print_json, print_sarif};
use super::note;
use super::outcome::{Failure, Outcome};
use super::report::counted;
use super::rules_cost;
use crate::pipeline::{Plan, PlanError, Refused, Wanted, silence};
use crate::sigma::{Loaded, Severity};

/// The code of a rule that is understood but asks for more than the matcher's bounds allow.
const TOO_LARGE: &str = "too-large";

/// Tells the problems of rules; what the good ones cost if that is asked for.
pub(super) fn run(loaded: &Loaded, format: CheckFormat, fail_on: FailOn, cost: bool) -> Result<Outcome, Failure> {
    if cost && format == CheckFormat::Sarif {
        return Err(Failure::usage("--cost is told as text or json: SARIF has no place for it"));
    }
    let count = |severity| loaded.diagnostics.iter().filter(|found| found.severity == severity).count();
    let [wrong, warnings, hints] = [Severity::Error, Severity::Warning, Severity::Hint].map(count);
    let understood = loaded.ruleset.rules.len() + loaded.ruleset.correlations.len();
    // A rule may be understood and still ask for more than the matcher's bounds allow.
    let refused = match Plan::compile(loaded.ruleset.clone(), Wanted::default()) {
        Err(PlanError::Rules(refused)) => refused,
        Err(PlanError::Fields(_) | PlanError::Policy { .. }) | Ok(_) => Vec::new(),
    };
    match format {
        CheckFormat::Text => text(loaded, &refused),
        CheckFormat::Json => print_json(&problems(loaded, &refused))?,
        CheckFormat::Sarif => print_sarif(&problems(loaded, &refused))?,
    }
    if cost {
        tell_costs(loaded, &refused, format)?;
    }
    let (good, errors) = (understood - refused.len(), wrong + refused.len());
    let [good, errors_told, warnings_told] =
        [(good, "good rule"), (errors, "error"), (warnings, "warning")].map(|(count, what)| counted(count, what));
    let hints_told = if hints > 0 { format!(", {}", counted(hints, "hint")) } else { String::new() };
    note(&format!("{good}, {errors_told}, {warnings_told}{hints_told}"));
    Ok(match fail_on {
        _ if errors > 0 => Outcome::Rules,
        FailOn::Warning if warnings > 0 => Outcome::FailOn,
        FailOn::Warning | FailOn::Error => Outcome::Done,
    })
}

/// What the rules cost that can be run.
fn tell_costs(loaded: &Loaded, refused: &[Refused], format: CheckFormat) -> Result<(), Failure> {
    let mut ruleset = loaded.ruleset.clone();
    silence(&mut ruleset, refused);
    let plan = Plan::compile(ruleset, Wanted::default()).map_err(Failure::rules)?;
    let priced = rules_cost::dearest(&plan, refused);
    if format == CheckFormat::Text { rules_cost::print_text(&priced) } else { rules_cost::print_json(&priced) }
}

fn text(loaded: &Loaded, refused: &[Refused]) {
    if !loaded.diagnostics.is_empty() {
        note(loaded.render(super::colour_on_stderr()).trim_end());
    }
    refused.iter().for_each(|refused| note(&format!("error: {refused}\n")));
}

fn problems<'a>(loaded: &'a Loaded, refused: &'a [Refused]) -> Vec<Problem<'a>> {
    let found = loaded.diagnostics.iter().map(|found| Problem::located(found, loaded));
    let refused = refused.iter().map(|refused| Problem {
        code: TOO_LARGE,
        severity: Severity::Error,
        message: format!("rule `{}`: {}", refused.title, refused.problem),
        hint: None,
        file: &refused.origin.file,
        start: (refused.origin.line, 1),
        end: (refused.origin.line, 1),
        related: Vec::new(),
    });
    found.chain(refused).collect()
}
