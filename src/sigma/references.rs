//! Which rules do correlations mean? Names to indices, when all files are read.

use super::correlation::{Key, Name, Pending};
use super::diagnostic::{Problem, Refusal, nearest, short};
use super::ir::{Correlation, GroupKey, Rule, RuleRef};
use super::{OWN_PRODUCT, Options};
use std::collections::HashMap;
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
    meanings: HashMap<Arc<str>, Meaning>,
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

    fn resolve(&self, name: &Name) -> Result<Meaning, Refusal> {
        let text = short(&name.text);
        let error = |message| Err(Problem::error("unresolved-reference", name.span, message));
        match self.meanings.get(&name.text) {
            Some(Meaning::Broken) => error(format!("the rule `{text}` has an error")),
            Some(Meaning::Several) => error(format!("more than one rule is called `{text}`")),
            Some(meaning) => Ok(*meaning),
            None => {
                let near = nearest(&name.text, self.meanings.keys().map(|name| &**name));
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
            let resolved: Vec<_> = pending.rules.iter().map(|name| index.resolve(name)).collect();
            let resolved = resolved.into_iter().map(|one| one.map_err(|refusal| refusals.push((*file, refusal))).ok());
            resolved.collect::<Option<Vec<_>>>()
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
