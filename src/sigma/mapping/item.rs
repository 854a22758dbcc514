//! The lines of a rule, changed one by one.

use super::plan::field_of;
use super::value::{self, Counted};
use super::{ItemIs, Mapping, Rename, Step, Transformation};
use crate::sigma::ast::{Body, Detection, Given, Item, Mapped};
use crate::sigma::context::Context;
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::modifiers::{self, How};
use crate::sigma::scalar;
use crate::sigma::yaml::Scalar;
use bumpalo::Bump;
use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

/// Makes a step for all items that its conditions hold for.
pub(super) fn change_items<'t>(
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

pub(super) fn refusal(mapping: &Mapping, message: &str, span: Span) -> Refusal {
    Problem::error("mapping", span, message).hint(format!("the mapping `{}` refuses it", short(&mapping.name)))
}

pub(super) fn renamed(step: &Step, rename: &Rename, field: Arc<str>) -> Vec<Arc<str>> {
    let meant = step.field.hold(|is| is.holds(Some(&field)));
    rename.names(&field).filter(|_| meant).unwrap_or_else(|| vec![field])
}

/// A value of a mapping as one of a rule.
pub(super) fn given<'t>(arena: &'t Bump, scalar: &Scalar<'_>, span: Span) -> Given<'t> {
    let text = &*arena.alloc_str(&scalar.text);
    let scalar = &*arena.alloc(Scalar { text: Cow::Borrowed(text), plain: scalar.plain });
    Given { value: scalar::resolve(scalar), text, span, listed: true }
}
