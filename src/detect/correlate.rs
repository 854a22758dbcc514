//! Which hits belong together? Correlation rules, over windows of event time, group by group.
//!
//! ```text
//!  a hit  -> listener  reads the group, and what is counted (`listener`)
//!         -> counter   finds the group's window (`counter`, `groups`), within a budget of memory
//!         -> window    sliding (`window`): asked with each event; or closing (`pending`): asked at its end
//!         -> question  the condition (`question`) over what the window holds (`tally`, `sum`, `ranks`, `order`)
//!         -> alert     told, and an event for the correlations that refer to this one (`chain`)
//! ```
//!
//! Hits come in the order of the input. An event that lacks a field of the group, or the value that is asked for, is not
//! counted. Windows hold events at most `timespan` apart, both ends included. A sliding window is any stretch that ends at
//! an event, and there is one alert each time the condition comes true in a group. A condition that needs the end of a
//! window (see `question`) is asked once for each closing window: the first opens with the group's first
//! event and closes a `timespan` later, the next opens with the first event after that. It is closed when the caller's time has
//! passed its end by the lateness; the end of the input closes those that are open, with what they hold.
//!
//! A correlation that refers to another one takes its alerts as events, at the time they tell; of such an event
//! it can read the inner group's fields and fields of the hit that raised the alert.

use super::carry::Carry;
use super::chain::Chain;
use super::correlated::{Correlated, Losses};
use super::counter::{Counted, Counter};
use super::listener::{Listener, Missing, Origin, Trigger, inner_of};
use super::question::Question;
use super::refusal::{CorrelationIx, Reason, Refusal};
use super::tally::Event;
use super::{Hit, RuleIx};
use crate::record::Slots;
use crate::sigma::ir::{Correlation, RuleRef};
use crate::time::{Span, Timestamp};
use std::collections::VecDeque;

/// All correlation rules and what they remember.
#[derive(Clone, Debug)]
pub struct Correlator {
    counters: Vec<Counter>,
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
        let (mut counters, mut refusals) = (Vec::with_capacity(correlations.len()), Vec::new());
        for (at, correlation) in correlations.iter().enumerate() {
            let ix = CorrelationIx(at as u32);
            let listened = listeners.add(at, correlations, &chain, slots, carry);
            match listened.and_then(|()| Question::of(correlation)) {
                Ok(question) => counters.push(Counter::new(ix, question, correlation.timespan, lateness)),
                Err(reason) => refusals.push(Refusal { correlation: ix, reason }),
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let mut correlator = Self {
            counters,
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
        self.counters.iter().map(Counter::groups).sum()
    }

    /// Counts a hit and appends the correlations that it makes true, inner ones first; those that are silent are only
    /// counted by those that refer to them.
    pub fn observe(&mut self, hit: &Hit<'_>, out: &mut Vec<Correlated>) {
        let mut raised = Vec::new();
        let trigger = Trigger { time: hit.time, place: hit.place, rule: hit.rule, values: hit.values, inner: &[] };
        for listener in self.listeners.of_rule.get(hit.rule.0 as usize).into_iter().flatten() {
            let counter = self.counters.get_mut(listener.correlation);
            count(listener, &trigger, counter, &mut self.losses, (&mut self.key, &mut self.scratch), &mut raised);
        }
        self.tell(raised, out);
    }

    /// Takes the time that the caller vouches for, appends the correlations whose windows close by it, in the order of their
    /// times, and forgets what no event at or after `watermark` less the lateness can add to. May be called often.
    pub fn expire(&mut self, watermark: Timestamp, out: &mut Vec<Correlated>) {
        self.each_in_order(|counter, raised| counter.expire(watermark, raised), out);
    }

    /// Ends the input: every window that is open closes and is asked for what it holds.
    pub fn finish(&mut self, out: &mut Vec<Correlated>) {
        self.each_in_order(Counter::finish, out);
    }

    /// Inner alerts are counted before the outer correlation's own time moves on.
    fn each_in_order(&mut self, close: impl Fn(&mut Counter, &mut Vec<Correlated>), out: &mut Vec<Correlated>) {
        let before = out.len();
        for index in 0..self.order.len() {
            let Some(counter) = self.order.get(index).and_then(|at| self.counters.get_mut(*at)) else { continue };
            let mut raised = Vec::new();
            close(counter, &mut raised);
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
                let counter = self.counters.get_mut(listener.correlation);
                count(listener, &trigger, counter, &mut self.losses, (&mut self.key, &mut self.scratch), &mut raised);
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
    counter: Option<&mut Counter>,
    losses: &mut Losses,
    (key, scratch): (&mut Vec<u8>, &mut Vec<u8>),
    raised: &mut Vec<Correlated>,
) {
    match listener.read(trigger, key, scratch) {
        Err(Missing::Group) => losses.ungrouped += 1,
        Err(Missing::Value) => losses.valueless += 1,
        Ok(datum) => {
            let event = Event { time: trigger.time, place: trigger.place, datum };
            let counted = Counted { key, event, rule: trigger.rule, values: trigger.values };
            if let Some(counter) = counter {
                counter.count(&counted, losses, raised);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{FakeRecord, field, rule, text};
    use super::super::value::Value;
    use super::*;
    use crate::record::Fact;
    use crate::sigma::ir::GroupKey;

    fn count(rules: Vec<RuleRef>, group_by: &[&str], least: i128, seconds: i64) -> Correlation {
        let key = |name: &&str| GroupKey { name: (*name).into(), fields: vec![(*name).into(); rules.len()] };
        Correlation {
            meta: rule(field("f", text("x"))).meta,
            kind: CorrelationKind::EventCount(vec![Criterion { relation: Relation::Gte, value: Number::Int(least) }]),
            group_by: group_by.iter().map(key).collect(),
            rules,
            timespan: Span::from_secs(seconds),
            generate: false,
        }
    }

    /// A correlator with what it needs to be fed.
    struct Bench {
        slots: Slots,
        carry: Carry,
        correlator: Correlator,
        records: u64,
    }

    impl Bench {
        fn new(correlations: &[Correlation]) -> Self {
            let (mut slots, mut carry) = (Slots::new(), Carry::new(3));
            let correlator = Correlator::compile(correlations, 3, Span::ZERO, &mut slots, &mut carry).unwrap();
            Self { slots, carry, correlator, records: 0 }
        }

        /// Feeds a hit and returns which correlations came true, with their group and count.
        fn hit(&mut self, rule: u32, seconds: i64, facts: &[(&str, Fact<'_>)]) -> Vec<(u32, String, usize)> {
            let mut values = Vec::new();
            self.carry.extract(RuleIx(rule), &FakeRecord::new(&self.slots, facts), &mut values);
            let time = Timestamp::from_parts(seconds, 0);
            let mut out = Vec::new();
            self.records += 1;
            self.correlator.observe(&Hit { rule: RuleIx(rule), time, record: self.records, values: &values }, &mut out);
            let group =
                |it: &Correlated| Values::new(&it.group).map(|value| value.to_string()).collect::<Vec<_>>().join(" ");
            out.iter().map(|it| (it.correlation.0, group(it), it.count)).collect()
        }
    }

    #[test]
    fn hits_are_counted_by_group_and_groups_compare_by_text() {
        let mut bench = Bench::new(&[count(vec![RuleRef::Rule(0), RuleRef::Rule(1)], &["ip", "unit"], 3, 10)]);
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
        let mut bench = Bench::new(&[count(vec![RuleRef::Rule(0)], &["ip"], 1, 10)]);
        assert_eq!(bench.hit(0, 0, &[]), []);
        assert_eq!(bench.hit(0, 0, &[("ip", Fact::Null)]), []);
        assert_eq!(bench.correlator.losses().ungrouped, 2);
        assert_eq!(bench.hit(0, 0, &[("ip", Fact::Text(""))]).len(), 1);
    }

    #[test]
    fn a_far_future_time_leaves_other_groups_alone() {
        let mut bench = Bench::new(&[count(vec![RuleRef::Rule(0)], &["ip"], 3, 10)]);
        let mut hit = |seconds, ip| bench.hit(0, seconds, &[("ip", Fact::Text(ip))]);
        assert_eq!(hit(0, "a"), []);
        assert_eq!(hit(1, "a"), []);
        assert_eq!(hit(9_000_000_000, "b"), []);
        assert_eq!(hit(2, "a").len(), 1);
        assert_eq!(hit(9_000_000_000, "c"), []);
        assert_eq!(hit(3, "c"), []);
        assert_eq!(hit(4, "c"), []);
        assert_eq!(hit(5, "c"), [(0, "c".to_owned(), 3)]);
    }

    #[test]
    fn a_correlation_counts_the_alerts_of_another() {
        let inner = count(vec![RuleRef::Rule(0)], &["ip"], 2, 10);
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
    fn generate_lets_the_referred_rules_speak() {
        let mut loud = count(vec![RuleRef::Rule(0), RuleRef::Correlation(1)], &[], 5, 10);
        loud.generate = true;
        let quiet = count(vec![RuleRef::Rule(0), RuleRef::Rule(1)], &[], 2, 10);
        let mut bench = Bench::new(&[loud, quiet]);
        assert!(bench.correlator.speaks(RuleIx(0)));
        assert!(!bench.correlator.speaks(RuleIx(1)));
        assert_eq!(bench.hit(0, 0, &[]), []);
        assert_eq!(bench.hit(1, 0, &[]), [(1, String::new(), 2)]);
    }

    #[test]
    fn conditions_that_need_no_event_are_refused() {
        let mut slots = Slots::new();
        let mut refuse = |correlations: &[Correlation]| {
            let result = Correlator::compile(correlations, 3, Span::ZERO, &mut slots, &mut Carry::new(3));
            result.err().map(|refusals| refusals[0].reason.clone())
        };
        for (relation, value) in
            [(Relation::Lt, 5), (Relation::Lte, 5), (Relation::Neq, 5), (Relation::Eq, 0), (Relation::Gte, 0)]
        {
            let mut correlation = count(vec![RuleRef::Rule(0)], &[], 1, 10);
            correlation.kind = CorrelationKind::EventCount(vec![Criterion { relation, value: Number::Int(value) }]);
            assert_eq!(refuse(&[correlation]), Some(Reason::WindowEnd), "{relation:?}");
        }
        let many = count(vec![RuleRef::Rule(0)], &[], 1 << 40, 10);
        assert_eq!(refuse(&[many]), Some(Reason::Count { limit: MAX_EVENTS }));
        assert_eq!(refuse(&[count(vec![RuleRef::Rule(3)], &[], 1, 10)]), Some(Reason::Unknown(RuleRef::Rule(3))));
        assert_eq!(refuse(&[count(vec![RuleRef::Correlation(0)], &[], 1, 10)]), Some(Reason::Circle));
    }

    #[test]
    fn groups_are_bounded_and_expire() {
        let mut bench = Bench::new(&[count(vec![RuleRef::Rule(0)], &["n"], 2, 10)]);
        let extra = 10;
        for n in 0..MAX_GROUPS as i64 + extra {
            bench.hit(0, 0, &[("n", Fact::Int(n))]);
        }
        assert_eq!(bench.correlator.groups(), MAX_GROUPS);
        assert_eq!(bench.correlator.losses().evicted_groups, extra as u64);
        assert_eq!(bench.hit(0, 0, &[("n", Fact::Int(0))]), []);
        assert_eq!(bench.hit(0, 0, &[("n", Fact::Int(0))]).len(), 1);
        bench.correlator.expire(Timestamp::from_parts(10, 0));
        assert_eq!(bench.correlator.groups(), MAX_GROUPS);
        bench.correlator.expire(Timestamp::from_parts(20, 0));
        assert_eq!(bench.correlator.groups(), 0);
        assert_eq!(Value::decode(&[]), None);
    }
}
