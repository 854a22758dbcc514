//! Filters: exceptions that are kept apart from the rules they are for. `C` of such a rule becomes `C and F`.

use super::ast::{self, Document, Map, Name};
use super::collection;
use super::context::Context;
use super::correlation::references;
use super::diagnostic::{Problem, Problems, Refusal, Span, short};
use super::index::{Index, Meaning};
use super::ir::{Expr, LogSource, Predicate, Rule, Target, Test};
use super::limits::{Budget, MAX_FILTER_WEIGHT};
use super::lower;
use super::mapping::rule::{self, Changes};
use super::regex::Checker;
use super::scalar::scalar_text;
use super::yaml::{self, Node, Text};
use super::{Options, SourceText, is_own, metadata};
use bumpalo::Bump;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::{iter, mem};

/// A filter whose references are still names.
#[derive(Debug)]
pub(super) struct Filter {
    source: LogSource,
    rules: Scope,
    condition: Expr,
    /// The key `filter`.
    span: Span,
}

/// Which rules a filter is for.
#[derive(Debug)]
enum Scope {
    /// All whose log source it covers.
    Any,
    /// Those of them that have these names.
    Named(Vec<Name>),
}

/// Lowers one filter. `None` if it has an error; all its problems are in the context.
pub(super) fn lower(context: &mut Context<'_>, map: Map<'_>, key: &Text<'_>, section: &Node<'_>) -> Option<Filter> {
    let before = context.problems.errors();
    let source = context.problems.keep(metadata::log_source(map, "a filter"));
    context.own = source.as_ref().is_some_and(is_own);
    let meta = metadata::read(context, map, "a filter");
    let section = context.problems.keep(Map::of(section, "`filter`"))?;
    let rules = context.problems.keep(scope(section));
    let condition = ast::filter(section, &mut context.problems).and_then(|filter| lower::detection(context, &filter));
    if context.problems.errors() > before {
        return None;
    }
    let filter = Filter { source: source?, rules: rules?, condition: condition?, span: key.span };
    if let Some(node) = section.value("condition").filter(|_| !has_not(&filter.condition)) {
        context.problems.push(
            Problem::warning("filter-without-not", node.span, "this filter keeps only what it matches")
                .hint("to leave out what it matches, write `not` before it"),
        );
    }
    meta.map(|_| filter)
}

fn scope(section: Map<'_>) -> Result<Scope, Refusal> {
    let Some(entry) = section.entry("rules") else {
        let hint = "list ids or names of rules, or write `rules: any` for all with this log source";
        return Err(section.missing("rules", "`filter`").hint(hint));
    };
    match scalar_text(&entry.value) {
        Some("any") => Ok(Scope::Any),
        _ => references(entry).map(Scope::Named),
    }
}

/// Whether anything is negated, be it by `not` or by `neq`.
fn has_not(expr: &Expr) -> bool {
    match expr {
        Expr::Not(_) => true,
        Expr::All(parts) | Expr::Any(parts) => parts.iter().any(has_not),
        Expr::Test(_) => false,
    }
}

/// What filters are added with.
pub(super) struct Given<'a> {
    pub(super) options: &'a Options,
    /// All files: a filter is read again for rules that mappings have changed.
    pub(super) sources: &'a [SourceText],
    pub(super) checker: &'a Checker,
    /// What mappings did with each rule.
    pub(super) changes: &'a [Changes],
}

/// Adds each filter, with the number of its file, to the conditions of its rules; one with an error is added to none.
/// Gives what is wrong, by file.
pub(super) fn apply(
    filters: &[(Filter, usize)],
    rules: &mut [Rule],
    index: &Index,
    given: &Given<'_>,
) -> Vec<(usize, Refusal)> {
    let mut problems = Vec::new();
    let mut added: Vec<Vec<Expr>> = rules.iter().map(|_| Vec::new()).collect();
    let mut budget = Budget::of(MAX_FILTER_WEIGHT);
    for (filter, file) in filters {
        if budget.is_spent() {
            problems.push((*file, filter.too_heavy()));
            continue;
        }
        let mut found = Vec::new();
        if let Some(targets) = filter.targets(rules, index, problems.len(), &mut found) {
            match filter.check(&targets, rules, given, &mut budget) {
                Ok(()) => match filter.mapped(*file, &targets, rules, given) {
                    Ok(conditions) => {
                        for (target, condition) in conditions {
                            added.iter_mut().skip(target).take(1).for_each(|one| one.push(condition.clone()));
                        }
                    }
                    Err(refusals) => found.extend(refusals),
                },
                Err(refusal) => found.push(refusal),
            }
        }
        problems.extend(found.into_iter().map(|problem| (*file, problem)));
    }
    for (rule, filters) in rules.iter_mut().zip(added).filter(|(_, filters)| !filters.is_empty()) {
        let own = mem::replace(&mut rule.condition, Expr::All(Vec::new()));
        rule.condition = Expr::All(iter::once(own).chain(filters).collect());
    }
    problems
}

impl Filter {
    /// The rules that it is for; `None` if one of its references is not one.
    fn targets(&self, rules: &[Rule], index: &Index, told: usize, found: &mut Vec<Refusal>) -> Option<BTreeSet<usize>> {
        let covered = |rule: usize| rules.get(rule).is_some_and(|rule| self.source.covers(&rule.source));
        let Scope::Named(names) = &self.rules else {
            let targets: BTreeSet<_> = (0..rules.len()).filter(|rule| covered(*rule)).collect();
            if targets.is_empty() {
                found.push(Problem::warning("unused-filter", self.span, "no rule has the log source of this filter"));
            }
            return Some(targets);
        };
        let mut targets = BTreeSet::new();
        let mut resolved = true;
        for name in names {
            match index.resolve(name, told + found.len()) {
                Ok(Meaning::Rule(rule)) if covered(rule) => {
                    targets.insert(rule);
                }
                Ok(Meaning::Rule(_)) => {
                    let message = format!("the rule `{}` has another log source than this filter", short(&name.text));
                    let problem = Problem::warning("unused-filter", name.span, message);
                    found.push(problem.hint("the filter is not added to it"));
                }
                Ok(_) => {
                    resolved = false;
                    let message = format!("`{}` is a correlation", short(&name.text));
                    let problem = Problem::error("unresolved-reference", name.span, message);
                    found.push(problem.hint("filters are for detection rules: name those that it refers to"));
                }
                Err(refusal) => {
                    resolved = false;
                    found.push(refusal);
                }
            }
        }
        resolved.then_some(targets)
    }

    /// Its condition for each target. Mappings change it as they have changed the rule.
    fn mapped(
        &self,
        file: usize,
        targets: &BTreeSet<usize>,
        rules: &[Rule],
        given: &Given<'_>,
    ) -> Result<Vec<(usize, Expr)>, Vec<Refusal>> {
        let mut known: BTreeMap<(&[bool], bool), Expr> = BTreeMap::new();
        let mut mapped = Vec::with_capacity(targets.len());
        for target in targets {
            let (Some(rule), Some(changes)) = (rules.get(*target), given.changes.get(*target)) else { continue };
            let condition = if changes.steps.contains(&true) {
                match known.entry((&changes.steps, is_own(&rule.source))) {
                    Entry::Occupied(known) => known.get().clone(),
                    Entry::Vacant(free) => free.insert(self.changed(file, changes, rule, given)?).clone(),
                }
            } else {
                self.condition.clone()
            };
            mapped.push((*target, condition));
        }
        Ok(mapped)
    }

    /// Its condition as mappings change it for one rule, read again from its file.
    fn changed(&self, file: usize, changes: &Changes, rule: &Rule, given: &Given<'_>) -> Result<Expr, Vec<Refusal>> {
        let Some(source) = given.sources.get(file) else { return Ok(self.condition.clone()) };
        let text = source.lossy();
        let mut context = Context::new(&source.name, &text, given.options, Some(given.checker));
        // What is wrong with the file was told when it was first read.
        let documents = collection::expand(yaml::parse(&text, &mut Problems::default()), &mut Problems::default());
        let mut sections = documents.iter().filter_map(|root| match ast::classify(root) {
            Ok(Document::Filter(_, key, section)) if key.span == self.span => Map::of(section, "`filter`").ok(),
            _ => None,
        });
        let arena = Bump::new();
        let section = sections.next().and_then(|section| ast::filter(section, &mut Problems::default()));
        context.own = is_own(&rule.source);
        let condition = section.and_then(|mut detection| {
            rule::follow(&mut context, &arena, &mut detection, &changes.steps);
            lower::detection(&mut context, &detection)
        });
        let refusals = context.problems.into_errors();
        match condition {
            Some(condition) if refusals.is_empty() => Ok(condition),
            _ => Err(refusals),
        }
    }

    /// Whether it can be added to all of `targets`.
    fn check(
        &self,
        targets: &BTreeSet<usize>,
        rules: &[Rule],
        given: &Given<'_>,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let is_own_rule = |rule: &usize| {
            let was_own = given.changes.get(*rule).is_some_and(|changes| changes.was_own);
            // Where mappings have changed the names of one that stays ours, the new ones are checked.
            let changed = given.changes.get(*rule).is_some_and(|changes| changes.steps.contains(&true));
            was_own && !(changed && rules.get(*rule).is_some_and(|rule| is_own(&rule.source)))
        };
        if targets.iter().any(is_own_rule) {
            check_fields(&self.condition, given.options, self.span)?;
        }
        if budget.take(lower::weight(&self.condition).saturating_mul(targets.len())) {
            return Ok(());
        }
        Err(self.too_heavy())
    }

    fn too_heavy(&self) -> Refusal {
        let message = format!("filters add more than {MAX_FILTER_WEIGHT} tests to rules");
        Problem::error("too-large", self.span, message).hint("a filter counts once for each of its rules")
    }
}

/// Refuses fields that our own records do not have: a filter without `product` may be for rules that may not name them.
fn check_fields(expr: &Expr, options: &Options, span: Span) -> Result<(), Refusal> {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().try_for_each(|part| check_fields(part, options, span)),
        Expr::Not(inner) => check_fields(inner, options, span),
        Expr::Test(Predicate { target, test }) => {
            if let Target::Field(field) = target {
                options.check_field(field, span)?;
            }
            match test {
                Test::FieldRef { field, .. } => options.check_field(field, span),
                _ => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{RULES, brief, load_text, meaning, options};
    use crate::sigma::{SourceText, load};
    use insta::assert_snapshot;

    /// For each rest of a filter over [`RULES`], what becomes of the rules.
    fn filters(rests: &[&str]) -> String {
        let told = |rest: &&str| format!("{rest}  =>  {}\n", brief(&format!("{RULES}---\ntitle: f\n{rest}\n")));
        rests.iter().map(told).collect()
    }

    #[test]
    fn a_filter_is_added_to_the_rules_it_is_for() {
        assert_snapshot!(filters(&[
            "logsource: {product: x}\nfilter: {rules: [a], s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: 00000000-0000-0000-0000-00000000000a, s: {G: 2}, condition: not s}",
            "logsource: {product: modbus}\nfilter: {rules: any, s: {src_ip: x}, t: {src_ip: y}, condition: not 1 of them}",
            "logsource: {product: x}\nfilter: {rules: [a, a], s: {G: 2}, condition: s}",
            "logsource: {product: x}\nfilter: {rules: [a], s: {G|neq: 2}, condition: s}",
        ]), @r"
        logsource: {product: x}
        filter: {rules: [a], s: {G: 2}, condition: not s}  =>  (F = 1 and not G = 2); modbus.function = 1
        logsource: {product: x}
        filter: {rules: 00000000-0000-0000-0000-00000000000a, s: {G: 2}, condition: not s}  =>  (F = 1 and not G = 2); modbus.function = 1
        logsource: {product: modbus}
        filter: {rules: any, s: {src_ip: x}, t: {src_ip: y}, condition: not 1 of them}  =>  F = 1; (modbus.function = 1 and not (src_ip = 'x' or src_ip = 'y'))
        logsource: {product: x}
        filter: {rules: [a, a], s: {G: 2}, condition: s}  =>  (F = 1 and G = 2); modbus.function = 1; filter-without-not: this filter keeps only what it matches AT s (to leave out what it matches, write `not` before it)
        logsource: {product: x}
        filter: {rules: [a], s: {G|neq: 2}, condition: s}  =>  (F = 1 and not G = 2); modbus.function = 1
        ");
    }

    #[test]
    fn filters_add_up_in_any_order_of_documents() {
        let filter = |value: u8| {
            format!(
                "title: f\nlogsource: {{product: x}}\nfilter: {{rules: any, s: {{G: {value}}}, condition: not s}}\n---\n"
            )
        };
        assert_snapshot!(brief(&format!("{}{RULES}---\n{}", filter(1), filter(2))), @"(F = 1 and not G = 1 and not G = 2); modbus.function = 1");
        let sources = [SourceText::new("f.yml", filter(1).into_bytes()), SourceText::new("r.yml", RULES.as_bytes())];
        let loaded = load(sources, &options());
        assert_eq!(loaded.render(false), "");
        assert_eq!(loaded.ruleset.rules[0].condition.to_string(), "(F = 1 and not G = 1)");
    }

    #[test]
    fn search_identifiers_of_rule_and_filter_do_not_see_each_other() {
        let rule =
            "title: r\nname: r\nlogsource: {product: x}\ndetection: {s: {A: 1}, s1: {B: 1}, condition: all of s*}\n";
        let filter =
            "title: f\nlogsource: {product: x}\nfilter: {rules: r, s: {C: 1}, s2: {D: 1}, condition: not 1 of s*}\n";
        assert_snapshot!(brief(&format!("{rule}---\n{filter}")), @"((A = 1 and B = 1) and not (C = 1 or D = 1))");
    }

    #[test]
    fn a_filter_with_an_error_is_added_to_no_rule() {
        assert_snapshot!(filters(&[
            "filter: {rules: [a], s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: [a]",
            "logsource: {product: x}\nfilter: {s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [], s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [any], s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [a, aa], s: {G: 2}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [a], s: {G: 2}}",
            "logsource: {product: x}\nfilter: {rules: [a], condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [a], s: {G: 2}, condition: [not s]}",
            "logsource: {product: x}\nfilter: {rules: [a], s: {G|x: 2}, condition: not t}",
            "logsource: {product: modbus}\nfilter: {rules: [b], s: {src_pi: x}, condition: not s}",
            "logsource: {category: y}\nfilter: {rules: any, s: {src_pi: x}, condition: not s}",
            "logsource: {product: x}\nfilter: {rules: [b], s: {G: 2}, condition: not s}",
        ]), @r"
        filter: {rules: [a], s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; missing-field: a filter without `logsource` AT title (add a key `logsource`)
        logsource: {product: x}
        filter: [a]  =>  F = 1; modbus.function = 1; wrong-type: `filter` must be a map, not a list AT [a]
        logsource: {product: x}
        filter: {s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; missing-field: `filter` without `rules` AT s (list ids or names of rules, or write `rules: any` for all with this log source)
        logsource: {product: x}
        filter: {rules: [], s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; wrong-type: an empty list of rules AT []
        logsource: {product: x}
        filter: {rules: [any], s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; unresolved-reference: no rule `any` AT any (`rules` lists ids or names of rules that are loaded with this document)
        logsource: {product: x}
        filter: {rules: [a, aa], s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; unresolved-reference: no rule `aa` AT aa (did you mean `a`?)
        logsource: {product: x}
        filter: {rules: [a], s: {G: 2}}  =>  F = 1; modbus.function = 1; missing-field: `filter` without `condition` AT rules (add a key `condition`)
        logsource: {product: x}
        filter: {rules: [a], condition: not s}  =>  F = 1; modbus.function = 1; missing-field: `filter` without a search identifier AT rules
        logsource: {product: x}
        filter: {rules: [a], s: {G: 2}, condition: [not s]}  =>  F = 1; modbus.function = 1; wrong-type: the condition of a filter must be a text, not a list AT [not s]
        logsource: {product: x}
        filter: {rules: [a], s: {G|x: 2}, condition: not t}  =>  F = 1; modbus.function = 1; unknown-modifier: no modifier `x` AT x (most rules need contains, startswith, endswith, all, re, cidr or exists); bad-condition: no search identifier `t` AT t (the search identifiers are `s`)
        logsource: {product: modbus}
        filter: {rules: [b], s: {src_pi: x}, condition: not s}  =>  F = 1; modbus.function = 1; unknown-field: no field `src_pi` AT src_pi
        logsource: {category: y}
        filter: {rules: any, s: {src_pi: x}, condition: not s}  =>  F = 1; modbus.function = 1; unused-filter: no rule has the log source of this filter AT filter
        logsource: {product: x}
        filter: {rules: [b], s: {G: 2}, condition: not s}  =>  F = 1; modbus.function = 1; unused-filter: the rule `b` has another log source than this filter AT b (the filter is not added to it)
        ");
        assert_snapshot!(meaning("title: f\nlogsource: {product: x}\nfilter:\n  rules: [a]\n  s: {G: 2}\n  condition: not s\n"), @r"
        error[unresolved-reference]: no rule `a`
         --> rule.yml:4:11
          |
        4 |   rules: [a]
          |           ^
          |
          = help: `rules` lists ids or names of rules that are loaded with this document
        ");
    }

    #[test]
    fn only_detection_rules_are_filtered() {
        let correlation = "title: c\nname: c\ncorrelation: {type: temporal, rules: [a], timespan: 1m}\n";
        let filter = "title: f\nlogsource: {product: x}\nfilter: {rules: [c], s: {G: 2}, condition: not s}\n";
        assert_snapshot!(brief(&format!("{RULES}---\n{correlation}---\n{filter}")), @"F = 1; modbus.function = 1; rules >= 1 of rule 0 within 1m; unresolved-reference: `c` is a correlation AT c (filters are for detection rules: name those that it refers to)");
    }

    #[test]
    fn a_filter_without_a_product_names_no_unknown_fields_either() {
        let rules = RULES.replace("{product: modbus}", "{product: modbus, category: ics}");
        let filter = |field: &str| {
            let filter = format!("filter: {{rules: any, s: {{{field}: x}}, condition: not s}}");
            brief(&format!("{rules}---\ntitle: f\nlogsource: {{category: ics}}\n{filter}\n"))
        };
        assert_snapshot!(filter("src_pi"), @"F = 1; modbus.function = 1; unknown-field: no field `src_pi` AT filter");
        assert_snapshot!(filter("src_ip"), @"F = 1; (modbus.function = 1 and not src_ip = 'x')");
    }

    #[test]
    fn copies_of_filters_are_bounded() {
        let rule = "title: r\nlogsource: {product: x}\ndetection: {s: x, condition: s}\n---\n";
        let values = "x, ".repeat(200);
        let filter =
            format!("title: f\nlogsource: {{product: x}}\nfilter: {{rules: any, s: [{values}], condition: not s}}\n");
        let loaded = load_text(&format!("{}{filter}", rule.repeat(3_000)));
        assert!(loaded.diagnostics.iter().any(|found| found.code == "too-large"));
        assert_eq!(loaded.ruleset.rules.len(), 3_000);
    }
}
