//! A rule's shape, changed by mappings before it is given its meaning.

use super::item::{self, change_items, refusal, renamed};
use super::plan::{any_item, field_of, plan_items, prepare};
use super::{Mappings, RuleIs, Transformation, value};
use crate::sigma::ast::{Added, Body, Detection, Item};
use crate::sigma::context::{Context, Placeholder};
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::ir::{LogSource, Meta};
use crate::sigma::is_own;
use crate::sigma::limits::MAX_MAPPED_NAMES;
use crate::sigma::yaml::{Scalar, Text};
use bumpalo::Bump;
use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

/// What mappings did with a rule: filters and correlations that are for it go the same way.
#[derive(Clone, Debug, Default)]
pub(in crate::sigma) struct Changes {
    /// Whether it was for our own records before.
    pub(in crate::sigma) was_own: bool,
    /// Of each step whether its conditions on rules held.
    pub(in crate::sigma) steps: Vec<bool>,
}

/// Changes a rule. `place` is where it tells its log source; gives for each step whether it was made.
pub(in crate::sigma) fn change<'t>(
    context: &mut Context<'_>,
    arena: &'t Bump,
    detection: &mut Detection<'t>,
    source: &mut LogSource,
    meta: &mut Meta,
    place: Span,
) -> Vec<bool> {
    let options = context.options;
    let was_own = context.own;
    let names = prepare(context, arena, detection);
    let mut made: Vec<bool> = Vec::new();
    for (number, (mapping, step)) in options.mappings.steps().enumerate() {
        if context.problems.is_full() {
            break;
        }
        let holds = step.rule.hold(|is| match is {
            RuleIs::For(wanted) => wanted.covers(source),
            RuleIs::HasField(field) => any_item(detection, &mut |item| field_of(item) == Some(field)),
            RuleIs::HasItem(field, wanted) => any_item(detection, &mut |item| {
                field_of(item) == Some(field) && item.values.iter().any(|given| value::equals(item, *given, wanted))
            }),
            RuleIs::Tagged(tag) => meta.tags.contains(tag),
            RuleIs::Detection => true,
            RuleIs::Correlation => false,
            RuleIs::Changed(id) => was_made(&options.mappings, &made, id),
        });
        made.push(holds);
        if !holds {
            continue;
        }
        match &step.transformation {
            Transformation::ChangeSource(new) => source.clone_from(new),
            Transformation::RefuseRule(message) => {
                context.problems.push(refusal(mapping, message, place));
                break;
            }
            Transformation::AddCondition(added) => match add(arena, added, source, place) {
                Ok(mut added) => {
                    plan_items(context, arena, &mut added.body);
                    detection.added.push(added);
                }
                Err(refusal) => context.problems.push(refusal),
            },
            Transformation::Rename(rename) => {
                let masked = mem::take(&mut meta.mask);
                meta.mask = masked.into_iter().flat_map(|field| renamed(step, rename, field)).collect();
                change_items(context, arena, detection, number, mapping, step);
            }
            _ => change_items(context, arena, detection, number, mapping, step),
        }
    }
    // Where the rule stays one for our own records, the new names are checked when it is lowered.
    if was_own && !is_own(source) {
        for (name, span) in names {
            let checked = options.check_field(&name, span);
            context.problems.keep(checked);
        }
    }
    made.resize(options.mappings.steps().count(), false);
    made
}

/// Changes a filter's selections as the rule was changed that it is added to.
pub(in crate::sigma) fn follow<'t>(
    context: &mut Context<'_>,
    arena: &'t Bump,
    detection: &mut Detection<'t>,
    made: &[bool],
) {
    let options = context.options;
    prepare(context, arena, detection);
    for (number, (mapping, step)) in options.mappings.steps().enumerate() {
        if made.get(number) == Some(&true) {
            change_items(context, arena, detection, number, mapping, step);
        }
    }
}

/// The names that a correlation reads instead of `field`, where these steps were made.
///
/// # Errors
/// When a step refuses the name, or gives too many.
pub(in crate::sigma) fn follow_name(
    mappings: &Mappings,
    made: &[bool],
    field: &Arc<str>,
    span: Span,
) -> Result<Vec<Arc<str>>, Refusal> {
    let mut names = vec![Arc::clone(field)];
    for (_, (mapping, step)) in mappings.steps().enumerate().filter(|(number, _)| made.get(*number) == Some(&true)) {
        match &step.transformation {
            Transformation::Rename(rename) => {
                names = names.into_iter().flat_map(|name| renamed(step, rename, name)).collect();
                if names.len() > MAX_MAPPED_NAMES {
                    let message = format!("mappings make more than {MAX_MAPPED_NAMES} names of `{}`", short(field));
                    return Err(Problem::error("too-large", span, message));
                }
            }
            Transformation::RefuseItem(message)
                if step.item.list.is_empty()
                    && !step.field.list.is_empty()
                    && names.iter().any(|name| step.field.hold(|is| is.holds(Some(name)))) =>
            {
                return Err(refusal(mapping, message, span));
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Whether each step is made for a correlation; `covered` tells of each of [`Mappings::sources`] whether a rule it
/// refers to is for it.
///
/// # Errors
/// When a step refuses it.
pub(in crate::sigma) fn change_correlation(
    mappings: &Mappings,
    covered: &[bool],
    tags: &[Arc<str>],
    place: Span,
) -> Result<Vec<bool>, Refusal> {
    let mut made = Vec::new();
    for (mapping, step) in mappings.steps() {
        let holds = step.rule.hold(|is| match is {
            RuleIs::For(wanted) => {
                mappings.sources().iter().zip(covered).any(|(source, covered)| *covered && source == wanted)
            }
            RuleIs::HasField(_) | RuleIs::HasItem(..) | RuleIs::Detection => false,
            RuleIs::Tagged(tag) => tags.contains(tag),
            RuleIs::Correlation => true,
            RuleIs::Changed(id) => was_made(mappings, &made, id),
        });
        made.push(holds);
        if let (Transformation::RefuseRule(message), true) = (&step.transformation, holds) {
            return Err(refusal(mapping, message, place));
        }
    }
    Ok(made)
}

impl Mappings {
    /// What a placeholder stands for, by those of `steps` that replace placeholders. `None` if none of them replaces it,
    /// or the first that does has no value for it.
    pub(in crate::sigma) fn placeholder<'m>(
        &'m self,
        steps: &[usize],
        name: &str,
        configured: Option<Placeholder<'m>>,
    ) -> Option<Placeholder<'m>> {
        for (_, (mapping, step)) in self.steps().enumerate().filter(|(number, _)| steps.contains(number)) {
            match &step.transformation {
                Transformation::ValuePlaceholders(handled) if handled.includes(name) => {
                    return mapping.vars.get(name).map(|values| Placeholder::Values(values)).or(configured);
                }
                Transformation::WildcardPlaceholders(handled) if handled.includes(name) => {
                    return configured.or(Some(Placeholder::Anything));
                }
                _ => {}
            }
        }
        None
    }
}

fn was_made(mappings: &Mappings, made: &[bool], id: &Arc<str>) -> bool {
    mappings.steps().zip(made).any(|((_, step), made)| *made && step.id.as_ref() == Some(id))
}

/// The selection that is added, for a rule of this log source.
fn add<'t>(arena: &'t Bump, added: &super::Added, source: &LogSource, place: Span) -> Result<Added<'t>, Refusal> {
    let mut items = Vec::with_capacity(added.items.len());
    for (key, values) in &added.items {
        let key = &*arena.alloc(Text { text: Cow::Borrowed(arena.alloc_str(key)), span: place });
        let mut given = Vec::with_capacity(values.len());
        for value in values {
            let text = if added.template { fill(&value.text, source, place)? } else { value.text.clone() };
            given.push(item::given(arena, &Scalar { text, plain: value.plain }, place));
        }
        items.push(Item { key, values: given, mapped: None });
    }
    Ok(Added { body: Body::Map(items), negated: added.negated })
}

/// `$category`, `$product`, `$service`, also in braces, and `$$`, which is one `$`.
fn fill<'v>(text: &'v str, source: &LogSource, place: Span) -> Result<Cow<'v, str>, Refusal> {
    let mut filled = text.replace("$$", "\0");
    for (name, part) in [("category", &source.category), ("product", &source.product), ("service", &source.service)] {
        for written in [format!("${{{name}}}"), format!("${name}")] {
            if !filled.contains(&written) {
                continue;
            }
            let Some(part) = part else {
                let message = format!("the mapping needs a `{name}`, and this rule's log source has none");
                return Err(Problem::error("mapping", place, message));
            };
            filled = filled.replace(&written, part);
        }
    }
    Ok(Cow::Owned(filled.replace('\0', "$")))
}

#[cfg(test)]
mod tests {
    use crate::sigma::limits::MAX_STEPS;
    use crate::sigma::testing::options;
    use crate::sigma::{Loaded, Mappings, Options, SourceText, load, read_mapping};

    fn by(mapping: &str, rules: &str) -> Loaded {
        let mapping = read_mapping(&SourceText::new("mapping.yml", mapping.as_bytes())).unwrap();
        let options = Options { mappings: Mappings::new(vec![mapping]), ..options() };
        load([SourceText::new("rule.yml", rules.as_bytes())], &options)
    }

    const RULE: &str = "title: t\nname: t\nlogsource: {product: x}\ndetection: {s: {a: [1, 2]}, condition: s}\n";

    #[test]
    fn a_refusal_points_at_the_rule_and_names_the_mapping() {
        let mapping = "name: mine\ntransformations:\n\
            - {type: detection_item_failure, message: this log has no such field, field_name_conditions: [{type: include_fields, fields: [b, F]}]}\n\
            - {type: rule_failure, message: this log is another, rule_conditions: [{type: logsource, product: y}]}\n";
        let rules = "title: one\nlogsource: {product: x}\ndetection:\n  s:\n    a|contains: 1\n    b|contains: 2\n  t: {a|fieldref: b}\n  condition: s or t\n---\n\
            title: two\nlogsource: {product: y}\ndetection: {s: {a: 1}, condition: s}\n---\n\
            title: three\nname: three\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: s}\n---\n\
            title: four\ncorrelation: {type: event_count, rules: [three], group-by: [F], timespan: 1m, condition: {gte: 2}}\n";
        let loaded = by(mapping, rules);
        assert_eq!(loaded.ruleset.rules.len(), 1);
        insta::assert_snapshot!(loaded.render(false));
    }

    #[test]
    fn masked_fields_stay_masked_under_their_new_names() {
        let rule = format!("{RULE}sigmabus: {{mask: [a, other]}}\n");
        let loaded = by("name: m\ntransformations: [{type: field_name_mapping, mapping: {a: [b, c]}}]", &rule);
        let mask: Vec<&str> = loaded.ruleset.rules[0].meta.mask.iter().map(|field| &**field).collect();
        assert_eq!(mask, ["b", "c", "other"]);
    }

    #[test]
    fn the_log_source_is_that_of_the_mapping() {
        let loaded = by("name: m\ntransformations: [{type: change_logsource, category: c, service: s}]", RULE);
        let source = &loaded.ruleset.rules[0].source;
        let parts = [&source.category, &source.product, &source.service].map(Option::as_deref);
        assert_eq!(parts, [Some("c"), None, Some("s")]);
    }

    #[test]
    fn a_mapping_that_multiplies_is_refused_soon() {
        let double = "- {type: field_name_mapping, mapping: {a: [a, a]}}\n";
        let mapping = format!("name: m\ntransformations:\n{}", double.repeat(64));
        let correlation = "---\ntitle: c\ncorrelation: {type: event_count, rules: [t], group-by: [a], timespan: 1s, condition: {gte: 1}}\n";
        let loaded = by(&mapping, &format!("{RULE}{correlation}"));
        assert_eq!(loaded.diagnostics.first().map(|found| found.code), Some("too-large"));
        assert!(loaded.ruleset.rules.is_empty());
        let only_correlations = mapping.replace("]}}", "]}, rule_conditions: [{type: is_sigma_correlation_rule}]}");
        let loaded = by(&only_correlations, &format!("{RULE}{correlation}"));
        assert_eq!(loaded.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["too-large"]);
    }

    #[test]
    fn many_steps_need_no_stack() {
        let step = |at: usize| format!("- {{type: field_name_mapping, mapping: {{a{at}: [a{}, b{at}]}}}}\n", at + 1);
        let mapping = format!("name: m\ntransformations:\n{}", (0..MAX_STEPS).map(step).collect::<String>());
        let loaded = by(&mapping, &RULE.replace("a:", "a0:"));
        assert_eq!(loaded.render(false), "");
        let condition = loaded.ruleset.rules[0].condition.to_string();
        assert!(condition.contains("a1000 = 2") && condition.contains("b0 = 1"));
    }
}
