//! Files to a rule set.

use super::ast::{self, Document, Map};
use super::collection;
use super::context::Context;
use super::correlation::{self, Pending};
use super::diagnostic::{Diagnostic, Problem, Span, position, render};
use super::filter::{self, Filter};
use super::index::Index;
use super::ir::{Meta, Rule, Ruleset};
use super::limits::{MAX_FILE_BYTES, MAX_PROBLEMS};
use super::lint;
use super::lower;
use super::mapping::rule::Changes;
use super::references::{self, Waiting};
use super::regex::Checker;
use super::scalar::is_null;
use super::yaml::{self, Kind, Node};
use super::{Loaded, Options, SourceText};
use rayon::prelude::*;
use std::sync::Arc;

/// Reads rules. A rule with an error is left out; the others are in.
#[must_use]
pub fn load(sources: impl IntoIterator<Item = SourceText>, options: &Options) -> Loaded {
    let sources: Vec<SourceText> = sources.into_iter().collect();
    let checker = Checker::new();
    let files: Vec<FileRules> = sources.par_iter().map(|source| read(source, options, &checker)).collect();
    let mut diagnostics = Vec::with_capacity(files.len());
    let mut ruleset = Ruleset::default();
    let mut waiting = Vec::new();
    let mut index = Index::default();
    let mut filters = Vec::new();
    let mut broken = Vec::new();
    let mut changes = Vec::new();
    for (file, (rules, source)) in files.into_iter().zip(&sources).enumerate() {
        let mut found = rules.diagnostics;
        for (rule, span, changed) in rules.rules {
            let at = ruleset.rules.len();
            warn_if_taken(&rule.meta, span, source, &mut found, |name| index.add_rule(name, at));
            ruleset.rules.push(rule);
            changes.push(changed);
        }
        for pending in rules.correlations {
            let at = waiting.len();
            warn_if_taken(&pending.meta, pending.span, source, &mut found, |name| index.add_correlation(name, at));
            waiting.push(Waiting { pending, file });
        }
        filters.extend(rules.filters.into_iter().map(|filter| (filter, file)));
        broken.extend(rules.broken);
        diagnostics.push(found);
    }
    broken.iter().for_each(|name| index.add_broken(name));
    let given = filter::Given { options, sources: &sources, checker: &checker, changes: &changes };
    let mut refusals = filter::apply(&filters, &mut ruleset.rules, &index, &given);
    let (correlations, others) = references::resolve(waiting, &ruleset.rules, &changes, &index, options);
    ruleset.correlations = correlations;
    refusals.extend(others);
    for (file, refusal) in refusals {
        if let (Some(found), Some(source)) = (diagnostics.get_mut(file), sources.get(file))
            && found.len() < MAX_PROBLEMS
        {
            found.push(refusal.locate(&source.name, &source.lossy()));
        }
    }
    let sources =
        sources.into_iter().zip(&diagnostics).filter(|(_, found)| !found.is_empty()).map(|(source, _)| source);
    let sources = sources.collect();
    diagnostics.iter_mut().for_each(|found| found.sort_by_key(|diagnostic| diagnostic.span.start));
    Loaded { ruleset, diagnostics: diagnostics.into_iter().flatten().collect(), sources }
}

/// Reads rules like [`load`], and looks for what is right and still not what its author meant.
#[must_use]
pub fn check(sources: impl IntoIterator<Item = SourceText>, options: &Options) -> Loaded {
    let all: Vec<SourceText> = sources.into_iter().collect();
    let Loaded { ruleset, diagnostics, .. } = load(all.iter().cloned(), options);
    let silent = lint::silent(&ruleset);
    // Problems stand in the order of their files.
    let mut problems = diagnostics.into_iter().peekable();
    let own = |source: SourceText| {
        let own: Vec<_> = std::iter::from_fn(|| problems.next_if(|problem| problem.file == source.name)).collect();
        (source, own)
    };
    let mut files: Vec<(SourceText, Vec<Diagnostic>)> = all.into_iter().map(own).collect();
    files.par_iter_mut().for_each(|(source, problems)| {
        problems.extend(lint::file(source, options, &silent, problems));
        problems.sort_by_key(|problem| problem.span.start);
    });
    files.retain(|(_, problems)| !problems.is_empty());
    let (sources, problems): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    let checked = problems.into_iter().flatten().collect();
    Loaded { ruleset, diagnostics: checked, sources }
}

impl Loaded {
    /// Line and column of a byte of a file that has problems, both counted from 1, columns in characters.
    #[must_use]
    pub fn position(&self, file: &str, byte: usize) -> (u32, u32) {
        let source = self.sources.iter().find(|source| &*source.name == file);
        source.map_or((1, 1), |source| position(&source.lossy(), byte))
    }

    /// All problems, drawn one below the other.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut drawn = String::new();
        let mut sources = self.sources.iter();
        let mut source = sources.next();
        let mut text = source.map(SourceText::lossy).unwrap_or_default();
        for diagnostic in &self.diagnostics {
            // Diagnostics stand in the order of their files.
            while source.is_some_and(|source| source.name != diagnostic.file) {
                source = sources.next();
                text = source.map(SourceText::lossy).unwrap_or_default();
            }
            drawn.push_str(&render(diagnostic, &text, colour));
            drawn.push_str("\n\n");
        }
        drawn
    }
}

fn warn_if_taken(
    meta: &Meta,
    span: Span,
    source: &SourceText,
    found: &mut Vec<Diagnostic>,
    mut add: impl FnMut(&Arc<str>) -> bool,
) {
    for (what, name) in [("id", &meta.id), ("name", &meta.name)] {
        let Some(name) = name else { continue };
        if !add(name) && found.len() < MAX_PROBLEMS {
            let problem = Problem::warning("duplicate-name", span, format!("another rule has the {what} `{name}`"))
                .hint("correlations cannot refer to either of them");
            found.push(problem.locate(&source.name, &source.lossy()));
        }
    }
}

/// What one file gives, apart from all others.
#[derive(Debug, Default)]
struct FileRules {
    rules: Vec<(Rule, Span, Changes)>,
    correlations: Vec<Pending>,
    filters: Vec<Filter>,
    /// Ids and names of what was left out.
    broken: Vec<Arc<str>>,
    diagnostics: Vec<Diagnostic>,
}

fn read(source: &SourceText, options: &Options, checker: &Checker) -> FileRules {
    let refused = |problem: Box<Problem>, text: &str| FileRules {
        diagnostics: vec![problem.locate(&source.name, text)],
        ..FileRules::default()
    };
    if source.bytes.len() > MAX_FILE_BYTES {
        let size = source.size.unwrap_or(source.bytes.len() as u64);
        // The length of a pipe is not known.
        let size = if size > MAX_FILE_BYTES as u64 { size.to_string() } else { "more".to_owned() };
        let message = format!("a rule file may have {MAX_FILE_BYTES} bytes (1 MiB), and this one has {size}");
        return refused(Problem::error("too-large", Span::default(), message).hint("split the file"), "");
    }
    let text = match std::str::from_utf8(&source.bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let valid = source.bytes.get(..at).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("");
            let problem = Problem::error("not-utf8", Span::new(at, at), "the file is not UTF-8 from here on");
            return refused(problem.hint("save the file in UTF-8"), valid);
        }
    };
    let mut context = Context::new(&source.name, text, options, Some(checker));
    let mut documents = yaml::parse(text, &mut context.problems);
    // As after a last `---`.
    documents.retain(|root| !is_null(root));
    let documents = collection::expand(documents, &mut context.problems);
    let mut file = FileRules::default();
    for root in &documents {
        if context.problems.is_full() {
            break;
        }
        file.add(&mut context, root);
    }
    file.diagnostics = context.problems.locate(&source.name, text);
    file
}

impl FileRules {
    /// Adds one document.
    fn add(&mut self, context: &mut Context<'_>, root: &Node<'_>) {
        let Some(document) = context.problems.keep(ast::classify(root)) else {
            self.add_broken(root);
            return;
        };
        match document {
            Document::Detection(map, section) => match lower::rule(context, map, section) {
                Some((rule, changes)) => self.rules.push((rule, first_key(map), changes)),
                None => self.add_broken(root),
            },
            Document::Correlation(map, key, section) => match correlation::lower(context, map, key, section) {
                Some(pending) => self.correlations.push(pending),
                None => self.add_broken(root),
            },
            // Nothing refers to filters, so one with an error is not remembered.
            Document::Filter(map, key, section) => self.filters.extend(filter::lower(context, map, key, section)),
        }
    }

    fn add_broken(&mut self, root: &Node<'_>) {
        let Ok(map) = Map::of(root, "") else { return };
        for key in ["id", "name"] {
            if let Some(Kind::Scalar(scalar)) = map.value(key).map(|node| &node.kind) {
                self.broken.push((&*scalar.text).into());
            }
        }
    }
}

fn first_key(map: Map<'_>) -> Span {
    map.entries.first().map_or(map.span, |entry| entry.key.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::Severity;
    use crate::sigma::testing::{corpus, load_text, rule};
    use std::collections::BTreeMap;

    #[test]
    fn every_public_rule_loads_but_for_placeholders_without_values() {
        let sources = corpus();
        if sources.is_empty() {
            return;
        }
        let count = sources.len();
        let loaded = load(sources, &Options::default());
        let mut codes = BTreeMap::new();
        for diagnostic in &loaded.diagnostics {
            *codes.entry((diagnostic.severity, diagnostic.code)).or_insert(0) += 1;
        }
        println!("{count} files, {} rules, {codes:?}", loaded.ruleset.rules.len());
        let unresolved = codes.remove(&(Severity::Error, "unresolved-placeholder")).unwrap_or(0);
        assert!(codes.is_empty(), "{}", loaded.render(false));
        assert_eq!(loaded.ruleset.rules.len() + unresolved, count);
    }

    #[test]
    fn a_file_that_is_too_large_is_told_with_its_size() {
        let large = || SourceText::new("large.yml", vec![b'#'; MAX_FILE_BYTES + 1]);
        let told = |source| load([source], &Options::default()).diagnostics.swap_remove(0).message;
        assert_eq!(told(large()), "a rule file may have 1048576 bytes (1 MiB), and this one has 1048577");
        assert!(told(large().of_size(0)).ends_with("this one has more"));
        assert!(told(large().of_size(5_000_000)).ends_with("this one has 5000000"));
        let fits = load([SourceText::new("fits.yml", vec![b'#'; MAX_FILE_BYTES])], &Options::default());
        assert!(fits.diagnostics.is_empty());
    }

    #[test]
    fn hostile_rules_are_refused_soon() {
        // Far above what any of these takes, far below what unbounded work would take.
        let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<String>();
        let items = |count, item: &dyn Fn(usize) -> String| {
            format!("{}  condition: s\n", rule(&format!("  s:\n{}", many(count, item))))
        };
        let names = many(1_000, &|at| format!("  selection_number_{at}: x\n"));
        let globs = format!("1 of s*n*u*zz{}", " or 1 of s*n*u*1".repeat(99));
        let mentions = format!("selection_number_1{}", " or selection_number_999".repeat(600));
        for (text, code) in [
            (items(25_000, &|at| format!("    F{at}|contins: x\n")), "unknown-modifier"),
            (items(25_000, &|at| format!("    F{at}|re: '\\w{{90}}\\pL{{90}}'\n")), "bad-regex"),
            (items(250, &|at| format!("    F{at}|re: '{}'\n", "\\w".repeat(2_000))), "bad-regex"),
            (items(250, &|at| format!("    F{at}|re|i: '{}'\n", "[^a]".repeat(1_000))), "bad-regex"),
            (items(4_000, &|at| format!("    F{at}|re: '{}'\n", "(".repeat(240))), "bad-regex"),
            (items(25_000, &|at| format!("    F{at}|windash|base64: -a -b -c\n")), "too-large"),
            (items(60, &|at| format!("    F{at}|wide|base64offset: '{}'\n", "x".repeat(16_000))), "too-large"),
            (format!("{}---\n", rule(&format!("{names}  condition: {globs}\n"))).repeat(30), "bad-condition"),
            (format!("{}---\n", rule(&format!("{names}  condition: {mentions} and y\n"))).repeat(20), "bad-condition"),
            (
                many(100, &|at| {
                    let words = (0..900).map(|word| format!("r{at}x{word}")).collect::<Vec<_>>().join(" or ");
                    format!("title: t\ncorrelation: {{type: temporal, timespan: 1s, condition: {words}}}\n---\n")
                }),
                "unresolved-reference",
            ),
            (
                many(3_000, &|at| {
                    let either = ["(r or s)"; 6].join(" and ");
                    format!(
                        "title: t{at}\ncorrelation: {{type: temporal_ordered, timespan: 1s, condition: {either}}}\n---\n"
                    )
                }),
                "too-large",
            ),
            (
                many(1_500, &|at| {
                    let (rules, keys) = (["r"; 100].join(", "), ["F"; 15].join(", "));
                    let section = format!("{{type: temporal, rules: [{rules}], group-by: [{keys}], timespan: 1s}}");
                    format!("title: t{at}\ncorrelation: {section}\n---\n")
                }),
                "too-large",
            ),
            (
                many(5_000, &|at| {
                    let section =
                        "{type: event_count, rules: [selection, filtered, somewhat], timespan: 1s, condition: {gt: 1}}";
                    format!("title: t\nname: selection{at}\ncorrelation: {section}\n---\n")
                }),
                "unresolved-reference",
            ),
        ] {
            let loaded = load_text(&text);
            let found = loaded.diagnostics.first().map(|found| found.code);
            assert_eq!(found, Some(code), "{}", &text[..90]);
        }
    }
}
