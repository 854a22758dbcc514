//! A rule's shape, changed by mappings before it is given its meaning.

use super::ast::{Added, Body, Detection, Given, Item, Mapped};
use super::context::{Context, Placeholder};
use super::diagnostic::{Problem, Refusal, Span, short};
use super::ir::{LogSource, Meta};
use super::limits::MAX_MAPPED_NAMES;
use super::mapping::{ItemIs, Mapping, Mappings, Rename, RuleIs, Step, Transformation};
use super::mapping_value::{self as value, Counted};
use super::modifiers::{How, Plan};
use super::scalar;
use super::yaml::{Scalar, Text};
use super::{is_own, mapping, modifiers};
use bumpalo::Bump;
use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

/// What mappings did with a rule: filters and correlations that are for it go the same way.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Whether it was for our own records before.
    pub(super) was_own: bool,
    /// Of each step whether its conditions on rules held.
    pub(super) steps: Vec<bool>,
}

/// Changes a rule. `place` is where it tells its log source; gives for each step whether it was made.
pub(super) fn change<'t>(
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
pub(super) fn follow<'t>(context: &mut Context<'_>, arena: &'t Bump, detection: &mut Detection<'t>, made: &[bool]) {
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
pub(super) fn follow_name(
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
pub(super) fn change_correlation(
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
    pub(super) fn placeholder<'m>(
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

fn refusal(mapping: &Mapping, message: &str, span: Span) -> Refusal {
    Problem::error("mapping", span, message).hint(format!("the mapping `{}` refuses it", short(&mapping.name)))
}

fn renamed(step: &Step, rename: &Rename, field: Arc<str>) -> Vec<Arc<str>> {
    let meant = step.field.hold(|is| is.holds(Some(&field)));
    rename.names(&field).filter(|_| meant).unwrap_or_else(|| vec![field])
}

/// Reads all keys, and makes keywords items without a field. Gives the fields that are named, and where.
fn prepare<'t>(context: &Context<'_>, arena: &'t Bump, detection: &mut Detection<'t>) -> Vec<(Arc<str>, Span)> {
    let mut names = Vec::new();
    for body in detection.selections.iter_mut().filter_map(|selection| selection.body.as_mut()) {
        plan_items(context, arena, body);
        names_in(body, &mut names);
    }
    names
}

fn names_in(body: &Body<'_>, names: &mut Vec<(Arc<str>, Span)>) {
    match body {
        Body::Map(items) => {
            for (item, plan) in items.iter().filter_map(|item| Some((item, &item.mapped.as_ref()?.plan))) {
                names.extend((!plan.field.is_empty()).then(|| (plan.field.into(), plan.field_span)));
                let references = item.values.iter().filter(|_| matches!(plan.how, How::Reference(_)));
                names.extend(references.map(|given| (given.text.into(), given.span)));
            }
        }
        Body::List(parts) | Body::All(parts) => parts.iter().for_each(|part| names_in(part, names)),
        Body::Keyword(_) => {}
    }
}

fn plan_items<'t>(context: &Context<'_>, arena: &'t Bump, body: &mut Body<'t>) {
    match body {
        Body::Map(items) => {
            for item in items.iter_mut().filter(|item| item.mapped.is_none()) {
                // A key that cannot be read is told when it is lowered.
                let plan = Plan::read(item.key, context.text).ok();
                item.mapped = plan.map(|plan| Mapped { plan, placeholders: Vec::new(), changed: Vec::new() });
            }
        }
        Body::All(parts) => parts.iter_mut().for_each(|part| plan_items(context, arena, part)),
        Body::List(parts) => {
            let keyword = |part: &Body<'t>| if let Body::Keyword(given) = part { Some(*given) } else { None };
            // A list of keywords is one item with several values.
            match parts.iter().map(keyword).collect::<Option<Vec<_>>>() {
                Some(values) => *body = keywords(context, arena, values),
                None => parts.iter_mut().for_each(|part| plan_items(context, arena, part)),
            }
        }
        Body::Keyword(given) => *body = keywords(context, arena, vec![*given]),
    }
}

fn keywords<'t>(context: &Context<'_>, arena: &'t Bump, values: Vec<Given<'t>>) -> Body<'t> {
    let span = values.first().map_or_else(Span::default, |given| given.span);
    let key = &*arena.alloc(Text { text: Cow::Borrowed(""), span });
    let mut body = Body::Map(vec![Item { key, values, mapped: None }]);
    plan_items(context, arena, &mut body);
    body
}

/// The field of an item; `None` for keywords.
fn field_of<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    item.mapped.as_ref().map(|mapped| mapped.plan.field).filter(|field| !field.is_empty())
}

fn any_item(detection: &Detection<'_>, holds: &mut impl FnMut(&Item<'_>) -> bool) -> bool {
    let selections = detection.selections.iter().filter_map(|selection| selection.body.as_ref());
    selections.chain(detection.added.iter().map(|added| &added.body)).any(|body| any_in(body, holds))
}

fn any_in(body: &Body<'_>, holds: &mut impl FnMut(&Item<'_>) -> bool) -> bool {
    match body {
        Body::Map(items) => items.iter().any(holds),
        Body::List(parts) | Body::All(parts) => parts.iter().any(|part| any_in(part, holds)),
        Body::Keyword(_) => false,
    }
}

/// The selection that is added, for a rule of this log source.
fn add<'t>(arena: &'t Bump, added: &mapping::Added, source: &LogSource, place: Span) -> Result<Added<'t>, Refusal> {
    let mut items = Vec::with_capacity(added.items.len());
    for (key, values) in &added.items {
        let key = &*arena.alloc(Text { text: Cow::Borrowed(arena.alloc_str(key)), span: place });
        let mut given = Vec::with_capacity(values.len());
        for value in values {
            let text = if added.template { fill(&value.text, source, place)? } else { value.text.clone() };
            given.push(self::given(arena, &Scalar { text, plain: value.plain }, place));
        }
        items.push(Item { key, values: given, mapped: None });
    }
    Ok(Added { body: Body::Map(items), negated: added.negated })
}

/// A value of a mapping as one of a rule.
fn given<'t>(arena: &'t Bump, scalar: &Scalar<'_>, span: Span) -> Given<'t> {
    let text = &*arena.alloc_str(&scalar.text);
    let scalar = &*arena.alloc(Scalar { text: Cow::Borrowed(text), plain: scalar.plain });
    Given { value: scalar::resolve(scalar), text, span, listed: true }
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

/// Makes a step for all items that its conditions hold for.
fn change_items<'t>(
    context: &mut Context<'_>,
    arena: &'t Bump,
    detection: &mut Detection<'t>,
    number: usize,
    mapping: &Mapping,
    step: &Step,
) {
    let mut change = |item: Item<'t>| change_item(context, arena, item, number, mapping, step);
    for body in detection.selections.iter_mut().filter_map(|selection| selection.body.as_mut()) {
        rewrite(body, &mut change);
    }
    detection.added.iter_mut().for_each(|added| rewrite(&mut added.body, &mut change));
    detection.added.retain(|added| !added.body.is_empty());
}

/// Puts what `change` makes of each item in its place: nothing, one, or several of which any must hold.
fn rewrite<'t>(body: &mut Body<'t>, change: &mut impl FnMut(Item<'t>) -> Vec<Item<'t>>) {
    match body {
        Body::Keyword(_) => {}
        Body::Map(items) => {
            let changed: Vec<_> = mem::take(items).into_iter().map(change).filter(|items| !items.is_empty()).collect();
            if changed.iter().all(|items| items.len() == 1) {
                *items = changed.into_iter().flatten().collect();
                return;
            }
            let any = |items: Vec<Item<'t>>| Body::List(items.into_iter().map(|item| Body::Map(vec![item])).collect());
            let mut parts: Vec<_> = changed.into_iter().map(any).collect();
            *body = match parts.pop() {
                Some(only) if parts.is_empty() => only,
                last => {
                    parts.extend(last);
                    Body::All(parts)
                }
            };
        }
        Body::All(parts) => {
            parts.iter_mut().for_each(|part| rewrite(part, change));
            parts.retain(|part| !part.is_empty());
        }
        Body::List(parts) => {
            parts.iter_mut().for_each(|part| rewrite(part, change));
            parts.retain(|part| !part.is_empty());
            // A list in a list is the same as one list, and does not grow deep by many steps.
            if parts.iter().any(|part| matches!(part, Body::List(_))) {
                let flat = mem::take(parts).into_iter().flat_map(|part| match part {
                    Body::List(inner) => inner,
                    other => vec![other],
                });
                *parts = flat.collect();
            }
        }
    }
}

/// What a step makes of one item.
fn change_item<'t>(
    context: &mut Context<'_>,
    arena: &'t Bump,
    mut item: Item<'t>,
    number: usize,
    mapping: &Mapping,
    step: &Step,
) -> Vec<Item<'t>> {
    // Nobody is told more than the file's share of problems, and what multiplies stops there.
    if context.problems.is_full() || !is_meant(context, &item, step) {
        return vec![item];
    }
    let changed = match &step.transformation {
        Transformation::Rename(rename) => return rename_item(context, arena, item, number, step, rename),
        Transformation::DropItem => return Vec::new(),
        Transformation::RefuseItem(message) => {
            context.problems.push(refusal(mapping, message, item.key.span));
            false
        }
        Transformation::ValuePlaceholders(_) | Transformation::WildcardPlaceholders(_) => {
            item.mapped.iter_mut().for_each(|mapped| mapped.placeholders.push(number));
            item.mapped.as_ref().is_some_and(|mapped| match &mapped.plan.how {
                How::Text(steps) => steps.iter().any(|(step, _)| *step == modifiers::Step::Expand),
                How::Regex { expand, .. } => *expand,
                _ => false,
            })
        }
        Transformation::ReplaceString { regex, replacement, only_text } => {
            value::rewrite(arena, &mut item, Counted::Numbers, |text| text.replace(regex, replacement, *only_text))
        }
        Transformation::MapString(map) => {
            value::rewrite(arena, &mut item, Counted::Texts, |text| map.get(&text.plain()).cloned())
        }
        Transformation::SetValue(scalar) => {
            let span = item.values.first().map_or(item.key.span, |given| given.span);
            item.values = vec![given(arena, scalar, span)];
            item.mapped.iter_mut().for_each(|mapped| mapped.plan.how = How::Text(Vec::new()));
            true
        }
        Transformation::AddCondition(_) | Transformation::ChangeSource(_) | Transformation::RefuseRule(_) => false,
    };
    if changed {
        item.mapped.iter_mut().for_each(|mapped| mapped.changed.push(number));
    }
    vec![item]
}

/// Whether a step's conditions on lines and names hold for an item.
fn is_meant(context: &Context<'_>, item: &Item<'_>, step: &Step) -> bool {
    let Some(mapped) = &item.mapped else { return false };
    let meant = step.item.hold(|is| match is {
        ItemIs::Text { link, regex, negated } => link.of(&item.values, |given| {
            value::text(item, *given, Counted::Texts).is_some_and(|text| regex.is_match(&text.plain())) != *negated
        }),
        ItemIs::Value { link, value } => link.of(&item.values, |given| value::equals(item, *given, value)),
        ItemIs::Wildcard(link) => link.of(&item.values, |given| {
            value::text(item, *given, Counted::Texts).is_some_and(|text| text.has_wildcards())
        }),
        ItemIs::Null(link) => link.of(&item.values, |given| given.value == scalar::Value::Null),
        ItemIs::Changed(id) => {
            let steps = context.options.mappings.steps().enumerate();
            steps
                .filter(|(number, _)| mapped.changed.contains(number))
                .any(|(_, (_, step))| step.id.as_ref() == Some(id))
        }
    });
    meant
        && step.field.hold(|is| {
            let refers = matches!(mapped.plan.how, How::Reference(_));
            is.holds(field_of(item)) || (refers && item.values.iter().any(|given| is.holds(Some(given.text))))
        })
}

fn rename_item<'t>(
    context: &mut Context<'_>,
    arena: &'t Bump,
    mut item: Item<'t>,
    number: usize,
    step: &Step,
    rename: &Rename,
) -> Vec<Item<'t>> {
    let Some(Mapped { plan, .. }) = &item.mapped else { return vec![item] };
    let new = |name: &str| {
        let names = rename.names(name).filter(|_| step.field.hold(|is| is.holds(Some(name))))?;
        Some(names.into_iter().map(|name| &*arena.alloc_str(&name)).collect::<Vec<&'t str>>())
    };
    let mut changed = false;
    if matches!(plan.how, How::Reference(_)) {
        let mut values = Vec::with_capacity(item.values.len());
        for given in &item.values {
            let Some(names) = new(given.text) else {
                values.push(*given);
                continue;
            };
            changed = true;
            values.extend(names.into_iter().map(|text| Given {
                value: scalar::Value::Text(text),
                text,
                span: given.span,
                listed: given.listed,
            }));
        }
        item.values = values;
    }
    let names = field_of(&item).and_then(new);
    changed |= names.is_some();
    if changed {
        item.mapped.iter_mut().for_each(|mapped| mapped.changed.push(number));
    }
    let Some(names) = names else { return vec![item] };
    // Each copy costs as much as what it will become.
    let copies = names.len().saturating_sub(1).saturating_mul(item.values.len() + 1);
    if !context.budget.take(copies) {
        let message = format!("mappings make too much of the item `{}`", short(&item.key.text));
        context.problems.push(Problem::error("too-large", item.key.span, message));
        return vec![item];
    }
    let with = |field: &'t str| {
        let mut item = item.clone();
        item.mapped.iter_mut().for_each(|mapped| mapped.plan.field = field);
        item
    };
    names.into_iter().map(with).collect()
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
