//! `routes:` which lines go where.

use super::super::node::{boolean, elements, list, text, word, wrong_value};
use super::{Reader, when};
use crate::sigma::diagnostic::{Problem, nearest, short};
use crate::sigma::ir::Expr;
use crate::sigma::yaml::Node;
use crate::sink::{Bounds, Delivery, Drop, Kind, MAX_ROUTES, MAX_SINKS, Manner, Route, SinkSpec, Target};
use std::collections::BTreeMap;

const KEYS: [&str; 4] = ["from", "when", "to", "stop"];

const WHAT: &str = "a route";

/// The name of the run's own output, which needs no entry among the sinks.
const STDOUT: &str = "stdout";

/// Reads the routes; they take the place of what holds without them.
pub(super) fn read(
    node: &Node<'_>,
    placeholders: &BTreeMap<String, Vec<String>>,
    delivery: &mut Delivery,
    reader: &mut Reader<'_>,
) {
    let before = reader.problems.errors();
    let items = reader.keep(list(node, "`routes`")).unwrap_or_default();
    let routes = items.iter().filter_map(|item| route(item, placeholders, delivery, reader));
    let routes: Vec<Route> = routes.collect();
    if routes.len() > MAX_ROUTES {
        let message = format!("{} routes are more than the {MAX_ROUTES} there can be", routes.len());
        reader.problems.push(wrong_value(node, message));
    }
    let unused = |place: &usize| routes.iter().all(|route| !route.to.contains(place));
    for place in (0..delivery.sinks.len()).filter(unused) {
        // With a wrong route it may be one that was meant.
        if let Some(sink) = delivery.sinks.get(place).filter(|_| reader.problems.errors() == before) {
            let message = format!("no route leads to the sink `{}`", sink.name);
            reader.problems.push(Problem::warning("unused-sink", node.span, message));
        }
    }
    delivery.routes = routes;
}

fn route(
    node: &Node<'_>,
    placeholders: &BTreeMap<String, Vec<String>>,
    delivery: &mut Delivery,
    reader: &mut Reader<'_>,
) -> Option<Route> {
    let fields = reader.fields(node, &KEYS, WHAT)?;
    let kinds = Kind::ALL.map(|kind| (kind.word(), kind));
    let from = reader.need(&fields, "from", WHAT, |node| word(node, "kind of line", &kinds));
    let condition = match fields.get("when") {
        Some(node) => from.and_then(|kind| when::read(node, kind, placeholders, reader)),
        None => Some(Expr::All(Vec::new())),
    };
    let stop = reader.or(&fields, "stop", false, |node| boolean(node, "`stop`"));
    let names = reader.need(&fields, "to", WHAT, |node| elements(node, "the names of sinks"))?;
    if names.is_empty() {
        reader.problems.push(wrong_value(node, "a route without a sink leads nowhere"));
    }
    let mut to = Vec::new();
    for node in names {
        let Some(name) = reader.keep(text(node, "the name of a sink")) else { continue };
        match place_of(name, delivery) {
            Some(place) => to.push(place),
            None => {
                let problem = Problem::error("unknown-sink", node.span, format!("there is no sink `{}`", short(name)));
                let names = delivery.sinks.iter().map(|sink| &*sink.name).chain([STDOUT]);
                let nearest = nearest(name, names.clone());
                reader.problems.push(match nearest {
                    Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                    None => problem.hint(format!("there are {}", names.collect::<Vec<_>>().join(", "))),
                });
            }
        }
    }
    Some(Route { from: from?, when: condition?, to, stop: stop? })
}

/// Where a sink stands among all; standard output is added when it is first named.
fn place_of(name: &str, delivery: &mut Delivery) -> Option<usize> {
    let place = delivery.sinks.iter().position(|sink| &*sink.name == name);
    if place.is_some() || name != STDOUT || delivery.sinks.len() > MAX_SINKS {
        return place;
    }
    delivery.sinks.push(SinkSpec {
        name: STDOUT.into(),
        target: Target::Stdout,
        bounds: Bounds::default(),
        drop: Drop::default(),
        manner: Manner::default(),
    });
    Some(delivery.sinks.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use crate::sink::Target;

    const SINKS: &str = "sinks:\n- {name: a, type: file, path: a.ndjson}\n- {name: b, type: file, path: b.ndjson}\n";

    #[test]
    fn routes_name_sinks_and_standard_output() {
        let source = "routes:\n- {from: alerts, when: {level: [high, critical]}, to: [b, stdout], stop: true}\n\
                      - {from: records, to: a}\n";
        let delivery = right(&folder(), &format!("{SINKS}{source}")).delivery;
        assert_eq!(delivery.sinks[2].target, Target::Stdout);
        let all: Vec<String> = delivery
            .routes
            .iter()
            .map(|route| format!("{} {} {:?} {}", route.from.word(), route.when, route.to, route.stop))
            .collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        alerts (level = 'high' or level = 'critical') [1, 2] true
        records true [0] false
        ");
    }

    #[test]
    fn without_routes_every_sink_gets_all_alerts() {
        let delivery = right(&folder(), SINKS).delivery;
        let [route] = delivery.routes.as_slice() else { panic!("{:?}", delivery.routes) };
        assert_eq!((route.from.word(), route.to.as_slice()), ("alerts", &[0, 1][..]));
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "routes: {from: alerts}",
            "routes: [{}]",
            "routes: [{from: alert, to: a}]",
            "routes: [{from: alerts, to: c}]",
            "routes: [{from: alerts, to: [stdotu]}]",
            "routes: [{from: alerts, to: []}]",
            "routes: [{from: alerts, to: a, whne: {level: high}}]",
            "routes: [{from: alerts, to: a, when: {levle: high}}]",
            "routes: [{from: alerts, to: a, when: {a: {level: high}, condition: b}}]",
            "routes: [{from: alerts, to: a, when: high, stop: 'yes'}]",
            "routes: [{from: findings, to: a, when: {record.modbus.functoin: 5}}]",
            "routes: [{from: records, to: a, when: {modbus.functoin: 5}}]",
            "routes: [{from: records, to: a, when: {modbus.value|gte: high}}]",
            // A sink without a route is no mistake by itself.
            "ports: [0]\nroutes: [{from: alerts, to: a}]",
        ];
        let all = all.map(|source| format!("{SINKS}{source}\n"));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
