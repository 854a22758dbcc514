//! Which sinks does this line go to? Routes of one kind of line, asked in order.

use super::spec::Route;
use crate::detect::{Machine, RuleIx, Scratch};
use crate::record::{LogPlan, LogRecord, Slots};
use crate::sigma::ir::Rule;
use bumpalo::Bump;

/// Some of the sinks, each a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SinkSet(pub(super) u64);

impl SinkSet {
    pub(super) fn of(places: &[usize]) -> Self {
        Self(places.iter().fold(0, |bits, place| bits | 1_u64.checked_shl(*place as u32).unwrap_or(0)))
    }

    pub(super) const fn has(self, place: usize) -> bool {
        self.0.unbounded_shr(place as u32) & 1 == 1
    }
}

/// What a route does with what it takes.
#[derive(Clone, Copy, Debug)]
struct Arm {
    to: SinkSet,
    stop: bool,
}

/// Routes in order, without their conditions.
#[derive(Debug, Default)]
pub(super) struct Arms(Vec<Arm>);

impl Arms {
    pub(super) fn of<'r>(routes: impl Iterator<Item = &'r Route>) -> Self {
        Self(routes.map(|route| Arm { to: SinkSet::of(&route.to), stop: route.stop }).collect())
    }

    /// The sinks of the routes whose conditions hold, up to one that stops.
    pub(super) fn sinks(&self, mut holds: impl FnMut(usize) -> bool) -> SinkSet {
        let mut set = SinkSet::default();
        for (number, arm) in self.0.iter().enumerate() {
            if holds(number) {
                set.0 |= arm.to.0;
                if arm.stop {
                    break;
                }
            }
        }
        set
    }
}

/// Routes of one kind of line with their conditions, which are asked of the line as JSON: `rule.title` is the `title` in
/// `rule`.
#[derive(Debug)]
pub(super) struct Gate {
    arms: Arms,
    machine: Machine,
    plan: LogPlan,
    scratch: Scratch,
    arena: Bump,
}

impl Gate {
    /// Compiles the conditions of routes.
    ///
    /// # Errors
    /// When one asks for more than the matcher's bounds allow.
    pub(super) fn compile(routes: &[&Route]) -> Result<Self, String> {
        let rules: Vec<Rule> = routes.iter().map(|route| Rule::asking("route", route.when.clone())).collect();
        let mut slots = Slots::new();
        let machine = Machine::compile(&rules, &mut slots).map_err(|errors| {
            let all: Vec<String> =
                errors.iter().map(|error| format!("route {}: {}", error.rule.0 + 1, error.problem)).collect();
            all.join("; ")
        })?;
        let keywords = routes.iter().any(|route| route.when.asks_for_keywords());
        let arms = Arms::of(routes.iter().copied());
        Ok(Self { arms, machine, plan: LogPlan::new(&slots, keywords), scratch: Scratch::new(), arena: Bump::new() })
    }

    /// The sinks that a line goes to.
    pub(super) fn sinks(&mut self, json: &[u8]) -> SinkSet {
        self.arena.reset();
        // Our own lines can be read; of one that cannot, nothing is known but that it came.
        let Ok(record) = LogRecord::read(json, &self.plan, &self.arena) else { return self.arms.sinks(|_| true) };
        let held = self.machine.matches(&record, &mut self.scratch);
        self.arms.sinks(|number| held.binary_search(&RuleIx(number as u32)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::*;
    use crate::sigma::ir::Expr;
    use crate::sigma::{Options, SourceText, load};

    /// A route for a detection, written as in a rule.
    fn route(detection: &str, to: &[usize], stop: bool) -> Route {
        let text = format!("title: t\nlogsource: {{category: x}}\ndetection: {detection}\n");
        let loaded = load([SourceText::new("r", text.as_bytes())], &Options::default());
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        Route { from: Kind::Alert, when: loaded.ruleset.rules[0].condition.clone(), to: to.to_vec(), stop }
    }

    #[test]
    fn conditions_see_nested_names_and_routes_are_asked_in_order() {
        let routes = [
            route("{a: {level: [high, critical]}, condition: a}", &[0], false),
            route("{a: {'findings.rule.tags': attack.t0855}, condition: a}", &[1], true),
            route("{a: {entity.modbus.client|cidr: 10.0.0.0/8}, condition: a}", &[2], false),
            route("{a: [stop], condition: a}", &[5], false),
            Route { when: Expr::All(Vec::new()), ..route("{a: {x: 1}, condition: a}", &[3, 62], false) },
        ];
        let mut gate = Gate::compile(&routes.each_ref()).unwrap();
        let mut places = |json: &str| {
            let set = gate.sinks(json.as_bytes());
            (0..64).filter(|place| set.has(*place)).collect::<Vec<_>>()
        };
        assert_eq!(places(r#"{"level":"low","entity":{"modbus.client":"10.1.2.3"}}"#), [2, 3, 62]);
        assert_eq!(places(r#"{"level":"high","findings":[{"rule":{"tags":["x","attack.t0855"]}}]}"#), [0, 1]);
        assert_eq!(places(r#"{"level":"critical","score":{"at":{"last":"stop"}}}"#), [0, 3, 5, 62]);
        assert_eq!(places("no JSON"), [0, 1]);
    }
}
