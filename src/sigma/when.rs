//! Conditions outside of rules: `when` of a route, for instance.

use super::Options;
use super::ast;
use super::context::Context;
use super::diagnostic::{Problems, Span};
use super::ir::Expr;
use super::lower;
use super::regex::Checker;
use super::yaml::{Kind, Node, Text};
use std::borrow::Cow;
use std::sync::Arc;

/// The meaning of `node` of the file `name` with this text: search identifiers with a `condition`, as in the `detection`
/// of a rule; or a single selection, which is its own condition. `None` if something in it is wrong.
pub(crate) fn when(
    node: &Node<'_>,
    name: &Arc<str>,
    text: &str,
    options: &Options,
    problems: &mut Problems,
) -> Option<Expr> {
    let checker = Checker::new();
    let mut context = Context::new(name, text, options, Some(&checker));
    // Fields are known where `options` says which there are.
    context.own = true;
    context.problems = std::mem::take(problems);
    let before = context.problems.errors();
    let has_condition =
        matches!(&node.kind, Kind::Mapping(entries) if entries.iter().any(|entry| entry.key.text == "condition"));
    let expr = if has_condition {
        ast::detection(node, &mut context.problems).and_then(|detection| lower::detection(&mut context, &detection))
    } else {
        let title = Text { text: Cow::Borrowed("when"), span: Span::new(node.span.start, node.span.start) };
        ast::body(node, &title, &mut context.problems).and_then(|body| lower::body(&mut context, &body))
    };
    *problems = std::mem::take(&mut context.problems);
    expr.filter(|_| problems.errors() == before)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn read(text: &str) -> (Option<String>, Vec<String>) {
        let mut problems = Problems::default();
        let documents = yaml::parse(text, &mut problems);
        let name = "sigmabus.yml".into();
        let expr = when(&documents[0], &name, text, &Options::default(), &mut problems);
        let told = problems.locate(&name, text);
        let told = told.iter().map(|found| format!("{}:{} {}", found.line, found.column, found.message)).collect();
        (expr.map(|expr| expr.to_string()), told)
    }

    #[test]
    fn a_selection_is_its_own_condition() {
        let alone = read("level: [high, critical]\nrule.title|contains: scan\n");
        assert_eq!(alone, read("a: {level: [high, critical], rule.title|contains: scan}\ncondition: a\n"));
        assert!(alone.0.is_some() && alone.1.is_empty(), "{alone:?}");
        let list = read("- level: high\n- score|gte: 100\n");
        assert_eq!(list, read("a: {level: high}\nb: {score|gte: 100}\ncondition: a or b\n"));
        assert!(list.0.is_some() && list.1.is_empty(), "{list:?}");
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        assert_eq!(read("a: {x: 1}\ncondition: b\n"), (None, vec!["2:12 no search identifier `b`".into()]));
        assert_eq!(read("level|contians: x\n"), (None, vec!["1:7 no modifier `contians`".into()]));
    }
}
