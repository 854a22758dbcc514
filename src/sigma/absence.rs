//! What must not happen before or after the rules of a correlation: its `sigmabus: {absent: ...}`, which is ours alone.

use super::ast::{Map, Name, name, wrong_type};
use super::criteria::{Sought, When};
use super::diagnostic::{Problem, Problems, Refusal, nearest, short};
use super::ir::{Absent, Side};
use super::scalar::{self, Value};
use super::yaml::{Entry, Kind, Node};

const KEYS: [&str; 3] = ["before", "after", "once"];
const HINT: &str = "write absent: {before: RULE}, or absent: {after: RULE}";

/// The rule that must not be hit, and when.
#[derive(Debug)]
pub(super) struct Absence {
    pub(super) rule: Name,
    pub(super) absent: Absent,
}

impl Absence {
    /// Reads the `absent` of a correlation that looks for `sought`. `None` if there is none, or if something is wrong with
    /// it, which is among `problems`.
    pub(super) fn read(document: Map<'_>, sought: Option<&Sought>, problems: &mut Problems) -> Option<Self> {
        // What else the block says, and whether it is one, is read with the other metadata.
        let block = document.value("sigmabus").and_then(|node| Map::of(node, "").ok())?;
        let entry = block.entry("absent")?;
        if let Some(problem) = sought.and_then(|sought| misplaced(sought, entry)) {
            problems.push(problem);
        }
        let map = Map::of(&entry.value, "`absent`").map_err(|refusal| refusal.hint(HINT));
        let map = problems.keep(map)?;
        if let Some(problem) = map.entries.iter().find_map(unknown) {
            problems.push(problem);
            return None;
        }
        let side = problems.keep(side(map));
        let once = problems.keep(map.value("once").map_or(Ok(false), once));
        let (side, entry) = side?;
        let rule = problems.keep(rule(entry))?;
        Some(Self { rule, absent: Absent { side, once: once? } })
    }

    /// Puts the rule where it stands in the order of the others.
    pub(super) fn join(&self, rules: &mut Vec<Name>) {
        match self.absent.side {
            Side::Before => rules.insert(0, self.rule.clone()),
            Side::After => rules.push(self.rule.clone()),
        }
    }
}

/// Why a correlation that looks for `sought` cannot have it.
fn misplaced(sought: &Sought, entry: &Entry<'_>) -> Option<Refusal> {
    let problem = |message: &str| Problem::error("bad-absence", entry.key.span, message);
    match sought {
        Sought::TemporalOrdered(When::All) => None,
        Sought::TemporalOrdered(_) => {
            let hint = "with it all of `rules` must be hit: take the condition out";
            Some(problem("`absent` does not go with a `condition`").hint(hint))
        }
        _ => {
            let hint = "write another correlation of that type, whose `rules` name this one";
            Some(problem("`absent` goes with the type `temporal_ordered` only").hint(hint))
        }
    }
}

/// A key that is not known changes what is asked for.
fn unknown(entry: &Entry<'_>) -> Option<Refusal> {
    let key = &*entry.key.text;
    (!KEYS.contains(&key)).then(|| {
        let problem = Problem::error("unknown-key", entry.key.span, format!("`absent` has no `{}`", short(key)));
        match nearest(key, KEYS) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.hint(HINT),
        }
    })
}

fn side<'t>(map: Map<'t>) -> Result<(Side, &'t Entry<'t>), Refusal> {
    match (map.entry("before"), map.entry("after")) {
        (Some(entry), None) => Ok((Side::Before, entry)),
        (None, Some(entry)) => Ok((Side::After, entry)),
        (None, None) => {
            let span = map.entries.first().map_or(map.span, |entry| entry.key.span);
            Err(Problem::error("missing-field", span, "`absent` without `before` and without `after`").hint(HINT))
        }
        (Some(first), Some(second)) => {
            let problem = Problem::error("bad-absence", second.key.span, "`before` and `after` at once");
            Err(problem.related(first.key.span, "the other one").hint("write two correlations, and one over both"))
        }
    }
}

fn rule(entry: &Entry<'_>) -> Result<Name, Refusal> {
    match &entry.value.kind {
        Kind::Scalar(_) => name(&entry.value, &entry.key.text),
        _ => {
            let what = format!("`{}`", entry.key.text);
            let problem = wrong_type(&entry.value, &what, "the id or the name of one rule");
            Err(problem.hint("for any of several rules, name a correlation that counts them"))
        }
    }
}

fn once(node: &Node<'_>) -> Result<bool, Refusal> {
    match &node.kind {
        Kind::Scalar(scalar) => match scalar::resolve(scalar) {
            Value::Bool(once) => Ok(once),
            _ => Err(wrong_type(node, "`once`", "true or false")),
        },
        _ => Err(wrong_type(node, "`once`", "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{RULES, brief, meaning};
    use insta::assert_snapshot;

    /// For each `sigmabus` block of a correlation of `b`, what it means.
    fn blocks(blocks: &[&str]) -> String {
        let meaning = |block: &&str| {
            let correlation = "{type: temporal_ordered, rules: [b], timespan: 1m}";
            format!("{block}  =>  {}\n", told(&format!("correlation: {correlation}\nsigmabus: {block}\n")))
        };
        blocks.iter().map(meaning).collect()
    }

    /// What a document means behind the rules `a` and `b`.
    fn told(document: &str) -> String {
        let brief = brief(&format!("{RULES}---\ntitle: c\nname: c\n{document}"));
        brief.trim_start_matches("F = 1; modbus.function = 1").trim_start_matches("; ").to_owned()
    }

    #[test]
    fn a_rule_is_absent_before_or_after() {
        assert_snapshot!(blocks(&[
            "{absent: {before: a}}",
            "{absent: {after: a}}",
            "{absent: {after: 00000000-0000-0000-0000-00000000000a, once: true}, mask: [F]}",
            "{absent: {before: a, once: false}}",
        ]), @"
        {absent: {before: a}}  =>  rules in order >= 1 of rule 1 without rule 0 before within 1m
        {absent: {after: a}}  =>  rules in order >= 1 of rule 1 without rule 0 after within 1m
        {absent: {after: 00000000-0000-0000-0000-00000000000a, once: true}, mask: [F]}  =>  rules in order >= 1 of rule 1 without rule 0 after, once within 1m
        {absent: {before: a, once: false}}  =>  rules in order >= 1 of rule 1 without rule 0 before within 1m
        ");
    }

    #[test]
    fn what_cannot_be_absent_is_told() {
        assert_snapshot!(blocks(&[
            "{absent: a}",
            "{absent: [a]}",
            "{absent: }",
            "{absent: {}}",
            "{absent: {once: true}}",
            "{absent: {before: a, after: a}}",
            "{absent: {before: [a]}}",
            "{absent: {before: 1}}",
            "{absent: {befor: a}}",
            "{absent: {until: a}}",
            "{absent: {before: a, once: 'yes'}}",
            "{absent: {before: a, once: [true]}}",
            "{absent: {before: aa}}",
            "{absent: {before: nothing}}",
            "{absent: {before: b}}",
            "{absent: {before: c}}",
            "{absnet: {before: a}}",
        ]), @"
        {absent: a}  =>  wrong-type: `absent` must be a map, not a text AT a (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: [a]}  =>  wrong-type: `absent` must be a map, not a list AT [a] (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: }  =>  wrong-type: `absent` must be a map, not empty AT  (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: {}}  =>  missing-field: `absent` without `before` and without `after` AT {} (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: {once: true}}  =>  missing-field: `absent` without `before` and without `after` AT once (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: {before: a, after: a}}  =>  bad-absence: `before` and `after` at once AT after (write two correlations, and one over both)
        {absent: {before: [a]}}  =>  wrong-type: `before` must be the id or the name of one rule, not a list AT [a] (for any of several rules, name a correlation that counts them)
        {absent: {before: 1}}  =>  wrong-type: an entry of `before` must be a text, not a number AT 1 (write it in quotes: '1')
        {absent: {befor: a}}  =>  unknown-key: `absent` has no `befor` AT befor (did you mean `before`?)
        {absent: {until: a}}  =>  unknown-key: `absent` has no `until` AT until (write absent: {before: RULE}, or absent: {after: RULE})
        {absent: {before: a, once: 'yes'}}  =>  wrong-type: `once` must be true or false, not a text AT 'yes'
        {absent: {before: a, once: [true]}}  =>  wrong-type: `once` must be true or false, not a list AT [true]
        {absent: {before: aa}}  =>  unresolved-reference: no rule `aa` AT aa (did you mean `a`?)
        {absent: {before: nothing}}  =>  unresolved-reference: no rule `nothing` AT nothing (`rules` lists ids or names of rules that are loaded with this document)
        {absent: {before: b}}  =>  duplicate-reference: the rule `b` is listed twice AT b (in an order, each rule stands once)
        {absent: {before: c}}  =>  circular-reference: this correlation refers to itself, or to others that refer to each other in a circle AT correlation
        {absnet: {before: a}}  =>  unknown-key: `sigmabus` has no `absnet` AT absnet (did you mean `absent`?)
        ");
    }

    #[test]
    fn only_an_order_of_all_rules_can_miss_one() {
        let block = "sigmabus: {absent: {before: a}}";
        let document = |section: &str| format!("{section}  =>  {}\n", told(&format!("{section}\n{block}\n")));
        assert_snapshot!([
            "correlation: {type: temporal, rules: [b], timespan: 1m}",
            "correlation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 2}}",
            "correlation: {type: temporal_ordered, rules: [b], timespan: 1m, condition: {gte: 1}}",
            "correlation: {type: temporal_ordered, timespan: 1m, condition: b}",
            "correlation: {type: temporal_ordered, rules: [b]}",
            "correlation: {type: temporal_ordered, timespan: 1m}",
            "correlation: {type: temporal_ordered, rules: [b], timespan: 1m, group-by: x, aliases: {x: {b: src_ip}}}",
            "correlation: {type: temporal_ordered, rules: [b], timespan: 1m, group-by: x, aliases: {x: {b: src_ip, a: F}}}",
            "logsource: {product: x}\ndetection: {s: {F: 1}, condition: s}",
        ].map(document).concat(), @"
        correlation: {type: temporal, rules: [b], timespan: 1m}  =>  bad-absence: `absent` goes with the type `temporal_ordered` only AT absent (write another correlation of that type, whose `rules` name this one)
        correlation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 2}}  =>  bad-absence: `absent` goes with the type `temporal_ordered` only AT absent (write another correlation of that type, whose `rules` name this one)
        correlation: {type: temporal_ordered, rules: [b], timespan: 1m, condition: {gte: 1}}  =>  bad-absence: `absent` does not go with a `condition` AT absent (with it all of `rules` must be hit: take the condition out)
        correlation: {type: temporal_ordered, timespan: 1m, condition: b}  =>  bad-absence: `absent` does not go with a `condition` AT absent (with it all of `rules` must be hit: take the condition out)
        correlation: {type: temporal_ordered, rules: [b]}  =>  missing-field: `correlation` without `timespan` AT type (add a key `timespan`)
        correlation: {type: temporal_ordered, timespan: 1m}  =>  missing-field: `correlation` without `rules` AT type (add a key `rules`)
        correlation: {type: temporal_ordered, rules: [b], timespan: 1m, group-by: x, aliases: {x: {b: src_ip}}}  =>  bad-alias: the alias `x` has no field for this rule AT a (add `a: FIELD` to the alias)
        correlation: {type: temporal_ordered, rules: [b], timespan: 1m, group-by: x, aliases: {x: {b: src_ip, a: F}}}  =>  rules in order >= 1 of rule 1 without rule 0 before by x (F; src_ip) within 1m
        logsource: {product: x}
        detection: {s: {F: 1}, condition: s}  =>  bad-absence: a rule with `absent` AT absent (write it in a correlation that lists this rule)
        ");
    }

    #[test]
    fn a_mistake_is_drawn() {
        let text = format!(
            "{RULES}---\ntitle: c\ncorrelation:\n  type: temporal_ordered\n  rules: [b]\n  timespan: 1m\nsigmabus:\n  \
             absent:\n    before: aa\n    after: a\n"
        );
        assert_snapshot!(meaning(&text), @"
        F = 1
        modbus.function = 1
        error[bad-absence]: `before` and `after` at once
          --> rule.yml:20:5
           |
        19 |     before: aa
           |     ------ the other one
        20 |     after: a
           |     ^^^^^
           |
           = help: write two correlations, and one over both
        ");
    }
}
