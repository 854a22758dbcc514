//! `scoreboards:` where points add up, and when they are too many.

use super::super::node::{Fields, integer, list, refuse_twice, text, timespan, word, wrong_value};
use super::Reader;
use crate::record::schema;
use crate::score::{ENTITIES, Repeat, Scoreboard, Threshold};
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::ir::Level;
use crate::sigma::yaml::Node;
use std::sync::Arc;

/// [`Scoreboard::shipped`] as it would be written.
pub(super) const DEFAULT: &str = "\
- {name: client, entity: [modbus.client], window: 10m, gt: 100, cool_down: 10m}
- {name: 'client, lasting', entity: [modbus.client], window: 5h, half_life: 30m, gte: 200, rules: 3, level: critical, cool_down: 30m}";

const KEYS: [&str; 12] = [
    "name",
    "entity",
    "window",
    "half_life",
    "gt",
    "gte",
    "rules",
    "level",
    "cool_down",
    "rearm_below",
    "repeat",
    "entities",
];

const WHAT: &str = "a scoreboard";

const REPEATS: [(&str, Repeat); 2] = [("never", Repeat::Never), ("doubled", Repeat::Doubled)];

/// The most rules that a scoreboard can want.
const MAX_RULES: i64 = 1_000;

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
    entity.iter().flatten().for_each(|(field, place)| warn_of_slip(field, *place, reader));
    let window = reader.need(&fields, "window", WHAT, |node| timespan(node, "the window"));
    let half_life = reader.may(&fields, "half_life", |node| timespan(node, "the half-life"));
    let threshold = threshold(&fields);
    let threshold = reader.keep(threshold);
    let cool_down = match window {
        Some(window) => reader.or(&fields, "cool_down", window, |node| timespan(node, "the cool-down")),
        None => fields.get("cool_down").and_then(|node| reader.keep(timespan(node, "the cool-down"))),
    };
    let rearm_below = reader.may(&fields, "rearm_below", |node| rearm(node, threshold));
    let rules = reader.or(&fields, "rules", 1, |node| integer(node, "a number of rules", 1..=MAX_RULES));
    let level = reader.or(&fields, "level", Level::High, level);
    let repeat = reader.may(&fields, "repeat", |node| word(node, "way to repeat a threat", &REPEATS));
    let most = ENTITIES as i64;
    let entities = reader.or(&fields, "entities", most, |node| integer(node, "a number of entities", 1..=most));
    let (name, place) = name?;
    let board = Scoreboard {
        name,
        entity: entity?.into_iter().map(|(field, _)| field).collect(),
        window: window?,
        half_life: half_life?,
        threshold: threshold?,
        rules: rules? as u32,
        level: level?,
        cool_down: cool_down?,
        rearm_below: rearm_below?,
        repeat: repeat?.unwrap_or_default(),
        entities: entities? as usize,
    };
    Some((board, place))
}

fn level(node: &Node<'_>) -> Result<Level, Refusal> {
    word(node, "level", &Level::ALL.map(|level| (level.word(), level)))
}

/// Scores are never below zero, and what lies beyond the threshold would arm the board while a threat stands.
fn rearm(node: &Node<'_>, threshold: Option<Threshold>) -> Result<i64, Refusal> {
    let bound = match threshold {
        Some(Threshold::Gt(bound)) => bound.saturating_add(1),
        Some(Threshold::Gte(bound)) => bound,
        None => i64::MAX,
    };
    integer(node, "a score not above the threshold", 1..=bound.max(1))
}

/// A field, and where it is written.
fn field(node: &Node<'_>) -> Result<(Arc<str>, Span), Refusal> {
    let field = text(node, "a field")?;
    match misspelt(field, node.span) {
        Some(problem) => Err(problem),
        None => Ok((field.into(), node.span)),
    }
}

/// What is wrong with a field that is written like one of ours and is none. Records of stored logs may have any other.
pub(super) fn misspelt(field: &str, place: Span) -> Option<Refusal> {
    (schema::is_own(field) && schema::find(field).is_none()).then(|| {
        let problem = Problem::error("unknown-field", place, format!("no field `{}`", short(field)));
        problem.suggest(schema::suggest(field))
    })
}

/// Warns of a field that looks like a slip of the pen, and may be one of a stored log.
pub(super) fn warn_of_slip(field: &str, place: Span, reader: &mut Reader<'_>) {
    if let Some(meant) = schema::slip(field) {
        let message = format!("no field `{}` in records of captures", short(field));
        reader.problems.push(Problem::warning("misspelt-field", place, message).suggest(Some(meant)));
    }
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
    use super::super::testing::{folder, right, told, warned};
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
    fn a_board_can_fade_want_several_rules_and_repeat_itself() {
        let source = "scoreboards:\n- {name: a, entity: [modbus.server, modbus.unit_id], window: 1d, half_life: 1h, gte: 50, rules: 2,\n  \
                      level: critical, rearm_below: 20, repeat: doubled, entities: 100}\n";
        insta::assert_debug_snapshot!(right(&folder(), source).scoreboards);
    }

    #[test]
    fn a_field_of_any_group_of_ours_may_be_misspelt_and_other_logs_have_their_own() {
        let board = |entity: &str| format!("scoreboards: [{{name: a, entity: {entity}, window: 10m, gt: 5}}]\n");
        insta::assert_snapshot!(warned(&folder(), &board("[eth.scr, tcp.dst_prot, source.ipp]")));
        let worked_out = "scores: {rules: {r1: 10 * tcp.flg}}\n";
        assert!(warned(&folder(), worked_out).contains("did you mean `tcp.flag`?"));
        for other in
            ["[eth.type, frame.len, source.geo.name, vlan.priority]", "[eth.src, source.ip, vlan.id, http.host]"]
        {
            assert_eq!(warned(&folder(), &board(other)), "");
        }
        for own in ["zone.cilent", "asset.servr", "baseline.nwe", "write.cuont", "modbus.unitid"] {
            assert!(told(&folder(), &[&board(own)]).contains(&format!("no field `{own}`")), "{own}");
        }
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
            "scoreboards: [{name: a, entity: [x], window: 10m, half_life: long, gt: 5, rules: 0, level: hgih}]",
            "scoreboards: [{name: a, entity: [x], window: 10m, gt: 5, rearm_below: 7, repeat: double, entities: 100000}]",
            "scoreboards:\n- {name: a, entity: x, window: 1m, gt: 5}\n- {name: b, entity: y, window: 1m, gt: 5}\n- {name: a, entity: z, window: 1m, gt: 5}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
