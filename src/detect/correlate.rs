//! Which hits belong together? Correlation rules, counted over sliding windows of event time, group by group.
//!
//! Hits come in the order of the input. An event whose group lacks a field is not counted. A correlation that refers to another
//! one takes its alerts as events, at the time of the event that raised them; of such an event it can group by the inner
//! group's fields and by fields of the hit that raised the alert.

use super::carry::{Carry, Values};
use super::groups::Groups;
use super::value;
use super::window::{Due, MAX_EVENTS, Window};
use super::{Hit, RuleIx, number};
use crate::record::Slots;
use crate::sigma::ir::{Correlation, CorrelationKind, Criterion, Number, Relation, RuleRef};
use crate::time::{Span, Timestamp};
use std::cmp::Ordering;
use thiserror::Error;

/// Groups that one correlation keeps; beyond, the one that was quiet longest is given up.
const MAX_GROUPS: usize = 1 << 16;
/// Events that all groups of one correlation keep: about 24 MiB.
const MAX_HELD: usize = 1 << 20;

/// A correlation rule by its place in the slice that was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationIx(pub u32);

/// A correlation came true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlated {
    /// Which.
    pub correlation: CorrelationIx,
    /// The first event of the window.
    pub first: Timestamp,
    /// The event that made it true.
    pub time: Timestamp,
    /// How many events the window holds.
    pub count: usize,
    /// The values of the group, encoded; [`Values`] reads them. In the order of the rule's `group-by`.
    pub group: Vec<u8>,
    /// The newest records of the window, oldest first; for a correlation of correlations, those that raised the inner alerts.
    pub records: Vec<u64>,
    /// The rule whose hit raised it.
    pub rule: RuleIx,
    /// What that hit carried.
    pub values: Vec<u8>,
}

/// A correlation rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("correlation {}: {reason}", correlation.0)]
pub struct Refusal {
    /// Which.
    pub correlation: CorrelationIx,
    /// Why.
    pub reason: Reason,
}

/// Why a correlation rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The condition can come true without an event.
    #[error("the condition can come true when a window ends, without an event: use gt, gte or eq with a count above 0")]
    WindowEnd,
    /// No window can hold so many events.
    #[error("the condition asks for more than {limit} events in one window")]
    Count {
        /// The bound.
        limit: usize,
    },
    /// A type that is not evaluated.
    #[error("only `event_count` is evaluated")]
    Unsupported,
    /// It refers to a rule that is not there.
    #[error("rule {0:?} is not there")]
    Unknown(RuleRef),
    /// It refers to itself through others.
    #[error("it refers to itself")]
    Circle,
    /// No slot is left for a group field.
    #[error("field `{0}` is one too many: at most 65536 fields can be asked for")]
    Fields(String),
}

/// What went uncounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Events without one of the group's fields.
    pub ungrouped: u64,
    /// Groups given up for lack of room.
    pub evicted_groups: u64,
    /// Events given up for lack of room.
    pub dropped_events: u64,
}

/// All correlation rules and what they remember.
#[derive(Clone, Debug)]
pub struct Correlator {
    counters: Vec<Counter>,
    /// Who listens to each rule, and to each correlation.
    of_rule: Vec<Vec<Listener>>,
    of_correlation: Vec<Vec<Listener>>,
    /// Which rules and correlations speak for themselves.
    rule_speaks: Vec<bool>,
    correlation_speaks: Vec<bool>,
    lateness: Span,
    losses: Losses,
    key: Vec<u8>,
}

/// A correlation that refers to something, and where it reads the group of such an event.
#[derive(Clone, Debug)]
struct Listener {
    correlation: usize,
    group: Vec<Source>,
}

/// Where a group value is read.
#[derive(Clone, Debug)]
enum Source {
    /// In the group of the inner correlation, at this place.
    Inner(usize),
    /// In the values of the hit, at a place for each rule that may have raised it.
    Carried(Vec<(RuleIx, usize)>),
}

/// One correlation.
#[derive(Clone, Debug)]
struct Counter {
    criteria: Vec<Criterion>,
    timespan: Span,
    groups: Groups<Window>,
    held: usize,
    swept: Timestamp,
}

/// What a correlation sees of a hit or of an inner alert.
#[derive(Clone, Copy)]
struct Event<'a> {
    time: Timestamp,
    record: u64,
    rule: RuleIx,
    values: &'a [u8],
    inner: &'a [u8],
}

impl Correlator {
    /// Compiles `correlations` over `rules` detection rules. Hits must carry what `carry` says afterwards. Events that
    /// come up to `lateness` after later ones of their group are counted exactly.
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
        let mut correlator = Self {
            counters: Vec::new(),
            of_rule: (0..rules).map(|_| Vec::new()).collect(),
            of_correlation: correlations.iter().map(|_| Vec::new()).collect(),
            rule_speaks: vec![true; rules],
            correlation_speaks: vec![true; correlations.len()],
            lateness,
            losses: Losses::default(),
            key: Vec::new(),
        };
        let mut refusals = Vec::new();
        for at in 0..correlations.len() {
            if let Err(reason) = correlator.add(at, correlations, slots, carry) {
                refusals.push(Refusal { correlation: CorrelationIx(at as u32), reason });
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        correlator.silence(correlations);
        Ok(correlator)
    }

    fn add(&mut self, at: usize, all: &[Correlation], slots: &mut Slots, carry: &mut Carry) -> Result<(), Reason> {
        let Some(correlation) = all.get(at) else { return Ok(()) };
        let CorrelationKind::EventCount(criteria) = &correlation.kind else { return Err(Reason::Unsupported) };
        check(criteria)?;
        let mut seen = Vec::new();
        for (place, reference) in correlation.rules.iter().enumerate() {
            let bases = bases(*reference, all, self.of_rule.len(), &mut vec![at])?;
            if seen.contains(reference) {
                continue;
            }
            seen.push(*reference);
            let mut group = Vec::with_capacity(correlation.group_by.len());
            for key in &correlation.group_by {
                let field = key.fields.get(place).unwrap_or(&key.name);
                let inner = match reference {
                    RuleRef::Correlation(inner) => {
                        all.get(*inner).and_then(|inner| inner.group_by.iter().position(|key| key.name == *field))
                    }
                    RuleRef::Rule(_) => None,
                };
                group.push(match inner {
                    Some(place) => Source::Inner(place),
                    None => {
                        let slot = slots.want(field).ok_or_else(|| Reason::Fields(field.to_string()))?;
                        Source::Carried(
                            bases.iter().filter_map(|rule| Some((*rule, carry.want(*rule, slot)?))).collect(),
                        )
                    }
                });
            }
            let listeners = match reference {
                RuleRef::Rule(rule) => self.of_rule.get_mut(*rule),
                RuleRef::Correlation(inner) => self.of_correlation.get_mut(*inner),
            };
            listeners.ok_or(Reason::Unknown(*reference))?.push(Listener { correlation: at, group });
        }
        self.counters.push(Counter {
            criteria: criteria.clone(),
            timespan: correlation.timespan,
            groups: Groups::new(),
            held: 0,
            swept: Timestamp::MIN,
        });
        Ok(())
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
        self.of_rule.get(rule.0 as usize).is_some_and(|listeners| !listeners.is_empty())
    }

    /// What went uncounted so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// How many groups there are, in all correlations.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.counters.iter().map(|counter| counter.groups.len()).sum()
    }

    /// Counts a hit and appends the correlations that it makes true, inner ones first; those that are silent are only
    /// counted by those that refer to them.
    pub fn observe(&mut self, hit: &Hit<'_>, out: &mut Vec<Correlated>) {
        let Self { counters, of_rule, of_correlation, correlation_speaks, lateness, losses, key, .. } = self;
        let mut raised: Vec<Correlated> = Vec::new();
        let event = Event { time: hit.time, record: hit.record, rule: hit.rule, values: hit.values, inner: &[] };
        for listener in of_rule.get(hit.rule.0 as usize).into_iter().flatten() {
            listener.count(event, counters, *lateness, losses, key, &mut raised);
        }
        // Inner alerts are events for outer correlations; there are no circles, so this ends.
        let mut next = 0;
        while let Some(inner) = raised.get(next).cloned() {
            let event =
                Event { time: inner.time, record: hit.record, rule: hit.rule, values: hit.values, inner: &inner.group };
            let correlation = inner.correlation.0 as usize;
            for listener in of_correlation.get(correlation).into_iter().flatten() {
                listener.count(event, counters, *lateness, losses, key, &mut raised);
            }
            if correlation_speaks.get(correlation).copied().unwrap_or(true) {
                out.push(inner);
            }
            next += 1;
        }
    }

    /// Forgets groups that no event at or after `watermark` less the lateness can add to. May be called often: groups are
    /// looked through once for each quarter of a timespan.
    pub fn expire(&mut self, watermark: Timestamp) {
        for counter in &mut self.counters {
            let due = counter.swept.plus(Span::from_nanos(counter.timespan.nanos() / 4));
            if counter.swept == Timestamp::MIN || watermark >= due {
                counter.swept = watermark;
                let limit = watermark.minus(counter.timespan).minus(self.lateness);
                let held = &mut counter.held;
                counter.groups.retain(|window| {
                    let keep = window.latest().is_some_and(|latest| latest >= limit);
                    *held -= if keep { 0 } else { window.len() };
                    keep
                });
            }
        }
    }
}

impl Listener {
    fn count(
        &self,
        event: Event<'_>,
        counters: &mut [Counter],
        lateness: Span,
        losses: &mut Losses,
        key: &mut Vec<u8>,
        raised: &mut Vec<Correlated>,
    ) {
        let Some(counter) = counters.get_mut(self.correlation) else { return };
        key.clear();
        for source in &self.group {
            match source.read(event) {
                Some(value) if value::is_some(value) => key.extend_from_slice(value),
                _ => {
                    losses.ungrouped += 1;
                    return;
                }
            }
        }
        for due in counter.count(key, event, lateness, losses) {
            raised.push(Correlated {
                correlation: CorrelationIx(self.correlation as u32),
                first: due.first,
                time: due.last,
                count: due.count,
                group: key.clone(),
                records: due.records,
                rule: event.rule,
                values: event.values.to_vec(),
            });
        }
    }
}

impl Source {
    fn read<'a>(&self, event: Event<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Inner(place) => Values::new(event.inner).encoded(*place),
            Self::Carried(places) => {
                let (_, place) = places.iter().find(|(rule, _)| *rule == event.rule)?;
                Values::new(event.values).encoded(*place)
            }
        }
    }
}

impl Counter {
    fn count(&mut self, key: &[u8], event: Event<'_>, lateness: Span, losses: &mut Losses) -> Vec<Due> {
        let window = self.groups.touch(key);
        let before = window.len();
        // Its own events tell a group's time, so that a far-future time elsewhere forgets nothing here.
        losses.dropped_events += window.make_room(event.time.minus(self.timespan).minus(lateness));
        let due = window.add(event.time, event.record, self.timespan, |count| holds(&self.criteria, count));
        self.held = self.held + window.len() - before;
        while self.groups.len() > MAX_GROUPS || self.held > MAX_HELD {
            let Some(evicted) = self.groups.evict() else { break };
            self.held -= evicted.len();
            losses.evicted_groups += 1;
        }
        due
    }
}

/// Whether a count satisfies all criteria.
fn holds(criteria: &[Criterion], count: usize) -> bool {
    criteria.iter().all(|criterion| {
        let order = number::compare(Number::Int(count as i128), criterion.value);
        order.is_some_and(|order| match criterion.relation {
            Relation::Lt => order == Ordering::Less,
            Relation::Lte => order != Ordering::Greater,
            Relation::Gt => order == Ordering::Greater,
            Relation::Gte => order != Ordering::Less,
            Relation::Eq => order == Ordering::Equal,
            Relation::Neq => order != Ordering::Equal,
        })
    })
}

/// A condition must need an event to come true, and not more of them than a window can hold.
fn check(criteria: &[Criterion]) -> Result<(), Reason> {
    if holds(criteria, 0) {
        return Err(Reason::WindowEnd);
    }
    let most = Number::Int(MAX_EVENTS as i128);
    if criteria.iter().any(|criterion| number::compare(criterion.value, most) != Some(Ordering::Less)) {
        return Err(Reason::Count { limit: MAX_EVENTS });
    }
    Ok(())
}

/// The detection rules from which events of `reference` come; `path` holds the correlations on the way to it.
fn bases(reference: RuleRef, all: &[Correlation], rules: usize, path: &mut Vec<usize>) -> Result<Vec<RuleIx>, Reason> {
    match reference {
        RuleRef::Rule(rule) if rule < rules => Ok(vec![RuleIx(rule as u32)]),
        RuleRef::Rule(_) => Err(Reason::Unknown(reference)),
        RuleRef::Correlation(inner) if path.contains(&inner) => Err(Reason::Circle),
        RuleRef::Correlation(inner) => {
            let correlation = all.get(inner).ok_or(Reason::Unknown(reference))?;
            path.push(inner);
            let mut found = Vec::new();
            for reference in &correlation.rules {
                found.extend(bases(*reference, all, rules, path)?);
            }
            path.pop();
            found.sort_unstable();
            found.dedup();
            Ok(found)
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
        let mut range = count(vec![RuleRef::Rule(0)], &[], 2, 10);
        let CorrelationKind::EventCount(criteria) = &mut range.kind;
        criteria.push(Criterion { relation: Relation::Lt, value: Number::Int(5) });
        assert_eq!(refuse(&[range]), None);
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
