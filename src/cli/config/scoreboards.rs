//! `scoreboards:` where points add up, and when they are too many.

use super::super::node::{Fields, integer, list, refuse_twice, text, timespan, wrong_value};
use super::Reader;
use crate::record::schema;
use crate::score::{Scoreboard, Threshold};
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::yaml::Node;
use std::sync::Arc;

/// [`Scoreboard::default`] as it would be written.
pub(super) const DEFAULT: &str = "[{name: client, entity: [modbus.client], window: 10m, gt: 100, cool_down: 10m}]";

const KEYS: [&str; 6] = ["name", "entity", "window", "gt", "gte", "cool_down"];

const WHAT: &str = "a scoreboard";

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<Scoreboard> {
    let items = reader.keep(list(node, "`scoreboards`")).unwrap_or_default();
    let boards: Vec<(Scoreboard, Span)> = items.iter().filter_map(|item| board(item, reader)).collect();
    refuse_twice(boards.iter().map(|(board, name)| (&*board.name, *name)), &mut reader.problems);
    boards.into_iter().map(|(board, _)| board).collect()
}

/// A scoreboard, and where its name is written.
fn board(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<(Scoreboard, Span)> {
    let fields = reader.fields(node, &KEYS, WHAT)?;
    let name = reader.need(&fields, "name", WHAT, |node| Ok((Arc::from(text(node, "a name")?), node.span)));
    let entity = reader.keep(fields.need("entity", WHAT));
    let entity = entity.and_then(|node| reader.several(Some(node), "a field", field));
    let window = reader.need(&fields, "window", WHAT, |node| timespan(node, "the window"));
    let threshold = threshold(&fields);
    let threshold = reader.keep(threshold);
    let cool_down = match window {
        Some(window) => reader.or(&fields, "cool_down", window, |node| timespan(node, "the cool-down")),
        None => fields.get("cool_down").and_then(|node| reader.keep(timespan(node, "the cool-down"))),
    };
    let (name, place) = name?;
    let board = Scoreboard { name, entity: entity?, window: window?, threshold: threshold?, cool_down: cool_down? };
    Some((board, place))
}

fn field(node: &Node<'_>) -> Result<Arc<str>, Refusal> {
    let field = text(node, "a field")?;
    if field.starts_with("modbus.") && schema::find(field).is_none() {
        let problem = Problem::error("unknown-field", node.span, format!("no field `{}`", short(field)));
        return Err(problem.suggest(schema::suggest(field)));
    }
    Ok(field.into())
}

fn threshold(fields: &Fields<'_>) -> Result<Threshold, Refusal> {
    let bound = |node| integer(node, "a threshold", 0..=i64::MAX);
    match (fields.get("gt"), fields.get("gte")) {
        (Some(node), None) => bound(node).map(Threshold::Gt),
        (None, Some(node)) => bound(node).map(Threshold::Gte),
        (Some(_), Some(node)) => Err(wrong_value(node, "expected one of `gt` and `gte`, not both")),
        (None, None) => Err(Problem::error("missing-key", fields.span, "a scoreboard needs `gt` or `gte`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use crate::score::Threshold;
    use crate::time::Span;

    #[test]
    fn a_cool_down_is_as_long_as_the_window_unless_it_is_written() {
        let source = "scoreboards:\n- {name: a, entity: x, window: 5m, gte: 50, cool_down: 1h}\n\
                      - {name: b, entity: [x, modbus.client], window: 5m, gt: 0}\n";
        let boards = right(&folder(), source).scoreboards;
        let times: Vec<_> = boards.iter().map(|board| (board.window, board.cool_down)).collect();
        let minutes = Span::from_secs(300);
        assert_eq!(times, [(minutes, Span::from_secs(3_600)), (minutes, minutes)]);
        assert_eq!((boards[0].threshold, boards[1].threshold), (Threshold::Gte(50), Threshold::Gt(0)));
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "scoreboards: {name: a}",
            "scoreboards: [client]",
            "scoreboards: [{}]",
            "scoreboards: [{name: a, entity: [modbus.client], window: 10 minutes, gt: 5}]",
            "scoreboards: [{name: a, entity: [modbus.client], window: 10m, gt: 5, gte: 6}]",
            "scoreboards: [{name: a, entity: [], window: 10m, gt: 5}]",
            "scoreboards: [{name: a, entity: [modbus.klient], window: 10m, gt: 5}]",
            "scoreboards: [{name: a, entity: [x], window: 0m, gt: -1, cool_down: soon}]",
            "scoreboards: [{name: a, entity: [x], windw: 10m, gt: 5}]",
            "scoreboards:\n- {name: a, entity: x, window: 1m, gt: 5}\n- {name: b, entity: y, window: 1m, gt: 5}\n- {name: a, entity: z, window: 1m, gt: 5}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
