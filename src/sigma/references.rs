//! Which rules do correlations mean? Names to indices, when all files are read.

use super::correlation::{Key, Name, Pending};
use super::diagnostic::{Problem, Refusal, nearest, short};
use super::ir::{Correlation, GroupKey, Rule, RuleRef};
use super::limits::MAX_PROBLEMS;
use super::{OWN_PRODUCT, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an id or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Rule(usize),
    /// Index into the pending correlations.
    Correlation(usize),
    /// A rule with an error.
    Broken,
    /// More than one rule.
    Several,
}

/// The ids and names of all documents.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Sorted: no choice of names is slow to look up, and suggestions are the same in every run.
    meanings: BTreeMap<Arc<str>, Meaning>,
}

impl Index {
    /// Notes an id or name of the rule at `index`. False if it was taken.
    pub(super) fn add_rule(&mut self, name: &Arc<str>, index: usize) -> bool {
        self.add(name, Meaning::Rule(index))
    }

    /// Notes an id or name of the pending correlation at `index`. False if it was taken.
    pub(super) fn add_correlation(&mut self, name: &Arc<str>, index: usize) -> bool {
        self.add(name, Meaning::Correlation(index))
    }

    /// Notes an id or name of a rule that was left out. A good rule of the same name comes first.
    pub(super) fn add_broken(&mut self, name: &Arc<str>) {
        self.meanings.entry(Arc::clone(name)).or_insert(Meaning::Broken);
    }

    fn add(&mut self, name: &Arc<str>, meaning: Meaning) -> bool {
        match self.meanings.insert(Arc::clone(name), meaning) {
            None | Some(Meaning::Broken) => true,
            // A rule may have the same text as id and name.
            Some(known) if known == meaning => true,
            Some(_) => {
                self.meanings.insert(Arc::clone(name), Meaning::Several);
                false
            }
        }
    }

    /// What `name` stands for. After `told` problems a suggestion for one more helps nobody and costs time.
    fn resolve(&self, name: &Name, told: usize) -> Result<Meaning, Refusal> {
        let text = short(&name.text);
        let error = |message| Err(Problem::error("unresolved-reference", name.span, message));
        match self.meanings.get(&name.text) {
            Some(Meaning::Broken) => error(format!("the rule `{text}` has an error")),
            Some(Meaning::Several) => error(format!("more than one rule is called `{text}`")),
            Some(meaning) => Ok(*meaning),
            None => {
                let names = self.meanings.keys().map(|name| &**name);
                let near = if told < MAX_PROBLEMS { nearest(&name.text, names) } else { None };
                let problem = Problem::error("unresolved-reference", name.span, format!("no rule `{text}`"));
                Err(match near {
                    Some(_) => problem.suggest(near),
                    None => problem.hint("`rules` lists ids or names of rules that are loaded together with this one"),
                })
            }
        }
    }
}

/// A pending correlation and the number of its file.
pub(super) struct Waiting {
    pub(super) pending: Pending,
    pub(super) file: usize,
}

/// The correlations that could be resolved, in order; for each of the others, why not and in which file.
pub(super) fn resolve(
    waiting: Vec<Waiting>,
    rules: &[Rule],
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
            None => correlation(pending, meanings, rules, index, options),
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

fn correlation(
    pending: &Pending,
    meanings: &[Meaning],
    rules: &[Rule],
    index: &Index,
    options: &Options,
) -> Result<Correlation, Refusal> {
    let refer = |meaning: &Meaning| match meaning {
        Meaning::Rule(rule) => Some(RuleRef::Rule(*rule)),
        Meaning::Correlation(inner) => Some(RuleRef::Correlation(*inner)),
        Meaning::Broken | Meaning::Several => None,
    };
    let group_by = pending
        .group_by
        .iter()
        .map(|key| group_key(key, &pending.rules, meanings, rules, index, options))
        .collect::<Result<_, _>>()?;
    Ok(Correlation {
        meta: pending.meta.clone(),
        kind: pending.kind.clone(),
        rules: meanings.iter().filter_map(refer).collect(),
        group_by,
        timespan: pending.timespan,
        generate: pending.generate,
    })
}

/// The field that each rule is grouped by.
fn group_key(
    key: &Key,
    names: &[Name],
    meanings: &[Meaning],
    rules: &[Rule],
    index: &Index,
    options: &Options,
) -> Result<GroupKey, Refusal> {
    let mut fields = Vec::with_capacity(meanings.len());
    for (name, meaning) in names.iter().zip(meanings) {
        let field = match &key.alias {
            None => &key.name,
            Some(aliases) => {
                let own = aliases.iter().find(|alias| index.meanings.get(&alias.rule.text) == Some(meaning));
                match own {
                    Some(alias) => &alias.field,
                    None => {
                        let message = format!("the alias `{}` has no field for this rule", short(&key.name.text));
                        return Err(Problem::error("bad-alias", name.span, message)
                            .related(key.name.span, "used here")
                            .hint(format!("add `{}: FIELD` to the alias", short(&name.text))));
                    }
                }
            }
        };
        let own = matches!(meaning, Meaning::Rule(rule) if rules.get(*rule).is_some_and(is_own));
        if own {
            options.check_field(&field.text, field.span)?;
        }
        fields.push(Arc::clone(&field.text));
    }
    Ok(GroupKey { name: Arc::clone(&key.name.text), fields })
}

fn is_own(rule: &Rule) -> bool {
    rule.source.product.as_deref() == Some(OWN_PRODUCT)
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
    use crate::sigma::testing::{brief, load_text, meaning, options};
    use crate::sigma::{Loaded, SourceText, load};
    use crate::time::Span;
    use insta::assert_snapshot;

    const RULES: &str = "title: a\nid: 00000000-0000-0000-0000-00000000000a\nname: a\nlogsource: {product: x}\n\
        detection: {s: {F: 1}, condition: s}\n---\n\
        title: b\nname: b\nlogsource: {product: modbus}\ndetection: {s: {modbus.function: 1}, condition: s}\n";

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
        missing-field: `correlation` without `rules` AT type
        wrong-type: an empty list of rules AT []
        wrong-type: an entry of `rules` must be a text, not a number AT 1 (write it in quotes: '1')
        unresolved-reference: no rule `aa` AT aa (did you mean `a`?)
        missing-field: `correlation` without `timespan` AT type
        missing-field: `correlation` without `timespan` AT type; unknown-key: `correlation` has no `timeframe` AT timeframe
        bad-timespan: `10` is not a timespan AT 10 (write a number and one of the units s, m, h, d, w, M (month), y: 10m)
        bad-timespan: `0s` is not a timespan AT 0s (write a number and one of the units s, m, h, d, w, M (month), y: 10m)
        missing-field: an `event_count` without `condition` AT type (write the least number of events: condition: {gte: 5})
        wrong-type: an empty condition AT {} (write, for example, {gte: 5})
        wrong-type: the condition of an `event_count` must be a map, not a text AT a and b
        wrong-type: `gt` must be a count of 0 or more, not a number AT 1.5
        wrong-type: `gt` must be a count of 0 or more, not a number AT -1
        unknown-key: the condition of an `event_count` has no `field` AT field (it has gt, gte, lt, lte, eq and neq)
        wrong-type: `generate` must be true or false, not a text AT 'yes'
        wrong-type: an entry of `group-by` must be a text, not a map AT {a: b}
        unknown-key: `correlation` has no `group_by` AT group_by (did you mean `group-by`?)
        unused-alias: no `group-by` names the alias `x` AT {x: {a: F}}
        bad-alias: the alias `x` has no field for this rule AT b (add `b: FIELD` to the alias)
        unknown-field: no field `modbus.fun` AT modbus.fun (did you mean `modbus.function`?)
        ");
    }

    #[test]
    fn what_is_not_supported_yet_is_told() {
        let correlation = "title: c\ncorrelation:\n  type: temporal\n  rules: [a, b]\n  timespan: 5m\n";
        assert_snapshot!(meaning(correlation), @r"
        error[unsupported-correlation]: correlations of type `temporal` are not supported yet
         --> rule.yml:3:9
          |
        3 |   type: temporal
          |         ^^^^^^^^
          |
          = help: supported is `event_count`
        ");
        assert_snapshot!(brief("title: c\ncorrelation: {type: event_cuont}"), @"unknown-correlation: no correlation type `event_cuont` AT event_cuont (did you mean `event_count`?)");
        assert_snapshot!(brief("title: c\ncorrelation: {rules: [a]}"), @"missing-field: `correlation` without `type` AT rules");
        assert_snapshot!(brief("title: f\nlogsource: {product: x}\nfilter: {rules: [a], s: {F: 1}, condition: not s}"), @"unsupported-filter: filters are not supported yet AT filter (exclude events with `and not` in the conditions of the rules)");
        assert_snapshot!(brief(&format!("action: global\nlevel: low\n---\n{RULES}")), @"unsupported-action: collections with `action` are not supported yet AT action (write each rule out; this document and those behind it in the file are left out)");
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
