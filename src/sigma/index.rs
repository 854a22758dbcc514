//! Which rule has this id or this name?

use super::ast::Name;
use super::diagnostic::{Problem, Refusal, nearest, short};
use super::limits::MAX_PROBLEMS;
use super::metadata::is_uuid;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an id or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
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

/// What a name is looked up by: a UUID is the same in any case.
fn key(name: &str) -> Cow<'_, str> {
    if is_uuid(name) { name.to_ascii_lowercase().into() } else { name.into() }
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
        self.meanings.entry(key(name).into()).or_insert(Meaning::Broken);
    }

    fn add(&mut self, name: &Arc<str>, meaning: Meaning) -> bool {
        let name = key(name);
        match self.meanings.insert(name.clone().into(), meaning) {
            None | Some(Meaning::Broken) => true,
            // A rule may have the same text as id and name.
            Some(known) if known == meaning => true,
            Some(_) => {
                self.meanings.insert(name.into(), Meaning::Several);
                false
            }
        }
    }

    /// What this id or name stands for, if it is one.
    pub(super) fn get(&self, name: &str) -> Option<Meaning> {
        self.meanings.get(&*key(name)).copied()
    }

    /// What `name` stands for. After `told` problems a suggestion for one more helps nobody and costs time.
    pub(super) fn resolve(&self, name: &Name, told: usize) -> Result<Meaning, Refusal> {
        let text = short(&name.text);
        let error = |message| Err(Problem::error("unresolved-reference", name.span, message));
        match self.get(&name.text) {
            Some(Meaning::Broken) => error(format!("the rule `{text}` has an error")),
            Some(Meaning::Several) => error(format!("more than one rule is called `{text}`")),
            Some(meaning) => Ok(meaning),
            None => {
                let names = self.meanings.keys().map(|name| &**name);
                let near = if told < MAX_PROBLEMS { nearest(&name.text, names) } else { None };
                let problem = Problem::error("unresolved-reference", name.span, format!("no rule `{text}`"));
                Err(match near {
                    Some(_) => problem.suggest(near),
                    None => problem.hint("`rules` lists ids or names of rules that are loaded with this document"),
                })
            }
        }
    }
}
