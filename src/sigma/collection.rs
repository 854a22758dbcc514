//! Collections: `action` documents that say what the rules of their file have in common. They are older than Sigma 2,
//! which does without them.
//!
//! - `global` is merged into each rule behind it; where both say something, it wins.
//! - `repeat` is merged into a copy of the rule before it, which makes one more rule; where both say something, it wins.
//! - `reset` ends `global`.

use super::ast::wrong_type;
use super::diagnostic::{Problem, Problems, Refusal, Span, nearest, short};
use super::limits::{MAX_COPIED_BYTES, MAX_COPIED_NODES};
use super::scalar::scalar_text;
use super::yaml::{Entry, Kind, Node};
use std::collections::BTreeMap;

const ACTIONS: [&str; 3] = ["global", "repeat", "reset"];

/// The documents of a file as they would be without actions. What is wrong with the actions is among `problems`.
pub(super) fn expand<'t>(documents: Vec<Node<'t>>, problems: &mut Problems) -> Vec<Node<'t>> {
    let Some(first) = documents.iter().find_map(action) else { return documents };
    if problems.errors() > 0 {
        let message = "this file could not be read whole, so it is not known what this action is for";
        problems.push(Problem::error("bad-action", first.span, message).hint("no document of the file is used"));
        return Vec::new();
    }
    let mut collection = Collection::default();
    for document in documents {
        // What follows may mean something else without this document.
        if problems.keep(collection.add(document)).is_none() {
            break;
        }
    }
    collection.documents
}

/// The `action` of a document.
fn action<'n, 't>(document: &'n Node<'t>) -> Option<&'n Node<'t>> {
    let entries = rule(document)?;
    entries.iter().find(|entry| entry.key.text == "action").map(|entry| &entry.value)
}

/// The entries of a document that may be a rule or an action: correlations and filters are no part of collections.
fn rule<'n, 't>(document: &'n Node<'t>) -> Option<&'n [Entry<'t>]> {
    match &document.kind {
        Kind::Mapping(entries) if !entries.iter().any(|e| e.key.text == "correlation" || e.key.text == "filter") => {
            Some(entries)
        }
        _ => None,
    }
}

/// What was read of a file.
#[derive(Default)]
struct Collection<'t> {
    documents: Vec<Node<'t>>,
    global: Option<Node<'t>>,
    previous: Option<Previous>,
    copied_nodes: usize,
    copied_bytes: usize,
}

/// What `repeat` would repeat.
#[derive(Clone, Copy)]
enum Previous {
    Global,
    /// Index into the documents.
    Rule(usize),
}

impl<'t> Collection<'t> {
    fn add(&mut self, document: Node<'t>) -> Result<(), Refusal> {
        let Some(action) = action(&document) else { return self.add_plain(document) };
        let span = action.span;
        match scalar_text(action) {
            Some("global") => {
                self.global = Some(without_action(document));
                self.previous = Some(Previous::Global);
                Ok(())
            }
            Some("repeat") => self.repeat(without_action(document), span),
            Some("reset") => {
                self.global = None;
                self.previous = self.previous.filter(|previous| matches!(previous, Previous::Rule(_)));
                Ok(())
            }
            Some(name) => Err(Problem::error("bad-action", span, format!("no action `{}`", short(name))).hint(
                match nearest(name, ACTIONS) {
                    Some(near) => format!("did you mean `{near}`? This document and those behind it are left out"),
                    None => "there are global, repeat and reset; this document and those behind it are left out".into(),
                },
            )),
            None => Err(wrong_type(action, "`action`", "a text")),
        }
    }

    fn add_plain(&mut self, document: Node<'t>) -> Result<(), Refusal> {
        if rule(&document).is_none() {
            self.documents.push(document);
            return Ok(());
        }
        let document = match self.global.take() {
            Some(global) => {
                let merged = self.copy(&global, document.span).map(|()| merge(document, &global, Winner::Other));
                self.global = Some(global);
                merged?
            }
            None => document,
        };
        self.previous = Some(Previous::Rule(self.documents.len()));
        self.documents.push(document);
        Ok(())
    }

    fn repeat(&mut self, document: Node<'t>, span: Span) -> Result<(), Refusal> {
        let previous = match self.previous {
            Some(Previous::Global) => self.global.clone(),
            Some(Previous::Rule(at)) => self.documents.get(at).cloned(),
            None => None,
        };
        let Some(previous) = previous else {
            let problem = Problem::error("bad-action", span, "there is no rule before this one to repeat");
            return Err(problem.hint("this document and those behind it are left out"));
        };
        self.copy(&previous, span)?;
        self.previous = Some(Previous::Rule(self.documents.len()));
        self.documents.push(merge(document, &previous, Winner::Own));
        Ok(())
    }

    /// Takes a copy of `node` out of the file's share.
    fn copy(&mut self, node: &Node<'_>, span: Span) -> Result<(), Refusal> {
        let (nodes, bytes) = node.size();
        self.copied_nodes += nodes;
        self.copied_bytes += bytes;
        if self.copied_nodes > MAX_COPIED_NODES || self.copied_bytes > MAX_COPIED_BYTES {
            let message = format!("the actions of this file copy more than {MAX_COPIED_NODES} values");
            return Err(Problem::error("too-large", span, message).hint("split the file"));
        }
        Ok(())
    }
}

fn without_action(mut document: Node<'_>) -> Node<'_> {
    if let Kind::Mapping(entries) = &mut document.kind {
        entries.retain(|entry| entry.key.text != "action");
    }
    document
}

/// Whose value is taken where both have one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Winner {
    Own,
    Other,
}

/// All that is in `own` or in `other`; what is in `own` stands first.
fn merge<'t>(own: Node<'t>, other: &Node<'t>, winner: Winner) -> Node<'t> {
    let Node { kind, span } = own;
    match (kind, &other.kind) {
        (Kind::Mapping(own), Kind::Mapping(other)) => {
            Node { kind: Kind::Mapping(merge_entries(own, other, winner)), span }
        }
        (kind, _) if winner == Winner::Own => Node { kind, span },
        _ => other.clone(),
    }
}

fn merge_entries<'t>(own: Vec<Entry<'t>>, other: &[Entry<'t>], winner: Winner) -> Vec<Entry<'t>> {
    let mut others: BTreeMap<&str, &Entry<'t>> = other.iter().map(|entry| (&*entry.key.text, entry)).collect();
    let mut merged = Vec::with_capacity(own.len() + other.len());
    for Entry { key, value } in own {
        let value = match others.remove(&*key.text) {
            Some(other) => merge(value, &other.value, winner),
            None => value,
        };
        merged.push(Entry { key, value });
    }
    merged.extend(other.iter().filter(|entry| others.contains_key(&*entry.key.text)).cloned());
    merged
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{brief, load_text};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    const GLOBAL: &str = "action: global\ntitle: g\nlevel: high\nlogsource: {product: x}\n\
        detection: {filter: {G: 0}, condition: sel and not filter}\n";

    #[test]
    fn a_global_document_is_merged_into_the_rules_behind_it() {
        let text = format!(
            "title: before\nlogsource: {{product: x}}\ndetection: {{sel: {{A: 1}}, condition: sel}}\n---\n\
             {GLOBAL}---\ntitle: own\ndetection: {{sel: {{B: 1}}}}\n---\nlogsource: {{service: s}}\ndetection: {{sel: {{C: 1}}}}\n---\n\
             action: reset\n---\ntitle: after\nlogsource: {{product: x}}\ndetection: {{sel: {{D: 1}}, condition: sel}}\n"
        );
        assert_snapshot!(brief(&text), @"A = 1; (B = 1 and not G = 0); (C = 1 and not G = 0); D = 1");
        let rules = load_text(&text).ruleset.rules;
        let told = rules.iter().map(|rule| (&*rule.meta.title, rule.meta.level.word(), rule.meta.origin.line));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [("before", "medium", 1), ("g", "high", 11), ("g", "high", 14), ("after", "medium", 19)]
        );
        assert_eq!((rules[2].source.product.as_deref(), rules[2].source.service.as_deref()), (Some("x"), Some("s")));
    }

    #[test]
    fn a_rule_is_repeated_with_what_differs() {
        let rule = "title: a\nlogsource: {product: x}\ndetection: {sel: {A: 1, B: 1}, condition: sel}\n";
        let repeat = "action: repeat\ntitle: b\ndetection: {sel: {B: 2}}\n";
        let again = "action: repeat\ntitle: c\ndetection: {sel: {C: [3, 4]}}\n";
        let text = format!("{rule}---\n{repeat}---\n{again}");
        assert_snapshot!(brief(&text), @"(A = 1 and B = 1); (B = 2 and A = 1); ((C = 3 or C = 4) and B = 2 and A = 1)");
        let rules = load_text(&text).ruleset.rules;
        let told: Vec<_> = rules.iter().map(|rule| (&*rule.meta.title, rule.meta.origin.line)).collect();
        assert_eq!(told, [("a", 1), ("b", 6), ("c", 10)]);
        assert_snapshot!(brief(&format!("{GLOBAL}---\naction: repeat\ndetection: {{sel: {{A: 1}}}}\n")), @"(A = 1 and not G = 0)");
    }

    #[test]
    fn correlations_and_filters_are_no_part_of_collections() {
        let correlation = "title: c\naction: any\ncorrelation: {type: temporal, rules: r, timespan: 1m}\n---\naction: repeat\nname: s\n";
        let text = format!("{GLOBAL}---\nname: r\ndetection: {{sel: {{B: 1}}}}\n---\n{correlation}");
        assert_snapshot!(brief(&text), @"(B = 1 and not G = 0); (B = 1 and not G = 0); rules >= 1 of rule 0 within 1m");
    }

    #[test]
    fn what_is_wrong_with_an_action_is_told() {
        let rule = "title: a\nlogsource: {product: x}\ndetection: {sel: {A: 1}, condition: sel}\n";
        let told = |text: &str| format!("{}\n", brief(&format!("{text}\n---\n{rule}")));
        let wrong = [
            "action: globall\nlevel: low",
            "action: add",
            "action: [global]",
            "action: repeat",
            "action: global\n---\naction: reset\n---\naction: repeat",
            "action: global\nlevel: low\n---\n[",
            "action: global\nlevel: hihg",
            "action: global\ndetection: {other: {A|x: 1}}",
        ];
        assert_snapshot!(wrong.map(told).concat(), @r"
        bad-action: no action `globall` AT globall (did you mean `global`? This document and those behind it are left out)
        bad-action: no action `add` AT add (there are global, repeat and reset; this document and those behind it are left out)
        wrong-type: `action` must be a text, not a list AT [global]
        bad-action: there is no rule before this one to repeat AT repeat (this document and those behind it are left out)
        bad-action: there is no rule before this one to repeat AT repeat (this document and those behind it are left out)
        bad-action: this file could not be read whole, so it is not known what this action is for AT global (no document of the file is used); yaml: invalid YAML: unclosed bracket '[' AT [
        A = 1; metadata: no level `hihg` AT hihg (did you mean `high`?)
        unknown-modifier: no modifier `x` AT x (most rules need contains, startswith, endswith, all, re, cidr or exists)
        ");
    }

    #[test]
    fn what_two_rules_share_is_told_once() {
        let rules = "---\ndetection: {sel: {B: 1}}\n".repeat(3);
        assert_snapshot!(brief(&format!("{}{rules}", GLOBAL.replace("G:", "G|x:"))), @"unknown-modifier: no modifier `x` AT x (most rules need contains, startswith, endswith, all, re, cidr or exists)");
    }

    proptest! {
        #[test]
        fn documents_in_any_order_are_read_or_refused(order in prop::collection::vec(0..8_usize, 0..12)) {
            const DOCUMENTS: [&str; 8] = [
                "action: global\nlogsource: {product: x}\ndetection: {s: {F: 1}, condition: s}\n",
                "action: reset\n",
                "action: repeat\ndetection: {s: [k]}\n",
                "action: repeat\ndetection: [k]\n",
                "action: [x]\n",
                "title: a\n",
                "title: b\nlogsource: {product: x}\ndetection: {s: {G: 1}, condition: s}\n",
                "text\n",
            ];
            let text: Vec<_> = order.iter().filter_map(|at| DOCUMENTS.get(*at).copied()).collect();
            let _ = load_text(&text.join("---\n")).render(false);
        }
    }

    #[test]
    fn copies_are_bounded() {
        let values = "x, ".repeat(500);
        let text = format!("action: global\nfields: [{values}]\n{}", "---\ntitle: a\n".repeat(100));
        let loaded = load_text(&text);
        assert!(loaded.diagnostics.iter().any(|found| found.code == "too-large"));
    }
}
