//! `scores:` what findings are worth.

use super::super::node::{Fields, entries, integer};
use super::Reader;
use super::scoreboards::{misspelt, warn_of_slip};
use crate::record::schema;
use crate::score::{Expression, MAX_POINTS, Points, Worth};
use crate::sigma::diagnostic::{Problem, Refusal, short};
use crate::sigma::ir::Level;
use crate::sigma::scalar::{Value, resolve};
use crate::sigma::yaml::{Entry, Kind, Node};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// [`Points::default`] as it would be written.
pub(super) const DEFAULT: &str = "{levels: {informational: 5, low: 20, medium: 40, high: 70, critical: 100}}";

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Points {
    let mut points = Points::default();
    let Some(fields) = reader.fields(node, &["levels", "rules", "tags"], "`scores`") else { return points };
    levels(&fields, &mut points, reader);
    points.rules = named(fields.get("rules"), "`rules`", reader);
    points.tags = named(fields.get("tags"), "`tags`", reader);
    points
}

fn levels(fields: &Fields<'_>, points: &mut Points, reader: &mut Reader<'_>) {
    let keys = Level::ALL.map(Level::word);
    let Some(node) = fields.get("levels") else {
        let written: Vec<String> =
            keys.iter().zip(points.levels).map(|(key, points)| format!("{key}: {points}")).collect();
        reader.fill(fields, "levels", format_args!("{{{}}}", written.join(", ")));
        return;
    };
    let Some(levels) = reader.fields(node, &keys, "`levels`") else { return };
    for (key, points) in keys.into_iter().zip(&mut points.levels) {
        if let Some(written) = reader.or(&levels, key, *points, self::points) {
            *points = written;
        }
    }
}

/// Points by name, in a map of the operator's own keys.
fn named(node: Option<&Node<'_>>, what: &str, reader: &mut Reader<'_>) -> FxHashMap<Arc<str>, Worth> {
    let entries = node.and_then(|node| reader.keep(entries(node, what))).unwrap_or_default();
    let points = |entry: &Entry<'_>| {
        let worth = reader.keep(worth(&entry.value))?;
        if let Worth::By(expression) = &worth {
            expression.fields().iter().for_each(|field| warn_of_slip(field, entry.value.span, reader));
        }
        Some((Arc::from(&*entry.key.text), worth))
    };
    entries.iter().filter_map(points).collect()
}

/// A number of points, or how they are worked out.
fn worth(node: &Node<'_>) -> Result<Worth, Refusal> {
    let formula = match &node.kind {
        Kind::Scalar(scalar) if !matches!(resolve(scalar), Value::Number(_)) => &scalar.text,
        _ => return points(node).map(Worth::Fixed),
    };
    let expression = Expression::parse(formula).map_err(|error| {
        let problem = Problem::error("wrong-expression", node.span, error.to_string());
        let before = formula.get(..error.at).unwrap_or(formula);
        problem
            .label(format!("after `{}`", short(before)))
            .hint("such as 10 * write.count, or min(90, 20 + 5 * modbus.quantity)")
    })?;
    if let [only] = expression.fields()
        && **only == *formula.trim()
        && schema::find(only).is_none()
    {
        // A word alone is a misspelt number rather than a field of a stored log.
        return points(node).map(Worth::Fixed);
    }
    match expression.fields().iter().find_map(|field| misspelt(field, node.span)) {
        Some(problem) => Err(problem),
        None => Ok(Worth::By(Arc::new(expression))),
    }
}

fn points(node: &Node<'_>) -> Result<u32, Refusal> {
    integer(node, "points", 0..=i64::from(MAX_POINTS)).map(|points| points as u32)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use crate::score::Worth;

    #[test]
    fn points_can_be_worked_out_from_the_record() {
        let source = "scores: {tags: {attack.t0855: 10 * write.count}}\n";
        let points = right(&folder(), source).points;
        let Worth::By(expression) = &points.tags["attack.t0855"] else { panic!("{points:?}") };
        assert_eq!((expression.to_string(), &*expression.fields()[0]), ("10 * write.count".into(), "write.count"));
    }

    #[test]
    fn what_is_written_replaces_the_default() {
        let source = "scores:\n  levels: {low: 1}\n  rules: {r1: 40}\n  tags: {attack.t0846: 7}\n";
        let points = right(&folder(), source).points;
        assert_eq!(points.levels, [5, 1, 40, 70, 100]);
        assert_eq!((&points.rules["r1"], &points.tags["attack.t0846"]), (&Worth::Fixed(40), &Worth::Fixed(7)));
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "scores: [",
            "scores: []",
            "scores: {level: {low: 5}}",
            "scores: {levels: {hihg: 5, low: -1, critical: 1000001}}",
            "scores: {levels: 5}",
            "scores: {rules: {r1: -4, r2: 4000000, r3: many}}",
            "scores: {rules: [r1], tags: 5}",
            "scores: {rules: {r1: 1, r1: 2}}",
            "scores: {rules: {r1: 10 *, r2: 10 write.count, r3: 5 * modbus.quantitty, r4: 1.5}}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
