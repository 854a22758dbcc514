//! The lines of a rule before mappings change them: their keys read, keywords among them.

use crate::sigma::ast::{Body, Detection, Given, Item, Mapped};
use crate::sigma::context::Context;
use crate::sigma::diagnostic::Span;
use crate::sigma::modifiers::{How, Plan};
use crate::sigma::yaml::Text;
use bumpalo::Bump;
use std::borrow::Cow;
use std::sync::Arc;

/// Reads all keys, and makes keywords items without a field. Gives the fields that are named, and where.
pub(super) fn prepare<'t>(
    context: &Context<'_>,
    arena: &'t Bump,
    detection: &mut Detection<'t>,
) -> Vec<(Arc<str>, Span)> {
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

pub(super) fn plan_items<'t>(context: &Context<'_>, arena: &'t Bump, body: &mut Body<'t>) {
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
pub(super) fn field_of<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    item.mapped.as_ref().map(|mapped| mapped.plan.field).filter(|field| !field.is_empty())
}

pub(super) fn any_item(detection: &Detection<'_>, holds: &mut impl FnMut(&Item<'_>) -> bool) -> bool {
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
