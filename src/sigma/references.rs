//! Which rules do correlations mean? Names to indices, when all files are read.

use super::ast::Name;
use super::condition::Condition;
use super::correlation::{Alias, Key, Pending};
use super::criteria::{self, Sought, When};
use super::diagnostic::{Problem, Refusal, short};
use super::index::{Index, Meaning};
use super::ir::{
    Correlation, CorrelationKind, Criterion, GroupKey, LogSource, Number, Relation, Rule, RuleExpr, RuleRef, Temporal,
};
use super::limits::MAX_GROUP_KEYS;
use super::mapping::Mappings;
use super::mapping::rule::{Changes, change_correlation, follow_name};
use super::{Options, is_own};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pending correlation and the number of its file.
pub(super) struct Waiting {
    pub(super) pending: Pending,
    pub(super) file: usize,
}

/// The correlations that could be resolved, in order; what is wrong with the others, and odd about these, by file.
pub(super) fn resolve(
    waiting: Vec<Waiting>,
    rules: &[Rule],
    changes: &[Changes],
    index: &Index,
    options: &Options,
) -> (Vec<Correlation>, Vec<(usize, Refusal)>) {
    let mut refusals = Vec::new();
    let meanings: Vec<_> = waiting
        .iter()
        .map(|Waiting { pending, file }| {
            let mut resolve = |name| {
                let meaning = index.resolve(name, refusals.len());
                meaning.map_err(|refusal| refusals.push((*file, refusal))).ok()
            };
            // All are resolved even after one could not be, so that all that is wrong is told at once.
            let resolved: Vec<_> = pending.rules.iter().map(&mut resolve).collect();
            resolved.into_iter().collect::<Option<Vec<_>>>()
        })
        .collect();
    let order = order(&waiting, &meanings, &mut refusals);
    let mut lowered: Vec<Option<Correlation>> = Vec::new();
    lowered.resize_with(waiting.len(), || None);
    let mut covered = vec![Vec::new(); waiting.len()];
    // Final indices leave the refused ones out, so they are known only after all are lowered: until then a
    // `RuleRef::Correlation` holds the index among the waiting.
    for at in order {
        let (Some(Waiting { pending, file }), Some(Some(meanings))) = (waiting.get(at), meanings.get(at)) else {
            continue;
        };
        let broken = pending.rules.iter().zip(meanings).find(|(_, meaning)| {
            matches!(meaning, Meaning::Correlation(inner) if !matches!(lowered.get(*inner), Some(Some(_))))
        });
        let correlation = match broken {
            Some((name, _)) => {
                let message = format!("the correlation `{}` has an error", short(&name.text));
                Err(Problem::error("unresolved-reference", name.span, message))
            }
            None => {
                let of_rules = covers(meanings, rules, &covered, &options.mappings);
                let made = change_correlation(&options.mappings, &of_rules, &pending.meta.tags, pending.span);
                covered.iter_mut().skip(at).take(1).for_each(|slot| slot.clone_from(&of_rules));
                let mut warnings = Vec::new();
                let correlation = made.and_then(|made| {
                    let lookup = Lookup { rules, changes, made: &made, index, options, told: refusals.len() };
                    let listed = Listed::of(pending, meanings, &mut warnings)?;
                    lookup.correlation(pending, &listed)
                });
                refusals.extend(warnings.into_iter().map(|warning| (*file, warning)));
                correlation
            }
        };
        match (correlation, lowered.get_mut(at)) {
            (Ok(correlation), Some(slot)) => *slot = Some(correlation),
            (Err(refusal), _) => refusals.push((*file, refusal)),
            (Ok(_), None) => {}
        }
    }
    (renumber(lowered), refusals)
}

/// The correlations so that each comes after those it refers to; those that wait for each other are refused.
fn order(waiting: &[Waiting], meanings: &[Option<Vec<Meaning>>], refusals: &mut Vec<(usize, Refusal)>) -> Vec<usize> {
    let inner = |at: usize| {
        let all = meanings.get(at).and_then(Option::as_ref).into_iter().flatten();
        all.filter_map(|meaning| match meaning {
            Meaning::Correlation(inner) => Some(*inner),
            _ => None,
        })
    };
    let mut outer = vec![Vec::new(); waiting.len()];
    let mut missing = vec![0_usize; waiting.len()];
    for (at, missing) in missing.iter_mut().enumerate() {
        for inner in inner(at) {
            *missing += 1;
            outer.iter_mut().skip(inner).take(1).for_each(|list: &mut Vec<usize>| list.push(at));
        }
    }
    let mut order: Vec<usize> = (0..waiting.len()).filter(|at| missing.get(*at) == Some(&0)).collect();
    let mut next = 0;
    while let Some(done) = order.get(next).copied() {
        next += 1;
        for at in outer.get(done).into_iter().flatten() {
            if let Some(left) = missing.get_mut(*at) {
                *left -= 1;
                if *left == 0 {
                    order.push(*at);
                }
            }
        }
    }
    for (Waiting { pending, file }, missing) in waiting.iter().zip(&missing) {
        if *missing > 0 {
            let message = "this correlation refers to itself, or to others that refer to each other in a circle";
            refusals.push((*file, Problem::error("circular-reference", pending.span, message)));
        }
    }
    order
}

/// Of each log source that mappings ask for, whether a rule behind `meanings` is for it. `known` says it of the
/// correlations among them.
fn covers(meanings: &[Meaning], rules: &[Rule], known: &[Vec<bool>], mappings: &Mappings) -> Vec<bool> {
    let covers = |(number, source): (usize, &LogSource)| {
        meanings.iter().any(|meaning| match meaning {
            Meaning::Rule(rule) => rules.get(*rule).is_some_and(|rule| source.covers(&rule.source)),
            Meaning::Correlation(inner) => known.get(*inner).and_then(|known| known.get(number)) == Some(&true),
            Meaning::Broken | Meaning::Several => false,
        })
    };
    mappings.sources().iter().enumerate().map(covers).collect()
}

/// What the references of one correlation are resolved with.
struct Lookup<'a> {
    rules: &'a [Rule],
    /// What mappings did with each rule.
    changes: &'a [Changes],
    /// Of each step of the mappings whether it is made for this correlation.
    made: &'a [bool],
    index: &'a Index,
    options: &'a Options,
    /// How many problems were told before.
    told: usize,
}

/// The rules that a correlation lists, each once, with their places in [`Correlation::rules`].
struct Listed<'p> {
    rules: Vec<(&'p Name, Meaning)>,
    places: BTreeMap<Meaning, usize>,
}

impl<'p> Listed<'p> {
    fn of(pending: &'p Pending, meanings: &[Meaning], warnings: &mut Vec<Refusal>) -> Result<Self, Refusal> {
        let mut listed = Self { rules: Vec::with_capacity(meanings.len()), places: BTreeMap::new() };
        for (name, meaning) in pending.rules.iter().zip(meanings) {
            let Some((first, _)) = listed.places.get(meaning).and_then(|place| listed.rules.get(*place)) else {
                listed.places.insert(*meaning, listed.rules.len());
                listed.rules.push((name, *meaning));
                continue;
            };
            let twice = |problem: Refusal| problem.label("again here").related(first.span, "first here");
            let message = format!("the rule `{}` is listed twice", short(&name.text));
            if matches!(pending.sought, Sought::TemporalOrdered(_)) {
                let problem = Problem::error("duplicate-reference", name.span, message);
                return Err(twice(problem).hint("in an order, each rule stands once"));
            }
            warnings.push(twice(Problem::warning("duplicate-reference", name.span, message)).hint("it counts once"));
        }
        Ok(listed)
    }
}

impl Lookup<'_> {
    fn correlation(&self, pending: &Pending, listed: &Listed<'_>) -> Result<Correlation, Refusal> {
        let refer = |(_, meaning): &(&Name, Meaning)| match meaning {
            Meaning::Rule(rule) => Some(RuleRef::Rule(*rule)),
            Meaning::Correlation(inner) => Some(RuleRef::Correlation(*inner)),
            Meaning::Broken | Meaning::Several => None,
        };
        let mut fields = pending.fields.iter().map(|key| self.only_key(key, listed)).collect::<Result<Vec<_>, _>>()?;
        let mut group_by = Vec::with_capacity(pending.group_by.len());
        for key in &pending.group_by {
            group_by.extend(self.keys(key, listed)?);
            if group_by.len() > MAX_GROUP_KEYS {
                let message = format!("more than {MAX_GROUP_KEYS} fields in one `group-by`");
                return Err(Problem::error("too-large", key.name.span, message).hint("mappings have made more of them"));
            }
        }
        let wanted = listed.rules.len() - usize::from(pending.absent.is_some());
        let kind = match &pending.sought {
            Sought::EventCount(criteria) => CorrelationKind::EventCount(criteria.clone()),
            Sought::ValueCount(_, criteria) => CorrelationKind::ValueCount { fields, criteria: criteria.clone() },
            Sought::Metric(metric, name, criteria) => CorrelationKind::Metric {
                metric: *metric,
                field: fields.pop().unwrap_or_else(|| GroupKey { name: Arc::clone(&name.text), fields: Vec::new() }),
                criteria: criteria.clone(),
            },
            Sought::Temporal(when) => CorrelationKind::Temporal(self.temporal(when, wanted, listed)?),
            Sought::TemporalOrdered(when) => CorrelationKind::TemporalOrdered(self.temporal(when, wanted, listed)?),
        };
        Ok(Correlation {
            meta: pending.meta.clone(),
            kind,
            rules: listed.rules.iter().filter_map(refer).collect(),
            group_by,
            timespan: pending.timespan,
            generate: pending.generate,
            absent: pending.absent,
        })
    }

    /// When a correlation of which so many rules must be hit is true.
    fn temporal(&self, when: &When, count: usize, listed: &Listed<'_>) -> Result<Temporal, Refusal> {
        match when {
            When::All => {
                let all = Criterion { relation: Relation::Gte, value: Number::Int(count as i128) };
                Ok(Temporal::Count(vec![all]))
            }
            When::Count(criteria, span) => {
                let counts: Vec<_> = (0..=count).map(|count| Number::Int(count as i128)).collect();
                if criteria::can_hold(criteria, &counts) {
                    Ok(Temporal::Count(criteria.clone()))
                } else {
                    let rules = if count == 1 { "rule" } else { "rules" };
                    Err(criteria::never_true(*span).hint(format!("it counts {count} {rules}")))
                }
            }
            When::Expr(condition, mentions) => self.mentioned(mentions, listed).map(|places| {
                let place = |mention: usize| places.get(mention).copied().unwrap_or(0);
                Temporal::Expr(expression(condition, &place))
            }),
        }
    }

    /// The places of the rules that a condition names. They must be those that are listed: a rule that is only in one
    /// of the two was forgotten in the other.
    fn mentioned(&self, mentions: &[Name], listed: &Listed<'_>) -> Result<Vec<usize>, Refusal> {
        let mut places = Vec::with_capacity(mentions.len());
        for name in mentions {
            let meaning = self.index.resolve(name, self.told)?;
            places.push(*listed.places.get(&meaning).ok_or_else(|| {
                let message = format!("`rules` does not list the rule `{}`", short(&name.text));
                Problem::error("bad-condition", name.span, message).hint("add it to `rules`, or leave out `rules`")
            })?);
        }
        let mentioned: BTreeSet<usize> = places.iter().copied().collect();
        match listed.rules.iter().enumerate().find(|(place, _)| !mentioned.contains(place)) {
            Some((_, (name, _))) => {
                let message = format!("the condition does not name the rule `{}`", short(&name.text));
                Err(Problem::error("bad-condition", name.span, message).hint("take it out of `rules`"))
            }
            None => Ok(places),
        }
    }

    /// The field to read for each rule, where mappings make one of it.
    fn only_key(&self, key: &Key, listed: &Listed<'_>) -> Result<GroupKey, Refusal> {
        let mut keys = self.keys(key, listed)?;
        match (keys.pop(), keys.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(several(&key.name)),
        }
    }

    /// The fields to read for each rule: several where mappings make several of a name, all of which are grouped by.
    fn keys(&self, key: &Key, listed: &Listed<'_>) -> Result<Vec<GroupKey>, Refusal> {
        let Some(aliases) = &key.alias else {
            let names = self.mapped(&key.name)?;
            for (_, meaning) in &listed.rules {
                names.iter().try_for_each(|name| self.check(&key.name, name, *meaning))?;
            }
            let of_all = |name: Arc<str>| GroupKey { fields: vec![Arc::clone(&name); listed.rules.len()], name };
            return Ok(names.into_iter().map(of_all).collect());
        };
        let meaning = |alias: &Alias| Some((self.index.get(&alias.rule.text)?, alias.field.clone()));
        let aliases = aliases.iter().filter_map(meaning).collect::<BTreeMap<_, _>>();
        let mut fields = Vec::with_capacity(listed.rules.len());
        for (name, meaning) in &listed.rules {
            let field = aliases.get(meaning).ok_or_else(|| {
                let message = format!("the alias `{}` has no field for this rule", short(&key.name.text));
                Problem::error("bad-alias", name.span, message)
                    .related(key.name.span, "used here")
                    .hint(format!("add `{}: FIELD` to the alias", short(&name.text)))
            })?;
            let mut mapped = self.mapped(field)?;
            match (mapped.pop(), mapped.is_empty()) {
                (Some(only), true) => {
                    self.check(field, &only, *meaning)?;
                    fields.push(only);
                }
                _ => return Err(several(field)),
            }
        }
        Ok(vec![GroupKey { name: Arc::clone(&key.name.text), fields }])
    }

    fn mapped(&self, field: &Name) -> Result<Vec<Arc<str>>, Refusal> {
        follow_name(&self.options.mappings, self.made, &field.text, field.span)
    }

    /// Refuses a field that our own records do not have: `field` as written, which mappings have made `mapped`.
    fn check(&self, field: &Name, mapped: &str, meaning: Meaning) -> Result<(), Refusal> {
        let Meaning::Rule(rule) = meaning else { return Ok(()) };
        let is_own = self.rules.get(rule).is_some_and(|rule| is_own(&rule.source));
        let was_own = self.changes.get(rule).is_some_and(|changes| changes.was_own);
        match (is_own, was_own) {
            (true, _) => self.options.check_field(mapped, field.span),
            (false, true) => self.options.check_field(&field.text, field.span),
            (false, false) => Ok(()),
        }
    }
}

fn several(name: &Name) -> Refusal {
    let message = format!("mappings make several fields of `{}`, and only one can stand here", short(&name.text));
    Problem::error("mapping", name.span, message)
}

/// The condition over the places of [`Correlation::rules`] instead of the order in which it names them.
fn expression(condition: &Condition, place: &impl Fn(usize) -> usize) -> RuleExpr {
    let each = |parts: &[Condition]| parts.iter().map(|part| expression(part, place)).collect();
    match condition {
        Condition::Any(parts) => RuleExpr::Any(each(parts)),
        Condition::All(parts) => RuleExpr::All(each(parts)),
        Condition::Not(inner) => RuleExpr::Not(Box::new(expression(inner, place))),
        Condition::Named(mention) => RuleExpr::Seen(place(*mention)),
    }
}

/// Takes the refused ones out and lets references point at what remains.
fn renumber(lowered: Vec<Option<Correlation>>) -> Vec<Correlation> {
    let mut remaining = 0;
    let numbers: Vec<usize> = lowered
        .iter()
        .map(|correlation| {
            let number = remaining;
            remaining += usize::from(correlation.is_some());
            number
        })
        .collect();
    let mut correlations: Vec<Correlation> = lowered.into_iter().flatten().collect();
    for reference in correlations.iter_mut().flat_map(|correlation| &mut correlation.rules) {
        if let RuleRef::Correlation(inner) = reference {
            *inner = numbers.get(*inner).copied().unwrap_or(*inner);
        }
    }
    correlations
}

#[cfg(test)]
mod tests {
    use crate::sigma::ir::{Correlation, CorrelationKind, Criterion, Number, Relation, RuleRef};
    use crate::sigma::testing::{RULES, brief, correlations as meanings, load_text, meaning, options};
    use crate::sigma::{Loaded, SourceText, load};
    use crate::time::Span;
    use insta::assert_snapshot;

    /// The rules `a` and `b`, and correlations with these sections.
    fn correlations(sections: &[&str]) -> Loaded {
        load_text(&documents(sections))
    }

    fn documents(sections: &[&str]) -> String {
        let document = |(at, section): (usize, &&str)| {
            format!(
                "---\ntitle: c{at}\nname: c{at}\ncorrelation:\n  type: event_count\n  {}\n",
                section.replace('\n', "\n  ")
            )
        };
        let documents: String = sections.iter().enumerate().map(document).collect();
        format!("{RULES}{documents}")
    }

    fn only(section: &str) -> Correlation {
        let mut loaded = correlations(&[section]);
        assert_eq!(loaded.render(false), "");
        loaded.ruleset.correlations.remove(0)
    }

    #[test]
    fn an_event_count_is_lowered_whole() {
        let correlation = only(
            "rules: [b, 00000000-0000-0000-0000-00000000000a]\ntimespan: 10m\ngroup-by: [src_ip, peer]\n\
             aliases: {peer: {a: Host, b: modbus.function}}\ncondition: {gte: 5, lt: 10}\ngenerate: true",
        );
        assert_eq!(correlation.rules, [RuleRef::Rule(1), RuleRef::Rule(0)]);
        assert_eq!((correlation.timespan, correlation.generate), (Span::from_secs(600), true));
        let keys: Vec<_> =
            correlation.group_by.iter().map(|key| format!("{} = {}", key.name, key.fields.join(", "))).collect();
        assert_eq!(keys, ["src_ip = src_ip, src_ip", "peer = modbus.function, Host"]);
        let bound = |relation, count| Criterion { relation, value: Number::Int(count) };
        let bounds = vec![bound(Relation::Gte, 5), bound(Relation::Lt, 10)];
        assert_eq!(correlation.kind, CorrelationKind::EventCount(bounds));
        assert_eq!(&*correlation.meta.title, "c0");
    }

    #[test]
    fn scalars_stand_for_lists_and_the_rest_may_be_left_out() {
        let correlation = only("rules: a\ntimespan: 1M\ngroup-by: Host\ncondition: {eq: 0}");
        assert_eq!((correlation.rules.len(), correlation.group_by.len(), correlation.generate), (1, 1, false));
        assert_eq!(correlation.timespan, Span::from_secs(2_629_746));
        assert!(only("rules: a\ntimespan: 1s\ncondition: {neq: 1}").group_by.is_empty());
    }

    #[test]
    fn rules_may_stand_in_other_files_and_behind() {
        let correlation = "title: c\ncorrelation: {type: event_count, rules: [b], timespan: 1s, condition: {gt: 1}}\n";
        let sources = [SourceText::new("c.yml", correlation.as_bytes()), SourceText::new("r.yml", RULES.as_bytes())];
        let loaded = load(sources, &options());
        assert_eq!(loaded.render(false), "");
        assert_eq!(loaded.ruleset.correlations[0].rules, [RuleRef::Rule(1)]);
    }

    #[test]
    fn correlations_of_correlations_point_at_what_remains() {
        let rest = "timespan: 1s\ncondition: {gt: 1}";
        let section = |rules: &str| format!("rules: [{rules}]\n{rest}");
        let sections =
            [section("c3"), section("nothing"), section("c1"), section("a"), section("c4, c0"), section("c2")];
        let loaded = correlations(&sections.each_ref().map(|section| &**section));
        let titles: Vec<_> = loaded.ruleset.correlations.iter().map(|one| &*one.meta.title).collect();
        assert_eq!(titles, ["c0", "c3"]);
        assert_eq!(loaded.ruleset.correlations[0].rules, [RuleRef::Correlation(1)]);
        let told: Vec<_> = loaded.diagnostics.iter().map(|one| format!("{}: {}", one.code, one.message)).collect();
        assert_eq!(
            told,
            [
                "unresolved-reference: no rule `nothing`",
                "unresolved-reference: the correlation `c1` has an error",
                "circular-reference: this correlation refers to itself, or to others that refer to each other in a circle",
                "unresolved-reference: the correlation `c2` has an error",
            ]
        );
    }

    #[test]
    fn aliases_are_resolved_for_each_rule() {
        assert_snapshot!(meanings(&[
            "type: value_count, rules: [a, b], aliases: {x: {b: src_ip, a: F}}, condition: {field: [x, src_ip], gt: 1}",
            "type: value_sum, rules: [a, b], aliases: {x: {b: src_ip, a: F}}, condition: {field: x, gt: 1}, group-by: x",
            "type: value_sum, rules: [a, b], aliases: {x: {a: F}}, condition: {field: x, gt: 1}",
            "type: value_sum, rules: [b], aliases: {x: {b: src_pi}}, condition: {field: x, gt: 1}",
            "type: value_sum, rules: [b], condition: {field: src_pi, gt: 1}",
            "type: temporal, rules: [b], aliases: {x: {b: src_ip}, y: src_ip}",
            "type: temporal, rules: [b], aliases: [x]",
            "type: temporal, rules: [b], aliases: {x: {b: 1}}",
        ]), @r"
        type: value_count, rules: [a, b], aliases: {x: {b: src_ip, a: F}}, condition: {field: [x, src_ip], gt: 1}  =>  values of x (F; src_ip), src_ip > 1 of rule 0, rule 1 within 1m
        type: value_sum, rules: [a, b], aliases: {x: {b: src_ip, a: F}}, condition: {field: x, gt: 1}, group-by: x  =>  sum of x (F; src_ip) > 1 of rule 0, rule 1 by x (F; src_ip) within 1m
        type: value_sum, rules: [a, b], aliases: {x: {a: F}}, condition: {field: x, gt: 1}  =>  bad-alias: the alias `x` has no field for this rule AT b (add `b: FIELD` to the alias)
        type: value_sum, rules: [b], aliases: {x: {b: src_pi}}, condition: {field: x, gt: 1}  =>  unknown-field: no field `src_pi` AT src_pi
        type: value_sum, rules: [b], condition: {field: src_pi, gt: 1}  =>  unknown-field: no field `src_pi` AT src_pi
        type: temporal, rules: [b], aliases: {x: {b: src_ip}, y: src_ip}  =>  wrong-type: an alias must be a map, not a text AT src_ip (write the field of each rule: {RULE: FIELD})
        type: temporal, rules: [b], aliases: [x]  =>  wrong-type: `aliases` must be a map, not a list AT [x]
        type: temporal, rules: [b], aliases: {x: {b: 1}}  =>  wrong-type: an entry of `aliases` must be a text, not a number AT 1 (write it in quotes: '1')
        ");
    }

    #[test]
    fn each_rule_is_listed_once() {
        assert_snapshot!(meanings(&[
            "type: temporal, rules: [a, b, 00000000-0000-0000-0000-00000000000a], group-by: src_ip",
            "type: temporal_ordered, rules: [a, b, a]",
        ]), @r"
        type: temporal, rules: [a, b, 00000000-0000-0000-0000-00000000000a], group-by: src_ip  =>  rules >= 2 of rule 0, rule 1 by src_ip within 1m; duplicate-reference: the rule `00000000-0000-0000-0000-00000000000a` is listed twice AT 00000000-0000-0000-0000-00000000000a (it counts once)
        type: temporal_ordered, rules: [a, b, a]  =>  duplicate-reference: the rule `a` is listed twice AT a (in an order, each rule stands once)
        ");
        assert_snapshot!(meaning(&format!("{RULES}---\ntitle: c\ncorrelation:\n  type: temporal_ordered\n  rules: [a, b, a]\n  timespan: 1m\n")), @r"
        F = 1
        modbus.function = 1
        error[duplicate-reference]: the rule `a` is listed twice
          --> rule.yml:15:17
           |
        15 |   rules: [a, b, a]
           |           -     ^ again here
           |           |
           |           first here
           |
           = help: in an order, each rule stands once
        ");
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let section = |at: usize| format!("rules: [c{}]\ntimespan: 1s\ncondition: {{gt: 1}}", at + 1);
        let mut sections: Vec<_> = (0..2_000).map(section).collect();
        sections.push("rules: [a]\ntimespan: 1s\ncondition: {gt: 1}".to_owned());
        let loaded = correlations(&sections.iter().map(|section| &**section).collect::<Vec<_>>());
        assert_eq!(loaded.ruleset.correlations.len(), 2_001);
    }

    #[test]
    fn what_cannot_be_lowered_is_told() {
        let wrong = [
            "timespan: 1s\ncondition: {gt: 1}",
            "rules: []\ntimespan: 1s\ncondition: {gt: 1}",
            "rules: [1]\ntimespan: 1s\ncondition: {gt: 1}",
            "rules: [aa]\ntimespan: 1s\ncondition: {gt: 1}",
            "rules: [a]\ncondition: {gt: 1}",
            "rules: [a]\ntimeframe: 1s\ncondition: {gt: 1}",
            "rules: [a]\ntimespan: 10\ncondition: {gt: 1}",
            "rules: [a]\ntimespan: 0s\ncondition: {gt: 1}",
            "rules: [a]\ntimespan: 1s",
            "rules: [a]\ntimespan: 1s\ncondition: {}",
            "rules: [a]\ntimespan: 1s\ncondition: a and b",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1.5}",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: -1}",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1, field: F}",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1}\ngenerate: 'yes'",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1}\ngroup-by: {a: b}",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1}\ngroup_by: [F]",
            "rules: [a]\ntimespan: 1s\ncondition: {gt: 1}\naliases: {x: {a: F}}",
            "rules: [a, b]\ntimespan: 1s\ncondition: {gt: 1}\ngroup-by: [x]\naliases: {x: {a: F}}",
            "rules: [b]\ntimespan: 1s\ncondition: {gt: 1}\ngroup-by: [modbus.fun]",
        ];
        let told = |section: &&str| {
            format!(
                "{}\n",
                brief(&documents(&[section])).split_once("; ").unwrap().1.split_once("; ").map_or("", |(_, rest)| rest)
            )
        };
        assert_snapshot!(wrong.iter().map(told).collect::<String>(), @r"
        missing-field: `correlation` without `rules` AT type (add a key `rules`)
        wrong-type: an empty list of rules AT []
        wrong-type: an entry of `rules` must be a text, not a number AT 1 (write it in quotes: '1')
        unresolved-reference: no rule `aa` AT aa (did you mean `a`?)
        missing-field: `correlation` without `timespan` AT type (add a key `timespan`)
        missing-field: `correlation` without `timespan` AT type (add a key `timespan`); unknown-key: `correlation` has no `timeframe` AT timeframe
        bad-timespan: `10` is not a timespan AT 10 (write a number and one of the units s, m, h, d, w, M (month), y: 10m)
        bad-timespan: `0s` is not a timespan AT 0s (write a number and one of the units s, m, h, d, w, M (month), y: 10m)
        missing-field: an `event_count` without `condition` AT type (write, for example, condition: {gte: 5})
        missing-field: a condition that compares with nothing AT {} (write, for example, condition: {gte: 5})
        wrong-type: the condition of an `event_count` must be a map, not a text AT a and b (write, for example, condition: {gte: 5})
        wrong-type: `gt` must be a whole number of 0 or more, not 1.5 AT 1.5
        wrong-type: `gt` must be a whole number of 0 or more, not -1 AT -1
        unknown-key: the condition of an `event_count` has no `field` AT field (it has gte, gt, lte, lt, eq, neq)
        wrong-type: `generate` must be true or false, not a text AT 'yes'
        wrong-type: an entry of `group-by` must be a text, not a map AT {a: b}
        unknown-key: `correlation` has no `group_by` AT group_by (did you mean `group-by`?)
        events > 1 of rule 0 within 1s; unused-alias: nothing names the alias `x` AT x (name it in `group-by`)
        bad-alias: the alias `x` has no field for this rule AT b (add `b: FIELD` to the alias)
        unknown-field: no field `modbus.fun` AT modbus.fun (did you mean `modbus.function`?)
        ");
    }

    #[test]
    fn a_name_that_is_not_one_rule_cannot_be_referred_to() {
        let correlation =
            "---\ntitle: c\ncorrelation: {type: event_count, rules: [b], timespan: 1s, condition: {gt: 1}}\n";
        assert_snapshot!(brief(&format!("{RULES}---\n{RULES}{correlation}")), @"F = 1; modbus.function = 1; F = 1; modbus.function = 1; duplicate-name: another rule has the id `00000000-0000-0000-0000-00000000000a` AT title (correlations cannot refer to either of them); duplicate-name: another rule has the name `a` AT title (correlations cannot refer to either of them); duplicate-name: another rule has the name `b` AT title (correlations cannot refer to either of them); unresolved-reference: more than one rule is called `b` AT b");
        let broken = RULES.replace("modbus.function", "modbus.f");
        assert_snapshot!(brief(&format!("{broken}{correlation}")), @"F = 1; unknown-field: no field `modbus.f` AT modbus.f (did you mean `modbus.function`?); unresolved-reference: the rule `b` has an error AT b");
    }
}
