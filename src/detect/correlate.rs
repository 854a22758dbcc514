//! Which hits belong together? Correlation rules, over windows of event time, group by group.
//!
//! ```text
//!  a hit  -> listener  reads the group, and what is counted (`listener`)
//!         -> counter   finds the group's window (`counter`, `groups`), within a budget of memory
//!         -> window    sliding (`window`): asked with each event; or closing (`pending`): asked at its end
//!         -> absence   or, where one rule must not be hit, watches for that (`absence`)
//!         -> question  the condition (`question`) over what the window holds (`tally`, `sum`, `ranks`, `order`)
//!         -> alert     told, and an event for the correlations that refer to this one (`chain`)
//! ```
//!
//! Hits come in the order of the input. An event that lacks a field of the group, or the value that is asked for, is not
//! counted. Windows hold events at most `timespan` apart, both ends included. A sliding window is any stretch that ends at
//! an event, and there is one alert each time the condition comes true in a group. A condition that needs the end of a
//! window (see `question`) is asked once for each closing window: the first opens with the group's first
//! event and closes a `timespan` later, the next opens with the first event after that. It is closed when the caller's time has
//! passed its end by the lateness; at the end of the input nothing more can come, and all close. Where an input is cut off,
//! those that are not over are not asked: they might have held more.
//!
//! A correlation that refers to another one takes its alerts as events, at the time they tell; of such an event
//! it can read the inner group's fields and fields of the hit that raised the alert.

use super::carry::Carry;
use super::chain::Chain;
use super::correlated::{Correlated, Ending, Losses};
use super::counter::Counted;
use super::listener::{Listener, Missing, Origin, Trigger, inner_of};
use super::refusal::{CorrelationIx, Reason, Refusal};
use super::tally::Event;
use super::watcher::Watcher;
use super::{Hit, RuleIx};
use crate::record::Slots;
use crate::sigma::ir::{Correlation, RuleRef};
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// All correlation rules and what they remember.
#[derive(Clone, Debug)]
pub struct Correlator {
    watchers: Vec<Watcher>,
    /// Inner correlations before those that refer to them.
    order: Vec<usize>,
    listeners: Listeners,
    /// Which rules and correlations speak for themselves.
    rule_speaks: Vec<bool>,
    correlation_speaks: Vec<bool>,
    losses: Losses,
    key: Vec<u8>,
    scratch: Vec<u8>,
}

/// Who listens to each rule, and to each correlation.
#[derive(Clone, Debug)]
struct Listeners {
    of_rule: Vec<Vec<Listener>>,
    of_correlation: Vec<Vec<Listener>>,
}

impl Correlator {
    /// Compiles `correlations` over `rules` detection rules. Hits must carry what `carry` says afterwards. Events that
    /// come up to `lateness` after later ones are counted exactly.
    ///
    /// # Errors
    ///
    /// Every correlation that cannot be used, with the reason.
    pub fn compile(
        correlations: &[Correlation],
        rules: usize,
        lateness: Span,
        slots: &mut Slots,
        carry: &mut Carry,
    ) -> Result<Self, Vec<Refusal>> {
        let chain = Chain::of(correlations, rules)?;
        let mut listeners = Listeners {
            of_rule: (0..rules).map(|_| Vec::new()).collect(),
            of_correlation: correlations.iter().map(|_| Vec::new()).collect(),
        };
        let (mut watchers, mut refusals) = (Vec::with_capacity(correlations.len()), Vec::new());
        for (at, correlation) in correlations.iter().enumerate() {
            let ix = CorrelationIx(at as u32);
            let listened = listeners.add(at, correlations, &chain, slots, carry);
            match listened.and_then(|()| Watcher::of(ix, correlation, lateness)) {
                Ok(watcher) => watchers.push(watcher),
                Err(reason) => refusals.push(Refusal { correlation: ix, reason }),
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let mut correlator = Self {
            watchers,
            order: chain.order,
            listeners,
            rule_speaks: vec![true; rules],
            correlation_speaks: vec![true; correlations.len()],
            losses: Losses::default(),
            key: Vec::new(),
            scratch: Vec::new(),
        };
        correlator.silence(correlations);
        Ok(correlator)
    }

    /// Whoever is referred to keeps silent, unless one of those who refer to it says `generate`.
    fn silence(&mut self, all: &[Correlation]) {
        for generate in [false, true] {
            for reference in all.iter().filter(|it| it.generate == generate).flat_map(|it| &it.rules) {
                let speaks = match reference {
                    RuleRef::Rule(rule) => self.rule_speaks.get_mut(*rule),
                    RuleRef::Correlation(inner) => self.correlation_speaks.get_mut(*inner),
                };
                if let Some(speaks) = speaks {
                    *speaks = generate;
                }
            }
        }
    }

    /// Whether a hit of `rule` is to be told, or only counted by correlations that refer to it.
    #[must_use]
    pub fn speaks(&self, rule: RuleIx) -> bool {
        self.rule_speaks.get(rule.0 as usize).copied().unwrap_or(true)
    }

    /// Whether any correlation counts the hits of `rule`.
    #[must_use]
    pub fn listens(&self, rule: RuleIx) -> bool {
        self.listeners.of_rule.get(rule.0 as usize).is_some_and(|listeners| !listeners.is_empty())
    }

    /// What went uncounted so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// How many groups there are, in all correlations.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.watchers.iter().map(Watcher::groups).sum()
    }

    /// Counts a hit and appends the correlations that it makes true, inner ones first; those that are silent are only
    /// counted by those that refer to them.
    pub fn observe(&mut self, hit: &Hit<'_>, out: &mut Vec<Correlated>) {
        let mut raised = Vec::new();
        let trigger = Trigger { time: hit.time, place: hit.place, rule: hit.rule, values: hit.values, inner: &[] };
        for listener in self.listeners.of_rule.get(hit.rule.0 as usize).into_iter().flatten() {
            let watcher = self.watchers.get_mut(listener.correlation);
            count(listener, &trigger, watcher, &mut self.losses, (&mut self.key, &mut self.scratch), &mut raised);
        }
        if !raised.is_empty() {
            self.tell(raised, out);
        }
    }

    /// Takes the time that the caller vouches for, appends the correlations whose windows close by it, in the order of their
    /// times, and forgets what no event at or after `watermark` less the lateness can add to. May be called often.
    pub fn expire(&mut self, watermark: Timestamp, out: &mut Vec<Correlated>) {
        self.each_in_order(|watcher, losses, raised| watcher.expire(watermark, losses, raised), out);
    }

    /// Ends the input: every window that is over by then closes and is asked for what it holds; the others are counted as
    /// lost.
    pub fn finish(&mut self, ending: Ending, out: &mut Vec<Correlated>) {
        let mut unclosed = 0;
        self.each_in_order(|watcher, losses, raised| unclosed += watcher.finish(ending, losses, raised), out);
        self.losses.unclosed += unclosed;
    }

    /// Inner alerts are counted before the outer correlation's own time moves on.
    fn each_in_order(
        &mut self,
        mut close: impl FnMut(&mut Watcher, &mut Losses, &mut Vec<Correlated>),
        out: &mut Vec<Correlated>,
    ) {
        let before = out.len();
        for index in 0..self.order.len() {
            let Some(watcher) = self.order.get(index).and_then(|at| self.watchers.get_mut(*at)) else { continue };
            let mut raised = Vec::new();
            close(watcher, &mut self.losses, &mut raised);
            if !raised.is_empty() {
                self.tell(raised, out);
            }
        }
        if let Some(told) = out.get_mut(before..) {
            told.sort_by_key(|correlated| correlated.time);
        }
    }

    /// Counts alerts as events of the correlations that refer to them, and appends those that speak to `out`. There
    /// are no circles, so this ends.
    fn tell(&mut self, raised: Vec<Correlated>, out: &mut Vec<Correlated>) {
        let mut waiting = VecDeque::from(raised);
        while let Some(inner) = waiting.pop_front() {
            let Correlated { time, place, rule, .. } = inner;
            let trigger = Trigger { time, place, rule, values: &inner.values, inner: &inner.group };
            let at = inner.correlation.0 as usize;
            let mut raised = Vec::new();
            for listener in self.listeners.of_correlation.get(at).into_iter().flatten() {
                let watcher = self.watchers.get_mut(listener.correlation);
                count(listener, &trigger, watcher, &mut self.losses, (&mut self.key, &mut self.scratch), &mut raised);
            }
            waiting.extend(raised);
            if self.correlation_speaks.get(at).copied().unwrap_or(true) {
                out.push(inner);
            }
        }
    }
}

impl Listeners {
    /// Lets the correlation at `at` listen to all that it refers to, once to each.
    fn add(
        &mut self,
        at: usize,
        all: &[Correlation],
        chain: &Chain,
        slots: &mut Slots,
        carry: &mut Carry,
    ) -> Result<(), Reason> {
        let Some(correlation) = all.get(at) else { return Ok(()) };
        for (place, reference) in correlation.rules.iter().enumerate() {
            if correlation.rules.iter().position(|other| other == reference) != Some(place) {
                continue;
            }
            let origin = Origin { place, inner: inner_of(*reference, all), bases: &chain.bases(reference) };
            let listener = Listener::new(at, correlation, &origin, slots, carry)?;
            let listeners = match reference {
                RuleRef::Rule(rule) => self.of_rule.get_mut(*rule),
                RuleRef::Correlation(inner) => self.of_correlation.get_mut(*inner),
            };
            listeners.ok_or(Reason::Unknown(*reference))?.push(listener);
        }
        Ok(())
    }
}

/// Lets a correlation count an event.
fn count(
    listener: &Listener,
    trigger: &Trigger<'_>,
    watcher: Option<&mut Watcher>,
    losses: &mut Losses,
    (key, scratch): (&mut Vec<u8>, &mut Vec<u8>),
    raised: &mut Vec<Correlated>,
) {
    let group = listener.group(trigger, key);
    match group.and_then(|key| Ok((key, listener.datum(trigger, scratch)?))) {
        Err(Missing::Group) => losses.ungrouped += 1,
        Err(Missing::Value) => losses.valueless += 1,
        Ok((key, datum)) => {
            let event = Event { time: trigger.time, place: trigger.place, datum };
            let counted = Counted { key, event, rule: trigger.rule, values: trigger.values };
            if let Some(watcher) = watcher {
                watcher.count(&counted, losses, raised);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counter::MAX_GROUPS;
    use super::super::fixture::{FakeRecord, field, rule, text};
    use super::super::question::MAX_EVENTS;
    use super::super::{Place, Values};
    use super::*;
    use crate::record::Fact;
    use crate::sigma::ir::{CorrelationKind, Criterion, GroupKey, Metric, Number, Relation, RuleExpr, Temporal};
    use proptest::prelude::*;

    fn bound(relation: Relation, value: i128) -> Vec<Criterion> {
        vec![Criterion { relation, value: Number::Int(value) }]
    }

    fn at_least(least: i128) -> Vec<Criterion> {
        bound(Relation::Gte, least)
    }

    fn key(name: &str, rules: usize) -> GroupKey {
        GroupKey { name: name.into(), fields: vec![name.into(); rules] }
    }

    fn correlation(kind: CorrelationKind, rules: Vec<RuleRef>, group_by: &[&str], seconds: i64) -> Correlation {
        Correlation {
            meta: rule(field("f", text("x"))).meta,
            kind,
            group_by: group_by.iter().map(|name| key(name, rules.len())).collect(),
            rules,
            timespan: Span::from_secs(seconds),
            generate: false,
            absent: None,
        }
    }

    fn count(rules: Vec<RuleRef>, group_by: &[&str], least: i128, seconds: i64) -> Correlation {
        correlation(CorrelationKind::EventCount(at_least(least)), rules, group_by, seconds)
    }

    fn rules<const N: usize>(rules: [usize; N]) -> Vec<RuleRef> {
        rules.map(RuleRef::Rule).to_vec()
    }

    fn metric(metric: Metric, criteria: Vec<Criterion>) -> Correlation {
        correlation(CorrelationKind::Metric { metric, field: key("n", 1), criteria }, rules([0]), &[], 10)
    }

    fn seen(place: usize) -> RuleExpr {
        RuleExpr::Seen(place)
    }

    /// A correlator with what it needs to be fed.
    struct Bench {
        slots: Slots,
        carry: Carry,
        correlator: Correlator,
        records: u64,
    }

    /// Which correlation came true, with its group, when, and its figure.
    type Told = (u32, String, i64, Number);

    impl Bench {
        fn new(correlations: &[Correlation]) -> Self {
            Self::late(correlations, 0)
        }

        fn late(correlations: &[Correlation], lateness: i64) -> Self {
            let (mut slots, mut carry) = (Slots::new(), Carry::new(3));
            let lateness = Span::from_secs(lateness);
            let correlator = Correlator::compile(correlations, 3, lateness, &mut slots, &mut carry).unwrap();
            Self { slots, carry, correlator, records: 0 }
        }

        fn observe(&mut self, rule: u32, seconds: i64, facts: &[(&str, Fact<'_>)]) -> Vec<Correlated> {
            let mut values = Vec::new();
            self.carry.extract(RuleIx(rule), &FakeRecord::new(&self.slots, facts), &mut values);
            let time = Timestamp::from_parts(seconds, 0);
            let mut out = Vec::new();
            self.records += 1;
            let place = Place { input: 0, number: self.records };
            self.correlator.observe(&Hit { rule: RuleIx(rule), time, place, values: &values }, &mut out);
            out
        }

        /// Feeds a hit and returns which correlations came true, with their group and figure.
        fn hit(&mut self, rule: u32, seconds: i64, facts: &[(&str, Fact<'_>)]) -> Vec<(u32, String, i128)> {
            let told = self.observe(rule, seconds, facts);
            told.iter().map(|it| (it.correlation.0, group(it), whole(it.window.figure))).collect()
        }

        /// Feeds a number and returns the figures of alerts.
        fn number(&mut self, seconds: i64, number: Fact<'_>) -> Vec<Number> {
            self.observe(0, seconds, &[("n", number)]).iter().map(|it| it.window.figure).collect()
        }

        fn expire(&mut self, seconds: i64) -> Vec<Told> {
            let mut out = Vec::new();
            self.correlator.expire(Timestamp::from_parts(seconds, 0), &mut out);
            out.iter().map(told).collect()
        }

        fn finish(&mut self) -> Vec<Told> {
            self.end(Ending::Complete(None))
        }

        fn end(&mut self, ending: Ending) -> Vec<Told> {
            let mut out = Vec::new();
            self.correlator.finish(ending, &mut out);
            out.iter().map(told).collect()
        }
    }

    fn told(it: &Correlated) -> Told {
        (it.correlation.0, group(it), it.time.second(), it.window.figure)
    }

    fn group(it: &Correlated) -> String {
        Values::new(&it.group).map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn whole(figure: Number) -> i128 {
        match figure {
            Number::Int(value) => value,
            Number::Float(value) => panic!("{value} is not whole"),
        }
    }

    #[test]
    fn hits_are_counted_by_group_and_groups_compare_by_text() {
        let mut bench = Bench::new(&[count(rules([0, 1]), &["ip", "unit"], 3, 10)]);
        let address = Fact::Addr("10.0.0.1".parse().unwrap());
        assert_eq!(bench.hit(0, 0, &[("ip", address), ("unit", Fact::Int(1))]), []);
        assert_eq!(bench.hit(1, 1, &[("ip", Fact::Text("10.0.0.1")), ("unit", Fact::Text("1"))]), []);
        assert_eq!(bench.hit(0, 2, &[("ip", address), ("unit", Fact::Int(2))]), []);
        assert_eq!(bench.hit(2, 2, &[("ip", address), ("unit", Fact::Int(1))]), []);
        let due = bench.hit(0, 10, &[("ip", address), ("unit", Fact::Float(1.0))]);
        assert_eq!(due, [(0, "10.0.0.1 1".to_owned(), 3)]);
        assert!(!bench.correlator.speaks(RuleIx(0)));
        assert!(bench.correlator.speaks(RuleIx(2)));
    }

    #[test]
    fn an_event_without_a_group_field_is_not_counted() {
        let mut bench = Bench::new(&[count(rules([0]), &["ip"], 1, 10)]);
        assert_eq!(bench.hit(0, 0, &[]), []);
        assert_eq!(bench.hit(0, 0, &[("ip", Fact::Null)]), []);
        assert_eq!(bench.correlator.losses().ungrouped, 2);
        assert_eq!(bench.hit(0, 0, &[("ip", Fact::Text(""))]).len(), 1);
    }

    #[test]
    fn an_alert_tells_its_window() {
        let mut bench = Bench::new(&[count(rules([0]), &[], 3, 10)]);
        bench.observe(0, 0, &[]);
        bench.observe(0, 1, &[]);
        let all = bench.observe(0, 10, &[]);
        let Correlated { time, window, rule, place, .. } = &all[0];
        assert_eq!((window.first.second(), window.last.second(), time.second(), window.events), (0, 10, 10, 3));
        assert_eq!(window.places.iter().map(|place| place.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((*rule, place.number), (RuleIx(0), 3));
    }

    #[test]
    fn distinct_values_are_counted_once_and_null_ones_not() {
        let kind = CorrelationKind::ValueCount { fields: vec![key("user", 1), key("host", 1)], criteria: at_least(3) };
        let mut bench = Bench::new(&[correlation(kind, rules([0]), &[], 10)]);
        let long = "x".repeat(900);
        let mut hit = |seconds, user, host| bench.hit(0, seconds, &[("user", user), ("host", host)]).len();
        assert_eq!(hit(0, Fact::Text("a"), Fact::Text("h")), 0);
        assert_eq!(hit(1, Fact::Text("a"), Fact::Text("h")), 0);
        assert_eq!(hit(2, Fact::Text("a"), Fact::Text(&long)), 0);
        assert_eq!(hit(3, Fact::Null, Fact::Text("h")), 0);
        assert_eq!(hit(4, Fact::Text("b"), Fact::Absent), 0);
        assert_eq!(hit(11, Fact::Text("ah"), Fact::Text("")), 1);
        // (a, h) is gone by now, (a, xxx) not yet.
        assert_eq!(hit(12, Fact::Text("ah"), Fact::Text("")), 0);
        assert_eq!(hit(12, Fact::Text("a"), Fact::Text("h")), 1);
        assert_eq!(bench.correlator.losses().valueless, 2);
    }

    #[test]
    fn temporal_wants_different_rules_in_any_order() {
        let all = correlation(CorrelationKind::Temporal(Temporal::Count(at_least(3))), rules([0, 1, 2]), &[], 10);
        let expr = RuleExpr::All(vec![seen(0), RuleExpr::Any(vec![seen(1), seen(2)])]);
        let either = correlation(CorrelationKind::Temporal(Temporal::Expr(expr)), rules([0, 1, 2]), &[], 10);
        let mut bench = Bench::new(&[all, either]);
        assert_eq!(bench.hit(2, 0, &[]), []);
        assert_eq!(bench.hit(2, 1, &[]), []);
        assert_eq!(bench.hit(0, 5, &[]), [(1, String::new(), 2)]);
        assert_eq!(bench.hit(0, 5, &[]), []);
        assert_eq!(bench.hit(1, 11, &[]), [(0, String::new(), 3)]);
        assert_eq!(bench.hit(1, 30, &[]), []);
    }

    #[test]
    fn temporal_ordered_wants_them_in_order() {
        let all =
            || correlation(CorrelationKind::TemporalOrdered(Temporal::Count(at_least(3))), rules([0, 1, 2]), &[], 10);
        let run = |hits: &[(u32, i64)]| {
            let mut bench = Bench::new(&[all()]);
            hits.iter().map(|(rule, second)| bench.hit(*rule, *second, &[]).len()).collect::<Vec<_>>()
        };
        assert_eq!(run(&[(0, 0), (1, 5), (2, 10)]), [0, 0, 1]);
        assert_eq!(run(&[(0, 0), (1, 5), (2, 11)]), [0, 0, 0]);
        assert_eq!(run(&[(1, 0), (0, 1), (2, 2), (1, 3), (2, 4)]), [0, 0, 0, 0, 1]);
        assert_eq!(run(&[(2, 7), (1, 7), (0, 7)]), [0, 0, 1], "the same time is in order");
        assert_eq!(run(&[(0, 1), (2, 5), (1, 3)]), [0, 0, 1], "a late one counts where it belongs");
        let twice =
            correlation(CorrelationKind::TemporalOrdered(Temporal::Count(at_least(3))), rules([0, 1, 0]), &[], 9);
        assert_eq!(refusal(&[twice]), Some(Reason::Repeated(RuleRef::Rule(0))));
    }

    #[test]
    fn metrics_leave_out_what_is_no_number() {
        let mut bench = Bench::new(&[metric(Metric::Sum, bound(Relation::Gt, 10))]);
        assert_eq!(bench.number(0, Fact::Int(4)), []);
        assert_eq!(bench.number(1, Fact::Text("six")), []);
        assert_eq!(bench.number(1, Fact::Absent), []);
        assert_eq!(bench.number(1, Fact::Bool(true)), []);
        assert_eq!(bench.number(2, Fact::Text("06")), []);
        assert_eq!(bench.number(3, Fact::Float(0.5)), [Number::Float(10.5)]);
        assert_eq!(bench.correlator.losses().valueless, 3);
        assert_eq!(bench.number(14, Fact::Int(11)), [Number::Int(11)]);
    }

    #[test]
    fn an_average_that_rises_because_low_values_leave_alerts_with_the_next_event() {
        let mut bench = Bench::new(&[metric(Metric::Avg, bound(Relation::Gte, 50))]);
        assert_eq!(bench.number(0, Fact::Int(1)), []);
        assert_eq!(bench.number(9, Fact::Int(60)), []);
        assert_eq!(bench.number(11, Fact::Int(62)), [Number::Int(61)]);
        assert_eq!(bench.number(12, Fact::Int(64)), []);
    }

    #[test]
    fn percentiles_are_interpolated() {
        let mut bench = Bench::new(&[metric(Metric::Percentile(90.0), bound(Relation::Gte, 45))]);
        assert_eq!([40, 10, 30].map(|n| bench.number(0, Fact::Int(n)).len()), [0, 0, 0]);
        assert_eq!(bench.number(1, Fact::Int(50)), [Number::Int(47)]);
        let mut bench = Bench::new(&[metric(Metric::Median, bound(Relation::Gt, 2))]);
        assert_eq!([1, 3].map(|n| bench.number(0, Fact::Int(n)).len()), [0, 0]);
        assert_eq!(bench.number(1, Fact::Int(3)), [Number::Int(3)]);
    }

    #[test]
    fn too_little_is_known_when_the_window_closes() {
        let few = correlation(CorrelationKind::EventCount(bound(Relation::Lt, 3)), rules([0]), &["ip"], 10);
        let mut bench = Bench::late(&[few], 5);
        let mut hit = |seconds, ip| assert_eq!(bench.hit(0, seconds, &[("ip", Fact::Text(ip))]), []);
        // A window of two events, closed by exactly its span, and one of three.
        for (second, ip) in [(100, "a"), (110, "a"), (111, "a"), (112, "a"), (113, "a"), (105, "b")] {
            hit(second, ip);
        }
        assert_eq!(bench.expire(115), [], "late events may still come");
        assert_eq!(bench.expire(116), [(0, "a".to_owned(), 110, Number::Int(2))]);
        assert_eq!(bench.expire(121), [(0, "b".to_owned(), 115, Number::Int(1))]);
        assert_eq!(bench.expire(500), []);
        assert_eq!(bench.correlator.groups(), 0);
        assert_eq!(bench.hit(0, 494, &[("ip", Fact::Text("a"))]), []);
        assert_eq!(bench.correlator.losses().late, 1);
        assert_eq!(bench.hit(0, 495, &[("ip", Fact::Text("a"))]), []);
        assert_eq!(bench.finish(), [(0, "a".to_owned(), 505, Number::Int(1))], "the end of the input closes it");
        assert_eq!(bench.finish(), []);
    }

    #[test]
    fn an_event_that_is_late_but_in_an_open_window_counts() {
        let few = correlation(CorrelationKind::EventCount(bound(Relation::Lt, 3)), rules([0]), &[], 10);
        let mut bench = Bench::late(&[few], 5);
        bench.hit(0, 0, &[]);
        assert_eq!(bench.expire(15), []);
        for second in [1, -1, 9] {
            bench.hit(0, second, &[]);
        }
        assert_eq!(bench.correlator.losses().late, 1);
        assert_eq!(bench.expire(16), [], "there were three");
    }

    #[test]
    fn of_an_input_that_was_cut_only_windows_that_were_over_are_told() {
        let few = || correlation(CorrelationKind::EventCount(bound(Relation::Lt, 3)), rules([0]), &["ip"], 10);
        for (now, due) in [(None, vec![]), (Some(10), vec![]), (Some(11), vec!["a"]), (Some(16), vec!["a", "b"])] {
            let mut bench = Bench::late(&[few()], 5);
            bench.hit(0, 0, &[("ip", Fact::Text("a"))]);
            bench.hit(0, 5, &[("ip", Fact::Text("b"))]);
            let told = bench.end(Ending::Cut(now.map(|second| Timestamp::from_parts(second, 0))));
            assert_eq!(told.iter().map(|(_, group, ..)| &**group).collect::<Vec<_>>(), due, "{now:?}");
            assert_eq!(bench.correlator.losses().unclosed, 2 - due.len() as u64);
            assert_eq!(bench.correlator.groups(), 0);
        }
    }

    #[test]
    fn a_range_with_an_upper_end_waits_for_the_window_s_end() {
        let mut criteria = bound(Relation::Gte, 2);
        criteria.extend(bound(Relation::Lte, 3));
        let mut bench = Bench::new(&[correlation(CorrelationKind::EventCount(criteria), rules([0]), &[], 10)]);
        for second in [0, 1, 2, 3, 20, 21, 40] {
            assert_eq!(bench.hit(0, second, &[]), []);
        }
        assert_eq!(bench.finish(), [(0, String::new(), 30, Number::Int(2))]);
    }

    #[test]
    fn what_did_not_happen_is_known_when_the_window_closes() {
        let expr = RuleExpr::All(vec![seen(0), RuleExpr::Not(Box::new(seen(1)))]);
        let unordered = correlation(CorrelationKind::Temporal(Temporal::Expr(expr.clone())), rules([0, 1]), &[], 10);
        let ordered = correlation(CorrelationKind::TemporalOrdered(Temporal::Expr(expr)), rules([0, 1]), &[], 10);
        let mut bench = Bench::new(&[unordered, ordered]);
        for (rule, second) in [(0, 0), (1, 10), (0, 100), (1, 111), (1, 300)] {
            assert_eq!(bench.hit(rule, second, &[]), []);
        }
        let told = bench.expire(200);
        assert_eq!(told, [(0, String::new(), 110, Number::Int(1)), (1, String::new(), 110, Number::Int(1))]);
        assert_eq!(bench.finish(), []);
    }

    #[test]
    fn the_alert_of_a_closed_window_is_about_its_last_event() {
        let mut few = correlation(CorrelationKind::EventCount(bound(Relation::Neq, 1)), rules([0, 1]), &[], 10);
        few.generate = true;
        let by_ip = count(vec![RuleRef::Correlation(0)], &["ip"], 1, 10);
        let mut bench = Bench::late(&[few, by_ip], 3);
        for (rule, second, ip) in [(0, 3, "b"), (1, 2, "a"), (0, 13, "c")] {
            bench.observe(rule, second, &[("ip", Fact::Text(ip))]);
        }
        let mut out = Vec::new();
        bench.correlator.expire(Timestamp::from_parts(16, 0), &mut out);
        let [outer] = &out[..] else { panic!("{out:?}") };
        assert_eq!((outer.correlation, group(outer), outer.time.second()), (CorrelationIx(1), "b".to_owned(), 12));
        assert_eq!((outer.rule, outer.place.number), (RuleIx(0), 1));
    }

    #[test]
    fn a_far_future_time_leaves_windows_alone() {
        let mut bench = Bench::new(&[count(rules([0]), &["ip"], 3, 10)]);
        assert_eq!(bench.expire(0), []);
        let mut hit = |seconds, ip| bench.hit(0, seconds, &[("ip", Fact::Text(ip))]);
        assert_eq!(hit(0, "a"), []);
        assert_eq!(hit(1, "a"), []);
        assert_eq!(hit(9_000_000_000, "b"), []);
        assert_eq!(hit(9_000_000_000, "a"), []);
        assert_eq!(hit(2, "a").len(), 1);
        let few = correlation(CorrelationKind::EventCount(bound(Relation::Lt, 3)), rules([0]), &[], 10);
        let mut bench = Bench::new(&[few]);
        for second in [0, 9_000_000_000, 1, 2] {
            bench.observe(0, second, &[]);
        }
        assert_eq!(bench.expire(11), []);
        assert_eq!(bench.correlator.groups(), 1);
    }

    #[test]
    fn a_correlation_counts_the_alerts_of_another() {
        let inner = count(rules([0]), &["ip"], 2, 10);
        let by_host = count(vec![RuleRef::Correlation(0)], &["host"], 2, 100);
        let by_ip = count(vec![RuleRef::Correlation(0)], &["ip"], 2, 100);
        let mut bench = Bench::new(&[inner, by_host, by_ip]);
        let mut hit = |seconds, ip, host| bench.hit(0, seconds, &[("ip", Fact::Text(ip)), ("host", Fact::Text(host))]);
        assert_eq!(hit(0, "a", "h"), []);
        assert_eq!(hit(1, "a", "h"), []);
        assert_eq!(hit(2, "b", "h"), []);
        assert_eq!(hit(3, "b", "h"), [(1, "h".to_owned(), 2)]);
        assert_eq!(hit(50, "a", "g"), []);
        assert_eq!(hit(51, "a", "g"), [(2, "a".to_owned(), 2)]);
    }

    #[test]
    fn chains_go_as_deep_as_they_are_written() {
        let ordered = Temporal::Count(at_least(2));
        // Listed from the outermost in: 0 <- 1 <- 2 <- 3.
        let chain = [
            correlation(CorrelationKind::EventCount(bound(Relation::Lt, 2)), vec![RuleRef::Correlation(1)], &[], 100),
            correlation(
                CorrelationKind::TemporalOrdered(ordered),
                vec![RuleRef::Correlation(2), RuleRef::Rule(1)],
                &["ip"],
                100,
            ),
            correlation(
                CorrelationKind::ValueCount { fields: vec![key("unit", 1)], criteria: at_least(2) },
                vec![RuleRef::Correlation(3)],
                &["ip"],
                100,
            ),
            count(rules([0]), &["ip", "unit"], 2, 10),
        ];
        let mut bench = Bench::new(&chain);
        let mut hit = |rule, second, unit| {
            assert_eq!(bench.hit(rule, second, &[("ip", Fact::Text("a")), ("unit", Fact::Int(unit))]), []);
        };
        for (rule, second, unit) in [(0, 0, 1), (0, 1, 1), (0, 2, 2), (0, 3, 2), (1, 50, 9)] {
            hit(rule, second, unit);
        }
        assert_eq!(bench.expire(151), [(0, String::new(), 150, Number::Int(1))]);
    }

    #[test]
    fn generate_lets_the_referred_rules_speak() {
        let mut loud = count(vec![RuleRef::Rule(0), RuleRef::Correlation(1)], &[], 5, 10);
        loud.generate = true;
        let quiet = count(rules([0, 1]), &[], 2, 10);
        let mut bench = Bench::new(&[loud, quiet]);
        assert!(bench.correlator.speaks(RuleIx(0)));
        assert!(!bench.correlator.speaks(RuleIx(1)));
        assert_eq!(bench.hit(0, 0, &[]), []);
        assert_eq!(bench.hit(1, 0, &[]), [(1, String::new(), 2)]);
    }

    fn refusal(correlations: &[Correlation]) -> Option<Reason> {
        let result = Correlator::compile(correlations, 3, Span::ZERO, &mut Slots::new(), &mut Carry::new(3));
        result.err().map(|refusals| refusals[0].reason.clone())
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let many = count(rules([0]), &[], 1 << 40, 10);
        assert_eq!(refusal(&[many]), Some(Reason::Count { limit: MAX_EVENTS }));
        assert_eq!(refusal(&[count(rules([3]), &[], 1, 10)]), Some(Reason::Unknown(RuleRef::Rule(3))));
        let other = vec![RuleRef::Correlation(7)];
        assert_eq!(refusal(&[count(other, &[], 1, 10)]), Some(Reason::Unknown(RuleRef::Correlation(7))));
        let circle = [1, 0].map(|inner| count(vec![RuleRef::Correlation(inner)], &[], 1, 10));
        assert_eq!(refusal(&circle), Some(Reason::Circle));
    }

    #[test]
    fn diamonds_of_correlations_compile_in_no_time() {
        let pair = |at: usize| match at.checked_sub(2) {
            None => rules([0]),
            Some(below) => vec![RuleRef::Correlation(below / 2 * 2), RuleRef::Correlation(below / 2 * 2 + 1)],
        };
        let tower: Vec<Correlation> = (0..200).map(|at| count(pair(at), &["ip"], 2, 10)).collect();
        assert_eq!(refusal(&tower), None);
    }

    #[test]
    fn groups_are_bounded_and_expire() {
        let most = MAX_GROUPS as i64;
        for kind in [at_least(2), bound(Relation::Lt, 2)] {
            let closes = kind[0].relation == Relation::Lt;
            let mut bench = Bench::new(&[correlation(CorrelationKind::EventCount(kind), rules([0]), &["n"], 10)]);
            let extra = 10;
            for n in 0..most + extra {
                bench.hit(0, 0, &[("n", Fact::Int(n))]);
            }
            assert_eq!(bench.correlator.groups(), MAX_GROUPS);
            assert_eq!(bench.correlator.losses().evicted_groups, extra as u64);
            assert_eq!(bench.hit(0, 0, &[("n", Fact::Int(0))]), [], "the first was forgotten");
            let again = bench.hit(0, 0, &[("n", Fact::Int(0))]);
            assert_eq!(again.len(), usize::from(!closes));
            assert_eq!(bench.expire(10), []);
            assert_eq!(bench.correlator.groups(), MAX_GROUPS);
            // All but one have one event.
            assert_eq!(bench.expire(20).len(), if closes { MAX_GROUPS - 1 } else { 0 });
            assert_eq!(bench.correlator.groups(), 0);
        }
    }

    #[test]
    fn a_full_window_drops_its_oldest_event_and_one_that_waits_takes_no_more() {
        for relation in [Relation::Gte, Relation::Lt] {
            let kind = CorrelationKind::EventCount(bound(relation, MAX_EVENTS as i128 - 1));
            let mut bench = Bench::new(&[correlation(kind, rules([0]), &[], 10)]);
            let alerts: usize = (0..MAX_EVENTS + 5).map(|_| bench.observe(0, 0, &[]).len()).sum();
            assert_eq!(alerts, usize::from(relation == Relation::Gte));
            assert_eq!(bench.correlator.losses().dropped_events, 5);
            assert_eq!(bench.finish(), []);
        }
    }

    /// Events with times that go back by no more than `lateness` seconds.
    fn late_events(lateness: i64) -> impl Strategy<Value = Vec<(u32, i64, i64)>> {
        let event = (0_u32..3, 0_i64..4, 0..=lateness, 0_i64..3);
        prop::collection::vec(event, 1..80).prop_map(|events| {
            let mut now = 0;
            let times = events.into_iter().map(|(rule, step, late, group)| {
                now += step;
                (rule, now - late, group)
            });
            times.collect()
        })
    }

    proptest! {
        /// Expiry at each step forgets nothing that counts.
        #[test]
        fn expiry_changes_no_alert(events in late_events(6), kind in 0..4, least in 1_i128..4) {
            let kind = match kind {
                0 => CorrelationKind::EventCount(at_least(least)),
                1 => CorrelationKind::Temporal(Temporal::Count(at_least(least))),
                2 => CorrelationKind::TemporalOrdered(Temporal::Count(at_least(least))),
                _ => CorrelationKind::Metric { metric: Metric::Median, field: key("n", 3), criteria: at_least(least) },
            };
            let all = [correlation(kind, rules([0, 1, 2]), &["g"], 8)];
            let (mut one, mut other) = (Bench::late(&all, 6), Bench::late(&all, 6));
            let mut now = i64::MIN;
            for (rule, time, group) in events {
                if time > now {
                    now = time;
                    prop_assert_eq!(one.expire(now), []);
                }
                let facts = [("g", Fact::Int(group)), ("n", Fact::Int(time % 5))];
                prop_assert_eq!(one.observe(rule, time, &facts), other.observe(rule, time, &facts));
            }
        }

        /// Closing windows are those that the events in order make, however late they came.
        #[test]
        fn windows_close_as_if_events_came_in_order(events in late_events(6), most in 0_i128..4) {
            let kind = CorrelationKind::EventCount(bound(Relation::Lte, most));
            let mut bench = Bench::late(&[correlation(kind, rules([0, 1, 2]), &["g"], 8)], 6);
            let (mut told, mut now) = (Vec::new(), i64::MIN);
            for (rule, time, group) in &events {
                if *time > now {
                    now = *time;
                    told.extend(bench.expire(now));
                }
                bench.observe(*rule, *time, &[("g", Fact::Int(*group))]);
            }
            prop_assert_eq!(bench.correlator.losses().late, 0);
            told.extend(bench.expire(now + 100));
            let mut expected = Vec::new();
            for wanted in 0..3 {
                let mut times: Vec<i64> =
                    events.iter().filter(|(_, _, group)| *group == wanted).map(|(_, time, _)| *time).collect();
                times.sort_unstable();
                while let Some(first) = times.first().copied() {
                    let inside = times.iter().take_while(|time| **time <= first + 8).count();
                    if inside as i128 <= most {
                        expected.push((0, wanted.to_string(), first + 8, Number::Int(inside as i128)));
                    }
                    times.drain(..inside);
                }
            }
            expected.sort_by_key(|it: &Told| (it.2, it.1.clone()));
            told.sort_by_key(|it| (it.2, it.1.clone()));
            prop_assert_eq!(told, expected);
        }
    }
}
