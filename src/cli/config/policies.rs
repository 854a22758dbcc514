//! `policies:` which findings are alerts, and which alerts are told.

use super::super::node::{Fields, boolean, integer, list, text, timespan, word, wrong_value};
use super::{Config, Reader};
use crate::alert::{Act, Limits, MOST_COUNTED, Policy, RULE_FIELDS};
use crate::record::maps::Tags;
use crate::record::schema;
use crate::sigma::diagnostic::{Problem, Refusal, nearest, short};
use crate::sigma::yaml::Node;
use crate::sigma::{FieldCheck, Options};
use crate::time::Span;
use std::sync::Arc;

const KEYS: [&str; 8] = ["when", "do", "by", "window", "first_only", "before", "after", "repeat"];

/// The keys that say which alerts are told.
const LIMITS: [&str; 5] = ["window", "first_only", "before", "after", "repeat"];

const WHAT: &str = "a policy";

pub(super) fn read(node: &Node<'_>, config: &Config, reader: &mut Reader<'_>) -> Vec<Policy> {
    let tags = config.maps.tags();
    let fields: Arc<dyn FieldCheck> = Arc::new(FindingFields(Arc::clone(tags)));
    let options = Options { placeholders: config.placeholders.clone(), fields: Some(fields), ..Options::default() };
    let items = reader.keep(list(node, "`policies`")).unwrap_or_default();
    let mut policies = Vec::new();
    let mut for_all = None;
    for item in items {
        let policy = policy(item, &options, tags, reader);
        if let Some(first) = for_all {
            let warning = Problem::warning("unreachable-policy", item.span, "this policy never decides");
            reader.problems.push(
                warning
                    .related(first, "this one is for every finding")
                    .hint("the first policy that is for a finding decides"),
            );
        } else if policy.as_ref().is_some_and(|policy| policy.when.is_none()) {
            for_all = Some(item.span);
        }
        policies.extend(policy);
    }
    policies
}

fn policy(node: &Node<'_>, options: &Options, tags: &Arc<Tags>, reader: &mut Reader<'_>) -> Option<Policy> {
    let fields = reader.fields(node, &KEYS, WHAT)?;
    let when = fields.get("when").map(|node| reader.when(node, options));
    let act = reader.need(&fields, "do", WHAT, |node| word(node, "act", &Act::WORDS));
    let by = reader.several(fields.get("by"), "a field", |node| field(node, tags));
    let limits = match act {
        Some(Act::Raise) => limits(&fields, reader),
        Some(act) => reader.keep(refuse_limits(&fields, act)).map(|()| Limits::none()),
        None => None,
    };
    let when = match when {
        Some(when) => Some(when?),
        None => None,
    };
    Some(Policy { when, act: act?, by: by?, limits: limits? })
}

/// Which alerts are told.
fn limits(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Limits> {
    let count = |node: &Node<'_>, what: &str| {
        integer(node, what, 1..=i64::from(MOST_COUNTED)).map(|count| u32::try_from(count).unwrap_or(MOST_COUNTED))
    };
    let mut counted = |key: &str| fields.get(key).map(|node| reader.keep(count(node, &format!("`{key}`"))));
    let (before, after) = (counted("before"), counted("after"));
    let first_only = match fields.get("first_only") {
        Some(node) => reader.keep(boolean(node, "`first_only`"))?,
        None => false,
    };
    let before = match (before, first_only) {
        (Some(_), true) => reader.keep(Err(both(fields)))?,
        (Some(before), false) => Some(before?),
        (None, first_only) => first_only.then_some(1),
    };
    let after = match after {
        Some(after) => Some(after?),
        None => None,
    };
    let counts = before.is_some() || after.is_some();
    if let Some((before, after)) = before.zip(after).filter(|(before, after)| before < after) {
        let message = format!("with `after: {after}` and `before: {before}` no alert is ever told");
        reader.keep::<()>(Err(Problem::error("wrong-value", fields.span, message)))?;
    }
    let window = match fields.get("window") {
        Some(node) if !counts => {
            let problem = wrong_value(node, "a window counts nothing without `first_only`, `before` or `after`");
            reader.keep(Err(problem.hint("for the time between two alerts that are told write `repeat`")))?
        }
        Some(node) => reader.keep(timespan(node, "the window"))?,
        None if counts => reader.or(fields, "window", Limits::none().window, |node| timespan(node, "the window"))?,
        None => Limits::none().window,
    };
    let repeat = match fields.get("repeat") {
        Some(node) => reader.keep(pause(node, "the time between alerts"))?,
        None if counts => None,
        None => {
            let repeat = Limits::default().repeat;
            repeat.inspect(|repeat| reader.fill(fields, "repeat", repeat))
        }
    };
    Some(Limits { window, before, after, repeat })
}

fn both(fields: &Fields<'_>) -> Refusal {
    let span = fields.get("first_only").map_or(fields.span, |node| node.span);
    Problem::error("wrong-value", span, "expected one of `first_only` and `before`, not both")
        .hint("`first_only: true` is `before: 1`")
}

/// A time that may be none at all, which is `0s`.
pub(super) fn pause(node: &Node<'_>, what: &str) -> Result<Option<Span>, Refusal> {
    let none = text(node, what).is_ok_and(|written| matches!(written, "0" | "0s"));
    if none { Ok(None) } else { timespan(node, what).map(Some) }
}

fn refuse_limits(fields: &Fields<'_>, act: Act) -> Result<(), Refusal> {
    let Some((key, node)) = LIMITS.iter().find_map(|key| Some((key, fields.get(key)?))) else { return Ok(()) };
    let act = Act::WORDS.iter().find(|(_, other)| *other == act).map_or("", |(word, _)| *word);
    let message = format!("`{key}` says which alerts are told, and `do: {act}` tells none");
    Err(wrong_value(node, message).hint("leave it out, or write `do: raise`"))
}

/// A field that tells findings apart.
pub(super) fn field(node: &Node<'_>, tags: &Arc<Tags>) -> Result<Arc<str>, Refusal> {
    let written = text(node, "a field")?;
    let known = FindingFields(Arc::clone(tags));
    if written == "rule.tags" {
        return Err(wrong_value(node, "a rule has many tags: they tell no findings apart").hint("such as rule.id"));
    }
    if !known.knows(written) {
        let problem = Problem::error("unknown-field", node.span, format!("no field `{}`", short(written)));
        return Err(problem.suggest(known.suggest(written).as_deref()));
    }
    Ok(written.into())
}

/// The fields of findings: those of our own records, and those of the rule. What a stored log has besides, nobody knows.
#[derive(Debug)]
struct FindingFields(Arc<Tags>);

/// How names begin that only findings and records with tags have.
const OWN: [&str; 2] = ["rule.", "tag."];

impl FieldCheck for FindingFields {
    fn knows(&self, field: &str) -> bool {
        let is_own = schema::is_own(field) || OWN.iter().any(|own| field.starts_with(own));
        !is_own || RULE_FIELDS.contains(&field) || schema::find(field).is_some() || self.0.knows(field)
    }

    fn suggest(&self, field: &str) -> Option<String> {
        let of_rule = nearest(field, RULE_FIELDS).filter(|_| field.starts_with("rule.")).map(ToOwned::to_owned);
        let of_record = || schema::suggest(field).map(ToOwned::to_owned);
        of_rule.or_else(|| self.0.suggest(field)).or_else(of_record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told, warned};
    use super::*;

    #[test]
    fn limits_are_ten_minutes_between_equal_alerts_unless_something_else_is_written() {
        let source = "policies:\n- do: raise\n- {do: raise, repeat: 0s}\n- {do: raise, repeat: 1h, after: 3}\n\
                      - {do: raise, first_only: true, window: 1d}\n- {when: {x: 1}, do: suppress, by: [rule.id, y]}\n";
        let policies = right(&folder(), source).alerting.policies;
        let none = Limits::none();
        let hour = Some(Span::from_secs(3_600));
        let day = Span::from_secs(86_400);
        let expected = [
            Limits::default(),
            none,
            Limits { after: Some(3), repeat: hour, ..none },
            Limits { before: Some(1), window: day, ..none },
            none,
        ];
        assert_eq!(policies.iter().map(|policy| policy.limits).collect::<Vec<_>>(), expected);
        let [.., last] = &policies[..] else { panic!() };
        assert_eq!((last.act, last.by.len(), last.when.is_some()), (Act::Suppress, 2, true));
    }

    #[test]
    fn what_stands_behind_a_policy_for_all_never_decides() {
        let behind = "policies:\n- {when: {rule.level: low}, do: score}\n- do: raise\n- {when: {rule.level: high}, do: group}\n\
                      - {do: suppress}\n";
        insta::assert_snapshot!(warned(&folder(), behind));
        // One that is wrong decides nothing, and one for all may be the last.
        assert_eq!(warned(&folder(), "policies: [{when: {rule.level: low}, do: score}, {do: raise}]\n"), "");
        let wrong = told(&folder(), &["policies: [{do: rise}, {when: {rule.level: high}, do: group}]"]);
        assert!(!wrong.contains("unreachable-policy"), "{wrong}");
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "policies: {do: raise}",
            "policies: [raise]",
            "policies: [{when: {rule.level: high}}]",
            "policies: [{do: rise}]",
            "policies: [{do: raise, untill: 1h}]",
            "policies: [{do: raise, by: [rule.idd]}]",
            "policies: [{do: raise, by: [rule.tags]}]",
            "policies: [{do: raise, by: []}]",
            "policies: [{do: raise, by: modbus.klient}]",
            "policies: [{do: raise, repeat: soon}]",
            "policies: [{do: raise, window: 1h}]",
            "policies: [{do: raise, after: 0}]",
            "policies: [{do: raise, after: 5, before: 2}]",
            "policies: [{do: raise, first_only: true, before: 2}]",
            "policies: [{do: score, repeat: 1h}]",
            "policies:\n- when: {rule.levl: high, modbus.functoin: 5, vendor.x: 1}\n  do: score\n",
            "policies:\n- when: {a: {rule.level: high}, condition: b}\n  do: suppress\n",
            "policies:\n- when: {rule.title|contians: scan}\n  do: group\n",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
