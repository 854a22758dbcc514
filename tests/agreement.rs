//! The compiled matcher finds what is true: on the built-in rules and a part of the public ones. All of the public
//! ones, and all of the stored events, are the example `agreement`'s: it takes minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may stop"
)]

mod common;
#[path = "../examples/agreement/proof.rs"]
pub mod proof;

use common::{builtin_configured, shared};
use proof::oracle::{Oracle, Tally};
use proof::{Synthesised, lane, lines, load, synthesise};
use sigmabus::detect::RuleIx;
use sigmabus::sigma::ir::Rule;

/// Events for every rule.
fn synthesise_all(oracle: &Oracle<'_>, rules: &[Rule], each: u32) -> Synthesised {
    let chosen: Vec<RuleIx> = (0..).map(RuleIx).take(rules.len()).collect();
    synthesise(oracle, rules, &chosen, each)
}

fn assert_agree(tally: &Tally) {
    assert_eq!(tally.disagreements, 0, "{tally}");
    assert_eq!(tally.refused, 0, "{tally}");
}

#[test]
fn every_built_in_rule_is_hit_and_just_missed() {
    let rules = builtin_configured().rules;
    let made = synthesise_all(&Oracle::new(&rules).unwrap(), &rules, 5);
    assert_agree(&made.hits);
    assert_agree(&made.near);
    assert_eq!(made.hits.rules_hit.len(), rules.len());
    assert!(made.misses > 10 * rules.len() as u64, "{} misses", made.misses);
}

#[test]
fn the_machine_agrees_with_the_truth_on_public_rules_and_events() {
    let (Some(folder), Some(events)) = (shared("sigmahq"), shared("events")) else { return };
    let rules: Vec<Rule> = load(&folder).unwrap().ruleset.rules.into_iter().step_by(25).collect();
    let oracle = Oracle::new(&rules).unwrap();
    for file in ["structured_windows.ndjson.gz", "raw_windows.ndjson.gz"] {
        let lines: Vec<String> = lines(&events.join(file)).unwrap().into_iter().step_by(500).collect();
        assert_agree(&lane(&oracle, &lines, false));
        assert_agree(&lane(&oracle, &lines, true));
    }
    let made = synthesise_all(&oracle, &rules, 1);
    assert_agree(&made.hits);
    assert_agree(&made.near);
    assert_eq!(made.without, []);
    eprintln!("{} rules; made: {}; near: {}", rules.len(), made.hits, made.near);
}
